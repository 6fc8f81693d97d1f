/* Fuzz: requests to the signer, answered by keys of two policies. Whatever comes: one JSON answer;
 * a signature only over a document that the policy names, and it verifies. ~ stands for a time that
 * is near, @ for now, ^ for a point. SPDX-License-Identifier: MIT */
/* fuzz: -max_len=2048 */
#include <stdlib.h>
#include <string.h>

#include "secureev/json.h"
#include "secureev/signer.h"

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

#define NOW ((sev_time)1800000000)
#define US 7u

static struct sev_signer_key keys[3]; /* the last one makes certificates */
static int told;

static void emit(void *self, const struct sev_event *event)
{
    (void)self;
    told += event->id == SEV_EVENT_SIGNED ? 1 : 100;
}

static struct sev_signer signer = {.keys = keys, .count = 3, .events = {NULL, emit}};

static void set_up_ca(struct sev_signer_key *k)
{
    uint8_t der[SEV_CERTIFICATE_BYTES_MAX], text[2 * SEV_CERTIFICATE_BYTES_MAX];
    sev_buf b = sev_buf_of(der, sizeof der), pem = sev_buf_of(text, sizeof text);
    struct sev_certificate_plan plan = {SEV_CERTIFICATE_CA, SEV_LIT("CA"),
                                        sev_privkey_public(k->key), NOW, NOW + 86400};
    MUST(sev_certificate_make(k->key, NULL, &plan, &b) == SEV_OK);
    sev_pem_encode(sev_buf_slice(&b), "CERTIFICATE", &pem);
    MUST(sev_issuer_read(sev_buf_slice(&pem), &k->issuer) == SEV_OK);
    k->certificates = true;
    k->documents = 0;
}

static void set_up(void)
{
    for (int i = 0; i < 3; i++) {
        keys[i] = (struct sev_signer_key){.life_max = 86400,
                                          .per_minute = 1000000,
                                          .documents = 1u << SEV_SIGNER_TIMESTAMP,
                                          .users = {US},
                                          .user_count = 1};
        keys[i].name[0] = "dic"[i];
        keys[i].repository = i == 0 ? SEV_SIGNER_DIRECTOR : SEV_SIGNER_OTHER;
        MUST(sev_privkey_generate(SEV_KEY_P256, 0, &keys[i].key) == SEV_OK);
    }
    set_up_ca(&keys[2]);
    MUST(sev_signer_init(&signer, 0) == SEV_OK);
}

/* A client's, by the name that was asked for, within the policy: never a CA's. */
static void check_certificate(sev_slice request, sev_slice der)
{
    struct sev_certificate c;
    sev_json j = sev_json_at(sev_json_get(request, "name"));
    sev_json_str name;
    sev_json_string(&j, &name);
    MUST(sev_certificate_read(der, &c) == SEV_OK);
    MUST(!c.ca && sev_slice_eq(name.raw, sev_slice_of(c.name, strlen(c.name))));
    MUST(c.not_after <= NOW + 86400 && c.not_before >= NOW - SEV_CLOCK_SKEW_SECONDS_MAX);
    MUST(sev_slice_eq(sev_json_get(request, "key"), SEV_LIT("\"c\"")));
}

/* The document that was signed is the member "signed", byte for byte. */
static void check_signed(sev_slice request, const char *keyid, sev_slice sig)
{
    uint8_t digest[SEV_SHA256_BYTES];
    sev_slice body = sev_json_get(request, "signed");
    sev_slice custom = sev_json_get(body, "custom");
    bool director = memcmp(keyid, keys[0].id, sizeof keys[0].id) == 0;
    const struct sev_signer_key *k = &keys[director ? 0 : 1];
    bool named =
        sev_json_get(custom, "vehicle").len != 0 || sev_json_get(custom, "subscriber").len != 0;
    MUST(memcmp(keyid, k->id, sizeof k->id) == 0);
    MUST(sev_slice_eq(sev_json_get(body, "_type"), SEV_LIT("\"timestamp\"")));
    MUST(named == director);
    sev_sha256(body, digest);
    MUST(sev_crypto_verify(NULL, sev_privkey_public(k->key), body, digest, sig) == SEV_OK);
}

/* The public half of a key at hand. */
static void put_point(sev_buf *b)
{
    const struct sev_pubkey *key = sev_privkey_public(keys[0].key);
    sev_hex_encode(sev_slice_of(key->material, key->len), b);
}

static sev_slice expand(const uint8_t *data, size_t size, uint8_t *room, size_t bytes)
{
    sev_buf b = sev_buf_of(room, bytes);
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '~')
            sev_time_format(NOW + 3600, &b);
        else if (data[i] == '@')
            sev_time_format(NOW, &b);
        else if (data[i] == '^')
            put_point(&b);
        else
            sev_buf_put_byte(&b, data[i]);
    }
    return sev_buf_slice(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int64_t clock_ms;
    static uint8_t room[SEV_SIGNER_ANSWER_BYTES_MAX], text[65536];
    char keyid[SEV_KEY_ID_CHARS];
    uint8_t sig_room[SEV_SIG_BYTES_MAX];
    sev_buf answer = sev_buf_of(room, sizeof room), sig = sev_buf_of(sig_room, sizeof sig_room);
    if (keys[0].key == NULL)
        set_up();
    if (size == 0)
        return 0;
    sev_slice request = expand(data + 1, size - 1, text, sizeof text);
    uint32_t user = data[0] == 'x' ? US + 1 : US;
    told = 0;
    sev_signer_answer(&signer, user, request, NOW, clock_ms += 1000, &answer);
    sev_slice got = sev_buf_slice(&answer);
    MUST(sev_json_check(got, (struct sev_json_scratch){NULL, 0}, NULL, NULL) == SEV_OK);
    sev_err e = sev_signer_read_signature(got, keyid, &sig);
    if (sev_json_get(got, "certificate").len != 0) {
        uint8_t der[SEV_CERTIFICATE_BYTES_MAX];
        sev_buf b = sev_buf_of(der, sizeof der);
        MUST(user == US && told == 1 && sev_signer_read_certificate(got, &b) == SEV_OK);
        check_certificate(request, sev_buf_slice(&b));
    } else if (e == SEV_OK) {
        MUST(user == US && told == 1);
        check_signed(request, keyid, sev_buf_slice(&sig));
    } else if (sev_json_get(got, "keys").len == 0) {
        MUST(told == 100 && sig.len == 0);
    } else {
        MUST(told == 0);
    }
    return 0;
}
