/* campaign - what was asked for and who allowed it. SPDX-License-Identifier: MIT */
#include "campaign.h"

/* clang-format off */
#define ROW "SELECT name, state, revision, author, submitter, approver, reason, created, changed, " \
    "running_since, withdrawing, sweep, swept, minute_at, minute_starts"

#define TABLE(X) \
    X(FIND, "SELECT key, state, revision, sweep, minute_at, minute_starts FROM campaign " \
        "WHERE name = $1") \
    X(ADD, "INSERT INTO campaign (name, definition, state, revision, author, reason, created, " \
        "changed) VALUES ($1, $2, 0, 1, $3, $4, $5, $5)") \
    X(GET, ROW ", definition FROM campaign WHERE name = $1") \
    X(LIST, ROW " FROM campaign WHERE name > $1 ORDER BY name LIMIT $2") \
    X(MOVE, "UPDATE campaign SET state = $1, revision = revision + 1, submitter = $2, " \
        "approver = $3, reason = $4, changed = $5, running_since = $6, withdrawing = $7 " \
        "WHERE key = $8") \
    X(WORKER, "SELECT worker, worker_until FROM campaign WHERE name = $1") \
    X(LEASE, "UPDATE campaign SET worker = $1, worker_until = $2 WHERE key = $3") \
    X(COUNTS, "SELECT c.key, n.key, n.n FROM campaign c LEFT JOIN campaign_count n " \
        "ON n.key BETWEEN c.key * 256 AND c.key * 256 + 255 WHERE c.name = $1") \
    X(COUNT_BEGIN, "INSERT INTO campaign_count (key, n) VALUES ($1, 0) " \
        "ON CONFLICT (key) DO NOTHING") \
    X(COUNT_ADD, "UPDATE campaign_count SET n = n + $1 WHERE key = $2") \
    X(COUNT_OF, "SELECT key, n FROM campaign_count WHERE key BETWEEN $1 AND $2")
/* clang-format on */
SEV_SQL_STATEMENTS(campaign, TABLE);

bool sev_store_text_fits(sev_slice text, size_t min, size_t max)
{
    return text.len >= min && text.len <= max;
}

bool sev_store_number_fits(int64_t n)
{
    return n >= 0 && n <= SEV_JSON_INT_MAX;
}

static sev_err check_name(sev_slice name)
{
    return sev_store_text_fits(name, 1, SEV_CAMPAIGN_NAME_BYTES_MAX) ? SEV_OK : SEV_E_MALFORMED;
}

sev_err sev_sql_campaign_find(struct sev_db *db, sev_slice name, struct sev_campaign_found *out)
{
    struct sev_query q;
    sev_query_begin(&q, db, FIND);
    sev_query_put(&q, name);
    bool found = sev_query_row(&q);
    if (found) {
        out->key = sev_query_get_int(&q);
        out->state = sev_query_get_int(&q);
        out->revision = sev_query_get_int(&q);
        out->sweep = sev_query_get_int(&q);
        out->minute = sev_query_get_int(&q);
        out->minute_starts = sev_query_get_int(&q);
    }
    sev_err e = sev_query_end(&q);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    /* From a damaged file it could be anything. */
    return out->key > 0 && out->key < INT64_MAX / SEV_PLACE_MAX - 1 ? SEV_OK : SEV_E_STORE;
}

/* -------------------------------------------------------------------- adding */

struct write {
    sev_slice name;
    const struct sev_campaign *campaign;
    const struct sev_campaign_move *move;
    const struct sev_decision *decision;
    sev_slice owner;
    sev_time now, until;
};

static sev_err run_add(struct sev_db *db, const void *arguments)
{
    const struct write *a = arguments;
    struct sev_campaign_found found;
    sev_err e = sev_sql_campaign_find(db, a->campaign->name, &found);
    if (e != SEV_E_NOT_FOUND)
        return e == SEV_OK ? SEV_E_EXISTS : e;
    struct sev_query q;
    sev_query_begin(&q, db, ADD);
    sev_query_put(&q, a->campaign->name);
    sev_query_put(&q, a->campaign->definition);
    sev_query_put(&q, a->campaign->author);
    sev_query_put(&q, a->campaign->reason);
    sev_query_put_int(&q, a->campaign->created);
    e = sev_query_run(&q);
    return e == SEV_OK ? sev_sql_explain(db, 0, a->decision) : e;
}

static sev_err add(void *self, const struct sev_campaign *c, const struct sev_decision *decision)
{
    struct write a = {.campaign = c, .decision = decision};
    bool fits = check_name(c->name) == SEV_OK &&
                sev_store_text_fits(c->definition, 1, SEV_CAMPAIGN_BYTES_MAX) &&
                sev_store_text_fits(c->author, 1, SEV_ID_BYTES_MAX) &&
                sev_store_text_fits(c->reason, 0, SEV_CAMPAIGN_REMARK_BYTES_MAX) &&
                sev_store_number_fits(c->created);
    sev_err e = fits ? sev_store_check_decision(decision) : SEV_E_MALFORMED;
    return e == SEV_OK ? sev_sql_write(self, run_add, &a) : e;
}

/* ------------------------------------------------------------------- reading */

static void read_row(struct sev_read *r, struct sev_campaign *c)
{
    memset(c, 0, sizeof *c);
    c->name = sev_read_text(r);
    c->state = (enum sev_campaign_state)sev_read_number(r);
    c->revision = sev_read_number(r);
    c->author = sev_read_text(r);
    c->submitter = sev_read_text(r);
    c->approver = sev_read_text(r);
    c->reason = sev_read_text(r);
    c->created = sev_read_number(r);
    c->changed = sev_read_number(r);
    c->running_since = sev_read_number(r);
    c->withdrawing = sev_read_number(r) != 0;
    c->sweep = sev_read_number(r);
    c->swept = sev_read_number(r);
    c->minute = sev_read_number(r);
    c->minute_starts = sev_read_number(r);
}

static sev_err get(void *self, sev_slice name, struct sev_arena *arena, struct sev_campaign *out)
{
    struct sev_read r;
    struct sev_campaign c;
    sev_read_begin(&r, self, arena, GET);
    sev_query_put(&r.q, name);
    bool found = sev_read_row(&r);
    if (found) {
        read_row(&r, &c);
        c.definition = sev_read_text(&r);
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    *out = c;
    return SEV_OK;
}

struct campaign_row {
    struct campaign_row *next;
    struct sev_campaign campaign;
};

static sev_err list(void *self, sev_slice after, uint32_t count_max, struct sev_arena *arena,
                    sev_campaign_visit *visit, void *context)
{
    struct sev_read r;
    struct campaign_row *first = NULL, **last = &first, *c;
    sev_read_begin(&r, self, arena, LIST);
    sev_query_put(&r.q, after);
    sev_query_put_int(&r.q, count_max);
    while (sev_read_row(&r) && (c = sev_read_take(&r, sizeof *c)) != NULL) {
        c->next = NULL;
        read_row(&r, &c->campaign);
        *last = c;
        last = &c->next;
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK)
        return e;
    for (c = first; c != NULL && visit(context, &c->campaign);)
        c = c->next;
    return SEV_OK;
}

/* -------------------------------------------------------------------- moving */

static sev_err run_move(struct sev_db *db, const void *arguments)
{
    const struct write *a = arguments;
    const struct sev_campaign_move *m = a->move;
    struct sev_campaign_found found;
    sev_err e = sev_sql_campaign_find(db, a->name, &found);
    if (e != SEV_OK || found.revision != m->revision)
        return e != SEV_OK ? e : SEV_E_CONFLICT;
    struct sev_query q;
    sev_query_begin(&q, db, MOVE);
    sev_query_put_int(&q, (int64_t)m->state);
    sev_query_put(&q, m->submitter);
    sev_query_put(&q, m->approver);
    sev_query_put(&q, m->reason);
    sev_query_put_int(&q, m->changed);
    sev_query_put_int(&q, m->running_since);
    sev_query_put_int(&q, m->withdrawing);
    sev_query_put_int(&q, found.key);
    e = sev_query_run(&q);
    return e == SEV_OK ? sev_sql_explain(db, 0, a->decision) : e;
}

static sev_err move(void *self, sev_slice name, const struct sev_campaign_move *m,
                    const struct sev_decision *decision)
{
    struct write a = {.name = name, .move = m, .decision = decision};
    bool fits = check_name(name) == SEV_OK && m->state < SEV_CAMPAIGN_STATE_COUNT &&
                sev_store_text_fits(m->submitter, 0, SEV_ID_BYTES_MAX) &&
                sev_store_text_fits(m->approver, 0, SEV_ID_BYTES_MAX) &&
                sev_store_text_fits(m->reason, 0, SEV_CAMPAIGN_REMARK_BYTES_MAX) &&
                sev_store_number_fits(m->changed) && sev_store_number_fits(m->running_since) &&
                m->revision > 0;
    sev_err e = fits ? sev_store_check_decision(decision) : SEV_E_MALFORMED;
    return e == SEV_OK ? sev_sql_write(self, run_move, &a) : e;
}

/* --------------------------------------------------------------------- lease */

struct worker {
    bool mine;
    sev_time until;
};

static sev_err read_worker(struct sev_query *q, sev_slice owner, struct worker *out)
{
    bool found = sev_query_row(q);
    if (found) {
        out->mine = sev_slice_eq(sev_query_get(q), owner);
        out->until = sev_query_get_int(q);
    }
    sev_err e = sev_query_end(q);
    return e == SEV_OK && !found ? SEV_E_NOT_FOUND : e;
}

static sev_err run_lease(struct sev_db *db, const void *arguments)
{
    const struct write *a = arguments;
    struct sev_campaign_found found;
    struct worker w;
    struct sev_query q;
    sev_err e = sev_sql_campaign_find(db, a->name, &found);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, WORKER);
    sev_query_put(&q, a->name);
    e = read_worker(&q, a->owner, &w);
    if (e != SEV_OK || (!w.mine && w.until > a->now))
        return e != SEV_OK ? e : SEV_E_CONFLICT;
    sev_query_begin(&q, db, LEASE);
    sev_query_put(&q, a->owner);
    sev_query_put_int(&q, a->until);
    sev_query_put_int(&q, found.key);
    return sev_query_run(&q);
}

/* One that lasts for a good while yet is not written anew. */
static sev_err lease(void *self, sev_slice name, sev_slice owner, sev_time now, sev_time until)
{
    struct write a = {.name = name, .owner = owner, .now = now, .until = until};
    struct worker w = {false, 0};
    uint8_t none[1];
    struct sev_arena arena = sev_arena_of(none, 0);
    struct sev_read r;
    if (check_name(name) != SEV_OK || !sev_store_text_fits(owner, 1, SEV_ID_BYTES_MAX) ||
        until < now || !sev_store_number_fits(until))
        return SEV_E_MALFORMED;
    sev_read_begin(&r, self, &arena, WORKER);
    sev_query_put(&r.q, name);
    bool found = sev_read_row(&r);
    if (found) {
        w.mine = sev_slice_eq(sev_query_get(&r.q), owner);
        w.until = sev_read_number(&r);
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    if (!w.mine && w.until > now)
        return SEV_E_CONFLICT;
    if (w.mine && w.until <= until && w.until - now > (until - now) / 2)
        return SEV_OK;
    return sev_sql_write(self, run_lease, &a);
}

/* -------------------------------------------------------------------- counts */

static void take_count(int64_t key, int64_t n, struct sev_campaign_counts *out)
{
    int64_t group = key / 16 % 16, state = key % 16;
    if (state >= 0 && state < SEV_MEMBER_STATE_COUNT && group >= 0)
        out->of[group][state] = n;
}

static sev_err counts(void *self, sev_slice name, struct sev_campaign_counts *out)
{
    struct sev_campaign_counts c;
    struct sev_read r;
    uint8_t none[1];
    struct sev_arena arena = sev_arena_of(none, 0);
    bool found = false;
    memset(&c, 0, sizeof c);
    sev_read_begin(&r, self, &arena, COUNTS);
    sev_query_put(&r.q, name);
    while (sev_read_row(&r)) {
        found = true;
        (void)sev_read_number(&r);
        if (sev_query_is_null(&r.q))
            continue;
        int64_t key = sev_read_number(&r);
        take_count(key, sev_read_number(&r), &c);
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    *out = c;
    return SEV_OK;
}

static sev_err add_count(struct sev_db *db, int64_t key, int64_t n)
{
    struct sev_query q;
    sev_query_begin(&q, db, COUNT_BEGIN);
    sev_query_put_int(&q, key);
    sev_err e = sev_query_run(&q);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, COUNT_ADD);
    sev_query_put_int(&q, n);
    sev_query_put_int(&q, key);
    return sev_query_run(&q);
}

sev_err sev_sql_count(struct sev_db *db, int64_t campaign, const struct sev_count_change *change)
{
    sev_err e = SEV_OK;
    for (int group = 0; group < SEV_CAMPAIGN_GROUPS_MAX; group++)
        for (int state = 0; e == SEV_OK && state < SEV_MEMBER_STATE_COUNT; state++) {
            if (change->of[group][state] == 0)
                continue;
            e = add_count(db, campaign * 256 + group * 16 + state, change->of[group][state]);
        }
    return e;
}

sev_err sev_sql_count_open(struct sev_db *db, int64_t campaign, int64_t *out)
{
    struct sev_query q;
    int64_t open = 0;
    sev_query_begin(&q, db, COUNT_OF);
    sev_query_put_int(&q, campaign * 256);
    sev_query_put_int(&q, campaign * 256 + 255);
    while (sev_query_row(&q)) {
        int64_t state = sev_query_get_int(&q) % 16, n = sev_query_get_int(&q);
        open += state == SEV_MEMBER_ASSIGNED || state == SEV_MEMBER_OVERDUE ? n : 0;
    }
    sev_err e = sev_query_end(&q);
    if (e == SEV_OK)
        *out = open;
    return e;
}

const struct sev_campaign_ops sev_sql_campaign_ops = {
    .add = add,
    .get = get,
    .list = list,
    .move = move,
    .lease = lease,
    .counts = counts,
    .tags_get = sev_sql_tags_get,
    .tags_set = sev_sql_tags_set,
    .fleet = sev_sql_fleet,
    .plan = sev_sql_plan,
    .members = sev_sql_members,
    .member = sev_sql_member,
    .step = sev_sql_member_step,
    .retry = sev_sql_retry,
    .installation_put = sev_sql_installation_put,
    .installation_get = sev_sql_installation_get,
    .invalidate = sev_sql_invalidate,
    .invalidations = sev_sql_invalidations,
    .invalidation_swept = sev_sql_invalidation_swept,
    .assigned = sev_sql_assigned,
};
