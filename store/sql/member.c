/* member - who takes part in a campaign, and how far each is. Every change is claimed by what was
 * read, and the counts change with it. SPDX-License-Identifier: MIT */
#include "campaign.h"

/* clang-format off */
#define ROW "SELECT m.vehicle, v.id, m.part, m.turn, m.state, m.tries, m.version, m.since, " \
    "m.reason, m.marks, v.profile, v.seen, v.status_counter, a.version " \
    "FROM campaign c JOIN campaign_member m ON m.campaign = c.key " \
    "JOIN vehicle v ON v.key = m.vehicle LEFT JOIN assignment a ON a.vehicle = m.vehicle "

/* 1099511627776 is 2^40. */
#define TABLE(X) \
    X(ADD, "INSERT INTO campaign_member (key, campaign, vehicle, part, turn) " \
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (key) DO NOTHING RETURNING key") \
    X(SWEPT, "UPDATE campaign SET sweep = $1, swept = CASE WHEN CAST($2 AS bigint) = 0 " \
        "THEN swept ELSE $2 END WHERE key = $3") \
    X(PAGE, ROW "WHERE c.name = $1 AND m.state = $2 AND (m.part, m.turn, m.vehicle) > " \
        "($3, $4, $5) ORDER BY m.part, m.turn, m.vehicle LIMIT $6") \
    X(ALL, ROW "WHERE c.name = $1 AND m.key > c.key * 1099511627776 + $2 AND " \
        "m.key < (c.key + 1) * 1099511627776 ORDER BY m.key LIMIT $3") \
    X(ONE, ROW "WHERE c.name = $1 AND v.id = $2 AND m.key = c.key * 1099511627776 + v.key") \
    X(FIND, "SELECT part, state, tries, version FROM campaign_member WHERE key = $1") \
    X(STEP, "UPDATE campaign_member SET state = $1, tries = $2, version = $3, since = $4, " \
        "reason = $5, marks = $6 WHERE key = $7") \
    X(STARTS, "UPDATE campaign SET minute_at = $1, minute_starts = $2 WHERE key = $3") \
    X(RETRY, "UPDATE campaign_member SET state = 0, since = $1, reason = $2 " \
        "WHERE campaign = $3 AND state = 4 AND tries < $4 RETURNING part")
/* clang-format on */
SEV_SQL_STATEMENTS(member, TABLE);

/* ------------------------------------------------------------------- planning */

struct plan {
    sev_slice name;
    int64_t expected, sweep;
    sev_time swept;
    const struct sev_member *members;
    uint32_t count;
};

static sev_err add_member(struct sev_db *db, int64_t campaign, const struct sev_member *m,
                          struct sev_count_change *change)
{
    struct sev_query q;
    sev_query_begin(&q, db, ADD);
    sev_query_put_int(&q, campaign * SEV_PLACE_MAX + m->place);
    sev_query_put_int(&q, campaign);
    sev_query_put_int(&q, m->place);
    sev_query_put_int(&q, m->group);
    sev_query_put_int(&q, m->position);
    while (sev_query_row(&q)) /* not if it takes part already */
        change->of[m->group][SEV_MEMBER_WAITING]++;
    return sev_query_end(&q);
}

static sev_err run_plan(struct sev_db *db, const void *arguments)
{
    const struct plan *a = arguments;
    struct sev_campaign_found found;
    struct sev_count_change change;
    struct sev_query q;
    memset(&change, 0, sizeof change);
    sev_err e = sev_sql_campaign_find(db, a->name, &found);
    if (e != SEV_OK || found.sweep != a->expected)
        return e != SEV_OK ? e : SEV_E_CONFLICT;
    for (uint32_t i = 0; e == SEV_OK && i < a->count; i++)
        e = add_member(db, found.key, &a->members[i], &change);
    if (e == SEV_OK)
        e = sev_sql_count(db, found.key, &change);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, SWEPT);
    sev_query_put_int(&q, a->sweep);
    sev_query_put_int(&q, a->swept);
    sev_query_put_int(&q, found.key);
    return sev_query_run(&q);
}

sev_err sev_sql_plan(void *self, sev_slice name, int64_t expected, int64_t sweep, sev_time swept,
                     const struct sev_member *members, uint32_t count)
{
    struct plan a = {name, expected, sweep, swept, members, count};
    bool fits = sev_store_number_fits(sweep) && sev_store_number_fits(swept);
    for (uint32_t i = 0; fits && i < count; i++)
        fits = members[i].place > 0 && members[i].place < SEV_PLACE_MAX &&
               members[i].group < SEV_CAMPAIGN_GROUPS_MAX &&
               sev_store_number_fits(members[i].position);
    return fits ? sev_sql_write(self, run_plan, &a) : SEV_E_MALFORMED;
}

/* -------------------------------------------------------------------- reading */

struct member_row {
    struct member_row *next;
    struct sev_member member;
};

static void read_row(struct sev_read *r, struct sev_member *m)
{
    memset(m, 0, sizeof *m);
    m->place = sev_read_number(r);
    m->vehicle = sev_read_text(r);
    m->group = (uint32_t)sev_read_number(r);
    m->position = sev_read_number(r);
    m->state = (enum sev_member_state)sev_read_number(r);
    m->tries = sev_read_number(r);
    m->version = sev_read_number(r);
    m->since = sev_read_number(r);
    m->reason = sev_read_text(r);
    m->marks = sev_read_text(r);
    m->profile = (sev_profile)sev_read_number(r);
    m->seen = sev_read_number(r);
    m->status_counter = sev_read_number(r);
    m->assigned = sev_read_number(r); /* NULL reads as 0 */
}

sev_err sev_sql_members(void *self, sev_slice name, enum sev_member_state state,
                        const struct sev_member_cursor *after, uint32_t count_max,
                        struct sev_arena *arena, sev_member_visit *visit, void *context)
{
    struct sev_read r;
    struct member_row *first = NULL, **last = &first, *m;
    bool all = state == SEV_MEMBER_STATE_COUNT;
    sev_read_begin(&r, self, arena, all ? ALL : PAGE);
    sev_query_put(&r.q, name);
    if (!all) {
        sev_query_put_int(&r.q, (int64_t)state);
        sev_query_put_int(&r.q, after->group);
        sev_query_put_int(&r.q, after->position);
    }
    sev_query_put_int(&r.q, after->place);
    sev_query_put_int(&r.q, count_max);
    while (sev_read_row(&r) && (m = sev_read_take(&r, sizeof *m)) != NULL) {
        m->next = NULL;
        read_row(&r, &m->member);
        *last = m;
        last = &m->next;
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK)
        return e;
    for (m = first; m != NULL && visit(context, &m->member);)
        m = m->next;
    return SEV_OK;
}

sev_err sev_sql_member(void *self, sev_slice name, sev_slice vehicle, struct sev_arena *arena,
                       struct sev_member *out)
{
    struct sev_read r;
    struct sev_member m;
    sev_read_begin(&r, self, arena, ONE);
    sev_query_put(&r.q, name);
    sev_query_put(&r.q, vehicle);
    bool found = sev_read_row(&r);
    if (found)
        read_row(&r, &m);
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    *out = m;
    return SEV_OK;
}

/* --------------------------------------------------------------------- steps */

struct stepping {
    sev_slice name;
    const struct sev_member_bounds *bounds;
    const struct sev_member_step *steps;
    uint32_t count;
    sev_err *results;
};

/* What a transaction keeps of itself. */
struct standing {
    struct sev_campaign_found campaign;
    struct sev_count_change change;
    int64_t open, starts;
};

/* Who was given the images before does not count as open again. */
static bool is_start(const struct sev_member_step *s)
{
    return s->assignment != NULL && s->state == SEV_MEMBER_ASSIGNED;
}

static sev_err write_step(struct sev_db *db, const struct sev_member_step *s, int64_t key,
                          int64_t version)
{
    struct sev_query q;
    sev_query_begin(&q, db, STEP);
    sev_query_put_int(&q, (int64_t)s->state);
    sev_query_put_int(&q, s->expected_tries + is_start(s));
    sev_query_put_int(&q, s->assignment != NULL ? s->assignment->version : version);
    sev_query_put_int(&q, s->since);
    sev_query_put(&q, s->reason);
    sev_query_put(&q, s->marks);
    sev_query_put_int(&q, key);
    return sev_query_run(&q);
}

/* @param out_result  of this step alone; what is returned ends all of them */
static sev_err run_step(struct sev_db *db, const struct stepping *a, struct standing *now,
                        const struct sev_member_step *s, sev_err *out_result)
{
    struct sev_query q;
    int64_t key = now->campaign.key * SEV_PLACE_MAX + s->place;
    int64_t part = -1, state = -1, tries = -1, version = 0;
    sev_query_begin(&q, db, FIND);
    sev_query_put_int(&q, key);
    if (sev_query_row(&q)) {
        part = sev_query_get_int(&q);
        state = sev_query_get_int(&q);
        tries = sev_query_get_int(&q);
        version = sev_query_get_int(&q);
    }
    sev_err e = sev_query_end(&q);
    if (e != SEV_OK)
        return e;
    *out_result = SEV_OK;
    if (state != (int64_t)s->expected_state || tries != s->expected_tries || part < 0 ||
        part >= SEV_CAMPAIGN_GROUPS_MAX)
        *out_result = SEV_E_CONFLICT;
    else if (a->bounds != NULL && is_start(s) &&
             (now->open >= a->bounds->open_max || now->starts >= a->bounds->minute_starts_max))
        *out_result = SEV_E_BUSY;
    else if (s->assignment != NULL)
        *out_result = sev_sql_assign_now(db, s->assignment, s->decision);
    /* A claim that was not met wrote nothing. */
    if (*out_result == SEV_E_CONFLICT || *out_result == SEV_E_BUSY)
        return SEV_OK;
    e = *out_result != SEV_OK ? *out_result : write_step(db, s, key, version);
    now->change.of[part][state]--;
    now->change.of[part][s->state]++;
    now->starts += is_start(s);
    now->open += is_start(s);
    return e;
}

static sev_err run_steps(struct sev_db *db, const void *arguments)
{
    const struct stepping *a = arguments;
    struct standing now;
    struct sev_query q;
    memset(&now, 0, sizeof now);
    sev_err e = sev_sql_campaign_find(db, a->name, &now.campaign);
    if (e == SEV_OK && a->bounds != NULL) {
        if (now.campaign.revision != a->bounds->revision ||
            now.campaign.state != SEV_CAMPAIGN_RUNNING || now.campaign.minute > a->bounds->minute)
            return SEV_E_CONFLICT;
        now.starts = now.campaign.minute == a->bounds->minute ? now.campaign.minute_starts : 0;
        e = sev_sql_count_open(db, now.campaign.key, &now.open);
    }
    for (uint32_t i = 0; e == SEV_OK && i < a->count; i++)
        e = run_step(db, a, &now, &a->steps[i], &a->results[i]);
    if (e == SEV_OK)
        e = sev_sql_count(db, now.campaign.key, &now.change);
    if (e != SEV_OK || a->bounds == NULL)
        return e;
    sev_query_begin(&q, db, STARTS);
    sev_query_put_int(&q, a->bounds->minute);
    sev_query_put_int(&q, now.starts);
    sev_query_put_int(&q, now.campaign.key);
    return sev_query_run(&q);
}

static sev_err check_step(const struct sev_member_step *s)
{
    bool fits = s->place > 0 && s->place < SEV_PLACE_MAX && s->state < SEV_MEMBER_STATE_COUNT &&
                sev_store_number_fits(s->since) &&
                sev_store_text_fits(s->reason, 0, SEV_MESSAGE_TEXT_BYTES_MAX) &&
                sev_store_text_fits(s->marks, 0, SEV_CAMPAIGN_MARKS_BYTES_MAX);
    sev_err e = fits ? SEV_OK : SEV_E_MALFORMED;
    if (e == SEV_OK && s->assignment != NULL)
        e = sev_store_check_assignment(s->assignment);
    return e == SEV_OK ? sev_store_check_decision(s->decision) : e;
}

sev_err sev_sql_member_step(void *self, sev_slice name, const struct sev_member_bounds *bounds,
                            const struct sev_member_step *steps, uint32_t count,
                            sev_err *out_results)
{
    struct stepping a = {name, bounds, steps, count, out_results};
    sev_err e = SEV_OK;
    for (uint32_t i = 0; e == SEV_OK && i < count; i++)
        e = check_step(&steps[i]);
    return e == SEV_OK ? sev_sql_write(self, run_steps, &a) : e;
}

/* --------------------------------------------------------------------- retry */

struct retry {
    sev_slice name;
    int64_t tries_max;
    sev_time now;
    const struct sev_decision *decision;
    int64_t *count;
};

static sev_err run_retry(struct sev_db *db, const void *arguments)
{
    const struct retry *a = arguments;
    struct sev_campaign_found found;
    struct sev_count_change change;
    struct sev_query q;
    int64_t count = 0;
    memset(&change, 0, sizeof change);
    sev_err e = sev_sql_campaign_find(db, a->name, &found);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, RETRY);
    sev_query_put_int(&q, a->now);
    sev_query_put(&q, SEV_EMPTY);
    sev_query_put_int(&q, found.key);
    sev_query_put_int(&q, a->tries_max);
    while (sev_query_row(&q)) {
        int64_t part = sev_query_get_int(&q);
        if (part < 0 || part >= SEV_CAMPAIGN_GROUPS_MAX)
            continue;
        change.of[part][SEV_MEMBER_FAILED]--;
        change.of[part][SEV_MEMBER_WAITING]++;
        count++;
    }
    e = sev_query_end(&q);
    if (e == SEV_OK)
        e = sev_sql_count(db, found.key, &change);
    if (e == SEV_OK)
        e = sev_sql_explain(db, 0, a->decision);
    if (e == SEV_OK)
        *a->count = count;
    return e;
}

sev_err sev_sql_retry(void *self, sev_slice name, int64_t tries_max, sev_time now,
                      const struct sev_decision *decision, int64_t *out_count)
{
    int64_t count = 0;
    struct retry a = {name, tries_max, now, decision, &count};
    sev_err e = sev_store_number_fits(now) && tries_max > 0 ? sev_store_check_decision(decision)
                                                            : SEV_E_MALFORMED;
    if (e == SEV_OK)
        e = sev_sql_write(self, run_retry, &a);
    if (e == SEV_OK)
        *out_count = count;
    return e;
}
