/* The push tokenizer against the whole-document reader, however the document is cut into pieces.
 * SPDX-License-Identifier: MIT */
#include "json_stream_same.h"

#include "random_json.h"
#include "test.h"

static struct same_log first, again;

/* Every way of feeding gives one verdict and the same tokens; and that is the reader's. */
static void compare(sev_slice doc, uint64_t *r, unsigned seed, sev_err *out_verdict)
{
    static const size_t whole[] = {SIZE_MAX}, bytes[] = {1}, some[] = {0, 7, 64, 1, 2};
    sev_err e = same_feed(doc, whole, 1, &first);
    const char *why = same_verdict(doc, e, &first);
    if (why != NULL)
        fail_msg("seed %u: %s: %s: %.*s", seed, why, sev_err_id(e), (int)doc.len, doc.ptr);
    for (unsigned way = 0; way < 6; way++) {
        size_t split[] = {1 + rj_random(r, (uint32_t)doc.len), SIZE_MAX};
        sev_err f = way == 0   ? same_feed(doc, bytes, 1, &again)
                    : way == 1 ? same_feed(doc, some, 5, &again)
                               : same_feed(doc, split, 2, &again);
        if (f != e || again.len != first.len || memcmp(again.text, first.text, first.len) != 0 ||
            again.canonical_len < first.canonical_len * (e == SEV_OK))
            fail_msg("seed %u: fed otherwise: %s, not %s", seed, sev_err_id(f), sev_err_id(e));
    }
    *out_verdict = e;
}

TEST(json_stream__random_documents_and_mutations__verdict_and_tokens_of_the_reader)
{
    static struct rj_tree tree;
    static char text[RJ_TEXT_MAX];
    size_t accepted = 0, refused = 0;
    for (unsigned seed = 1; seed <= 2000; seed++) {
        uint64_t r = seed * 0x9E3779B97F4A7C15u;
        struct rj_out o = {text, 0};
        sev_err e = SEV_OK;
        rj_make(&tree, &r);
        rj_print(&tree, 0, seed % 8 == 0 ? 0 : RJ_ASCII, &r, &o);
        for (uint32_t i = rj_random(&r, 3); i > 0 && o.len > 1; i--)
            rj_mutate(text, &o.len, &r);
        if (o.len > SAME_BYTES_MAX)
            continue;
        compare(sev_slice_of(text, o.len), &r, seed, &e);
        accepted += e == SEV_OK;
        refused += e != SEV_OK;
    }
    CHECK(accepted > 200 && refused > 200);
}

TEST(json_stream__every_split_of_a_document__accepted)
{
    sev_slice doc = SEV_LIT("{\"a\":[1,-20,true,false,null,{},[]],\"b\":\"x\\\"\\\\\\n\","
                            "\"c\":{\"d\":{\"e\":9007199254740991}},\"d\":\"\"}");
    for (size_t i = 0; i <= doc.len; i++)
        for (size_t k = 0; k <= doc.len - i; k += 3) {
            size_t pieces[] = {i, k, SIZE_MAX};
            sev_err e = same_feed(doc, pieces, 3, &first);
            CHECK_OK(e);
            CHECK(same_verdict(doc, e, &first) == NULL);
        }
}

TEST(json_stream__every_beginning_of_a_document__refused)
{
    sev_slice doc = SEV_LIT("{\"a\":[1,-20,true,{}],\"b\":\"x\\n\"}");
    size_t whole[] = {SIZE_MAX};
    for (size_t n = 0; n < doc.len; n++) {
        sev_slice cut = sev_slice_sub(doc, 0, n);
        sev_err e = sev_json_check(cut, (struct sev_json_scratch){NULL, 0}, NULL, NULL);
        CHECK(e != SEV_OK);
        CHECK_ERR(same_feed(cut, whole, 1, &first), e);
    }
}

static sev_err feed(const char *text)
{
    static const size_t whole[] = {SIZE_MAX};
    return same_feed(sev_slice_of(text, strlen(text)), whole, 1, &first);
}

TEST(json_stream__what_it_refuses__is_refused_for_its_reason)
{
    static const struct {
        const char *text;
        sev_err why;
    } bad[] = {
        {"", SEV_E_JSON_SYNTAX},
        {"]", SEV_E_JSON_SYNTAX},
        {"[}", SEV_E_JSON_SYNTAX},
        {"[1}", SEV_E_JSON_SYNTAX},
        {"{]", SEV_E_JSON_SYNTAX},
        {"{\"a\":1]", SEV_E_JSON_SYNTAX},
        {"{}}", SEV_E_JSON_SYNTAX},
        {"1]", SEV_E_JSON_SYNTAX},
        {"[1,]", SEV_E_JSON_SYNTAX},
        {"{\"a\":1,}", SEV_E_JSON_SYNTAX},
        {"\"\n\"", SEV_E_JSON_SYNTAX},
        {"\"\\x\"", SEV_E_JSON_SYNTAX},
        {"nul0", SEV_E_JSON_SYNTAX},
        {"\"\\u0041\"", SEV_E_NOT_CANONICAL},
        {"\"\xc3\xa9\"", SEV_E_NOT_CANONICAL},
        {"[1 ]", SEV_E_NOT_CANONICAL},
        {"{\t}", SEV_E_NOT_CANONICAL},
        {"{\"a\"\r:1}", SEV_E_NOT_CANONICAL},
        {"1\n", SEV_E_NOT_CANONICAL},
        {"{\"b\":1,\"a\":2}", SEV_E_NOT_CANONICAL},
        {"{\"a\":1,\"a\":2}", SEV_E_JSON_DUPLICATE},
        {"{\"a\":{\"x\":{}},\"a\":2}", SEV_E_JSON_DUPLICATE},
        {"-0", SEV_E_JSON_NUMBER},
        {"-", SEV_E_JSON_NUMBER},
        {"01", SEV_E_JSON_NUMBER},
        {"1.5", SEV_E_JSON_NUMBER},
        {"9007199254740992", SEV_E_JSON_NUMBER},
        {"-9007199254740992", SEV_E_JSON_NUMBER},
        {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", SEV_E_JSON_DEPTH},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_ERR(feed(bad[i].text), bad[i].why);
}

TEST(json_stream__names_that_do_not_fit__limit)
{
    char text[1024] = "";
    for (size_t len = 60; len < 70; len++) { /* one name, SAME_TEXT_MAX fit */
        snprintf(text, sizeof text, "{\"%0*d\":1}", (int)len, 0);
        CHECK_ERR(feed(text), len <= SAME_TEXT_MAX ? SEV_OK : SEV_E_JSON_LIMIT);
    }
    for (int depth = 3; depth < 8; depth++) { /* all open objects, 255 fit */
        size_t n = 0;
        for (int i = 0; i < depth; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, "{\"%051d\":", 0);
        n += (size_t)snprintf(text + n, sizeof text - n, "1%.*s", depth, "}}}}}}}}");
        CHECK_ERR(feed(text), depth <= 5 ? SEV_OK : SEV_E_JSON_LIMIT);
    }
}

static sev_err refuse_integers(void *context, const struct sev_json_stream_token *t)
{
    (*(int *)context)++;
    return t->event == SEV_JSON_EV_INTEGER ? SEV_E_EXPIRED : SEV_OK;
}

static void ignore(void *context, sev_slice canonical)
{
    (void)context;
    (void)canonical;
}

TEST(json_stream__refused_by_its_user__ends_with_that_error)
{
    struct sev_json_stream s;
    uint8_t buffer[64], names[64];
    int tokens = 0;
    sev_json_stream_init(&s, buffer, sizeof buffer, names, sizeof names, refuse_integers, ignore,
                         &tokens);
    CHECK_ERR(sev_json_stream_feed(&s, SEV_LIT("[true,1,true]")), SEV_E_EXPIRED);
    CHECK_EQ(tokens, 3);
    CHECK_ERR(sev_json_stream_feed(&s, SEV_LIT("]")), SEV_E_EXPIRED);
    CHECK_ERR(sev_json_stream_end(&s), SEV_E_EXPIRED);
    CHECK_EQ(tokens, 3);
    CHECK(sizeof s <= 300);
}
