/* note_key - the keys of signed notes, and how people hand them on.  SPDX-License-Identifier: MIT
 */
#include "base/check.h"
#include "secureev/note.h"
#include "secureev/spki.h"

#define MATERIAL_BYTES_MAX 128 /* SubjectPublicKeyInfo of P-256 has 91 */

/* Type and key, as they stand in the verifier key and in what ids are the hash of. */
static sev_err put_material(const struct sev_note_key *key, sev_buf *out)
{
    sev_buf_put_byte(out, (uint8_t)key->type);
    if (key->type == SEV_NOTE_ECDSA)
        return sev_spki_encode(&key->key, out);
    sev_buf_put(out, key->key.material, key->key.len);
    return out->overflow ? SEV_E_MEMORY : SEV_OK;
}

sev_err sev_note_key_init(sev_slice name, sev_note_type type, const struct sev_pubkey *key,
                          struct sev_note_key *out)
{
    uint8_t room[MATERIAL_BYTES_MAX], digest[SEV_SHA256_BYTES];
    static const uint8_t line_feed = '\n';
    sev_buf material = sev_buf_of(room, sizeof room);
    struct sev_note_key made = {.name = name, .type = type, .key = *key};
    struct sev_sha256 h;
    if (SEV_REFUSE_IF(!sev_note_name_ok(name)))
        return SEV_E_BAD_NAME;
    sev_key_type wanted = type == SEV_NOTE_ECDSA ? SEV_KEY_P256 : SEV_KEY_ED25519;
    if (SEV_REFUSE_IF(key->type != wanted))
        return SEV_E_UNSUPPORTED;
    sev_err e = put_material(&made, &material);
    if (e != SEV_OK)
        return e;
    sev_sha256_init(&h);
    if (type == SEV_NOTE_ECDSA) {
        /* Assigned so: of the key alone, without name and type. */
        sev_sha256_update(&h, room + 1, material.len - 1);
    } else {
        sev_sha256_update(&h, name.ptr, name.len);
        sev_sha256_update(&h, &line_feed, 1);
        sev_sha256_update(&h, room, material.len);
    }
    sev_sha256_final(&h, digest);
    memcpy(made.id, digest, sizeof made.id);
    *out = made;
    return SEV_OK;
}

static sev_err read_material(sev_slice bytes, sev_note_type *out_type, struct sev_pubkey *out)
{
    sev_slice key = sev_slice_sub(bytes, 1, bytes.len);
    if (bytes.len == 0)
        return SEV_E_KEY;
    *out_type = (sev_note_type)bytes.ptr[0];
    if (*out_type == SEV_NOTE_ECDSA)
        return sev_spki_decode(key, out);
    if (SEV_REFUSE_IF(*out_type != SEV_NOTE_ED25519 && *out_type != SEV_NOTE_COSIGNATURE))
        return SEV_E_UNSUPPORTED;
    if (SEV_REFUSE_IF(key.len != 32))
        return SEV_E_KEY;
    *out = (struct sev_pubkey){.type = SEV_KEY_ED25519, .len = 32};
    memcpy(out->material, key.ptr, key.len);
    return SEV_OK;
}

sev_err sev_note_key_parse(sev_slice text, struct sev_note_key *out)
{
    uint8_t room[MATERIAL_BYTES_MAX], id[SEV_NOTE_ID_BYTES];
    sev_buf material = sev_buf_of(room, sizeof room), id_bytes = sev_buf_of(id, sizeof id);
    struct sev_note_key made;
    struct sev_pubkey key;
    sev_note_type type = SEV_NOTE_ED25519;
    size_t at = 0;
    while (at < text.len && text.ptr[at] != '+')
        at++;
    sev_slice rest = sev_slice_sub(text, at + 1, text.len);
    if (SEV_REFUSE_IF(rest.len < 9 || rest.ptr[8] != '+'))
        return SEV_E_KEY;
    if (sev_hex_decode(sev_slice_sub(rest, 0, 8), &id_bytes) != SEV_OK ||
        sev_base64_decode(sev_slice_sub(rest, 9, rest.len), &material) != SEV_OK)
        return SEV_E_KEY;
    sev_err e = read_material(sev_buf_slice(&material), &type, &key);
    if (e == SEV_OK)
        e = sev_note_key_init(sev_slice_sub(text, 0, at), type, &key, &made);
    if (e != SEV_OK)
        return e == SEV_E_BAD_NAME ? SEV_E_KEY : e;
    if (SEV_REFUSE_IF(memcmp(made.id, id, sizeof id) != 0))
        return SEV_E_KEY;
    *out = made;
    return SEV_OK;
}

sev_err sev_note_key_write(const struct sev_note_key *key, sev_buf *out)
{
    uint8_t room[MATERIAL_BYTES_MAX];
    sev_buf material = sev_buf_of(room, sizeof room), made = *out;
    sev_err e = put_material(key, &material);
    if (e != SEV_OK)
        return e;
    sev_buf_put_slice(&made, key->name);
    sev_buf_put_byte(&made, '+');
    sev_hex_encode(sev_slice_of(key->id, sizeof key->id), &made);
    sev_buf_put_byte(&made, '+');
    sev_base64_encode(sev_buf_slice(&material), &made);
    if (made.overflow)
        return SEV_E_MEMORY;
    *out = made;
    return SEV_OK;
}
