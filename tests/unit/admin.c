/* admin - tokens, roles, operators, forms and keys of requests: what is taken, what is refused, and
 * that a refusal changes nothing. SPDX-License-Identifier: MIT */
#include "secureev/admin.h"

#include "stores.h"
#include "test.h"

#define NOW ((sev_time)1700000000)

static uint8_t memory[1u << 20];
static struct sev_arena arena;
static struct sev_admin_call call_at(const struct sev_store *s, sev_time now)
{
    arena = sev_arena_of(memory, sizeof memory);
    return (struct sev_admin_call){s, &arena, now, SEV_LIT("root")};
}

static const uint8_t *random_of(uint8_t seed)
{
    static uint8_t bytes[SEV_ADMIN_TOKEN_RANDOM_BYTES];
    memset(bytes, seed, sizeof bytes);
    return bytes;
}

struct token {
    char text[SEV_ADMIN_TOKEN_CHARS];
};

static sev_slice slice(const struct token *t)
{
    return sev_slice_of(t->text, sizeof t->text);
}

static struct token add(const struct sev_store *s, const char *name, enum sev_operator_role role,
                        uint8_t seed)
{
    struct token t;
    struct sev_operator o = {.name = store_text(name), .role = role};
    struct sev_admin_call c = call_at(s, NOW);
    CHECK_OK(sev_admin_operator_add(&c, &o, random_of(seed), t.text));
    return t;
}

static sev_err authenticate(const struct sev_store *s, sev_slice token, sev_time now,
                            struct sev_operator *out)
{
    struct sev_admin_call c = call_at(s, now);
    return sev_admin_authenticate(s, c.arena, now, token, out);
}

/* ------------------------------------------------------------------- tokens */

TEST(admin__token_of_an_operator__says_who_it_is_and_is_kept_nowhere)
{
    EACH_STORE(s)
    {
        struct sev_operator o;
        struct token t = add(&s, "anna", SEV_OPERATOR_ADMIN, 1);
        CHECK(sev_admin_token_is_one(slice(&t)));
        CHECK_OK(authenticate(&s, slice(&t), NOW, &o));
        CHECK_SLICE(o.name, SEV_LIT("anna"));
        CHECK_EQ(o.role, SEV_OPERATOR_ADMIN);
        uint8_t digest[SEV_SHA256_BYTES];
        sev_sha256(slice(&t), digest);
        CHECK(memcmp(digest, o.token_sha256, sizeof digest) == 0);
    }
}

TEST(admin__any_other_token__refused_by_one_name)
{
    EACH_STORE(s)
    {
        struct sev_operator o = {.version = 7};
        struct token good = add(&s, "anna", SEV_OPERATOR_ADMIN, 1);
        for (size_t i = 0; i < sizeof good.text; i++) {
            struct token t = good;
            t.text[i] = t.text[i] == '0' ? '1' : '0';
            CHECK_ERR(authenticate(&s, slice(&t), NOW, &o), SEV_E_BEARER);
        }
        CHECK_ERR(authenticate(&s, SEV_EMPTY, NOW, &o), SEV_E_BEARER);
        CHECK_ERR(authenticate(&s, sev_slice_sub(slice(&good), 0, sizeof good.text - 1), NOW, &o),
                  SEV_E_BEARER);
        char more[sizeof good.text + 1] = {0};
        memcpy(more, good.text, sizeof good.text);
        CHECK_ERR(authenticate(&s, sev_slice_of(more, sizeof more), NOW, &o), SEV_E_BEARER);
        CHECK_EQ(o.version, 7);
    }
}

TEST(admin__expired_or_disabled__refused_from_that_moment)
{
    EACH_STORE(s)
    {
        struct sev_operator o, anna = {.name = SEV_LIT("anna"), .expires = NOW + 10};
        struct token t;
        struct sev_admin_call c = call_at(&s, NOW);
        CHECK_OK(sev_admin_operator_add(&c, &anna, random_of(1), t.text));
        CHECK_OK(authenticate(&s, slice(&t), NOW + 9, &o));
        CHECK_ERR(authenticate(&s, slice(&t), NOW + 10, &o), SEV_E_BEARER);
        struct sev_operator_change off = {.disabled = &(const bool){true}};
        c = call_at(&s, NOW);
        CHECK_OK(sev_admin_operator_change(&c, SEV_LIT("anna"), &off, NULL, &o));
        CHECK_ERR(authenticate(&s, slice(&t), NOW, &o), SEV_E_BEARER);
    }
}

/* -------------------------------------------------------------------- roles */

TEST(admin__roles__everybody_reads_an_admin_may_all_the_others_their_own)
{
    static const bool may[SEV_OPERATOR_ROLE_COUNT][SEV_OPERATOR_ROLE_COUNT] = {
        /* needed:            viewer publisher approver admin */
        [SEV_OPERATOR_VIEWER] = {true, false, false, false},
        [SEV_OPERATOR_PUBLISHER] = {true, true, false, false},
        [SEV_OPERATOR_APPROVER] = {true, false, true, false},
        [SEV_OPERATOR_ADMIN] = {true, true, true, true},
    };
    for (unsigned who = 0; who < SEV_OPERATOR_ROLE_COUNT; who++)
        for (unsigned needed = 0; needed < SEV_OPERATOR_ROLE_COUNT; needed++)
            CHECK_ERR(sev_operator_may((enum sev_operator_role)who, (enum sev_operator_role)needed),
                      may[who][needed] ? SEV_OK : SEV_E_ROLE);
}

TEST(admin__role_words__there_and_back)
{
    enum sev_operator_role role = SEV_OPERATOR_ADMIN;
    for (unsigned i = 0; i < SEV_OPERATOR_ROLE_COUNT; i++) {
        CHECK_OK(sev_operator_role_of(store_text(sev_operator_role_word((enum sev_operator_role)i)),
                                      &role));
        CHECK_EQ(role, i);
    }
    CHECK_ERR(sev_operator_role_of(SEV_LIT("Admin"), &role), SEV_E_MALFORMED);
    CHECK_ERR(sev_operator_role_of(SEV_EMPTY, &role), SEV_E_MALFORMED);
}

/* ---------------------------------------------------------------- operators */

TEST(admin__names__clean_ones_only)
{
    static const char *const good[] = {"a", "anna", "anna.b@example.com", "0-x_y"};
    static const char *const bad[] = {"",      "Anna", ".a",   "-a",   "@a",
                                      "a b",   "a/b",  "a\nb", "a\"",  "\xc3\xa4",
                                      "../..", "_x",   "a;b",  "a%00", "$(x)"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK(sev_operator_name_is_clean(store_text(good[i])));
    EACH_STORE(s)
    {
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            struct sev_operator o = {.name = store_text(bad[i])};
            struct token t = {"untouched"};
            struct sev_admin_call c = call_at(&s, NOW);
            CHECK_ERR(sev_admin_operator_add(&c, &o, random_of(1), t.text), SEV_E_MALFORMED);
            CHECK_TEXT(store_text(t.text), "untouched");
        }
    }
    char longest[SEV_OPERATOR_NAME_BYTES_MAX + 1];
    memset(longest, 'x', sizeof longest);
    CHECK(sev_operator_name_is_clean(sev_slice_of(longest, sizeof longest - 1)));
    CHECK(!sev_operator_name_is_clean(sev_slice_of(longest, sizeof longest)));
}

TEST(admin__expiry_in_the_past__refused)
{
    EACH_STORE(s)
    {
        struct token t;
        struct sev_operator o = {.name = SEV_LIT("anna"), .expires = NOW}, out;
        struct sev_admin_call c = call_at(&s, NOW);
        CHECK_ERR(sev_admin_operator_add(&c, &o, random_of(1), t.text), SEV_E_MALFORMED);
        (void)add(&s, "bert", SEV_OPERATOR_VIEWER, 2);
        struct sev_operator_change change = {.expires = &(const sev_time){NOW}};
        CHECK_ERR(sev_admin_operator_change(&c, SEV_LIT("bert"), &change, NULL, &out),
                  SEV_E_MALFORMED);
    }
}

TEST(admin__rotated__the_old_token_is_void_and_the_new_one_good)
{
    EACH_STORE(s)
    {
        struct sev_operator o;
        struct token old = add(&s, "anna", SEV_OPERATOR_ADMIN, 1), next;
        uint8_t random[SEV_ADMIN_TOKEN_RANDOM_BYTES];
        memcpy(random, random_of(2), sizeof random);
        struct sev_operator_change change = {.random = random, .expected_version = 1};
        struct sev_admin_call c = call_at(&s, NOW);
        CHECK_OK(sev_admin_operator_change(&c, SEV_LIT("anna"), &change, next.text, &o));
        CHECK_EQ(o.version, 2);
        CHECK_ERR(authenticate(&s, slice(&old), NOW, &o), SEV_E_BEARER);
        CHECK_OK(authenticate(&s, slice(&next), NOW, &o));
        struct token untouched = {"untouched"};
        c = call_at(&s, NOW);
        CHECK_ERR(sev_admin_operator_change(&c, SEV_LIT("anna"), &change, untouched.text, &o),
                  SEV_E_CONFLICT);
        CHECK_TEXT(store_text(untouched.text), "untouched");
        CHECK_OK(authenticate(&s, slice(&next), NOW, &o));
    }
}

struct last {
    char what[32], reason[256], actor[32];
};

static bool note(void *context, const struct sev_listed_decision *d)
{
    struct last *l = context;
    snprintf(l->what, sizeof l->what, "%.*s", (int)d->decision.what.len,
             (const char *)d->decision.what.ptr);
    snprintf(l->actor, sizeof l->actor, "%.*s", (int)d->decision.actor.len,
             (const char *)d->decision.actor.ptr);
    snprintf(l->reason, sizeof l->reason, "%.*s", (int)d->decision.reason.len,
             (const char *)d->decision.reason.ptr);
    return false;
}

TEST(admin__every_act__leaves_a_row_that_says_who_and_what_and_no_secret)
{
    EACH_STORE(s)
    {
        struct last l;
        struct sev_operator o;
        (void)add(&s, "root", SEV_OPERATOR_ADMIN, 9);
        (void)add(&s, "anna", SEV_OPERATOR_VIEWER, 1);
        CHECK_OK(s.operators->decisions(s.self, SEV_EMPTY, 0, 1, store_arena(), note, &l));
        CHECK_TEXT(store_text(l.what), "operator-add");
        CHECK_TEXT(store_text(l.actor), "root");
        CHECK_TEXT(store_text(l.reason),
                   "{\"disabled\":false,\"expires\":0,\"operator\":\"anna\",\"role\":\"viewer\"}");
        enum sev_operator_role role = SEV_OPERATOR_APPROVER;
        struct sev_operator_change change = {.role = &role};
        struct sev_admin_call c = call_at(&s, NOW);
        CHECK_OK(sev_admin_operator_change(&c, SEV_LIT("anna"), &change, NULL, &o));
        CHECK_OK(s.operators->decisions(s.self, SEV_EMPTY, 0, 1, store_arena(), note, &l));
        CHECK_TEXT(store_text(l.what), "operator-change");
        CHECK_TEXT(store_text(l.reason),
                   "{\"disabled\":false,\"expires\":0,\"operator\":\"anna\",\"role\":"
                   "\"approver\"}");
    }
}

/* -------------------------------------------------------------------- forms */

struct form {
    sev_slice name, rest;
    int64_t count, when, yes;
    bool has_when;
};

static sev_err read_form(const char *body, struct form *f)
{
    const struct sev_form_member members[] = {
        {"count", SEV_FORM_INTEGER, false, 0, NULL, &f->count, NULL},
        {"name", SEV_FORM_TEXT, true, 8, &f->name, NULL, NULL},
        {"rest", SEV_FORM_JSON, false, 64, &f->rest, NULL, NULL},
        {"when", SEV_FORM_TIME, false, 0, NULL, &f->when, &f->has_when},
        {"yes", SEV_FORM_BOOL, false, 0, NULL, &f->yes, NULL}};
    arena = sev_arena_of(memory, sizeof memory);
    *f = (struct form){.count = -1};
    return sev_form_read(store_text(body), &arena, members, 5);
}

TEST(admin__form__read_in_any_order_and_spelling)
{
    struct form f;
    CHECK_OK(read_form(" {\"yes\":true,\"name\":\"a\\u00e4\\n\" , \"count\":3}", &f) ==
                     SEV_E_MALFORMED
                 ? SEV_OK
                 : SEV_E_BUG); /* a line feed in a name is none */
    CHECK_OK(read_form(" {\"yes\":true,\"name\":\"a\\u00e4\" ,\"rest\":{\"b\":1, \"a\":[ ]},"
                       "\"when\":\"2030-01-31T00:00:00Z\", \"count\":3}",
                       &f));
    CHECK_SLICE(f.name, SEV_LIT("a\xc3\xa4"));
    CHECK_SLICE(f.rest, SEV_LIT("{\"a\":[],\"b\":1}"));
    CHECK_EQ(f.count, 3);
    CHECK_EQ(f.yes, 1);
    CHECK(f.has_when);
    CHECK_EQ(f.when, 1896048000);
    CHECK_OK(read_form("{\"name\":\"a\"}", &f));
    CHECK_EQ(f.count, -1);
    CHECK(!f.has_when);
}

TEST(admin__form_that_is_none__refused_by_name)
{
    static const struct {
        const char *body;
        sev_err why;
    } cases[] = {
        {"{\"name\":\"a\",\"nmae\":1}", SEV_E_UNKNOWN_MEMBER},
        {"{\"name\":\"a\",\"name\":\"b\"}", SEV_E_JSON_DUPLICATE},
        {"{\"name\":\"a\",\"n\\u0061me\":\"b\"}", SEV_E_JSON_DUPLICATE},
        {"{}", SEV_E_MALFORMED},
        {"{\"name\":\"\"}", SEV_E_MALFORMED},
        {"{\"name\":\"123456789\"}", SEV_E_MALFORMED},
        {"{\"name\":7}", SEV_E_MALFORMED},
        {"{\"name\":null}", SEV_E_MALFORMED},
        {"{\"name\":\"a\\u0000\"}", SEV_E_MALFORMED},
        {"{\"name\":\"\x7f\"}", SEV_E_MALFORMED},
        {"{\"name\":\"a\",\"count\":-1}", SEV_E_MALFORMED},
        {"{\"name\":\"a\",\"count\":1.5}", SEV_E_JSON_NUMBER},
        {"{\"name\":\"a\",\"count\":\"1\"}", SEV_E_MALFORMED},
        {"{\"name\":\"a\",\"when\":\"tomorrow\"}", SEV_E_MALFORMED},
        {"{\"name\":\"a\",\"yes\":1}", SEV_E_MALFORMED},
        {"[]", SEV_E_MALFORMED},
        {"", SEV_E_JSON_SYNTAX},
        {"{\"name\":\"a\"}x", SEV_E_JSON_SYNTAX},
        {"{\"name\":\"\xff\"}", SEV_E_JSON_UTF8},
        {"{\"name\":\"a\",\"rest\":[1111111111111111,1,1111111111111111,1111111111111111,"
         "1111111111111]"
         "}",
         SEV_E_TOO_LONG},
    };
    struct form f;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_ERR(read_form(cases[i].body, &f), cases[i].why);
}

/* --------------------------------------------------------------------- once */

TEST(admin__same_request_under_the_same_key__answered_as_before)
{
    EACH_STORE(s)
    {
        static const uint8_t digest[SEV_SHA256_BYTES] = {1}, other[SEV_SHA256_BYTES] = {2};
        struct sev_kept_answer a = {.status = 5};
        struct sev_admin_call c = call_at(&s, NOW);
        CHECK_OK(sev_admin_once_begin(&c, SEV_LIT("k-1"), digest, &a));
        CHECK_ERR(sev_admin_once_begin(&c, SEV_LIT("k-1"), digest, &a), SEV_E_IN_PROGRESS);
        CHECK_ERR(sev_admin_once_begin(&c, SEV_LIT("k-1"), other, &a), SEV_E_KEY_REUSED);
        CHECK_EQ(a.status, 5);
        CHECK_OK(sev_admin_once_end(&c, SEV_LIT("k-1"), digest, 201, SEV_LIT("{}"), SEV_EMPTY));
        CHECK_ERR(sev_admin_once_begin(&c, SEV_LIT("k-1"), digest, &a), SEV_E_EXISTS);
        CHECK_EQ(a.status, 201);
        CHECK_ERR(sev_admin_once_begin(&c, SEV_LIT("k-1"), other, &a), SEV_E_KEY_REUSED);
        c = call_at(&s, NOW + SEV_ADMIN_ONCE_SECONDS + 1);
        CHECK_OK(sev_admin_once_begin(&c, SEV_LIT("k-1"), other, &a));
    }
}

TEST(admin__server_died_in_the_middle__the_key_is_free_after_a_while)
{
    EACH_STORE(s)
    {
        static const uint8_t digest[SEV_SHA256_BYTES] = {1};
        struct sev_kept_answer a;
        struct sev_admin_call c = call_at(&s, NOW);
        CHECK_OK(sev_admin_once_begin(&c, SEV_LIT("k"), digest, &a));
        c = call_at(&s, NOW + SEV_ADMIN_ONCE_PENDING_SECONDS);
        CHECK_ERR(sev_admin_once_begin(&c, SEV_LIT("k"), digest, &a), SEV_E_IN_PROGRESS);
        c = call_at(&s, NOW + SEV_ADMIN_ONCE_PENDING_SECONDS + 1);
        CHECK_OK(sev_admin_once_begin(&c, SEV_LIT("k"), digest, &a));
    }
}

TEST(admin__key_that_is_none__refused)
{
    EACH_STORE(s)
    {
        static const uint8_t digest[SEV_SHA256_BYTES] = {1};
        char longest[SEV_IDEMPOTENCY_KEY_BYTES_MAX + 1];
        memset(longest, 'k', sizeof longest);
        const sev_slice bad[] = {SEV_EMPTY, SEV_LIT("a b"), SEV_LIT("\xc3\xa4"), SEV_LIT("a\n"),
                                 sev_slice_of(longest, sizeof longest)};
        struct sev_kept_answer a;
        struct sev_admin_call c = call_at(&s, NOW);
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
            CHECK_ERR(sev_admin_once_begin(&c, bad[i], digest, &a), SEV_E_MALFORMED);
        CHECK_OK(
            sev_admin_once_begin(&c, sev_slice_sub(bad[4], 0, sizeof longest - 1), digest, &a));
    }
}
