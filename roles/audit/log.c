/* log - leaves taken, checkpoints signed, tiles served.  SPDX-License-Identifier: MIT */
#include "internal.h"

#include "secureev/json.h"

#define AGAIN_MAX 8 /* times that another instance may be faster */

/* --------------------------------------------------------------------- leaves */

struct batch {
    uint32_t count, fresh; /* leaves; those that the log lacks */
    struct sev_log_leaf leaves[SEV_STORE_LEAVES_MAX], news[SEV_STORE_LEAVES_MAX];
    int64_t indices[SEV_STORE_LEAVES_MAX];
    struct audit_tree tree;
};

static sev_err read_batch(sev_slice source, sev_slice body, struct batch *out)
{
    sev_json_str name;
    if (body.len > SEV_AUDIT_BODY_BYTES_MAX)
        return SEV_E_TOO_LONG;
    sev_err e = sev_json_check(body, (struct sev_json_scratch){NULL, 0}, NULL, NULL);
    if (e != SEV_OK)
        return e == SEV_E_JSON_LIMIT ? SEV_E_NOT_CANONICAL : e;
    sev_json j = sev_json_at(body);
    out->count = 0;
    sev_json_object(&j);
    if (!sev_json_member(&j, &name) || !sev_json_str_is(name, "leaves"))
        return SEV_E_MALFORMED;
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct sev_audit_leaf leaf;
        if (out->count == SEV_STORE_LEAVES_MAX)
            return SEV_E_TOO_LONG;
        struct sev_log_leaf *l = &out->leaves[out->count++];
        sev_json_skip(&j, &l->bytes);
        e = j.err != SEV_OK ? j.err : sev_audit_leaf_parse(l->bytes, &leaf);
        if (e != SEV_OK)
            return e;
        if (!sev_slice_eq(leaf.source, source))
            return SEV_E_WRONG_SUBJECT;
        l->source = source;
        l->sequence = leaf.sequence;
        if (out->count > 1 && l->sequence <= out->leaves[out->count - 2].sequence)
            return SEV_E_MALFORMED;
        sev_merkle_leaf(l->bytes, l->hash);
    }
    if (j.err != SEV_OK || sev_json_member(&j, &name) || j.err != SEV_OK || out->count == 0)
        return SEV_E_MALFORMED;
    return SEV_OK;
}

/* Which of them are there already? A crash between the log and the shipper's mark sends them twice;
 * another leaf of a number that was used means that somebody's database was set back. */
static sev_err sort_out(const struct sev_audit_log *log, struct batch *b)
{
    b->fresh = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        uint8_t hash[SEV_SHA256_BYTES];
        const struct sev_log_leaf *l = &b->leaves[i];
        sev_err e =
            log->store->log->find(log->store->self, l->source, l->sequence, &b->indices[i], hash);
        if (e == SEV_E_NOT_FOUND) {
            b->indices[i] = -1;
            b->news[b->fresh++] = *l;
        } else if (e != SEV_OK) {
            return e;
        } else if (memcmp(hash, l->hash, sizeof hash) != 0) {
            audit_tell(log->events, SEV_EVENT_LOG_LEAF_CHANGED, SEV_E_EQUIVOCATION, l->source,
                       l->sequence);
            return SEV_E_EQUIVOCATION;
        }
    }
    return SEV_OK;
}

static sev_err append_once(const struct sev_audit_log *log, struct sev_arena *arena,
                           struct batch *b, int64_t *out_size)
{
    uint8_t edge_room[SEV_STORE_EDGE_BYTES_MAX];
    sev_buf edge = sev_buf_of(edge_room, sizeof edge_room);
    struct sev_log_head head;
    sev_err e = log->store->log->head(log->store->self, arena, &head);
    if (e == SEV_OK)
        e = sort_out(log, b);
    if (e == SEV_OK)
        e = audit_tree_read(&b->tree, &head);
    if (e != SEV_OK)
        return e;
    *out_size = head.size;
    if (b->fresh == 0)
        return SEV_OK;
    int64_t next = head.size;
    for (uint32_t i = 0; i < b->count; i++)
        if (b->indices[i] < 0)
            b->indices[i] = next++;
    if ((uint64_t)next >> SEV_MERKLE_PATH_MAX != 0)
        return SEV_E_TOO_LONG; /* 4,294,967,296 leaves: the log is full */
    for (uint32_t i = 0; i < b->fresh; i++)
        audit_tree_add(&b->tree, b->news[i].hash);
    audit_tree_write(&b->tree, &edge);
    struct sev_log_append append = {.expected_size = head.size,
                                    .leaves = b->news,
                                    .leaf_count = b->fresh,
                                    .nodes = b->tree.nodes,
                                    .node_count = b->tree.node_count,
                                    .edge = sev_buf_slice(&edge)};
    *out_size = next;
    return log->store->log->append(log->store->self, &append);
}

sev_err sev_audit_add(const struct sev_audit_log *log, struct sev_arena *arena, sev_slice source,
                      sev_slice body, sev_buf *answer)
{
    struct batch *b = (struct batch *)(void *)sev_arena_take(arena, sizeof *b);
    int64_t size = 0;
    sev_buf made = *answer;
    sev_err e = b == NULL ? SEV_E_MEMORY : read_batch(source, body, b);
    if (e != SEV_OK)
        return e;
    size_t mark = arena->used;
    e = SEV_E_CONFLICT;
    for (int i = 0; i < AGAIN_MAX && e == SEV_E_CONFLICT; i++) {
        sev_arena_back(arena, mark);
        e = append_once(log, arena, b, &size);
    }
    if (e != SEV_OK)
        return e;
    sev_json_writer w = sev_json_writer_to(&made);
    sev_json_w_object(&w);
    sev_json_w_name(&w, SEV_LIT("indices"));
    sev_json_w_array(&w);
    for (uint32_t i = 0; i < b->count; i++)
        sev_json_w_integer(&w, b->indices[i]);
    sev_json_w_array_end(&w);
    sev_json_w_integer_member(&w, "size", size);
    sev_json_w_object_end(&w);
    e = sev_arena_want(sev_json_w_end(&w));
    if (e == SEV_OK)
        *answer = made;
    return e;
}

/* ---------------------------------------------------------------- checkpoints */

/* Does the tree in the store go on from what was signed of it last? */
static sev_err goes_on(const struct sev_audit_log *log, struct sev_arena *arena,
                       const struct sev_log_head *head, const struct sev_checkpoint *now)
{
    struct sev_note note;
    struct sev_checkpoint last;
    struct sev_tlog_proof proof;
    if (head->checkpoint.len == 0)
        return SEV_OK;
    struct audit_source *s = (struct audit_source *)(void *)sev_arena_take(arena, sizeof *s);
    sev_err e = s == NULL ? SEV_E_MEMORY : sev_note_parse(head->checkpoint, &note);
    if (e == SEV_OK)
        e = sev_checkpoint_parse(note.text, &last);
    if (e == SEV_OK &&
        (!sev_slice_eq(last.origin, log->origin) || last.size != (uint64_t)head->signed_size))
        e = SEV_E_STORE;
    if (e != SEV_OK)
        return e;
    audit_source_of(s, log->store, now->size);
    e = sev_tlog_prove_growth(&s->source, last.size, &proof);
    return e == SEV_OK ? sev_tlog_check_growth(&proof, last.size, last.root, now) : e;
}

static sev_err sign_note(const struct sev_sign_note *sign, const char *const *keys,
                         uint32_t key_count, const struct sev_checkpoint *checkpoint, sev_buf *out)
{
    sev_err e = SEV_OK;
    sev_checkpoint_write(checkpoint, out);
    sev_buf_put_byte(out, '\n');
    for (uint32_t i = 0; e == SEV_OK && i < key_count; i++)
        e = sign->sign(sign->self, keys[i], checkpoint, out);
    return e == SEV_OK && out->overflow ? SEV_E_MEMORY : e;
}

sev_err sev_audit_sign(const struct sev_audit_log *log, const struct sev_sign_note *sign,
                       const char *const *keys, uint32_t key_count, struct sev_arena *arena,
                       int64_t *out_size)
{
    struct audit_tree *tree = (struct audit_tree *)(void *)sev_arena_take(arena, sizeof *tree);
    struct sev_checkpoint now = {.origin = log->origin};
    struct sev_log_head head;
    sev_buf note = audit_buf(arena, SEV_NOTE_BYTES_MAX);
    if (tree == NULL || note.ptr == NULL)
        return SEV_E_MEMORY;
    sev_err e = log->store->log->head(log->store->self, arena, &head);
    if (e == SEV_OK && head.size == head.signed_size) {
        *out_size = head.signed_size;
        return SEV_OK;
    }
    if (e == SEV_OK)
        e = audit_tree_read(tree, &head);
    if (e == SEV_OK) {
        now.size = (uint64_t)head.size;
        sev_merkle_root(&tree->edge, now.root);
        e = goes_on(log, arena, &head, &now);
    }
    if (e == SEV_E_LOG_FORK || e == SEV_E_STORE)
        audit_tell(log->events, SEV_EVENT_LOG_DAMAGED, e, log->origin, head.size);
    if (e == SEV_OK)
        e = sign_note(sign, keys, key_count, &now, &note);
    if (e == SEV_OK)
        e = log->store->log->checkpoint_put(log->store->self, head.signed_size, head.size,
                                            sev_buf_slice(&note));
    if (e == SEV_OK)
        *out_size = head.size;
    return e;
}

sev_err sev_audit_checkpoint(const struct sev_audit_log *log, struct sev_arena *arena,
                             sev_slice *out)
{
    struct sev_log_head head;
    sev_err e = log->store->log->head(log->store->self, arena, &head);
    if (e == SEV_OK && head.checkpoint.len == 0)
        e = SEV_E_NOT_FOUND;
    if (e == SEV_OK)
        *out = head.checkpoint;
    return e;
}

/* ---------------------------------------------------------------------- tiles */

static sev_err make_bundle(const struct sev_audit_log *log, const struct sev_tlog_tile *tile,
                           struct sev_arena *arena, sev_slice *out)
{
    sev_slice entries[SEV_TLOG_TILE_WIDTH];
    size_t bytes = 0;
    sev_err e =
        log->store->log->entries(log->store->self, (int64_t)(tile->index * SEV_TLOG_TILE_WIDTH),
                                 tile->width, arena, entries);
    if (e != SEV_OK)
        return e;
    for (uint32_t i = 0; i < tile->width; i++)
        bytes += entries[i].len + 2;
    sev_buf b = audit_buf(arena, bytes);
    for (uint32_t i = 0; e == SEV_OK && i < tile->width; i++)
        e = sev_tlog_put_entry(entries[i], &b);
    if (e == SEV_OK)
        *out = sev_buf_slice(&b);
    return e;
}

sev_err sev_audit_tile(const struct sev_audit_log *log, const struct sev_tlog_tile *tile,
                       struct sev_arena *arena, sev_slice *out)
{
    struct sev_log_head head;
    sev_err e = log->store->log->head(log->store->self, arena, &head);
    if (e != SEV_OK)
        return e;
    if (sev_tlog_width((uint64_t)head.signed_size, tile->level, tile->index) < tile->width)
        return SEV_E_NOT_FOUND;
    if (tile->level == SEV_TLOG_ENTRIES_LEVEL)
        return make_bundle(log, tile, arena, out);
    size_t bytes = (size_t)tile->width * SEV_SHA256_BYTES;
    uint8_t(*hashes)[SEV_SHA256_BYTES] =
        (uint8_t(*)[SEV_SHA256_BYTES])(void *)sev_arena_take(arena, bytes);
    if (hashes == NULL)
        return SEV_E_MEMORY;
    e = log->store->log->hashes(log->store->self, tile->level,
                                (int64_t)(tile->index * SEV_TLOG_TILE_WIDTH), tile->width, hashes);
    if (e == SEV_OK)
        *out = sev_slice_of(hashes, bytes);
    return e;
}

/* ------------------------------------------------------------------ witnesses */

sev_err sev_audit_ask_witness(const struct sev_audit_log *log, uint64_t old_size,
                              struct sev_arena *arena, sev_slice *out)
{
    struct audit_source *s = (struct audit_source *)(void *)sev_arena_take(arena, sizeof *s);
    struct sev_tlog_update update = {.old_size = old_size};
    struct sev_log_head head;
    if (s == NULL)
        return SEV_E_MEMORY;
    sev_err e = log->store->log->head(log->store->self, arena, &head);
    if (e == SEV_OK && (head.checkpoint.len == 0 || old_size > (uint64_t)head.signed_size))
        e = SEV_E_NOT_FOUND;
    if (e != SEV_OK)
        return e;
    audit_source_of(s, log->store, (uint64_t)head.signed_size);
    e = sev_tlog_prove_growth(&s->source, old_size, &update.proof);
    if (e != SEV_OK)
        return e;
    update.note = head.checkpoint;
    sev_buf b = audit_buf(arena, SEV_TLOG_UPDATE_BYTES_MAX + head.checkpoint.len);
    sev_tlog_update_write(&update, &b);
    if (b.ptr == NULL || b.overflow)
        return SEV_E_MEMORY;
    *out = sev_buf_slice(&b);
    return SEV_OK;
}

/* The stored checkpoint without lines of that witness, then its new ones. */
static void put_lines(const struct sev_note *note, const struct sev_note_key *witness,
                      bool of_witness, sev_buf *out)
{
    for (uint32_t i = 0; i < note->count; i++) {
        const struct sev_note_line *l = &note->lines[i];
        bool mine =
            sev_slice_eq(l->name, witness->name) && memcmp(l->id, witness->id, sizeof l->id) == 0;
        if (mine != of_witness)
            continue;
        sev_buf_put_slice(out, SEV_LIT("\xE2\x80\x94 "));
        sev_buf_put_slice(out, l->name);
        sev_buf_put_byte(out, ' ');
        sev_buf_put_slice(out, l->base64);
        sev_buf_put_byte(out, '\n');
    }
}

sev_err sev_audit_cosigned(const struct sev_audit_log *log, struct sev_crypto *crypto,
                           const struct sev_note_key *witness, sev_slice asked, sev_slice lines,
                           struct sev_arena *arena)
{
    struct sev_tlog_update update;
    struct sev_note stored, asked_note, answer;
    struct sev_log_head head;
    sev_buf b = audit_buf(arena, SEV_NOTE_BYTES_MAX);
    sev_err e = b.ptr == NULL ? SEV_E_MEMORY : sev_tlog_update_parse(asked, &update);
    if (e == SEV_OK)
        e = sev_note_parse(update.note, &asked_note);
    if (e == SEV_OK)
        e = sev_note_parse_lines(asked_note.text, lines, &answer);
    if (e == SEV_OK)
        e = sev_note_verify(crypto, &answer, witness, NULL);
    if (e == SEV_OK)
        e = log->store->log->head(log->store->self, arena, &head);
    if (e == SEV_OK)
        e = sev_note_parse(head.checkpoint, &stored);
    if (e == SEV_OK && !sev_slice_eq(stored.text, asked_note.text))
        e = SEV_E_CONFLICT;
    if (e != SEV_OK)
        return e;
    sev_buf_put_slice(&b, stored.text);
    sev_buf_put_byte(&b, '\n');
    put_lines(&stored, witness, false, &b);
    put_lines(&answer, witness, true, &b);
    if (b.overflow)
        return SEV_E_TOO_LONG;
    return log->store->log->checkpoint_put(log->store->self, head.signed_size, head.signed_size,
                                           sev_buf_slice(&b));
}
