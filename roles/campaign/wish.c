/* wish - what one vehicle is to have: the whole of it, since its Director's file always lists all.
 * What others assigned to other ECUs stays. SPDX-License-Identifier: MIT */
#include "internal.h"

/* For each ECU of the vehicle: the image that it is to have, or none of ours. */
struct plan {
    const struct sev_campaign_definition *def;
    const struct campaign_wish *v;
    const struct sev_campaign_image *image[SEV_STORE_ECUS_MAX];
    /* in its place, to take something back */
    const uint8_t (*digests)[SEV_SHA256_BYTES];
    uint32_t digest_count;
    bool given[SEV_STORE_ECUS_MAX]; /* gets what it runs */
    bool lost;                      /* something was taken back */
};

static uint32_t find_ecu(const struct campaign_wish *v, sev_json_str serial)
{
    uint32_t i = 0;
    while (i < v->ecu_count && !sev_json_str_eq_slice(serial, v->ecus[i].serial))
        i++;
    return i;
}

static bool runs(const struct sev_ecu *ecu, const uint8_t sha256[SEV_SHA256_BYTES])
{
    return ecu->installed.name.len != 0 &&
           memcmp(ecu->installed.sha256, sha256, SEV_SHA256_BYTES) == 0;
}

static bool is_behind(const struct sev_ecu *ecu, const struct sev_target *t)
{
    struct sev_match match;
    return t->match.len != 0 && sev_match_parse(t->match, &match) == SEV_OK &&
           match.release_counter < ecu->installed.release_counter;
}

/* Does an entry of the present assignment stay for this ECU? */
static bool stays(struct plan *p, const struct sev_target *t, sev_json_str serial)
{
    uint32_t i = find_ecu(p->v, serial);
    if (i == p->v->ecu_count) /* it is not in the vehicle any more */
        return false;
    if (is_behind(&p->v->ecus[i], t)) /* it went further by another way, and never comes back */
        return false;
    if (p->digests == NULL)
        return p->image[i] == NULL;
    for (uint32_t k = 0; k < p->digest_count; k++)
        if (memcmp(p->digests[k], t->hashes.sha256, SEV_SHA256_BYTES) == 0 &&
            !runs(&p->v->ecus[i], p->digests[k])) {
            p->lost = true;
            p->given[i] = true;
            return false;
        }
    return true;
}

/* ------------------------------------------------------------------ writing */

static void put_ecu(sev_json_writer *w, const struct sev_ecu *ecu)
{
    sev_json_w_name(w, ecu->serial);
    sev_json_w_object(w);
    sev_json_w_string_member(w, "hardwareId", ecu->hardware_id);
    sev_json_w_object_end(w);
}

static void put_stays(struct plan *p, const struct sev_target *t, sev_json_writer *w)
{
    sev_json j = sev_json_at(t->ecu_identifiers);
    sev_json_str serial;
    sev_json_w_name(w, SEV_LIT("ecuIdentifiers"));
    sev_json_w_object(w);
    sev_json_object(&j);
    while (sev_json_member(&j, &serial)) {
        sev_slice entry = SEV_EMPTY;
        sev_json_skip(&j, &entry);
        if (stays(p, t, serial)) {
            sev_json_w_name(w, serial.raw);
            sev_json_w_raw(w, entry);
        }
    }
    sev_json_w_object_end(w);
}

/* The entry as it was, with fewer ECUs. */
static void put_kept(struct plan *p, sev_slice name, sev_slice value, const struct sev_target *t,
                     sev_json_writer *w)
{
    sev_json j = sev_json_at(value), inner;
    sev_json_str member;
    sev_json_w_name(w, name);
    sev_json_w_object(w);
    sev_json_object(&j);
    while (sev_json_member(&j, &member)) {
        sev_slice bytes = SEV_EMPTY;
        sev_json_skip(&j, &bytes);
        sev_json_w_name(w, member.raw);
        if (!sev_json_str_is(member, "custom")) {
            sev_json_w_raw(w, bytes);
            continue;
        }
        inner = sev_json_at(bytes);
        sev_json_w_object(w);
        sev_json_object(&inner);
        while (sev_json_member(&inner, &member)) {
            sev_json_skip(&inner, &bytes);
            if (sev_json_str_is(member, "ecuIdentifiers")) {
                put_stays(p, t, w);
                continue;
            }
            sev_json_w_name(w, member.raw);
            sev_json_w_raw(w, bytes);
        }
        sev_json_w_object_end(w);
    }
    sev_json_w_object_end(w);
}

static void put_custom_end(const struct campaign_wish *v, sev_slice match, sev_json_writer *w)
{
    sev_json_w_object_end(w); /* of ecuIdentifiers */
    if (v->profile == SEV_PROFILE_AKTUALIZR) {
        sev_json_w_string_member(w, "targetFormat", SEV_LIT("BINARY"));
    } else {
        sev_json_w_name(w, SEV_LIT("match"));
        sev_json_w_raw(w, match);
    }
    sev_json_w_object_end(w);
}

static void begin_entry(sev_slice name, sev_json_writer *w)
{
    sev_json_w_name(w, name);
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("custom"));
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("ecuIdentifiers"));
    sev_json_w_object(w);
}

static void put_image(const struct plan *p, const struct sev_campaign_image *image,
                      sev_json_writer *w)
{
    begin_entry(image->name, w);
    for (uint32_t i = 0; i < p->v->ecu_count; i++)
        if (p->image[i] != NULL && sev_slice_eq(p->image[i]->name, image->name))
            put_ecu(w, &p->v->ecus[i]);
    put_custom_end(p->v, image->match, w);
    sev_json_w_name(w, SEV_LIT("hashes"));
    sev_json_w_raw(w, image->hashes);
    sev_json_w_integer_member(w, "length", image->length);
    sev_json_w_object_end(w);
}

/* ------------------------------------------------------------------ walking */

typedef void entry_fn(struct plan *p, sev_slice name, sev_slice value, const struct sev_target *t,
                      void *context);

/* The entries of which something stays, in their order. */
static sev_err each_kept(struct plan *p, entry_fn *fn, void *context)
{
    sev_slice targets = p->v->present->version == 0 ? SEV_LIT("{}") : p->v->present->targets;
    sev_json j = sev_json_at(targets), ecus;
    sev_json_str name, serial;
    struct sev_target t;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY;
        bool some = false;
        sev_json_skip(&j, &value);
        if (j.err != SEV_OK || sev_target_parse(name, value, p->v->profile, &t) != SEV_OK)
            return SEV_E_STORE; /* it was checked before it was kept */
        ecus = sev_json_at(t.ecu_identifiers);
        sev_json_object(&ecus);
        while (sev_json_member(&ecus, &serial)) {
            sev_json_skip(&ecus, NULL);
            some = stays(p, &t, serial) || some;
        }
        if (some)
            fn(p, name.raw, value, &t, context);
    }
    return j.err == SEV_OK ? SEV_OK : SEV_E_STORE;
}

struct merge {
    sev_json_writer *w;
    uint32_t next; /* image of the definition that is not written yet */
};

static bool is_used(const struct plan *p, const struct sev_campaign_image *image)
{
    for (uint32_t i = 0; i < p->v->ecu_count; i++)
        if (p->image[i] != NULL && sev_slice_eq(p->image[i]->name, image->name))
            return true;
    return false;
}

static void put_images_before(const struct plan *p, struct merge *m, const sev_slice *name)
{
    const struct sev_campaign_definition *def = p->def;
    for (; m->next < def->image_count; m->next++) {
        const struct sev_campaign_image *image = &def->images[m->next];
        bool again = m->next > 0 && sev_slice_eq(image->name, def->images[m->next - 1].name);
        if (name != NULL && sev_slice_cmp(image->name, *name) >= 0)
            return;
        if (!again && is_used(p, image))
            put_image(p, image, m->w);
    }
}

static void merge_entry(struct plan *p, sev_slice name, sev_slice value, const struct sev_target *t,
                        void *context)
{
    struct merge *m = context;
    put_images_before(p, m, &name);
    put_kept(p, name, value, t, m->w);
}

/* Who has an image of the same name already keeps it, as one of ours. */
static void adopt_entry(struct plan *p, sev_slice name, sev_slice value, const struct sev_target *t,
                        void *context)
{
    sev_err *err = context;
    const struct sev_campaign_image *same = NULL;
    sev_json j = sev_json_at(t->ecu_identifiers);
    sev_json_str serial;
    (void)value;
    for (uint32_t i = 0; i < p->def->image_count && same == NULL; i++)
        if (sev_slice_eq(p->def->images[i].name, name) && is_used(p, &p->def->images[i]))
            same = &p->def->images[i];
    if (same == NULL)
        return;
    if (same->length != t->length || !sev_json_equal(same->match, t->match) ||
        memcmp(same->sha256, t->hashes.sha256, sizeof same->sha256) != 0) {
        *err = SEV_E_EXISTS;
        return;
    }
    sev_json_object(&j);
    while (sev_json_member(&j, &serial)) {
        uint32_t i = find_ecu(p->v, serial);
        sev_json_skip(&j, NULL);
        if (i < p->v->ecu_count && p->image[i] == NULL)
            p->image[i] = same;
    }
}

/* -------------------------------------------------------------------- marks */

static void put_hex_member(sev_json_writer *w, const char *name,
                           const uint8_t bytes[SEV_SHA256_BYTES])
{
    char hex[2 * SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(hex, sizeof hex);
    sev_hex_encode(sev_slice_of(bytes, SEV_SHA256_BYTES), &b);
    sev_json_w_string_member(w, name, sev_buf_slice(&b));
}

/* What each ECU has to say before it counts as done: a report after the one that we have, of a boot
 * after that, with the image. */
static sev_err write_marks(const struct plan *p, struct sev_arena *arena, sev_slice *out)
{
    sev_buf b = campaign_buf(arena, SEV_CAMPAIGN_MARKS_BYTES_MAX);
    sev_json_writer w = sev_json_writer_to(&b);
    sev_json_w_object(&w);
    sev_json_w_name(&w, SEV_LIT("ecus"));
    sev_json_w_array(&w);
    for (uint32_t i = 0; i < p->v->ecu_count; i++) {
        const struct sev_ecu *ecu = &p->v->ecus[i];
        if (p->image[i] == NULL || runs(ecu, p->image[i]->sha256))
            continue;
        sev_json_w_object(&w);
        put_hex_member(&w, "before", ecu->installed.sha256);
        sev_json_w_integer_member(&w, "boots", ecu->boot_count);
        sev_json_w_integer_member(&w, "counter", ecu->report_counter);
        sev_json_w_string_member(&w, "ecu", ecu->serial);
        put_hex_member(&w, "sha256", p->image[i]->sha256);
        sev_json_w_object_end(&w);
    }
    sev_json_w_array_end(&w);
    sev_json_w_integer_member(&w, "status", p->v->status_counter);
    sev_json_w_object_end(&w);
    sev_err e = sev_arena_want(sev_json_w_end(&w));
    if (e == SEV_OK)
        *out = sev_buf_slice(&b);
    return e;
}

/* --------------------------------------------------------------------- whole */

static sev_err written(sev_json_writer *w, sev_err e, sev_slice *out)
{
    if (e == SEV_OK)
        e = sev_arena_want(sev_json_w_end(w));
    if (e == SEV_OK)
        *out = sev_buf_slice(w->out);
    return e;
}

static size_t room_for(const struct campaign_wish *v, const struct sev_campaign_definition *def)
{
    size_t bytes = 1024 + v->present->targets.len;
    for (uint32_t i = 0; def != NULL && i < def->image_count; i++)
        bytes += 256 + 6 * def->images[i].name.len + def->images[i].hashes.len +
                 def->images[i].match.len;
    for (uint32_t i = 0; i < v->ecu_count; i++) /* an image of its own for each, at worst */
        bytes += 512 + 6 * (v->ecus[i].serial.len + v->ecus[i].hardware_id.len +
                            v->ecus[i].installed.name.len);
    return bytes;
}

sev_err campaign_wish(const struct sev_campaign_definition *def, const struct campaign_wish *v,
                      struct sev_arena *arena, sev_slice *out_targets, sev_slice *out_marks)
{
    struct plan p = {.def = def, .v = v};
    bool all_run = true;
    sev_err clash = SEV_OK;
    for (uint32_t i = 0; i < v->ecu_count; i++)
        for (uint32_t k = 0; k < def->image_count; k++)
            if (sev_slice_eq(def->images[k].hardware_id, v->ecus[i].hardware_id)) {
                if (v->profile == SEV_PROFILE_NATIVE && def->images[k].match.len == 0)
                    return SEV_E_MALFORMED; /* it would take no image that says nothing of itself */
                p.image[i] = &def->images[k];
                all_run = all_run && runs(&v->ecus[i], def->images[k].sha256);
            }
    if (all_run)
        return SEV_E_NOT_FOUND;
    sev_err e = each_kept(&p, adopt_entry, &clash);
    if (e == SEV_OK)
        e = clash;
    sev_buf room = campaign_buf(arena, room_for(v, def));
    sev_json_writer w = sev_json_writer_to(&room);
    struct merge m = {.w = &w};
    sev_json_w_object(&w);
    if (e == SEV_OK)
        e = each_kept(&p, merge_entry, &m);
    put_images_before(&p, &m, NULL);
    sev_json_w_object_end(&w);
    sev_slice targets = SEV_EMPTY;
    e = written(&w, e, &targets);
    if (e == SEV_OK)
        e = write_marks(&p, arena, out_marks);
    if (e == SEV_OK)
        *out_targets = targets;
    return e;
}

/* -------------------------------------------------------------- taking back */

static void keep_entry(struct plan *p, sev_slice name, sev_slice value, const struct sev_target *t,
                       void *context)
{
    put_kept(p, name, value, t, context);
}

static void count_entry(struct plan *p, sev_slice name, sev_slice value, const struct sev_target *t,
                        void *context)
{
    (void)p;
    (void)name;
    (void)value;
    (void)t;
    ++*(uint32_t *)context;
}

/* What it runs, as if it were assigned: one entry per ECU, or none where two run the same. */
static sev_err put_installed(const struct plan *p, sev_json_writer *w)
{
    const struct sev_ecu *ecu = NULL;
    for (uint32_t i = 0; i < p->v->ecu_count && ecu == NULL; i++)
        if (p->given[i] && p->v->ecus[i].installed.name.len != 0)
            ecu = &p->v->ecus[i];
    if (ecu == NULL)
        return SEV_E_UNSUPPORTED;
    begin_entry(ecu->installed.name, w);
    put_ecu(w, ecu);
    put_custom_end(p->v, SEV_EMPTY, w);
    sev_json_w_name(w, SEV_LIT("hashes"));
    sev_json_w_object(w);
    put_hex_member(w, "sha256", ecu->installed.sha256);
    sev_json_w_object_end(w);
    sev_json_w_integer_member(w, "length", ecu->installed.length);
    sev_json_w_object_end(w);
    return SEV_OK;
}

sev_err campaign_unwish(const uint8_t (*digests)[SEV_SHA256_BYTES], uint32_t count,
                        const struct campaign_wish *v, struct sev_arena *arena,
                        sev_slice *out_targets)
{
    struct plan p = {.v = v, .digests = digests, .digest_count = count};
    uint32_t left = 0;
    sev_buf room = campaign_buf(arena, room_for(v, NULL));
    sev_json_writer w = sev_json_writer_to(&room);
    sev_json_w_object(&w);
    sev_err e = each_kept(&p, keep_entry, &w);
    if (e == SEV_OK)
        e = each_kept(&p, count_entry, &left);
    if (e == SEV_OK && !p.lost)
        e = SEV_E_NOT_FOUND;
    if (e == SEV_OK && left == 0 && v->profile == SEV_PROFILE_AKTUALIZR)
        e = put_installed(&p, &w); /* an empty list takes nothing back there. Contract 8.3 */
    sev_json_w_object_end(&w);
    return written(&w, e, out_targets);
}
