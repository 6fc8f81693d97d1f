/* msg_report - what an ECU says of itself, and the digest of what a vehicle has installed.
 * SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "base/literal.h"
#include "meta/msg.h"

/* ------------------------------------------------------------------- report */

static const struct msg_field held_fields[] = {
    MSG_INTEGER(struct sev_report, "root", held.root, MSG_REQUIRED, 0, SEV_JSON_INT_MAX),
    MSG_INTEGER(struct sev_report, "targets", held.targets, MSG_REQUIRED, 0, SEV_JSON_INT_MAX),
};
static const struct msg_table held_table = MSG_TABLE(held_fields, NULL);

static const struct msg_field previous_fields[] = {
    MSG_OBJECT("fileinfo", MSG_AT(struct sev_report, previous.image, struct sev_image_info),
               MSG_REQUIRED, msg_fileinfo_table),
    MSG_NAME(struct sev_report, "filepath", previous.image.name),
    MSG_INTEGER(struct sev_report, "releaseCounter", previous.release_counter, MSG_REQUIRED, 0,
                SEV_JSON_INT_MAX),
};
static const struct msg_table previous_table = MSG_TABLE(previous_fields, NULL);

static const struct msg_field result_fields[] = {
    MSG_TEXT(struct sev_outcome, "code", code, MSG_REQUIRED, 1, SEV_MESSAGE_TEXT_BYTES_MAX),
    MSG_TEXT(struct sev_outcome, "correlationId", correlation_id, MSG_BY_VALUE, 1,
             SEV_MESSAGE_TEXT_BYTES_MAX),
    MSG_TEXT(struct sev_outcome, "description", description, MSG_REQUIRED, 0,
             SEV_MESSAGE_TEXT_BYTES_MAX),
    MSG_BOOL(struct sev_outcome, "success", success),
};
static const struct msg_table result_table = MSG_TABLE(result_fields, NULL);

static const struct msg_field report_fields[] = {
    MSG_TEXT(struct sev_report, "attacks_detected", attacks, MSG_REQUIRED, 0,
             SEV_MESSAGE_TEXT_BYTES_MAX),
    MSG_INTEGER(struct sev_report, "bootCount", boot_count, MSG_REQUIRED, 0, SEV_JSON_INT_MAX),
    MSG_INTEGER(struct sev_report, "counter", counter, MSG_REQUIRED, 1, SEV_JSON_INT_MAX),
    MSG_ID(struct sev_report, "ecu_serial", ecu),
    MSG_OBJECT("held", 0, MSG_HAS(struct sev_report, has_held), held_table),
    MSG_OBJECT("installed_image", MSG_AT(struct sev_report, image, struct sev_image_info),
               MSG_REQUIRED, msg_image_table),
    MSG_LIST(struct sev_report, "prekeys", prekeys, MSG_BY_VALUE, 1, SEV_PREKEYS_MAX, msg_document),
    MSG_OBJECT("previous", 0, MSG_HAS(struct sev_report, has_previous), previous_table),
    MSG_TIME(struct sev_report, "previous_timeserver_time", attested_before),
    MSG_INTEGER(struct sev_report, "releaseCounter", release_counter, MSG_REQUIRED, 0,
                SEV_JSON_INT_MAX),
    MSG_OBJECT("result", MSG_AT(struct sev_report, result, struct sev_outcome),
               MSG_HAS(struct sev_report, has_result), result_table),
    MSG_TIME(struct sev_report, "time", time),
    MSG_TIME(struct sev_report, "timeserver_time", attested),
    MSG_ID(struct sev_report, "vehicle", vehicle),
};

static bool report_consistent(const void *value)
{
    const struct sev_report *r = value;
    uint32_t attacks;
    if (SEV_REFUSE_IF(sev_attacks_parse(r->attacks, &attacks) != SEV_OK))
        return false;
    return true;
}
static const struct msg_table report_table = MSG_TABLE(report_fields, report_consistent);

sev_err sev_report_decode(const struct sev_doc *doc, struct sev_report *out)
{
    struct sev_report m = {.counter = 0};
    sev_err e = msg_decode_body(doc, "report", &report_table, &m);
    if (e == SEV_OK)
        *out = m;
    return e;
}

sev_err sev_report_encode(const struct sev_report *m, sev_buf *out)
{
    return msg_encode("report", &report_table, MSG_NATIVE, m, out);
}

sev_err sev_report_check(struct sev_crypto *crypto, const struct sev_pubkey *key,
                         const struct sev_doc *doc, const struct sev_report_expected *expected,
                         struct sev_report *out, bool *out_news)
{
    struct sev_report m;
    sev_err e = sev_report_decode(doc, &m);
    if (e == SEV_OK)
        e = sev_message_signed_by(crypto, key, doc);
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(!sev_slice_eq(m.vehicle, expected->vehicle)))
        return SEV_E_WRONG_VEHICLE;
    if (SEV_REFUSE_IF(!sev_slice_eq(m.ecu, expected->ecu)))
        return SEV_E_WRONG_SUBJECT;
    bool same = expected->counter != 0 &&
                memcmp(doc->sha256, expected->sha256, sizeof expected->sha256) == 0;
    /* REQ-DIR-13 REQ-MAN-05: the last report again is no news and no harm; any other must rise. */
    if (!same && SEV_REFUSE_IF(m.counter <= expected->counter))
        return SEV_E_REPLAYED;
    *out = m;
    *out_news = !same;
    return SEV_OK;
}

/* ------------------------------------------------------------ attacks_detected */

#define ATTACK_FIRST SEV_ATTACK_ARBITRARY_SOFTWARE
#define ATTACK_LAST SEV_ATTACK_WRONG_HARDWARE

static uint32_t attack_bit(sev_slice name)
{
    for (int a = ATTACK_FIRST; a <= ATTACK_LAST; a++)
        if (sev_slice_eq(name, sev_literal(sev_attack_name((sev_attack)a))))
            return (uint32_t)1 << a;
    return SEV_ATTACKS_OTHER; /* of a later version than ours: still an attack */
}

static bool is_attack_name(sev_slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!((name.ptr[i] >= 'a' && name.ptr[i] <= 'z') || name.ptr[i] == '-'))
            return false;
    return name.len != 0;
}

sev_err sev_attacks_parse(sev_slice text, uint32_t *out_set)
{
    uint32_t set = 0;
    size_t start = 0;
    for (size_t i = 0; text.len != 0 && i <= text.len; i++) {
        if (i < text.len && text.ptr[i] != ',')
            continue;
        sev_slice name = sev_slice_sub(text, start, i - start);
        if (SEV_REFUSE_IF(!is_attack_name(name)))
            return SEV_E_MALFORMED;
        set |= attack_bit(name);
        start = i + 1;
    }
    *out_set = set;
    return SEV_OK;
}

void sev_attacks_write(uint32_t set, sev_buf *out)
{
    bool first = true;
    for (int a = ATTACK_FIRST; a <= ATTACK_LAST; a++) {
        if ((set >> a & 1) == 0)
            continue;
        if (!first)
            sev_buf_put_byte(out, ',');
        sev_buf_put_slice(out, sev_literal(sev_attack_name((sev_attack)a)));
        first = false;
    }
}

/* --------------------------------------------------------------------- base */

/* One entry's text: ECU and name, escaped at worst, two digests, numbers. */
#define ENTRY_BYTES_MAX (2 * SEV_ID_BYTES_MAX + 2 * SEV_NAME_BYTES_MAX + 512)

static sev_err entry_digest(struct sev_sha256 *h, const struct sev_base_entry *e, bool first)
{
    uint8_t text[ENTRY_BYTES_MAX], hashes[512];
    sev_buf b = sev_buf_of(text, sizeof text), hb = sev_buf_of(hashes, sizeof hashes);
    sev_err err = msg_encode(NULL, &msg_hashes_table, MSG_NATIVE, &e->image.hashes, &hb);
    if (err != SEV_OK)
        return err;
    sev_json_writer w = sev_json_writer_to(&b);
    sev_json_w_array(&w);
    sev_json_w_string(&w, e->ecu);
    sev_json_w_string(&w, e->image.name);
    sev_json_w_integer(&w, e->image.length);
    sev_json_w_raw(&w, sev_buf_slice(&hb));
    sev_json_w_integer(&w, e->release_counter);
    sev_json_w_array_end(&w);
    if (sev_json_w_end(&w) != SEV_OK)
        return SEV_E_MALFORMED;
    if (!first)
        sev_sha256_update(h, ",", 1);
    sev_sha256_update(h, b.ptr, b.len);
    return SEV_OK;
}

/* The entry that follows `last` in order of ECU, or NULL. At most SEV_ECUS_MAX steps. */
static const struct sev_base_entry *entry_after(const struct sev_base_entry *set, uint32_t count,
                                                const struct sev_base_entry *last)
{
    const struct sev_base_entry *next = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (last != NULL && sev_slice_cmp(set[i].ecu, last->ecu) <= 0)
            continue;
        if (next == NULL || sev_slice_cmp(set[i].ecu, next->ecu) < 0)
            next = &set[i];
    }
    return next;
}

sev_err sev_base_digest(const struct sev_base_entry *set, uint32_t count,
                        uint8_t out[SEV_SHA256_BYTES])
{
    struct sev_sha256 h;
    uint32_t written = 0;
    if (SEV_REFUSE_IF(count > SEV_ECUS_MAX))
        return SEV_E_MALFORMED;
    sev_sha256_init(&h);
    sev_sha256_update(&h, "[", 1);
    for (const struct sev_base_entry *e = entry_after(set, count, NULL); e != NULL;
         e = entry_after(set, count, e)) {
        sev_err err = entry_digest(&h, e, written == 0);
        if (err != SEV_OK)
            return err;
        written++;
    }
    /* Equal serials count as one above. */
    if (SEV_REFUSE_IF(written != count))
        return SEV_E_DUPLICATE_ECU;
    sev_sha256_update(&h, "]", 1);
    sev_sha256_final(&h, out);
    return SEV_OK;
}
