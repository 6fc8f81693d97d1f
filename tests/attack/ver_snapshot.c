/* ver_snapshot - VER-21 to VER-27, ALG-4, MET-25, MET-26: the snapshot of a repository.
 * Each test starts from an accepted world and breaks one thing. SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

static const char *const names[] = {"director", "images", "regulator"};

#define FOR_EACH(r, w)                                                                             \
    for (int r = 0; r < WORLD_REPOSITORIES; r++)                                                   \
        for (struct world *w = world_accepted(); w != NULL; w = NULL)

#define ZEROES_64 "0000000000000000000000000000000000000000000000000000000000000000"

static const char *padded(sev_slice file, size_t to)
{
    sev_slice blanks = world_filled(to - file.len, ' ');
    return world_text("%.*s%.*s", (int)file.len, (const char *)file.ptr, (int)blanks.len,
                      (const char *)blanks.ptr);
}

/* What publishing now would make of a role's file, without doing it. */
static sev_slice would_be(struct world *w, int repository, const char *role)
{
    world_publish(w);
    sev_slice file = world_role(w, repository, role)->file;
    w->now = w->honest;
    return file;
}

/* REQ-VER-21 REQ-ALG-4.1 */
TEST(ver_21__snapshot_longer_than_announced__cut_and_old_one_kept)
{
    FOR_EACH(r, w)
    {
        world_publish(w);
        sev_slice file = world_role(w, r, "snapshot")->file;
        world_serves(w, r, "snapshot", world_slice(padded(file, file.len + 1)));
        WORLD_REFUSED(w, TOO_LONG, ENDLESS_DATA, names[r], "snapshot");
    }
}

TEST(ver_21__snapshot_longer_than_any_may_be__cut_though_announced)
{
    struct world *w = world_accepted();
    sev_slice file = would_be(w, IMAGES, "snapshot");
    sev_slice blanks = world_filled(SEV_SNAPSHOT_BYTES_MAX + 16 - file.len, ' ');
    world_edit_file(w, IMAGES, "snapshot", "],\"signed\":",
                    world_text("]%.*s,\"signed\":", (int)blanks.len, (const char *)blanks.ptr));
    WORLD_REFUSED(w, TOO_LONG, ENDLESS_DATA, "images", "snapshot");
}

TEST(ver_21__snapshot_is_asked_for_by_its_version__one_request)
{
    struct world *w = world_accepted();
    WORLD_ACCEPTED(w);
    CHECK(strstr(w->trace, "images get 6.snapshot.json\n") != NULL);
}

/* REQ-VER-22 REQ-ATK-09 REQ-ALG-4.2 */
TEST(ver_22__snapshot_hash_differs_from_timestamp__mix_and_match)
{
    FOR_EACH(r, w)
    {
        world_edit_served(w, r, "snapshot", "\"sha256\"", "\"sha257\"");
        if (r != DIRECTOR)
            w->now.edits[0].everywhere = true;
        WORLD_REFUSED(w, META_MISMATCH, MIX_AND_MATCH, names[r], "snapshot");
    }
}

/* REQ-VER-22 */
TEST(ver_22__one_of_two_hashes_wrong__mix_and_match)
{
    struct world *w = world_accepted();
    world_edit(w, IMAGES, "timestamp", "\"hashes\":{",
               "\"hashes\":{\"sha512\":\"" ZEROES_64 ZEROES_64 "\",");
    WORLD_REFUSED(w, META_MISMATCH, MIX_AND_MATCH, "images", "snapshot");
}

TEST(ver_22__two_hashes_both_right__accepted)
{
    struct world *w = world_accepted();
    uint8_t digest[SEV_SHA512_BYTES], hex[2 * SEV_SHA512_BYTES];
    sev_buf b = sev_buf_of(hex, sizeof hex);
    world_publish(w);
    sev_sha512(world_role(w, IMAGES, "snapshot")->file, digest);
    sev_hex_encode(sev_slice_of(digest, sizeof digest), &b);
    world_edit(w, IMAGES, "timestamp", "\"hashes\":{",
               world_text("\"hashes\":{\"sha512\":\"%.*s\",", (int)b.len, (const char *)hex));
    WORLD_ACCEPTED(w);
}

TEST(ver_22__snapshot_shorter_than_announced__mix_and_match)
{
    FOR_EACH(r, w)
    {
        size_t n = would_be(w, r, "snapshot").len;
        /* DER signatures differ in length: announce more than any of them could have. */
        world_edit(w, r, "timestamp", "\"length\":", "\"length\":1");
        CHECK(n < 10000);
        WORLD_REFUSED(w, META_MISMATCH, MIX_AND_MATCH, names[r], "snapshot");
    }
}

/* REQ-VER-22 */
TEST(ver_22__snapshot_version_differs_from_timestamp__mix_and_match)
{
    FOR_EACH(r, w)
    {
        world_publish(w);
        world_serves(w, r, "snapshot", world_role(w, r, "snapshot")->file);
        world_role(w, r, "timestamp")->sign_again = true;
        world_edit(w, r, "timestamp", "\"version\":6}}", "\"version\":7}}");
        WORLD_REFUSED(w, META_MISMATCH, MIX_AND_MATCH, names[r], "snapshot");
    }
}

/* The timestamp was accepted already: that must not block a good snapshot of the same timestamp. */
TEST(ver_22__good_snapshot_comes_after_a_bad_one__same_timestamp_accepted)
{
    FOR_EACH(r, w)
    {
        world_edit_served(w, r, "snapshot", "\"1.0.31\"", "\"1.0.32\"");
        world_publish(w);
        CHECK_ERR(world_cycle(w)->err, SEV_E_META_MISMATCH);
        world_heal(w);
        WORLD_ACCEPTED(w);
    }
}

TEST(atk_02__snapshot_absent_unreachable_slow__named_and_nothing_kept)
{
    FOR_EACH(r, w)
    {
        world_fails(w, r, "snapshot", SEV_E_ABSENT);
        WORLD_REFUSED(w, ABSENT, NONE, names[r], "snapshot");
        world_stage(w, 3);
        world_break(w);
        world_fails(w, r, "snapshot", SEV_E_UNREACHABLE);
        WORLD_REFUSED(w, UNREACHABLE, NONE, names[r], "snapshot");
        world_stage(w, 4);
        world_break(w);
        world_fails(w, r, "snapshot", SEV_E_TOO_SLOW);
        WORLD_REFUSED(w, TOO_SLOW, SLOW_RETRIEVAL, names[r], "snapshot");
    }
}

/* REQ-VER-23 REQ-ALG-4.3 */
TEST(ver_23__snapshot_signed_by_a_stranger__signature)
{
    FOR_EACH(r, w)
    {
        world_sign_also(world_role(w, r, "snapshot"), world_new_key(w));
        WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, names[r], "snapshot");
    }
}

TEST(ver_23__snapshot_one_signature_short__signature)
{
    struct world *w = world_begin();
    struct world_role *s = world_role(w, REGULATOR, "snapshot");
    s->keys = world_new_keys(w, 3, 3);
    world_settle(w);
    world_sign_with(s, &s->keys, 2);
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "regulator", "snapshot");
}

/* REQ-H10: online, the timestamp's key lies beside it; it does not stand for it. */
TEST(ver_23__snapshot_signed_by_the_timestamps_key__signature)
{
    struct world *w = world_accepted();
    world_sign_also(world_role(w, DIRECTOR, "snapshot"),
                    world_role(w, DIRECTOR, "timestamp")->keys.ids[0]);
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "snapshot");
}

/* REQ-VER-24: the floor is the stored snapshot's own, though no timestamp remembers it.
 * REQ-ALG-4.4 */
TEST(ver_24__snapshot_version_lower__rollback_and_nothing_kept)
{
    FOR_EACH(r, w)
    {
        world_remove_stored(w, r, "timestamp.json");
        world_role(w, r, "snapshot")->force_version = 4;
        WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, names[r], "snapshot");
    }
}

/* REQ-ATK-14 */
TEST(atk_14__snapshot_of_the_same_version_says_something_else__equivocation)
{
    FOR_EACH(r, w)
    {
        world_role(w, r, "snapshot")->force_version = 5;
        WORLD_REFUSED(w, EQUIVOCATION, EQUIVOCATION, names[r], "snapshot");
    }
}

/* REQ-VER-25 REQ-ALG-4.5 */
TEST(ver_25__delegated_version_lower__rollback_and_nothing_kept)
{
    struct world *w = world_accepted();
    world_role(w, IMAGES, "acme")->force_version = 4;
    WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, "images", "snapshot");
}

TEST(ver_25__attestations_version_lower__rollback_and_nothing_kept)
{
    struct world *w = world_accepted();
    world_role(w, REGULATOR, "attestations")->force_version = 4;
    WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, "regulator", "snapshot");
}

TEST(ver_25__targets_version_lower__rollback_and_nothing_kept)
{
    FOR_EACH(r, w)
    {
        world_role(w, r, "targets")->force_version = 4;
        WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, names[r], "snapshot");
    }
}

TEST(atk_14__delegated_version_the_same_with_other_digest__equivocation)
{
    struct world *w = world_accepted();
    world_role(w, IMAGES, "bolt")->force_version = 5;
    WORLD_REFUSED(w, EQUIVOCATION, EQUIVOCATION, "images", "snapshot");
}

TEST(atk_14__targets_version_the_same_with_other_digest__equivocation)
{
    FOR_EACH(r, w)
    {
        world_role(w, r, "targets")->sign_again = true;
        world_role(w, r, "targets")->force_version = 5;
        world_edit(w, r, "targets", "\"1.0.31\"", "\"1.0.32\"");
        WORLD_REFUSED(w, EQUIVOCATION, EQUIVOCATION, names[r], "snapshot");
    }
}

/* REQ-VER-26 */
static struct world *with_an_idle_role(void)
{
    struct world *w = world_begin();
    world_add_role(w, IMAGES, "former");
    world_delegate(w, IMAGES, "targets", "former", "[\"former/*\"]");
    world_settle(w);
    return w;
}

/* REQ-VER-26 REQ-ALG-4.6 */
TEST(ver_26__role_vanished_from_snapshot__rollback_and_nothing_kept)
{
    struct world *w = with_an_idle_role();
    world_edit(w, IMAGES, "snapshot", "\"former.json\":", "\"newer.json\":");
    WORLD_REFUSED(w, ROLE_VANISHED, ROLLBACK, "images", "snapshot");
}

TEST(ver_26__role_vanished_after_both_online_keys_were_rotated__accepted)
{
    struct world *w = with_an_idle_role();
    world_role(w, IMAGES, "timestamp")->keys = world_new_keys(w, 1, 1);
    world_role(w, IMAGES, "snapshot")->keys = world_new_keys(w, 1, 1);
    w->now.repositories[IMAGES].delegation_count--;
    world_edit(w, IMAGES, "snapshot", "\"former.json\":", "\"newer.json\":");
    WORLD_ACCEPTED(w);
}

/* The order of the list says nothing: another one is the same list. */
TEST(ver_26__snapshot_lists_the_same_roles_in_another_order__accepted)
{
    struct world *w = with_an_idle_role();
    world_publish(w);
    const struct world_role *acme = world_role(w, IMAGES, "acme");
    uint8_t digest[SEV_SHA256_BYTES], hex[2 * SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(hex, sizeof hex);
    sev_sha256(acme->file, digest);
    sev_hex_encode(sev_slice_of(digest, sizeof digest), &b);
    const char *entry = world_text(
        "\"acme.json\":{\"hashes\":{\"sha256\":\"%.*s\"},\"length\":%zu,\"version\":%lld}",
        (int)b.len, (const char *)hex, acme->file.len, (long long)acme->version);
    world_edit(w, IMAGES, "snapshot", world_text("%s,", entry), "");
    world_edit(w, IMAGES, "snapshot", "},\"spec_version\"",
               world_text(",%s},\"spec_version\"", entry));
    WORLD_ACCEPTED(w);
}

/* REQ-MET-26: root has no weight there, whatever is said of it. */
TEST(met_26__snapshot_lists_root_and_then_does_not__no_weight)
{
    struct world *w = world_begin();
    world_edit(w, IMAGES, "snapshot", "\"meta\":{",
               "\"meta\":{\"root.json\":{\"version\":\"nonsense\"},");
    world_settle(w);
    world_heal(w);
    WORLD_ACCEPTED(w);
}

/* REQ-VER-27 REQ-ALG-4.7 */
TEST(ver_27__snapshot_expires_now__freeze)
{
    FOR_EACH(r, w)
    {
        world_role(w, r, "snapshot")->expires = w->time;
        WORLD_REFUSED(w, EXPIRED, FREEZE, names[r], "snapshot");
    }
}

TEST(ver_27__snapshot_expires_in_a_second__accepted)
{
    FOR_EACH(r, w)
    {
        world_role(w, r, "snapshot")->expires = w->time + 1;
        WORLD_ACCEPTED(w);
    }
}

/* P-a P-b: what is used without a request is judged like what is fetched. REQ-VER-03 REQ-ALG-1.3 */
TEST(ver_27__stored_snapshot_expired_and_still_the_one__freeze)
{
    FOR_EACH(r, w)
    {
        world_role(w, r, "snapshot")->expires = w->time + WORLD_DAY;
        world_fails(w, IMAGES, "acme/brake-2.bin", SEV_E_ABSENT);
        world_publish(w);
        CHECK_ERR(world_cycle(w)->err, SEV_E_ABSENT); /* all metadata is stored, the image not */
        world_heal(w);
        w->time += WORLD_DAY;
        w->no_mending = true;
        WORLD_REFUSED(w, EXPIRED, FREEZE, names[r], "snapshot");
        CHECK(strstr(w->trace, world_text("%s get 6.snapshot.json", names[r])) == NULL);
    }
}

/* REQ-ALG-4.8 REQ-ALG-4.9 */
TEST(alg_4__snapshot_does_not_list_targets__malformed)
{
    FOR_EACH(r, w)
    {
        world_edit(w, r, "snapshot", "\"targets.json\":", "\"targets.jsom\":");
        WORLD_REFUSED(w, MALFORMED, NONE, names[r], "snapshot");
    }
}

/* DESIGN 3.1: a version alone would let a leaked targets key work without the snapshot's.
 * REQ-MET-25 */
TEST(met_25__snapshot_lists_a_role_without_hashes_or_length__malformed)
{
    struct world *w = world_accepted();
    world_edit(w, DIRECTOR, "snapshot", "\"hashes\":", "\"digests\":");
    WORLD_REFUSED(w, MALFORMED, NONE, "director", "snapshot");
    world_stage(w, 3);
    world_break(w);
    world_edit(w, DIRECTOR, "snapshot", "\"length\":", "\"size\":");
    WORLD_REFUSED(w, MALFORMED, NONE, "director", "snapshot");
    world_stage(w, 4);
    world_break(w);
    world_edit(w, DIRECTOR, "snapshot", "\"hashes\":{", "\"hashes\":{\"sha3\":\"00\",");
    WORLD_REFUSED(w, MALFORMED, NONE, "director", "snapshot");
}

TEST(met_25__snapshot_meta_is_a_list__malformed)
{
    struct world *w = world_accepted();
    world_publish(w);
    sev_slice body = SEV_LIT("{\"_type\":\"snapshot\",\"expires\":\"2030-01-01T00:00:00Z\","
                             "\"meta\":[],\"spec_version\":\"1.0\",\"version\":6}");
    sev_slice file = world_signed(w, IMAGES, "snapshot", body);
    uint8_t digest[SEV_SHA256_BYTES], hex[2 * SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(hex, sizeof hex);
    sev_sha256(file, digest);
    sev_hex_encode(sev_slice_of(digest, sizeof digest), &b);
    body = world_slice(world_text(
        "{\"_type\":\"timestamp\",\"expires\":\"2030-01-01T00:00:00Z\",\"meta\":{\"snapshot.json\":"
        "{\"hashes\":{\"sha256\":\"%.*s\"},\"length\":%zu,\"version\":6}},\"spec_version\":\"1.0\","
        "\"version\":6}",
        (int)b.len, (const char *)hex, file.len));
    world_serves(w, IMAGES, "timestamp", world_signed(w, IMAGES, "timestamp", body));
    world_serves(w, IMAGES, "snapshot", file);
    WORLD_REFUSED(w, MALFORMED, NONE, "images", "snapshot");
}

TEST(ver_44__stored_snapshot_damaged__replaced)
{
    FOR_EACH(r, w)
    {
        world_put_stored(w, r, "snapshot.json", SEV_LIT("[]"));
        WORLD_ACCEPTED(w);
        CHECK_SLICE(world_stored(w, r, "snapshot.json"), world_role(w, r, "snapshot")->file);
    }
}

/* P-b: listed, unchanged, but signed by a key that has gone: asked for again, and refused if it
 * is still the same. REQ-VER-03 REQ-ALG-1.3 */
TEST(p_b__stored_snapshot_is_signed_by_a_revoked_key__not_used)
{
    struct world *w = world_accepted();
    WORLD_ACCEPTED(w);
    world_stage(w, 3);
    world_break(w);
    struct world_role *s = world_role(w, DIRECTOR, "snapshot");
    struct world_keys gone = s->keys;
    s->keys = world_new_keys(w, 1, 1);
    world_sign_with(s, &gone, 1);
    w->no_mending = true;
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "snapshot");
}
