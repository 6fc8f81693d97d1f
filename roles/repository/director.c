/* director - what a Director assigns: to which ECU which image, and in which bundle. DESIGN 4
 * SPDX-License-Identifier: MIT */
#include "internal.h"

struct assigned {
    const struct sev_repository_assignment *a;
    const struct sev_repo_found *found;
};

/* Serials in the order of their names. */
static size_t next_serial(struct sev_texts serials, const char *last)
{
    size_t best = serials.count;
    for (size_t i = 0; i < serials.count; i++) {
        bool after = last == NULL || strcmp(serials.items[i], last) > 0;
        if (after && (best == serials.count || strcmp(serials.items[i], serials.items[best]) < 0))
            best = i;
    }
    return best;
}

static void put_assigned(sev_json_writer *w, const void *context)
{
    const struct assigned *s = context;
    const char *last = NULL;
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("custom"));
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("ecuIdentifiers"));
    sev_json_w_object(w);
    for (size_t n = 0; n < s->a->serials.count; n++) {
        size_t i = next_serial(s->a->serials, last);
        last = s->a->serials.items[i];
        sev_json_w_name(w, sev_repo_slice(last));
        sev_json_w_object(w);
        sev_json_w_string_member(w, "hardwareId", sev_repo_slice(s->a->hardware_ids.items[i]));
        sev_json_w_object_end(w);
    }
    sev_json_w_object_end(w);
    if (s->a->encryption.len != 0) {
        sev_json_w_name(w, SEV_LIT("encryption"));
        sev_json_w_raw(w, s->a->encryption);
    }
    sev_json_w_name(w, SEV_LIT("match"));
    sev_json_w_raw(w, s->found->match);
    sev_json_w_object_end(w);
    sev_json_w_name(w, SEV_LIT("hashes"));
    sev_repo_put_hashes(w, &s->found->hashes);
    sev_json_w_integer_member(w, "length", s->found->length);
    sev_json_w_object_end(w);
}

/* An ECU gets one image: what it had before gives way. */
static sev_err unassign(struct sev_repository *r, struct sev_repo_file *f, const char *serial,
                        const char *but)
{
    for (uint32_t i = 0; i < f->entry_count; i++) {
        struct sev_repo_entry *entry = &f->entries[i];
        sev_slice ecus = sev_json_get(sev_json_get(entry->value, "custom"), "ecuIdentifiers");
        if (sev_slice_eq(entry->name, sev_repo_slice(but)) || sev_json_get(ecus, serial).len == 0)
            continue;
        if (sev_repo_count(ecus) != 1)
            return sev_repo_fail(r->note, SEV_E_DUPLICATE_ECU,
                                 "ECU %.64s shares %.*s with others: remove or assign that first",
                                 serial, (int)entry->name.len, (const char *)entry->name.ptr);
        (void)sev_repo_drop_entry(f, entry->name);
        i--;
    }
    return SEV_OK;
}

static sev_err check_hardware(struct sev_repository *r, const struct sev_repo_found *found,
                              const struct sev_repository_assignment *a)
{
    for (size_t i = 0; i < a->hardware_ids.count; i++)
        if (!sev_strings_contain(found->hardware_ids, sev_repo_slice(a->hardware_ids.items[i])))
            return sev_repo_fail(r->note, SEV_E_WRONG_HARDWARE,
                                 "%.200s is not for hardware %.128s of ECU %.64s", a->name,
                                 a->hardware_ids.items[i], a->serials.items[i]);
    /* One side without the other is a downgrade. REQ-H13 */
    if (found->encrypted != (a->encryption.len != 0))
        return sev_repo_fail(r->note, SEV_E_DOWNGRADE, "%.200s is %sencrypted, the assignment is%s",
                             a->name, found->encrypted ? "" : "not ",
                             a->encryption.len != 0 ? "" : " not");
    return SEV_OK;
}

sev_err sev_repository_assign(struct sev_repository *r, const struct sev_repository_source *from,
                              const struct sev_repository_assignment *a)
{
    struct sev_repo_found found;
    struct assigned s = {a, &found};
    struct sev_repo_file *f = r->files[0];
    if (r->kind != SEV_REPOSITORY_DIRECTOR)
        return sev_repo_fail(r->note, SEV_E_CONFIG, "a Director assigns, %s does not",
                             sev_repository_kind_name(r->kind));
    sev_err e = sev_repo_check_name(r, a->name);
    if (e == SEV_OK)
        e = sev_repo_check_texts(r, "ECU", a->serials);
    if (e != SEV_OK)
        return e;
    if (a->serials.count == 0 || a->serials.count != a->hardware_ids.count)
        return sev_repo_fail(r->note, SEV_E_USAGE, "name at least one ECU and its hardware id");
    e = sev_repo_find_in_source(r, from, a->name, &found);
    if (e == SEV_OK)
        e = check_hardware(r, &found, a);
    for (size_t i = 0; e == SEV_OK && i < a->serials.count; i++)
        e = unassign(r, f, a->serials.items[i], a->name);
    return e == SEV_OK ? sev_repo_put_new(r, f, a->name, put_assigned, &s) : e;
}

struct custom {
    const struct sev_repository_bundle *b;
    sev_slice correlation_id; /* JSON, or empty */
};

/* "A,B" as an array. */
static void put_group(sev_json_writer *w, const char *group)
{
    sev_json_w_array(w);
    while (*group != '\0') {
        size_t n = strcspn(group, ",");
        sev_json_w_string(w, sev_slice_of(group, n));
        group += n + (group[n] == ',');
    }
    sev_json_w_array_end(w);
}

static void put_bundle(sev_json_writer *w, const void *context)
{
    const struct custom *c = context;
    sev_json_w_object(w);
    if (c->b->id != NULL) {
        sev_json_w_name(w, SEV_LIT("bundle"));
        sev_json_w_object(w);
        if (c->b->groups.count != 0) {
            sev_json_w_name(w, SEV_LIT("groups"));
            sev_json_w_array(w);
            for (size_t i = 0; i < c->b->groups.count; i++)
                put_group(w, c->b->groups.items[i]);
            sev_json_w_array_end(w);
        }
        sev_json_w_string_member(w, "id", sev_repo_slice(c->b->id));
        sev_json_w_integer_member(w, "version", c->b->version);
        sev_json_w_object_end(w);
    }
    if (c->b->correlation_id != NULL)
        sev_json_w_string_member(w, "correlationId", sev_repo_slice(c->b->correlation_id));
    else if (c->correlation_id.len != 0) {
        sev_json_w_name(w, SEV_LIT("correlationId"));
        sev_json_w_raw(w, c->correlation_id);
    }
    sev_json_w_object_end(w);
}

sev_err sev_repository_set_bundle(struct sev_repository *r, const struct sev_repository_bundle *b)
{
    struct custom c = {b, sev_json_get(r->files[0]->custom, "correlationId")};
    sev_err e = SEV_OK;
    if (r->kind != SEV_REPOSITORY_DIRECTOR)
        return sev_repo_fail(r->note, SEV_E_CONFIG, "only a Director's files have bundles");
    if (b->id != NULL)
        e = sev_repo_check_id(r, "bundle", b->id);
    if (e == SEV_OK && b->correlation_id != NULL)
        e = sev_repo_check_id(r, "correlation id", b->correlation_id);
    for (size_t i = 0; e == SEV_OK && i < b->groups.count; i++)
        e = sev_repo_check_id(r, "group", b->groups.items[i]);
    return e == SEV_OK ? sev_repo_json(&r->pool, put_bundle, &c, &r->files[0]->custom) : e;
}

/* ------------------------------------------------------------------ the whole */

/* How often a serial stands in all entries. */
static uint32_t times_named(sev_slice targets, sev_slice serial)
{
    uint32_t count = 0;
    sev_json j = sev_json_at(targets);
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
            count += i.err == SEV_OK && sev_json_str_eq_slice(other, serial);
        }
    }
    return count;
}

static uint32_t times_grouped(sev_slice groups, sev_slice serial)
{
    uint32_t count = 0;
    sev_json j = sev_json_at(groups);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_array(&j);
        while (sev_json_element(&j)) {
            sev_json_str other;
            sev_json_string(&j, &other);
            count += j.err == SEV_OK && sev_json_str_eq_slice(other, serial);
        }
    }
    return count;
}

static sev_err check_serials(struct sev_repository_note *note, sev_slice targets, sev_slice ecus,
                             uint32_t *count)
{
    sev_json j = sev_json_at(ecus);
    sev_json_str serial;
    sev_json_object(&j);
    while (sev_json_member(&j, &serial)) {
        sev_json_skip(&j, NULL);
        if (j.err == SEV_OK && times_named(targets, serial.raw) != 1) /* REQ-VER-34 */
            return sev_repo_fail(note, SEV_E_DUPLICATE_ECU, "ECU %.*s has more than one image",
                                 (int)serial.raw.len, (const char *)serial.raw.ptr);
        ++*count;
    }
    return *count > SEV_ECUS_MAX
               ? sev_repo_fail(note, SEV_E_JSON_LIMIT, "more than %d ECUs", SEV_ECUS_MAX)
               : j.err;
}

static sev_err check_groups(struct sev_repository_note *note, sev_slice targets, sev_slice groups)
{
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
            if (times_named(targets, serial.raw) != 1 || times_grouped(groups, serial.raw) != 1)
                return sev_repo_fail(note, SEV_E_BUNDLE,
                                     "ECU %.*s stands in the bundle's groups and not once in the "
                                     "groups and in the assignments",
                                     (int)serial.raw.len, (const char *)serial.raw.ptr);
        }
    }
    return j.err;
}

/* What a vehicle refuses in a Director's file as a whole. REQ-H13 */
sev_err sev_repo_check_director(struct sev_repository_note *note, sev_slice targets,
                                sev_slice bundle)
{
    sev_json j = sev_json_at(targets);
    sev_json_str name;
    uint32_t ecus = 0;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        struct sev_target t;
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        sev_err e = j.err;
        if (e == SEV_OK)
            e = sev_target_parse(name, value, SEV_PROFILE_NATIVE, &t);
        if (e == SEV_OK)
            e = check_serials(note, targets, t.ecu_identifiers, &ecus);
        if (e != SEV_OK)
            return e;
        bool described = sev_json_get(t.match, "plaintext").len != 0;
        if ((t.encryption.len != 0) != described)
            return sev_repo_fail(note, SEV_E_DOWNGRADE,
                                 "%.*s: encryption is announced on one side only",
                                 (int)name.raw.len, (const char *)name.raw.ptr);
        if (described && bundle.len == 0)
            return sev_repo_fail(note, SEV_E_BUNDLE, "%.*s is encrypted: that needs a bundle",
                                 (int)name.raw.len, (const char *)name.raw.ptr);
    }
    return j.err != SEV_OK ? j.err : check_groups(note, targets, sev_json_get(bundle, "groups"));
}
