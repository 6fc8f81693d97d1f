/* Prekeys, signed, and what wrapped keys are bound to.
 * SPDX-License-Identifier: MIT */
#include "messages.h"
#include "signer.h"
#include "test.h"

/* -------------------------------------------------------------------- prekey */

static sev_err run_prekey(const char *vehicle, const char *ecu, bool *untouched)
{
    struct sev_prekey m, before;
    struct sev_pubkey key, key_before;
    memset(&m, 0x5A, sizeof m);
    memset(&key, 0x5A, sizeof key);
    before = m;
    key_before = key;
    sev_err e =
        sev_prekey_check(NULL, p256(1)->public, &opened, body_of(vehicle), body_of(ecu), &m, &key);
    *untouched = memcmp(&m, &before, sizeof m) == 0 && memcmp(&key, &key_before, sizeof key) == 0;
    return e;
}

static void expect_prekey(const char *vehicle, const char *ecu, sev_err wanted)
{
    bool untouched;
    CHECK_ERR(run_prekey(vehicle, ecu, &untouched), wanted);
    CHECK_EQ(untouched, wanted != SEV_OK);
}

TEST(msg_prekey__of_this_ecu__accepted_and_its_id_is_that_of_its_key)
{
    struct sev_prekey m;
    struct sev_pubkey key;
    char of_object[SEV_KEY_ID_CHARS], of_key[SEV_KEY_ID_CHARS];
    opened_by(p256(1), PREKEY);
    CHECK_OK(sev_prekey_check(NULL, p256(1)->public, &opened, SEV_LIT("did:secureev:v1"),
                              SEV_LIT("brake-1"), &m, &key));
    CHECK_EQ(key.type, SEV_KEY_X25519);
    CHECK_OK(sev_key_id_of(m.key, of_object));
    CHECK_OK(sev_key_id(&key, SEV_PROFILE_NATIVE, of_key));
    CHECK(memcmp(of_object, of_key, sizeof of_key) == 0);
}

/* REQ-H04 REQ-H30: otherwise whoever carries the message chooses who can read the image. */
TEST(msg_prekey__signed_by_a_stranger__refused)
{
    opened_by(p256(2), PREKEY);
    expect_prekey("did:secureev:v1", "brake-1", SEV_E_SIGNATURE);
}

TEST(msg_prekey__of_another_vehicle_or_ecu__refused)
{
    opened_by(p256(1), PREKEY);
    expect_prekey("did:secureev:v2", "brake-1", SEV_E_WRONG_VEHICLE);
    expect_prekey("did:secureev:v1", "brake-2", SEV_E_WRONG_SUBJECT);
}

/* REQ-ECU-09 */
TEST(msg_prekey__that_is_no_key_to_wrap_to__refused)
{
    static char body[4096];
    snprintf(body, sizeof body,
             "{\"_type\":\"prekey\",\"counter\":4,\"ecu\":\"brake-1\",\"key\":%.*s,\"time\":\"" WHEN
             "\",\"vehicle\":\"did:secureev:v1\"}",
             (int)signer_of(SEV_KEY_ED25519, SEV_PROFILE_NATIVE, 1)->object_len,
             (const char *)signer_of(SEV_KEY_ED25519, SEV_PROFILE_NATIVE, 1)->object);
    opened_by(p256(1), body);
    expect_prekey("did:secureev:v1", "brake-1", SEV_E_KEY);
    opened_by(p256(1), "{\"_type\":\"prekey\",\"counter\":4,\"ecu\":\"brake-1\",\"key\":{},"
                       "\"time\":\"" WHEN "\",\"vehicle\":\"did:secureev:v1\"}");
    expect_prekey("did:secureev:v1", "brake-1", SEV_E_MALFORMED);
}

static sev_err run_prekey_honest(bool *untouched)
{
    return run_prekey("did:secureev:v1", "brake-1", untouched);
}

TEST(msg_prekey__any_bit_flipped__refused)
{
    struct signer *s = p256(1);
    static uint8_t message[1u << 16];
    expect_no_flip_accepted(
        signed_by(SEV_PROFILE_NATIVE, body_of(PREKEY), &s, 1, message, sizeof message),
        run_prekey_honest);
}

/* ----------------------------------------------------------------- HPKE info */

TEST(msg_wrap_info__each_purpose__binds_what_belongs_to_it)
{
    static const char *const wanted[SEV_WRAP_PURPOSES] = {
        "{\"blob\":\"" H32 "\",\"oem\":\"acme\",\"purpose\":\"envelope\"}",
        "{\"blob\":\"" H32 "\",\"bundle\":{\"id\":\"b-7\",\"version\":3},\"ecu\":\"brake-1\","
        "\"prekey\":\"" H32B "\",\"purpose\":\"install\",\"vehicle\":\"v\"}",
        "{\"blob\":\"" H32 "\",\"oem\":\"acme\",\"purpose\":\"review\"}"};
    struct sev_wrap_info m = {.oem = SEV_LIT("acme"),
                              .vehicle = SEV_LIT("v"),
                              .ecu = SEV_LIT("brake-1"),
                              .bundle = {SEV_LIT("b-7"), 3}};
    bytes_of(H32, m.blob, sizeof m.blob);
    bytes_of(H32B, m.prekey, sizeof m.prekey);
    for (int i = 0; i < SEV_WRAP_PURPOSES; i++) {
        sev_buf out = sev_buf_of(opened_memory, sizeof opened_memory);
        m.purpose = (sev_wrap_purpose)i;
        CHECK_OK(sev_wrap_info_encode(&m, &out));
        CHECK_SLICE(sev_buf_slice(&out), body_of(wanted[i]));
    }
    sev_buf out = sev_buf_of(opened_memory, sizeof opened_memory);
    m.purpose = SEV_WRAP_PURPOSES;
    CHECK_ERR(sev_wrap_info_encode(&m, &out), SEV_E_MALFORMED);
    m.purpose = SEV_WRAP_INSTALL;
    m.ecu = SEV_EMPTY;
    CHECK_ERR(sev_wrap_info_encode(&m, &out), SEV_E_MALFORMED);
}
