/* token - keys on SoftHSM: made, found, signing; and what happens when the token is wrong, closed,
 * lost, or lies (tests/lib/odd/token.c).  SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secureev/key.h"
#include "secureev/token.h"

#define PIN "123456"

/* ------------------------------------------------------------------ fixture */

static char odd_path[4096], logins_path[4200];
static struct sev_token_note note;
static unsigned lost, back;

static const char *soft_module(void)
{
    static const char *const places[] = {"/usr/lib/softhsm/libsofthsm2.so",
                                         "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
                                         "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (access(places[i], R_OK) == 0)
            return places[i];
    SKIP("SoftHSM 2 (softhsm2) is not installed");
    return NULL;
}

/* The token and, made once, the keys that all tests use. */
static void begin(void)
{
    static bool made;
    char text[4400], folder[4200];
    const char *module = soft_module();
    lost = back = 0;
    if (made) {
        sev_test_write(odd_path, SEV_LIT(""));
        sev_test_write(logins_path, SEV_LIT(""));
        return;
    }
    made = true;
    snprintf(odd_path, sizeof odd_path, "%s/odd", sev_test_dir());
    snprintf(logins_path, sizeof logins_path, "%s.logins", odd_path);
    snprintf(folder, sizeof folder, "%s/tokens", sev_test_dir());
    CHECK(mkdir(folder, 0700) == 0);
    snprintf(text, sizeof text,
             "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", folder);
    snprintf(folder, sizeof folder, "%s/softhsm2.conf", sev_test_dir());
    sev_test_write(folder, sev_slice_of(text, strlen(text)));
    CHECK(setenv("SOFTHSM2_CONF", folder, 1) == 0 && setenv("SOFTHSM2_MODULE", module, 1) == 0);
    CHECK(setenv("ODD_TOKEN", odd_path, 1) == 0);
    sev_test_write(odd_path, SEV_LIT(""));
    for (unsigned i = 0; i < 3; i++) { /* "one", "two", "two" */
        snprintf(text, sizeof text,
                 "softhsm2-util --init-token --free --label %s --pin " PIN
                 " --so-pin 87654321 >/dev/null",
                 i == 0 ? "one" : "two");
        CHECK(system(text) == 0);
    }
    sev_test_write(logins_path, SEV_LIT(""));
}

static sev_err open_with(const char *module, const char *label, const char *pin,
                         struct sev_token **out)
{
    struct sev_token_config config = {module, label, sev_slice_of(pin, strlen(pin))};
    note.text[0] = '\0';
    sev_err e = sev_token_open(&config, &note, out);
    if (e != SEV_OK)
        CHECK(note.text[0] != '\0');
    return e;
}

static void emit(void *self, const struct sev_event *event)
{
    (void)self;
    lost += event->id == SEV_EVENT_TOKEN_LOST;
    back += event->id == SEV_EVENT_TOKEN_BACK;
}

static struct sev_token *opened(void)
{
    struct sev_token *t = NULL;
    begin();
    CHECK_OK(open_with(ODD_TOKEN_MODULE, "one", PIN, &t));
    sev_token_tell(t, (struct sev_events){NULL, emit});
    return t;
}

static void be(const char *word)
{
    sev_test_write(odd_path, sev_slice_of(word, strlen(word)));
}

static size_t logins(void)
{
    size_t len = 0;
    free(sev_test_read(logins_path, &len));
    return len;
}

/* The key of that name, made when it is not there. */
static struct sev_privkey *key_of(struct sev_token *t, const char *name, sev_key_type type,
                                  unsigned bits)
{
    struct sev_privkey *key = NULL;
    sev_err e = sev_token_generate(t, type, bits, name, &note);
    CHECK(e == SEV_OK || e == SEV_E_EXISTS);
    CHECK_OK(sev_token_key(t, name, 0, &note, &key));
    return key;
}

static sev_err signs(const struct sev_privkey *key)
{
    uint8_t room[1024], sha256[SEV_SHA256_BYTES];
    sev_buf sig = sev_buf_of(room, sizeof room);
    sev_slice msg = SEV_LIT("what is to be signed");
    sev_err e = sev_privkey_sign(key, msg, &sig);
    if (e != SEV_OK) {
        CHECK_EQ(sig.len, 0);
        return e;
    }
    sev_sha256(msg, sha256);
    CHECK_OK(sev_crypto_verify(NULL, sev_privkey_public(key), msg, sha256, sev_buf_slice(&sig)));
    return SEV_OK;
}

/* -------------------------------------------------------------------- works */

TEST(token__keys_of_every_type__sign_what_verifies)
{
    static const struct {
        const char *name;
        sev_key_type type;
        unsigned bits;
    } rows[] = {{"p256", SEV_KEY_P256, 0},
                {"ed25519", SEV_KEY_ED25519, 0},
                {"rsa2048", SEV_KEY_RSA, 2048},
                {"rsa3072", SEV_KEY_RSA, 3072}};
    struct sev_token *t = opened();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sev_privkey *key = key_of(t, rows[i].name, rows[i].type, rows[i].bits);
        CHECK_EQ(sev_privkey_public(key)->type, rows[i].type);
        /* r and s begin with zeros now and then: DER has them shorter. */
        for (unsigned n = 0; n < (rows[i].type == SEV_KEY_P256 ? 600u : 3u); n++)
            CHECK_OK(signs(key));
        sev_privkey_free(key);
    }
    sev_token_close(t);
}

TEST(token__key__never_leaves_in_any_form)
{
    struct sev_token *t = opened();
    struct sev_privkey *key = key_of(t, "p256", SEV_KEY_P256, 0);
    uint8_t room[SEV_PRIVKEY_BYTES_MAX];
    sev_buf out = sev_buf_of(room, sizeof room);
    CHECK_ERR(sev_privkey_to_pkcs8(key, &out), SEV_E_UNSUPPORTED);
    CHECK_ERR(sev_privkey_to_pem(key, SEV_EMPTY, &out), SEV_E_UNSUPPORTED);
    CHECK_ERR(sev_privkey_to_pem(key, SEV_LIT("phrase"), &out), SEV_E_UNSUPPORTED);
    CHECK_EQ(out.len, 0);
    sev_privkey_free(key);
    sev_token_close(t);
}

struct seen {
    unsigned count;
    char id[300];
};

static bool see(void *context, const struct sev_token_entry *e)
{
    struct seen *s = context;
    CHECK(!e->extractable);
    if (strcmp(e->name, "p256") == 0) {
        CHECK_EQ(e->type, SEV_KEY_P256);
        s->count++;
        memcpy(s->id, "id:", 3);
        memcpy(s->id + 3, e->id, sizeof e->id);
    }
    return true;
}

TEST(token__list__and_a_key_by_its_number)
{
    struct sev_token *t = opened();
    struct sev_privkey *key = key_of(t, "p256", SEV_KEY_P256, 0), *same = NULL;
    struct seen s = {.count = 0};
    CHECK_OK(sev_token_list(t, see, &s));
    CHECK_EQ(s.count, 1);
    CHECK_OK(sev_token_key(t, s.id, 0, &note, &same));
    CHECK(sev_pubkey_eq(sev_privkey_public(key), sev_privkey_public(same)));
    sev_privkey_free(same);
    sev_privkey_free(key);
    sev_token_close(t);
}

TEST(token__two_configurations_at_a_time__as_in_a_reload)
{
    struct sev_token *before = opened(), *after = NULL;
    struct sev_privkey *key = key_of(before, "p256", SEV_KEY_P256, 0), *next = NULL;
    CHECK_OK(open_with(ODD_TOKEN_MODULE, "one", PIN, &after));
    CHECK_OK(sev_token_key(after, "p256", 0, &note, &next));
    sev_privkey_free(key);
    sev_token_close(before); /* must not log the other one out */
    CHECK_OK(signs(next));
    sev_privkey_free(next);
    sev_token_close(after);
    sev_token_close(NULL);
}

/* ----------------------------------------------------------------- refusals */

TEST(token__what_cannot_be_opened__named)
{
    struct sev_token *t = NULL;
    begin();
    CHECK_ERR(open_with("/etc/passwd", "one", PIN, &t), SEV_E_CONFIG);
    CHECK_ERR(open_with("/nowhere/module.so", "one", PIN, &t), SEV_E_CONFIG);
    CHECK_ERR(open_with("libz.so.1", "one", PIN, &t), SEV_E_CONFIG); /* a library, but no module */
    CHECK_ERR(open_with(ODD_TOKEN_MODULE, "nobody", PIN, &t), SEV_E_TOKEN_GONE);
    CHECK_ERR(open_with(ODD_TOKEN_MODULE, "on", PIN, &t), SEV_E_TOKEN_GONE);
    CHECK_ERR(open_with(ODD_TOKEN_MODULE, "two", PIN, &t), SEV_E_AMBIGUOUS);
    CHECK_ERR(open_with(ODD_TOKEN_MODULE, "", PIN, &t), SEV_E_CONFIG);
    CHECK_ERR(open_with(ODD_TOKEN_MODULE, "123456789012345678901234567890123", PIN, &t),
              SEV_E_CONFIG);
    CHECK_ERR(open_with(ODD_TOKEN_MODULE, "one", "", &t), SEV_E_CONFIG);
    CHECK(t == NULL);
    CHECK_EQ(logins(), 0);
}

TEST(token__wrong_pin__tried_once)
{
    struct sev_token *t = NULL;
    begin();
    CHECK_ERR(open_with(ODD_TOKEN_MODULE, "one", "654321", &t), SEV_E_PASSPHRASE);
    CHECK_EQ(logins(), 1);
    be("last");
    CHECK_ERR(open_with(ODD_TOKEN_MODULE, "one", PIN, &t), SEV_E_PASSPHRASE);
    CHECK_EQ(logins(), 1); /* the last one is for a person */
    CHECK(t == NULL);
}

TEST(token__keys_that_will_not_do__named)
{
    struct sev_token *t = opened();
    struct sev_privkey *key = key_of(t, "p256", SEV_KEY_P256, 0);
    sev_privkey_free(key);
    key = NULL;
    CHECK_ERR(sev_token_key(t, "nobody", 0, &note, &key), SEV_E_NOT_FOUND);
    CHECK_ERR(sev_token_key(t, "id:00", 0, &note, &key), SEV_E_NOT_FOUND);
    CHECK_ERR(sev_token_key(t, "id:0", 0, &note, &key), SEV_E_BAD_NAME);
    CHECK_ERR(sev_token_key(t, "", 0, &note, &key), SEV_E_BAD_NAME);
    CHECK_ERR(sev_token_generate(t, SEV_KEY_P256, 0, "p256", &note), SEV_E_EXISTS);
    CHECK_ERR(sev_token_generate(t, SEV_KEY_X25519, 0, "x", &note), SEV_E_UNSUPPORTED);
    CHECK_ERR(sev_token_generate(t, SEV_KEY_RSA, 1024, "x", &note), SEV_E_UNSUPPORTED);
    be("open");
    CHECK_ERR(sev_token_key(t, "p256", 0, &note, &key), SEV_E_PRIVATE_KEY);
    CHECK(key == NULL);
    CHECK_OK(sev_token_key(t, "p256", SEV_TOKEN_EXTRACTABLE_TOO, &note, &key));
    sev_privkey_free(key);
    key = NULL;
    be("lies");
    CHECK_ERR(sev_token_key(t, "p256", 0, &note, &key), SEV_E_KEY);
    CHECK(key == NULL);
    sev_token_close(t);
}

/* ------------------------------------------------------------------- losses */

TEST(token__session_lost__logged_in_again_and_signed)
{
    static const char *const words[] = {"lost", "out"};
    for (size_t i = 0; i < 2; i++) {
        struct sev_token *t = opened();
        struct sev_privkey *key = key_of(t, "p256", SEV_KEY_P256, 0);
        size_t before = logins();
        be(words[i]);
        CHECK_OK(signs(key));
        CHECK_EQ(logins(), before + 1);
        CHECK_EQ(lost, 1);
        CHECK_EQ(back, 1);
        CHECK_OK(signs(key));
        CHECK_EQ(logins(), before + 1);
        sev_privkey_free(key);
        sev_token_close(t);
    }
}

TEST(token__token_removed__named_until_it_is_back)
{
    struct sev_token *t = opened();
    struct sev_privkey *key = key_of(t, "p256", SEV_KEY_P256, 0);
    be("gone");
    for (unsigned i = 0; i < 3; i++)
        CHECK_ERR(signs(key), SEV_E_TOKEN_GONE);
    CHECK_EQ(lost, 1); /* told once */
    CHECK_EQ(back, 0);
    be("");
    CHECK_OK(signs(key));
    CHECK_EQ(back, 1);
    sev_privkey_free(key);
    sev_token_close(t);
}

TEST(token__one_try_left_when_it_is_back__left_for_a_person)
{
    struct sev_token *t = opened();
    struct sev_privkey *key = key_of(t, "p256", SEV_KEY_P256, 0);
    be("gone");
    CHECK_ERR(signs(key), SEV_E_TOKEN_GONE);
    be("last");
    size_t before = logins();
    CHECK_ERR(signs(key), SEV_E_TOKEN_GONE);
    CHECK_EQ(logins(), before);
    be("");
    CHECK_OK(signs(key)); /* a person has been there */
    sev_privkey_free(key);
    sev_token_close(t);
}

TEST(token__pin_changed_while_it_was_gone__tried_once)
{
    struct sev_token *t = opened();
    struct sev_privkey *key = key_of(t, "p256", SEV_KEY_P256, 0);
    be("gone");
    CHECK_ERR(signs(key), SEV_E_TOKEN_GONE);
    be("pin");
    size_t before = logins();
    for (unsigned i = 0; i < 5; i++)
        CHECK_ERR(signs(key), SEV_E_TOKEN_GONE);
    CHECK_EQ(logins(), before + 1); /* each of them might have been the one that locks it */
    sev_privkey_free(key);
    sev_token_close(t);
}

TEST(token__signature_that_does_not_verify__never_seen)
{
    struct sev_token *t = opened();
    struct sev_privkey *key = key_of(t, "p256", SEV_KEY_P256, 0);
    be("lies");
    CHECK_ERR(signs(key), SEV_E_TOKEN_GONE);
    be("deaf");
    CHECK_ERR(signs(key), SEV_E_TOKEN_GONE);
    CHECK_EQ(lost, 0); /* it is there, and broken */
    be("");
    CHECK_OK(signs(key));
    sev_privkey_free(key);
    sev_token_close(t);
}
