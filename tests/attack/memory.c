/* memory - walks and cycles with every amount of memory from none to enough: the answer is the one
 * that enough memory gives, or "too little"; and what was stored before keeps its weight, or an
 * attacker would only have to wait for a vehicle that is short of memory.
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

#define BRAKE "acme/brake-2.bin"

/* A file as others may write it: out of order, so that names are sorted; with blanks, so that what
 * was signed is written anew; and much longer than the compact one. */
static void sprawl(struct world *w, int repository, const char *role)
{
    const char *blanks = world_text("\"_type\":%*s", 2000, "");
    world_edit_file(w, repository, role, "\"_type\":", blanks);
    world_edit_file(w, repository, role, "{\"signatures\":", "{\"z\":0,\"y\":1,\"signatures\":");
}

static void sprawl_all(struct world *w, int repository)
{
    static const char *const roles[] = {"root", "timestamp", "snapshot", "targets"};
    for (int i = 0; i < SEV_TOP_ROLES; i++)
        sprawl(w, repository, roles[i]);
}

struct run {
    int repository; /* of a walk alone; -1: a whole cycle */
    const char *image;
    size_t from, most, step;
};

static sev_err run_once(struct world *w, const struct run *r, size_t bytes)
{
    w->arena_bytes = bytes;
    return r->repository < 0 ? world_cycle(w)->err
                             : world_walk(w, r->repository, r->image, "hw-brake");
}

static void check_answer(const struct world *w, sev_err got, sev_err wanted, size_t bytes)
{
    if (got == wanted || got == SEV_E_MEMORY)
        return;
    print_error("with %zu bytes: %s, not %s\n%s", bytes, sev_err_id(got), sev_err_id(wanted),
                w->trace);
    fail();
}

/* `wanted` or SEV_E_MEMORY with any amount, the former from some amount on; and a run with enough
 * memory that comes after one with too little ends like one that came alone. */
static void every_amount(struct world *w, struct run r, sev_err wanted)
{
    const size_t enough = (size_t)40 << 20;
    static struct world_store before;
    bool reached = false;
    world_publish(w);
    before = w->store;
    size_t pool = world_pool_mark();
    for (size_t bytes = r.from; bytes <= r.most; bytes += r.step) {
        world_pool_reset(pool);
        w->store = before;
        sev_err e = run_once(w, &r, bytes);
        check_answer(w, e, wanted, bytes);
        /* What is missing at the end must be missed before an image is asked for. */
        CHECK(e == SEV_OK || strstr(w->trace, "images image") == NULL);
        CHECK(e == wanted || !reached);
        reached = reached || e == wanted;
        if (e == SEV_E_MEMORY)
            check_answer(w, run_once(w, &r, enough), wanted, enough);
    }
    CHECK(reached);
    world_pool_reset(pool);
    w->store = before;
    w->arena_bytes = enough;
}

static const struct run images = {IMAGES, BRAKE, 0, 40000, 56};
static const struct run director = {DIRECTOR, NULL, 0, 40000, 56};

TEST(memory__honest_walk_of_compact_files__accepted_or_too_little)
{
    struct world *w = world_accepted();
    every_amount(w, images, SEV_OK);
}

TEST(memory__honest_walk_of_sprawling_files__accepted_or_too_little)
{
    struct world *w = world_begin();
    sprawl_all(w, IMAGES);
    sprawl(w, IMAGES, "acme");
    world_settle(w);
    world_role(w, IMAGES, "root")->sign_again = true;
    every_amount(w, images, SEV_OK);
}

/* What is stored is long, what the attacker serves is short. REQ-VER-25 */
TEST(memory__role_rolled_back_in_a_compact_snapshot__never_accepted)
{
    struct world *w = world_begin();
    sprawl(w, IMAGES, "snapshot");
    world_settle(w);
    WORLD_ACCEPTED(w);
    world_heal(w);
    world_role(w, IMAGES, "acme")->force_version = world_role(w, IMAGES, "acme")->version - 1;
    world_role(w, IMAGES, "acme")->sign_again = true;
    every_amount(w, images, SEV_E_VERSION_ROLLBACK);
}

TEST(memory__snapshot_rolled_back_in_a_compact_timestamp__never_accepted)
{
    struct world *w = world_begin();
    sprawl(w, IMAGES, "timestamp");
    world_settle(w);
    WORLD_ACCEPTED(w);
    world_heal(w);
    world_role(w, IMAGES, "timestamp")->force_version =
        world_role(w, IMAGES, "timestamp")->version - 1;
    world_role(w, IMAGES, "timestamp")->sign_again = true;
    every_amount(w, images, SEV_E_VERSION_ROLLBACK);
}

/* Partial verification has no snapshot: without the stored file, nothing tells old from new. */
TEST(memory__old_targets_for_a_partial_ecu__never_accepted)
{
    struct world *w = world_begin();
    w->mode = SEV_MODE_PARTIAL;
    world_settle(w);
    sev_slice old = world_keep(world_role(w, DIRECTOR, "targets")->file);
    sprawl(w, DIRECTOR, "targets");
    world_role(w, DIRECTOR, "targets")->sign_again = true;
    WORLD_ACCEPTED(w);
    world_serves(w, DIRECTOR, "targets", old);
    every_amount(w, director, SEV_E_VERSION_ROLLBACK);
}

/* P-c: what revoked keys pushed ahead must not come back as a floor, however short memory was when
 * their successors were met. */
TEST(memory__recovery_from_a_fast_forward__not_lost)
{
    static const char *const roles[] = {"timestamp", "snapshot", "targets"};
    for (int i = 0; i < 3; i++) {
        struct world *w = world_begin();
        sprawl(w, IMAGES, roles[i]);
        world_settle(w);
        world_role(w, IMAGES, roles[i])->force_version = 1000000;
        world_role(w, IMAGES, roles[i])->sign_again = true;
        WORLD_ACCEPTED(w);
        world_heal(w);
        world_role(w, IMAGES, roles[i])->force_version = 7;
        world_role(w, IMAGES, roles[i])->sign_again = true;
        world_role(w, IMAGES, "snapshot")->keys = world_new_keys(w, 1, 1);
        every_amount(w, images, SEV_OK);
    }
}

TEST(memory__whole_cycle_with_small_files__accepted_or_too_little)
{
    every_amount(world_accepted(), (struct run){-1, NULL, 500000, 600000, 251}, SEV_OK);
}

/* A cycle needs its state file's room twice; with large files other wants come short too. */
TEST(memory__whole_cycle_with_large_files__accepted_or_too_little)
{
    struct world *w = world_begin();
    const char *many = "";
    for (int i = 0; i < 10; i++)
        many = world_name("%s%s\"f/%d%*s\":{\"hashes\":{\"sha256\":\"%064d\"},\"length\":1}", many,
                          i > 0 ? "," : "", i, 40000, "", 0);
    world_role(w, IMAGES, "targets")->targets = many;
    world_role(w, IMAGES, "acme")->targets = many;
    world_settle(w);
    sprawl(w, IMAGES, "targets");
    every_amount(w, (struct run){-1, NULL, 0, (size_t)3 << 20, 29989}, SEV_OK);
}

/* aktualizr's servers hash the canonical text: that takes a copy of the file. */
TEST(memory__aktualizr_profile__accepted_or_too_little)
{
    struct world *w = world_begin_as(SEV_PROFILE_AKTUALIZR, SEV_KEY_ED25519);
    world_settle(w);
    /* out of order, but not longer than announced */
    world_edit_served(w, IMAGES, "snapshot", "\"_type\":\"Snapshot\",", "");
    world_edit_served(w, IMAGES, "snapshot", "\"spec_version\":\"1.0.31\",",
                      "\"spec_version\":\"1.0.31\",\"_type\":\"Snapshot\",");
    world_role(w, IMAGES, "root")->sign_again = true;
    every_amount(w, images, SEV_OK);
}
