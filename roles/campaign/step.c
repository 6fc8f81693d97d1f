/* step - a campaign moves on: its vehicles are looked up, what they reported is counted, it is
 * judged, and those whose turn it is get their images. Each change is claimed by what was read
 * before it, so that it does not matter who else does the same, or where somebody was killed.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#define SWEEP_PAGE 512u       /* vehicles that are read together */
#define SWEEP_PAGES 16u       /* in one step, and one transaction */
#define LOOK_PAGE 256u        /* members that are looked at together */
#define BATCHES 8u            /* of assignments in one step */
#define WISH_BYTES (1u << 20) /* targets and marks of one vehicle, at most */

static void *take(struct sev_arena *arena, size_t bytes)
{
    return sev_arena_take(arena, bytes);
}

static int64_t open_count(const struct campaign_run *run)
{
    int64_t open = 0;
    for (uint32_t i = 0; i < SEV_CAMPAIGN_GROUPS_MAX; i++)
        open += run->counts.of[i][SEV_MEMBER_ASSIGNED] + run->counts.of[i][SEV_MEMBER_OVERDUE];
    return open;
}

static sev_err count(struct campaign_run *run)
{
    return campaign_ops(run->d)->counts(run->d->store->self, run->row.name, &run->counts);
}

/* What the runner decides by itself. */
static sev_err move(struct campaign_run *run, enum sev_campaign_event event, const char *reason)
{
    struct sev_campaign_move m = {.revision = run->row.revision,
                                  .submitter = run->row.submitter,
                                  .approver = run->row.approver,
                                  .reason = campaign_text(reason),
                                  .changed = run->call->now,
                                  .running_since = run->row.running_since};
    sev_err e = sev_campaign_next(run->row.state, event, &m.state);
    if (event == SEV_CAMPAIGN_ON_BEGIN)
        m.running_since = run->call->now;
    if (e == SEV_OK)
        e = campaign_move(run->d, run->call, &run->row, event, &m, SEV_LIT("campaign"));
    if (e == SEV_OK) {
        run->row.state = m.state;
        run->row.revision++;
        run->row.running_since = m.running_since;
    }
    return e;
}

static sev_err pause_itself(struct campaign_run *run, const char *why, int64_t group)
{
    struct sev_event told = {.id = SEV_EVENT_CAMPAIGN_PAUSED};
    sev_err e = move(run, SEV_CAMPAIGN_ON_PAUSE, why);
    if (e != SEV_OK)
        return e;
    sev_event_text(&told, "campaign", run->row.name);
    sev_event_text(&told, "reason", campaign_text(why));
    sev_event_number(&told, "group", group);
    run->d->events.emit(run->d->events.self, &told);
    return SEV_OK;
}

/* ---------------------------------------------------------------- who it is for */

struct sweep {
    const struct sev_campaign_definition *def;
    struct sev_member *members;
    uint32_t count, seen;
    int64_t last;
};

static bool take_in(void *context, const struct sev_fleet_vehicle *v)
{
    struct sweep *s = context;
    struct sev_member m = {.place = v->place};
    s->seen++;
    s->last = v->place;
    if (sev_campaign_matches(s->def, v) &&
        sev_campaign_group_of(s->def, v->id, &m.group, &m.position))
        s->members[s->count++] = m;
    return true;
}

/* One page of the inventory, into s->members. @param out_end  there are no more */
static sev_err sweep_page(struct campaign_run *run, struct sweep *s, uint32_t page, bool *out_end)
{
    size_t mark = run->call->arena->used;
    s->seen = 0;
    sev_err e = campaign_ops(run->d)->fleet(run->d->store->self, s->last, page, run->call->arena,
                                            take_in, s);
    sev_arena_back(run->call->arena, mark);
    *out_end = e == SEV_OK && s->seen < page;
    return e;
}

/* @param out_end  the whole inventory was looked through */
static sev_err sweep(struct campaign_run *run, bool *out_end)
{
    struct sev_arena *keep = &run->runner->keep;
    struct sweep s = {.def = &run->def, .last = run->row.sweep};
    uint32_t page = SWEEP_PAGE;
    sev_err e = SEV_OK;
    bool end = false;
    sev_arena_back(keep, 0);
    s.members = (struct sev_member *)take(keep, SWEEP_PAGE * SWEEP_PAGES * sizeof *s.members);
    if (s.members == NULL)
        return SEV_E_MEMORY;
    for (uint32_t i = 0; i < SWEEP_PAGES && e == SEV_OK && !end; i++) {
        e = sweep_page(run, &s, page, &end);
        if (e == SEV_E_MEMORY && page > 1) {
            page /= 8; /* vehicles with very many ECUs */
            e = SEV_OK;
        }
    }
    /* All pages in one transaction: waiting for the disk is what costs. */
    int64_t sweep_next = end ? 0 : s.last;
    sev_time swept = end ? run->call->now : 0;
    if (e == SEV_OK)
        e = campaign_ops(run->d)->plan(run->d->store->self, run->row.name, run->row.sweep,
                                       sweep_next, swept, s.members, s.count);
    if (e != SEV_OK)
        return e;
    run->row.sweep = sweep_next;
    run->row.swept = end ? swept : run->row.swept;
    run->more = run->more || !end;
    *out_end = end;
    return SEV_OK;
}

/* ------------------------------------------------------------- what they report */

struct page {
    struct sev_member *members;
    uint32_t count;
    uint32_t group_max;
};

static bool keep_member(void *context, const struct sev_member *m)
{
    struct page *p = context;
    if (m->group > p->group_max)
        return false;
    p->members[p->count++] = *m;
    return true;
}

static sev_err read_page(struct campaign_run *run, enum sev_member_state state,
                         const struct sev_member_cursor *after, uint32_t most, struct page *p)
{
    p->count = 0;
    p->members = (struct sev_member *)take(run->call->arena, most * sizeof *p->members);
    if (p->members == NULL)
        return SEV_E_MEMORY;
    return campaign_ops(run->d)->members(run->d->store->self, run->row.name, state, after, most,
                                         run->call->arena, keep_member, p);
}

static sev_err apply(struct campaign_run *run, const struct sev_member_bounds *bounds,
                     const struct sev_member_step *steps, uint32_t n, sev_err *results)
{
    if (n == 0)
        return SEV_OK;
    return campaign_ops(run->d)->step(run->d->store->self, run->row.name, bounds, steps, n,
                                      results);
}

static sev_err look_at_page(struct campaign_run *run, const struct page *p)
{
    static const size_t each = sizeof(struct sev_member_step) + sizeof(sev_err);
    struct sev_arena *keep = &run->runner->keep;
    sev_arena_back(keep, 0);
    struct sev_member_step *steps = (struct sev_member_step *)take(keep, p->count * each);
    uint32_t n = 0;
    sev_err e = steps == NULL ? SEV_E_MEMORY : SEV_OK;
    for (uint32_t i = 0; e == SEV_OK && i < p->count; i++) {
        const struct sev_member *m = &p->members[i];
        struct campaign_finding found;
        size_t mark = run->call->arena->used;
        e = campaign_look(run, m, &found);
        if (e == SEV_OK && found.state != m->state) {
            steps[n] = (struct sev_member_step){.place = m->place,
                                                .expected_state = m->state,
                                                .expected_tries = m->tries,
                                                .state = found.state,
                                                .since = run->call->now};
            if (found.state == SEV_MEMBER_OVERDUE || found.state == SEV_MEMBER_SUCCEEDED)
                steps[n].marks = m->marks; /* it may still come, or fall back */
            e = campaign_copy(keep, found.reason, &steps[n++].reason);
        }
        sev_arena_back(run->call->arena, mark);
    }
    sev_err *results = (sev_err *)take(keep, (n + 1) * sizeof *results);
    if (e == SEV_OK && results == NULL)
        e = SEV_E_MEMORY;
    return e == SEV_OK ? apply(run, NULL, steps, n, results) : e;
}

/* All that is open: as many as the definition's `concurrency`, at most. */
static sev_err look(struct campaign_run *run, enum sev_member_state state)
{
    struct sev_member_cursor after = {0, 0, 0};
    struct page p = {.group_max = UINT32_MAX};
    uint32_t most = LOOK_PAGE;
    sev_err e = SEV_OK;
    do {
        size_t mark = run->call->arena->used;
        e = read_page(run, state, &after, most, &p);
        if (e == SEV_E_MEMORY && most > 1) {
            most /= 8;
            p.count = most; /* again, with fewer */
            sev_arena_back(run->call->arena, mark);
            continue;
        }
        if (e == SEV_OK)
            e = look_at_page(run, &p);
        if (e == SEV_OK && p.count != 0) {
            const struct sev_member *last = &p.members[p.count - 1];
            after = (struct sev_member_cursor){last->group, last->position, last->place};
        }
        sev_arena_back(run->call->arena, mark);
    } while ((e == SEV_OK || e == SEV_E_MEMORY) && p.count == most);
    return e;
}

/* Does it still run there? A page of one campaign with each step, in turn: there may be millions.
 */
static sev_err look_back(struct campaign_run *run)
{
    struct sev_campaign_runner *r = run->runner;
    struct page p = {.group_max = UINT32_MAX};
    if (r->back_name_len != 0 &&
        !sev_slice_eq(sev_slice_of(r->back_name, r->back_name_len), run->row.name))
        return SEV_OK;
    size_t mark = run->call->arena->used;
    sev_err e = read_page(run, SEV_MEMBER_SUCCEEDED, &r->back, LOOK_PAGE, &p);
    if (e == SEV_OK)
        e = look_at_page(run, &p);
    if (e == SEV_OK && p.count == LOOK_PAGE) {
        const struct sev_member *last = &p.members[p.count - 1];
        r->back = (struct sev_member_cursor){last->group, last->position, last->place};
        r->back_name_len = run->row.name.len;
        memcpy(r->back_name, run->row.name.ptr, run->row.name.len);
    } else { /* the next campaign's turn */
        r->back = (struct sev_member_cursor){0, 0, 0};
        r->back_name_len = 0;
    }
    sev_arena_back(run->call->arena, mark);
    return e;
}

/* ---------------------------------------------------------------- assigning */

/* Steps of one transaction, and what they point to. */
struct batch {
    struct sev_member_step steps[SEV_CAMPAIGN_BATCH_MAX];
    struct sev_assignment assignments[SEV_CAMPAIGN_BATCH_MAX];
    struct sev_decision decisions[SEV_CAMPAIGN_BATCH_MAX];
    sev_err results[SEV_CAMPAIGN_BATCH_MAX];
    uint32_t count;
    bool invalid; /* the campaign offers what nobody gets any more */
};

static struct batch *new_batch(struct campaign_run *run)
{
    struct sev_arena *keep = &run->runner->keep;
    sev_arena_back(keep, 0);
    struct batch *b = (struct batch *)take(keep, sizeof *b);
    if (b != NULL)
        memset(b, 0, sizeof *b);
    return b;
}

static sev_err read_vehicle(struct campaign_run *run, const struct sev_member *m,
                            struct sev_assignment *present, struct campaign_wish *out)
{
    const struct sev_store *s = run->d->store;
    struct sev_ecu *ecus =
        (struct sev_ecu *)take(run->call->arena, SEV_STORE_ECUS_MAX * sizeof *ecus);
    if (ecus == NULL)
        return SEV_E_MEMORY;
    *out = (struct campaign_wish){.profile = m->profile,
                                  .ecus = ecus,
                                  .present = present,
                                  .status_counter = m->status_counter};
    sev_err e = s->ecus_get(s->self, m->vehicle, run->call->arena, ecus, &out->ecu_count);
    return e == SEV_OK ? s->assignment_get(s->self, m->vehicle, run->call->arena, present) : e;
}

/* Have the Director check it, and keep what is to be written until the whole batch is. */
static sev_err prepare(struct campaign_run *run, struct batch *b, const struct sev_member *m,
                       sev_slice targets, sev_slice correlation, sev_slice remark)
{
    struct sev_director_wish wish = {.vehicle = m->vehicle,
                                     .actor = SEV_LIT("campaign"),
                                     .remark = remark,
                                     .bundle_id = run->row.name,
                                     .correlation_id = correlation,
                                     .targets = targets};
    struct sev_assignment *a = &b->assignments[b->count];
    struct sev_decision *d = &b->decisions[b->count];
    sev_err e = sev_director_prepare(run->d, run->call, &wish, a, d);
    if (e == SEV_OK)
        e = campaign_copy(&run->runner->keep, a->targets, &a->targets);
    if (e == SEV_OK)
        e = campaign_copy(&run->runner->keep, a->correlation_id, &a->correlation_id);
    if (e == SEV_OK)
        e = campaign_copy(&run->runner->keep, a->vehicle, &a->vehicle);
    if (e == SEV_OK)
        e = campaign_copy(&run->runner->keep, d->reason, &d->reason);
    b->steps[b->count].assignment = a;
    b->steps[b->count].decision = d;
    return e;
}

static struct sev_member_step *begin_step(struct campaign_run *run, struct batch *b,
                                          const struct sev_member *m, enum sev_member_state state)
{
    struct sev_member_step *s = &b->steps[b->count];
    *s = (struct sev_member_step){.place = m->place,
                                  .expected_state = m->state,
                                  .expected_tries = m->tries,
                                  .state = state,
                                  .since = run->call->now};
    return s;
}

/* Ours, or the database's: nothing is known about the vehicle. */
static bool is_trouble(sev_err e)
{
    return sev_err_class(e) == SEV_CLASS_RETRY || sev_err_class(e) == SEV_CLASS_BUG;
}

static sev_err plan_one(struct campaign_run *run, struct batch *b, const struct sev_member *m)
{
    struct sev_member_step *s = begin_step(run, b, m, SEV_MEMBER_ASSIGNED);
    struct sev_assignment present;
    struct campaign_wish v;
    sev_slice targets = SEV_EMPTY, marks = SEV_EMPTY, correlation = SEV_EMPTY;
    bool has_all = false;
    sev_err e = read_vehicle(run, m, &present, &v);
    if (e == SEV_OK) {
        e = campaign_wish(&run->def, &v, run->call->arena, &targets, &marks);
        has_all = e == SEV_E_NOT_FOUND;
    }
    if (e == SEV_OK)
        e = campaign_correlation(&run->def, m->tries + 1, run->call->arena, &correlation);
    if (e == SEV_OK)
        e = prepare(run, b, m, targets, correlation, SEV_EMPTY);
    if (e == SEV_OK)
        e = campaign_copy(&run->runner->keep, marks, &s->marks);
    b->invalid = b->invalid || e == SEV_E_INVALIDATED;
    if (is_trouble(e) || e == SEV_E_INVALIDATED)
        return b->invalid ? SEV_OK : e;
    if (e != SEV_OK) { /* not for it: the others go on */
        s = begin_step(run, b, m, SEV_MEMBER_SKIPPED);
        s->reason = has_all ? SEV_LIT("installed") : campaign_text(sev_err_id(e));
    }
    b->count++;
    return SEV_OK;
}

/* @param inout_left  starts that are left; less when it returns */
static sev_err assign_batch(struct campaign_run *run, uint32_t group_max,
                            const struct sev_member_bounds *bounds, int64_t *inout_left,
                            uint32_t *out_seen)
{
    struct sev_member_cursor first = {0, 0, 0};
    struct page p = {.group_max = group_max};
    uint32_t most =
        *inout_left < SEV_CAMPAIGN_BATCH_MAX ? (uint32_t)*inout_left : SEV_CAMPAIGN_BATCH_MAX;
    struct batch *b = new_batch(run);
    sev_err e = b == NULL ? SEV_E_MEMORY : read_page(run, SEV_MEMBER_WAITING, &first, most, &p);
    if (e != SEV_OK)
        return e;
    *out_seen = p.count;
    for (uint32_t i = 0; e == SEV_OK && !b->invalid && i < p.count; i++) {
        size_t mark = run->call->arena->used;
        if (b->count != 0 && sev_arena_free(&run->runner->keep) < WISH_BYTES)
            break; /* the rest has a batch of its own */
        e = plan_one(run, b, &p.members[i]);
        sev_arena_back(run->call->arena, mark);
    }
    if (e == SEV_OK && b->invalid)
        return pause_itself(run, sev_err_id(SEV_E_INVALIDATED), -1);
    if (e == SEV_OK)
        e = apply(run, bounds, b->steps, b->count, b->results);
    for (uint32_t i = 0; e == SEV_OK && i < b->count; i++)
        *inout_left -= b->results[i] == SEV_OK && b->steps[i].state == SEV_MEMBER_ASSIGNED;
    return e;
}

static sev_err assign(struct campaign_run *run, uint32_t group_max)
{
    struct sev_member_bounds bounds = {
        .revision = run->row.revision,
        .minute = run->call->now / 60,
        .minute_starts_max = sev_campaign_rate(&run->def, run->row.running_since, run->call->now),
        .open_max = run->def.concurrency};
    int64_t left = bounds.minute_starts_max;
    if (run->row.minute == bounds.minute)
        left -= run->row.minute_starts;
    if (left > bounds.open_max - open_count(run))
        left = bounds.open_max - open_count(run);
    uint32_t seen = 1;
    sev_err e = SEV_OK;
    for (uint32_t i = 0; e == SEV_OK && run->row.state == SEV_CAMPAIGN_RUNNING && left > 0 &&
                         seen != 0 && sev_campaign_may_start(&run->def, run->call->now);
         i++) {
        if (i == BATCHES) {
            run->more = true;
            break;
        }
        size_t mark = run->call->arena->used;
        e = assign_batch(run, group_max, &bounds, &left, &seen);
        sev_arena_back(run->call->arena, mark);
    }
    return e;
}

/* --------------------------------------------------------------- taking back */

static sev_err take_back_one(struct campaign_run *run, struct batch *b, const struct sev_member *m)
{
    uint8_t digests[SEV_CAMPAIGN_TARGETS_MAX][SEV_SHA256_BYTES];
    struct sev_member_step *s = begin_step(run, b, m, SEV_MEMBER_WITHDRAWN);
    struct sev_assignment present;
    struct campaign_wish v;
    sev_slice targets = SEV_EMPTY;
    for (uint32_t i = 0; i < run->def.image_count; i++)
        memcpy(digests[i], run->def.images[i].sha256, SEV_SHA256_BYTES);
    sev_err e = read_vehicle(run, m, &present, &v);
    if (e == SEV_OK)
        e = campaign_unwish((const uint8_t(*)[SEV_SHA256_BYTES])digests, run->def.image_count, &v,
                            run->call->arena, &targets);
    if (e == SEV_OK)
        e = prepare(run, b, m, targets, run->def.correlation_id, SEV_LIT("aborted"));
    if (is_trouble(e))
        return e;
    if (e != SEV_OK) {
        s = begin_step(run, b, m, SEV_MEMBER_WITHDRAWN);
        s->reason = e == SEV_E_NOT_FOUND ? SEV_LIT("nothing_left") : SEV_LIT("stays_assigned");
    }
    b->count++;
    return SEV_OK;
}

static sev_err take_back(struct campaign_run *run, enum sev_member_state state)
{
    struct sev_member_cursor first = {0, 0, 0};
    struct page p = {.group_max = UINT32_MAX};
    struct batch *b = new_batch(run);
    size_t mark = run->call->arena->used;
    sev_err e =
        b == NULL ? SEV_E_MEMORY : read_page(run, state, &first, SEV_CAMPAIGN_BATCH_MAX / 2, &p);
    for (uint32_t i = 0; e == SEV_OK && i < p.count; i++) {
        size_t inner = run->call->arena->used;
        if (b->count != 0 && sev_arena_free(&run->runner->keep) < WISH_BYTES)
            break;
        e = take_back_one(run, b, &p.members[i]);
        sev_arena_back(run->call->arena, inner);
    }
    sev_arena_back(run->call->arena, mark);
    if (e == SEV_OK)
        e = apply(run, NULL, b->steps, b->count, b->results);
    run->more = run->more || p.count != 0;
    return e;
}

/* --------------------------------------------------------------------- states */

static sev_err look_at_all(struct campaign_run *run)
{
    sev_err e = open_count(run) == 0 ? SEV_OK : look(run, SEV_MEMBER_ASSIGNED);
    if (e == SEV_OK && open_count(run) != 0)
        e = look(run, SEV_MEMBER_OVERDUE);
    if (e == SEV_OK)
        e = look_back(run);
    return e == SEV_OK ? count(run) : e;
}

static bool is_past(const struct campaign_run *run)
{
    int64_t assigned = 0;
    for (uint32_t i = 0; i < SEV_CAMPAIGN_GROUPS_MAX; i++)
        assigned += run->counts.of[i][SEV_MEMBER_ASSIGNED];
    return run->def.not_after != 0 && run->call->now >= run->def.not_after && assigned == 0;
}

static sev_err go_on(struct campaign_run *run)
{
    bool end = true;
    bool due = run->def.late_joiners && (run->row.sweep != 0 || run->call->now - run->row.swept >=
                                                                    SEV_CAMPAIGN_SWEEP_SECONDS);
    sev_err e = due ? sweep(run, &end) : SEV_OK;
    if (e == SEV_OK)
        e = look_at_all(run);
    if (e != SEV_OK)
        return e;
    struct sev_campaign_judgement j = sev_campaign_judge(&run->def, &run->counts);
    if (j.verdict == SEV_CAMPAIGN_ERRORS)
        return pause_itself(run, "error_threshold", j.group);
    if (j.verdict == SEV_CAMPAIGN_UNREACHED)
        return pause_itself(run, "success_threshold", j.group);
    if (is_past(run))
        return move(run, SEV_CAMPAIGN_ON_FINISH, "not_after");
    if (j.verdict == SEV_CAMPAIGN_OVER)
        return run->def.late_joiners ? SEV_OK : move(run, SEV_CAMPAIGN_ON_FINISH, "all_finished");
    return assign(run, j.group);
}

static sev_err step(struct campaign_run *run)
{
    bool end = false;
    sev_err e = count(run);
    if (e != SEV_OK)
        return e;
    switch (run->row.state) {
    case SEV_CAMPAIGN_APPROVED:
        e = sweep(run, &end);
        if (e == SEV_OK && end)
            e = move(run, SEV_CAMPAIGN_ON_PLANNED, "");
        if (e != SEV_OK || !end)
            return e;
        run->more = true;
        return SEV_OK;
    case SEV_CAMPAIGN_SCHEDULED:
        if (run->call->now < run->def.not_before)
            return SEV_OK;
        run->more = true;
        return move(run, SEV_CAMPAIGN_ON_BEGIN, "");
    case SEV_CAMPAIGN_RUNNING:
        return go_on(run);
    case SEV_CAMPAIGN_PAUSED:
        return look_at_all(run);
    case SEV_CAMPAIGN_ABORTED:
        e = look_at_all(run);
        if (e == SEV_OK && open_count(run) != 0)
            e = take_back(run, SEV_MEMBER_ASSIGNED);
        return e == SEV_OK && open_count(run) != 0 ? take_back(run, SEV_MEMBER_OVERDUE) : e;
    default:
        return SEV_OK;
    }
}

bool campaign_has_work(const struct sev_campaign *c)
{
    return c->state == SEV_CAMPAIGN_APPROVED || c->state == SEV_CAMPAIGN_SCHEDULED ||
           c->state == SEV_CAMPAIGN_RUNNING || c->state == SEV_CAMPAIGN_PAUSED ||
           (c->state == SEV_CAMPAIGN_ABORTED && c->withdrawing);
}

sev_err sev_campaign_step(struct sev_campaign_runner *r, const struct sev_director_call *call,
                          sev_slice name, bool *out_more)
{
    const struct sev_director *d = r->director;
    struct campaign_run *run = (struct campaign_run *)take(call->arena, sizeof *run);
    if (run == NULL)
        return SEV_E_MEMORY;
    *run = (struct campaign_run){.runner = r, .d = d, .call = call};
    sev_err e = campaign_load(d, call, name, &run->row, &run->def);
    *out_more = false;
    if (e != SEV_OK || !campaign_has_work(&run->row))
        return e;
    e = campaign_ops(d)->lease(d->store->self, name, r->owner, call->now,
                               call->now + SEV_CAMPAIGN_LEASE_SECONDS);
    if (e == SEV_OK)
        e = step(run);
    if (e == SEV_OK)
        *out_more = run->more;
    return e == SEV_E_CONFLICT ? SEV_OK : e; /* somebody else does it */
}
