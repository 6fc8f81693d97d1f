/* manifest - what a vehicle says of itself in aktualizr's dialect. Its reports carry no vehicle and
 * but for the Primary's no counter: who sent it is the connection's word. Contract 10.
 * REQ-DIR-05 REQ-DIR-10 REQ-DIR-11 SPDX-License-Identifier: MIT */
#include "internal.h"

#include "secureev/store_campaign.h"

struct hearing {
    const struct sev_director *d;
    const struct sev_director_call *call;
    struct sev_vehicle vehicle;
    struct director_ecus ecus;
    struct sev_manifest manifest;
    int64_t counter; /* of the Primary's report */
    bool again;      /* the very report of the Primary that was accepted last */
    bool changed;    /* an ECU runs or met something else than before */
    struct sev_ecu_news *news;
    uint32_t news_count;
};

static sev_err hear_report(struct hearing *h, sev_slice serial, sev_slice bytes)
{
    struct sev_doc doc;
    struct sev_report report;
    const struct sev_ecu *ecu = director_find_ecu(&h->ecus, serial);
    if (ecu == NULL)
        return SEV_E_FOREIGN_ECU;
    if (bytes.len > DIRECTOR_REPORT_BYTES_MAX)
        return SEV_E_TOO_LONG;
    sev_err e = sev_manifest_open(&doc, bytes, h->call->arena);
    if (e == SEV_OK)
        e = sev_manifest_report_check(h->call->crypto, &ecu->key, serial, &doc, h->call->arena,
                                      &report);
    if (e == SEV_OK && !report.image.hashes.has_sha256)
        e = SEV_E_MALFORMED;
    if (e != SEV_OK)
        return e;
    if (sev_slice_eq(serial, h->vehicle.primary)) {
        h->counter = report.counter;
        h->again = ecu->report_counter != 0 &&
                   memcmp(ecu->report_sha256, doc.sha256, sizeof doc.sha256) == 0;
    }
    struct sev_ecu_news *n = &h->news[h->news_count++];
    *n = (struct sev_ecu_news){
        .serial = ecu->serial,
        .expected_counter = ecu->report_counter,
        .counter = report.counter > ecu->report_counter ? report.counter : ecu->report_counter,
        .installed = {.name = report.image.name, .length = report.image.length},
        .report = doc.bytes};
    memcpy(n->sha256, doc.sha256, sizeof n->sha256);
    memcpy(n->installed.sha256, report.image.hashes.sha256, sizeof n->installed.sha256);
    if (report.attacks.len != 0) { /* text for people in that dialect, whatever it says */
        n->attacks = SEV_ATTACKS_OTHER;
        director_tell(h->d, SEV_EVENT_ECU_ATTACKED, SEV_OK, h->vehicle.id, ecu->serial);
    }
    h->changed = h->changed || n->attacks != ecu->attacks ||
                 !sev_slice_eq(n->installed.name, ecu->installed.name) ||
                 memcmp(n->installed.sha256, ecu->installed.sha256, SEV_SHA256_BYTES) != 0;
    return SEV_OK;
}

static sev_err hear_reports(struct hearing *h)
{
    sev_json it = sev_json_at(h->manifest.reports);
    sev_slice serial, bytes;
    sev_err e = SEV_OK;
    h->counter = -1;
    sev_json_object(&it);
    while (e == SEV_OK && sev_manifest_next(&it, h->call->arena, &serial, &bytes))
        e = h->news_count == SEV_ECUS_MAX ? SEV_E_TOO_LONG : hear_report(h, serial, bytes);
    if (e == SEV_OK)
        e = it.err;
    if (e == SEV_OK && h->counter < 0) /* REQ-DIR-09: a Primary is always in its own manifest */
        e = SEV_E_MALFORMED;
    if (e == SEV_OK && h->counter <= h->vehicle.status_counter && !h->again)
        e = SEV_E_REPLAYED;
    return e;
}

static sev_err hear(struct hearing *h, sev_slice bytes)
{
    struct sev_doc doc;
    const struct sev_ecu *primary = director_find_ecu(&h->ecus, h->vehicle.primary);
    if (primary == NULL)
        return SEV_E_NOT_FOUND;
    sev_err e = sev_manifest_open(&doc, bytes, h->call->arena);
    if (e == SEV_OK)
        e = sev_message_signed_by(h->call->crypto, &primary->key, &doc);
    if (e == SEV_OK)
        e = sev_manifest_decode(&doc, h->call->arena, &h->manifest);
    if (e != SEV_OK)
        return e;
    if (!sev_slice_eq(h->manifest.primary, h->vehicle.primary))
        return SEV_E_WRONG_SUBJECT;
    h->news = (struct sev_ecu_news *)(void *)sev_arena_take(h->call->arena,
                                                            SEV_ECUS_MAX * sizeof *h->news);
    return h->news == NULL ? SEV_E_MEMORY : hear_reports(h);
}

/* Codes of that dialect are as long as a vehicle has ECUs: the beginning says enough. */
static sev_slice beginning(sev_slice text)
{
    size_t len = text.len < SEV_MESSAGE_TEXT_BYTES_MAX ? text.len : SEV_MESSAGE_TEXT_BYTES_MAX;
    while (len != 0 && len != text.len && (text.ptr[len] & 0xc0) == 0x80)
        len--; /* no half of a character */
    return sev_slice_sub(text, 0, len);
}

/* What campaigns count failures by: the vehicle has signed it. */
static sev_err keep_installation(const struct hearing *h)
{
    const struct sev_store *s = h->d->store;
    struct sev_installation i = {.counter = h->counter,
                                 .success = h->manifest.installation.result.success,
                                 .code = beginning(h->manifest.installation.result.code),
                                 .correlation_id = h->manifest.installation.correlation_id};
    return s->campaigns == NULL ? SEV_OK
                                : s->campaigns->installation_put(s->self, h->vehicle.id, &i);
}

/* Its vehicles report whenever they look, every few seconds perhaps: a row only for what is new. */
static sev_err keep(const struct hearing *h)
{
    static const char *const names[] = {"code", "correlation", NULL};
    bool told = h->manifest.has_installation;
    const sev_slice values[] = {told ? beginning(h->manifest.installation.result.code) : SEV_EMPTY,
                                told ? beginning(h->manifest.installation.correlation_id)
                                     : SEV_EMPTY};
    struct sev_decision decision = {h->call->now, h->vehicle.id,
                                    told ? SEV_LIT("installation") : SEV_LIT("status"), SEV_EMPTY};
    struct sev_status_news news = {.vehicle = h->vehicle.id,
                                   .expected_counter = h->vehicle.status_counter,
                                   .counter = h->counter,
                                   .seen = h->call->now,
                                   .ecus = h->news,
                                   .ecu_count = h->news_count,
                                   .decision = told || h->changed ? &decision : NULL};
    sev_err e = director_reason(h->call, &decision.reason, names, values);
    /* Before the counter rises: when we are killed between them the vehicle says it again. */
    if (e == SEV_OK && told)
        e = keep_installation(h);
    return e == SEV_OK ? h->d->store->status_accept(h->d->store->self, &news) : e;
}

static void tell_failure(const struct hearing *h, sev_slice ecu, sev_slice code)
{
    struct sev_event event = {.id = SEV_EVENT_INSTALL_FAILED};
    sev_event_text(&event, "vehicle", h->vehicle.id);
    if (ecu.len != 0)
        sev_event_text(&event, "ecu", ecu);
    sev_event_text(&event, "code", code);
    sev_event_text(&event, "correlation", h->manifest.installation.correlation_id);
    h->d->events.emit(h->d->events.self, &event);
}

/* Each ECU that failed; the vehicle itself where none did: it got no further than the metadata. */
static void tell_failures(const struct hearing *h)
{
    sev_json it = sev_list(h->manifest.installation.items);
    sev_slice ecu;
    struct sev_outcome result;
    bool said = false;
    while (sev_manifest_next_item(&it, h->call->arena, &ecu, &result))
        if (!result.success) {
            tell_failure(h, ecu, result.code);
            said = true;
        }
    if (!said)
        tell_failure(h, SEV_EMPTY, h->manifest.installation.result.code);
}

sev_err sev_director_manifest(const struct sev_director *d, const struct sev_director_call *call,
                              sev_slice vehicle, sev_slice manifest)
{
    struct hearing h = {.d = d, .call = call, .vehicle = {.id = vehicle}};
    sev_err e = d->store->vehicle_get(d->store->self, vehicle, call->arena, &h.vehicle);
    if (e == SEV_OK && h.vehicle.profile != SEV_PROFILE_AKTUALIZR)
        e = SEV_E_UNSUPPORTED; /* its status says more, and nobody gets to say less */
    if (e == SEV_OK)
        e = director_ecus(d, call, vehicle, &h.ecus);
    if (e == SEV_OK)
        e = hear(&h, manifest);
    if (e == SEV_OK && !h.again)
        e = keep(&h);
    if (e != SEV_OK)
        director_refused(d, call, vehicle, "status-refused", SEV_EVENT_STATUS_REFUSED, e);
    else if (h.manifest.has_installation && !h.manifest.installation.result.success && !h.again)
        tell_failures(&h);
    return e;
}
