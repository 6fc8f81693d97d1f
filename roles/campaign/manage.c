/* manage - what operators do with a campaign. SPDX-License-Identifier: MIT */
#include "internal.h"

sev_err campaign_copy(struct sev_arena *arena, sev_slice text, sev_slice *out)
{
    sev_buf b = campaign_buf(arena, text.len + 1);
    sev_buf_put_slice(&b, text);
    if (b.overflow)
        return SEV_E_MEMORY;
    *out = sev_buf_slice(&b);
    return SEV_OK;
}

sev_err campaign_load(const struct sev_director *d, const struct sev_director_call *call,
                      sev_slice name, struct sev_campaign *out_row,
                      struct sev_campaign_definition *out_def)
{
    const char *where;
    sev_err e = campaign_ops(d)->get(d->store->self, name, call->arena, out_row);
    if (e == SEV_OK &&
        sev_campaign_parse(out_row->definition, call->arena, out_def, &where) != SEV_OK)
        e = SEV_E_STORE; /* it was read when it was kept */
    return e;
}

/* ------------------------------------------------------------------ releases */

struct hunt {
    const struct sev_campaign_definition *def;
    bool hit;
};

static bool look_at_invalid(void *context, const struct sev_invalidation *i)
{
    struct hunt *h = context;
    for (uint32_t k = 0; k < h->def->image_count; k++)
        h->hit = h->hit || memcmp(h->def->images[k].sha256, i->sha256, sizeof i->sha256) == 0;
    return !h->hit;
}

sev_err campaign_check_releases(const struct sev_director *d, const struct sev_director_call *call,
                                const struct sev_campaign_definition *def)
{
    struct hunt h = {def, false};
    sev_err e = campaign_ops(d)->invalidations(d->store->self, call->arena, look_at_invalid, &h);
    return e == SEV_OK && h.hit ? SEV_E_INVALIDATED : e;
}

/* -------------------------------------------------------------------- moving */

/* Canonical: {"campaign", "remark"}. */
static sev_err why(const struct sev_director_call *call, sev_slice name, sev_slice remark,
                   sev_slice *out)
{
    sev_buf b = campaign_buf(call->arena, 64 + 6 * (name.len + remark.len));
    sev_json_writer w = sev_json_writer_to(&b);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "campaign", name);
    if (remark.len != 0)
        sev_json_w_string_member(&w, "remark", remark);
    sev_json_w_object_end(&w);
    sev_err e = sev_arena_want(sev_json_w_end(&w));
    if (e == SEV_OK)
        *out = sev_buf_slice(&b);
    return e;
}

static sev_err decide(const struct sev_director_call *call, sev_slice actor,
                      enum sev_campaign_event event, sev_slice name, sev_slice remark,
                      struct sev_decision *out)
{
    sev_slice word = campaign_text(sev_campaign_event_word(event));
    sev_buf b = campaign_buf(call->arena, 16 + word.len);
    sev_buf_put_slice(&b, SEV_LIT("campaign-"));
    sev_buf_put_slice(&b, word);
    *out = (struct sev_decision){call->now, actor, sev_buf_slice(&b), SEV_EMPTY};
    return b.overflow ? SEV_E_MEMORY : why(call, name, remark, &out->reason);
}

sev_err campaign_move(const struct sev_director *d, const struct sev_director_call *call,
                      const struct sev_campaign *row, enum sev_campaign_event event,
                      const struct sev_campaign_move *move, sev_slice actor)
{
    struct sev_decision decision;
    struct sev_event told = {.id = SEV_EVENT_CAMPAIGN_MOVED};
    sev_err e = decide(call, actor, event, row->name, move->reason, &decision);
    if (e == SEV_OK)
        e = campaign_ops(d)->move(d->store->self, row->name, move, &decision);
    if (e != SEV_OK)
        return e;
    sev_event_text(&told, "campaign", row->name);
    sev_event_text(&told, "state", campaign_text(sev_campaign_state_word(move->state)));
    sev_event_text(&told, "actor", actor);
    d->events.emit(d->events.self, &told);
    return SEV_OK;
}

/* ----------------------------------------------------------------- operators */

static bool actor_fits(const struct sev_campaign_actor *a)
{
    return a->name.len != 0 && a->name.len <= SEV_ID_BYTES_MAX &&
           a->remark.len <= SEV_CAMPAIGN_REMARK_BYTES_MAX && sev_utf8_valid(a->remark);
}

sev_err sev_campaign_create(const struct sev_director *d, const struct sev_director_call *call,
                            const struct sev_campaign_actor *actor, sev_slice definition,
                            sev_slice *out_name, const char **out_where)
{
    struct sev_campaign_definition def;
    struct sev_decision decision = {call->now, actor->name, SEV_LIT("campaign-create"), SEV_EMPTY};
    size_t bytes = definition.len;
    *out_where = "the definition";
    if (!actor_fits(actor))
        return SEV_E_MALFORMED;
    if (bytes > SEV_CAMPAIGN_BYTES_MAX)
        return SEV_E_TOO_LONG;
    sev_err e = sev_json_check(definition, sev_arena_scratch(call->arena), NULL, NULL);
    if (e != SEV_OK)
        return sev_arena_want(e);
    sev_buf text = campaign_buf(call->arena, bytes);
    e = sev_arena_want(
        sev_json_canonical(definition, SEV_CANON_OLPC, sev_arena_scratch(call->arena), &text));
    if (e == SEV_OK)
        e = sev_campaign_parse(sev_buf_slice(&text), call->arena, &def, out_where);
    if (e == SEV_OK)
        e = campaign_check_releases(d, call, &def);
    if (e == SEV_OK)
        e = why(call, def.name, actor->remark, &decision.reason);
    if (e != SEV_OK)
        return e;
    struct sev_campaign row = {.name = def.name,
                               .definition = sev_buf_slice(&text),
                               .author = actor->name,
                               .reason = actor->remark,
                               .created = call->now,
                               .changed = call->now};
    e = campaign_ops(d)->add(d->store->self, &row, &decision);
    if (e == SEV_OK)
        *out_name = def.name;
    return e;
}

/* Another than those who wrote and submitted it: two people at least have looked at it. */
static bool has_part_in(const struct sev_campaign *row, sev_slice name)
{
    return sev_slice_eq(row->author, name) || sev_slice_eq(row->submitter, name);
}

static bool needs_remark(enum sev_campaign_event event)
{
    return event == SEV_CAMPAIGN_ON_APPROVE || event == SEV_CAMPAIGN_ON_REJECT ||
           event == SEV_CAMPAIGN_ON_ABORT;
}

static bool is_operators(enum sev_campaign_event event)
{
    return needs_remark(event) || event == SEV_CAMPAIGN_ON_SUBMIT ||
           event == SEV_CAMPAIGN_ON_PAUSE || event == SEV_CAMPAIGN_ON_RESUME;
}

static sev_err check_act(const struct sev_campaign *row, enum sev_campaign_event event,
                         const struct sev_campaign_actor *actor, enum sev_campaign_state *out_next)
{
    if (!actor_fits(actor) || !is_operators(event) ||
        (needs_remark(event) && actor->remark.len == 0))
        return SEV_E_MALFORMED;
    sev_err e = sev_campaign_next(row->state, event, out_next);
    if (e == SEV_OK && event == SEV_CAMPAIGN_ON_APPROVE && has_part_in(row, actor->name))
        e = SEV_E_FOUR_EYES;
    return e;
}

sev_err sev_campaign_act(const struct sev_director *d, const struct sev_director_call *call,
                         sev_slice name, enum sev_campaign_event event,
                         const struct sev_campaign_actor *actor, bool withdraw)
{
    struct sev_campaign row;
    struct sev_campaign_definition def;
    enum sev_campaign_state next = SEV_CAMPAIGN_DRAFT;
    sev_err e = campaign_load(d, call, name, &row, &def);
    if (e == SEV_OK)
        e = check_act(&row, event, actor, &next);
    if (e == SEV_OK && event != SEV_CAMPAIGN_ON_ABORT && event != SEV_CAMPAIGN_ON_PAUSE &&
        event != SEV_CAMPAIGN_ON_REJECT)
        e = campaign_check_releases(d, call, &def);
    if (e != SEV_OK)
        return e;
    struct sev_campaign_move move = {.revision = row.revision,
                                     .state = next,
                                     .submitter = row.submitter,
                                     .approver = row.approver,
                                     .reason = actor->remark,
                                     .changed = call->now,
                                     .running_since = row.running_since};
    if (event == SEV_CAMPAIGN_ON_SUBMIT)
        move.submitter = actor->name;
    if (event == SEV_CAMPAIGN_ON_REJECT)
        move.submitter = SEV_EMPTY;
    if (event == SEV_CAMPAIGN_ON_APPROVE)
        move.approver = actor->name;
    if (event == SEV_CAMPAIGN_ON_RESUME)
        move.running_since = call->now; /* carefully again */
    move.withdrawing = event == SEV_CAMPAIGN_ON_ABORT && withdraw;
    return campaign_move(d, call, &row, event, &move, actor->name);
}

sev_err sev_campaign_retry(const struct sev_director *d, const struct sev_director_call *call,
                           sev_slice name, const struct sev_campaign_actor *actor,
                           int64_t *out_count)
{
    struct sev_campaign row;
    struct sev_campaign_definition def;
    struct sev_decision decision;
    enum sev_campaign_state next = SEV_CAMPAIGN_RUNNING;
    sev_err e = actor_fits(actor) ? campaign_load(d, call, name, &row, &def) : SEV_E_MALFORMED;
    if (e == SEV_OK && row.state != SEV_CAMPAIGN_RUNNING && row.state != SEV_CAMPAIGN_PAUSED)
        e = sev_campaign_next(row.state, SEV_CAMPAIGN_ON_REOPEN, &next);
    if (e == SEV_OK)
        e = campaign_check_releases(d, call, &def);
    if (e == SEV_OK && row.state == SEV_CAMPAIGN_DONE) {
        struct sev_campaign_move move = {.revision = row.revision,
                                         .state = next,
                                         .submitter = row.submitter,
                                         .approver = row.approver,
                                         .reason = actor->remark,
                                         .changed = call->now,
                                         .running_since = call->now};
        e = campaign_move(d, call, &row, SEV_CAMPAIGN_ON_REOPEN, &move, actor->name);
    }
    if (e == SEV_OK)
        e = decide(call, actor->name, SEV_CAMPAIGN_ON_REOPEN, name, actor->remark, &decision);
    if (e == SEV_OK)
        e = campaign_ops(d)->retry(d->store->self, name, def.tries, call->now, &decision,
                                   out_count);
    return e;
}

sev_err sev_release_invalidate(const struct sev_director *d, const struct sev_director_call *call,
                               const uint8_t sha256[SEV_SHA256_BYTES],
                               const struct sev_campaign_actor *actor)
{
    struct sev_decision decision = {call->now, actor->name, SEV_LIT("release-invalidate"),
                                    SEV_EMPTY};
    struct sev_event told = {.id = SEV_EVENT_INVALIDATED};
    struct sev_invalidation i = {.time = call->now, .actor = actor->name, .remark = actor->remark};
    char hex[2 * SEV_SHA256_BYTES];
    sev_buf text = sev_buf_of(hex, sizeof hex);
    if (!actor_fits(actor) || actor->remark.len == 0)
        return SEV_E_MALFORMED;
    memcpy(i.sha256, sha256, sizeof i.sha256);
    sev_hex_encode(sev_slice_of(sha256, SEV_SHA256_BYTES), &text);
    sev_buf b = campaign_buf(call->arena, 256 + 6 * actor->remark.len);
    sev_json_writer w = sev_json_writer_to(&b);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "remark", actor->remark);
    sev_json_w_string_member(&w, "sha256", sev_buf_slice(&text));
    sev_json_w_object_end(&w);
    sev_err e = sev_arena_want(sev_json_w_end(&w));
    decision.reason = sev_buf_slice(&b);
    if (e == SEV_OK)
        e = campaign_ops(d)->invalidate(d->store->self, &i, &decision);
    if (e != SEV_OK)
        return e;
    sev_event_text(&told, "sha256", sev_buf_slice(&text));
    sev_event_text(&told, "actor", actor->name);
    d->events.emit(d->events.self, &told);
    return SEV_OK;
}

/* ---------------------------------------------------------------------- tags */

static sev_err check_tags(sev_slice tags)
{
    sev_json j = sev_json_at(tags), others;
    sev_json_str tag, other;
    uint32_t count = 0;
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_string(&j, &tag);
        if (j.err != SEV_OK || ++count > SEV_TAGS_MAX || tag.raw.len == 0 ||
            sev_json_str_len(tag) > SEV_TAG_BYTES_MAX)
            return SEV_E_MALFORMED;
        uint32_t same = 0;
        others = sev_json_at(tags);
        sev_json_array(&others);
        while (sev_json_element(&others)) {
            sev_json_string(&others, &other);
            same += others.err == SEV_OK && sev_json_str_eq(tag, other);
        }
        if (same > 1)
            return SEV_E_JSON_DUPLICATE;
    }
    return j.err;
}

sev_err sev_vehicle_tag(const struct sev_director *d, const struct sev_director_call *call,
                        sev_slice vehicle, sev_slice tags, const struct sev_campaign_actor *actor)
{
    struct sev_decision decision = {call->now, actor->name, SEV_LIT("tag"), SEV_EMPTY};
    sev_buf form = campaign_buf(call->arena, tags.len + 1);
    sev_buf b = campaign_buf(call->arena, 64 + tags.len + 6 * actor->remark.len);
    sev_err e = actor_fits(actor) ? SEV_OK : SEV_E_MALFORMED;
    if (e == SEV_OK)
        e = sev_arena_want(
            sev_json_canonical(tags, SEV_CANON_OLPC, sev_arena_scratch(call->arena), &form));
    if (e == SEV_OK)
        e = check_tags(sev_buf_slice(&form));
    sev_json_writer w = sev_json_writer_to(&b);
    sev_json_w_object(&w);
    if (actor->remark.len != 0)
        sev_json_w_string_member(&w, "remark", actor->remark);
    sev_json_w_name(&w, SEV_LIT("tags"));
    sev_json_w_raw(&w, sev_buf_slice(&form));
    sev_json_w_object_end(&w);
    if (e == SEV_OK)
        e = sev_arena_want(sev_json_w_end(&w));
    decision.reason = sev_buf_slice(&b);
    if (e == SEV_OK)
        e = campaign_ops(d)->tags_set(d->store->self, vehicle, sev_buf_slice(&form), &decision);
    return e;
}
