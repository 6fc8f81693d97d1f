/* plan - what the Director's files mean for this vehicle, and whether all repositories agree.
 * SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "base/literal.h"
#include "verify/client_internal.h"
#include "verify/walk_internal.h"

static bool is_native(const struct sev_client *c)
{
    return c->config.profile == SEV_PROFILE_NATIVE;
}

/* ---------------------------------------------------------- vehicle binding */

/* Every Director file names the vehicle that it was made for; checked before versions, which of
 * another vehicle's file mean nothing here, and before anything is stored.
 * REQ-MET-08 REQ-MET-32 REQ-H07 REQ-ATK-13 */
sev_err sev_plan_before_version(void *context, enum sev_top_role role, const struct sev_doc *doc,
                                const struct sev_common *common)
{
    struct sev_client *c = context;
    (void)role;
    (void)doc;
    if (!is_native(c))
        return SEV_OK;
    if (SEV_REFUSE_IF(sev_json_get(common->custom, "subscriber").len != 0)) /* a broker's file */
        return SEV_E_WRONG_VEHICLE;
    sev_slice value = sev_json_get(common->custom, "vehicle");
    sev_json j = sev_json_at(value);
    sev_json_str text;
    sev_json_string(&j, &text);
    char plain[SEV_ID_BYTES_MAX];
    sev_buf b = sev_buf_of(plain, sizeof plain);
    if (j.err != SEV_OK || sev_json_str_copy(text, &b) != SEV_OK || SEV_REFUSE_IF(b.len == 0))
        return SEV_E_NO_VEHICLE;
    if (c->vehicle_len == 0) { /* the first one; stored together with the file it stands in */
        memcpy(c->vehicle, plain, b.len);
        c->vehicle_len = (uint32_t)b.len;
        return SEV_OK;
    }
    sev_slice ours = sev_slice_of(c->vehicle, c->vehicle_len);
    if (SEV_REFUSE_IF(!sev_slice_eq(sev_buf_slice(&b), ours)))
        return SEV_E_WRONG_VEHICLE;
    return SEV_OK;
}

/* ------------------------------------------------------ the Director's file */

/* Index of the ECU with this serial, or -1. */
static int ecu_of(const struct sev_client *c, sev_json_str serial)
{
    for (uint32_t i = 0; i < c->config.ecu_count; i++)
        if (sev_json_str_eq_slice(serial, c->config.ecus[i].serial))
            return (int)i;
    return -1;
}

/* {"hardwareId": "..."} */
static sev_err parse_ecu_entry(sev_json *j, sev_json_str *hardware_id)
{
    sev_json_str name;
    *hardware_id = (sev_json_str){SEV_EMPTY, false};
    sev_json_object(j);
    while (sev_json_member(j, &name)) {
        if (sev_json_str_is(name, "hardwareId"))
            sev_json_string(j, hardware_id);
        else
            sev_json_skip(j, NULL);
    }
    return j->err == SEV_OK && hardware_id->raw.ptr != NULL ? SEV_OK : SEV_E_MALFORMED;
}

/* How often a serial stands in all entries of the file. */
static uint32_t times_named(const struct sev_targets *t, sev_json_str serial)
{
    uint32_t count = 0;
    sev_json j = sev_json_at(t->targets);
    sev_json_str name, other;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        sev_slice ecus = sev_json_get(sev_json_get(value, "custom"), "ecuIdentifiers");
        sev_json i = sev_json_at(ecus);
        if (ecus.len == 0)
            continue;
        sev_json_object(&i);
        while (sev_json_member(&i, &other)) {
            sev_json_skip(&i, NULL);
            count += i.err == SEV_OK && sev_json_str_eq(serial, other);
        }
    }
    return count;
}

static sev_err check_ecus(const struct sev_client *c, const struct sev_targets *t,
                          const struct sev_target *target, const struct sev_match *match,
                          uint32_t *ecu_count)
{
    sev_json j = sev_json_at(target->ecu_identifiers);
    sev_json_str serial, hardware_id;
    uint32_t here = 0;
    sev_json_object(&j);
    while (sev_json_member(&j, &serial)) {
        sev_err e = parse_ecu_entry(&j, &hardware_id);
        if (e != SEV_OK)
            return e;
        here++;
        if (SEV_REFUSE_IF(++*ecu_count > SEV_ECUS_MAX))
            return SEV_E_JSON_LIMIT;
        if (SEV_REFUSE_IF(times_named(t, serial) != 1)) /* REQ-VER-34 */
            return SEV_E_DUPLICATE_ECU;
        int ecu = ecu_of(c, serial);
        bool foreign = ecu < 0 && c->config.mode == SEV_MODE_PRIMARY;
        if (SEV_REFUSE_IF(foreign)) /* REQ-VER-35 REQ-PRI-16 */
            return SEV_E_FOREIGN_ECU;
        if (ecu < 0)
            continue;
        sev_slice own = c->config.ecus[ecu].hardware_id;
        if (SEV_REFUSE_IF(!sev_json_str_eq_slice(hardware_id, own))) /* REQ-ECU-19 REQ-H12 */
            return SEV_E_WRONG_HARDWARE;
        bool named = match == NULL || sev_strings_contain(match->hardware_ids, own);
        if (SEV_REFUSE_IF(!named)) /* ALG-1 10.3 REQ-ATK-16 */
            return SEV_E_WRONG_HARDWARE;
    }
    if (j.err != SEV_OK)
        return SEV_E_MALFORMED;
    if (SEV_REFUSE_IF(here == 0)) /* REQ-MET-12 */
        return SEV_E_MALFORMED;
    return SEV_OK;
}

/* Plaintext that is described but not encrypted for anybody, or encryption of nothing known:
 * either way somebody took one half away. DESIGN 4, REQ-H13 REQ-MET-13 REQ-MET-14 */
static sev_err check_pairing(const struct sev_target *target, const struct sev_match *match,
                             bool has_bundle)
{
    bool encrypted = target->encryption.len != 0;
    bool described = match != NULL && match->plaintext.len != 0;
    if (SEV_REFUSE_IF(encrypted != described))
        return SEV_E_DOWNGRADE;
    if (SEV_REFUSE_IF(encrypted && !has_bundle))
        return SEV_E_BUNDLE;
    return SEV_OK;
}

static sev_err check_entry(const struct sev_client *c, const struct sev_targets *t,
                           const struct sev_target *target, bool has_bundle, uint32_t *ecu_count)
{
    char plain[SEV_NAME_BYTES_MAX];
    sev_buf name = sev_buf_of(plain, sizeof plain);
    bool clean =
        sev_json_str_copy(target->name, &name) == SEV_OK && sev_name_is_clean(sev_buf_slice(&name));
    if (SEV_REFUSE_IF(!clean)) /* REQ-REP-08 */
        return SEV_E_BAD_NAME;
    /* The Director says which ECU; which hardware an image is for is not its word to give. */
    if (SEV_REFUSE_IF(target->hardware_ids.len != 0))
        return SEV_E_MALFORMED;
    if (!is_native(c)) {
        if (target->ecu_identifiers.len == 0)
            return SEV_OK; /* contract 8.3: ignored */
        return check_ecus(c, t, target, NULL, ecu_count);
    }
    struct sev_match match;
    if (SEV_REFUSE_IF(target->match.len == 0))
        return SEV_E_DISAGREE;
    sev_err e = sev_match_parse(target->match, &match);
    if (e == SEV_OK)
        e = check_pairing(target, &match, has_bundle);
    if (e == SEV_OK)
        e = check_ecus(c, t, target, &match, ecu_count);
    return e;
}

/* How often a serial stands in all groups. */
static uint32_t times_grouped(sev_slice groups, sev_json_str serial)
{
    uint32_t count = 0;
    sev_json j = sev_json_at(groups);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_array(&j);
        while (sev_json_element(&j)) {
            sev_json_str other;
            sev_json_string(&j, &other);
            count += j.err == SEV_OK && sev_json_str_eq(serial, other);
        }
    }
    return count;
}

/* Groups name ECUs of this file, each once. A serial that is not assigned anything is an image
 * that somebody left out. */
static sev_err check_bundle(sev_slice bundle, const struct sev_targets *t)
{
    if (SEV_REFUSE_IF(bundle.len != 0 && bundle.ptr[0] != '{'))
        return SEV_E_BUNDLE;
    sev_slice groups = sev_json_get(bundle, "groups");
    sev_json j = sev_json_at(groups);
    if (groups.len == 0)
        return SEV_OK;
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_array(&j);
        while (sev_json_element(&j)) {
            sev_json_str serial;
            sev_json_string(&j, &serial);
            if (j.err != SEV_OK)
                break;
            if (SEV_REFUSE_IF(times_named(t, serial) != 1))
                return SEV_E_BUNDLE;
            if (SEV_REFUSE_IF(times_grouped(groups, serial) != 1))
                return SEV_E_BUNDLE;
        }
    }
    return j.err;
}

/* aktualizr's Directors may send an empty list of delegations; ours must not mention them. */
static bool delegates(const struct sev_client *c, const struct sev_targets *t)
{
    if (t->delegations.len == 0)
        return false;
    if (is_native(c))
        return true;
    sev_json j = sev_json_at(t->delegation_roles);
    if (t->delegation_roles.len == 0)
        return false;
    sev_json_array(&j);
    return sev_json_element(&j);
}

sev_err sev_plan_targets(void *context, const struct sev_doc *doc, const struct sev_targets *t)
{
    struct sev_client *c = context;
    (void)doc;
    if (SEV_REFUSE_IF(delegates(c, t))) /* REQ-MET-16 REQ-VER-33 REQ-DIR-04 */
        return SEV_E_DELEGATION;
    sev_slice bundle = sev_json_get(t->common.custom, "bundle");
    uint32_t ecu_count = 0;
    sev_json j = sev_json_at(t->targets);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        struct sev_target target;
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        if (j.err != SEV_OK)
            break;
        sev_err e = sev_target_parse(name, value, c->config.profile, &target);
        if (e == SEV_OK)
            e = check_entry(c, t, &target, bundle.len != 0, &ecu_count);
        if (e != SEV_OK)
            return e;
    }
    if (j.err != SEV_OK)
        return j.err;
    return is_native(c) ? check_bundle(bundle, t) : SEV_OK;
}

sev_err sev_plan_listed(void *context, const struct sev_doc *doc, const struct sev_targets *t)
{
    struct sev_client *c = context;
    (void)doc;
    for (uint32_t i = 0; i < c->image_count; i++) {
        const struct sev_image *image = &c->images[i];
        if ((image->needs & 1u << c->current) == 0)
            continue;
        sev_err e = sev_walk_check_entry(&c->walk, t, sev_slice_of(image->name, image->name_len));
        if (e != SEV_OK)
            return e;
    }
    return is_native(c) ? SEV_HEED(sev_delegations_check(t, c->walk.config.profile)) : SEV_OK;
}

/* -------------------------------------------------------------------- plan */

static bool is_installed(const struct sev_installed *r, const struct sev_target *t,
                         int64_t release_counter)
{
    return r->present && sev_json_str_eq(r->name, t->name) && r->length == t->length &&
           sev_hashes_eq(&r->hashes, &t->hashes) && r->release_counter == release_counter;
}

/* One ECU of ours gets one image: is it news, and may it be? */
static sev_err add_assignment(struct sev_client *c, uint32_t image, uint32_t ecu,
                              const struct sev_match *match)
{
    struct sev_installed r;
    sev_err e = sev_state_installed(c->stored_state, c->config.ecus[ecu].serial, &r);
    if (e != SEV_OK)
        return e;
    struct sev_assignment *a = &c->assignments[c->assignment_count++];
    *a = (struct sev_assignment){.ecu = ecu, .image = image, .release_counter = r.mark};
    if (match != NULL) {
        a->release_counter = match->release_counter;
        c->expected = r.mark;
        c->actual = match->release_counter;
        c->has_numbers = true;
        /* The mark outlives empty assignments. REQ-VER-09 REQ-ECU-21 REQ-ECU-33 REQ-H08 */
        if (SEV_REFUSE_IF(match->release_counter < r.mark))
            return SEV_E_RELEASE_ROLLBACK;
        bool too_far = r.present && r.release_counter < match->min_release_counter;
        if (SEV_REFUSE_IF(too_far))
            return SEV_E_STEPPING_STONE;
        c->has_numbers = false;
    }
    a->installed = is_installed(&r, &c->images[image].target, a->release_counter);
    if (!a->installed)
        c->images[image].wanted = true;
    return SEV_OK;
}

static sev_err add_image(struct sev_client *c, const struct sev_target *target)
{
    struct sev_image *image = &c->images[c->image_count];
    memset(image, 0, sizeof *image);
    image->target = *target;
    sev_buf name = sev_buf_of(image->name, sizeof image->name);
    sev_err e = sev_json_str_copy(target->name, &name);
    if (e != SEV_OK)
        return e;
    image->name_len = (uint32_t)name.len;
    struct sev_match match;
    bool has_match = target->match.len != 0;
    if (has_match) {
        e = sev_match_parse(target->match, &match);
        if (e != SEV_OK)
            return e;
    }
    uint32_t before = c->assignment_count;
    sev_json j = sev_json_at(target->ecu_identifiers);
    sev_json_str serial;
    sev_json_object(&j);
    while (sev_json_member(&j, &serial)) {
        sev_json_skip(&j, NULL);
        int ecu = j.err == SEV_OK ? ecu_of(c, serial) : -1;
        if (ecu < 0)
            continue;
        e = add_assignment(c, c->image_count, (uint32_t)ecu, has_match ? &match : NULL);
        if (e != SEV_OK)
            return e;
    }
    if (c->assignment_count == before)
        return SEV_OK; /* for others */
    if (c->config.mode != SEV_MODE_PARTIAL) {
        e = sev_map_needs(c->config.map, sev_buf_slice(&name), &image->needs);
        if (e != SEV_OK)
            return e;
    }
    e = sev_listing_of(target, SEV_LIT("targets"), SEV_EMPTY, c->arena, &image->listing);
    if (e == SEV_OK)
        c->image_count++;
    return e;
}

static uint32_t count_targets(sev_slice targets)
{
    uint32_t count = 0;
    sev_json j = sev_json_at(targets);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        sev_json_skip(&j, NULL);
        count++;
    }
    return count;
}

sev_err sev_plan_make(struct sev_client *c)
{
    const struct sev_targets *t = &c->walk.targets;
    uint32_t most = count_targets(t->targets);
    if (most > c->config.ecu_count)
        most = c->config.ecu_count; /* one image per ECU: serials are unique */
    c->images = (struct sev_image *)(void *)sev_arena_take(
        c->arena, (most + 1) * sizeof *c->images); /* one more to try in */
    c->assignments = (struct sev_assignment *)(void *)sev_arena_take(
        c->arena, (c->config.ecu_count + 1) * sizeof *c->assignments);
    if (c->images == NULL || c->assignments == NULL)
        return SEV_E_MEMORY;
    sev_json j = sev_json_at(t->targets);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        struct sev_target target;
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        sev_err e = j.err;
        if (e == SEV_OK)
            e = sev_target_parse(name, value, c->config.profile, &target);
        if (e == SEV_OK && target.ecu_identifiers.len != 0)
            e = add_image(c, &target);
        if (e != SEV_OK)
            return e;
    }
    return j.err;
}

/* --------------------------------------------------------------- agreement */

/* aktualizr's rule (contract 8.5): what both list agrees, and they share at least one digest. */
static bool hashes_compatible(const struct sev_hashes *a, const struct sev_hashes *b)
{
    bool both256 = a->has_sha256 && b->has_sha256, both512 = a->has_sha512 && b->has_sha512;
    if (both256 && memcmp(a->sha256, b->sha256, SEV_SHA256_BYTES) != 0)
        return false;
    if (both512 && memcmp(a->sha512, b->sha512, SEV_SHA512_BYTES) != 0)
        return false;
    return both256 || both512;
}

static bool agrees(const struct sev_client *c, const struct sev_listing *director,
                   const struct sev_listing *other)
{
    if (is_native(c))
        return sev_listing_agrees(director, other);
    return !SEV_REFUSE_IF(director->length != other->length) &&
           !SEV_REFUSE_IF(!hashes_compatible(&director->hashes, &other->hashes)) &&
           !SEV_REFUSE_IF(!other->names_hardware);
}

static bool repository_is(const struct sev_client *c, uint32_t r, const char *name)
{
    return sev_slice_eq(c->config.map->repositories[r].name, sev_literal(name));
}

void sev_plan_judge(struct sev_client *c, uint32_t r, struct sev_image *image,
                    const struct sev_walk *w)
{
    uint32_t bit = 1u << r;
    sev_slice role = sev_slice_of(w->listing.role, w->listing.role_len);
    if (!w->found)
        image->absent_at |= bit;
    else if (repository_is(c, r, "regulator") && sev_slice_eq(role, SEV_LIT("withdrawals")))
        image->withdrawn_at |= bit;
    else if (!agrees(c, &image->listing, &w->listing))
        image->differs_at |= bit;
}

static void about(struct sev_client *c, uint32_t bits, uint32_t image)
{
    for (uint32_t r = 0; r < c->config.map->count; r++) {
        if ((bits & 1u << r) == 0)
            continue;
        sev_slice name = c->config.map->repositories[r].name;
        memcpy(c->repository, name.ptr, name.len);
        c->repository[name.len] = '\0';
        break;
    }
    memcpy(c->role, "targets", 8);
    c->about_image = &c->images[image];
}

/* After all have been asked. A regulator that has not spoken is no attack, but only if nobody
 * contradicts; one bad image stops the whole bundle. DESIGN 3.1, REQ-PRI-15 REQ-ATK-05 REQ-A31 */
sev_err sev_plan_verdict(struct sev_client *c)
{
    uint32_t regulator = 0;
    for (uint32_t r = 0; r < c->config.map->count; r++)
        if (repository_is(c, r, "regulator"))
            regulator |= 1u << r;
    for (uint32_t i = 0; i < c->image_count; i++) {
        const struct sev_image *image = &c->images[i];
        uint32_t against = (image->differs_at | (image->absent_at & ~regulator)) & image->needs;
        if (SEV_REFUSE_IF(against != 0)) {
            about(c, against, i);
            return SEV_E_DISAGREE;
        }
    }
    for (uint32_t i = 0; i < c->image_count; i++) {
        const struct sev_image *image = &c->images[i];
        uint32_t silent = (image->absent_at | image->withdrawn_at) & image->needs;
        if (SEV_REFUSE_IF(silent != 0)) {
            about(c, silent, i);
            return SEV_E_NOT_ATTESTED;
        }
    }
    return SEV_OK;
}
