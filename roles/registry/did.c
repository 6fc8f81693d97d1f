/* did - the registry of identities: it keeps logs that check themselves, and tells what they say.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

sev_err registry_tell(const struct sev_registry *r, sev_event_id id, sev_err e, sev_slice did)
{
    struct sev_event event = {.id = id, .err = e};
    if (did.len != 0)
        sev_event_text(&event, "did", did);
    r->events.emit(r->events.self, &event);
    return e;
}

sev_err sev_registry_log(const struct sev_registry *r, const struct sev_registry_call *call,
                         sev_slice did, sev_slice *out)
{
    if (!sev_did_is(did))
        return SEV_E_NOT_FOUND;
    return r->store->identity->did_log(r->store->self, did, call->arena, out);
}

/* What is stored was checked when it came, and is checked again: the database may be another's. */
sev_err registry_state(const struct sev_registry *r, const struct sev_registry_call *call,
                       sev_slice did, int64_t version, struct sev_did_state *out)
{
    sev_slice log;
    size_t mark = call->arena->used;
    sev_err e = sev_registry_log(r, call, did, &log);
    if (e == SEV_OK)
        e = sev_did_log_check(call->crypto, did, log, version, out);
    sev_arena_back(call->arena, mark);
    return e;
}

sev_err registry_check_time(const struct sev_registry *r, const struct sev_registry_call *call,
                            const struct sev_did_entry *entry)
{
    bool ahead = entry->time > registry_now(r, call) + SEV_CLOCK_SKEW_SECONDS_MAX;
    return ahead ? SEV_E_DID_CHAIN : SEV_OK;
}

sev_slice registry_entry_reason(const struct sev_did_state *s, uint8_t *room, size_t bytes)
{
    uint8_t hex[2 * SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(room, bytes), h = sev_buf_of(hex, sizeof hex);
    sev_hex_encode(sev_slice_of(s->hash, sizeof s->hash), &h);
    sev_json_writer w = sev_json_writer_to(&b);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "entry", sev_buf_slice(&h));
    sev_json_w_integer_member(&w, "version", s->newest.version);
    sev_json_w_object_end(&w);
    return sev_json_w_end(&w) == SEV_OK ? sev_buf_slice(&b) : SEV_EMPTY;
}

/* ------------------------------------------------------------------- changes */

/* Whose entry it claims to be: its place is looked up by that, and then it must prove it. */
static sev_err read_claim(sev_slice entry, sev_slice *out_did)
{
    struct sev_doc doc;
    sev_json_str id;
    if (entry.len > SEV_DID_ENTRY_BYTES_MAX)
        return SEV_E_TOO_LONG;
    sev_err e = sev_message_open(&doc, entry);
    if (e != SEV_OK)
        return e;
    sev_json j = sev_json_at(sev_json_get(sev_json_get(doc.body, "document"), "id"));
    sev_json_string(&j, &id);
    if (j.err != SEV_OK || !sev_did_is(id.raw))
        return SEV_E_MALFORMED;
    *out_did = id.raw;
    return SEV_OK;
}

static sev_err append(const struct sev_registry *r, const struct sev_registry_call *call,
                      sev_slice entry, bool may_create, sev_slice *out_did, int64_t *out_version)
{
    struct sev_did_state s = {.created = 0};
    sev_slice did;
    sev_err e = read_claim(entry, &did);
    if (e != SEV_OK)
        return e;
    *out_did = did;
    e = registry_state(r, call, did, 0, &s);
    if (e == SEV_E_NOT_FOUND && may_create)
        e = SEV_OK;
    int64_t expected = s.newest.version;
    if (e == SEV_OK)
        e = sev_did_follow(call->crypto, entry, &s);
    if (e == SEV_OK)
        e = registry_check_time(r, call, &s.newest);
    if (e != SEV_OK)
        return e;
    uint8_t room[160];
    struct sev_decision why = {registry_now(r, call), did, SEV_LIT("identity"),
                               registry_entry_reason(&s, room, sizeof room)};
    struct sev_did_news news = {did, expected, s.newest.deactivated, entry, &why};
    e = r->store->identity->did_append(r->store->self, &news);
    if (e == SEV_OK)
        *out_version = s.newest.version;
    return e;
}

sev_err sev_registry_append(const struct sev_registry *r, const struct sev_registry_call *call,
                            sev_slice entry, bool may_create, int64_t *out_version)
{
    sev_slice did = SEV_EMPTY;
    sev_err e = append(r, call, entry, may_create, &did, out_version);
    return registry_tell(r, e == SEV_OK ? SEV_EVENT_DID_CHANGED : SEV_EVENT_DID_REFUSED, e, did);
}

/* ---------------------------------------------------------------- resolution */

static void put_time(sev_json_writer *w, const char *name, sev_time t)
{
    uint8_t text[20];
    sev_buf b = sev_buf_of(text, sizeof text);
    sev_time_format(t, &b);
    sev_json_w_string_member(w, name, sev_buf_slice(&b));
}

static void put_metadata(sev_json_writer *w, const struct sev_did_state *s, bool given_up)
{
    uint8_t text[20];
    sev_buf b = sev_buf_of(text, sizeof text);
    sev_decimal_format((uint64_t)s->newest.version, &b);
    sev_json_w_object(w);
    put_time(w, "created", s->created);
    sev_json_w_bool_member(w, "deactivated", given_up);
    put_time(w, "updated", s->newest.time);
    sev_json_w_string_member(w, "versionId", sev_buf_slice(&b));
    sev_json_w_object_end(w);
}

/* @param error  NULL where there is a document */
static unsigned put_result(const struct sev_did_state *s, bool given_up, const char *error,
                           unsigned status, sev_buf *out)
{
    uint8_t room[SEV_DID_ENTRY_BYTES_MAX];
    sev_buf document = sev_buf_of(room, sizeof room);
    size_t start = out->len;
    sev_json_writer w = sev_json_writer_to(out);
    sev_json_w_object(&w);
    sev_json_w_name(&w, SEV_LIT("didDocument"));
    if (error != NULL || sev_did_document_write(&s->newest.document, &document) != SEV_OK)
        sev_json_w_null(&w);
    else
        sev_json_w_raw(&w, sev_buf_slice(&document));
    sev_json_w_name(&w, SEV_LIT("didDocumentMetadata"));
    if (error != NULL) {
        sev_json_w_object(&w);
        sev_json_w_object_end(&w);
    } else {
        put_metadata(&w, s, given_up);
    }
    sev_json_w_name(&w, SEV_LIT("didResolutionMetadata"));
    sev_json_w_object(&w);
    if (error != NULL)
        sev_json_w_string_member(&w, "error", sev_slice_of(error, strlen(error)));
    else
        sev_json_w_string_member(&w, "contentType", SEV_LIT("application/did+ld+json"));
    sev_json_w_object_end(&w);
    sev_json_w_object_end(&w);
    if (sev_json_w_end(&w) == SEV_OK)
        return status;
    out->len = start;
    return 500;
}

unsigned sev_registry_resolve(const struct sev_registry *r, const struct sev_registry_call *call,
                              sev_slice did, int64_t version, sev_buf *out)
{
    struct sev_did_state newest, wanted;
    if (!sev_did_is(did))
        return put_result(NULL, false, "invalidDid", 400, out);
    sev_err e = registry_state(r, call, did, 0, &newest);
    wanted = newest;
    if (e == SEV_OK && version != 0)
        e = registry_state(r, call, did, version, &wanted);
    if (e == SEV_E_NOT_FOUND)
        return put_result(NULL, false, "notFound", 404, out);
    if (e != SEV_OK)
        return put_result(NULL, false, "internalError", 500, out);
    bool given_up = newest.newest.deactivated;
    return put_result(&wanted, given_up, NULL, given_up ? 410 : 200, out);
}
