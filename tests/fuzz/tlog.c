/* Fuzz: what a log, a witness or a stranger sends as text: notes, checkpoints, keys, proofs, paths,
 * bundles; the first byte chooses. What is accepted is written again as it was.
 * SPDX-License-Identifier: MIT */
/* fuzz: -max_len=8192 */
#include <stdlib.h>

#include "secureev/tlog.h"

static uint8_t room[1u << 17];

static void same(const sev_buf *written, sev_slice read)
{
    if (written->overflow || !sev_slice_eq(sev_buf_slice(written), read))
        abort();
}

static void note(sev_slice bytes)
{
    static struct sev_note n;
    struct sev_checkpoint c;
    sev_buf b = sev_buf_of(room, sizeof room);
    if (sev_note_parse(bytes, &n) != SEV_OK)
        return;
    sev_buf_put_slice(&b, n.text);
    sev_buf_put_byte(&b, '\n');
    for (uint32_t i = 0; i < n.count; i++) {
        sev_buf_put_slice(&b, SEV_LIT("\xE2\x80\x94 "));
        sev_buf_put_slice(&b, n.lines[i].name);
        sev_buf_put_byte(&b, ' ');
        sev_buf_put_slice(&b, n.lines[i].base64);
        sev_buf_put_byte(&b, '\n');
    }
    same(&b, bytes);
    b.len = 0;
    if (sev_checkpoint_parse(n.text, &c) == SEV_OK) {
        sev_checkpoint_write(&c, &b);
        same(&b, n.text);
    }
}

static void checkpoint(sev_slice bytes)
{
    struct sev_checkpoint c;
    sev_buf b = sev_buf_of(room, sizeof room);
    if (sev_checkpoint_parse(bytes, &c) != SEV_OK)
        return;
    sev_checkpoint_write(&c, &b);
    same(&b, bytes);
}

static void kept(sev_slice bytes)
{
    static uint8_t leaf[8192];
    struct sev_tlog_kept k;
    struct sev_checkpoint c = {.size = 1000};
    sev_buf b = sev_buf_of(room, sizeof room), l = sev_buf_of(leaf, sizeof leaf);
    if (sev_tlog_kept_parse(bytes, &k) != SEV_OK || sev_base64_decode(k.leaf_base64, &l) != SEV_OK)
        return;
    sev_tlog_kept_write(&k, sev_buf_slice(&l), &b);
    same(&b, bytes);
    if (sev_tlog_check_leaf(&k.proof, c.root, k.index, &c) == SEV_OK)
        abort(); /* nobody has a preimage of that root */
}

static void update(sev_slice bytes)
{
    struct sev_tlog_update u;
    struct sev_checkpoint c = {.size = 1000};
    uint8_t other[SEV_SHA256_BYTES] = {1};
    sev_buf b = sev_buf_of(room, sizeof room);
    if (sev_tlog_update_parse(bytes, &u) != SEV_OK)
        return;
    sev_tlog_update_write(&u, &b);
    same(&b, bytes);
    if (u.old_size != 0 && sev_tlog_check_growth(&u.proof, u.old_size, other, &c) == SEV_OK)
        abort();
}

static void key(sev_slice bytes)
{
    struct sev_note_key k, again;
    sev_buf b = sev_buf_of(room, sizeof room);
    if (sev_note_key_parse(bytes, &k) != SEV_OK)
        return;
    if (sev_note_key_write(&k, &b) != SEV_OK ||
        sev_note_key_parse(sev_buf_slice(&b), &again) != SEV_OK || b.len != bytes.len)
        abort(); /* the id may stand there in capitals */
}

static void path(sev_slice bytes)
{
    struct sev_tlog_tile t;
    sev_buf b = sev_buf_of(room, sizeof room);
    if (sev_tlog_path_parse(bytes, &t) != SEV_OK)
        return;
    sev_tlog_path(&t, &b);
    same(&b, bytes);
}

static void bundle(sev_slice bytes)
{
    sev_slice rest = bytes, entry;
    sev_buf b = sev_buf_of(room, sizeof room);
    while (sev_tlog_entry(&rest, &entry))
        if (sev_tlog_put_entry(entry, &b) != SEV_OK)
            abort();
    sev_buf_put_slice(&b, rest);
    same(&b, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const targets[])(sev_slice) = {note, checkpoint, kept, update, key, path, bundle};
    if (size != 0)
        targets[data[0] % 7](sev_slice_of(data + 1, size - 1));
    return 0;
}
