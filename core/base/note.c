/* note - see note.h. Nothing of a note means anything before a known key has signed it.
 * SPDX-License-Identifier: MIT */
#include "secureev/note.h"

#include "base/check.h"

static const uint8_t dash[] = {0xE2, 0x80, 0x94, ' '}; /* U+2014 and a blank */

/* ------------------------------------------------------------------ characters */

/* How many bytes of the blank (White_Space of Unicode) that stands at the start of valid UTF-8; 0:
 * none does. Controls are refused elsewhere. */
static size_t blank_bytes(sev_slice s)
{
    static const struct {
        uint8_t bytes[3], last;
    } three[] = {{{0xE1, 0x9A, 0x80}, 0x80}, {{0xE2, 0x80, 0x80}, 0x8A},
                 {{0xE2, 0x80, 0xA8}, 0xA9}, {{0xE2, 0x80, 0xAF}, 0xAF},
                 {{0xE2, 0x81, 0x9F}, 0x9F}, {{0xE3, 0x80, 0x80}, 0x80}};
    if (s.ptr[0] == ' ')
        return 1;
    if (s.len >= 2 && s.ptr[0] == 0xC2 && (s.ptr[1] == 0x85 || s.ptr[1] == 0xA0))
        return 2;
    for (size_t i = 0; s.len >= 3 && i < sizeof three / sizeof three[0]; i++)
        if (s.ptr[0] == three[i].bytes[0] && s.ptr[1] == three[i].bytes[1] &&
            s.ptr[2] >= three[i].bytes[2] && s.ptr[2] <= three[i].last)
            return 3;
    return 0;
}

bool sev_note_name_ok(sev_slice name)
{
    if (SEV_REFUSE_IF(name.len == 0 || name.len > SEV_NOTE_NAME_BYTES_MAX))
        return false;
    if (SEV_REFUSE_IF(!sev_utf8_valid(name)))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (SEV_REFUSE_IF(name.ptr[i] < 0x20 || name.ptr[i] == 0x7F || name.ptr[i] == '+'))
            return false;
        if (SEV_REFUSE_IF(blank_bytes(sev_slice_sub(name, i, 3)) != 0))
            return false;
    }
    return true;
}

/* -------------------------------------------------------------------- reading */

/* The next line without its line feed, which must be there. */
static bool next_line(sev_slice *rest, sev_slice *out)
{
    for (size_t i = 0; i < rest->len; i++)
        if (rest->ptr[i] == '\n') {
            *out = sev_slice_sub(*rest, 0, i);
            *rest = sev_slice_sub(*rest, i + 1, rest->len);
            return true;
        }
    return false;
}

static sev_err parse_line(sev_slice line, struct sev_note_line *out)
{
    uint8_t room[SEV_NOTE_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(room, sizeof room);
    if (SEV_REFUSE_IF(line.len < sizeof dash || memcmp(line.ptr, dash, sizeof dash) != 0))
        return SEV_E_NOTE;
    line = sev_slice_sub(line, sizeof dash, line.len);
    size_t at = 0;
    while (at < line.len && line.ptr[at] != ' ')
        at++;
    out->name = sev_slice_sub(line, 0, at);
    out->base64 = sev_slice_sub(line, at + 1, line.len);
    if (SEV_REFUSE_IF(!sev_note_name_ok(out->name)))
        return SEV_E_NOTE;
    if (SEV_REFUSE_IF(sev_base64_decode(out->base64, &sig) != SEV_OK ||
                      sig.len <= SEV_NOTE_ID_BYTES))
        return SEV_E_NOTE;
    memcpy(out->id, room, SEV_NOTE_ID_BYTES);
    return SEV_OK;
}

static sev_err parse_lines(sev_slice lines, struct sev_note *out)
{
    sev_slice line;
    out->count = 0;
    while (next_line(&lines, &line)) {
        if (SEV_REFUSE_IF(out->count == SEV_NOTE_SIGS_MAX))
            return SEV_E_NOTE;
        sev_err e = parse_line(line, &out->lines[out->count]);
        if (e != SEV_OK)
            return e;
        out->count++;
    }
    if (SEV_REFUSE_IF(lines.len != 0)) /* a last line that does not end */
        return SEV_E_NOTE;
    if (SEV_REFUSE_IF(out->count == 0))
        return SEV_E_NOTE;
    return SEV_OK;
}

static sev_err check_characters(sev_slice bytes)
{
    if (SEV_REFUSE_IF(bytes.len > SEV_NOTE_BYTES_MAX))
        return SEV_E_TOO_LONG;
    if (SEV_REFUSE_IF(!sev_utf8_valid(bytes)))
        return SEV_E_NOTE;
    for (size_t i = 0; i < bytes.len; i++)
        if (SEV_REFUSE_IF(bytes.ptr[i] < 0x20 && bytes.ptr[i] != '\n'))
            return SEV_E_NOTE;
    return SEV_OK;
}

sev_err sev_note_parse_lines(sev_slice text, sev_slice lines, struct sev_note *out)
{
    struct sev_note note;
    sev_err e = SEV_HEED(check_characters(lines));
    if (e == SEV_OK)
        e = parse_lines(lines, &note);
    if (e != SEV_OK)
        return e;
    note.text = text;
    *out = note;
    return SEV_OK;
}

sev_err sev_note_parse(sev_slice bytes, struct sev_note *out)
{
    sev_err e = SEV_HEED(check_characters(bytes));
    if (e != SEV_OK)
        return e;
    /* The last empty line ends the text, which may have empty lines of its own. */
    size_t end = bytes.len;
    while (end >= 2 && !(bytes.ptr[end - 1] == '\n' && bytes.ptr[end - 2] == '\n'))
        end--;
    if (end < 2)
        return SEV_E_NOTE;
    return sev_note_parse_lines(sev_slice_sub(bytes, 0, end - 1),
                                sev_slice_sub(bytes, end, bytes.len), out);
}

/* ----------------------------------------------------------------- signatures */

sev_err sev_note_message(sev_note_type type, uint64_t time, sev_slice text, sev_buf *out)
{
    sev_buf made = *out;
    if (type == SEV_NOTE_COSIGNATURE) {
        sev_buf_put_slice(&made, SEV_LIT("cosignature/v1\ntime "));
        sev_decimal_format(time, &made);
        sev_buf_put_byte(&made, '\n');
    }
    sev_buf_put_slice(&made, text);
    if (made.overflow)
        return SEV_E_MEMORY;
    *out = made;
    return SEV_OK;
}

sev_err sev_note_put_line(const struct sev_note_key *key, uint64_t time, sev_slice sig,
                          sev_buf *out)
{
    uint8_t room[SEV_NOTE_ID_BYTES + 8 + SEV_SIG_BYTES_MAX];
    sev_buf whole = sev_buf_of(room, sizeof room), made = *out;
    sev_buf_put(&whole, key->id, sizeof key->id);
    for (unsigned i = 0; key->type == SEV_NOTE_COSIGNATURE && i < 8; i++)
        sev_buf_put_byte(&whole, (uint8_t)(time >> (56 - 8 * i)));
    sev_buf_put_slice(&whole, sig);
    sev_buf_put(&made, dash, sizeof dash);
    sev_buf_put_slice(&made, key->name);
    sev_buf_put_byte(&made, ' ');
    sev_base64_encode(sev_buf_slice(&whole), &made);
    sev_buf_put_byte(&made, '\n');
    if (whole.overflow || made.overflow)
        return SEV_E_MEMORY;
    *out = made;
    return SEV_OK;
}

static sev_err verify_line(struct sev_crypto *crypto, sev_slice text,
                           const struct sev_note_line *line, const struct sev_note_key *key,
                           uint64_t *out_time)
{
    uint8_t room[SEV_NOTE_SIG_BYTES_MAX], message[SEV_NOTE_MESSAGE_BYTES_MAX];
    uint8_t digest[SEV_SHA256_BYTES];
    sev_buf sig = sev_buf_of(room, sizeof room), signed_bytes = sev_buf_of(message, sizeof message);
    uint64_t time = 0;
    if (sev_base64_decode(line->base64, &sig) != SEV_OK)
        return SEV_E_SIGNATURE; /* never: it was decoded before */
    sev_slice bytes = sev_slice_sub(sev_buf_slice(&sig), SEV_NOTE_ID_BYTES, sig.len);
    if (key->type == SEV_NOTE_COSIGNATURE) {
        if (bytes.len < 8)
            return SEV_E_SIGNATURE;
        for (unsigned i = 0; i < 8; i++)
            time = time << 8 | bytes.ptr[i];
        if (SEV_REFUSE_IF(time > INT64_MAX))
            return SEV_E_SIGNATURE;
        bytes = sev_slice_sub(bytes, 8, bytes.len);
        if (sev_note_message(key->type, time, text, &signed_bytes) != SEV_OK)
            return SEV_E_SIGNATURE; /* longer than any checkpoint: nobody cosigned that */
        text = sev_buf_slice(&signed_bytes);
    }
    sev_sha256(text, digest);
    sev_err e = SEV_HEED(sev_crypto_verify(crypto, &key->key, text, digest, bytes));
    if (e == SEV_OK)
        *out_time = time;
    return e;
}

sev_err sev_note_verify(struct sev_crypto *crypto, const struct sev_note *note,
                        const struct sev_note_key *key, uint64_t *out_time)
{
    uint64_t newest = 0, time = 0;
    bool any = false;
    for (uint32_t i = 0; i < note->count; i++) {
        const struct sev_note_line *line = &note->lines[i];
        if (!sev_slice_eq(line->name, key->name) || memcmp(line->id, key->id, sizeof key->id) != 0)
            continue;
        sev_err e = verify_line(crypto, note->text, line, key, &time);
        if (e != SEV_OK)
            return e;
        newest = time > newest ? time : newest;
        any = true;
    }
    if (SEV_REFUSE_IF(!any))
        return SEV_E_SIGNATURE;
    if (out_time != NULL)
        *out_time = newest;
    return SEV_OK;
}
