/* timesrv - what the time service attests, as the ECUs that asked check it; and when it attests
 * nothing.  SPDX-License-Identifier: MIT */
#include "test.h"

#include <stdlib.h>

#include "secureev/timesrv.h"

#define NOW ((sev_time)1800000000)
#define ASKERS 5

static struct fixture {
    struct sev_signer signer;
    struct sev_signer_key key;
    struct sev_sign sign;
    struct sev_timesrv service;
    struct sev_arena arena;
    struct sev_timesrv_request requests[SEV_TIMESRV_REQUESTS_MAX];
    int signed_count, jumps, returns;
    bool signer_down;
    sev_time wall;
    int64_t monotonic_ms;
} f;
static uint8_t *memory;
static char keys_text[4096], ids_text[100];
static struct sev_role role;

static void note_event(void *self, const struct sev_event *event)
{
    (void)self;
    f.signed_count += event->id == SEV_EVENT_SIGNED;
    f.jumps += event->id == SEV_EVENT_CLOCK_JUMPED;
    f.returns += event->id == SEV_EVENT_CLOCK_BACK;
}

static sev_err sign_here(void *self, const char *key, sev_slice body, char *out_keyid, sev_buf *sig)
{
    static uint8_t request[SEV_MESSAGE_BYTES_MAX * 2], answer[SEV_SIGNER_ANSWER_BYTES_MAX];
    sev_buf q = sev_buf_of(request, sizeof request), a = sev_buf_of(answer, sizeof answer);
    if (f.signer_down)
        return SEV_E_UNREACHABLE;
    CHECK_OK(sev_signer_request_sign(key, body, &q));
    sev_signer_answer(self, 1, sev_buf_slice(&q), f.wall, 0, &a);
    return sev_signer_read_signature(sev_buf_slice(&a), out_keyid, sig);
}

static void begin(void)
{
    static struct sev_privkey *key;
    if (key == NULL)
        CHECK_OK(sev_privkey_generate(SEV_KEY_P256, 0, &key));
    if (memory == NULL)
        memory = malloc(SEV_TIMESRV_ARENA_BYTES);
    memset(&f, 0, sizeof f);
    f.key = (struct sev_signer_key){.name = "time",
                                    .key = key,
                                    .documents = 1u << SEV_SIGNER_TIME,
                                    .per_minute = 1000,
                                    .users = {1},
                                    .user_count = 1};
    f.signer = (struct sev_signer){.keys = &f.key, .count = 1, .events = {NULL, note_event}};
    CHECK_OK(sev_signer_init(&f.signer, 0));
    f.sign = (struct sev_sign){&f.signer, sign_here};
    f.service = (struct sev_timesrv){.sign = &f.sign, .key = "time", .events = {NULL, note_event}};
    f.wall = NOW;
    f.monotonic_ms = 5000;
    sev_timesrv_init(&f.service, f.wall, f.monotonic_ms);
    sev_buf b = sev_buf_of(keys_text, sizeof keys_text);
    sev_buf_put(&b, "{\"", 2);
    sev_buf_put(&b, f.key.id, sizeof f.key.id);
    sev_buf_put(&b, "\":", 2);
    CHECK_OK(sev_key_object(sev_privkey_public(key), SEV_PROFILE_NATIVE, &b));
    sev_buf_put_byte(&b, '}');
    int n = snprintf(ids_text, sizeof ids_text, "[\"%.*s\"]", SEV_KEY_ID_CHARS, f.key.id);
    role = (struct sev_role){sev_buf_slice(&b), sev_slice_of(ids_text, (size_t)n), 1};
}

/* Nonce number `n` of asker `i`. */
static void make_nonce(int i, int n, uint8_t out[SEV_NONCE_BYTES])
{
    memset(out, i, SEV_NONCE_BYTES);
    out[0] = (uint8_t)n;
    out[1] = (uint8_t)(n >> 8);
}

static void ask(int i, int nonces)
{
    static uint8_t rooms[SEV_TIMESRV_REQUESTS_MAX][SEV_TIME_NONCES_MAX * 40 + 100];
    char *text = malloc(SEV_TIME_NONCES_MAX * 40);
    sev_buf list = sev_buf_of(text, SEV_TIME_NONCES_MAX * 40);
    sev_buf out = sev_buf_of(rooms[i], sizeof rooms[i]);
    sev_buf_put_byte(&list, '[');
    for (int n = 0; n < nonces; n++) {
        uint8_t nonce[SEV_NONCE_BYTES];
        make_nonce(i, n, nonce);
        sev_buf_put(&list, n == 0 ? "\"" : ",\"", n == 0 ? 1 : 2);
        sev_hex_encode(sev_slice_of(nonce, sizeof nonce), &list);
        sev_buf_put_byte(&list, '"');
    }
    sev_buf_put_byte(&list, ']');
    CHECK_OK(sev_time_request_encode(sev_buf_slice(&list), &out));
    free(text);
    f.requests[i] = (struct sev_timesrv_request){.bytes = sev_buf_slice(&out)};
}

static sev_err serve(uint32_t count)
{
    f.arena = sev_arena_of(memory, SEV_TIMESRV_ARENA_BYTES);
    return sev_timesrv_answer(&f.service, &f.arena, f.wall, f.monotonic_ms, f.requests, count);
}

/* As asker `i` checks its nonce number `n`. */
static sev_err check(int i, int n, sev_time floor, sev_time *out)
{
    struct sev_time_answer answer;
    struct sev_time_proof proof;
    struct sev_doc doc;
    struct sev_clock clock = {floor, floor, {0}};
    uint8_t nonce[SEV_NONCE_BYTES];
    sev_slice object = SEV_EMPTY;
    make_nonce(i, n, nonce);
    CHECK_OK(sev_time_answer_decode(f.requests[i].answer, &answer));
    CHECK_OK(sev_message_open(&doc, answer.attestation));
    sev_json it = sev_list(answer.proofs);
    for (int at = 0; answer.proofs.len != 0 && at <= n; at++)
        CHECK(sev_list_next(&it, &object));
    if (object.len != 0)
        CHECK_OK(sev_time_proof_decode(object, &proof));
    sev_err e = sev_time_attestation_check(NULL, &role, &doc, nonce,
                                           object.len != 0 ? &proof : NULL, &clock);
    *out = clock.time;
    return e;
}

TEST(timesrv__one_asks__nonces_are_listed)
{
    sev_time got;
    begin();
    ask(0, 3);
    CHECK_OK(serve(1));
    for (int n = 0; n < 3; n++) {
        CHECK_OK(check(0, n, 0, &got));
        CHECK_EQ(got, NOW);
    }
    CHECK_ERR(check(0, 3, 0, &got), SEV_E_TIME_ATTESTATION); /* not asked for: REQ-TIM-09 */
}

TEST(timesrv__many_ask__one_signature_and_a_proof_for_each_nonce)
{
    static const int nonces[ASKERS] = {1, 256, 2, 7, 100};
    sev_time got;
    begin();
    for (int i = 0; i < ASKERS; i++)
        ask(i, nonces[i]);
    CHECK_OK(serve(ASKERS));
    CHECK_EQ(f.signed_count, 1);
    for (int i = 0; i < ASKERS; i++)
        for (int n = 0; n < nonces[i]; n++)
            CHECK_OK(check(i, n, 0, &got));
    f.requests[0].answer = f.requests[2].answer; /* somebody else's */
    CHECK_ERR(check(0, 0, 0, &got), SEV_E_TIME_ATTESTATION);
}

TEST(timesrv__as_many_as_may_be__within_the_memory_that_is_promised)
{
    sev_time got;
    begin();
    for (int i = 0; i < (int)SEV_TIMESRV_REQUESTS_MAX; i++)
        ask(i, SEV_TIME_NONCES_MAX);
    CHECK_OK(serve(SEV_TIMESRV_REQUESTS_MAX));
    CHECK_OK(check(0, 0, 0, &got));
    CHECK_OK(check(63, 255, 0, &got));
    CHECK_ERR(serve(SEV_TIMESRV_REQUESTS_MAX + 1), SEV_E_BUG);
}

TEST(timesrv__bad_request_among_good_ones__spoils_its_own_answer_only)
{
    sev_time got;
    begin();
    ask(0, 1);
    ask(1, 1);
    ask(2, 2);
    f.requests[1].bytes = SEV_LIT("{\"_type\":\"time-request\",\"nonces\":[]}");
    CHECK_OK(serve(3));
    CHECK_OK(check(0, 0, 0, &got));
    CHECK_OK(check(2, 1, 0, &got));
    CHECK_ERR(f.requests[1].err, SEV_E_MALFORMED);
    CHECK_EQ(f.requests[1].answer.len, 0);
    f.requests[0].bytes = f.requests[2].bytes = SEV_LIT("x");
    CHECK_OK(serve(3));
    CHECK_EQ(f.signed_count, 1); /* nobody to sign for */
}

/* REQ-TIM-07: what was attested is a floor for ourselves, too. */
TEST(timesrv__clock_corrected_by_a_second__time_stands_still)
{
    sev_time got;
    begin();
    ask(0, 1);
    f.wall += 10;
    f.monotonic_ms += 10000;
    CHECK_OK(serve(1));
    f.wall -= 1;
    CHECK_OK(serve(1));
    CHECK_OK(check(0, 0, 0, &got));
    CHECK_EQ(got, NOW + 10);
    CHECK_EQ(f.jumps, 0);
}

TEST(timesrv__clock_that_was_set__attests_nothing_until_it_is_right_again)
{
    static const struct {
        int64_t wall, monotonic_ms;
    } jumps[] = {{60, 0}, {-60, 0}, {0, 60000}, {3600, 1000}, {0, -1}};
    for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        begin();
        ask(0, 1);
        int64_t monotonic_at = f.monotonic_ms;
        f.wall += jumps[i].wall;
        f.monotonic_ms += jumps[i].monotonic_ms;
        CHECK_ERR(serve(1), SEV_E_NO_TIME);
        f.wall += 3600; /* another wrong one */
        CHECK_ERR(serve(1), SEV_E_NO_TIME);
        CHECK_ERR(sev_timesrv_look(&f.service, f.wall, f.monotonic_ms), SEV_E_NO_TIME);
        CHECK_EQ(f.jumps, 1);
        CHECK_EQ(f.returns, 0);
        CHECK_EQ(f.signed_count, 0);
        f.monotonic_ms = monotonic_at + 120000; /* where it would be had nobody set it */
        f.wall = NOW + 120;
        CHECK_OK(sev_timesrv_look(&f.service, f.wall, f.monotonic_ms));
        CHECK_OK(serve(1));
        CHECK_EQ(f.returns, 1);
        CHECK_EQ(f.jumps, 1);
        f.wall += 3600; /* right for good, says an operator, and starts it anew */
        CHECK_ERR(serve(1), SEV_E_NO_TIME);
        sev_timesrv_init(&f.service, f.wall, f.monotonic_ms);
        CHECK_OK(serve(1));
    }
    begin(); /* nobody asked for ten days: what was set meanwhile does not pass for drift */
    ask(0, 1);
    f.monotonic_ms += INT64_C(864000000);
    f.wall += 864000 + 5;
    CHECK_ERR(serve(1), SEV_E_NO_TIME);
    begin();
    ask(0, 1);
    f.monotonic_ms += INT64_C(864000000);
    f.wall += 864000 + 3; /* two seconds, and an hour's drift */
    CHECK_OK(serve(1));
}

/* A month without a jump is no credit for one. */
TEST(timesrv__clock_set_after_a_month__attests_nothing)
{
    begin();
    ask(0, 1);
    for (int hour = 0; hour < 720; hour++) { /* 278 ppm are drift, and stay it */
        f.monotonic_ms += 3600 * 1000;
        f.wall += 3601;
        CHECK_OK(serve(1));
    }
    f.wall += 5;
    CHECK_ERR(serve(1), SEV_E_NO_TIME);
    begin(); /* nor are many small steps */
    ask(0, 1);
    sev_err e = SEV_OK;
    for (int minute = 0; e == SEV_OK && minute < 60; minute++) {
        f.monotonic_ms += 60 * 1000;
        f.wall += 61;
        e = serve(1);
        CHECK(e == SEV_OK || minute == 2);
    }
    CHECK_ERR(e, SEV_E_NO_TIME);
}

TEST(timesrv__signer_down__nobody_is_answered)
{
    begin();
    ask(0, 1);
    f.signer_down = true;
    CHECK_ERR(serve(1), SEV_E_UNREACHABLE);
    CHECK_EQ(f.requests[0].answer.len, 0);
}
