/* messages - every message under one interface, with an example of each: for the unit tests and
 * the fuzz targets alike. SPDX-License-Identifier: MIT */
#ifndef SEV_TEST_MESSAGES_H
#define SEV_TEST_MESSAGES_H

#include <stdio.h>
#include <stdlib.h>

#include "secureev/messages.h"

#if defined(__GNUC__)
#define MAYBE_UNUSED __attribute__((unused))
#else
#define MAYBE_UNUSED
#endif

union any_message {
    struct sev_status status;
    struct sev_status_reply reply;
    struct sev_status_answer answer;
    struct sev_report report;
    struct sev_manifest manifest;
    struct sev_time_attestation time;
    struct sev_time_proof time_proof;
    struct sev_time_answer time_answer;
    sev_slice nonces;
    struct sev_grant grant;
    struct sev_submission submission;
    struct sev_attestation attestation;
    struct sev_key_envelope envelope;
    struct sev_prekey prekey;
    struct sev_wrap wrap;
    struct sev_certificate_request certificate_request;
    struct sev_challenge_answer challenge_answer;
};

#define H16 "00112233445566778899aabbccddeeff"
#define H32 H16 H16
#define H32B "ff" H16 "0123456789abcdef0123456789abcd"
#define H64 H32 H32
#define WHEN "2026-03-01T10:20:30Z"
#define SIGNED(body)                                                                               \
    "{\"signatures\":[{\"keyid\":\"" H32 "\",\"sig\":\"3006020101020101\"}],\"signed\":" body "}"
#define PREKEY_KEY                                                                                 \
    "{\"keytype\":\"x25519\",\"keyval\":{\"public\":\"" H32 "\"},\"scheme\":\"hpke-x25519\"}"
#define PREKEY                                                                                     \
    "{\"_type\":\"prekey\",\"counter\":4,\"ecu\":\"brake-1\",\"key\":" PREKEY_KEY                  \
    ",\"time\":\"" WHEN "\",\"vehicle\":\"did:secureev:v1\"}"
#define FILEINFO "{\"hashes\":{\"sha256\":\"" H32 "\",\"sha512\":\"" H64 "\"},\"length\":4096}"
#define REPORT                                                                                     \
    "{\"_type\":\"report\",\"attacks_detected\":\"rollback,freeze\",\"bootCount\":17,"             \
    "\"counter\":9,\"ecu_serial\":\"brake-1\",\"held\":{\"root\":2,\"targets\":5},"                \
    "\"installed_image\":{\"fileinfo\":" FILEINFO ",\"filepath\":\"acme/brake-2.bin\"},"           \
    "\"prekeys\":[" SIGNED(                                                                        \
        PREKEY) "],\"previous\":{\"fileinfo\":" FILEINFO                                           \
                ",\"filepath\":\"acme/brake-1.bin\",\"releaseCounter\":6},"                        \
                "\"previous_timeserver_time\":\"2026-02-28T10:20:30Z\",\"releaseCounter\":7,"      \
                "\"result\":{\"code\":\"OK\",\"correlationId\":\"urn:1\",\"description\":\"\","    \
                "\"success\":true},\"time\":\"" WHEN "\",\"timeserver_time\":\"" WHEN "\","        \
                "\"vehicle\":\"did:secureev:v1\"}"
#define STATUS                                                                                     \
    "{\"_type\":\"status\",\"base\":\"" H32 "\",\"counter\":41,"                                   \
    "\"held\":{\"root\":1,\"statusVersion\":3,\"timestamp\":12},\"nonce\":\"" H16 "\","            \
    "\"primary\":\"tcu-1\",\"reports\":[" SIGNED(REPORT) "],\"time\":\"" WHEN "\","                \
                                                         "\"vehicle\":\"did:secureev:v1\"}"
#define REPLY                                                                                      \
    "{\"_type\":\"status-reply\",\"base\":\"" H32 "\",\"nonce\":\"" H16 "\","                      \
    "\"poll\":{\"interval\":86400,\"jitter\":3600},\"root\":1,\"statusVersion\":3,"                \
    "\"time\":\"" WHEN "\",\"timestamp\":{\"sha256\":\"" H32 "\",\"version\":12},"                 \
    "\"vehicle\":\"did:secureev:v1\",\"want\":[\"brake-1\",\"tcu-1\"]}"
#define GRANT                                                                                      \
    "{\"_type\":\"grant\",\"bundle\":{\"id\":\"b-7\",\"version\":3},"                              \
    "\"expires\":\"2026-03-08T10:20:30Z\",\"id\":\"" H16 "\","                                     \
    "\"images\":[\"" H32 "\",\"" H32B "\"],\"issued\":\"" WHEN "\",\"oem\":\"acme\","              \
    "\"subject\":\"" H32 "\"}"
#define TIME_LIST "{\"_type\":\"time\",\"nonces\":[\"" H16 "\"],\"time\":\"" WHEN "\"}"
#define TIME_BATCH                                                                                 \
    "{\"_type\":\"time\",\"batch\":{\"root\":\"" H32 "\",\"size\":3},\"time\":\"" WHEN "\"}"
#define WRAP "{\"ct\":\"" H32 H16 "\",\"enc\":\"" H32 "\",\"keyid\":\"" H32 "\"}"
#define TIME_PROOF "{\"index\":2,\"path\":[\"" H32 "\"]}"
#define SCANNER "{\"name\":\"sig\",\"rules\":\"2026-02\",\"version\":\"1.2\"}"

struct message_case {
    const char *name;
    const char *body;     /* every optional member filled */
    const char *optional; /* paths, blank-separated; see each_value() */
    const char *opaque;   /* paths of values that are not looked into */
    bool wrapped;         /* the body of a signed envelope */
    bool foreign;         /* aktualizr's dialect */
    sev_err (*decode)(const struct sev_doc *doc, union any_message *out);
    sev_err (*encode)(const union any_message *m, sev_buf *out);
};

/* Room for the unfolded text of foreign messages: fresh for each decode or encode. */
static uint8_t message_memory[1u << 20];
static struct sev_arena message_arena(void)
{
    return sev_arena_of(message_memory, sizeof message_memory);
}

#define CODEC(name, member)                                                                        \
    static sev_err decode_##name(const struct sev_doc *doc, union any_message *out)                \
    {                                                                                              \
        return sev_##name##_decode(doc, &out->member);                                             \
    }                                                                                              \
    static sev_err encode_##name(const union any_message *m, sev_buf *out)                         \
    {                                                                                              \
        return sev_##name##_encode(&m->member, out);                                               \
    }
#define BARE_CODEC(name, member)                                                                   \
    static sev_err decode_##name(const struct sev_doc *doc, union any_message *out)                \
    {                                                                                              \
        return sev_##name##_decode(doc->body, &out->member);                                       \
    }                                                                                              \
    static sev_err encode_##name(const union any_message *m, sev_buf *out)                         \
    {                                                                                              \
        return sev_##name##_encode(&m->member, out);                                               \
    }
CODEC(status, status)
CODEC(status_reply, reply)
CODEC(report, report)
CODEC(grant, grant)
CODEC(time_attestation, time)
CODEC(submission, submission)
CODEC(key_envelope, envelope)
CODEC(prekey, prekey)
CODEC(certificate_request, certificate_request)
CODEC(challenge_answer, challenge_answer)
BARE_CODEC(attestation, attestation)
BARE_CODEC(wrap, wrap)
BARE_CODEC(time_proof, time_proof)
BARE_CODEC(time_answer, time_answer)

static sev_err decode_answer(const struct sev_doc *doc, union any_message *out)
{
    struct sev_arena a = message_arena();
    return sev_status_answer_decode(doc->body, &a, &out->answer);
}
static sev_err encode_answer(const union any_message *m, sev_buf *out)
{
    return sev_status_answer_encode(&m->answer, out);
}
static sev_err decode_request(const struct sev_doc *doc, union any_message *out)
{
    return sev_time_request_decode(doc->body, &out->nonces);
}
static sev_err encode_request(const union any_message *m, sev_buf *out)
{
    return sev_time_request_encode(m->nonces, out);
}

/* Foreign text is unfolded into memory of the second half; the first half lends to encoders. */
static sev_err decode_foreign_report(const struct sev_doc *doc, union any_message *out)
{
    struct sev_arena a = sev_arena_of(message_memory + (1u << 19), 1u << 19);
    return sev_report_decode_aktualizr(doc, &a, &out->report);
}
static sev_err encode_foreign_report(const union any_message *m, sev_buf *out)
{
    struct sev_arena a = sev_arena_of(message_memory, 1u << 19);
    return sev_report_encode_aktualizr(&m->report, &a, out);
}
static sev_err decode_manifest(const struct sev_doc *doc, union any_message *out)
{
    struct sev_arena a = sev_arena_of(message_memory + (1u << 19), 1u << 19);
    return sev_manifest_decode(doc, &a, &out->manifest);
}
static sev_err encode_manifest(const union any_message *m, sev_buf *out)
{
    struct sev_arena a = sev_arena_of(message_memory, 1u << 19);
    return sev_manifest_encode(&m->manifest, &a, out);
}

#define FOREIGN_REPORT                                                                             \
    "{\"attacks_detected\":\"\",\"ecu_serial\":\"brake-1\",\"installed_image\":{\"fileinfo\":"     \
    "{\"hashes\":{\"sha256\":\"" H32 "\"},\"length\":7},\"filepath\":\"fw \\u00e9.bin\"},"         \
    "\"previous_timeserver_time\":\"1970-01-01T00:00:00Z\",\"report_counter\":\"2\","              \
    "\"timeserver_time\":\"1970-01-01T00:00:00Z\"}"
#define OUTCOME "{\"code\":\"OK\",\"description\":\"all \\\"well\\\"\\n\",\"success\":true}"
#define MANIFEST                                                                                   \
    "{\"ecu_version_manifests\":{\"brake-1\":" SIGNED(                                             \
        FOREIGN_REPORT) "},"                                                                       \
                        "\"installation_report\":{\"content_type\":\"application/"                 \
                        "vnd.x\",\"report\":"                                                      \
                        "{\"correlation_id\":\"urn:1\",\"items\":[{\"ecu\":\"brake-1\","           \
                        "\"result\":" OUTCOME "}],"                                                \
                        "\"raw_report\":\"done\",\"result\":" OUTCOME                              \
                        "}},\"primary_ecu_serial\":\"tcu-1\"}"

static const struct message_case message_cases[] = {
    {"status", STATUS, "reports", "reports/0", true, false, decode_status, encode_status},
    {"status-reply", REPLY, "base want want/0 want/1", "", true, false, decode_status_reply,
     encode_status_reply},
    {"report", REPORT,
     "held installed_image/fileinfo/hashes/sha256 installed_image/fileinfo/hashes/sha512 "
     "prekeys previous previous/fileinfo/hashes/sha256 previous/fileinfo/hashes/sha512 result "
     "result/correlationId",
     "prekeys/0", true, false, decode_report, encode_report},
    {"grant", GRANT, "images/0 images/1", "", true, false, decode_grant, encode_grant},
    {"time, listed", TIME_LIST, "", "", true, false, decode_time_attestation,
     encode_time_attestation},
    {"time, batch", TIME_BATCH, "", "", true, false, decode_time_attestation,
     encode_time_attestation},
    {"submission",
     "{\"_type\":\"submission\",\"id\":\"" H16 "\",\"name\":\"acme/brake-2.bin\","
     "\"oem\":\"acme\",\"role\":\"brakes\",\"target\":{\"custom\":{},\"hashes\":{\"sha256\":\"" H32
     "\"},\"length\":4096},\"time\":\"" WHEN "\",\"wrap\":" WRAP "}",
     "role wrap", "target", true, false, decode_submission, encode_submission},
    {"key-envelope",
     "{\"_type\":\"key-envelope\",\"blob\":" FILEINFO ",\"name\":\"acme/brake-2.bin\","
     "\"oem\":\"acme\",\"time\":\"" WHEN "\",\"wrap\":" WRAP "}",
     "blob/hashes/sha256 blob/hashes/sha512", "", true, false, decode_key_envelope,
     encode_key_envelope},
    {"prekey", PREKEY, "", "key", true, false, decode_prekey, encode_prekey},
    {"attestation",
     "{\"counter\":2,\"decision\":\"attested\",\"regulator\":\"reg-1\",\"report\":" FILEINFO
     ",\"reviewed\":\"" WHEN "\",\"scanners\":[" SCANNER "," SCANNER "],\"submission\":\"" H16
     "\"}",
     "report/hashes/sha256 report/hashes/sha512 scanners/0 scanners/1 scanners/0/rules "
     "scanners/1/rules submission",
     "", false, false, decode_attestation, encode_attestation},
    {"wrap", WRAP, "", "", false, false, decode_wrap, encode_wrap},
    {"time-proof", TIME_PROOF, "path/0", "", false, false, decode_time_proof, encode_time_proof},
    {"time-request", "{\"_type\":\"time-request\",\"nonces\":[\"" H16 "\",\"" H16 "\"]}",
     "nonces/0 nonces/1", "", false, false, decode_request, encode_request},
    {"time-answer",
     "{\"attestation\":" SIGNED(TIME_BATCH) ",\"proofs\":[" TIME_PROOF "," TIME_PROOF "]}",
     "proofs proofs/0 proofs/1 proofs/0/path/0 proofs/1/path/0", "attestation", false, false,
     decode_time_answer, encode_time_answer},
    {"status-answer",
     "{\"grant\":" SIGNED(GRANT) ",\"metadata\":{\"root\":[{\"a\":1},{}],\"snapshot\":{},"
                                 "\"targets\":{},\"timestamp\":{\"x\":\"\\n\"}},\"reply\":" SIGNED(
                                     REPLY) "}",
     "grant metadata/root metadata/root/0 metadata/root/1 metadata/snapshot metadata/targets "
     "metadata/timestamp",
     "grant metadata/root/0 metadata/root/1 metadata/snapshot metadata/targets "
     "metadata/timestamp reply",
     false, false, decode_answer, encode_answer},
    {"report, aktualizr", FOREIGN_REPORT, "report_counter installed_image/fileinfo/hashes/sha256",
     "", true, true, decode_foreign_report, encode_foreign_report},
    {"manifest, aktualizr", MANIFEST, "installation_report installation_report/report/items/0",
     "ecu_version_manifests/brake-1", true, true, decode_manifest, encode_manifest},
    {"certificate-request",
     "{\"_type\":\"certificate-request\",\"csr\":\"MIIB+/==\",\"did\":\"did:secureev:v1\","
     "\"entry\":{\"a\":1},\"token\":\"" H32 "\"}",
     "entry token", "entry", true, false, decode_certificate_request, encode_certificate_request},
    {"challenge-answer",
     "{\"_type\":\"challenge-answer\",\"challenge\":\"" H32 H16 "\",\"did\":\"did:secureev:v1\"}",
     "", "", true, false, decode_challenge_answer, encode_challenge_answer},
};
#define MESSAGE_CASES (sizeof message_cases / sizeof message_cases[0])

/* ------------------------------------------------------------------- helpers */

/* The body as a document, as it would come: in an envelope where it has one. `memory` holds it. */
MAYBE_UNUSED static sev_err open_message(const struct message_case *c, sev_slice body,
                                         sev_buf *memory, struct sev_doc *doc)
{
    static uint8_t folded[1u << 20];
    struct sev_arena a = sev_arena_of(folded, sizeof folded);
    if (!c->wrapped) {
        *doc = (struct sev_doc){.body = body};
        return SEV_OK;
    }
    sev_slice head = SEV_LIT("{\"signatures\":[{\"keyid\":\"" H32
                             "\",\"sig\":\"3006020101020101\"}],\"signed\":");
    sev_buf_put_slice(memory, head);
    sev_buf_put_slice(memory, body);
    sev_buf_put_byte(memory, '}');
    if (memory->overflow)
        return SEV_E_MEMORY;
    if (c->foreign)
        return sev_manifest_open(doc, sev_buf_slice(memory), &a);
    return sev_message_open(doc, sev_buf_slice(memory));
}

/* Decode a body; what it borrows lives in `memory`. */
MAYBE_UNUSED static sev_err decode_body(const struct message_case *c, sev_slice body,
                                        sev_buf *memory, union any_message *out)
{
    struct sev_doc doc;
    sev_err e = open_message(c, body, memory, &doc);
    if (e != SEV_OK)
        return e;
    /* What stands inside metadata was checked with it; bare decoders rely on that. */
    if (!c->wrapped) {
        static uint32_t slots[1024];
        e = sev_json_check(body, (struct sev_json_scratch){slots, 1024}, NULL, NULL);
    }
    return e == SEV_OK ? c->decode(&doc, out) : e;
}

#endif
