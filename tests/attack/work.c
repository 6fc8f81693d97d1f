/* work - what a file of the largest size may cost, however it is written: whoever holds online
 * keys, or the wire, must not buy minutes of a vehicle's time with it. SPDX-License-Identifier: MIT
 */
#include <time.h>

#include "test.h"
#include "world.h"

/* Honest ones take hundredths; what is to be noticed takes the square of the length. */
#define SECONDS_MAX 5

static uint8_t memory[2][(size_t)24 << 20];

static double seconds_since(clock_t begin)
{
    return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

static char *append(char *at, const char *text)
{
    size_t n = strlen(text);
    memcpy(at, text, n);
    return at + n;
}

/* A snapshot of SEV_SNAPSHOT_BYTES_MAX, its roles in rising or falling order. */
static sev_slice snapshot(const char *entry, int count, bool falling)
{
    char *text = (char *)world_take(SEV_SNAPSHOT_BYTES_MAX), *at = text;
    at = append(at, "{\"signatures\":[],\"signed\":{\"_type\":\"snapshot\",\"expires\":"
                    "\"2090-01-01T00:00:00Z\",\"meta\":{");
    for (int i = 0; i < count; i++)
        at += sprintf(at, "\"r%06d.json\":%s,", falling ? count - 1 - i : i, entry);
    at += sprintf(at, "\"targets.json\":%s},\"version\":1}}", entry);
    CHECK((size_t)(at - text) <= SEV_SNAPSHOT_BYTES_MAX);
    return sev_slice_of(text, (size_t)(at - text));
}

/* Both are 2 MiB and list the same: but one from the other end. */
TEST(work__snapshot_lists_its_roles_in_another_order__no_more_than_in_the_same)
{
    static const struct {
        sev_profile profile;
        const char *entry;
        int count;
    } cases[] = {
        {SEV_PROFILE_TUF, "{\"version\":1}", 69000},
        {SEV_PROFILE_NATIVE,
         "{\"hashes\":{\"sha256\":"
         "\"0000000000000000000000000000000000000000000000000000000000000001\"},"
         "\"length\":1,\"version\":1}",
         16000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world_begin();
        struct sev_doc docs[2];
        struct sev_snapshot snapshots[2];
        for (int k = 0; k < 2; k++) {
            struct sev_arena a = sev_arena_of(memory[k], sizeof memory[k]);
            CHECK_OK(sev_doc_open(&docs[k], snapshot(cases[i].entry, cases[i].count, k == 1),
                                  cases[i].profile, &a));
            CHECK_OK(sev_snapshot_parse(&docs[k], &snapshots[k]));
        }
        clock_t begin = clock();
        CHECK_OK(sev_snapshot_follows(&snapshots[0], &snapshots[1], cases[i].profile));
        CHECK_OK(sev_snapshot_follows(&snapshots[1], &snapshots[0], cases[i].profile));
        CHECK(seconds_since(begin) < SECONDS_MAX);
    }
}

/* Each signature with a member of 100 KiB that means nothing, all by the same key. */
TEST(work__signatures_with_long_members__no_more_than_a_pass_for_each)
{
    struct world *w = world_accepted();
    world_publish(w);
    struct world_role *acme = world_role(w, IMAGES, "acme");
    const char *junk = (const char *)world_filled(100000, 'j').ptr;
    char *text = (char *)world_take(SEV_TARGETS_BYTES_MAX), *at = append(text, "{\"signatures\":[");
    for (int i = 0; i < SEV_SIGS_MAX; i++)
        at += sprintf(at, "%s{\"a\":\"%s\",\"keyid\":\"%064d\",\"sig\":\"00\"}", i ? "," : "", junk,
                      i);
    at += sprintf(at, "],\"signed\":%.*s}", (int)acme->body.len, (const char *)acme->body.ptr);
    struct sev_arena a = sev_arena_of(memory[0], sizeof memory[0]);
    struct sev_doc doc;
    const char *id = world_key_id(w, acme->keys.ids[0]);
    struct sev_role role = {
        world_slice(world_text("{\"%s\":%s}", id, world_key_object(w, acme->keys.ids[0]))),
        world_slice(world_text("[\"%s\"]", id)), 1};
    clock_t begin = clock();
    CHECK_OK(sev_doc_open(&doc, sev_slice_of(text, (size_t)(at - text)), w->profile, &a));
    CHECK_ERR(sev_quorum_check(NULL, &role, &doc, NULL), SEV_E_SIGNATURE);
    CHECK(seconds_since(begin) < SECONDS_MAX);
}
