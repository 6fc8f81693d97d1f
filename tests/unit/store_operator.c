/* store_operator - operators, kept answers and lists, with each provider of the store.
 * SPDX-License-Identifier: MIT */
#include "secureev/store_operator.h"

#include <stdlib.h>

#include "stores.h"
#include "test.h"

static struct sev_decision why(const char *what)
{
    return store_decision(what); /* at 1700000000 */
}

#define NOW ((sev_time)1700000000)

static struct sev_operator person(const char *name, enum sev_operator_role role, char token)
{
    struct sev_operator o = {
        .name = store_text(name), .role = role, .created = NOW - 10, .version = 1};
    memset(o.token_id, token, sizeof o.token_id);
    memset(o.token_sha256, token, sizeof o.token_sha256);
    return o;
}

static void add(const struct sev_store *s, const struct sev_operator *o)
{
    struct sev_decision d = why("operator-add");
    CHECK_OK(s->operators->add(s->self, o, &d));
}

static struct sev_operator get(const struct sev_store *s, const char *name)
{
    struct sev_operator o = {.version = 0};
    CHECK_OK(s->operators->get(s->self, store_text(name), store_arena(), &o));
    return o;
}

static sev_err change(const struct sev_store *s, const struct sev_operator *o)
{
    struct sev_decision d = why("operator-change");
    return s->operators->change(s->self, o, &d);
}

static bool count_listed(void *context, const struct sev_listed_decision *d)
{
    (void)d;
    ++*(uint32_t *)context;
    return true;
}

static uint32_t decisions(const struct sev_store *s)
{
    uint32_t count = 0;
    CHECK_OK(
        s->operators->decisions(s->self, SEV_EMPTY, 0, 1000, store_arena(), count_listed, &count));
    return count;
}

/* ---------------------------------------------------------------- operators */

TEST(store_operator__added__found_by_name_and_by_token_with_a_row_that_explains)
{
    EACH_STORE(s)
    {
        struct sev_operator o = person("anna", SEV_OPERATOR_ADMIN, 'a'), found;
        o.expires = NOW + 500;
        add(&s, &o);
        found = get(&s, "anna");
        CHECK_SLICE(found.name, o.name);
        CHECK_EQ(found.role, SEV_OPERATOR_ADMIN);
        CHECK_EQ(found.created, NOW - 10);
        CHECK_EQ(found.expires, NOW + 500);
        CHECK_EQ(found.version, 1);
        CHECK(!found.disabled);
        CHECK(memcmp(found.token_sha256, o.token_sha256, sizeof o.token_sha256) == 0);
        CHECK_OK(s.operators->find(s.self, o.token_id, store_arena(), &found));
        CHECK_SLICE(found.name, o.name);
        CHECK_EQ(decisions(&s), 1);
    }
}

TEST(store_operator__name_or_token_id_taken__refused_and_nothing_written)
{
    EACH_STORE(s)
    {
        struct sev_operator o = person("anna", SEV_OPERATOR_ADMIN, 'a');
        struct sev_operator same_name = person("anna", SEV_OPERATOR_VIEWER, 'b');
        struct sev_operator same_token = person("bert", SEV_OPERATOR_VIEWER, 'a');
        struct sev_decision d = why("operator-add");
        add(&s, &o);
        CHECK_ERR(s.operators->add(s.self, &same_name, &d), SEV_E_EXISTS);
        CHECK_ERR(s.operators->add(s.self, &same_token, &d), SEV_E_EXISTS);
        CHECK_EQ(get(&s, "anna").role, SEV_OPERATOR_ADMIN);
        CHECK_EQ(decisions(&s), 1);
    }
}

TEST(store_operator__not_there__not_found_and_output_untouched)
{
    EACH_STORE(s)
    {
        struct sev_operator found = {.version = 77};
        CHECK_ERR(s.operators->get(s.self, SEV_LIT("nobody"), store_arena(), &found),
                  SEV_E_NOT_FOUND);
        CHECK_ERR(s.operators->find(s.self, "0123456789abcdef", store_arena(), &found),
                  SEV_E_NOT_FOUND);
        CHECK_EQ(found.version, 77);
        struct sev_operator o = person("nobody", SEV_OPERATOR_VIEWER, 'n');
        o.version = 2;
        CHECK_ERR(change(&s, &o), SEV_E_NOT_FOUND);
    }
}

TEST(store_operator__change__only_of_the_version_that_was_read)
{
    EACH_STORE(s)
    {
        struct sev_operator admin = person("anna", SEV_OPERATOR_ADMIN, 'a');
        struct sev_operator o = person("bert", SEV_OPERATOR_VIEWER, 'b');
        add(&s, &admin);
        add(&s, &o);
        o.version = 2;
        o.role = SEV_OPERATOR_PUBLISHER;
        o.disabled = true;
        memset(o.token_id, 'c', sizeof o.token_id);
        CHECK_OK(change(&s, &o));
        CHECK_ERR(change(&s, &o), SEV_E_CONFLICT);
        o.version = 4;
        CHECK_ERR(change(&s, &o), SEV_E_CONFLICT);
        struct sev_operator found = get(&s, "bert");
        CHECK_EQ(found.version, 2);
        CHECK_EQ(found.role, SEV_OPERATOR_PUBLISHER);
        CHECK(found.disabled);
        char old[SEV_OPERATOR_TOKEN_ID_CHARS];
        memset(old, 'b', sizeof old);
        CHECK_ERR(s.operators->find(s.self, old, store_arena(), &found), SEV_E_NOT_FOUND);
        CHECK_EQ(decisions(&s), 3);
    }
}

TEST(store_operator__last_admin__stays_one)
{
    EACH_STORE(s)
    {
        struct sev_operator anna = person("anna", SEV_OPERATOR_ADMIN, 'a');
        struct sev_operator gone = person("gone", SEV_OPERATOR_ADMIN, 'g');
        struct sev_operator off = person("off", SEV_OPERATOR_ADMIN, 'o');
        gone.expires = NOW; /* at this very time it is over */
        off.disabled = true;
        add(&s, &anna);
        add(&s, &gone);
        add(&s, &off);
        anna.version = 2;
        anna.disabled = true;
        CHECK_ERR(change(&s, &anna), SEV_E_LAST_ADMIN);
        anna.disabled = false;
        anna.role = SEV_OPERATOR_APPROVER;
        CHECK_ERR(change(&s, &anna), SEV_E_LAST_ADMIN);
        CHECK_EQ(get(&s, "anna").version, 1);
        CHECK_EQ(decisions(&s), 3);
        struct sev_operator bert = person("bert", SEV_OPERATOR_ADMIN, 'b');
        add(&s, &bert);
        CHECK_OK(change(&s, &anna));
    }
}

TEST(store_operator__arguments_that_do_not_fit__reach_no_database)
{
    EACH_STORE(s)
    {
        char longest[SEV_OPERATOR_NAME_BYTES_MAX + 1];
        memset(longest, 'x', sizeof longest);
        struct sev_operator wrongs[] = {
            person("", SEV_OPERATOR_VIEWER, 'a'), person("a", SEV_OPERATOR_VIEWER, 'a'),
            person("a", SEV_OPERATOR_VIEWER, 'a'), person("a", SEV_OPERATOR_VIEWER, 'a')};
        wrongs[1].name = sev_slice_of(longest, sizeof longest);
        wrongs[2].expires = -1;
        wrongs[3].role = SEV_OPERATOR_ROLE_COUNT;
        struct sev_decision d = why("operator-add");
        for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++)
            CHECK_ERR(s.operators->add(s.self, &wrongs[i], &d), SEV_E_MALFORMED);
        CHECK_ERR(s.operators->change(s.self, &wrongs[0], NULL), SEV_E_MALFORMED);
        CHECK_EQ(decisions(&s), 0);
    }
}

struct names {
    char text[64];
    size_t len;
};

static bool note_name(void *context, const struct sev_operator *o)
{
    struct names *n = context;
    memcpy(n->text + n->len, o->name.ptr, o->name.len);
    n->len += o->name.len;
    return true;
}

TEST(store_operator__list__in_order_after_a_name_and_bounded)
{
    EACH_STORE(s)
    {
        const char *const names[] = {"d", "b", "a", "c"};
        for (size_t i = 0; i < 4; i++) {
            struct sev_operator o = person(names[i], SEV_OPERATOR_VIEWER, names[i][0]);
            add(&s, &o);
        }
        struct names n = {.len = 0};
        CHECK_OK(s.operators->list(s.self, SEV_EMPTY, 3, store_arena(), note_name, &n));
        CHECK_SLICE(sev_slice_of(n.text, n.len), SEV_LIT("abc"));
        n.len = 0;
        CHECK_OK(s.operators->list(s.self, SEV_LIT("b"), 9, store_arena(), note_name, &n));
        CHECK_SLICE(sev_slice_of(n.text, n.len), SEV_LIT("cd"));
    }
}

/* ------------------------------------------------------------- kept answers */

static struct sev_kept_answer answer(const char *actor, const char *key, sev_time time)
{
    struct sev_kept_answer a = {.actor = store_text(actor), .key = store_text(key), .time = time};
    memset(a.request_sha256, 0x5a, sizeof a.request_sha256);
    return a;
}

static sev_err claim(const struct sev_store *s, const struct sev_kept_answer *a,
                     struct sev_kept_answer *out)
{
    return s->operators->answer_claim(s->self, a, NOW - 1000, NOW - 100, store_arena(), out);
}

TEST(store_operator__claimed_key__tells_the_answer_once_there_is_one)
{
    EACH_STORE(s)
    {
        struct sev_kept_answer a = answer("anna", "k", NOW), found = {.status = 7};
        CHECK_OK(claim(&s, &a, &found));
        CHECK_EQ(found.status, 7);
        CHECK_ERR(claim(&s, &a, &found), SEV_E_EXISTS);
        CHECK_EQ(found.status, 0);
        a.status = 201;
        a.body = SEV_LIT("{}");
        a.tag = SEV_LIT("5");
        CHECK_OK(s.operators->answer_keep(s.self, &a));
        a.status = 0;
        CHECK_ERR(claim(&s, &a, &found), SEV_E_EXISTS);
        CHECK_EQ(found.status, 201);
        CHECK_SLICE(found.body, SEV_LIT("{}"));
        CHECK_SLICE(found.tag, SEV_LIT("5"));
        CHECK_EQ(found.request_sha256[31], 0x5a);
        struct sev_kept_answer other = answer("bert", "k", NOW);
        CHECK_OK(claim(&s, &other, &found)); /* each has keys of his own */
    }
}

TEST(store_operator__refused_request__its_key_is_free_again)
{
    EACH_STORE(s)
    {
        struct sev_kept_answer a = answer("anna", "k", NOW), found;
        CHECK_OK(claim(&s, &a, &found));
        CHECK_OK(s.operators->answer_keep(s.self, &a));
        CHECK_OK(claim(&s, &a, &found));
        a.status = 200;
        CHECK_OK(s.operators->answer_keep(s.self, &a));
        a.status = 0;
        CHECK_OK(s.operators->answer_keep(s.self, &a)); /* what was answered stays */
        CHECK_ERR(claim(&s, &a, &found), SEV_E_EXISTS);
    }
}

TEST(store_operator__old_answers_and_claims_of_the_dead__are_forgotten)
{
    EACH_STORE(s)
    {
        struct sev_kept_answer old = answer("anna", "old", NOW - 1001), found;
        struct sev_kept_answer dead = answer("anna", "dead", NOW - 101);
        struct sev_kept_answer young = answer("anna", "young", NOW - 101);
        CHECK_OK(claim(&s, &dead, &found));
        CHECK_OK(claim(&s, &young, &found));
        young.status = 200;
        CHECK_OK(s.operators->answer_keep(s.self, &young));
        young.status = 0;
        CHECK_ERR(claim(&s, &young, &found), SEV_E_EXISTS);
        dead.time = NOW;
        CHECK_OK(claim(&s, &dead, &found)); /* that was 101 seconds old, and nobody answered */
        CHECK_OK(claim(&s, &old, &found));
        old.status = 200;
        CHECK_OK(s.operators->answer_keep(s.self, &old));
        old.status = 0;
        CHECK_OK(claim(&s, &old, &found));
    }
}

TEST(store_operator__many_keys__the_oldest_give_way)
{
    if (getenv("SEV_NIGHTLY") == NULL)
        SKIP("a thousand commits: SEV_NIGHTLY=1");
    EACH_STORE(s)
    {
        struct sev_kept_answer found;
        char key[16];
        for (int i = 0; i <= SEV_KEPT_ANSWERS_MAX; i++) {
            snprintf(key, sizeof key, "k%d", i);
            struct sev_kept_answer a = answer("anna", key, NOW);
            CHECK_OK(claim(&s, &a, &found));
        }
        struct sev_kept_answer first = answer("anna", "k0", NOW),
                               second = answer("anna", "k2", NOW);
        CHECK_ERR(claim(&s, &second, &found), SEV_E_EXISTS);
        CHECK_OK(claim(&s, &first, &found));
    }
}

/* -------------------------------------------------------------------- lists */

struct ids {
    char text[128];
    size_t len;
};

static bool note_id(void *context, const struct sev_vehicle *v)
{
    struct ids *n = context;
    memcpy(n->text + n->len, v->id.ptr, v->id.len);
    n->len += v->id.len;
    n->text[n->len++] = ' ';
    return true;
}

static const char *search(const struct sev_store *s, const struct sev_vehicle_filter *f,
                          const char *after, uint32_t count)
{
    static struct ids n;
    n.len = 0;
    CHECK_OK(
        s->operators->vehicles(s->self, f, store_text(after), count, store_arena(), note_id, &n));
    n.text[n.len] = '\0';
    return n.text;
}

TEST(store_operator__vehicles__those_that_pass_every_filter_in_order)
{
    EACH_STORE(s)
    {
        static const struct {
            const char *id, *model;
            sev_profile profile;
        } rows[] = {{"b-2", "m", SEV_PROFILE_NATIVE},
                    {"a-1", "m", SEV_PROFILE_AKTUALIZR},
                    {"b-1", "n", SEV_PROFILE_NATIVE},
                    {"b\xff", "m", SEV_PROFILE_NATIVE},
                    {"c", "m", SEV_PROFILE_NATIVE}};
        for (size_t i = 0; i < 5; i++) {
            struct sev_vehicle v = {.id = store_text(rows[i].id),
                                    .model = store_text(rows[i].model),
                                    .profile = rows[i].profile};
            CHECK_OK(s.vehicle_add(s.self, &v, NULL));
        }
        struct sev_vehicle_filter all = {.seen_before = 0}, f = all;
        CHECK_TEXT(store_text(search(&s, &all, "", 9)), "a-1 b-1 b-2 b\xff c ");
        CHECK_TEXT(store_text(search(&s, &all, "b-1", 2)), "b-2 b\xff ");
        f.id_prefix = SEV_LIT("b");
        CHECK_TEXT(store_text(search(&s, &f, "", 9)), "b-1 b-2 b\xff ");
        CHECK_TEXT(store_text(search(&s, &f, "b-1", 9)), "b-2 b\xff ");
        f.id_prefix = SEV_LIT("b\xff");
        CHECK_TEXT(store_text(search(&s, &f, "", 9)), "b\xff ");
        f = all;
        f.model = SEV_LIT("m");
        CHECK_TEXT(store_text(search(&s, &f, "", 9)), "a-1 b-2 b\xff c ");
        f.has_profile = true;
        f.profile = SEV_PROFILE_NATIVE;
        CHECK_TEXT(store_text(search(&s, &f, "", 9)), "b-2 b\xff c ");
        f.id_prefix = SEV_LIT("b-");
        CHECK_TEXT(store_text(search(&s, &f, "", 9)), "b-2 ");
        f.model = SEV_LIT("m' OR 1=1 --");
        CHECK_TEXT(store_text(search(&s, &f, "", 9)), "");
    }
}

TEST(store_operator__vehicles_not_seen_since__those_never_seen_too)
{
    EACH_STORE(s)
    {
        struct sev_ecu_news ecu;
        struct sev_vehicle_filter f = {.seen_before = 1700000001};
        store_register(&s, "seen");
        store_register(&s, "unseen");
        struct sev_status_news news = store_status("seen", "primary", 1, &ecu);
        CHECK_OK(s.status_accept(s.self, &news)); /* at 1700000001 */
        CHECK_TEXT(store_text(search(&s, &f, "", 9)), "unseen ");
        f.seen_before++;
        CHECK_TEXT(store_text(search(&s, &f, "", 9)), "seen unseen ");
        f.seen_before = -1;
        struct ids n = {.len = 0};
        CHECK_ERR(s.operators->vehicles(s.self, &f, SEV_EMPTY, 9, store_arena(), note_id, &n),
                  SEV_E_MALFORMED);
    }
}

struct keys {
    int64_t at[8];
    char whats[64], vehicles[64];
    uint32_t count;
};

static bool note_decision(void *context, const struct sev_listed_decision *d)
{
    struct keys *k = context;
    size_t n = strlen(k->whats), m = strlen(k->vehicles);
    k->at[k->count++] = d->key;
    snprintf(k->whats + n, sizeof k->whats - n, "%.*s ", (int)d->decision.what.len,
             (const char *)d->decision.what.ptr);
    snprintf(k->vehicles + m, sizeof k->vehicles - m, "%.*s ", (int)d->vehicle.len,
             (const char *)d->vehicle.ptr);
    return true;
}

static struct keys list(const struct sev_store *s, const char *vehicle, int64_t before,
                        uint32_t count)
{
    struct keys k = {.count = 0};
    CHECK_OK(s->operators->decisions(s->self, store_text(vehicle), before, count, store_arena(),
                                     note_decision, &k));
    return k;
}

TEST(store_operator__decisions__newest_first_page_by_page)
{
    EACH_STORE(s)
    {
        struct sev_decision a = why("a"), b = why("b"), c = why("c"), d = why("d");
        struct sev_operator anna = person("anna", SEV_OPERATOR_ADMIN, 'a');
        struct sev_vehicle v = store_vehicle("v"), w = store_vehicle("w");
        CHECK_OK(s.vehicle_add(s.self, &v, &a));
        CHECK_OK(s.vehicle_add(s.self, &w, &b));
        CHECK_OK(s.operators->add(s.self, &anna, &c));
        CHECK_OK(s.decision_add(s.self, v.id, &d));
        struct keys k = list(&s, "", 0, 3);
        CHECK_TEXT(store_text(k.whats), "d c b ");
        CHECK_TEXT(store_text(k.vehicles), "v  w ");
        k = list(&s, "", k.at[2], 3);
        CHECK_TEXT(store_text(k.whats), "a ");
        k = list(&s, "v", 0, 1);
        CHECK_TEXT(store_text(k.whats), "d ");
        int64_t newest = k.at[0];
        k = list(&s, "v", newest, 9);
        CHECK_TEXT(store_text(k.whats), "a ");
        CHECK_EQ(list(&s, "v", k.at[0], 9).count, 0);
        CHECK_EQ(list(&s, "w", newest, 9).count, 0); /* a page of another vehicle is none of ours */
        CHECK_EQ(list(&s, "v", 4711, 9).count, 0);
        struct keys none = {.count = 0};
        CHECK_ERR(
            s.operators->decisions(s.self, SEV_LIT("x"), 0, 9, store_arena(), note_decision, &none),
            SEV_E_NOT_FOUND);
        CHECK_EQ(store_count_decisions(&s, "v"), 2);
    }
}
