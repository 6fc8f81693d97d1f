/* ver_timestamp - VER-17 to VER-20, ALG-3, MET-27, MET-28: the timestamp of a repository.
 * Each test starts from an accepted world and breaks one thing. SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

static const char *const names[] = {"director", "images", "regulator"};

#define FOR_EACH(r, w)                                                                             \
    for (int r = 0; r < WORLD_REPOSITORIES; r++)                                                   \
        for (struct world *w = world_accepted(); w != NULL; w = NULL)

/* REQ-VER-17 REQ-ATK-08 REQ-ALG-3.1 */
TEST(ver_17__timestamp_one_byte_too_long__cut_and_old_one_kept)
{
    FOR_EACH(r, w)
    {
        world_serves(w, r, "timestamp", world_filled(SEV_TIMESTAMP_BYTES_MAX + 1, ' '));
        WORLD_REFUSED(w, TOO_LONG, ENDLESS_DATA, names[r], "timestamp");
    }
}

TEST(ver_17__timestamp_is_asked_for_by_its_fixed_name__one_request)
{
    struct world *w = world_accepted();
    WORLD_ACCEPTED(w);
    const char *first = strstr(w->trace, "images get timestamp.json\n");
    CHECK(first != NULL);
    CHECK(strstr(first + 1, "images get timestamp.json\n") == NULL);
}

/* The machine's own bound, should a host hand over more than it was asked for. */
TEST(ver_17__host_hands_over_more_than_asked__cut)
{
    static uint8_t memory[1u << 20];
    struct world *w = world_accepted();
    struct sev_arena arena = sev_arena_of(memory, sizeof memory);
    struct sev_walk_config config = {.profile = w->profile, .now = w->time};
    struct sev_want want;
    world_publish(w);
    sev_walk_init(&w->walk, &config, &arena);
    for (;;) {
        sev_slice bytes = SEV_EMPTY;
        sev_walk_next(&w->walk, &want);
        if (want.kind == SEV_WANT_FETCH && strcmp(want.url, "timestamp.json") == 0)
            break;
        CHECK(want.kind != SEV_WANT_NOTHING);
        if (want.kind == SEV_WANT_LOAD)
            bytes = world_stored(w, IMAGES, want.file);
        if (want.kind == SEV_WANT_FETCH)
            (void)world_get(w, IMAGES, want.url, &bytes);
        if (want.kind != SEV_WANT_STORE && bytes.ptr == NULL) {
            sev_walk_absent(&w->walk);
            continue;
        }
        if (bytes.len != 0)
            memcpy(want.dest, bytes.ptr, bytes.len);
        sev_walk_got(&w->walk, bytes.len);
    }
    sev_slice honest;
    CHECK_OK(world_get(w, IMAGES, want.url, &honest));
    memset(want.dest, ' ', want.max + 1);
    memcpy(want.dest, honest.ptr, honest.len);
    sev_walk_got(&w->walk, want.max + 1);
    sev_walk_next(&w->walk, &want);
    CHECK_EQ(want.kind, SEV_WANT_NOTHING);
    CHECK_ERR(w->walk.err, SEV_E_TOO_LONG);
}

TEST(atk_03__timestamp_too_slow__slow_retrieval)
{
    FOR_EACH(r, w)
    {
        world_fails(w, r, "timestamp", SEV_E_TOO_SLOW);
        WORLD_REFUSED(w, TOO_SLOW, SLOW_RETRIEVAL, names[r], "timestamp");
    }
}

/* REQ-ATK-02: no attack is seen; nothing changes. */
TEST(atk_02__timestamp_absent_or_unreachable__retry_and_nothing_kept)
{
    FOR_EACH(r, w)
    {
        world_fails(w, r, "timestamp", SEV_E_ABSENT);
        WORLD_REFUSED(w, ABSENT, NONE, names[r], "timestamp");
        world_stage(w, 3);
        world_break(w);
        world_fails(w, r, "timestamp", SEV_E_UNREACHABLE);
        WORLD_REFUSED(w, UNREACHABLE, NONE, names[r], "timestamp");
        CHECK_EQ(sev_err_class(SEV_E_ABSENT), SEV_CLASS_RETRY);
        CHECK_EQ(sev_err_class(SEV_E_UNREACHABLE), SEV_CLASS_RETRY);
    }
}

/* REQ-VER-18 REQ-ALG-1.2 REQ-ALG-1.7 REQ-ALG-3.2 */
TEST(ver_18__timestamp_signed_by_a_stranger__signature)
{
    FOR_EACH(r, w)
    {
        world_sign_also(world_role(w, r, "timestamp"), world_new_key(w));
        WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, names[r], "timestamp");
    }
}

/* REQ-H10: the keys of every other role do not stand for it. */
TEST(ver_18__timestamp_signed_by_the_keys_of_another_role__signature)
{
    static const char *const others[] = {"root", "snapshot", "targets"};
    for (int i = 0; i < 3; i++) {
        struct world *w = world_accepted();
        world_sign_also(world_role(w, IMAGES, "timestamp"),
                        world_role(w, IMAGES, others[i])->keys.ids[0]);
        WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "images", "timestamp");
    }
}

/* REQ-ALG-0.6 REQ-VER-18 */
TEST(ver_18__timestamp_one_signature_short__signature)
{
    struct world *w = world_begin();
    struct world_role *t = world_role(w, DIRECTOR, "timestamp");
    t->keys = world_new_keys(w, 3, 2);
    world_settle(w);
    world_sign_with(t, &t->keys, 1);
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "timestamp");
}

TEST(ver_18__timestamp_signature_of_another_version__signature)
{
    struct world *w = world_accepted();
    world_edit_served(w, DIRECTOR, "timestamp", "\"1.0.31\",\"version\":6",
                      "\"1.0.31\",\"version\":7");
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "timestamp");
}

/* REQ-VER-19 REQ-ATK-07 REQ-ALG-3.3 */
TEST(ver_19__timestamp_version_lower__rollback_and_nothing_kept)
{
    FOR_EACH(r, w)
    {
        world_role(w, r, "timestamp")->force_version = 4;
        WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, names[r], "timestamp");
    }
}

TEST(ver_19__yesterdays_timestamp_replayed__rollback_and_numbers)
{
    struct world *w = world_accepted();
    sev_slice old = world_role(w, DIRECTOR, "timestamp")->file;
    WORLD_ACCEPTED(w);
    world_stage(w, 3);
    world_break(w);
    world_serves(w, DIRECTOR, "timestamp", old);
    w->no_mending = true;
    WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, "director", "timestamp");
    CHECK(w->result.has_numbers);
    CHECK_EQ(w->result.expected, 6);
    CHECK_EQ(w->result.actual, 5);
}

/* REQ-ATK-14 REQ-ALG-3.3: a version never names two files. */
TEST(atk_14__timestamp_of_the_same_version_says_something_else__equivocation)
{
    FOR_EACH(r, w)
    {
        world_role(w, r, "timestamp")->force_version = 5;
        WORLD_REFUSED(w, EQUIVOCATION, EQUIVOCATION, names[r], "timestamp");
    }
}

/* The same statement, signed once more, is the same file: nothing is new and nothing is stored. */
TEST(alg_3__timestamp_of_the_same_version_and_body_signed_again__no_news)
{
    struct world *w = world_accepted();
    world_stage(w, 1);
    struct world_role *t = world_role(w, DIRECTOR, "timestamp");
    world_serves(w, DIRECTOR, "timestamp", world_signed(w, DIRECTOR, "timestamp", t->body));
    WORLD_ACCEPTED(w);
    CHECK(strstr(w->trace, "director store") == NULL);
}

/* REQ-ALG-3.3b: the snapshot it names may not be older than the one named before, though that one
 * was never fetched. */
TEST(alg_3__timestamp_names_an_older_snapshot__rollback)
{
    FOR_EACH(r, w)
    {
        world_role(w, r, "snapshot")->force_version = 4;
        WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, names[r], "timestamp");
    }
}

/* REQ-VER-20 REQ-ATK-04 REQ-ALG-3.4 */
TEST(ver_20__timestamp_expires_now__freeze)
{
    FOR_EACH(r, w)
    {
        world_role(w, r, "timestamp")->expires = w->time;
        WORLD_REFUSED(w, EXPIRED, FREEZE, names[r], "timestamp");
    }
}

TEST(ver_20__timestamp_expires_in_a_second__accepted)
{
    FOR_EACH(r, w)
    {
        world_role(w, r, "timestamp")->expires = w->time + 1;
        WORLD_ACCEPTED(w);
    }
}

/* REQ-ATK-04: the attacker serves what was good once, for ever. */
TEST(atk_04__time_goes_on_and_the_files_do_not__freeze)
{
    struct world *w = world_accepted();
    w->time += 31 * WORLD_DAY;
    w->no_mending = true;
    world_serves(w, DIRECTOR, "timestamp", world_role(w, DIRECTOR, "timestamp")->file);
    WORLD_REFUSED(w, EXPIRED, FREEZE, "director", "timestamp");
}

/* Part 5.5: whatever is wrong with it, it is judged before it is stored. */
TEST(part_5_5__timestamp_expired_and_rolled_back_snapshot__not_stored_before_all_checks)
{
    struct world *w = world_accepted();
    world_role(w, IMAGES, "snapshot")->force_version = 4;
    world_role(w, IMAGES, "timestamp")->expires = w->time;
    WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, "images", "timestamp");
}

/* REQ-MET-27 REQ-MET-28 */
TEST(met_27__timestamp_without_snapshot_hash__malformed)
{
    FOR_EACH(r, w)
    {
        world_edit(w, r, "timestamp", "\"hashes\":", "\"digests\":");
        WORLD_REFUSED(w, MALFORMED, NONE, names[r], "timestamp");
    }
}

TEST(met_27__timestamp_with_an_unknown_hash_alone__malformed)
{
    struct world *w = world_accepted();
    world_edit(w, IMAGES, "timestamp", "\"sha256\":", "\"md5\":");
    WORLD_REFUSED(w, MALFORMED, NONE, "images", "timestamp");
}

TEST(met_27__timestamp_with_an_unknown_hash_too__malformed)
{
    struct world *w = world_accepted();
    world_edit(w, IMAGES, "timestamp", "\"hashes\":{", "\"hashes\":{\"md5\":\"00\",");
    WORLD_REFUSED(w, MALFORMED, NONE, "images", "timestamp");
}

TEST(met_27__timestamp_without_snapshot__malformed)
{
    struct world *w = world_accepted();
    world_edit(w, IMAGES, "timestamp", "\"snapshot.json\":", "\"snapshots.json\":");
    WORLD_REFUSED(w, MALFORMED, NONE, "images", "timestamp");
}

TEST(met_27__timestamp_without_snapshot_version__malformed)
{
    struct world *w = world_accepted();
    world_edit(w, IMAGES, "timestamp", "\"version\":6}}", "\"versions\":6}}");
    WORLD_REFUSED(w, MALFORMED, NONE, "images", "timestamp");
}

/* REQ-MET-28 */
TEST(met_28__timestamp_without_snapshot_length__malformed)
{
    FOR_EACH(r, w)
    {
        world_edit(w, r, "timestamp", "\"length\":", "\"lengths\":");
        WORLD_REFUSED(w, MALFORMED, NONE, names[r], "timestamp");
    }
}

/* REQ-ALG-3.5 */
TEST(alg_3__timestamp_names_a_second_file__malformed)
{
    struct world *w = world_accepted();
    world_edit(w, DIRECTOR, "timestamp", "\"meta\":{", "\"meta\":{\"more.json\":{\"version\":1},");
    WORLD_REFUSED(w, MALFORMED, NONE, "director", "timestamp");
}

/* A stored file that no longer verifies sets no floor and is replaced by the next. */
TEST(ver_44__stored_timestamp_damaged__replaced)
{
    FOR_EACH(r, w)
    {
        world_put_stored(w, r, "timestamp.json", SEV_LIT("{\"signatures\":[],\"signed\""));
        WORLD_ACCEPTED(w);
        CHECK_SLICE(world_stored(w, r, "timestamp.json"), world_role(w, r, "timestamp")->file);
    }
}
