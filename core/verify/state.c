/* state - what the vehicle remembers besides metadata: who it is, what is installed on each ECU,
 * and the release counter below which nothing may be installed again.
 * SPDX-License-Identifier: MIT */
#include "verify/client_internal.h"

sev_err sev_state_check(sev_slice state, struct sev_arena *arena)
{
    sev_err e = sev_arena_want(sev_json_check(state, sev_arena_scratch(arena), NULL, NULL));
    if (e != SEV_OK)
        return e == SEV_E_MEMORY ? e : SEV_E_STORE;
    sev_json j = sev_json_at(state);
    return sev_json_peek(&j) == SEV_JSON_OBJECT ? SEV_OK : SEV_E_STORE;
}

sev_err sev_state_vehicle(sev_slice state, sev_buf *out)
{
    sev_slice value = sev_json_get(state, "vehicle");
    if (value.len == 0)
        return SEV_OK;
    sev_json j = sev_json_at(value);
    sev_json_str text;
    sev_json_string(&j, &text);
    return j.err == SEV_OK && sev_json_str_copy(text, out) == SEV_OK ? SEV_OK : SEV_E_STORE;
}

static sev_err parse_record(sev_slice value, struct sev_installed *out)
{
    struct sev_installed r = {.present = true, .length = -1, .release_counter = 0, .mark = 0};
    sev_slice hashes = SEV_EMPTY;
    sev_json j = sev_json_at(value);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        if (sev_json_str_is(name, "name"))
            sev_json_string(&j, &r.name);
        else if (sev_json_str_is(name, "length"))
            sev_json_integer(&j, &r.length);
        else if (sev_json_str_is(name, "hashes"))
            sev_json_skip(&j, &hashes);
        else if (sev_json_str_is(name, "releaseCounter"))
            sev_json_integer(&j, &r.release_counter);
        else if (sev_json_str_is(name, "mark"))
            sev_json_integer(&j, &r.mark);
        else
            sev_json_skip(&j, NULL);
    }
    if (j.err != SEV_OK || sev_hashes_parse(hashes, &r.hashes) != SEV_OK)
        return SEV_E_STORE;
    *out = r;
    return SEV_OK;
}

sev_err sev_state_installed(sev_slice state, sev_slice serial, struct sev_installed *out)
{
    memset(out, 0, sizeof *out);
    sev_json j = sev_json_at(sev_json_get(state, "ecus"));
    if (j.doc.len == 0)
        return SEV_OK;
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        if (j.err == SEV_OK && sev_json_str_eq_slice(name, serial))
            return parse_record(value, out);
    }
    return j.err == SEV_OK ? SEV_OK : SEV_E_STORE;
}

/* ----------------------------------------------------------------- writing */

static void write_hashes(sev_json_writer *w, const struct sev_hashes *h)
{
    uint8_t hex[2 * SEV_SHA512_BYTES];
    sev_json_w_name(w, SEV_LIT("hashes"));
    sev_json_w_object(w);
    if (h->has_sha256) {
        sev_buf b = sev_buf_of(hex, sizeof hex);
        sev_hex_encode(sev_slice_of(h->sha256, SEV_SHA256_BYTES), &b);
        sev_json_w_string_member(w, "sha256", sev_buf_slice(&b));
    }
    if (h->has_sha512) {
        sev_buf b = sev_buf_of(hex, sizeof hex);
        sev_hex_encode(sev_slice_of(h->sha512, SEV_SHA512_BYTES), &b);
        sev_json_w_string_member(w, "sha512", sev_buf_slice(&b));
    }
    sev_json_w_object_end(w);
}

static void write_record(sev_json_writer *w, const struct sev_installed *r)
{
    uint8_t plain[SEV_NAME_BYTES_MAX];
    sev_buf name = sev_buf_of(plain, sizeof plain);
    if (sev_json_str_copy(r->name, &name) != SEV_OK)
        name.len = 0;
    sev_json_w_object(w);
    write_hashes(w, &r->hashes);
    sev_json_w_integer_member(w, "length", r->length);
    sev_json_w_integer_member(w, "mark", r->mark);
    sev_json_w_string_member(w, "name", sev_buf_slice(&name));
    sev_json_w_integer_member(w, "releaseCounter", r->release_counter);
    sev_json_w_object_end(w);
}

static const struct sev_assignment *assignment_of(const struct sev_client *c, sev_slice serial)
{
    for (uint32_t i = 0; i < c->assignment_count; i++)
        if (sev_slice_eq(c->config.ecus[c->assignments[i].ecu].serial, serial))
            return &c->assignments[i];
    return NULL;
}

/* The smallest serial above `after`, of those stored and those assigned. Quadratic in the number
 * of ECUs, once per cycle; no memory to sort in. */
static bool next_serial(const struct sev_client *c, bool success, sev_slice after, bool any,
                        sev_buf *out)
{
    bool found = false;
    sev_json j = sev_json_at(sev_json_get(c->stored_state, "ecus"));
    sev_json_str name;
    if (j.doc.len != 0)
        sev_json_object(&j);
    while (j.doc.len != 0 && sev_json_member(&j, &name)) {
        uint8_t plain[SEV_ID_BYTES_MAX];
        sev_buf b = sev_buf_of(plain, sizeof plain);
        sev_json_skip(&j, NULL);
        if (sev_json_str_copy(name, &b) != SEV_OK)
            continue;
        sev_slice s = sev_buf_slice(&b);
        if ((any || sev_slice_cmp(s, after) > 0) &&
            (!found || sev_slice_cmp(s, sev_buf_slice(out)) < 0)) {
            out->len = 0;
            sev_buf_put_slice(out, s);
            found = true;
        }
    }
    for (uint32_t i = 0; success && i < c->assignment_count; i++) {
        sev_slice s = c->config.ecus[c->assignments[i].ecu].serial;
        if ((any || sev_slice_cmp(s, after) > 0) &&
            (!found || sev_slice_cmp(s, sev_buf_slice(out)) < 0)) {
            out->len = 0;
            sev_buf_put_slice(out, s);
            found = true;
        }
    }
    return found;
}

static sev_err record_after(const struct sev_client *c, bool success, sev_slice serial,
                            struct sev_installed *out)
{
    sev_err e = sev_state_installed(c->stored_state, serial, out);
    if (e != SEV_OK)
        return e;
    const struct sev_assignment *a = success ? assignment_of(c, serial) : NULL;
    if (a != NULL) {
        const struct sev_target *t = &c->images[a->image].target;
        out->present = true;
        out->name = t->name;
        out->length = t->length;
        out->hashes = t->hashes;
        out->release_counter = a->release_counter;
        if (a->release_counter > out->mark)
            out->mark = a->release_counter;
    }
    return SEV_OK;
}

sev_err sev_state_write(const struct sev_client *c, bool success, sev_buf *out)
{
    uint8_t last[SEV_ID_BYTES_MAX], next[SEV_ID_BYTES_MAX];
    sev_buf after = sev_buf_of(last, sizeof last), serial = sev_buf_of(next, sizeof next);
    bool any = true;
    sev_json_writer w = sev_json_writer_to(out);
    sev_json_w_object(&w);
    sev_json_w_name(&w, SEV_LIT("ecus"));
    sev_json_w_object(&w);
    while (next_serial(c, success, sev_buf_slice(&after), any, &serial)) {
        struct sev_installed r;
        sev_err e = record_after(c, success, sev_buf_slice(&serial), &r);
        if (e != SEV_OK)
            return e;
        sev_json_w_name(&w, sev_buf_slice(&serial));
        write_record(&w, &r);
        after.len = 0;
        sev_buf_put_slice(&after, sev_buf_slice(&serial));
        serial.len = 0;
        any = false;
    }
    sev_json_w_object_end(&w);
    if (c->vehicle_len != 0)
        sev_json_w_string_member(&w, "vehicle", sev_slice_of(c->vehicle, c->vehicle_len));
    sev_json_w_object_end(&w);
    return sev_json_w_end(&w) == SEV_OK ? SEV_OK : SEV_E_MEMORY;
}
