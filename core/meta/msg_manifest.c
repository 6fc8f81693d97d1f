/* msg_manifest - the vehicle manifest and ECU reports as aktualizr writes them
 * (contracts/aktualizr.md section 10). SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "meta/msg.h"

/* ------------------------------------------------------------------- report */

static const struct msg_field report_fields[] = {
    MSG_TEXT(struct sev_report, "attacks_detected", attacks, MSG_REQUIRED, 0,
             SEV_FOREIGN_TEXT_BYTES_MAX),
    MSG_ID(struct sev_report, "ecu_serial", ecu),
    MSG_OBJECT("installed_image", MSG_AT(struct sev_report, image, struct sev_image_info),
               MSG_REQUIRED, msg_image_table),
    MSG_TIME(struct sev_report, "previous_timeserver_time", attested_before),
    MSG_DECIMAL(struct sev_report, "report_counter", counter, MSG_BY_VALUE, 0, SEV_JSON_INT_MAX),
    MSG_TIME(struct sev_report, "timeserver_time", attested),
};
static const struct msg_table report_table = MSG_TABLE(report_fields, NULL);

sev_err sev_report_decode_aktualizr(const struct sev_doc *doc, struct sev_arena *arena,
                                    struct sev_report *out)
{
    struct sev_report m = {.counter = 0};
    size_t mark = arena->used;
    sev_err e = msg_decode(doc->body, &report_table, (struct msg_dialect){true, arena}, &m);
    if (e == SEV_OK)
        *out = m;
    else
        sev_arena_back(arena, mark);
    return e;
}

sev_err sev_report_encode_aktualizr(const struct sev_report *m, struct sev_arena *arena,
                                    sev_buf *out)
{
    return msg_encode_foreign(&report_table, m, arena, out);
}

/* ----------------------------------------------------------------- manifest */

static const struct msg_field outcome_fields[] = {
    MSG_TEXT(struct sev_outcome, "code", code, MSG_REQUIRED, 0, SEV_FOREIGN_TEXT_BYTES_MAX),
    MSG_TEXT(struct sev_outcome, "description", description, MSG_REQUIRED, 0,
             SEV_FOREIGN_TEXT_BYTES_MAX),
    MSG_BOOL(struct sev_outcome, "success", success),
};
static const struct msg_table outcome_table = MSG_TABLE(outcome_fields, NULL);

static const struct msg_field item_fields[] = {
    MSG_ID(struct msg_item, "ecu", ecu),
    MSG_OBJECT("result", MSG_AT(struct msg_item, result, struct sev_outcome), MSG_REQUIRED,
               outcome_table),
};
static const struct msg_table item_table = MSG_TABLE(item_fields, NULL);
static const struct msg_field item = MSG_OBJECT("", 0, MSG_REQUIRED, item_table);

static const struct msg_field inner_fields[] = {
    MSG_TEXT(struct sev_manifest, "correlation_id", installation.correlation_id, MSG_REQUIRED, 0,
             SEV_FOREIGN_TEXT_BYTES_MAX),
    MSG_LIST(struct sev_manifest, "items", installation.items, MSG_REQUIRED, 0, SEV_ECUS_MAX, item),
    MSG_TEXT(struct sev_manifest, "raw_report", installation.raw_report, MSG_REQUIRED, 0,
             SEV_FOREIGN_TEXT_BYTES_MAX),
    MSG_OBJECT("result", MSG_AT(struct sev_manifest, installation.result, struct sev_outcome),
               MSG_REQUIRED, outcome_table),
};
static const struct msg_table inner_table = MSG_TABLE(inner_fields, NULL);

static const struct msg_field installation_fields[] = {
    MSG_TEXT(struct sev_manifest, "content_type", installation.content_type, MSG_REQUIRED, 0,
             SEV_MESSAGE_TEXT_BYTES_MAX),
    MSG_OBJECT("report", 0, MSG_REQUIRED, inner_table),
};
static const struct msg_table installation_table = MSG_TABLE(installation_fields, NULL);

static const struct msg_field manifest_fields[] = {
    MSG_RAW(struct sev_manifest, "ecu_version_manifests", reports, MSG_REQUIRED,
            SEV_MANIFEST_BYTES_MAX),
    MSG_OBJECT("installation_report", 0, MSG_HAS(struct sev_manifest, has_installation),
               installation_table),
    MSG_ID(struct sev_manifest, "primary_ecu_serial", primary),
};
static const struct msg_table manifest_table = MSG_TABLE(manifest_fields, NULL);

/* REQ-MAN-02: at least one report, at most as many as a vehicle may have ECUs. */
static sev_err check_reports(sev_slice reports)
{
    uint32_t count = 0;
    sev_json_str name;
    sev_json j = sev_json_at(reports);
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        if (SEV_REFUSE_IF(++count > SEV_ECUS_MAX))
            return SEV_E_MALFORMED;
        if (SEV_REFUSE_IF(sev_json_peek(&j) != SEV_JSON_OBJECT))
            return SEV_E_MALFORMED;
        sev_json_skip(&j, NULL);
    }
    if (j.err == SEV_OK && SEV_REFUSE_IF(count == 0))
        return SEV_E_MALFORMED;
    return j.err;
}

sev_err sev_manifest_decode(const struct sev_doc *doc, struct sev_arena *arena,
                            struct sev_manifest *out)
{
    struct sev_manifest m = {.primary = SEV_EMPTY};
    size_t mark = arena->used;
    sev_err e = msg_decode(doc->body, &manifest_table, (struct msg_dialect){true, arena}, &m);
    if (e == SEV_OK)
        e = check_reports(m.reports);
    if (e == SEV_OK)
        *out = m;
    else
        sev_arena_back(arena, mark);
    return e;
}

sev_err sev_manifest_encode(const struct sev_manifest *m, struct sev_arena *arena, sev_buf *out)
{
    sev_err e = check_reports(m->reports);
    return e == SEV_OK ? msg_encode_foreign(&manifest_table, m, arena, out) : e;
}

static bool take_text(sev_json *it, sev_json_str s, struct sev_arena *arena, sev_slice *out)
{
    if (!s.escaped) {
        *out = s.raw;
        return true;
    }
    size_t len = sev_json_str_len(s);
    uint8_t *copy = sev_arena_take(arena, len);
    sev_buf b = sev_buf_of(copy, copy != NULL ? len : 0);
    if (copy == NULL || sev_json_str_copy(s, &b) != SEV_OK) {
        sev_json_fail(it, SEV_E_MEMORY);
        return false;
    }
    *out = sev_buf_slice(&b);
    return true;
}

bool sev_manifest_next(sev_json *it, struct sev_arena *arena, sev_slice *out_serial,
                       sev_slice *out_document)
{
    sev_json_str name;
    sev_slice serial, document;
    if (!sev_json_member(it, &name) || !take_text(it, name, arena, &serial))
        return false;
    sev_json_skip(it, &document);
    if (it->err != SEV_OK)
        return false;
    *out_serial = serial;
    *out_document = document;
    return true;
}

bool sev_manifest_next_item(sev_json *it, struct sev_arena *arena, sev_slice *out_serial,
                            struct sev_outcome *out)
{
    struct msg_item m = {.ecu = SEV_EMPTY};
    if (!sev_json_element(it))
        return false;
    msg_read_value(it, &item, (struct msg_dialect){true, arena}, &m);
    if (it->err != SEV_OK)
        return false;
    *out_serial = m.ecu;
    *out = m.result;
    return true;
}

sev_err sev_manifest_report_check(struct sev_crypto *crypto, const struct sev_pubkey *key,
                                  sev_slice serial, const struct sev_doc *doc,
                                  struct sev_arena *arena, struct sev_report *out)
{
    struct sev_report m;
    size_t mark = arena->used;
    sev_err e = sev_report_decode_aktualizr(doc, arena, &m);
    if (e == SEV_OK)
        e = sev_message_signed_by(crypto, key, doc);
    /* REQ-DIR-11: else one ECU's report would pass for another's. */
    if (e == SEV_OK && SEV_REFUSE_IF(!sev_slice_eq(m.ecu, serial)))
        e = SEV_E_WRONG_SUBJECT;
    if (e == SEV_OK)
        *out = m;
    else
        sev_arena_back(arena, mark);
    return e;
}
