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
    entry_refused("\"releaseCounter\":", "\"releaseCount\":", SEV_E_DISAGREE);
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
