/* small - partial verification in pieces: what a microcontroller accepts and what it refuses.
 * Each test starts from files that are accepted and breaks one thing. SPDX-License-Identifier: MIT
 */
#include "secureev/small.h"

#include "test.h"
#include "world.h"

static struct sev_small small;
static struct sev_small_trust trust;
static struct sev_small_pin pin;
static struct sev_small_identity identity;
static sev_time now = WORLD_TIME;

static sev_slice file_of(struct world *w, int repository, const char *role)
{
    return world_role(w, repository, role)->file;
}

static sev_err read_file(sev_small_kind kind, sev_slice file, size_t piece)
{
    sev_small_begin(&small, kind, &trust, &identity, now);
    for (size_t i = 0; i < file.len; i += piece) {
        sev_err e = sev_small_feed(&small, sev_slice_sub(file, i, piece));
        if (e != SEV_OK)
            return e;
    }
    return sev_small_end(&small, &trust);
}

static void pin_key(struct world *w, world_key key, uint8_t bit, struct sev_small_role *role)
{
    const struct sev_pubkey *public = sev_privkey_public(world_private(w, key));
    sev_buf id = sev_buf_of(pin.keys[bit].id, 32);
    CHECK_OK(sev_hex_decode(world_slice(world_key_id(w, key)), &id));
    memcpy(pin.keys[bit].point, public->material + 1, 64);
    role->keys = (uint8_t)(role->keys | 1u << bit);
    role->threshold = 1;
    if (pin.key_count <= bit)
        pin.key_count = (uint8_t)(bit + 1);
}

static world_key successor_key;

/* An ECU of an accepted world that holds root 1 and the pin of its supplier. */
static struct world *begin(void)
{
    struct world *w = world_accepted();
    world_publish(w);
    now = WORLD_TIME;
    memset(&pin, 0, sizeof pin);
    memset(&trust, 0, sizeof trust);
    identity = (struct sev_small_identity){SEV_LIT("ecu-1"), SEV_LIT("hw-brake"),
                                           SEV_LIT(WORLD_VEHICLE), &pin};
    pin.path = SEV_LIT("acme/*");
    pin_key(w, world_role(w, IMAGES, "acme")->keys.ids[0], 0, &pin.supplier);
    successor_key = world_new_key(w);
    pin_key(w, successor_key, 1, &pin.successor);
    sev_slice root = file_of(w, DIRECTOR, "root");
    sev_small_begin(&small, SEV_SMALL_ROOT, &trust, &identity, now);
    CHECK_OK(sev_small_feed(&small, root));
    CHECK_OK(sev_small_provision(&small, &trust));
    return w;
}

static sev_err targets(struct world *w)
{
    world_publish(w);
    return read_file(SEV_SMALL_TARGETS, file_of(w, DIRECTOR, "targets"), 64);
}

/* The Director's file is refused: for this reason, with nothing changed and nothing installable. */
static void targets_refused(struct world *w, sev_err reason)
{
    struct sev_small_trust before = trust;
    CHECK_ERR(targets(w), reason);
    CHECK(memcmp(&before, &trust, sizeof trust) == 0);
    CHECK(sev_small_installable(&small) != SEV_OK);
}

static void role_refused(struct world *w, sev_slice file, sev_err reason)
{
    CHECK_OK(targets(w));
    struct sev_small_trust before = trust;
    CHECK_ERR(read_file(SEV_SMALL_ROLE, file, 64), reason);
    CHECK(memcmp(&before, &trust, sizeof trust) == 0);
    CHECK_ERR(sev_small_installable(&small), SEV_E_SIGNATURE);
}

TEST(small__honest_files_in_pieces_of_any_size__accepted_alike)
{
    static const size_t pieces[] = {1, 2, 3, 7, 64, 1000, 100000};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct world *w = begin();
        CHECK_OK(read_file(SEV_SMALL_TARGETS, file_of(w, DIRECTOR, "targets"), pieces[i]));
        CHECK(small.assigned.present);
        CHECK_TEXT(sev_slice_of(small.assigned.name, small.assigned.name_len), "acme/brake-2.bin");
        CHECK_ERR(sev_small_installable(&small), SEV_E_SIGNATURE); /* the supplier is missing */
        CHECK_OK(read_file(SEV_SMALL_ROLE, file_of(w, IMAGES, "acme"), pieces[i]));
        CHECK_OK(sev_small_installable(&small));
    }
}

TEST(small__no_pin__the_director_alone_is_enough)
{
    struct world *w = begin();
    identity.pin = NULL;
    CHECK_OK(targets(w));
    CHECK_OK(sev_small_installable(&small));
}

TEST(small__nothing_for_this_ecu__accepted_and_nothing_installable)
{
    struct world *w = begin();
    identity.serial = SEV_LIT("ecu-9");
    CHECK_OK(targets(w));
    CHECK_ERR(sev_small_installable(&small), SEV_E_NOT_FOUND);
}

/* REQ-SPV-03 */
TEST(small__director_targets_signed_by_another_key__refused)
{
    struct world *w = begin();
    struct world_keys other = world_new_keys(w, 1, 1);
    world_sign_with(world_role(w, DIRECTOR, "targets"), &other, 1);
    world_role(w, DIRECTOR, "targets")->sign_again = true;
    targets_refused(w, SEV_E_SIGNATURE);
}

TEST(small__one_key_signs_for_a_threshold_of_two__refused)
{
    struct world *w = begin();
    trust.root.targets.threshold = 2;
    targets_refused(w, SEV_E_SIGNATURE);
    /* The same key once more under another id is still one key. */
    uint8_t i = 0;
    while ((trust.root.targets.keys >> i & 1u) == 0)
        i++;
    uint8_t k = trust.root.key_count++;
    trust.root.keys[k] = trust.root.keys[i];
    trust.root.targets.keys = (uint8_t)(trust.root.targets.keys | 1u << k);
    targets_refused(w, SEV_E_SIGNATURE);
}

TEST(small__every_bit_of_the_directors_file__flipped_is_refused_or_says_the_same)
{
    struct world *w = begin();
    sev_slice file = file_of(w, DIRECTOR, "targets");
    struct sev_small_trust start = trust;
    CHECK_OK(read_file(SEV_SMALL_TARGETS, file, 512));
    struct sev_small_image honest = small.assigned;
    sev_slice copy = world_keep(file);
    uint8_t *bytes = (uint8_t *)(uintptr_t)copy.ptr;
    for (size_t i = 0; i < copy.len * 8; i += 3) {
        trust = start;
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        if (read_file(SEV_SMALL_TARGETS, copy, 512) == SEV_OK)
            CHECK(memcmp(&small.assigned, &honest, sizeof honest) == 0);
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
}

TEST(small__lower_version__refused_as_rollback)
{
    struct world *w = begin();
    sev_slice old = world_keep(file_of(w, DIRECTOR, "targets"));
    world_role(w, DIRECTOR, "targets")->sign_again = true;
    CHECK_OK(targets(w));
    CHECK_ERR(read_file(SEV_SMALL_TARGETS, old, 64), SEV_E_VERSION_ROLLBACK);
}

TEST(small__same_version_other_bytes__refused_as_equivocation)
{
    struct world *w = begin();
    CHECK_OK(targets(w));
    world_role(w, DIRECTOR, "targets")->force_version = world_role(w, DIRECTOR, "targets")->version;
    world_edit(w, DIRECTOR, "targets", "\"b-1\"", "\"b-2\"");
    targets_refused(w, SEV_E_EQUIVOCATION);
}

TEST(small__expired__refused_at_that_very_second)
{
    struct world *w = begin();
    now = world_role(w, DIRECTOR, "targets")->expires;
    targets_refused(w, SEV_E_EXPIRED);
    now--;
    trust.root.expires = now;
    targets_refused(w, SEV_E_EXPIRED);
}

/* REQ-SPV-06 REQ-MET-32 */
TEST(small__another_vehicles_file__refused_as_replay)
{
    struct world *w = begin();
    identity.vehicle = SEV_LIT("did:secureev:car-2");
    targets_refused(w, SEV_E_WRONG_VEHICLE);
}

TEST(small__one_ecu_in_two_images__refused)
{
    struct world *w = begin();
    world_edit(w, DIRECTOR, "targets", "\"ecu-2\":{\"hardwareId\":\"hw-door\"}",
               "\"ecu-1\":{\"hardwareId\":\"hw-brake\"}");
    world_edit(w, DIRECTOR, "targets", "\"hardwareIds\":[\"hw-door\"]",
               "\"hardwareIds\":[\"hw-brake\"]");
    targets_refused(w, SEV_E_DUPLICATE_ECU);
}

TEST(small__other_hardware__refused)
{
    struct world *w = begin();
    identity.hardware_id = SEV_LIT("hw-other");
    targets_refused(w, SEV_E_WRONG_HARDWARE);
}

TEST(small__image_for_hardware_that_match_does_not_name__refused)
{
    struct world *w = begin();
    world_edit(w, DIRECTOR, "targets", "\"hardwareIds\":[\"hw-brake\"]",
               "\"hardwareIds\":[\"hw-x\"]");
    targets_refused(w, SEV_E_WRONG_HARDWARE);
}

TEST(small__delegations_in_the_directors_file__refused)
{
    struct world *w = begin();
    world_edit(w, DIRECTOR, "targets",
               "\"expires\":", "\"delegations\":{\"keys\":{},\"roles\":[]},\"expires\":");
    targets_refused(w, SEV_E_DELEGATION);
}

TEST(small__critical_members__refused)
{
    struct world *w = begin();
    world_edit(w, DIRECTOR, "targets", "\"custom\":{\"bundle\"",
               "\"custom\":{\"a\":1,\"b\":2,\"bundle\"");
    CHECK_OK(targets(w)); /* unknown ones are not looked at */
    world_edit(w, DIRECTOR, "targets",
               "},\"vehicle\":", "},\"critical\":[\"vehicle\"],\"vehicle\":");
    targets_refused(w, SEV_E_CRITICAL);
}

TEST(small__encryption_announced_on_one_side__refused)
{
    struct world *w = begin();
    world_image(w, "acme/brake-2.bin")->encryption = "{\"alg\":\"x\"}";
    targets_refused(w, SEV_E_DOWNGRADE);
}

TEST(small__snapshot_served_as_targets__refused)
{
    struct world *w = begin();
    struct sev_small_trust before = trust;
    CHECK_ERR(read_file(SEV_SMALL_TARGETS, file_of(w, DIRECTOR, "snapshot"), 64), SEV_E_WRONG_TYPE);
    CHECK(memcmp(&before, &trust, sizeof trust) == 0);
}

TEST(small__endless_file__refused_at_the_limit)
{
    begin();
    uint64_t fed = 0;
    sev_slice blank = world_filled(4096, 'a');
    sev_small_begin(&small, SEV_SMALL_TARGETS, &trust, &identity, now);
    CHECK_OK(sev_small_feed(&small, SEV_LIT("{\"a\":\"")));
    sev_err e = SEV_OK;
    for (; e == SEV_OK && fed < (64u << 20); fed += blank.len)
        e = sev_small_feed(&small, blank);
    CHECK_ERR(e, SEV_E_TOO_LONG);
    CHECK(fed <= SEV_DIRECTOR_TARGETS_BYTES_MAX + 2 * blank.len);
    CHECK_ERR(sev_small_end(&small, &trust), SEV_E_TOO_LONG);
}

TEST(small__cut_off_anywhere__refused)
{
    struct world *w = begin();
    sev_slice file = file_of(w, DIRECTOR, "targets");
    for (size_t n = 0; n < file.len; n += 5)
        CHECK(read_file(SEV_SMALL_TARGETS, sev_slice_sub(file, 0, n), 512) != SEV_OK);
}

/* ------------------------------------------------------------ the supplier */

TEST(small__role_file_by_another_key__refused)
{
    struct world *w = begin();
    struct world_keys other = world_new_keys(w, 1, 1);
    world_sign_with(world_role(w, IMAGES, "acme"), &other, 1);
    world_role(w, IMAGES, "acme")->sign_again = true;
    world_publish(w);
    role_refused(w, file_of(w, IMAGES, "acme"), SEV_E_SIGNATURE);
}

TEST(small__role_file_of_another_supplier__refused)
{
    struct world *w = begin();
    role_refused(w, file_of(w, IMAGES, "bolt"), SEV_E_SIGNATURE);
}

/* DESIGN 3.6: a revoked supplier is replaced by a file that the OEM's successor key signed. */
TEST(small__role_file_by_the_successor__accepted)
{
    struct world *w = begin();
    struct world_keys other = {.ids = {successor_key}, .count = 1, .threshold = 1};
    world_sign_with(world_role(w, IMAGES, "acme"), &other, 1);
    world_role(w, IMAGES, "acme")->sign_again = true;
    CHECK_OK(targets(w));
    CHECK_OK(read_file(SEV_SMALL_ROLE, file_of(w, IMAGES, "acme"), 64));
    CHECK_OK(sev_small_installable(&small));
}

TEST(small__image_outside_the_pinned_path__refused)
{
    struct world *w = begin();
    pin.path = SEV_LIT("bolt/*");
    role_refused(w, file_of(w, IMAGES, "acme"), SEV_E_DELEGATION);
}

TEST(small__supplier_lists_other_bytes_length_or_match__refused)
{
    static const char *const edits[][2] = {
        {"\"releaseCounter\":", "\"minReleaseCounter\":0,\"releaseCounter\":"},
        {"\"length\":", "\"length\":1"},
    };
    for (size_t i = 0; i < 2; i++) {
        struct world *w = begin();
        CHECK_OK(targets(w));
        world_edit(w, IMAGES, "acme", edits[i][0], edits[i][1]);
        world_publish(w);
        CHECK_ERR(read_file(SEV_SMALL_ROLE, file_of(w, IMAGES, "acme"), 64), SEV_E_DISAGREE);
        CHECK_ERR(sev_small_installable(&small), SEV_E_SIGNATURE);
    }
}

TEST(small__role_file_without_the_image__refused)
{
    struct world *w = begin();
    CHECK_OK(targets(w));
    world_edit(w, IMAGES, "acme", "\"acme/brake-2.bin\"", "\"acme/brake-3.bin\"");
    world_publish(w);
    CHECK_ERR(read_file(SEV_SMALL_ROLE, file_of(w, IMAGES, "acme"), 64), SEV_E_DISAGREE);
}

TEST(small__role_file_older_or_changed_or_expired__refused)
{
    struct world *w = begin();
    sev_slice old = world_keep(file_of(w, IMAGES, "acme"));
    world_role(w, IMAGES, "acme")->sign_again = true;
    CHECK_OK(targets(w));
    CHECK_OK(read_file(SEV_SMALL_ROLE, file_of(w, IMAGES, "acme"), 64));
    role_refused(w, old, SEV_E_VERSION_ROLLBACK);
    world_role(w, IMAGES, "acme")->force_version = world_role(w, IMAGES, "acme")->version;
    world_edit(w, IMAGES, "acme", "\"expires\":\"2", "\"x\":1,\"expires\":\"2");
    world_publish(w);
    CHECK(read_file(SEV_SMALL_ROLE, file_of(w, IMAGES, "acme"), 64) != SEV_OK);
    now = world_role(w, IMAGES, "acme")->expires;
    trust.root.expires = now + WORLD_DAY;
    world_role(w, DIRECTOR, "targets")->expires = now + WORLD_DAY;
    world_role(w, DIRECTOR, "targets")->sign_again = true;
    world_heal(w);
    world_role(w, IMAGES, "acme")->force_version = 0;
    world_role(w, IMAGES, "acme")->sign_again = true;
    world_publish(w);
    role_refused(w, file_of(w, IMAGES, "acme"), SEV_E_EXPIRED);
}

TEST(small__counter_below_the_mark__not_installable)
{
    struct world *w = begin();
    CHECK_OK(targets(w));
    CHECK_OK(read_file(SEV_SMALL_ROLE, file_of(w, IMAGES, "acme"), 64));
    trust.release_mark = small.assigned.release_counter;
    CHECK_OK(sev_small_installable(&small));
    trust.release_mark++;
    CHECK_ERR(sev_small_installable(&small), SEV_E_RELEASE_ROLLBACK);
}

/* -------------------------------------------------------------------- root */

static void rotate_root(struct world *w)
{
    world_role(w, DIRECTOR, "root")->keys = world_new_keys(w, 1, 1);
    world_publish(w);
}

TEST(small__next_root__accepted_and_one_skipped_refused)
{
    struct world *w = begin();
    struct sev_small_trust first = trust;
    rotate_root(w);
    CHECK_OK(read_file(SEV_SMALL_ROOT, file_of(w, DIRECTOR, "root"), 64));
    CHECK_EQ(trust.root.version, first.root.version + 1);
    rotate_root(w);
    struct sev_small_trust second = trust;
    trust = first;
    CHECK(read_file(SEV_SMALL_ROOT, file_of(w, DIRECTOR, "root"), 64) != SEV_OK);
    trust = second;
    CHECK_OK(read_file(SEV_SMALL_ROOT, file_of(w, DIRECTOR, "root"), 64));
}

TEST(small__root_of_a_version_too_far__refused)
{
    struct world *w = begin();
    world_role(w, DIRECTOR, "root")->sign_again = true;
    world_role(w, DIRECTOR, "root")->force_version = 7;
    world_publish(w);
    CHECK_ERR(read_file(SEV_SMALL_ROOT, file_of(w, DIRECTOR, "root"), 64), SEV_E_ROOT_VERSION);
}

TEST(small__root_signed_by_one_side_only__refused)
{
    for (int side = 0; side < 2; side++) {
        struct world *w = begin();
        struct world_role *root = world_role(w, DIRECTOR, "root");
        struct world_keys old = root->keys, next = world_new_keys(w, 1, 1);
        root->keys = next;
        world_sign_with(root, side == 0 ? &old : &next, 1);
        world_publish(w);
        CHECK_ERR(read_file(SEV_SMALL_ROOT, file_of(w, DIRECTOR, "root"), 64), SEV_E_SIGNATURE);
    }
}

TEST(small__new_targets_key__clears_the_floor_and_nothing_else_does)
{
    struct world *w = begin();
    CHECK_OK(targets(w));
    int64_t floor = trust.targets.version;
    sev_slice old = world_keep(file_of(w, DIRECTOR, "targets"));
    world_role(w, DIRECTOR, "targets")->sign_again = true;
    CHECK_OK(targets(w));
    /* Another root key, another timestamp key: the targets key is as good as it was. */
    rotate_root(w);
    CHECK_OK(read_file(SEV_SMALL_ROOT, file_of(w, DIRECTOR, "root"), 64));
    world_role(w, DIRECTOR, "timestamp")->keys = world_new_keys(w, 1, 1);
    world_role(w, DIRECTOR, "root")->sign_again = true;
    world_publish(w);
    CHECK_OK(read_file(SEV_SMALL_ROOT, file_of(w, DIRECTOR, "root"), 64));
    CHECK_EQ(trust.targets.version, floor + 1);
    CHECK_ERR(read_file(SEV_SMALL_TARGETS, old, 64), SEV_E_VERSION_ROLLBACK);
    w = begin();
    CHECK_OK(targets(w));
    world_role(w, DIRECTOR, "targets")->keys = world_new_keys(w, 1, 1);
    world_role(w, DIRECTOR, "root")->sign_again = true;
    world_publish(w);
    CHECK_OK(read_file(SEV_SMALL_ROOT, file_of(w, DIRECTOR, "root"), 64));
    CHECK_EQ(trust.targets.version, 0);
    CHECK(floor > 0);
    CHECK_OK(targets(w));
}

TEST(small__key_id_that_is_not_its_hash__refused)
{
    struct world *w = begin();
    struct world_role *root = world_role(w, DIRECTOR, "root");
    root->sign_again = true;
    world_edit_all(w, DIRECTOR, "root", "\"scheme\":\"ecdsa-sha2-nistp256\"",
                   "\"scheme\":\"ecdsa-sha2-nistp256\",\"x\":1");
    world_publish(w);
    CHECK_ERR(read_file(SEV_SMALL_ROOT, file_of(w, DIRECTOR, "root"), 64), SEV_E_KEY_ID);
}

/* REQ-A11 */
TEST(small__one_key_id_signs_twice__refused)
{
    struct world *w = begin();
    struct world_role *t = world_role(w, DIRECTOR, "targets");
    t->sign_again = true;
    world_sign_also(t, t->keys.ids[0]);
    world_sign_also(t, t->keys.ids[0]);
    targets_refused(w, SEV_E_DUPLICATE_SIGNATURE);
}

static void root_refused(struct world *w, sev_err reason)
{
    struct sev_small_trust before = trust;
    struct world_role *root = world_role(w, DIRECTOR, "root");
    world_sign_also(root, root->keys.ids[0]);
    root->sign_again = true;
    world_publish(w);
    CHECK_ERR(read_file(SEV_SMALL_ROOT, file_of(w, DIRECTOR, "root"), 64), reason);
    CHECK(memcmp(&before, &trust, sizeof trust) == 0);
}

TEST(small__key_in_a_root_that_is_no_p256_key__refused)
{
    struct world *w = begin();
    world_edit_all(w, DIRECTOR, "root", "BEGIN PUBLIC KEY", "BEGIN PUBLIC KEX");
    root_refused(w, SEV_E_KEY);
}

TEST(small__more_keys_in_a_root_than_are_kept__refused)
{
    struct world *w = begin();
    struct world_role *root = world_role(w, DIRECTOR, "root");
    world_key first = root->keys.ids[0];
    root->keys = world_new_keys(w, SEV_SMALL_KEYS_MAX, 1);
    root->keys.ids[0] = first;
    root_refused(w, SEV_E_JSON_LIMIT);
}

TEST(small__threshold_in_a_root_that_cannot_be__refused)
{
    static const int64_t bad[] = {0, -1, 2, SEV_SMALL_KEYS_MAX + 1, 257, SEV_JSON_INT_MAX};
    for (int i = 0; i < 6; i++) {
        struct world *w = begin();
        world_role(w, DIRECTOR, "targets")->keys.threshold = bad[i];
        root_refused(w, SEV_E_THRESHOLD);
    }
}

/* The own entry, one thing missing or wrong. */
static void entry_refused(const char *find, const char *replace, sev_err reason)
{
    struct world *w = begin();
    w->now.image_count = 1;
    w->now.bundle = NULL;
    world_edit(w, DIRECTOR, "targets", find, replace);
    targets_refused(w, reason);
}

TEST(small__own_entry_incomplete__refused)
{
    entry_refused("\"length\":", "\"lengths\":", SEV_E_MALFORMED);
    entry_refused("\"sha256\":", "\"sha257\":", SEV_E_MALFORMED);
    entry_refused("\"match\":", "\"mismatch\":", SEV_E_DISAGREE);
    entry_refused("\"releaseCounter\":", "\"releaseCount\":", SEV_E_MALFORMED);
    entry_refused("\"releaseCounter\":2", "\"releaseCounter\":-1", SEV_E_MALFORMED);
    entry_refused("\"length\":38", "\"length\":-1", SEV_E_MALFORMED);
    entry_refused("\"length\":38", "\"length\":\"38\"", SEV_E_MALFORMED);
}

TEST(small__own_entry_with_a_name_that_is_not_clean_or_too_long__refused)
{
    entry_refused("\"acme/brake-2.bin\":", "\"acme/../brake-2.bin\":", SEV_E_BAD_NAME);
    entry_refused("\"acme/brake-2.bin\":", world_text("\"acme/%0*d\":", SEV_SMALL_NAME_MAX, 0),
                  SEV_E_BAD_NAME);
}

/* match names our hardware, the Director's entry another. REQ-H12 */
TEST(small__director_names_other_hardware_for_this_ecu__refused)
{
    entry_refused("{\"ecu-1\":{\"hardwareId\":\"hw-brake\"}}",
                  "{\"ecu-1\":{\"hardwareId\":\"hw-brakes\"}}", SEV_E_WRONG_HARDWARE);
}

TEST(small__targets_without_expiry_or_version__refused)
{
    entry_refused("\"expires\":", "\"expired\":", SEV_E_MALFORMED);
    entry_refused("},\"version\":7}", "},\"version\":0}", SEV_E_MALFORMED);
    entry_refused("},\"version\":7}", "}}", SEV_E_MALFORMED);
}

/* ------------------------------------------- documents that are read to their end, or not at all
 */

/* Whoever forgets to end a document, or to heed a refusal, has nothing that could be installed. */
TEST(small__document_that_was_not_ended__nothing_installable)
{
    struct world *w = begin();
    sev_slice director = file_of(w, DIRECTOR, "targets"), acme = file_of(w, IMAGES, "acme");
    for (int pinned = 0; pinned < 2; pinned++) {
        identity.pin = pinned ? &pin : NULL;
        sev_small_begin(&small, SEV_SMALL_TARGETS, &trust, &identity, now);
        CHECK_OK(sev_small_feed(&small, director));
        CHECK_ERR(sev_small_installable(&small), SEV_E_NOT_FOUND);
        CHECK_ERR(read_file(SEV_SMALL_ROLE, acme, 64), SEV_E_BUG); /* vouches for nothing */
        CHECK_ERR(sev_small_installable(&small), SEV_E_NOT_FOUND);
    }
    CHECK_OK(read_file(SEV_SMALL_TARGETS, director, 64));
    sev_small_begin(&small, SEV_SMALL_ROLE, &trust, &identity, now);
    CHECK_OK(sev_small_feed(&small, acme));
    CHECK_ERR(sev_small_installable(&small), SEV_E_SIGNATURE);
    CHECK_OK(sev_small_end(&small, &trust));
    CHECK_OK(sev_small_installable(&small));
    /* Another begins: what the last one gave is gone. */
    sev_small_begin(&small, SEV_SMALL_ROLE, &trust, &identity, now);
    CHECK_ERR(sev_small_installable(&small), SEV_E_SIGNATURE);
    sev_small_begin(&small, SEV_SMALL_TARGETS, &trust, &identity, now);
    CHECK_ERR(sev_small_installable(&small), SEV_E_NOT_FOUND);
}

TEST(small__refused_targets_then_a_good_role_file__nothing_installable)
{
    struct world *w = begin();
    sev_slice acme = world_keep(file_of(w, IMAGES, "acme"));
    identity.vehicle = SEV_LIT("did:secureev:car-2");
    targets_refused(w, SEV_E_WRONG_VEHICLE);
    CHECK_ERR(read_file(SEV_SMALL_ROLE, acme, 64), SEV_E_BUG);
    CHECK_ERR(sev_small_installable(&small), SEV_E_NOT_FOUND);
}

/* Calls in the wrong order are bugs of the caller, and said to be. */
TEST(small__wrong_kind_of_document__bug)
{
    struct world *w = begin();
    sev_small_begin(&small, SEV_SMALL_TARGETS, &trust, &identity, now);
    CHECK_OK(sev_small_feed(&small, file_of(w, DIRECTOR, "targets")));
    CHECK_ERR(sev_small_provision(&small, &trust), SEV_E_BUG);
    identity.pin = NULL;
    CHECK_OK(targets(w));
    CHECK_ERR(read_file(SEV_SMALL_ROLE, file_of(w, IMAGES, "acme"), 64), SEV_E_BUG);
}

/* -------------------------------------------------- what a whole-document reader would refuse too
 */

/* REQ-MET-31 */
TEST(small__format_to_come__refused)
{
    entry_refused("\"1.0.31\"", "\"2.0.0\"", SEV_E_SPEC_VERSION);
    entry_refused("\"1.0.31\"", "\"1.0.31-rc1\"", SEV_E_SPEC_VERSION);
    entry_refused("\"1.0.31\"", world_text("\"1.%0*d\"", SEV_SMALL_TEXT_MAX, 0),
                  SEV_E_SPEC_VERSION);
    struct world *w = begin();
    world_edit(w, DIRECTOR, "root", "\"1.0.31\"", "\"2.0.0\"");
    root_refused(w, SEV_E_SPEC_VERSION);
}

TEST(small__list_for_an_object_or_the_other_way_round__refused)
{
    entry_refused("\"1.0.31\"", "1", SEV_E_MALFORMED);
    entry_refused("\"targets\":{", "\"targeted\":{", SEV_E_MALFORMED);
    entry_refused("\"targets\":{", "\"target\":{},\"targets\":[],\"targetz\":{", SEV_E_MALFORMED);
    entry_refused("\"custom\":{\"vehicle\":\"" WORLD_VEHICLE "\"}", "\"custom\":[]",
                  SEV_E_MALFORMED);
    entry_refused("\"hardwareIds\":[\"hw-brake\"]", "\"hardwareIds\":{\"a\":\"hw-brake\"}",
                  SEV_E_MALFORMED);
    entry_refused("\"hardwareIds\":[\"hw-brake\"]", "\"hardwareIds\":[7,\"hw-brake\"]",
                  SEV_E_WRONG_HARDWARE);
    entry_refused("\"match\":{", "\"match\":[],\"matched\":{", SEV_E_DISAGREE);
}

static void envelope_refused(int repository, const char *role, sev_small_kind kind,
                             const char *find, const char *replace, sev_err reason)
{
    struct world *w = begin();
    world_role(w, repository, role)->sign_again = true;
    world_edit_file(w, repository, role, find, replace);
    world_publish(w);
    struct sev_small_trust before = trust;
    CHECK_ERR(read_file(kind, file_of(w, repository, role), 64), reason);
    CHECK(memcmp(&before, &trust, sizeof trust) == 0);
}

TEST(small__signatures_of_another_shape__refused)
{
    static const char *const edits[][2] = {
        {"\"signatures\":[", "\"signatures\":[[],"},
        {"\"signatures\":[", "\"signatures\":[{\"sig\":\"00\"},"},
        {"\"signatures\":[", "\"signatures\":[{\"keyid\":1},"},
        {"\"signatures\":[", "\"signatures\":[{\"keyid\":\"00\",\"sig\":1},"},
        {"\"signatures\":[", "\"signatures\":[{\"keyid\":\"00\",\"method\":1},"},
    };
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++)
        envelope_refused(DIRECTOR, "targets", SEV_SMALL_TARGETS, edits[i][0], edits[i][1],
                         SEV_E_MALFORMED);
    envelope_refused(DIRECTOR, "targets", SEV_SMALL_TARGETS, "{\"signatures\":[",
                     "{\"signatures\":{},\"signaturez\":[", SEV_E_SIGNATURE);
    envelope_refused(DIRECTOR, "targets", SEV_SMALL_TARGETS, "\"signed\":{",
                     "\"signed\":[],\"signee\":{", SEV_E_MALFORMED);
}

/* Part 5, 20: what cannot be checked does not count and does no harm. */
TEST(small__signatures_that_mean_nothing_here__no_matter)
{
    static const char *const harmless[] = {
        "{\"keyid\":\"zz\",\"sig\":\"00\"},{\"keyid\":\"zy\",\"sig\":\"00\"},",
        "{\"keyid\":\"\",\"sig\":\"\"},",
        "{\"keyid\":\"00\"},",
    };
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
        struct world *w = begin();
        world_edit_file(w, DIRECTOR, "targets", "\"signatures\":[",
                        world_text("\"signatures\":[%s", harmless[i]));
        world_role(w, DIRECTOR, "targets")->sign_again = true;
        CHECK_OK(targets(w));
    }
    struct world *w = begin(); /* more strangers than there is room for, before and after */
    struct world_role *t = world_role(w, DIRECTOR, "targets");
    for (int i = 0; i < 20; i++)
        world_sign_also(t, i == 10 ? t->keys.ids[0] : world_new_key(w));
    t->sign_again = true;
    CHECK_OK(targets(w));
    struct world_role *acme = world_role(w, IMAGES, "acme");
    for (int i = 0; i < 10; i++)
        world_sign_also(acme, world_new_key(w));
    world_sign_also(acme, acme->keys.ids[0]);
    acme->sign_again = true;
    world_publish(w);
    CHECK_OK(read_file(SEV_SMALL_ROLE, file_of(w, IMAGES, "acme"), 64));
}

TEST(small__more_signatures_than_a_file_may_have__refused)
{
    struct world *w = begin();
    struct world_role *t = world_role(w, DIRECTOR, "targets");
    for (int i = 0; i < SEV_SIGS_MAX; i++)
        world_sign_also(t, i == 0 ? t->keys.ids[0] : world_new_key(w));
    t->sign_again = true;
    CHECK_OK(targets(w));
    world_sign_also(t, world_new_key(w));
    t->sign_again = true;
    targets_refused(w, SEV_E_JSON_LIMIT);
    /* In a root, whose keys come after its signatures, all are kept. */
    w = begin();
    for (int i = 0; i < SEV_SMALL_SIGS_MAX; i++)
        world_sign_also(world_role(w, DIRECTOR, "root"), world_new_key(w));
    root_refused(w, SEV_E_JSON_LIMIT);
}

TEST(small__six_signatures_under_a_root__accepted)
{
    struct world *w = begin();
    struct world_role *root = world_role(w, DIRECTOR, "root");
    for (int i = 0; i < SEV_SMALL_SIGS_MAX; i++)
        world_sign_also(root, i == 3 ? root->keys.ids[0] : world_new_key(w));
    root->sign_again = true;
    world_publish(w);
    CHECK_OK(read_file(SEV_SMALL_ROOT, file_of(w, DIRECTOR, "root"), 64));
}

static const char *capitals(const char *text)
{
    char *copy = (char *)(uintptr_t)world_name("%s", text);
    for (char *c = copy; *c != '\0'; c++)
        *c = (char)(*c >= 'a' && *c <= 'f' ? *c - 'a' + 'A' : *c);
    return copy;
}

/* An id is its text: written otherwise it names no key. */
TEST(small__key_id_in_capitals__another_id)
{
    struct world *w = begin();
    struct world_role *t = world_role(w, DIRECTOR, "targets");
    const char *id = world_key_id(w, t->keys.ids[0]);
    world_edit_file(w, DIRECTOR, "targets", id, capitals(id));
    t->sign_again = true;
    targets_refused(w, SEV_E_SIGNATURE);
    /* The first of the ids stays the first in capitals: "keys" stays in order. */
    static const char *const roles[] = {"root", "timestamp", "snapshot", "targets"};
    w = begin();
    id = world_key_id(w, world_role(w, DIRECTOR, roles[0])->keys.ids[0]);
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        const struct world_keys *keys = &world_role(w, DIRECTOR, roles[i])->keys;
        for (int k = 0; k < keys->count; k++)
            if (strcmp(world_key_id(w, keys->ids[k]), id) < 0)
                id = world_key_id(w, keys->ids[k]);
    }
    world_edit_all(w, DIRECTOR, "root", id, capitals(id));
    root_refused(w, SEV_E_KEY_ID);
}

TEST(small__key_of_another_type__kept_and_never_counted)
{
    struct world *w = begin();
    world_edit_all(w, DIRECTOR, "root", "\"keytype\":\"ecdsa\"", "\"keytype\":\"rsa\"");
    root_refused(w, SEV_E_THRESHOLD); /* none is left that could sign */
}

TEST(small__part_of_a_root_of_another_shape__refused)
{
    static const char *const edits[][2] = {
        {"\"keys\":{", "\"keys\":[],\"keyz\":{"},
        {"\"roles\":{", "\"roles\":[],\"rolez\":{"},
        {"\"keys\":{", "\"keys\":{\"00\":7,"},
        {"\"keys\":{", "\"keys\":{\"00\":{\"keytype\":7},"},
        {"\"keys\":{", "\"keys\":{\"00\":{\"scheme\":7},"},
        {"\"roles\":{\"root\":{", "\"roles\":{\"root\":[],\"roof\":{"},
        {"\"roles\":{\"root\":{", "\"roles\":{\"root\":{\"keyids\":{\"a\":\"b\"}},\"rooz\":{"},
    };
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        struct world *w = begin();
        world_edit(w, DIRECTOR, "root", edits[i][0], edits[i][1]);
        root_refused(w, SEV_E_MALFORMED);
    }
}

TEST(small__file_for_a_broker__refused)
{
    struct world *w = begin();
    w->now.custom = "{\"subscriber\":\"b-1\",\"vehicle\":\"" WORLD_VEHICLE "\"}";
    targets_refused(w, SEV_E_WRONG_VEHICLE);
}

TEST(small__own_entry_without_hardware_or_with_too_much__refused)
{
    entry_refused("{\"hardwareId\":\"hw-brake\"}", "{}", SEV_E_MALFORMED);
    entry_refused("{\"hardwareId\":\"hw-brake\"}", "\"hw-brake\"", SEV_E_MALFORMED);
    entry_refused("\"match\":", "\"hardwareIds\":[\"hw-brake\"],\"match\":", SEV_E_MALFORMED);
}

TEST(small__supplier_lists_it_for_other_hardware__refused)
{
    struct world *w = begin();
    CHECK_OK(targets(w));
    world_edit(w, IMAGES, "acme", "\"custom\":{\"hardwareIds\":[\"hw-brake\"]",
               "\"custom\":{\"hardwareIds\":[\"hw-door\"]");
    world_publish(w);
    role_refused(w, file_of(w, IMAGES, "acme"), SEV_E_WRONG_HARDWARE);
}

/* ------------------------------------------------------------ image: digests, stepping stones */

/* REQ-ECU-23 REQ-VER-07 */
TEST(small__two_digests__both_compared_and_handed_over)
{
    struct world *w = begin();
    world_image(w, "acme/brake-2.bin")->sha512_too = true;
    CHECK_OK(targets(w));
    CHECK_OK(read_file(SEV_SMALL_ROLE, file_of(w, IMAGES, "acme"), 64));
    CHECK_OK(sev_small_installable(&small));
    uint8_t digest[SEV_SHA512_BYTES];
    sev_sha512(world_image(w, "acme/brake-2.bin")->bytes, digest);
    CHECK(small.assigned.has_sha512 && memcmp(digest, small.assigned.sha512, sizeof digest) == 0);
    world_edit(w, IMAGES, "acme", "\"sha512\":\"", "\"sha512\":\"00000000");
    world_publish(w);
    CHECK_ERR(read_file(SEV_SMALL_ROLE, file_of(w, IMAGES, "acme"), 64), SEV_E_MALFORMED);
}

TEST(small__digest_on_one_side_only_or_unknown__refused)
{
    struct world *w = begin();
    sev_slice without = world_keep(file_of(w, IMAGES, "acme"));
    world_image(w, "acme/brake-2.bin")->sha512_too = true;
    role_refused(w, without, SEV_E_DISAGREE);
    entry_refused("\"hashes\":{", "\"hashes\":{\"md5\":\"00\",", SEV_E_MALFORMED);
    entry_refused(
        "\"hashes\":{\"sha256\":", "\"hashes\":{\"sha256\":7,\"sha257\":", SEV_E_MALFORMED);
    entry_refused("\"hashes\":{", "\"hashes\":[],\"hashez\":{", SEV_E_MALFORMED);
}

/* REQ-ECU-21: an image may ask for a release that must have been installed before. */
TEST(small__stepping_stone_left_out__not_installable)
{
    struct world *w = begin();
    identity.pin = NULL;
    world_image(w, "acme/brake-2.bin")->more_match = "\"minReleaseCounter\":2";
    CHECK_OK(targets(w));
    CHECK_OK(sev_small_installable(&small)); /* nothing is known to be installed */
    trust.release_mark = 1;
    CHECK_ERR(sev_small_installable(&small), SEV_E_STEPPING_STONE);
    trust.release_mark = 2;
    CHECK_OK(sev_small_installable(&small));
    entry_refused("\"match\":{\"hardwareIds\":[\"hw-brake\"],",
                  "\"match\":{\"hardwareIds\":[\"hw-brake\"],\"minReleaseCounter\":-1,",
                  SEV_E_MALFORMED);
    entry_refused("\"match\":{\"hardwareIds\":[\"hw-brake\"],",
                  "\"match\":{\"hardwareIds\":[\"hw-brake\"],\"minReleaseCounter\":\"1\",",
                  SEV_E_MALFORMED);
}

/* --------------------------------------------------------------- keys of a root, the successor */

/* A Director of ours: root two of three, targets, snapshot, timestamp, publish, time. */
TEST(small__eight_keys_in_a_root__those_of_root_and_targets_are_kept)
{
    struct world *w = begin();
    struct world_role *root = world_role(w, DIRECTOR, "root");
    world_key first = root->keys.ids[0];
    root->keys = world_new_keys(w, 3, 2);
    root->keys.ids[0] = first;
    world_role(w, DIRECTOR, "timestamp")->keys = world_new_keys(w, 3, 1);
    world_publish(w);
    CHECK_OK(read_file(SEV_SMALL_ROOT, file_of(w, DIRECTOR, "root"), 64));
    CHECK_EQ(trust.root.key_count, 4);
    CHECK_EQ(trust.root.root.threshold, 2);
    root->sign_again = true; /* and the next is judged by what was kept */
    world_publish(w);
    CHECK_OK(read_file(SEV_SMALL_ROOT, file_of(w, DIRECTOR, "root"), 64));
    CHECK_OK(targets(w));
    world_role(w, DIRECTOR, "timestamp")->keys = world_new_keys(w, 4, 1);
    root_refused(w, SEV_E_JSON_LIMIT);
    /* Eight again, but seven of them would have to be kept. */
    w = begin();
    root = world_role(w, DIRECTOR, "root");
    first = root->keys.ids[0];
    root->keys = world_new_keys(w, 4, 1);
    root->keys.ids[0] = first;
    world_role(w, DIRECTOR, "targets")->keys = world_new_keys(w, 3, 1);
    world_role(w, DIRECTOR, "timestamp")->keys = world_role(w, DIRECTOR, "snapshot")->keys;
    root_refused(w, SEV_E_JSON_LIMIT);
}

static void sign_role(struct world *w, world_key key, int64_t version)
{
    struct world_role *role = world_role(w, IMAGES, "acme");
    struct world_keys keys = {.ids = {key}, .count = 1};
    role->force_version = version;
    role->sign_again = true;
    world_sign_with(role, &keys, 1);
    world_publish(w);
}

/* A thief of the supplier's key claims the last version there is; see pin.c. */
TEST(small__version_pushed_ahead_by_a_stolen_key__the_successor_recovers)
{
    struct world *w = begin();
    world_key supplier = world_role(w, IMAGES, "acme")->keys.ids[0];
    CHECK_OK(targets(w));
    sign_role(w, supplier, SEV_JSON_INT_MAX);
    CHECK_OK(read_file(SEV_SMALL_ROLE, file_of(w, IMAGES, "acme"), 64));
    sign_role(w, supplier, 7);
    CHECK_ERR(read_file(SEV_SMALL_ROLE, file_of(w, IMAGES, "acme"), 64), SEV_E_VERSION_ROLLBACK);
    sign_role(w, successor_key, 7);
    sev_slice seventh = world_keep(file_of(w, IMAGES, "acme"));
    CHECK_OK(read_file(SEV_SMALL_ROLE, seventh, 64));
    CHECK_OK(sev_small_installable(&small));
    sign_role(w, supplier, 9);
    CHECK_OK(read_file(SEV_SMALL_ROLE, file_of(w, IMAGES, "acme"), 64));
    CHECK_ERR(read_file(SEV_SMALL_ROLE, seventh, 64), SEV_E_VERSION_ROLLBACK);
}
