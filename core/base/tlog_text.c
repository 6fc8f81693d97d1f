/* tlog_text - proofs as text: kept by people, and sent to witnesses.  SPDX-License-Identifier: MIT
 */
#include "base/check.h"
#include "secureev/tlog.h"

/* The next line without its line feed. */
static bool take_line(sev_slice *rest, sev_slice *out)
{
    for (size_t i = 0; i < rest->len; i++)
        if (rest->ptr[i] == '\n') {
            *out = sev_slice_sub(*rest, 0, i);
            *rest = sev_slice_sub(*rest, i + 1, rest->len);
            return true;
        }
    return false;
}

/* "word rest"? Then `line` is what follows. */
static bool take_word(sev_slice *line, sev_slice word)
{
    if (line->len < word.len || memcmp(line->ptr, word.ptr, word.len) != 0)
        return false;
    *line = sev_slice_sub(*line, word.len, line->len);
    return true;
}

/* Hashes, a line each, up to an empty line; what follows is the note. */
static sev_err take_proof(sev_slice *rest, struct sev_tlog_proof *out)
{
    sev_slice line;
    bool more;
    out->count = 0;
    while ((more = take_line(rest, &line)) && line.len != 0) {
        if (SEV_REFUSE_IF(out->count == SEV_TLOG_PROOF_MAX))
            return SEV_E_NOTE;
        sev_buf hash = sev_buf_of(out->hashes[out->count], SEV_SHA256_BYTES);
        if (SEV_REFUSE_IF(sev_base64_decode(line, &hash) != SEV_OK || hash.len != hash.cap))
            return SEV_E_NOTE;
        out->count++;
    }
    if (SEV_REFUSE_IF(!more))
        return SEV_E_NOTE;
    return SEV_OK;
}

static void put_proof(const struct sev_tlog_proof *proof, sev_slice note, sev_buf *out)
{
    for (uint32_t i = 0; i < proof->count; i++) {
        sev_base64_encode(sev_slice_of(proof->hashes[i], SEV_SHA256_BYTES), out);
        sev_buf_put_byte(out, '\n');
    }
    sev_buf_put_byte(out, '\n');
    sev_buf_put_slice(out, note);
}

/* "word N" */
static sev_err take_number(sev_slice *rest, sev_slice word, uint64_t *out)
{
    sev_slice line;
    if (SEV_REFUSE_IF(!take_line(rest, &line) || !take_word(&line, word) ||
                      sev_decimal_parse(line, out) != SEV_OK))
        return SEV_E_NOTE;
    return SEV_OK;
}

static const char first_line[] = "c2sp.org/tlog-proof@v1";

sev_err sev_tlog_kept_parse(sev_slice text, struct sev_tlog_kept *out)
{
    struct sev_tlog_kept made = {.leaf_base64 = SEV_EMPTY};
    sev_slice rest = text, line, ahead;
    if (SEV_REFUSE_IF(!take_line(&rest, &line) ||
                      !sev_slice_eq(line, sev_slice_of(first_line, sizeof first_line - 1))))
        return SEV_E_NOTE;
    ahead = rest;
    if (take_line(&ahead, &line) && take_word(&line, SEV_LIT("extra "))) {
        if (SEV_REFUSE_IF(line.len == 0))
            return SEV_E_NOTE;
        made.leaf_base64 = line; /* whoever decodes it refuses what it is not */
        rest = ahead;
    }
    sev_err e = SEV_HEED(take_number(&rest, SEV_LIT("index "), &made.index));
    if (e == SEV_OK)
        e = SEV_HEED(take_proof(&rest, &made.proof));
    if (e != SEV_OK)
        return e;
    made.note = rest;
    *out = made;
    return SEV_OK;
}

void sev_tlog_kept_write(const struct sev_tlog_kept *kept, sev_slice leaf, sev_buf *out)
{
    sev_buf_put(out, first_line, sizeof first_line - 1);
    if (leaf.len != 0) {
        sev_buf_put_slice(out, SEV_LIT("\nextra "));
        sev_base64_encode(leaf, out);
    }
    sev_buf_put_slice(out, SEV_LIT("\nindex "));
    sev_decimal_format(kept->index, out);
    sev_buf_put_byte(out, '\n');
    put_proof(&kept->proof, kept->note, out);
}

sev_err sev_tlog_update_parse(sev_slice text, struct sev_tlog_update *out)
{
    struct sev_tlog_update made;
    sev_slice rest = text;
    sev_err e = SEV_HEED(take_number(&rest, SEV_LIT("old "), &made.old_size));
    if (e == SEV_OK)
        e = SEV_HEED(take_proof(&rest, &made.proof));
    if (e != SEV_OK)
        return e;
    made.note = rest;
    *out = made;
    return SEV_OK;
}

void sev_tlog_update_write(const struct sev_tlog_update *update, sev_buf *out)
{
    sev_buf_put_slice(out, SEV_LIT("old "));
    sev_decimal_format(update->old_size, out);
    sev_buf_put_byte(out, '\n');
    put_proof(&update->proof, update->note, out);
}
