/* Fuzz: what strangers and vehicles send to the registry, over a store that notes what is kept. The
 * first byte chooses the route, the second who signs. Whatever comes: what is refused leaves
 * nothing; a certificate is given to the identity's own word alone, for the key that was proven.
 * ~ stands for the token, $ for the identity, % for a request of its TLS key, ^ for its first
 * entry, @ for a challenge. SPDX-License-Identifier: MIT */
/* fuzz: -max_len=2048 */
#include <stdlib.h>
#include <string.h>

#include "secureev/registry.h"

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)
#define NOW ((sev_time)1800000000)

enum { IDENTITY, TLS, CA, UPDATE, STRANGER, KEYS };
enum { ENROL, RENEW, CLAIM, APPEND, AUTHENTICATE, ROUTES };

static struct sev_privkey *keys[KEYS];
static struct sev_issuer issuer;
static struct sev_did_entry first;
static uint8_t first_room[2 * SEV_DID_ENTRY_BYTES_MAX], csr_room[SEV_CSR_TEXT_BYTES_MAX];
static sev_slice first_bytes, csr, did;
static uint8_t token[SEV_ENROLMENT_TOKEN_BYTES], challenge[SEV_CHALLENGE_BYTES];
static struct sev_challenges challenges;
static bool known; /* the registry has met the identity */

/* -------------------------------------------------------------------- store */

static unsigned kept;
static struct sev_certificate given;

static void keep(const struct sev_given *g)
{
    kept++;
    MUST(sev_certificate_read(g->der, &given) == SEV_OK);
}

static sev_err did_append(void *self, const struct sev_did_news *news)
{
    (void)self;
    MUST(sev_slice_eq(news->did, did) && news->expected == (known ? 1 : 0));
    kept++;
    return SEV_OK;
}

static sev_err did_log(void *self, sev_slice id, struct sev_arena *arena, sev_slice *out)
{
    (void)self;
    if (!known || !sev_slice_eq(id, did))
        return SEV_E_NOT_FOUND;
    uint8_t *log = sev_arena_take(arena, first_bytes.len + 1);
    memcpy(log, first_bytes.ptr, first_bytes.len);
    log[first_bytes.len] = '\n';
    *out = sev_slice_of(log, first_bytes.len + 1);
    return SEV_OK;
}

static sev_err token_get(void *self, const uint8_t sha256[SEV_SHA256_BYTES],
                         struct sev_arena *arena, struct sev_enrolment_token *out)
{
    uint8_t ours[SEV_SHA256_BYTES];
    (void)self, (void)arena;
    sev_sha256(sev_slice_of(token, sizeof token), ours);
    if (memcmp(ours, sha256, sizeof ours) != 0)
        return SEV_E_NOT_FOUND;
    *out = (struct sev_enrolment_token){.vehicle = SEV_LIT("car-1"), .expires = NOW + 60};
    return SEV_OK;
}

static sev_err enrol(void *self, const struct sev_enrolment *n, const struct sev_decision *why)
{
    (void)self, (void)why;
    MUST(sev_slice_eq(n->first.did, did) && (n->first.entry.len == 0) == known);
    keep(&n->certificate);
    return SEV_OK;
}

static sev_err certificate_add(void *self, sev_slice vehicle, const struct sev_given *certificate,
                               bool only_first, const struct sev_decision *why)
{
    (void)self, (void)why;
    MUST(only_first == sev_slice_eq(vehicle, SEV_LIT("old-1")));
    keep(certificate);
    return SEV_OK;
}

static sev_err vehicle_get(void *self, sev_slice id, struct sev_arena *arena,
                           struct sev_vehicle *out)
{
    (void)self, (void)arena;
    if (!sev_slice_eq(id, SEV_LIT("old-1")) && !sev_slice_eq(id, SEV_LIT("car-1")))
        return SEV_E_NOT_FOUND;
    bool old = id.ptr[0] == 'o';
    *out =
        (struct sev_vehicle){.id = id, .profile = old ? SEV_PROFILE_AKTUALIZR : SEV_PROFILE_NATIVE};
    return SEV_OK;
}

static const struct sev_identity_ops ops = {.did_append = did_append,
                                            .did_log = did_log,
                                            .token_get = token_get,
                                            .enrol = enrol,
                                            .certificate_add = certificate_add};
static const struct sev_store store = {.vehicle_get = vehicle_get, .identity = &ops};

/* -------------------------------------------------------------------- world */

static sev_err certify(void *self, const char *key, const struct sev_certificate_plan *plan,
                       sev_buf *der)
{
    (void)self, (void)key;
    return sev_certificate_make(keys[CA], &issuer, plan, der);
}

static void emit(void *self, const struct sev_event *event)
{
    (void)self, (void)event;
}

static sev_slice sign(int by, sev_slice body, uint8_t *room, size_t bytes)
{
    char id[SEV_KEY_ID_CHARS];
    uint8_t raw[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(raw, sizeof raw), out = sev_buf_of(room, bytes);
    MUST(sev_key_id(sev_privkey_public(keys[by]), SEV_PROFILE_NATIVE, id) == SEV_OK);
    MUST(sev_privkey_sign(keys[by], body, &sig) == SEV_OK);
    struct sev_message_sig entry = {.keyid = sev_slice_of(id, sizeof id),
                                    .sig = sev_buf_slice(&sig)};
    return sev_envelope_write(SEV_PROFILE_NATIVE, body, &entry, 1, bytes, &out) == SEV_OK
               ? sev_buf_slice(&out)
               : body;
}

static void make_ca(char *pem, size_t bytes, sev_slice *out)
{
    uint8_t der[SEV_CERTIFICATE_BYTES_MAX];
    sev_buf b = sev_buf_of(der, sizeof der), text = sev_buf_of(pem, bytes);
    struct sev_certificate_plan plan = {SEV_CERTIFICATE_CA, SEV_LIT("CA"),
                                        sev_privkey_public(keys[CA]), NOW, NOW + 864000};
    MUST(sev_certificate_make(keys[CA], NULL, &plan, &b) == SEV_OK);
    sev_pem_encode(sev_buf_slice(&b), "CERTIFICATE", &text);
    *out = sev_buf_slice(&text);
    MUST(sev_issuer_read(*out, &issuer) == SEV_OK);
}

static void make_identity(void)
{
    uint8_t body[SEV_DID_ENTRY_BYTES_MAX], der[SEV_CSR_BYTES_MAX];
    sev_buf b = sev_buf_of(body, sizeof body), d = sev_buf_of(der, sizeof der),
            t = sev_buf_of(csr_room, sizeof csr_room);
    first = (struct sev_did_entry){.version = 1, .time = NOW - 5, .next_count = 1};
    first.document.authentication_count = 1;
    memcpy(first.document.authentication[0], sev_privkey_public(keys[IDENTITY])->material + 1,
           SEV_DID_POINT_BYTES);
    memcpy(first.update_key, sev_privkey_public(keys[UPDATE])->material + 1, SEV_DID_POINT_BYTES);
    sev_did_key_hash(sev_privkey_public(keys[UPDATE])->material + 1, first.next[0]);
    MUST(sev_did_name(&first) == SEV_OK && sev_did_entry_write(&first, &b) == SEV_OK);
    did = sev_did_id(&first.document);
    first_bytes = sign(UPDATE, sev_buf_slice(&b), first_room, sizeof first_room);
    MUST(sev_csr_write(keys[TLS], did, &d) == SEV_OK);
    sev_base64_encode(sev_buf_slice(&d), &t);
    csr = sev_buf_slice(&t);
}

static sev_slice expand(const uint8_t *data, size_t size, sev_buf *b)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '~')
            sev_hex_encode(sev_slice_of(token, sizeof token), b);
        else if (data[i] == '$')
            sev_buf_put_slice(b, did);
        else if (data[i] == '%')
            sev_buf_put_slice(b, csr);
        else if (data[i] == '^')
            sev_buf_put_slice(b, first_bytes);
        else if (data[i] == '@')
            sev_hex_encode(sev_slice_of(challenge, sizeof challenge), b);
        else
            sev_buf_put_byte(b, data[i]);
    }
    return sev_buf_slice(b);
}

static sev_err ask(int route, const struct sev_registry *r, const struct sev_registry_call *call,
                   sev_slice body, sev_buf *out)
{
    char who[SEV_DID_CHARS];
    int64_t version;
    switch (route) {
    case ENROL:
        return sev_registry_enrol(r, call, body, out);
    case RENEW:
        return sev_registry_renew(r, call, did, body, out);
    case CLAIM:
        return sev_registry_claim(r, call, r->shared_sha256, body, out);
    case APPEND:
        return sev_registry_append(r, call, body, true, &version);
    default:
        return sev_challenge_check(&challenges, r, call, body, who);
    }
}

/* Who had to sign, did; and what was kept is for him. */
static void check_taken(int route, int by, sev_slice again_body, const struct sev_registry *r,
                        const struct sev_registry_call *call)
{
    char who[SEV_DID_CHARS];
    MUST(kept == (route == AUTHENTICATE ? 0 : 1));
    if (route == ENROL || route == RENEW) {
        MUST(by == IDENTITY && !given.ca);
        MUST(sev_slice_eq(sev_slice_of(given.name, strlen(given.name)), did));
        MUST(sev_pubkey_eq(&given.key, sev_privkey_public(keys[TLS])));
    } else if (route == CLAIM) {
        MUST(strcmp(given.name, "old-1") == 0);
    } else if (route == AUTHENTICATE) {
        MUST(by == IDENTITY);
        MUST(sev_challenge_check(&challenges, r, call, again_body, who) == SEV_E_CHALLENGE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char pem[4096];
    static uint8_t memory[1u << 20], text[1u << 17], envelope[1u << 18],
        answer[SEV_REGISTRY_ANSWER_BYTES_MAX];
    static struct sev_registry r = {.store = &store,
                                    .events = {NULL, emit},
                                    .key = "ca",
                                    .certificate_life_s = 86400,
                                    .has_shared = true};
    static const struct sev_certify ca = {NULL, certify};
    static const int signers[] = {IDENTITY, TLS, UPDATE, STRANGER};
    if (keys[0] == NULL) {
        for (int i = 0; i < KEYS; i++)
            MUST(sev_privkey_generate(SEV_KEY_P256, 0, &keys[i]) == SEV_OK);
        make_ca(pem, sizeof pem, &r.ca);
        r.server_ca = r.ca;
        make_identity();
        MUST(sev_random(token, sizeof token) == SEV_OK);
        MUST(sev_challenges_init(&challenges) == SEV_OK);
    }
    if (size < 2)
        return 0;
    int route = data[0] % ROUTES, by = data[1] % 5 == 4 ? -1 : signers[data[1] % 5];
    known = route == RENEW || route == AUTHENTICATE || data[0] % (2 * ROUTES) >= ROUTES;
    struct sev_arena arena = sev_arena_of(memory, sizeof memory);
    struct sev_registry_call call = {&arena, NULL, &ca, NOW};
    memset(challenges.used, 0, sizeof challenges.used);
    MUST(sev_challenge_make(&challenges, did, NOW, challenge) == SEV_OK);
    sev_buf b = sev_buf_of(text, sizeof text), out = sev_buf_of(answer, sizeof answer);
    sev_slice body = expand(data + 2, size - 2, &b);
    if (by >= 0 && route != CLAIM)
        body = sign(by, body, envelope, sizeof envelope);
    kept = 0;
    sev_err e = ask(route, &r, &call, body, &out);
    if (e != SEV_OK) {
        MUST(kept == 0 && out.len == 0);
        return 0;
    }
    arena = sev_arena_of(memory, sizeof memory);
    check_taken(route, by, body, &r, &call);
    return 0;
}
