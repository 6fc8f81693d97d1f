/* status - what a vehicle says of itself: everything is checked, then all of it is kept at once,
 * then it is answered. REQ-DIR-05 REQ-DIR-07 REQ-DIR-08 REQ-D24 REQ-D27
 * SPDX-License-Identifier: MIT */
#include "internal.h"

struct hearing {
    const struct sev_director *d;
    const struct sev_director_call *call;
    sev_slice bytes; /* the status as received */
    struct sev_vehicle vehicle;
    struct director_ecus ecus;
    struct sev_issued issued;
    struct sev_status status;
    struct sev_ecu_news *news;
    uint32_t news_count;
    bool whole; /* there is a report behind every entry of `base` */
    uint8_t base[SEV_SHA256_BYTES];
};

static void tell(const struct hearing *h, sev_event_id id, sev_err err, sev_slice ecu)
{
    director_tell(h->d, id, err, h->vehicle.id, ecu);
}

/* ------------------------------------------------------------------ reports */

static bool listed(const struct hearing *h, sev_slice serial)
{
    for (uint32_t i = 0; i < h->news_count; i++)
        if (sev_slice_eq(h->news[i].serial, serial))
            return true;
    return false;
}

/* An ECU's clock goes back only when somebody turned it: told, not refused. REQ-DIR-12 */
static void look_at_time(const struct hearing *h, const struct sev_ecu *ecu,
                         const struct sev_report *report)
{
    struct sev_doc doc;
    struct sev_report last;
    bool before = ecu->report.len != 0 && sev_message_open(&doc, ecu->report) == SEV_OK &&
                  sev_report_decode(&doc, &last) == SEV_OK && report->time < last.time;
    if (before || report->time > h->call->now + SEV_DIRECTOR_SKEW_SECONDS)
        tell(h, SEV_EVENT_ECU_TIME_ODD, SEV_OK, ecu->serial);
}

static void take_news(struct hearing *h, struct sev_ecu *ecu, const struct sev_doc *doc,
                      const struct sev_report *report)
{
    struct sev_ecu_news *n = &h->news[h->news_count++];
    *n = (struct sev_ecu_news){.serial = ecu->serial,
                               .expected_counter = ecu->report_counter,
                               .counter = report->counter,
                               .installed = {.name = report->image.name,
                                             .length = report->image.length,
                                             .release_counter = report->release_counter},
                               .boot_count = report->boot_count,
                               .report = doc->bytes};
    memcpy(n->sha256, doc->sha256, sizeof n->sha256);
    memcpy(n->installed.sha256, report->image.hashes.sha256, sizeof n->installed.sha256);
    ecu->installed = n->installed;
    if (sev_attacks_parse(report->attacks, &n->attacks) != SEV_OK)
        n->attacks = SEV_ATTACKS_OTHER;
    if (n->attacks != 0)
        tell(h, SEV_EVENT_ECU_ATTACKED, SEV_OK, ecu->serial);
    look_at_time(h, ecu, report);
    ecu->report = doc->bytes; /* what `base` is computed of from here on */
}

static sev_err hear_report(struct hearing *h, sev_slice bytes)
{
    struct sev_doc doc;
    struct sev_report report;
    bool is_news = false;
    sev_err e =
        bytes.len > DIRECTOR_REPORT_BYTES_MAX ? SEV_E_TOO_LONG : sev_message_open(&doc, bytes);
    if (e == SEV_OK)
        e = sev_report_decode(&doc, &report);
    if (e != SEV_OK)
        return e;
    struct sev_ecu *ecu = director_find_ecu(&h->ecus, report.ecu);
    if (ecu == NULL)
        return SEV_E_FOREIGN_ECU;
    if (listed(h, ecu->serial))
        return SEV_E_DUPLICATE_ECU;
    struct sev_report_expected expected = {
        .vehicle = h->vehicle.id, .ecu = ecu->serial, .counter = ecu->report_counter};
    memcpy(expected.sha256, ecu->report_sha256, sizeof expected.sha256);
    e = sev_report_check(h->call->crypto, &ecu->key, &doc, &expected, &report, &is_news);
    if (e == SEV_OK && !report.image.hashes.has_sha256)
        e = SEV_E_MALFORMED;
    if (e == SEV_OK && is_news)
        take_news(h, ecu, &doc, &report);
    return e;
}

static sev_err hear_reports(struct hearing *h)
{
    sev_json it = sev_list(h->status.reports);
    sev_slice bytes;
    sev_err e = SEV_OK;
    while (e == SEV_OK && sev_list_next(&it, &bytes))
        e = hear_report(h, bytes);
    return e == SEV_OK ? it.err : e;
}

/* The digest of what all ECUs reported, once each of them has. */
static sev_err add_up(struct hearing *h)
{
    struct sev_base_entry *set = (struct sev_base_entry *)(void *)sev_arena_take(
        h->call->arena, sizeof *set * SEV_STORE_ECUS_MAX);
    if (set == NULL)
        return SEV_E_MEMORY;
    for (uint32_t i = 0; i < h->ecus.count; i++) {
        struct sev_doc doc;
        struct sev_report report;
        const struct sev_ecu *ecu = &h->ecus.ecus[i];
        if (ecu->report.len == 0)
            return SEV_OK;
        if (sev_message_open(&doc, ecu->report) != SEV_OK ||
            sev_report_decode(&doc, &report) != SEV_OK)
            return SEV_E_STORE; /* it could be read when it was accepted */
        set[i] = (struct sev_base_entry){ecu->serial, report.image, report.release_counter};
    }
    h->whole = h->ecus.count != 0;
    return h->whole ? sev_base_digest(set, h->ecus.count, h->base) : SEV_OK;
}

/* ------------------------------------------------------------------- status */

static sev_err look_up(struct hearing *h, sev_slice vehicle)
{
    const struct sev_store *s = h->d->store;
    sev_err e = s->vehicle_get(s->self, vehicle, h->call->arena, &h->vehicle);
    if (e == SEV_OK && h->vehicle.profile != SEV_PROFILE_NATIVE)
        e = SEV_E_UNSUPPORTED;
    if (e == SEV_OK)
        e = director_ecus(h->d, h->call, vehicle, &h->ecus);
    if (e == SEV_OK)
        e = s->files_get(s->self, vehicle, h->call->arena, &h->issued);
    if (e == SEV_OK && h->ecus.count == 0)
        e = SEV_E_NOT_FOUND;
    return e;
}

static sev_err hear(struct hearing *h)
{
    struct sev_doc doc;
    const struct sev_ecu *primary = director_find_ecu(&h->ecus, h->vehicle.primary);
    struct sev_status_expected expected = {.vehicle = h->vehicle.id,
                                           .primary = h->vehicle.primary,
                                           .counter = h->vehicle.status_counter,
                                           .issued = {h->d->root_count,
                                                      h->issued.files[SEV_STORE_TIMESTAMP].version,
                                                      h->vehicle.status_version}};
    sev_err e = sev_message_open(&doc, h->bytes);
    if (e != SEV_OK || primary == NULL)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    e = sev_status_check(h->call->crypto, &primary->key, &doc, &expected, &h->status);
    if (e != SEV_OK)
        return e;
    h->news = (struct sev_ecu_news *)(void *)sev_arena_take(h->call->arena,
                                                            sizeof *h->news * SEV_ECUS_MAX);
    if (h->news == NULL)
        return SEV_E_MEMORY;
    e = hear_reports(h);
    return e == SEV_OK ? add_up(h) : e;
}

/* `base` is acknowledged when it is what the reports add up to, and not before. */
static bool acknowledges(const struct hearing *h)
{
    return h->whole && memcmp(h->base, h->status.base, sizeof h->base) == 0;
}

static sev_err keep(const struct hearing *h)
{
    static const char *const names[] = {NULL};
    struct sev_decision decision = {h->call->now, h->vehicle.id, SEV_LIT("status"), SEV_EMPTY};
    struct sev_status_news news = {.vehicle = h->vehicle.id,
                                   .expected_counter = h->vehicle.status_counter,
                                   .counter = h->status.counter,
                                   .has_base = acknowledges(h),
                                   .seen = h->call->now,
                                   .ecus = h->news,
                                   .ecu_count = h->news_count,
                                   .decision = h->news_count != 0 ? &decision : NULL};
    memcpy(news.base, h->base, sizeof news.base);
    sev_err e = director_reason(h->call, &decision.reason, names, NULL);
    return e == SEV_OK ? h->d->store->status_accept(h->d->store->self, &news) : e;
}

/* ------------------------------------------------------------------- answer */

static sev_err put_reply(const struct hearing *h, const struct sev_issued *files, sev_slice *out)
{
    const struct sev_stored_file *timestamp = &files->files[SEV_STORE_TIMESTAMP];
    struct sev_status_reply reply = {.vehicle = h->vehicle.id,
                                     .time = h->call->now,
                                     .status_version =
                                         files->files[SEV_STORE_TARGETS].bundle_version,
                                     .root = h->d->root_count,
                                     .timestamp = {.version = timestamp->version},
                                     .has_base = acknowledges(h),
                                     .poll = {h->d->poll_interval_s, h->d->poll_jitter_s}};
    memcpy(reply.nonce, h->status.nonce, sizeof reply.nonce);
    memcpy(reply.base, h->base, sizeof reply.base);
    sev_sha256(timestamp->bytes, reply.timestamp.sha256);
    sev_buf body = director_buf(h->call, SEV_MESSAGE_BYTES_MAX);
    sev_err e = sev_status_reply_encode(&reply, &body);
    if (e == SEV_OK)
        e = director_signed(h->d, h->call, SEV_PROFILE_NATIVE, h->d->keys.timestamp,
                            sev_buf_slice(&body), SEV_MESSAGE_BYTES_MAX, out);
    return e;
}

/* As many roots as fit beside the files; the vehicle fetches the rest one by one. */
static sev_err put_roots(const struct hearing *h, size_t room, sev_slice *out)
{
    uint32_t first = (uint32_t)h->status.held.root, end = first;
    size_t bytes = 2;
    while (end < h->d->root_count && bytes + h->d->roots[end].len + 1 <= room)
        bytes += h->d->roots[end++].len + 1;
    if (end == first)
        return SEV_OK;
    sev_buf b = director_buf(h->call, bytes);
    sev_buf_put_byte(&b, '[');
    for (uint32_t i = first; i < end; i++) {
        if (i != first)
            sev_buf_put_byte(&b, ',');
        sev_buf_put_slice(&b, h->d->roots[i]);
    }
    sev_buf_put_byte(&b, ']');
    if (b.overflow)
        return SEV_E_MEMORY;
    *out = sev_buf_slice(&b);
    return SEV_OK;
}

static sev_err answer_status(struct hearing *h, sev_buf *out)
{
    struct sev_issued files;
    struct sev_status_answer answer = {.reply = SEV_EMPTY};
    sev_err e = sev_director_issue(h->d, h->call, h->vehicle.id, &files);
    if (e == SEV_OK)
        e = put_reply(h, &files, &answer.reply);
    if (e == SEV_OK)
        e = director_grant(h->d, h->call, h->vehicle.id, &h->ecus, h->status.nonce, &answer.grant);
    if (e != SEV_OK)
        return e;
    if (files.files[SEV_STORE_TIMESTAMP].version > h->status.held.timestamp) {
        answer.timestamp = files.files[SEV_STORE_TIMESTAMP].bytes;
        answer.snapshot = files.files[SEV_STORE_SNAPSHOT].bytes;
        answer.targets = files.files[SEV_STORE_TARGETS].bytes;
    }
    size_t used = answer.reply.len + answer.grant.len + answer.timestamp.len +
                  answer.snapshot.len + answer.targets.len + 256;
    e = put_roots(h, SEV_STATUS_ANSWER_BYTES_MAX - used, &answer.roots);
    return e == SEV_OK ? sev_status_answer_encode(&answer, out) : e;
}

sev_err sev_director_status(const struct sev_director *d, const struct sev_director_call *call,
                            sev_slice vehicle, sev_slice status, sev_buf *answer)
{
    struct hearing h = {.d = d, .call = call, .bytes = status, .vehicle = {.id = vehicle}};
    sev_buf before = *answer;
    sev_err e = look_up(&h, vehicle);
    if (e == SEV_OK)
        e = hear(&h);
    if (e == SEV_OK)
        e = keep(&h);
    bool kept = e == SEV_OK;
    if (kept)
        e = answer_status(&h, answer);
    if (e == SEV_OK)
        return e;
    *answer = before;
    /* More than was ever issued: our database went back, or somebody has our keys. REQ-D26 */
    if (kept)
        tell(&h, SEV_EVENT_NOT_ANSWERED, e, SEV_EMPTY);
    else
        director_refused(
            d, call, vehicle, "status-refused",
            e == SEV_E_VERSION_ROLLBACK ? SEV_EVENT_VEHICLE_AHEAD : SEV_EVENT_STATUS_REFUSED, e);
    return e;
}
