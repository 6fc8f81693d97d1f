/* key_file - see the header. SPDX-License-Identifier: MIT */
#include "key_file.h"

#include "secureev/json.h"
#include "secureev/spki.h"
#include "secureev/text.h"

#define SPKI_BYTES_MAX 640u /* RSA-4096: 550 */
#define TEXT_BYTES_MAX (KEY_FILE_PLAIN_BYTES_MAX * 2)

bool sev_scrypt_cost_ok(struct sev_scrypt_cost c)
{
    if (c.n < 2 || (c.n & (c.n - 1)) != 0 || c.r == 0 || c.p == 0 || c.p > SEV_SCRYPT_P_MAX)
        return false;
    /* 128 n r, without a product that could wrap */
    return c.r <= SEV_SCRYPT_BYTES_MAX / 128 && c.n <= SEV_SCRYPT_BYTES_MAX / 128 / c.r;
}

/* -------------------------------------------------------------- writing */

static void base64_member(sev_json_writer *w, const char *name, sev_slice bytes)
{
    uint8_t text[TEXT_BYTES_MAX];
    sev_buf b = sev_buf_of(text, sizeof text);
    sev_base64_encode(bytes, &b);
    if (b.overflow && w->err == SEV_OK)
        w->err = SEV_E_BUG;
    sev_json_w_string_member(w, name, sev_buf_slice(&b));
}

static void write_header(sev_json_writer *w, const struct key_file *f, sev_slice spki)
{
    const struct sev_key_entry *e = &f->entry;
    sev_json_w_object(w);
    sev_json_w_string_member(w, "cipher", SEV_LIT("aes-256-gcm"));
    sev_json_w_name(w, SEV_LIT("kdf"));
    sev_json_w_object(w);
    sev_json_w_integer_member(w, "n", (int64_t)e->cost.n);
    sev_json_w_string_member(w, "name", SEV_LIT("scrypt"));
    sev_json_w_integer_member(w, "p", e->cost.p);
    sev_json_w_integer_member(w, "r", e->cost.r);
    base64_member(w, "salt", sev_slice_of(f->salt, sizeof f->salt));
    sev_json_w_object_end(w);
    sev_json_w_string_member(w, "keyid", sev_slice_of(e->id, strlen(e->id)));
    sev_json_w_string_member(w, "name", sev_slice_of(e->name, strlen(e->name)));
    base64_member(w, "nonce", sev_slice_of(f->nonce, sizeof f->nonce));
    base64_member(w, "public", spki);
    sev_json_w_integer_member(w, "version", 1);
    sev_json_w_object_end(w);
}

sev_err sev_key_file_header(const struct key_file *f, sev_buf *out)
{
    uint8_t der[SPKI_BYTES_MAX];
    sev_buf spki = sev_buf_of(der, sizeof der);
    sev_err err = sev_spki_encode(&f->entry.key, &spki);
    if (err != SEV_OK)
        return err;
    sev_json_writer w = sev_json_writer_to(out);
    write_header(&w, f, sev_buf_slice(&spki));
    return sev_json_w_end(&w);
}

sev_err sev_key_file_encode(const struct key_file *f, sev_buf *out)
{
    uint8_t bytes[KEY_FILE_HEADER_BYTES_MAX];
    sev_buf header = sev_buf_of(bytes, sizeof bytes);
    sev_err err = sev_key_file_header(f, &header);
    if (err != SEV_OK)
        return err;
    sev_json_writer w = sev_json_writer_to(out);
    sev_json_w_object(&w);
    base64_member(&w, "ciphertext", sev_slice_of(f->sealed, f->sealed_len));
    sev_json_w_name(&w, SEV_LIT("header"));
    sev_json_w_raw(&w, sev_buf_slice(&header));
    sev_json_w_object_end(&w);
    err = sev_json_w_end(&w);
    sev_buf_put_byte(out, '\n');
    return err != SEV_OK ? err : out->overflow ? SEV_E_BUG : SEV_OK;
}

/* -------------------------------------------------------------- reading */

/* Bytes of a base64 string, at most `cap`; how many. */
static size_t read_base64(sev_json *j, uint8_t *out, size_t cap)
{
    sev_json_str text = {0};
    sev_json_string(j, &text);
    sev_buf b = sev_buf_of(out, cap);
    if (j->err != SEV_OK)
        return 0;
    if (text.escaped || sev_base64_decode(text.raw, &b) != SEV_OK || b.overflow)
        sev_json_fail(j, SEV_E_STORE);
    return j->err == SEV_OK ? b.len : 0;
}

static void read_kdf(sev_json *j, struct key_file *f)
{
    sev_json_str name;
    int64_t n = 0, p = 0, r = 0;
    sev_json_object(j);
    while (sev_json_member(j, &name)) {
        if (sev_json_str_is(name, "n"))
            sev_json_integer_in(j, 1, (int64_t)SEV_SCRYPT_BYTES_MAX, &n);
        else if (sev_json_str_is(name, "p"))
            sev_json_integer_in(j, 1, SEV_SCRYPT_P_MAX, &p);
        else if (sev_json_str_is(name, "r"))
            sev_json_integer_in(j, 1, UINT32_MAX, &r);
        else if (sev_json_str_is(name, "salt"))
            (void)read_base64(j, f->salt, sizeof f->salt);
        else
            sev_json_skip(j, NULL);
    }
    f->entry.cost = (struct sev_scrypt_cost){(uint64_t)n, (uint32_t)r, (uint32_t)p};
}

static void read_public(sev_json *j, struct key_file *f)
{
    uint8_t der[SPKI_BYTES_MAX];
    size_t len = read_base64(j, der, sizeof der);
    if (j->err == SEV_OK && sev_spki_decode(sev_slice_of(der, len), &f->entry.key) != SEV_OK)
        sev_json_fail(j, SEV_E_STORE);
}

static void read_label(sev_json *j, struct key_file *f)
{
    sev_json_str text = {0};
    sev_json_string(j, &text);
    sev_buf b = sev_buf_of(f->entry.name, SEV_KEY_LABEL_CHARS_MAX);
    if (j->err != SEV_OK)
        return;
    if (sev_json_str_copy(text, &b) != SEV_OK)
        sev_json_fail(j, SEV_E_STORE);
    f->entry.name[j->err == SEV_OK ? b.len : 0] = '\0';
}

static void read_header(sev_json *j, struct key_file *f)
{
    sev_json_str name;
    sev_json_object(j);
    while (sev_json_member(j, &name)) {
        if (sev_json_str_is(name, "kdf"))
            read_kdf(j, f);
        else if (sev_json_str_is(name, "name"))
            read_label(j, f);
        else if (sev_json_str_is(name, "nonce"))
            (void)read_base64(j, f->nonce, sizeof f->nonce);
        else if (sev_json_str_is(name, "public"))
            read_public(j, f);
        else
            sev_json_skip(j, NULL);
    }
}

/* What was understood, written again, must be the same bytes: so nothing in the file can be other
 * than we wrote it without being noticed, whichever member it is. */
static bool encodes_to(const struct key_file *f, sev_slice bytes)
{
    uint8_t again[SEV_KEY_FILE_BYTES_MAX];
    sev_buf b = sev_buf_of(again, sizeof again);
    return sev_key_file_encode(f, &b) == SEV_OK && sev_slice_eq(sev_buf_slice(&b), bytes);
}

sev_err sev_key_file_decode(sev_slice bytes, const char *id, struct key_file *out)
{
    struct key_file f = {0};
    if (sev_json_check(bytes, (struct sev_json_scratch){NULL, 0}, NULL, NULL) != SEV_OK)
        return SEV_E_STORE;
    sev_json j = sev_json_at(bytes);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        if (sev_json_str_is(name, "ciphertext"))
            f.sealed_len = read_base64(&j, f.sealed, sizeof f.sealed);
        else if (sev_json_str_is(name, "header"))
            read_header(&j, &f);
        else
            sev_json_skip(&j, NULL);
    }
    if (j.err != SEV_OK || f.entry.key.type == SEV_KEY_UNKNOWN ||
        !sev_scrypt_cost_ok(f.entry.cost) || !sev_key_label_ok(f.entry.name) ||
        f.sealed_len < SEV_GCM_TAG_BYTES)
        return SEV_E_STORE;
    /* The id is that of the public key, and of the file: another key's file under this name is
     * found out here, and one with a public key put in place of ours, when it is opened. */
    if (sev_key_id(&f.entry.key, SEV_PROFILE_NATIVE, f.entry.id) != SEV_OK ||
        strcmp(f.entry.id, id) != 0 || !encodes_to(&f, bytes))
        return SEV_E_STORE;
    *out = f;
    return SEV_OK;
}
