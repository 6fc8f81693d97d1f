/* pin - the second signature of partial verification: what a pinned supplier vouches for, and what
 * is refused although the Director assigned it. Each test starts from files that are accepted and
 * breaks one thing. SPDX-License-Identifier: MIT */
#include "secureev/pin.h"

#include "test.h"
#include "world.h"

#define BRAKE "acme/brake-2.bin"

static struct {
    struct world *w;
    struct sev_crypto *crypto;
    world_key supplier, successor, other;
    struct sev_pin pin;
    struct sev_doc director;
    struct sev_targets targets;
    struct sev_target assigned;
    struct sev_pin_floor floor;
    sev_slice hardware_id;
    sev_time now;
    size_t arena_bytes; /* for a check */
} f;

static uint8_t pin_memory[1 << 14], document_memory[1 << 16], check_memory[1 << 18];

static const char *key_member(world_key key)
{
    return world_text("\"%s\":%s", world_key_id(f.w, key), world_key_object(f.w, key));
}

static const char *role_text(world_key key, const char *threshold)
{
    return world_text("{\"keyids\":[\"%s\"],\"threshold\":%s}", world_key_id(f.w, key), threshold);
}

/* The members in the order of the parameters; NULL leaves one out. */
static const char *pin_text(const char *keys, const char *path, const char *successor,
                            const char *supplier)
{
    const char *names[] = {"keys", "path", "successor", "supplier"};
    const char *values[] = {keys, path, successor, supplier};
    const char *text = "";
    for (int i = 0; i < 4; i++)
        if (values[i] != NULL)
            text =
                world_text("%s%s\"%s\":%s", text, text[0] != '\0' ? "," : "", names[i], values[i]);
    return world_text("{%s}", text);
}

static const char *both_keys(void)
{
    return world_text("{%s,%s}", key_member(f.supplier), key_member(f.successor));
}

static sev_err parse_pin(const char *text)
{
    struct sev_arena a = sev_arena_of(pin_memory, sizeof pin_memory);
    return sev_pin_parse(world_slice(text), &a, &f.pin);
}

/* Refused, and the pin that was there before is as it was. */
static void pin_refused(const char *text, sev_err reason)
{
    struct sev_pin before;
    memset(&f.pin, 0x5a, sizeof f.pin);
    before = f.pin;
    CHECK_ERR(parse_pin(text), reason);
    CHECK(memcmp(&before, &f.pin, sizeof before) == 0);
}

/* What the Director assigns to ecu-1, as a vehicle takes it from verified targets. */
static void assign(void)
{
    struct sev_arena a = sev_arena_of(document_memory, sizeof document_memory);
    world_publish(f.w);
    CHECK_OK(sev_doc_open(&f.director, world_role(f.w, DIRECTOR, "targets")->file,
                          SEV_PROFILE_NATIVE, &a));
    CHECK_OK(sev_targets_parse(&f.director, &f.targets));
    CHECK_OK(sev_targets_find(&f.targets, SEV_PROFILE_NATIVE, SEV_LIT(BRAKE), &f.assigned));
}

static void set_up(void)
{
    memset(&f, 0, sizeof f);
    f.crypto = NULL; /* every provider allows it */
    f.w = world_accepted();
    f.supplier = world_role(f.w, IMAGES, "acme")->keys.ids[0];
    f.successor = world_new_key(f.w);
    f.other = world_new_key(f.w);
    f.hardware_id = SEV_LIT("hw-brake");
    f.now = WORLD_TIME;
    f.arena_bytes = sizeof check_memory;
    CHECK_OK(parse_pin(pin_text(both_keys(), "\"acme/*\"", role_text(f.successor, "1"),
                                role_text(f.supplier, "1"))));
    assign();
}

static sev_slice role_file(void)
{
    return world_role(f.w, IMAGES, "acme")->file;
}

static sev_err check_file(sev_slice file)
{
    struct sev_arena a = sev_arena_of(check_memory, f.arena_bytes);
    return sev_pin_check(f.crypto, &f.pin, file, &f.assigned, f.hardware_id, f.now, &a, &f.floor);
}

static void accepted(void)
{
    CHECK_OK(check_file(role_file()));
    CHECK(f.floor.last.present);
    CHECK_EQ(f.floor.last.version, world_role(f.w, IMAGES, "acme")->version);
}

static void refused_file(sev_slice file, sev_err reason)
{
    struct sev_pin_floor before = f.floor;
    CHECK_ERR(check_file(file), reason);
    CHECK(memcmp(&before, &f.floor, sizeof before) == 0);
}

static void refused(sev_err reason)
{
    refused_file(role_file(), reason);
}

/* The role file once more, signed by these. */
static void sign_with(const world_key *keys, int count)
{
    struct world_role *role = world_role(f.w, IMAGES, "acme");
    struct world_keys k = {.count = count};
    memcpy(k.ids, keys, (size_t)count * sizeof *keys);
    world_sign_with(role, &k, count);
    role->sign_again = true;
    world_publish(f.w);
}

static void edit_role(const char *find, const char *replace)
{
    world_edit(f.w, IMAGES, "acme", find, replace);
    world_publish(f.w);
}

/* ----------------------------------------------------------- who may sign */

TEST(pin__signed_by_the_supplier__accepted_and_the_floor_rises)
{
    set_up();
    accepted();
    CHECK_EQ(f.floor.successor_version, 0);
}

/* DESIGN 3.6: a revoked supplier is replaced by a file that the OEM's successor key signed. */
TEST(pin__signed_by_the_successor_alone__accepted)
{
    set_up();
    sign_with(&f.successor, 1);
    accepted();
}

/* Whoever has the new pin already and whoever has the old one still take the same file. */
TEST(pin__one_file_by_old_and_new_key__accepted_under_both_pins)
{
    set_up();
    world_key keys[] = {f.supplier, f.other};
    sign_with(keys, 2);
    accepted();
    CHECK_OK(
        parse_pin(pin_text(world_text("{%s,%s}", key_member(f.other), key_member(f.successor)),
                           "\"acme/*\"", role_text(f.successor, "1"), role_text(f.other, "1"))));
    memset(&f.floor, 0, sizeof f.floor);
    accepted();
    sign_with(&f.supplier, 1); /* the old one alone is no longer enough */
    refused(SEV_E_SIGNATURE);
}

TEST(pin__signed_by_a_stranger__refused)
{
    set_up();
    sign_with(&f.other, 1);
    refused(SEV_E_SIGNATURE);
}

TEST(pin__signed_by_the_directors_online_key__refused)
{
    set_up();
    sign_with(&world_role(f.w, DIRECTOR, "targets")->keys.ids[0], 1);
    refused(SEV_E_SIGNATURE);
}

TEST(pin__signed_by_nobody__refused)
{
    set_up();
    world_role(f.w, IMAGES, "acme")->signature_count = 0;
    world_role(f.w, IMAGES, "acme")->sign_again = true;
    world_publish(f.w);
    refused(SEV_E_SIGNATURE);
    edit_role("\"spec_version\":\"1.0.31\"", "\"spec_version\":\"1.0.32\"");
    world_edit_file(f.w, IMAGES, "acme", "\"signatures\":[]", "\"signature\":[]");
    world_publish(f.w);
    refused(SEV_E_SIGNATURE);
}

/* Two keys of a threshold of two: neither half of it and half of the other role, nor one twice. */
TEST(pin__threshold_of_two__met_by_two_keys_of_one_role_and_by_nothing_else)
{
    set_up();
    const char *keys = world_text("{%s,%s,%s}", key_member(f.supplier), key_member(f.successor),
                                  key_member(f.other));
    const char *two = world_text("{\"keyids\":[\"%s\",\"%s\"],\"threshold\":2}",
                                 world_key_id(f.w, f.supplier), world_key_id(f.w, f.other));
    const char *two_successors =
        world_text("{\"keyids\":[\"%s\",\"%s\"],\"threshold\":2}", world_key_id(f.w, f.successor),
                   world_key_id(f.w, f.other));
    CHECK_OK(parse_pin(pin_text(keys, "\"acme/*\"", two_successors, two)));
    world_key both[] = {f.supplier, f.other}, mixed[] = {f.supplier, f.successor};
    sign_with(&f.supplier, 1);
    refused(SEV_E_SIGNATURE);
    sign_with(mixed, 2);
    refused(SEV_E_SIGNATURE);
    world_key twice[] = {f.supplier, f.supplier};
    sign_with(twice, 2);
    refused(SEV_E_DUPLICATE_SIGNATURE);
    sign_with(both, 2);
    accepted();
}

TEST(pin__any_bit_of_the_role_file_flipped__refused_or_the_same)
{
    set_up();
    sev_slice copy = world_keep(role_file());
    uint8_t *bytes = (uint8_t *)(uintptr_t)copy.ptr;
    accepted();
    struct sev_pin_floor honest = f.floor;
    for (size_t i = 0; i < copy.len * 8; i += 5) {
        memset(&f.floor, 0, sizeof f.floor);
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        if (check_file(copy) == SEV_OK)
            CHECK(memcmp(&honest, &f.floor, sizeof honest) == 0);
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
}

/* ------------------------------------------------------ what kind of file */

TEST(pin__longer_than_a_message__refused_before_it_is_read)
{
    set_up();
    sev_slice file = role_file();
    size_t most = SEV_MESSAGE_BYTES_MAX;
    uint8_t *padded = world_take(most + 1);
    memset(padded, ' ', most + 1);
    memcpy(padded, file.ptr, file.len);
    CHECK_OK(check_file(sev_slice_of(padded, most)));
    refused_file(sev_slice_of(padded, most + 1), SEV_E_TOO_LONG);
}

TEST(pin__not_a_targets_file__refused)
{
    set_up();
    refused_file(SEV_LIT("{\"signatures\":[],\"signed\""), SEV_E_JSON_SYNTAX);
    refused_file(SEV_LIT("{\"signatures\":[],\"signed\":[]}"), SEV_E_MALFORMED);
    refused_file(world_role(f.w, IMAGES, "snapshot")->file, SEV_E_WRONG_TYPE);
    edit_role("\"_type\":\"targets\"", "\"_type\":\"grant\"");
    refused(SEV_E_WRONG_TYPE);
}

/* REQ-MET-31 */
TEST(pin__of_a_format_to_come__refused)
{
    set_up();
    edit_role("\"spec_version\":\"1.0.31\"", "\"spec_version\":\"2.0.0\"");
    refused(SEV_E_SPEC_VERSION);
}

TEST(pin__critical_member_that_is_not_known__refused)
{
    set_up();
    edit_role("\"expires\":", "\"custom\":{\"critical\":[\"recall\"]},\"expires\":");
    refused(SEV_E_CRITICAL);
}

/* ------------------------------------------------------------ age, order */

TEST(pin__older_than_the_last_one__refused_as_rollback)
{
    set_up();
    sev_slice old = world_keep(role_file());
    world_role(f.w, IMAGES, "acme")->sign_again = true;
    world_publish(f.w);
    accepted();
    refused_file(old, SEV_E_VERSION_ROLLBACK);
    accepted(); /* the same once more is fine */
}

static void sign_version(const world_key *keys, int count, int64_t version)
{
    world_role(f.w, IMAGES, "acme")->force_version = version;
    sign_with(keys, count);
}

/* Part 5, 18: a thief of the supplier's key claims the last version there is. The successor's file
 * ends that; but not a second time with the same file, and never by the supplier's key. */
TEST(pin__version_pushed_ahead_by_a_stolen_key__the_successor_recovers)
{
    set_up();
    sign_version(&f.supplier, 1, SEV_JSON_INT_MAX);
    accepted();
    sign_version(&f.supplier, 1, 7);
    refused(SEV_E_VERSION_ROLLBACK);
    sign_version(&f.successor, 1, 7);
    sev_slice seventh = world_keep(role_file());
    accepted();
    sign_version(&f.supplier, 1, 9);
    accepted();
    refused_file(seventh, SEV_E_VERSION_ROLLBACK);
    world_key both[] = {f.supplier, f.successor};
    sign_version(both, 2, 8); /* what both sign, the successor signs */
    sev_slice eighth = world_keep(role_file());
    accepted();
    sign_version(&f.supplier, 1, 10);
    accepted();
    refused_file(eighth, SEV_E_VERSION_ROLLBACK);
}

TEST(pin__same_version_other_words__refused_as_equivocation)
{
    set_up();
    accepted();
    world_role(f.w, IMAGES, "acme")->force_version = world_role(f.w, IMAGES, "acme")->version;
    edit_role("\"expires\":", "\"custom\":{\"issued\":1},\"expires\":");
    refused(SEV_E_EQUIVOCATION);
}

TEST(pin__expired__refused_from_that_very_second_on)
{
    set_up();
    f.now = world_role(f.w, IMAGES, "acme")->expires;
    refused(SEV_E_EXPIRED);
    f.now--;
    accepted();
}

/* ------------------------------------------------------- which image, for whom */

/* REQ-ECU-20 */
TEST(pin__image_outside_the_pinned_path__refused)
{
    set_up();
    CHECK_OK(parse_pin(pin_text(both_keys(), "\"acme/door*\"", role_text(f.successor, "1"),
                                role_text(f.supplier, "1"))));
    refused(SEV_E_DELEGATION);
    CHECK_OK(parse_pin(
        pin_text(both_keys(), "\"*\"", role_text(f.successor, "1"), role_text(f.supplier, "1"))));
    refused(SEV_E_DELEGATION); /* a star stops at the slash */
}

TEST(pin__image_that_the_supplier_does_not_list__refused)
{
    set_up();
    edit_role("\"" BRAKE "\"", "\"acme/brake-3.bin\"");
    refused(SEV_E_DISAGREE);
}

TEST(pin__listed_with_other_length_hashes_or_match__refused)
{
    static const char *const edits[][2] = {
        {"\"length\":", "\"length\":1"},
        {NULL, NULL}, /* one digest more than the Director listed */
        {"\"releaseCounter\":2", "\"releaseCounter\":3"},
        {"\"match\":{", "\"match\":{\"format\":\"x\","},
        {"\"match\":", "\"matches\":"},
    };
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        set_up();
        if (edits[i][0] == NULL) {
            world_image(f.w, BRAKE)->sha512_too = true;
            world_publish(f.w);
        } else {
            edit_role(edits[i][0], edits[i][1]);
        }
        refused(SEV_E_DISAGREE);
    }
}

/* Equal only if both have a match: absent on both sides is no agreement. */
TEST(pin__match_absent_on_both_sides__refused)
{
    set_up();
    world_edit_all(f.w, DIRECTOR, "targets", "\"match\":", "\"mismatch\":");
    edit_role("\"match\":", "\"mismatch\":");
    assign();
    refused(SEV_E_DISAGREE);
}

TEST(pin__listed_with_another_digest__refused)
{
    set_up();
    world_image(f.w, BRAKE)->bytes = SEV_LIT("evil code that is as long.");
    f.assigned.length = (int64_t)world_image(f.w, BRAKE)->bytes.len;
    world_publish(f.w);
    refused(SEV_E_DISAGREE);
}

TEST(pin__entry_that_cannot_be_used__refused)
{
    set_up();
    edit_role("\"sha256\":", "\"sha1\":");
    refused(SEV_E_MALFORMED);
    set_up();
    edit_role("\"releaseCounter\":2", "\"releaseCounter\":\"2\"");
    refused(SEV_E_MALFORMED);
}

/* The hardware ids of the entry and those of `match` are the same set, and ours is one of it. */
TEST(pin__for_other_hardware__refused)
{
    set_up();
    edit_role("\"custom\":{\"hardwareIds\":[\"hw-brake\"]",
              "\"custom\":{\"hardwareIds\":[\"hw-brake\",\"hw-x\"]");
    refused(SEV_E_DISAGREE);
    set_up();
    f.hardware_id = SEV_LIT("hw-x");
    refused(SEV_E_WRONG_HARDWARE);
    f.hardware_id = SEV_LIT("hw-brake");
    accepted();
}

TEST(pin__assigned_name_longer_than_any_image_has__refused)
{
    set_up();
    f.assigned.name.raw = world_filled(SEV_NAME_BYTES_MAX + 1, 'a');
    refused(SEV_E_JSON_LIMIT);
}

/* With any amount of memory: the same answer as with enough, or "too little". */
TEST(pin__little_memory__said_so_and_never_a_refusal)
{
    for (int reordered = 0; reordered < 2; reordered++) {
        bool enough = false;
        set_up();
        if (reordered) /* then members are sorted, and what was signed is written anew */
            world_edit_file(f.w, IMAGES, "acme", "{\"signatures\":", "{ \"z\":1,\"signatures\":");
        world_role(f.w, IMAGES, "acme")->sign_again = true;
        world_publish(f.w);
        for (f.arena_bytes = 0; f.arena_bytes < 1 << 15; f.arena_bytes += 8) {
            memset(&f.floor, 0, sizeof f.floor);
            sev_err e = check_file(role_file());
            CHECK(e == SEV_OK || e == SEV_E_MEMORY);
            CHECK(e == SEV_OK || !enough);
            enough = enough || e == SEV_OK;
        }
        CHECK(enough);
    }
}

/* -------------------------------------------------------------- the pin */

TEST(pin_parse__member_missing__refused)
{
    set_up();
    const char *keys = both_keys(), *path = "\"acme/*\"", *successor = role_text(f.successor, "1"),
               *supplier = role_text(f.supplier, "1");
    CHECK_OK(parse_pin(pin_text(keys, path, successor, supplier)));
    pin_refused(pin_text(NULL, path, successor, supplier), SEV_E_MALFORMED);
    pin_refused(pin_text(keys, NULL, successor, supplier), SEV_E_MALFORMED);
    pin_refused(pin_text(keys, path, NULL, supplier), SEV_E_MALFORMED);
    pin_refused(pin_text(keys, path, successor, NULL), SEV_E_MALFORMED);
    pin_refused(pin_text(keys, path, successor, "{\"threshold\":1}"), SEV_E_MALFORMED);
    pin_refused(pin_text(keys, path, successor,
                         world_text("{\"keyids\":[\"%s\"]}", world_key_id(f.w, f.supplier))),
                SEV_E_THRESHOLD);
    pin_refused(pin_text(keys, path, "{\"keyids\":{},\"threshold\":1}", supplier), SEV_E_MALFORMED);
    pin_refused(pin_text("[]", path, successor, supplier), SEV_E_MALFORMED);
    pin_refused(pin_text(keys, "[\"acme/*\"]", successor, supplier), SEV_E_MALFORMED);
    pin_refused(pin_text(keys, "\"acme\\/*\"", successor, supplier), SEV_E_MALFORMED);
    pin_refused(pin_text(keys, "\"acm\\u0065/*\"", successor, supplier), SEV_E_MALFORMED);
    pin_refused("[]", SEV_E_MALFORMED);
    pin_refused("", SEV_E_JSON_SYNTAX);
    pin_refused(world_text("{\"path\":\"a\",%s", pin_text(keys, path, successor, supplier) + 1),
                SEV_E_JSON_DUPLICATE);
}

TEST(pin_parse__key_that_small_ecus_cannot_check__refused)
{
    set_up();
    const char *successor = role_text(f.successor, "1"), *supplier = role_text(f.supplier, "1");
    world_key ed25519 = world_new_key_of(f.w, SEV_KEY_ED25519);
    pin_refused(pin_text(world_text("{%s,%s}", key_member(ed25519), key_member(f.successor)),
                         "\"acme/*\"", successor, role_text(ed25519, "1")),
                SEV_E_KEY);
    /* Nor may one lie there that nobody uses. */
    pin_refused(pin_text(world_text("{%s,%s,%s}", key_member(ed25519), key_member(f.successor),
                                    key_member(f.supplier)),
                         "\"acme/*\"", successor, supplier),
                SEV_E_KEY);
    pin_refused(pin_text(world_text("{%s,%s,\"00\":{\"keytype\":\"x\",\"scheme\":\"y\"}}",
                                    key_member(f.supplier), key_member(f.successor)),
                         "\"acme/*\"", successor, supplier),
                SEV_E_KEY);
    pin_refused(pin_text(world_text("{%s,%s,\"00\":{\"scheme\":\"y\"}}", key_member(f.supplier),
                                    key_member(f.successor)),
                         "\"acme/*\"", successor, supplier),
                SEV_E_MALFORMED);
}

TEST(pin_parse__threshold_that_is_zero_or_cannot_be_met__refused)
{
    set_up();
    static const char *const illegal[] = {"0", "-1", "2", "9007199254740991"};
    for (size_t i = 0; i < sizeof illegal / sizeof illegal[0]; i++) {
        pin_refused(pin_text(both_keys(), "\"acme/*\"", role_text(f.successor, "1"),
                             role_text(f.supplier, illegal[i])),
                    SEV_E_THRESHOLD);
        pin_refused(pin_text(both_keys(), "\"acme/*\"", role_text(f.successor, illegal[i]),
                             role_text(f.supplier, "1")),
                    SEV_E_THRESHOLD);
    }
    pin_refused(pin_text(both_keys(), "\"acme/*\"", role_text(f.successor, "1"),
                         role_text(f.supplier, "\"1\"")),
                SEV_E_MALFORMED);
}

/* One key under two ids, each of which hashes rightly, is one key. */
TEST(pin_parse__one_key_under_two_ids__counts_once)
{
    set_up();
    char id[SEV_KEY_ID_CHARS];
    const char *object = world_key_object(f.w, f.supplier);
    const char *again = world_text("{\"a\":1,%s", object + 1);
    CHECK_OK(sev_key_id_of(world_slice(again), id));
    const char *keys = world_text("{%s,%s,\"%.64s\":%s}", key_member(f.supplier),
                                  key_member(f.successor), id, again);
    pin_refused(pin_text(keys, "\"acme/*\"", role_text(f.successor, "1"),
                         world_text("{\"keyids\":[\"%s\",\"%.64s\"],\"threshold\":2}",
                                    world_key_id(f.w, f.supplier), id)),
                SEV_E_THRESHOLD);
    CHECK_OK(parse_pin(pin_text(keys, "\"acme/*\"", role_text(f.successor, "1"),
                                world_text("{\"keyids\":[\"%s\",\"%.64s\"],\"threshold\":1}",
                                           world_key_id(f.w, f.supplier), id))));
    accepted();
}

TEST(pin_parse__key_id_that_is_not_the_hash_of_its_key__refused)
{
    set_up();
    const char *keys = world_text("{\"%s\":%s,%s}", world_key_id(f.w, f.supplier),
                                  world_key_object(f.w, f.other), key_member(f.successor));
    pin_refused(
        pin_text(keys, "\"acme/*\"", role_text(f.successor, "1"), role_text(f.supplier, "1")),
        SEV_E_KEY_ID);
    pin_refused(
        pin_text(both_keys(), "\"acme/*\"", role_text(f.successor, "1"), role_text(f.other, "1")),
        SEV_E_KEY);
}

TEST(pin_parse__longer_than_a_pin__refused)
{
    set_up();
    const char *text = pin_text(both_keys(), "\"acme/*\"", role_text(f.successor, "1"),
                                role_text(f.supplier, "1"));
    int blanks = SEV_PIN_BYTES_MAX - (int)strlen(text);
    CHECK_OK(parse_pin(world_text("%s%*s", text, blanks, "")));
    pin_refused(world_text("%s%*s", text, blanks + 1, ""), SEV_E_TOO_LONG);
}

TEST(pin_parse__little_memory__said_so)
{
    set_up();
    /* In order it needs none; out of order the names are sorted there. */
    const char *text =
        world_text("{\"supplier\":%s,\"successor\":%s,\"path\":\"acme/*\",\"keys\":%s}",
                   role_text(f.supplier, "1"), role_text(f.successor, "1"), both_keys());
    struct sev_arena none = sev_arena_of(pin_memory, 0);
    CHECK_ERR(sev_pin_parse(world_slice(text), &none, &f.pin), SEV_E_MEMORY);
    CHECK_OK(parse_pin(text));
}
