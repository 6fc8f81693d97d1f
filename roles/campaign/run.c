/* run - all campaigns, and all releases that are being taken back, one step each.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#define NAMES 64u
#define TAKE_BACK_PAGE 512u

static void tell(const struct sev_director *d, sev_err e, const char *field, sev_slice about)
{
    struct sev_event told = {.id = SEV_EVENT_CAMPAIGN_TROUBLE, .err = e};
    sev_event_text(&told, field, about);
    d->events.emit(d->events.self, &told);
}

/* ------------------------------------------------------------------ releases */

struct hunt {
    struct sev_campaign_runner *r;
    const struct sev_director_call *call;
    const struct sev_invalidation *release;
    sev_slice hex;
    uint32_t seen;
    int64_t last; /* place of the last one that is dealt with */
    sev_err err;
};

/* Digests stand there in either case. */
static bool mentions(sev_slice text, sev_slice hex)
{
    for (size_t i = 0; i + hex.len <= text.len; i++) {
        size_t k = 0;
        while (k < hex.len && (text.ptr[i + k] | 0x20) == hex.ptr[k])
            k++;
        if (k == hex.len)
            return true;
    }
    return false;
}

static sev_err withdraw(struct hunt *h, const struct sev_assignment *present)
{
    const struct sev_director *d = h->r->director;
    const struct sev_store *s = d->store;
    struct sev_director_wish wish = {.vehicle = present->vehicle,
                                     .actor = SEV_LIT("release-invalidate"),
                                     .remark = h->release->remark,
                                     .bundle_id = present->bundle_id,
                                     .correlation_id = present->correlation_id};
    struct campaign_wish v = {.present = present};
    struct sev_vehicle row;
    int64_t version;
    struct sev_ecu *ecus =
        (struct sev_ecu *)(void *)sev_arena_take(h->call->arena, SEV_STORE_ECUS_MAX * sizeof *ecus);
    sev_err e = ecus == NULL
                    ? SEV_E_MEMORY
                    : s->ecus_get(s->self, present->vehicle, h->call->arena, ecus, &v.ecu_count);
    if (e == SEV_OK)
        e = s->vehicle_get(s->self, present->vehicle, h->call->arena, &row);
    if (e != SEV_OK)
        return e;
    v.ecus = ecus;
    v.profile = row.profile;
    e = campaign_unwish((const uint8_t(*)[SEV_SHA256_BYTES])h->release->sha256, 1, &v,
                        h->call->arena, &wish.targets);
    return e == SEV_OK ? sev_director_assign(d, h->call, &wish, &version) : e;
}

static bool look_at(void *context, int64_t place, const struct sev_assignment *a)
{
    struct hunt *h = context;
    size_t mark = h->call->arena->used;
    h->seen++;
    sev_err e = mentions(a->targets, h->hex) ? withdraw(h, a) : SEV_OK;
    sev_arena_back(h->call->arena, mark);
    if (e == SEV_E_NOT_FOUND) /* it is installed there */
        e = SEV_OK;
    bool again = e == SEV_E_CONFLICT || sev_err_class(e) == SEV_CLASS_RETRY;
    if (e != SEV_OK && !again) { /* nobody will mend that by trying again */
        tell(h->r->director, e, "vehicle", a->vehicle);
        e = SEV_OK;
    }
    h->err = e;
    if (e == SEV_OK)
        h->last = place;
    return e == SEV_OK;
}

static sev_err sweep_release(struct sev_campaign_runner *r, const struct sev_director_call *call,
                             const struct sev_invalidation *release, bool *out_more)
{
    const struct sev_store *s = r->director->store;
    uint8_t text[2 * SEV_SHA256_BYTES];
    sev_buf hex = sev_buf_of(text, sizeof text);
    sev_hex_encode(sev_slice_of(release->sha256, SEV_SHA256_BYTES), &hex);
    struct hunt h = {.r = r, .call = call, .release = release, .hex = sev_buf_slice(&hex)};
    h.last = release->sweep;
    size_t mark = call->arena->used, bytes = sev_arena_free(call->arena) / 4;
    uint8_t *room = sev_arena_take(call->arena, bytes); /* the rest is for the work with each */
    uint32_t page = TAKE_BACK_PAGE;
    sev_err e = SEV_E_MEMORY;
    while (room != NULL && e == SEV_E_MEMORY && page > 0) {
        struct sev_arena part = sev_arena_of(room, bytes);
        h.seen = 0;
        e = s->campaigns->assigned(s->self, release->sweep, page, &part, look_at, &h);
        if (e == SEV_E_MEMORY)
            page /= 8; /* long lists: fewer of them */
    }
    sev_arena_back(call->arena, mark);
    bool end = e == SEV_OK && h.err == SEV_OK && h.seen < page;
    if (e == SEV_OK)
        e = s->campaigns->invalidation_swept(s->self, release->sha256, h.last, end ? call->now : 0);
    *out_more = *out_more || (e == SEV_OK && h.err == SEV_OK && !end);
    return e == SEV_OK ? h.err : e;
}

struct releases {
    struct sev_campaign_runner *r;
    const struct sev_director_call *call;
    bool *more;
    sev_err err;
};

static bool each_release(void *context, const struct sev_invalidation *i)
{
    struct releases *all = context;
    if (i->swept != 0)
        return true;
    sev_err e = sweep_release(all->r, all->call, i, all->more);
    if (e != SEV_OK && e != SEV_E_CONFLICT) {
        tell(all->r->director, e, "release", SEV_EMPTY);
        all->err = e;
    }
    return true;
}

/* ----------------------------------------------------------------- campaigns */

struct names {
    sev_slice list[NAMES], last;
    uint32_t count, seen;
};

static bool take_name(void *context, const struct sev_campaign *c)
{
    struct names *n = context;
    n->seen++;
    n->last = c->name;
    if (campaign_has_work(c))
        n->list[n->count++] = c->name;
    return true;
}

static sev_err run_page(struct sev_campaign_runner *r, const struct sev_director_call *call,
                        sev_slice *inout_after, uint32_t *out_count, bool *out_more)
{
    const struct sev_store *s = r->director->store;
    struct names n = {.count = 0};
    sev_err last = SEV_OK;
    sev_err e = s->campaigns->list(s->self, *inout_after, NAMES, call->arena, take_name, &n);
    *out_count = n.seen;
    for (uint32_t i = 0; e == SEV_OK && i < n.count; i++) {
        size_t mark = call->arena->used;
        bool more = false;
        sev_err failed = sev_campaign_step(r, call, n.list[i], &more);
        sev_arena_back(call->arena, mark);
        *out_more = *out_more || more;
        if (failed != SEV_OK) {
            tell(r->director, failed, "campaign", n.list[i]);
            last = failed;
        }
    }
    if (n.seen != 0)
        *inout_after = n.last;
    return e != SEV_OK ? e : last;
}

sev_err sev_campaigns_run(struct sev_campaign_runner *r, const struct sev_director_call *call,
                          bool *out_more)
{
    const struct sev_store *s = r->director->store;
    struct releases all = {.r = r, .call = call, .more = out_more};
    sev_slice after = SEV_EMPTY;
    uint32_t count = NAMES;
    *out_more = false;
    sev_err last = s->campaigns->invalidations(s->self, call->arena, each_release, &all);
    if (last == SEV_OK)
        last = all.err;
    while (count == NAMES) {
        sev_err e = run_page(r, call, &after, &count, out_more);
        last = e != SEV_OK ? e : last;
    }
    return last;
}
