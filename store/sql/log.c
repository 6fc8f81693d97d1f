/* log - the audit log's leaves and hashes, what witnesses cosigned, and what is yet to be shipped.
 * SPDX-License-Identifier: MIT */
#include "secureev/store_log.h"

#include "internal.h"

/* clang-format off */
#define TABLE(X) \
    X(UNSHIPPED, "SELECT d.key, v.id, d.time, d.actor, d.what, d.reason FROM decision d " \
        "LEFT JOIN vehicle v ON v.key = d.vehicle WHERE d.key > " \
        "coalesce((SELECT m.sequence FROM audit_mark m WHERE m.key = 1), 0) " \
        "ORDER BY d.key LIMIT $1") \
    X(SHIPPED, "INSERT INTO audit_mark (key, sequence) VALUES (1, $1) " \
        "ON CONFLICT (key) DO UPDATE SET sequence = excluded.sequence " \
        "WHERE excluded.sequence > audit_mark.sequence") \
    X(COUNTED, "INSERT INTO audit_count (key_name, run, made, told) VALUES ($1, $2, $3, 0) " \
        "ON CONFLICT (key_name, run) DO UPDATE SET made = excluded.made " \
        "WHERE excluded.made > audit_count.made") \
    X(UNTOLD, "SELECT key_name, run, made, told FROM audit_count WHERE made > told ORDER BY key") \
    X(TOLD, "SELECT told FROM audit_count WHERE key_name = $1 AND run = $2") \
    X(TELL, "UPDATE audit_count SET told = $1 WHERE key_name = $2 AND run = $3") \
    X(HEAD, "SELECT size, edge, signed_size, checkpoint FROM log_head WHERE key = 1") \
    X(SIZE, "SELECT size FROM log_head WHERE key = 1") \
    X(SIGNED_SIZE, "SELECT signed_size FROM log_head WHERE key = 1") \
    X(GROW, "INSERT INTO log_head (key, size, edge, signed_size, checkpoint) " \
        "VALUES (1, $1, $2, 0, $3) ON CONFLICT (key) DO UPDATE SET " \
        "size = excluded.size, edge = excluded.edge") \
    X(CHECKPOINT, "UPDATE log_head SET signed_size = $1, checkpoint = $2 WHERE key = 1") \
    X(FIND, "SELECT key, hash FROM log_leaf WHERE source = $1 AND sequence = $2") \
    X(LEAF_ADD, "INSERT INTO log_leaf (key, source, sequence, hash, bytes) " \
        "VALUES ($1, $2, $3, $4, $5)") \
    X(NODE_ADD, "INSERT INTO log_node (key, hash) VALUES ($1, $2)") \
    X(LEAF_HASHES, "SELECT hash FROM log_leaf WHERE key >= $1 AND key < $2 ORDER BY key") \
    X(NODE_HASHES, "SELECT hash FROM log_node WHERE key >= $1 AND key < $2 ORDER BY key") \
    X(ENTRIES, "SELECT bytes FROM log_leaf WHERE key >= $1 AND key < $2 ORDER BY key") \
    X(COSIGNED, "SELECT size, root FROM cosigned WHERE origin = $1") \
    X(COSIGN, "INSERT INTO cosigned (origin, size, root) VALUES ($1, $2, $3) " \
        "ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root")
/* clang-format on */
SEV_SQL_STATEMENTS(log, TABLE);

#define LEVEL_KEYS (INT64_C(1) << 40) /* log_node.key: that many times the level, and the index */

static bool number_fits(int64_t n)
{
    return n >= 0 && n < LEVEL_KEYS;
}

/* -------------------------------------------------------------------- shipping */

struct shipment_row {
    struct shipment_row *next;
    struct sev_shipment shipment;
};

static sev_err unshipped(void *self, uint32_t count_max, struct sev_arena *arena,
                         sev_shipment_visit *visit, void *context)
{
    struct sev_read r;
    struct shipment_row *first = NULL, **last = &first, *row;
    sev_read_begin(&r, self, arena, UNSHIPPED);
    sev_query_put_int(&r.q, count_max);
    while (sev_read_row(&r) && (row = sev_read_take(&r, sizeof *row)) != NULL) {
        row->next = NULL;
        row->shipment.sequence = sev_read_number(&r);
        row->shipment.vehicle = sev_read_text(&r);
        row->shipment.decision.time = sev_read_number(&r);
        row->shipment.decision.actor = sev_read_text(&r);
        row->shipment.decision.what = sev_read_text(&r);
        row->shipment.decision.reason = sev_read_text(&r);
        *last = row;
        last = &row->next;
    }
    sev_err e = sev_read_end(&r);
    for (row = first; e == SEV_OK && row != NULL && visit(context, &row->shipment);)
        row = row->next;
    return e;
}

static sev_err run_shipped(struct sev_db *db, const void *arguments)
{
    struct sev_query q;
    sev_query_begin(&q, db, SHIPPED);
    sev_query_put_int(&q, *(const int64_t *)arguments);
    return sev_query_run(&q);
}

static sev_err shipped(void *self, int64_t sequence)
{
    if (sequence < 0)
        return SEV_E_MALFORMED;
    return sev_sql_write(self, run_shipped, &sequence);
}

/* -------------------------------------------------------------------- counts */

static sev_err run_counted(struct sev_db *db, const void *arguments)
{
    const struct sev_key_count *c = arguments;
    struct sev_query q;
    sev_query_begin(&q, db, COUNTED);
    sev_query_put(&q, c->key);
    sev_query_put_int(&q, c->run);
    sev_query_put_int(&q, c->made);
    return sev_query_run(&q);
}

static sev_err counted(void *self, sev_slice key, int64_t run, int64_t made)
{
    struct sev_key_count c = {key, run, made, 0};
    sev_err e = sev_store_check_id(key);
    if (e == SEV_OK && (run < 0 || made < 0))
        e = SEV_E_MALFORMED;
    return e == SEV_OK ? sev_sql_write(self, run_counted, &c) : e;
}

struct count_row {
    struct count_row *next;
    struct sev_key_count count;
};

static sev_err untold(void *self, struct sev_arena *arena, sev_key_count_visit *visit,
                      void *context)
{
    struct sev_read r;
    struct count_row *first = NULL, **last = &first, *row;
    sev_read_begin(&r, self, arena, UNTOLD);
    while (sev_read_row(&r) && (row = sev_read_take(&r, sizeof *row)) != NULL) {
        row->next = NULL;
        row->count.key = sev_read_text(&r);
        row->count.run = sev_read_number(&r);
        row->count.made = sev_read_number(&r);
        row->count.told = sev_read_number(&r);
        *last = row;
        last = &row->next;
    }
    sev_err e = sev_read_end(&r);
    for (row = first; e == SEV_OK && row != NULL && visit(context, &row->count);)
        row = row->next;
    return e;
}

struct tell {
    const struct sev_key_count *count;
    const struct sev_decision *decision;
};

static sev_err run_tell(struct sev_db *db, const void *arguments)
{
    const struct tell *a = arguments;
    struct sev_query q;
    int64_t told = -1;
    sev_query_begin(&q, db, TOLD);
    sev_query_put(&q, a->count->key);
    sev_query_put_int(&q, a->count->run);
    if (sev_query_row(&q))
        told = sev_query_get_int(&q);
    sev_err e = sev_query_end(&q);
    if (e == SEV_OK && told != a->count->told)
        e = SEV_E_CONFLICT;
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, TELL);
    sev_query_put_int(&q, a->count->made);
    sev_query_put(&q, a->count->key);
    sev_query_put_int(&q, a->count->run);
    e = sev_query_run(&q);
    return e == SEV_OK ? sev_sql_explain(db, 0, a->decision) : e;
}

static sev_err tell(void *self, const struct sev_key_count *count,
                    const struct sev_decision *decision)
{
    struct tell a = {count, decision};
    sev_err e = sev_store_check_id(count->key);
    if (e == SEV_OK)
        e = decision == NULL || count->made < count->told ? SEV_E_MALFORMED
                                                          : sev_store_check_decision(decision);
    return e == SEV_OK ? sev_sql_write(self, run_tell, &a) : e;
}

/* ------------------------------------------------------------------------- log */

static sev_err head(void *self, struct sev_arena *arena, struct sev_log_head *out)
{
    struct sev_read r;
    struct sev_log_head h = {.size = 0};
    sev_read_begin(&r, self, arena, HEAD);
    if (sev_read_row(&r)) {
        h.size = sev_read_number(&r);
        h.edge = sev_read_text(&r);
        h.signed_size = sev_read_number(&r);
        h.checkpoint = sev_read_text(&r);
    }
    sev_err e = sev_read_end(&r);
    if (e == SEV_OK)
        *out = h;
    return e;
}

static sev_err find(void *self, sev_slice source, int64_t sequence, int64_t *out_index,
                    uint8_t out_hash[SEV_SHA256_BYTES])
{
    struct sev_read r;
    struct sev_arena none = sev_arena_of(NULL, 0);
    uint8_t hash[SEV_SHA256_BYTES];
    int64_t index = 0;
    sev_err e = sev_store_check_id(source);
    if (e != SEV_OK)
        return e;
    sev_read_begin(&r, self, &none, FIND);
    sev_query_put(&r.q, source);
    sev_query_put_int(&r.q, sequence);
    bool found = sev_read_row(&r);
    if (found) {
        index = sev_read_number(&r);
        sev_read_digest(&r, hash);
    }
    e = sev_read_end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    *out_index = index;
    memcpy(out_hash, hash, sizeof hash);
    return SEV_OK;
}

static sev_err check_new(struct sev_db *db, const struct sev_log_leaf *leaf)
{
    struct sev_query q;
    sev_query_begin(&q, db, FIND);
    sev_query_put(&q, leaf->source);
    sev_query_put_int(&q, leaf->sequence);
    bool found = sev_query_row(&q);
    sev_err e = sev_query_end(&q);
    return e == SEV_OK && found ? SEV_E_CONFLICT : e;
}

static sev_err add_leaf(struct sev_db *db, int64_t index, const struct sev_log_leaf *leaf)
{
    struct sev_query q;
    sev_err e = check_new(db, leaf);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, LEAF_ADD);
    sev_query_put_int(&q, index);
    sev_query_put(&q, leaf->source);
    sev_query_put_int(&q, leaf->sequence);
    sev_query_put(&q, sev_slice_of(leaf->hash, sizeof leaf->hash));
    sev_query_put(&q, leaf->bytes);
    return sev_query_run(&q);
}

static sev_err add_node(struct sev_db *db, const struct sev_log_node *node)
{
    struct sev_query q;
    sev_query_begin(&q, db, NODE_ADD);
    sev_query_put_int(&q, node->level * LEVEL_KEYS + node->index);
    sev_query_put(&q, sev_slice_of(node->hash, sizeof node->hash));
    return sev_query_run(&q);
}

static sev_err run_append(struct sev_db *db, const void *arguments)
{
    const struct sev_log_append *a = arguments;
    struct sev_query q;
    int64_t size = 0;
    sev_query_begin(&q, db, SIZE);
    sev_err e = sev_query_number(&q, &size);
    if (e == SEV_OK && size != a->expected_size)
        e = SEV_E_CONFLICT;
    for (uint32_t i = 0; e == SEV_OK && i < a->leaf_count; i++)
        e = add_leaf(db, size + i, &a->leaves[i]);
    for (uint32_t i = 0; e == SEV_OK && i < a->node_count; i++)
        e = add_node(db, &a->nodes[i]);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, GROW);
    sev_query_put_int(&q, size + a->leaf_count);
    sev_query_put(&q, a->edge);
    sev_query_put(&q, SEV_EMPTY);
    return sev_query_run(&q);
}

static sev_err append(void *self, const struct sev_log_append *a)
{
    bool fits = number_fits(a->expected_size) && a->leaf_count != 0 &&
                a->leaf_count <= SEV_STORE_LEAVES_MAX && a->node_count <= SEV_STORE_NODES_MAX &&
                a->edge.len <= SEV_STORE_EDGE_BYTES_MAX;
    for (uint32_t i = 0; fits && i < a->leaf_count; i++)
        fits = sev_store_check_id(a->leaves[i].source) == SEV_OK && a->leaves[i].sequence >= 0 &&
               a->leaves[i].bytes.len != 0 && a->leaves[i].bytes.len <= SEV_TLOG_ENTRY_BYTES_MAX;
    for (uint32_t i = 0; fits && i < a->node_count; i++)
        fits = a->nodes[i].level != 0 && a->nodes[i].level < 8 && number_fits(a->nodes[i].index);
    return fits ? sev_sql_write(self, run_append, a) : SEV_E_MALFORMED;
}

static sev_err hashes(void *self, uint8_t level, int64_t first, uint32_t count,
                      uint8_t (*out)[SEV_SHA256_BYTES])
{
    struct sev_read r;
    struct sev_arena none = sev_arena_of(NULL, 0);
    uint32_t n = 0;
    if (level >= 8 || !number_fits(first) || count > SEV_STORE_LEAVES_MAX)
        return SEV_E_MALFORMED;
    int64_t key = level * LEVEL_KEYS + first;
    sev_read_begin(&r, self, &none, level == 0 ? LEAF_HASHES : NODE_HASHES);
    sev_query_put_int(&r.q, key);
    sev_query_put_int(&r.q, key + count);
    while (n < count && sev_read_row(&r))
        sev_read_digest(&r, out[n++]);
    sev_err e = sev_read_end(&r);
    return e == SEV_OK && n < count ? SEV_E_NOT_FOUND : e;
}

static sev_err entries(void *self, int64_t first, uint32_t count, struct sev_arena *arena,
                       sev_slice *out)
{
    struct sev_read r;
    size_t mark = arena->used;
    uint32_t n = 0;
    if (!number_fits(first) || count > SEV_STORE_LEAVES_MAX)
        return SEV_E_MALFORMED;
    sev_read_begin(&r, self, arena, ENTRIES);
    sev_query_put_int(&r.q, first);
    sev_query_put_int(&r.q, first + count);
    while (n < count && sev_read_row(&r))
        out[n++] = sev_read_text(&r);
    sev_err e = sev_read_end(&r);
    if (e == SEV_OK && n < count) {
        sev_arena_back(arena, mark);
        e = SEV_E_NOT_FOUND;
    }
    return e;
}

struct checkpoint_put {
    int64_t expected, size;
    sev_slice checkpoint;
};

static sev_err run_checkpoint_put(struct sev_db *db, const void *arguments)
{
    const struct checkpoint_put *a = arguments;
    struct sev_query q;
    int64_t size = 0, was = 0;
    sev_query_begin(&q, db, SIZE);
    sev_err e = sev_query_number(&q, &size);
    if (e == SEV_OK) {
        sev_query_begin(&q, db, SIGNED_SIZE);
        e = sev_query_number(&q, &was);
    }
    if (e == SEV_OK && (was != a->expected || a->size < was || a->size > size))
        e = SEV_E_CONFLICT;
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, CHECKPOINT);
    sev_query_put_int(&q, a->size);
    sev_query_put(&q, a->checkpoint);
    return sev_query_run(&q);
}

static sev_err checkpoint_put(void *self, int64_t expected, int64_t size, sev_slice checkpoint)
{
    struct checkpoint_put a = {expected, size, checkpoint};
    if (!number_fits(expected) || !number_fits(size) || checkpoint.len == 0 ||
        checkpoint.len > SEV_NOTE_BYTES_MAX)
        return SEV_E_MALFORMED;
    return sev_sql_write(self, run_checkpoint_put, &a);
}

/* ------------------------------------------------------------------- witnesses */

/* Size 0 where nothing is. */
static void cosigned_of(struct sev_query *q, sev_slice origin, int64_t *out_size,
                        uint8_t out_root[SEV_SHA256_BYTES])
{
    int64_t size = 0;
    sev_query_put(q, origin);
    if (sev_query_row(q)) {
        size = sev_query_get_int(q);
        sev_query_get_exactly(q, out_root, SEV_SHA256_BYTES);
    }
    *out_size = size;
}

static sev_err cosigned_get(void *self, sev_slice origin, int64_t *out_size,
                            uint8_t out_root[SEV_SHA256_BYTES])
{
    struct sev_read r;
    struct sev_arena none = sev_arena_of(NULL, 0);
    uint8_t root[SEV_SHA256_BYTES] = {0};
    int64_t size = 0;
    sev_err e = sev_store_check_id(origin);
    if (e != SEV_OK)
        return e;
    sev_read_begin(&r, self, &none, COSIGNED);
    cosigned_of(&r.q, origin, &size, root);
    e = sev_read_end(&r);
    if (e == SEV_OK && size == 0)
        e = SEV_E_NOT_FOUND;
    if (e != SEV_OK)
        return e;
    *out_size = size;
    memcpy(out_root, root, sizeof root);
    return SEV_OK;
}

struct cosigned_put {
    sev_slice origin;
    int64_t expected, size;
    const uint8_t *root;
};

static sev_err run_cosigned_put(struct sev_db *db, const void *arguments)
{
    const struct cosigned_put *a = arguments;
    struct sev_query q;
    uint8_t root[SEV_SHA256_BYTES] = {0};
    int64_t size = 0;
    sev_query_begin(&q, db, COSIGNED);
    cosigned_of(&q, a->origin, &size, root);
    sev_err e = sev_query_end(&q);
    if (e == SEV_OK && (size != a->expected || a->size < size ||
                        (a->size == size && size != 0 && memcmp(a->root, root, sizeof root) != 0)))
        e = SEV_E_CONFLICT;
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, COSIGN);
    sev_query_put(&q, a->origin);
    sev_query_put_int(&q, a->size);
    sev_query_put(&q, sev_slice_of(a->root, SEV_SHA256_BYTES));
    return sev_query_run(&q);
}

static sev_err cosigned_put(void *self, sev_slice origin, int64_t expected, int64_t size,
                            const uint8_t root[SEV_SHA256_BYTES])
{
    struct cosigned_put a = {origin, expected, size, root};
    sev_err e = sev_store_check_id(origin);
    if (e == SEV_OK && (expected < 0 || size <= 0 || size > SEV_JSON_INT_MAX))
        e = SEV_E_MALFORMED;
    return e != SEV_OK ? e : sev_sql_write(self, run_cosigned_put, &a);
}

const struct sev_log_ops sev_sql_log_ops = {.counted = counted,
                                            .untold = untold,
                                            .tell = tell,
                                            .unshipped = unshipped,
                                            .shipped = shipped,
                                            .head = head,
                                            .find = find,
                                            .append = append,
                                            .hashes = hashes,
                                            .entries = entries,
                                            .checkpoint_put = checkpoint_put,
                                            .cosigned_get = cosigned_get,
                                            .cosigned_put = cosigned_put};
