/* operator - who may use the admin API, answers that are kept for keys, and lists of what other
 * tables hold. SPDX-License-Identifier: MIT */
#include "internal.h"

/* clang-format off */
#define OPERATOR "SELECT name, role, token_id, token_sha256, created, expires, disabled, version " \
    "FROM api_operator "
#define LISTED "d.key, v.id, d.time, d.actor, d.what, d.reason "

#define TABLE(X) \
    X(OPERATOR_GET, OPERATOR "WHERE name = $1") \
    X(OPERATOR_FIND, OPERATOR "WHERE token_id = $1") \
    X(OPERATOR_LIST, OPERATOR "WHERE name > $1 ORDER BY name LIMIT $2") \
    X(OPERATOR_TAKEN, "SELECT count(*) FROM api_operator WHERE name = $1 OR token_id = $2") \
    X(OPERATOR_VERSION, "SELECT version FROM api_operator WHERE name = $1") \
    X(OPERATOR_ADD, "INSERT INTO api_operator (name, role, token_id, token_sha256, created, " \
        "expires, disabled, version) VALUES ($1, $2, $3, $4, $5, $6, $7, 1)") \
    X(OPERATOR_CHANGE, "UPDATE api_operator SET role = $1, token_id = $2, token_sha256 = $3, " \
        "expires = $4, disabled = $5, version = $6 WHERE name = $7") \
    X(OPERATOR_ADMINS, "SELECT count(*) FROM api_operator WHERE role = 3 AND disabled = 0 " \
        "AND (expires = 0 OR expires > $1)") \
    X(ANSWER_GET, "SELECT request_sha256, time, status, body, tag FROM kept_answer " \
        "WHERE actor = $1 AND name = $2") \
    X(ANSWER_FORGET, "DELETE FROM kept_answer WHERE actor = $1 AND " \
        "(time < $2 OR (status = 0 AND time < $3))") \
    X(ANSWER_CROWDED, "DELETE FROM kept_answer WHERE actor = $1 AND key <= (" \
        "SELECT key FROM kept_answer WHERE actor = $1 ORDER BY key DESC " \
        "LIMIT 1 OFFSET CAST($2 AS bigint))") \
    X(ANSWER_ADD, "INSERT INTO kept_answer (actor, name, request_sha256, time, status, body, tag) " \
        "VALUES ($1, $2, $3, $4, 0, $5, $6)") \
    X(ANSWER_KEEP, "UPDATE kept_answer SET status = $1, body = $2, tag = $3 " \
        "WHERE actor = $4 AND name = $5 AND request_sha256 = $6 AND status = 0") \
    X(ANSWER_DROP, "DELETE FROM kept_answer " \
        "WHERE actor = $1 AND name = $2 AND request_sha256 = $3 AND status = 0") \
    X(VEHICLE_SEARCH, "SELECT " SEV_SQL_VEHICLE_COLUMNS " FROM vehicle WHERE id > $1 AND " \
        "id >= $2 AND (CAST($3 AS bigint) = 0 OR id < $4) AND " \
        "(CAST($5 AS bigint) = 0 OR model = $6) AND (CAST($7 AS bigint) = 0 OR seen < $7) AND " \
        "(CAST($8 AS bigint) < 0 OR profile = $8) ORDER BY id LIMIT $9") \
    X(DECISION_PAGE, "SELECT " LISTED "FROM decision d LEFT JOIN vehicle v ON v.key = d.vehicle " \
        "WHERE d.key < $1 ORDER BY d.key DESC LIMIT $2") \
    /* From the newest, or the one before $1, along the chain. */ \
    X(DECISION_CHAIN, "WITH RECURSIVE chain (number, key, id, previous) AS (" \
        "SELECT 0, CASE WHEN CAST($1 AS bigint) = 0 THEN v.last_decision ELSE " \
        "coalesce((SELECT previous FROM decision WHERE key = $1 AND vehicle = v.key), 0) END, " \
        "v.id, CAST(0 AS bigint) FROM vehicle v WHERE v.id = $2 " \
        "UNION ALL SELECT number + 1, d.previous, chain.id, d.key FROM chain " \
        "JOIN decision d ON d.key = chain.key AND d.previous < d.key " \
        "WHERE number < CAST($3 AS bigint)) " \
        "SELECT chain.previous, chain.id, d.time, d.actor, d.what, d.reason FROM chain " \
        "LEFT JOIN decision d ON d.key = chain.previous ORDER BY number")
/* clang-format on */
SEV_SQL_STATEMENTS(operator, TABLE);

_Static_assert(SEV_OPERATOR_VIEWER == 0 && SEV_OPERATOR_PUBLISHER == 1 &&
                   SEV_OPERATOR_APPROVER == 2 && SEV_OPERATOR_ADMIN == 3 &&
                   SEV_OPERATOR_ROLE_COUNT == 4,
               "0005 has them so");

/* -------------------------------------------------------- what must hold first */

static bool name_fits(sev_slice name)
{
    return name.len > 0 && name.len <= SEV_OPERATOR_NAME_BYTES_MAX;
}

static bool time_fits(sev_time t)
{
    return t >= 0 && t <= SEV_JSON_INT_MAX;
}

static sev_err check_operator(const struct sev_operator *o, const struct sev_decision *decision)
{
    bool fits = name_fits(o->name) && o->role < SEV_OPERATOR_ROLE_COUNT && time_fits(o->created) &&
                time_fits(o->expires) && o->version > 0;
    return fits ? sev_store_check_decision(decision) : SEV_E_MALFORMED;
}

static sev_err check_answer(const struct sev_kept_answer *a)
{
    bool fits = name_fits(a->actor) && a->key.len > 0 &&
                a->key.len <= SEV_IDEMPOTENCY_KEY_BYTES_MAX && time_fits(a->time) &&
                a->status >= 0 && a->status < 600 && a->body.len <= SEV_KEPT_ANSWER_BYTES_MAX &&
                a->tag.len <= SEV_ID_BYTES_MAX;
    return fits ? SEV_OK : SEV_E_MALFORMED;
}

/* ---------------------------------------------------------------- operators */

static void read_operator(struct sev_read *r, struct sev_operator *o)
{
    memset(o, 0, sizeof *o);
    o->name = sev_read_text(r);
    int64_t role = sev_read_number(r);
    sev_query_get_exactly(&r->q, (uint8_t *)o->token_id, sizeof o->token_id);
    sev_read_digest(r, o->token_sha256);
    o->created = sev_read_number(r);
    o->expires = sev_read_number(r);
    o->disabled = sev_read_number(r) != 0;
    o->version = sev_read_number(r);
    if (role < 0 || role >= SEV_OPERATOR_ROLE_COUNT)
        r->error = SEV_E_STORE;
    else
        o->role = (enum sev_operator_role)role;
}

static sev_err get_one(void *self, int which, sev_slice key, struct sev_arena *arena,
                       struct sev_operator *out)
{
    struct sev_read r;
    struct sev_operator o;
    sev_read_begin(&r, self, arena, which);
    sev_query_put(&r.q, key);
    bool found = sev_read_row(&r);
    if (found)
        read_operator(&r, &o);
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    *out = o;
    return SEV_OK;
}

static sev_err get(void *self, sev_slice name, struct sev_arena *arena, struct sev_operator *out)
{
    return get_one(self, OPERATOR_GET, name, arena, out);
}

static sev_err find(void *self, const char token_id[SEV_OPERATOR_TOKEN_ID_CHARS],
                    struct sev_arena *arena, struct sev_operator *out)
{
    return get_one(self, OPERATOR_FIND, sev_slice_of(token_id, SEV_OPERATOR_TOKEN_ID_CHARS), arena,
                   out);
}

struct operator_row {
    struct operator_row *next;
    struct sev_operator operator;
};

static sev_err list(void *self, sev_slice after, uint32_t count_max, struct sev_arena *arena,
                    sev_operator_visit *visit, void *context)
{
    struct sev_read r;
    struct operator_row *first = NULL, **last = &first, *o;
    sev_read_begin(&r, self, arena, OPERATOR_LIST);
    sev_query_put(&r.q, after);
    sev_query_put_int(&r.q, count_max);
    while (sev_read_row(&r) && (o = sev_read_take(&r, sizeof *o)) != NULL) {
        o->next = NULL;
        read_operator(&r, &o->operator);
        *last = o;
        last = &o->next;
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK)
        return e;
    for (o = first; o != NULL && visit(context, &o->operator);)
        o = o->next;
    return SEV_OK;
}

struct operator_write {
    const struct sev_operator *operator;
    const struct sev_decision *decision;
};

static sev_slice id_of(const struct sev_operator *o)
{
    return sev_slice_of(o->token_id, sizeof o->token_id);
}

static sev_slice digest_of(const struct sev_operator *o)
{
    return sev_slice_of(o->token_sha256, sizeof o->token_sha256);
}

static sev_err run_add(struct sev_db *db, const void *arguments)
{
    const struct operator_write *a = arguments;
    const struct sev_operator *o = a->operator;
    struct sev_query q;
    int64_t taken;
    sev_query_begin(&q, db, OPERATOR_TAKEN);
    sev_query_put(&q, o->name);
    sev_query_put(&q, id_of(o));
    sev_err e = sev_query_number(&q, &taken);
    if (e != SEV_OK || taken != 0)
        return e != SEV_OK ? e : SEV_E_EXISTS;
    sev_query_begin(&q, db, OPERATOR_ADD);
    sev_query_put(&q, o->name);
    sev_query_put_int(&q, (int64_t)o->role);
    sev_query_put(&q, id_of(o));
    sev_query_put(&q, digest_of(o));
    sev_query_put_int(&q, o->created);
    sev_query_put_int(&q, o->expires);
    sev_query_put_int(&q, o->disabled);
    e = sev_query_run(&q);
    return e != SEV_OK ? e : sev_sql_explain(db, 0, a->decision);
}

static sev_err add(void *self, const struct sev_operator *o, const struct sev_decision *decision)
{
    struct operator_write a = {o, decision};
    sev_err e = check_operator(o, decision);
    return e != SEV_OK ? e : sev_sql_write(self, run_add, &a);
}

static sev_err count_admins(struct sev_db *db, sev_time now, int64_t *out)
{
    struct sev_query q;
    sev_query_begin(&q, db, OPERATOR_ADMINS);
    sev_query_put_int(&q, now);
    return sev_query_number(&q, out);
}

static sev_err run_change(struct sev_db *db, const void *arguments)
{
    const struct operator_write *a = arguments;
    const struct sev_operator *o = a->operator;
    struct sev_query q;
    int64_t version, before, after;
    sev_query_begin(&q, db, OPERATOR_VERSION);
    sev_query_put(&q, o->name);
    sev_err e = sev_query_number(&q, &version);
    if (e != SEV_OK || version == 0)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    if (o->version != version + 1)
        return SEV_E_CONFLICT;
    e = count_admins(db, a->decision->time, &before);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, OPERATOR_CHANGE);
    sev_query_put_int(&q, (int64_t)o->role);
    sev_query_put(&q, id_of(o));
    sev_query_put(&q, digest_of(o));
    sev_query_put_int(&q, o->expires);
    sev_query_put_int(&q, o->disabled);
    sev_query_put_int(&q, o->version);
    sev_query_put(&q, o->name);
    e = sev_query_run(&q);
    if (e == SEV_OK)
        e = count_admins(db, a->decision->time, &after);
    if (e == SEV_OK && before != 0 && after == 0)
        e = SEV_E_LAST_ADMIN;
    return e != SEV_OK ? e : sev_sql_explain(db, 0, a->decision);
}

static sev_err change(void *self, const struct sev_operator *o, const struct sev_decision *decision)
{
    struct operator_write a = {o, decision};
    sev_err e = decision == NULL ? SEV_E_MALFORMED : check_operator(o, decision);
    return e != SEV_OK ? e : sev_sql_write(self, run_change, &a);
}

/* ------------------------------------------------------------- kept answers */

static sev_err answer_get(void *self, const struct sev_kept_answer *claim, struct sev_arena *arena,
                          struct sev_kept_answer *out)
{
    struct sev_read r;
    struct sev_kept_answer a = {.actor = claim->actor, .key = claim->key};
    sev_read_begin(&r, self, arena, ANSWER_GET);
    sev_query_put(&r.q, claim->actor);
    sev_query_put(&r.q, claim->key);
    bool found = sev_read_row(&r);
    if (found) {
        sev_read_digest(&r, a.request_sha256);
        a.time = sev_read_number(&r);
        a.status = sev_read_number(&r);
        a.body = sev_read_text(&r);
        a.tag = sev_read_text(&r);
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_CONFLICT; /* it has just been given up */
    *out = a;
    return SEV_OK;
}

struct claim {
    const struct sev_kept_answer *answer;
    sev_time forget_before, give_up_before;
};

static sev_err run_claim(struct sev_db *db, const void *arguments)
{
    const struct claim *a = arguments;
    const struct sev_kept_answer *answer = a->answer;
    struct sev_query q;
    sev_query_begin(&q, db, ANSWER_FORGET);
    sev_query_put(&q, answer->actor);
    sev_query_put_int(&q, a->forget_before);
    sev_query_put_int(&q, a->give_up_before);
    sev_err e = sev_query_run(&q);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, ANSWER_GET);
    sev_query_put(&q, answer->actor);
    sev_query_put(&q, answer->key);
    bool found = sev_query_row(&q);
    e = sev_query_end(&q);
    if (e != SEV_OK || found)
        return e != SEV_OK ? e : SEV_E_EXISTS;
    sev_query_begin(&q, db, ANSWER_ADD);
    sev_query_put(&q, answer->actor);
    sev_query_put(&q, answer->key);
    sev_query_put(&q, sev_slice_of(answer->request_sha256, sizeof answer->request_sha256));
    sev_query_put_int(&q, answer->time);
    sev_query_put(&q, SEV_EMPTY);
    sev_query_put(&q, SEV_EMPTY);
    e = sev_query_run(&q);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, ANSWER_CROWDED);
    sev_query_put(&q, answer->actor);
    sev_query_put_int(&q, SEV_KEPT_ANSWERS_MAX);
    return sev_query_run(&q);
}

static sev_err answer_claim(void *self, const struct sev_kept_answer *claim, sev_time forget_before,
                            sev_time give_up_before, struct sev_arena *arena,
                            struct sev_kept_answer *out)
{
    struct claim a = {claim, forget_before, give_up_before};
    sev_err e = claim->status != 0 ? SEV_E_MALFORMED : check_answer(claim);
    if (e == SEV_OK)
        e = sev_sql_write(self, run_claim, &a);
    if (e != SEV_E_EXISTS)
        return e;
    e = answer_get(self, claim, arena, out);
    return e == SEV_OK ? SEV_E_EXISTS : e;
}

static sev_err run_keep(struct sev_db *db, const void *arguments)
{
    const struct sev_kept_answer *a = arguments;
    struct sev_query q;
    sev_query_begin(&q, db, a->status == 0 ? ANSWER_DROP : ANSWER_KEEP);
    if (a->status != 0) {
        sev_query_put_int(&q, a->status);
        sev_query_put(&q, a->body);
        sev_query_put(&q, a->tag);
    }
    sev_query_put(&q, a->actor);
    sev_query_put(&q, a->key);
    sev_query_put(&q, sev_slice_of(a->request_sha256, sizeof a->request_sha256));
    return sev_query_run(&q);
}

static sev_err answer_keep(void *self, const struct sev_kept_answer *answer)
{
    sev_err e = check_answer(answer);
    return e != SEV_OK ? e : sev_sql_write(self, run_keep, answer);
}

/* -------------------------------------------------------------------- lists */

struct vehicle_row {
    struct vehicle_row *next;
    struct sev_vehicle vehicle;
};

/* The first text that comes after all that begin with `prefix`; false: there is none. */
static bool after_prefix(sev_slice prefix, uint8_t room[SEV_ID_BYTES_MAX], sev_slice *out)
{
    size_t n = prefix.len;
    while (n > 0 && prefix.ptr[n - 1] == 0xff)
        n--;
    if (n == 0)
        return false;
    memcpy(room, prefix.ptr, n);
    room[n - 1]++;
    *out = sev_slice_of(room, n);
    return true;
}

static sev_err vehicles(void *self, const struct sev_vehicle_filter *f, sev_slice after,
                        uint32_t count_max, struct sev_arena *arena, sev_vehicle_visit *visit,
                        void *context)
{
    struct sev_read r;
    struct vehicle_row *first = NULL, **last = &first, *v;
    uint8_t room[SEV_ID_BYTES_MAX];
    sev_slice end = SEV_EMPTY;
    if (f->id_prefix.len > SEV_ID_BYTES_MAX || !time_fits(f->seen_before))
        return SEV_E_MALFORMED;
    bool ends = after_prefix(f->id_prefix, room, &end);
    sev_read_begin(&r, self, arena, VEHICLE_SEARCH);
    sev_query_put(&r.q, after);
    sev_query_put(&r.q, f->id_prefix);
    sev_query_put_int(&r.q, ends);
    sev_query_put(&r.q, end);
    sev_query_put_int(&r.q, f->model.len != 0);
    sev_query_put(&r.q, f->model);
    sev_query_put_int(&r.q, f->seen_before);
    sev_query_put_int(&r.q, f->has_profile ? (int64_t)f->profile : -1);
    sev_query_put_int(&r.q, count_max);
    while (sev_read_row(&r) && (v = sev_read_take(&r, sizeof *v)) != NULL) {
        v->next = NULL;
        sev_sql_read_vehicle(&r, &v->vehicle);
        *last = v;
        last = &v->next;
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK)
        return e;
    for (v = first; v != NULL && visit(context, &v->vehicle);)
        v = v->next;
    return SEV_OK;
}

struct decision_row {
    struct decision_row *next;
    struct sev_listed_decision listed;
};

static void read_decision(struct sev_read *r, struct sev_listed_decision *d)
{
    d->key = sev_read_number(r);
    d->vehicle = sev_read_text(r);
    d->decision.time = sev_read_number(r);
    d->decision.actor = sev_read_text(r);
    d->decision.what = sev_read_text(r);
    d->decision.reason = sev_read_text(r);
}

static void begin_decisions(struct sev_read *r, void *self, sev_slice vehicle, int64_t before,
                            uint32_t count_max, struct sev_arena *arena)
{
    if (vehicle.len == 0) {
        sev_read_begin(r, self, arena, DECISION_PAGE);
        sev_query_put_int(&r->q, before == 0 ? INT64_MAX : before);
    } else {
        sev_read_begin(r, self, arena, DECISION_CHAIN);
        sev_query_put_int(&r->q, before);
        sev_query_put(&r->q, vehicle);
    }
    sev_query_put_int(&r->q, count_max);
}

static sev_err decisions(void *self, sev_slice vehicle, int64_t before, uint32_t count_max,
                         struct sev_arena *arena, sev_listed_decision_visit *visit, void *context)
{
    struct sev_read r;
    struct decision_row *first = NULL, **last = &first, *d;
    bool found = vehicle.len == 0;
    begin_decisions(&r, self, vehicle, before, count_max, arena);
    while (sev_read_row(&r)) {
        struct sev_listed_decision listed;
        found = true;
        read_decision(&r, &listed);
        if (listed.key == 0) /* where the chain begins: the vehicle is there */
            continue;
        if ((d = sev_read_take(&r, sizeof *d)) == NULL)
            break;
        *d = (struct decision_row){NULL, listed};
        *last = d;
        last = &d->next;
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    for (d = first; d != NULL && visit(context, &d->listed);)
        d = d->next;
    return SEV_OK;
}

const struct sev_operator_ops sev_sql_operator_ops = {
    .add = add,
    .get = get,
    .find = find,
    .list = list,
    .change = change,
    .answer_claim = answer_claim,
    .answer_keep = answer_keep,
    .vehicles = vehicles,
    .decisions = decisions,
};
