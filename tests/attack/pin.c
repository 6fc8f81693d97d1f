/* pin - DESIGN 3.6, SPV-06: the supplier's signature that partial verification asks for beside the
 * Director's. Each test starts from a pin and a role file that are accepted and breaks one thing.
 * SPDX-License-Identifier: MIT */
#include "secureev/pin.h"

#include "test.h"
#include "world.h"

#define BRAKE "acme/brake-2.bin"

static uint32_t memory[262144];
static struct sev_arena arena;
static world_key supplier, successor;
static struct sev_baseline floor_of_role; /* of the role file accepted last */

static const char *role_json(struct world *w, world_key key)
{
    return world_text("{\"keyids\":[\"%s\"],\"threshold\":1}", world_key_id(w, key));
}

static const char *pin_json(struct world *w)
{
    return world_text("{\"keys\":{\"%s\":%s,\"%s\":%s},\"path\":\"acme/*\",\"successor\":%s,"
                      "\"supplier\":%s}",
                      world_key_id(w, supplier), world_key_object(w, supplier),
                      world_key_id(w, successor), world_key_object(w, successor),
                      role_json(w, successor), role_json(w, supplier));
}

static sev_err parse(const char *text, struct sev_pin *out)
{
    arena = sev_arena_of(memory, sizeof memory);
    return sev_pin_parse(world_slice(text), &arena, out);
}

static struct world *begin(void)
{
    struct world *w = world_accepted();
    supplier = world_role(w, IMAGES, "acme")->keys.ids[0];
    successor = world_new_key(w);
    world_publish(w);
    floor_of_role = (struct sev_baseline){.present = false};
    return w;
}

/* Is the brake, as the Director assigns it, vouched for by this role file? */
static sev_err check_as(struct world *w, const char *pin_text, sev_slice role_file,
                        const char *hardware_id)
{
    static uint32_t director_memory[262144];
    struct sev_arena a = sev_arena_of(director_memory, sizeof director_memory);
    struct sev_doc doc;
    struct sev_targets t;
    struct sev_target assigned;
    struct sev_pin pin;
    CHECK_OK(sev_doc_open(&doc, world_role(w, DIRECTOR, "targets")->file, w->profile, &a));
    CHECK_OK(sev_targets_parse(&doc, &t));
    CHECK_OK(sev_targets_find(&t, w->profile, world_slice(w->now.images[0].name), &assigned));
    CHECK_OK(parse(pin_text, &pin));
    struct sev_baseline before = floor_of_role;
    sev_err e = sev_pin_check(NULL, &pin, role_file, &assigned, world_slice(hardware_id), w->time,
                              &arena, &floor_of_role);
    if (e != SEV_OK)
        CHECK(memcmp(&before, &floor_of_role, sizeof before) == 0);
    return e;
}

static sev_err check(struct world *w)
{
    return check_as(w, pin_json(w), world_role(w, IMAGES, "acme")->file, "hw-brake");
}

TEST(pin__supplier_vouches_for_what_is_assigned__accepted_and_floor_set)
{
    struct world *w = begin();
    CHECK_OK(check(w));
    CHECK(floor_of_role.present);
    CHECK_EQ(floor_of_role.version, 6);
    CHECK_OK(check(w)); /* again: the same file */
}

/* Neither the Director nor anybody at Images alone. */
TEST(pin__role_file_signed_by_a_stranger__signature)
{
    struct world *w = begin();
    world_sign_also(world_role(w, IMAGES, "acme"), world_new_key(w));
    world_role(w, IMAGES, "acme")->sign_again = true;
    world_publish(w);
    CHECK_ERR(check(w), SEV_E_SIGNATURE);
}

TEST(pin__role_file_signed_by_the_other_supplier__signature)
{
    struct world *w = begin();
    world_sign_also(world_role(w, IMAGES, "acme"), world_role(w, IMAGES, "bolt")->keys.ids[0]);
    world_role(w, IMAGES, "acme")->sign_again = true;
    world_publish(w);
    CHECK_ERR(check(w), SEV_E_SIGNATURE);
}

TEST(pin__successor_signs_alone__accepted)
{
    struct world *w = begin();
    world_sign_also(world_role(w, IMAGES, "acme"), successor);
    world_role(w, IMAGES, "acme")->sign_again = true;
    world_publish(w);
    CHECK_OK(check(w));
}

TEST(pin__a_key_id_signs_twice__duplicate_signature)
{
    struct world *w = begin();
    world_sign_also(world_role(w, IMAGES, "acme"), successor);
    world_sign_also(world_role(w, IMAGES, "acme"), successor);
    world_role(w, IMAGES, "acme")->sign_again = true;
    world_publish(w);
    CHECK_ERR(check(w), SEV_E_DUPLICATE_SIGNATURE);
}

TEST(pin__older_role_file__rollback_and_floor_untouched)
{
    struct world *w = begin();
    sev_slice old = world_role(w, IMAGES, "acme")->file;
    CHECK_OK(check(w));
    world_role(w, IMAGES, "acme")->sign_again = true;
    world_publish(w);
    CHECK_OK(check(w));
    CHECK_ERR(check_as(w, pin_json(w), old, "hw-brake"), SEV_E_VERSION_ROLLBACK);
}

TEST(pin__role_file_of_the_same_version_differs__equivocation)
{
    struct world *w = begin();
    CHECK_OK(check(w));
    world_role(w, IMAGES, "acme")->force_version = 6;
    world_role(w, IMAGES, "acme")->expires += 1;
    world_publish(w);
    CHECK_ERR(check(w), SEV_E_EQUIVOCATION);
}

TEST(pin__role_file_expires_now__freeze)
{
    struct world *w = begin();
    world_role(w, IMAGES, "acme")->expires = w->time;
    world_publish(w);
    CHECK_ERR(check(w), SEV_E_EXPIRED);
    world_role(w, IMAGES, "acme")->expires = w->time + 1;
    world_publish(w);
    CHECK_OK(check(w));
}

TEST(pin__image_outside_the_pinned_path__delegation)
{
    struct world *w = begin();
    const char *pin = pin_json(w), *at = strstr(pin, "\"acme/*\"");
    const char *other = world_text("%.*s\"bolt/*\"%s", (int)(at - pin), pin, at + 8);
    CHECK_ERR(check_as(w, other, world_role(w, IMAGES, "acme")->file, "hw-brake"),
              SEV_E_DELEGATION);
}

TEST(pin__image_not_listed_or_listed_otherwise__mix_and_match)
{
    static const char *const find[] = {"\"" BRAKE "\"", "\"length\":", "\"releaseCounter\":2",
                                       "\"match\":"};
    static const char *const replace[] = {"\"acme/brake.bin\"", "\"length\":1",
                                          "\"releaseCounter\":3", "\"mismatch\":"};
    for (int i = 0; i < 4; i++) {
        struct world *w = begin();
        world_edit(w, IMAGES, "acme", find[i], replace[i]);
        world_publish(w);
        CHECK_ERR(check(w), SEV_E_DISAGREE);
    }
}

/* Equal only if both have a match: absent on both sides is no agreement. */
TEST(pin__match_absent_on_both_sides__mix_and_match)
{
    struct world *w = begin();
    world_edit(w, IMAGES, "acme", "\"match\":", "\"mismatch\":");
    world_edit_all(w, DIRECTOR, "targets", "\"match\":", "\"mismatch\":");
    world_publish(w);
    CHECK_ERR(check(w), SEV_E_DISAGREE);
}

TEST(pin__image_for_other_hardware__wrong_hardware)
{
    struct world *w = begin();
    CHECK_ERR(check_as(w, pin_json(w), world_role(w, IMAGES, "acme")->file, "hw-door"),
              SEV_E_WRONG_HARDWARE);
}

TEST(pin__role_file_too_long_or_not_a_targets_file__refused)
{
    struct world *w = begin();
    const char *pin = pin_json(w);
    sev_slice file = world_role(w, IMAGES, "acme")->file;
    sev_slice blanks = world_filled(SEV_MESSAGE_BYTES_MAX - file.len + 1, ' ');
    sev_slice too_long = world_slice(
        world_text("%.*s%s", (int)file.len, (const char *)file.ptr, (const char *)blanks.ptr));
    CHECK_ERR(check_as(w, pin, too_long, "hw-brake"), SEV_E_TOO_LONG);
    CHECK_OK(check_as(w, pin, sev_slice_sub(too_long, 0, SEV_MESSAGE_BYTES_MAX), "hw-brake"));
    CHECK_ERR(check_as(w, pin, SEV_LIT("{"), "hw-brake"), SEV_E_JSON_SYNTAX);
    CHECK_ERR(check_as(w, pin, world_role(w, IMAGES, "snapshot")->file, "hw-brake"),
              SEV_E_WRONG_TYPE);
}

/* ------------------------------------------------------------ the pin itself */

static sev_err parse_edited(struct world *w, const char *find, const char *replace)
{
    struct sev_pin pin;
    const char *text = pin_json(w), *at = strstr(text, find);
    CHECK(at != NULL);
    return parse(world_text("%.*s%s%s", (int)(at - text), text, replace, at + strlen(find)), &pin);
}

TEST(pin__ill_formed__malformed)
{
    struct world *w = begin();
    CHECK_ERR(parse_edited(w, "\"supplier\":", "\"suppliers\":"), SEV_E_MALFORMED);
    CHECK_ERR(parse_edited(w, "\"successor\":", "\"successors\":"), SEV_E_MALFORMED);
    CHECK_ERR(parse_edited(w, "\"path\":", "\"paths\":"), SEV_E_MALFORMED);
    CHECK_ERR(parse_edited(w, "\"acme/*\"", "7"), SEV_E_MALFORMED);
    CHECK_ERR(parse_edited(w, "\"acme/*\"", "\"acm\\u0065/*\""), SEV_E_MALFORMED);
    CHECK_ERR(parse_edited(w, "\"keys\":", "\"keyz\":"), SEV_E_MALFORMED);
    CHECK_ERR(parse_edited(w, "\"keyids\":", "\"keyid\":"), SEV_E_MALFORMED);
    CHECK_ERR(parse_edited(w, "\"supplier\":{\"keyids\":", "\"supplier\":{\"keyid\":"),
              SEV_E_MALFORMED);
    CHECK_ERR(parse_edited(w, "\"threshold\":1", "\"threshold\":\"1\""), SEV_E_MALFORMED);
    CHECK_ERR(parse_edited(w, "{\"keys\"", "{\"path\":\"x\",\"keys\""), SEV_E_JSON_DUPLICATE);
    CHECK_ERR(parse_edited(w, "{\"keys\"", "[\"keys\""), SEV_E_JSON_SYNTAX);
}

TEST(pin__illegal_threshold__threshold)
{
    struct world *w = begin();
    CHECK_ERR(parse_edited(w, "\"threshold\":1", "\"threshold\":0"), SEV_E_THRESHOLD);
    CHECK_ERR(parse_edited(w, "\"threshold\":1", "\"threshold\":2"), SEV_E_THRESHOLD);
}

TEST(pin__key_under_another_id_or_missing__refused)
{
    struct world *w = begin();
    CHECK_ERR(parse_edited(w, world_text("\"%s\":{", world_key_id(w, supplier)),
                           world_text("\"%064d\":{", 1)),
              SEV_E_KEY);
    CHECK_ERR(parse_edited(w, "\"scheme\":", "\"x\":1,\"scheme\":"), SEV_E_KEY_ID);
}

/* What the smallest ECU cannot check must not be what an ECU relies on. */
TEST(pin__key_that_is_not_p256__key)
{
    struct world *w = begin();
    successor = world_new_key_of(w, SEV_KEY_ED25519);
    struct sev_pin pin;
    CHECK_ERR(parse(pin_json(w), &pin), SEV_E_KEY);
    successor = world_new_key(w);
    CHECK_ERR(parse_edited(w, "\"keytype\":\"ecdsa\"", "\"keytype\":\"future\""), SEV_E_KEY);
}

TEST(pin__too_long__endless_data)
{
    struct world *w = begin();
    struct sev_pin pin;
    const char *text = pin_json(w);
    sev_slice blanks = world_filled(SEV_PIN_BYTES_MAX + 1 - strlen(text), ' ');
    text = world_text("%s%s", text, (const char *)blanks.ptr);
    CHECK_ERR(parse(text, &pin), SEV_E_TOO_LONG);
    CHECK_OK(parse(world_text("%.*s", SEV_PIN_BYTES_MAX, text), &pin));
}
