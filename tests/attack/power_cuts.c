/* power_cuts - the power goes after every single storing operation of a cycle: the next cycle ends
 * as if it had not, refuses nothing honest, and no floor is lower than before.
 * ALG-2.4, REQ-VER-44, REQ-ECU-30. SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "test.h"
#include "world.h"

/* The number after the last "version": of a document in canonical order it is the document's. */
static long long version_of(sev_slice file)
{
    static const char member[] = "\"version\":";
    for (size_t i = file.len; i >= sizeof member; i--) {
        const char *at = (const char *)file.ptr + i - sizeof member + 1;
        if (memcmp(at, member, sizeof member - 1) == 0)
            return strtoll(at + sizeof member - 1, NULL, 10);
    }
    return -1;
}

/* No stored file is lost, none is older. */
static void check_floors(const struct world *w, const struct world_store *before)
{
    for (int i = 0; i < before->count; i++) {
        const struct world_stored *f = &before->files[i];
        sev_slice is = world_stored(w, f->place, f->name);
        CHECK(is.ptr != NULL);
        if (f->place != VEHICLE && strcmp(f->name, "trust.tag") != 0)
            CHECK(version_of(is) >= version_of(f->bytes));
    }
}

struct moment {
    struct world_store store;
    const char *installed[2];
};

static struct moment moment_of(const struct world *w)
{
    return (struct moment){w->store, {w->installed[0], w->installed[1]}};
}

static void back_to(struct world *w, const struct moment *m)
{
    w->store = m->store;
    w->installed[0] = m->installed[0];
    w->installed[1] = m->installed[1];
}

static void cut(struct world *w, int operations)
{
    w->power = operations;
    (void)world_cycle(w);
    w->power = -1;
}

static void check_ends_like(struct world *w, const struct world_store *whole)
{
    CHECK_ERR(world_cycle(w)->err, SEV_OK);
    const char *wrong = world_wrong_release(w);
    if (wrong != NULL)
        print_error("%s\n", wrong);
    CHECK(wrong == NULL);
    CHECK(world_store_eq(&w->store, whole));
}

/* While the vehicle was off, an attacker put the old timestamps back on the wire. */
static void replay(struct world *w, const struct moment *begun, bool floors)
{
    struct world_store cut_store = w->store;
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        for (int i = 0; i < begun->store.count; i++)
            if (begun->store.files[i].place == r &&
                strcmp(begun->store.files[i].name, "timestamp.json") == 0)
                world_serves(w, r, "timestamp", begun->store.files[i].bytes);
    }
    if (w->now.fault_count == 0)
        return; /* none was stored yet */
    (void)world_cycle(w);
    CHECK_EQ(w->result.released_count, 0);
    world_heal(w);
    if (floors)
        check_floors(w, &cut_store);
}

/* Published, and not yet looked at. `floors`: versions only rise in it. */
static void cut_everywhere(struct world *w, bool floors)
{
    struct moment begun = moment_of(w);
    CHECK_ERR(world_cycle(w)->err, SEV_OK);
    CHECK(world_wrong_release(w) == NULL);
    struct world_store whole = w->store;
    int operations = w->result.operations;
    CHECK(operations > 3);
    for (int k = 0; k < operations; k++) {
        back_to(w, &begun);
        cut(w, k);
        CHECK(w->result.cut);
        if (floors)
            check_floors(w, &begun.store);
        struct moment after = moment_of(w);
        check_ends_like(w, &whole);
        /* Again, with an attacker in between. */
        back_to(w, &after);
        replay(w, &begun, floors);
        check_ends_like(w, &whole);
        /* And the power goes a second time, one operation after it came back. */
        back_to(w, &after);
        cut(w, 1);
        check_ends_like(w, &whole);
    }
}

static void rotate_all(struct world *w, int count, int64_t threshold)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++)
        for (int i = 0; i < w->now.repositories[r].role_count; i++)
            w->now.repositories[r].roles[i].keys = world_new_keys(w, count, threshold);
}

TEST(power__new_images__same_end)
{
    struct world *w = world_accepted();
    world_publish(w);
    cut_everywhere(w, true);
}

TEST(power__new_root_new_keys_of_every_role_new_images__same_end)
{
    struct world *w = world_accepted();
    rotate_all(w, 2, 2);
    world_publish(w);
    cut_everywhere(w, true);
}

TEST(power__chain_of_roots_each_with_other_keys__same_end)
{
    struct world *w = world_accepted();
    for (int i = 0; i < 3; i++) {
        rotate_all(w, 1, 1);
        world_publish(w);
    }
    cut_everywhere(w, true);
}

TEST(power__recovery_from_fast_forward__same_end)
{
    struct world *w = world_accepted();
    static const char *const roles[] = {"timestamp", "snapshot", "targets"};
    for (int r = 0; r < WORLD_REPOSITORIES; r++)
        for (int i = 0; i < 3; i++)
            world_role(w, r, roles[i])->force_version = SEV_JSON_INT_MAX;
    WORLD_ACCEPTED(w);
    world_stage(w, 3);
    rotate_all(w, 1, 1);
    for (int r = 0; r < WORLD_REPOSITORIES; r++)
        for (int i = 0; i < 3; i++)
            world_role(w, r, roles[i])->force_version = 9;
    world_publish(w);
    cut_everywhere(w, false);
}

TEST(power__first_cycle_of_a_vehicle__same_end)
{
    struct world *w = world_begin();
    w->vehicle = "";
    world_publish(w);
    world_provision(w);
    cut_everywhere(w, true);
}

TEST(power__partial_verification__same_end)
{
    struct world *w = world_begin();
    w->mode = SEV_MODE_PARTIAL;
    world_settle(w);
    rotate_all(w, 1, 1);
    world_publish(w);
    cut_everywhere(w, true);
}

TEST(power__aktualizr__same_end)
{
    struct world *w = world_begin_as(SEV_PROFILE_AKTUALIZR, SEV_KEY_ED25519);
    world_settle(w);
    rotate_all(w, 1, 1);
    world_publish(w);
    cut_everywhere(w, true);
}

/* Honest cycles that fail for other reasons lose nothing either: the n-th answer does not come. */
TEST(ecu_30__every_single_request_fails_in_turn__the_next_cycle_ends_the_same)
{
    struct world *w = world_accepted();
    rotate_all(w, 1, 1);
    world_publish(w);
    struct moment begun = moment_of(w);
    CHECK_ERR(world_cycle(w)->err, SEV_OK);
    CHECK(world_wrong_release(w) == NULL);
    struct world_store whole = w->store;
    int requests = w->result.requests + w->result.image_requests;
    for (int n = 1; n <= requests; n++) {
        back_to(w, &begun);
        w->request_fails_at = n;
        (void)world_cycle(w);
        w->request_fails_at = 0;
        /* A root that does not come: the cycle goes on under the old one, since whoever can fail
         * it could as well say "absent", and then what new keys signed is refused. */
        bool root = strstr(w->trace, " 2.root.json: unreachable") != NULL;
        bool last_probe = strstr(w->trace, " 3.root.json: unreachable") != NULL;
        CHECK_ERR(w->result.err, root ? SEV_E_SIGNATURE : last_probe ? SEV_OK : SEV_E_UNREACHABLE);
        if (last_probe)
            CHECK(world_wrong_release(w) == NULL);
        check_floors(w, &begun.store);
        CHECK_ERR(world_cycle(w)->err, SEV_OK);
        CHECK(world_wrong_release(w) == NULL);
        CHECK(world_store_eq(&w->store, &whole));
    }
}
