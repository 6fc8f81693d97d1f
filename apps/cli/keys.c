/* keys - see the header. SPDX-License-Identifier: MIT */
#include "keys.h"

#include <stdio.h>
#include <stdlib.h>

int cli_key_fail(struct cli *c, sev_err err, const char *what)
{
    switch (err) {
    case SEV_E_PASSPHRASE:
        return cli_fail(c, err,
                        "try again; if it is the right one, the key file was changed: restore it",
                        "%s", what);
    case SEV_E_NOT_FOUND:
        return cli_fail(c, err, "what is there, says: secureev key list", "%s", what);
    case SEV_E_AMBIGUOUS:
        return cli_fail(c, err, "give more of the id: secureev key list shows it", "%s", what);
    case SEV_E_EXISTS:
    case SEV_E_BUSY:
    case SEV_E_UNSAFE_FILE:
    case SEV_E_STORE:
    case SEV_E_IO:
        return cli_fail_fs(c, err, NULL);
    default:
        return cli_fail(c, err, NULL, "%s", what);
    }
}

/* The folder that the option names, or the one of this user. */
static bool keystore_path(const struct cli *c, char out[SEV_FS_PATH_MAX])
{
    const char *given = cli_opt(c, "keystore");
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int n = -1;
    if (given != NULL)
        n = snprintf(out, SEV_FS_PATH_MAX, "%s", given);
    else if (data != NULL && data[0] == '/') /* the specification: a relative one is ignored */
        n = snprintf(out, SEV_FS_PATH_MAX, "%s/secureev/keys", data);
    else if (home != NULL && home[0] != '\0')
        n = snprintf(out, SEV_FS_PATH_MAX, "%s/.local/share/secureev/keys", home);
    return n > 0 && n < SEV_FS_PATH_MAX;
}

int cli_keystore(struct cli *c, bool make, struct sev_keystore *out)
{
    char path[SEV_FS_PATH_MAX];
    if (!keystore_path(c, path))
        return cli_usage(c, "--keystore DIR is needed: there is no home to look in");
    sev_err err = sev_keystore_open(cli_fs(c), path, make, out);
    if (err == SEV_E_NOT_FOUND)
        return cli_fail(c, err, "a first key makes it: secureev key generate --name NAME",
                        "there is no keystore %s", path);
    return err == SEV_OK ? 0 : cli_fail_fs(c, err, NULL);
}

int cli_key_find(struct cli *c, const struct sev_keystore *ks, const char *text,
                 struct sev_key_entry *out)
{
    char what[128];
    (void)snprintf(what, sizeof what, "key \"%.80s\"", text);
    sev_err err = sev_keystore_find(ks, text, out);
    return err == SEV_OK ? 0 : cli_key_fail(c, err, what);
}

void cli_put_key(const struct sev_key_entry *entry, struct cli_text *out)
{
    if (entry->name[0] != '\0')
        cli_text_printf(out, "%s (%.12s)", entry->name, entry->id);
    else
        cli_text_printf(out, "%.12s", entry->id);
}

int cli_key_open(struct cli *c, const struct sev_keystore *ks, const struct sev_key_entry *entry,
                 const char *prefix, struct sev_privkey **out)
{
    struct cli_text called = {0}, prompt = {0};
    struct cli_secret secret = {0};
    cli_put_key(entry, &called);
    cli_text_printf(&prompt, "Passphrase of key %s", called.failed ? entry->id : called.ptr);
    int code =
        cli_passphrase(c, prefix, prompt.failed ? "Passphrase" : prompt.ptr, CLI_ASK_ONCE, &secret);
    if (code == 0) {
        sev_err err = sev_keystore_load(ks, entry->id, cli_secret_slice(&secret), out);
        if (err != SEV_OK)
            code = cli_key_fail(c, err, called.failed ? entry->id : called.ptr);
    }
    cli_secret_wipe(&secret);
    cli_text_free(&called);
    cli_text_free(&prompt);
    return code;
}

/* Bits of the modulus, from the DER of RSAPublicKey {n, e}. */
static unsigned rsa_bits(const struct sev_pubkey *key)
{
    const uint8_t *p = key->material;
    /* 30 82 L L 02 82 L L [00] n: of 2048 bits and more, both lengths have two bytes */
    if (key->len < 10 || p[0] != 0x30 || p[1] != 0x82 || p[4] != 0x02 || p[5] != 0x82)
        return 0;
    unsigned bytes = (unsigned)p[6] << 8 | p[7];
    unsigned at = 8;
    if (p[8] == 0) {
        bytes--;
        at++;
    }
    unsigned bits = bytes * 8;
    for (unsigned mask = 0x80; mask != 0 && (p[at] & mask) == 0; mask >>= 1)
        bits--;
    return bits;
}

const char *cli_key_type(const struct sev_pubkey *key)
{
    static char rsa[16];
    switch (key->type) {
    case SEV_KEY_P256:
        return "p256";
    case SEV_KEY_ED25519:
        return "ed25519";
    case SEV_KEY_RSA:
        (void)snprintf(rsa, sizeof rsa, "rsa%u", rsa_bits(key));
        return rsa;
    case SEV_KEY_SECP256K1:
        return "secp256k1";
    case SEV_KEY_X25519:
        return "x25519";
    case SEV_KEY_UNKNOWN:
        break;
    }
    return "unknown";
}
