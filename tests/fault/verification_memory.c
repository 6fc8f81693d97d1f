/* The cryptographic provider runs out of memory at its first, second, third... allocation of a
 * cycle: it ends as it would have, or says that memory was too little; what was trusted stays.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <openssl/crypto.h>

#include "test.h"
#include "world.h"

static long fail_at = -1, asked;

static void *give(size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    return asked++ == fail_at ? NULL : malloc(len);
}

static void *regive(void *old, size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    return asked++ == fail_at ? NULL : realloc(old, len);
}

static void take(void *old, const char *file, int line)
{
    (void)file;
    (void)line;
    free(old);
}

__attribute__((constructor(101))) static void hook(void)
{
    if (CRYPTO_set_mem_functions(give, regive, take) != 1)
        abort();
}

/* Each allocation of one walk fails in turn. Should OpenSSL not say that memory was the reason, a
 * good signature counts for nothing: that may stop a walk, but must not let anything pass. */
static void every_allocation(struct world *w, sev_err wanted)
{
    static struct world_store before;
    bool reached = true;
    world_publish(w);
    before = w->store;
    size_t pool = world_pool_mark();
    CHECK_ERR(world_walk(w, IMAGES, "acme/brake-2.bin", "hw-brake"), wanted);
    long told = 0;
    for (long n = 0; reached; n++) {
        CHECK(n < 100000);
        world_pool_reset(pool);
        w->store = before;
        asked = 0;
        fail_at = n;
        sev_err e = world_walk(w, IMAGES, "acme/brake-2.bin", "hw-brake");
        reached = asked > fail_at;
        fail_at = -1;
        bool ours = e == SEV_E_MEMORY || e == SEV_E_CRYPTO;
        CHECK(e == wanted || ours || e == SEV_E_SIGNATURE);
        told += ours;
        CHECK_ERR(world_walk(w, IMAGES, "acme/brake-2.bin", "hw-brake"), wanted);
    }
    CHECK(told > 50);
    world_pool_reset(pool);
    w->store = before;
}

TEST(verification_memory__honest_walk__accepted_or_too_little)
{
    struct world *w = world_accepted();
    every_allocation(w, SEV_OK);
}

TEST(verification_memory__rolled_back_timestamp__never_accepted)
{
    struct world *w = world_accepted();
    world_role(w, IMAGES, "timestamp")->force_version = 1;
    world_role(w, IMAGES, "timestamp")->sign_again = true;
    every_allocation(w, SEV_E_VERSION_ROLLBACK);
}
