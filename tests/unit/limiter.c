/* limiter - REQ-B10: exact refill, bounded table, and strangers who cannot fill it (REQ-H23).
 * SPDX-License-Identifier: MIT */
#include "secureev/limiter.h"
#include "test.h"

static struct sev_limiter *with(uint32_t per_second, uint32_t burst, uint32_t entries)
{
    struct sev_limiter *l = NULL;
    CHECK_OK(sev_limiter_new((struct sev_limiter_rate){per_second, burst}, entries, &l));
    return l;
}

/* How many of `tries` are granted at that time. */
static unsigned granted(struct sev_limiter *l, uint64_t key, uint64_t now_ms, unsigned tries)
{
    unsigned n = 0;
    uint32_t wait = 0;
    while (tries-- > 0)
        n += sev_limiter_take(l, key, now_ms, &wait) == SEV_OK;
    return n;
}

TEST(limiter__burst_then_refill__exact_to_the_millisecond)
{
    struct sev_limiter *l = with(10, 5, 64); /* a token each 100 ms */
    uint32_t wait = 77;
    CHECK_EQ(granted(l, 1, 1000, 9), 5);
    CHECK_EQ(granted(l, 1, 1099, 1), 0);
    CHECK_ERR(sev_limiter_take(l, 1, 1099, &wait), SEV_E_RATE_LIMITED);
    CHECK_EQ(wait, 1);
    CHECK_EQ(granted(l, 1, 1100, 9), 1);
    CHECK_EQ(granted(l, 1, 1350, 9), 2); /* and 50 ms kept */
    CHECK_EQ(granted(l, 1, 1399, 9), 0);
    CHECK_EQ(granted(l, 1, 1400, 9), 1);
    CHECK_EQ(granted(l, 1, 999999, 9), 5); /* never more than the burst */
    sev_limiter_free(l);
}

TEST(limiter__rate_that_divides_no_millisecond__nothing_lost)
{
    struct sev_limiter *l = with(3, 2, 64);
    unsigned n = 0;
    for (uint64_t t = 0; t <= 10000; t++)
        n += granted(l, 1, t, 2);
    CHECK_EQ(n, 32); /* two at first, then 3 a second */
    sev_limiter_free(l);
}

TEST(limiter__clock_that_steps_back__gives_nothing)
{
    struct sev_limiter *l = with(10, 1, 64);
    CHECK_EQ(granted(l, 1, 5000, 2), 1);
    CHECK_EQ(granted(l, 1, 1000, 2), 0);
    CHECK_EQ(granted(l, 1, 5099, 2), 0);
    CHECK_EQ(granted(l, 1, 5100, 2), 1);
    sev_limiter_free(l);
}

TEST(limiter__others__do_not_pay)
{
    struct sev_limiter *l = with(1, 2, 64);
    CHECK_EQ(granted(l, 1, 0, 9), 2);
    CHECK_EQ(granted(l, 2, 0, 9), 2);
    CHECK_EQ(granted(l, 0, 0, 9), 2); /* a key as others */
    sev_limiter_free(l);
}

TEST(limiter__no_rate__no_limit)
{
    struct sev_limiter *l = with(0, 1, 64);
    CHECK_EQ(granted(l, 1, 0, 1000), 1000);
    sev_limiter_free(l);
}

/* REQ-H23, REQ-H24: as many strangers as you like, a table of 64. Who is limited stays limited,
 * since a bucket that is not full does not give way to one; newcomers are served. */
TEST(limiter__junk_keys_without_number__newcomers_served_the_limited_stays_limited)
{
    struct sev_limiter *l = with(1, 3, 64);
    CHECK_EQ(granted(l, 7, 0, 9), 3);
    for (uint64_t key = 100; key < 20100; key++)
        CHECK_EQ(granted(l, key, 0, 1), 1);
    CHECK_EQ(granted(l, 7, 0, 9), 0);
    CHECK_EQ(granted(l, 99999, 0, 9), 3);
    sev_limiter_free(l);
}

TEST(limiter__share__slows_the_refill_and_comes_back)
{
    struct sev_limiter *l = with(16, 1, 64);
    CHECK_EQ(sev_limiter_share(l), 16);
    sev_limiter_set_share(l, 4);
    CHECK_EQ(granted(l, 1, 0, 9), 1);
    CHECK_EQ(granted(l, 1, 249, 9), 0);
    CHECK_EQ(granted(l, 1, 250, 9), 1); /* 4 a second */
    sev_limiter_set_share(l, 0);
    CHECK_EQ(sev_limiter_share(l), 1);
    sev_limiter_set_share(l, 99);
    CHECK_EQ(sev_limiter_share(l), 16);
    sev_limiter_free(l);
    sev_limiter_free(NULL);
}

TEST(limiter__key__is_siphash_2_4)
{
    uint8_t secret[16], text[64];
    for (uint8_t i = 0; i < 64; i++)
        text[i] = i;
    memcpy(secret, text, 16);
    /* The vectors of the paper's appendix: lengths 0, 1, 8, 15. */
    CHECK(sev_limiter_key(secret, text, 0) == 0x726fdb47dd0e0e31u);
    CHECK(sev_limiter_key(secret, text, 1) == 0x74f839c593dc67fdu);
    CHECK(sev_limiter_key(secret, text, 8) == 0x93f5f5799a932462u);
    CHECK(sev_limiter_key(secret, text, 15) == 0xa129ca6149be45e5u);
}
