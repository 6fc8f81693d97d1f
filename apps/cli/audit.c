/* audit - see audit.h.  SPDX-License-Identifier: MIT */
#include "audit.h"

#include <stdio.h>
#include <stdlib.h>

#include "secureev/crypto_hosted.h"

static sev_slice text_of(const char *s)
{
    return sev_slice_of(s, strlen(s));
}

/* ---------------------------------------------------------------------- opening */

int audit_read_trust(struct cli *c, struct audit_trust *out)
{
    size_t count = 0;
    const char *const *witnesses = cli_opt_all(c, "witness", &count);
    const char *log = cli_opt(c, "log-key");
    sev_err e = sev_note_key_parse(text_of(log), &out->log);
    if (e != SEV_OK || out->log.type == SEV_NOTE_COSIGNATURE)
        return cli_fail(c, e != SEV_OK ? e : SEV_E_KEY, "secureev audit key --help", "--log-key %s",
                        log);
    if (count > SEV_AUDIT_WITNESSES_MAX)
        return cli_usage(c, "at most %u witnesses", SEV_AUDIT_WITNESSES_MAX);
    out->witness_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct sev_note_key *key = &out->witnesses[out->witness_count++];
        e = sev_note_key_parse(text_of(witnesses[i]), key);
        if (e != SEV_OK || key->type != SEV_NOTE_COSIGNATURE)
            return cli_fail(c, e != SEV_OK ? e : SEV_E_KEY, "secureev audit key --cosigner",
                            "--witness %s", witnesses[i]);
        for (uint32_t j = 0; j + 1 < out->witness_count; j++)
            if (memcmp(out->witnesses[j].key.material, key->key.material, key->key.len) == 0)
                return cli_usage(c, "one witness given twice does not make two");
    }
    out->threshold = count;
    return cli_opt_integer(c, "threshold", 0, count, &out->threshold);
}

int audit_open(struct cli *c, bool online, struct audit_reader *out)
{
    struct server_access access = {.url = cli_opt(c, "server"),
                                   .ca = cli_opt(c, "ca"),
                                   .certificate = cli_opt(c, "certificate"),
                                   .key = cli_opt(c, "key")};
    *out = (struct audit_reader){.cli = c, .url = access.url};
    int code = audit_read_trust(c, &out->trust);
    if (code != 0)
        return code;
    out->crypto = sev_crypto_new();
    out->room = malloc(AUDIT_ROOM_BYTES);
    if (out->crypto == NULL || out->room == NULL)
        return cli_fail(c, SEV_E_MEMORY, NULL, "audit");
    if (!online)
        return 0;
    if (access.url == NULL || access.ca == NULL)
        return cli_usage(c, "--server and --ca say which log to ask");
    return server_open(c, &access, &out->client);
}

void audit_close(struct audit_reader *r)
{
    sev_http_client_free(r->client);
    sev_crypto_free(r->crypto);
    free(r->room);
}

int audit_fail(struct audit_reader *r, sev_err e)
{
    if (r->status == 0 && r->client != NULL && sev_err_class(e) == SEV_CLASS_RETRY)
        return server_fail(r->cli, r->client, r->url, e);
    return cli_fail(r->cli, e, NULL, "%s%s", r->url == NULL ? "" : r->url, r->path);
}

/* ---------------------------------------------------------------------- fetching */

sev_err audit_get(struct audit_reader *r, const char *path, sev_slice *out)
{
    sev_buf room = sev_buf_of(r->room, AUDIT_ROOM_BYTES);
    struct sev_http_ask ask = {.method = SEV_HTTP_GET, .target = path, .room = &room};
    struct sev_http_answer answer;
    snprintf(r->path, sizeof r->path, "%s", path);
    r->status = 0;
    sev_err e = sev_http_client_ask(r->client, &ask, &answer);
    if (e == SEV_OK) {
        r->status = answer.status;
        e = sev_http_answer_err(&answer);
    }
    if (e == SEV_OK)
        *out = answer.body;
    return e;
}

static sev_err get_tile(struct audit_reader *r, const struct sev_tlog_tile *tile, sev_slice *out)
{
    char path[SEV_TLOG_PATH_BYTES_MAX + 2] = "/";
    sev_buf b = sev_buf_of(path + 1, sizeof path - 2);
    sev_tlog_path(tile, &b);
    path[1 + b.len] = '\0';
    return audit_get(r, path, out);
}

static sev_err give_tile(void *self, const struct sev_tlog_tile *tile, const uint8_t **out)
{
    struct audit_reader *r = self;
    sev_slice bytes;
    for (uint32_t i = 0; i < r->kept_count; i++)
        if (r->kept[i].tile.level == tile->level && r->kept[i].tile.index == tile->index &&
            r->kept[i].tile.width == tile->width) {
            *out = r->kept[i].hashes;
            return SEV_OK;
        }
    sev_err e = get_tile(r, tile, &bytes);
    if (e == SEV_OK && bytes.len != (size_t)tile->width * SEV_SHA256_BYTES)
        e = SEV_E_LOG_TILE;
    if (e != SEV_OK)
        return e;
    uint32_t at = r->kept_next++ % AUDIT_TILES_KEPT;
    r->kept_count = r->kept_count < AUDIT_TILES_KEPT ? r->kept_count + 1 : r->kept_count;
    r->kept[at].tile = *tile;
    memcpy(r->kept[at].hashes, bytes.ptr, bytes.len);
    *out = r->kept[at].hashes;
    return SEV_OK;
}

struct sev_tlog_source audit_source(struct audit_reader *r, uint64_t size)
{
    return (struct sev_tlog_source){r, size, give_tile};
}

/* ------------------------------------------------------------------- checkpoints */

void audit_head_free(struct cli *c, struct audit_head *head)
{
    sev_bytes_free(cli_fs(c), &head->note);
}

sev_err audit_judge(struct audit_reader *r, struct sev_bytes *bytes, struct audit_head *out)
{
    struct audit_head head = {.note = *bytes};
    struct sev_note note;
    *bytes = (struct sev_bytes){NULL, 0};
    sev_err e = sev_note_parse(sev_bytes_slice(&head.note), &note);
    if (e == SEV_OK)
        e = sev_note_verify(r->crypto, &note, &r->trust.log, NULL);
    if (e == SEV_OK)
        e = sev_checkpoint_parse(note.text, &head.checkpoint);
    /* The log is called as its key is: another log of the same key is another log. */
    if (e == SEV_OK && !sev_slice_eq(head.checkpoint.origin, r->trust.log.name))
        e = SEV_E_NOTE;
    for (uint32_t i = 0; e == SEV_OK && i < r->trust.witness_count; i++)
        head.witnesses += sev_note_verify(r->crypto, &note, &r->trust.witnesses[i], NULL) == SEV_OK;
    if (e == SEV_OK && head.witnesses < r->trust.threshold)
        e = SEV_E_WITNESSES;
    if (e == SEV_OK)
        *out = head;
    else
        sev_bytes_free(cli_fs(r->cli), &head.note);
    return e;
}

int audit_fetch_head(struct audit_reader *r, struct audit_head *out)
{
    struct sev_bytes copy = {NULL, 0};
    sev_slice bytes = SEV_EMPTY;
    sev_err e = audit_get(r, "/checkpoint", &bytes);
    if (e == SEV_OK)
        e = sev_bytes_new(cli_fs(r->cli), bytes.len, &copy);
    if (e == SEV_OK) {
        memcpy(copy.ptr, bytes.ptr, bytes.len);
        e = audit_judge(r, &copy, out);
    }
    return e == SEV_OK ? 0 : audit_fail(r, e);
}

/* --------------------------------------------------------------------- the walk */

struct walk {
    struct audit_reader *r;
    const struct sev_checkpoint *old, *now;
    struct sev_tlog_source source;
    struct sev_merkle tree;
    uint64_t begin;         /* the first leaf that is read: of the tile in which the old one ends */
    bool shown;             /* somebody wants to see the leaves */
    struct cli_text leaves; /* as bundles have them, from `begin` on: shown when all is certain */
    struct cli_text roots;  /* of the full tiles of leaves from there on */
};

/* The tree as it was at `begin`, from tiles that the roots will show to be right. */
static sev_err start_tree(struct walk *w)
{
    sev_err e = SEV_OK;
    uint64_t at = 0;
    w->tree.count = w->begin;
    for (unsigned depth = SEV_MERKLE_PATH_MAX + 1; e == SEV_OK && depth-- > 0;)
        if ((w->begin >> depth & 1) != 0) {
            uint64_t end = at + ((uint64_t)1 << depth);
            e = sev_tlog_node(&w->source, at, end, w->tree.edge[depth]);
            at = end;
        }
    return e;
}

/* Is this where the older checkpoint ended, and was it the same tree? What was edited, taken away
 * or put elsewhere since then changes its root. REQ-A33 */
static sev_err compare_old(struct walk *w)
{
    uint8_t root[SEV_SHA256_BYTES];
    if (w->old == NULL || w->tree.count != w->old->size)
        return SEV_OK;
    sev_merkle_root(&w->tree, root);
    return memcmp(root, w->old->root, sizeof root) == 0 ? SEV_OK : SEV_E_LOG_FORK;
}

/* One bundle and its tile. */
static sev_err read_bundle(struct walk *w, uint64_t index)
{
    struct sev_tlog_tile tile = {0, index, sev_tlog_width(w->now->size, 0, index)};
    struct sev_audit_leaf leaf;
    struct sev_merkle inside;
    const uint8_t *hashes;
    sev_slice rest, entry, bundle;
    sev_err e = give_tile(w->r, &tile, &hashes);
    tile.level = SEV_TLOG_ENTRIES_LEVEL;
    if (e == SEV_OK)
        e = get_tile(w->r, &tile, &bundle);
    if (e != SEV_OK)
        return e;
    rest = bundle;
    sev_merkle_init(&inside);
    for (uint32_t i = 0; e == SEV_OK && i < tile.width; i++) {
        uint8_t hash[SEV_SHA256_BYTES];
        if (!sev_tlog_entry(&rest, &entry))
            return SEV_E_LOG_TILE;
        sev_merkle_leaf(entry, hash);
        if (memcmp(hash, hashes + (size_t)i * SEV_SHA256_BYTES, sizeof hash) != 0)
            return SEV_E_LOG_TILE;
        sev_merkle_add(&inside, hash);
        sev_merkle_add(&w->tree, hash);
        e = compare_old(w);
        if (e == SEV_OK) /* what is no leaf could say what no leaf may */
            e = sev_audit_leaf_parse(entry, &leaf);
    }
    if (e == SEV_OK && rest.len != 0)
        e = SEV_E_LOG_TILE;
    if (e == SEV_OK && tile.width == SEV_TLOG_TILE_WIDTH) {
        uint8_t root[SEV_SHA256_BYTES];
        sev_merkle_root(&inside, root);
        cli_text_put(&w->roots, root, sizeof root);
    }
    if (w->shown)
        cli_text_put(&w->leaves, bundle.ptr, bundle.len);
    return e == SEV_OK && (w->leaves.failed || w->roots.failed) ? SEV_E_MEMORY : e;
}

static sev_err root_of_tile(struct walk *w, uint8_t level, uint64_t index,
                            uint8_t out[SEV_SHA256_BYTES])
{
    struct sev_tlog_tile tile = {level, index, SEV_TLOG_TILE_WIDTH};
    struct sev_merkle t;
    const uint8_t *hashes;
    if (level == 0) {
        memcpy(out, w->roots.ptr + (index - w->begin / SEV_TLOG_TILE_WIDTH) * SEV_SHA256_BYTES,
               SEV_SHA256_BYTES);
        return SEV_OK;
    }
    sev_err e = give_tile(w->r, &tile, &hashes);
    if (e != SEV_OK)
        return e;
    sev_merkle_init(&t);
    for (unsigned i = 0; i < SEV_TLOG_TILE_WIDTH; i++)
        sev_merkle_add(&t, hashes + i * SEV_SHA256_BYTES);
    sev_merkle_root(&t, out);
    return SEV_OK;
}

/* Each hash of an upper tile is the root of the tile below it. Those of old leaves alone were under
 * the old root already. */
static sev_err check_upper(struct walk *w, uint8_t level, uint64_t index)
{
    struct sev_tlog_tile tile = {level, index, sev_tlog_width(w->now->size, level, index)};
    uint8_t wanted[SEV_SHA256_BYTES], copy[SEV_TLOG_TILE_WIDTH * SEV_SHA256_BYTES];
    const uint8_t *hashes;
    sev_err e = give_tile(w->r, &tile, &hashes);
    if (e != SEV_OK)
        return e;
    memcpy(copy, hashes, (size_t)tile.width * SEV_SHA256_BYTES);
    for (uint32_t i = 0; i < tile.width; i++) {
        uint64_t below = index * SEV_TLOG_TILE_WIDTH + i;
        if (((below + 1) << (8 * level)) <= w->begin)
            continue;
        if (level > 1 && (below << (8 * level)) < w->begin)
            continue; /* its first leaves are old: only the root says what it is */
        e = root_of_tile(w, (uint8_t)(level - 1), below, wanted);
        if (e != SEV_OK)
            return e;
        if (memcmp(wanted, copy + (size_t)i * SEV_SHA256_BYTES, sizeof wanted) != 0) {
            char path[SEV_TLOG_PATH_BYTES_MAX + 1] = "";
            sev_buf b = sev_buf_of(path, sizeof path - 1);
            sev_tlog_path(&tile, &b);
            snprintf(w->r->path, sizeof w->r->path, "/%s", path);
            return SEV_E_LOG_TILE;
        }
    }
    return SEV_OK;
}

static sev_err check_uppers(struct walk *w)
{
    for (uint8_t level = 1; level < SEV_TLOG_LEVELS_MAX; level++)
        for (uint64_t n = (w->begin >> (8 * level)) / SEV_TLOG_TILE_WIDTH;
             sev_tlog_width(w->now->size, level, n) != 0; n++) {
            sev_err e = check_upper(w, level, n);
            if (e != SEV_OK)
                return e;
        }
    return SEV_OK;
}

static void show_leaves(const struct walk *w, audit_visit *visit, void *context)
{
    sev_slice rest = sev_slice_of(w->leaves.ptr, w->leaves.len), entry;
    uint64_t index = w->begin, from = w->old == NULL ? 0 : w->old->size;
    while (sev_tlog_entry(&rest, &entry)) {
        if (index >= from && !visit(context, index, entry))
            return;
        index++;
    }
}

static sev_err walk(struct walk *w)
{
    uint8_t root[SEV_SHA256_BYTES];
    sev_err e = start_tree(w);
    if (e == SEV_OK)
        e = compare_old(w);
    for (uint64_t n = w->begin / SEV_TLOG_TILE_WIDTH; e == SEV_OK && w->tree.count < w->now->size;
         n++)
        e = read_bundle(w, n);
    if (e != SEV_OK)
        return e;
    sev_merkle_root(&w->tree, root);
    if (memcmp(root, w->now->root, sizeof root) != 0) {
        snprintf(w->r->path, sizeof w->r->path, "/checkpoint");
        return SEV_E_LOG_TILE;
    }
    return check_uppers(w);
}

sev_err audit_walk(struct audit_reader *r, const struct sev_checkpoint *old,
                   const struct sev_checkpoint *now, audit_visit *visit, void *context)
{
    struct walk *w = calloc(1, sizeof *w);
    if (w == NULL)
        return SEV_E_MEMORY;
    if (r->size != now->size) {
        r->kept_count = r->kept_next = 0; /* partial tiles of before are others now */
        r->size = now->size;
    }
    w->r = r;
    w->old = old;
    w->now = now;
    w->shown = visit != NULL;
    w->source = audit_source(r, now->size);
    w->begin = old == NULL ? 0 : old->size / SEV_TLOG_TILE_WIDTH * SEV_TLOG_TILE_WIDTH;
    sev_err e = old != NULL && old->size > now->size    ? SEV_E_VERSION_ROLLBACK
                : now->size >> SEV_MERKLE_PATH_MAX != 0 ? SEV_E_TOO_LONG
                                                        : walk(w);
    if (e == SEV_OK && visit != NULL)
        show_leaves(w, visit, context);
    cli_text_free(&w->leaves);
    cli_text_free(&w->roots);
    free(w);
    return e;
}
