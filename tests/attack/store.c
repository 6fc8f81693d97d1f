/* store - stored files that are not as we left them, as the host tells it: what can be had again is
 * had again, what cannot is said to be damaged. REQ-ECU-30 SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

static const struct {
    const char *file;
    size_t bytes;
} fetched_again[] = {
    {"timestamp.json", SEV_TIMESTAMP_BYTES_MAX}, {"snapshot.json", SEV_SNAPSHOT_BYTES_MAX},
    {"targets.json", SEV_TARGETS_BYTES_MAX},     {"acme", SEV_TARGETS_BYTES_MAX},
    {"trust.tag", sizeof(struct sev_walk_tag)},
};
#define FETCHED_AGAIN (sizeof fetched_again / sizeof fetched_again[0])

static const char *name_of(struct world *w, size_t i)
{
    const struct world_stored *role = world_stored_role(&w->store, IMAGES, "acme");
    return strcmp(fetched_again[i].file, "acme") == 0 ? role->name : fetched_again[i].file;
}

TEST(store__file_longer_than_any_may_be__replaced)
{
    for (size_t i = 0; i < FETCHED_AGAIN; i++) {
        struct world *w = world_accepted();
        WORLD_ACCEPTED(w);
        world_stage(w, 3);
        const char *file = name_of(w, i);
        world_put_stored(w, IMAGES, file, world_filled(fetched_again[i].bytes + 1, ' '));
        WORLD_ACCEPTED(w);
        CHECK(world_stored(w, IMAGES, file).len <= fetched_again[i].bytes);
    }
}

/* The same when keys are rotated, and floors are looked for to be forgotten. */
TEST(store__file_longer_than_any_may_be_after_a_rotation__replaced)
{
    for (size_t i = 0; i < FETCHED_AGAIN; i++) {
        struct world *w = world_accepted();
        WORLD_ACCEPTED(w);
        world_role(w, IMAGES, "snapshot")->keys = world_new_keys(w, 1, 1);
        world_stage(w, 3);
        world_put_stored(w, IMAGES, name_of(w, i), world_filled(fetched_again[i].bytes + 1, ' '));
        WORLD_ACCEPTED(w);
    }
}

TEST(store__root_or_state_longer_than_any_may_be__damaged)
{
    struct world *w = world_accepted();
    struct world_store before = w->store;
    world_put_stored(w, IMAGES, "root.json", world_filled(SEV_ROOT_BYTES_MAX + 1, ' '));
    w->no_mending = true;
    WORLD_REFUSED(w, STORE, NONE, "images", "root");
    w->store = before;
    world_put_stored(w, VEHICLE, "vehicle.state", world_filled((1u << 19) + 1, ' '));
    WORLD_REFUSED(w, STORE, NONE, "", "");
    w->store = before;
    WORLD_ACCEPTED(w);
}
