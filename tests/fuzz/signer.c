/* Fuzz: requests to the signer, answered by keys of two policies. Whatever comes: one JSON answer;
 * a signature only over a document that the policy names, and it verifies. ~ stands for a time that
 * is near. SPDX-License-Identifier: MIT */
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

static struct sev_signer_key keys[2];
static int told;

static void emit(void *self, const struct sev_event *event)
{
    (void)self;
    told += event->id == SEV_EVENT_SIGNED ? 1 : 100;
}

static struct sev_signer signer = {keys, 2, {NULL, emit}};

static void set_up(void)
{
    for (int i = 0; i < 2; i++) {
        keys[i] = (struct sev_signer_key){.life_max = 86400,
                                          .per_minute = 1000000,
                                          .documents = 1u << SEV_SIGNER_TIMESTAMP,
                                          .users = {US},
                                          .user_count = 1};
        keys[i].name[0] = i == 0 ? 'd' : 'i';
        keys[i].repository = i == 0 ? SEV_SIGNER_DIRECTOR : SEV_SIGNER_OTHER;
        MUST(sev_privkey_generate(SEV_KEY_P256, 0, &keys[i].key) == SEV_OK);
    }
    MUST(sev_signer_init(&signer, 0) == SEV_OK);
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

static sev_slice expand(const uint8_t *data, size_t size, uint8_t *room, size_t bytes)
{
    sev_buf b = sev_buf_of(room, bytes);
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '~')
            sev_time_format(NOW + 3600, &b);
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
    if (e == SEV_OK) {
        MUST(user == US && told == 1);
        check_signed(request, keyid, sev_buf_slice(&sig));
    } else if (sev_json_get(got, "keys").len == 0) {
        MUST(told == 100 && sig.len == 0);
    } else {
        MUST(told == 0);
    }
    return 0;
}
