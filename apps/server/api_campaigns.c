/* api_campaigns - releases for many vehicles: who asks for them, who agrees, how they go.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "api.h"
#include "secureev/campaign.h"

/* clang-format off */
const struct api_schema api_schemas_campaigns[] = {
    {"CampaignName", JSON({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"})},
    {"CampaignState", JSON({"enum": ["draft", "submitted", "approved", "scheduled", "running", "paused", "done", "aborted"]})},
    {"MemberState", JSON({"enum": ["waiting", "assigned", "overdue", "succeeded", "failed", "skipped", "withdrawn"]})},
    {"Texts", JSON({"type": "array", "minItems": 1, "maxItems": 8192, "uniqueItems": true,
        "items": {"type": "string", "minLength": 1, "maxLength": 256}})},
    {"CampaignDefinition", JSON({
        "type": "object",
        "description": "What is wanted. It never changes: what was approved is what is carried out.",
        "required": ["concurrency", "groups", "name", "rate", "targets"],
        "additionalProperties": false,
        "properties": {
            "concurrency": {"type": "integer", "minimum": 1, "maximum": 100000000,
                "description": "Vehicles that were given the images and have not finished."},
            "correlationId": {"type": "string", "minLength": 1, "maxLength": 248},
            "filter": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "hardwareIds": {"$ref": "#/components/schemas/Texts"},
                    "installed": {
                        "type": "object",
                        "required": ["hardwareId"],
                        "additionalProperties": false,
                        "properties": {
                            "hardwareId": {"type": "string", "minLength": 1, "maxLength": 256},
                            "name": {"type": "string", "minLength": 1, "maxLength": 512},
                            "releaseCounterMax": {"type": "integer", "minimum": 0},
                            "releaseCounterMin": {"type": "integer", "minimum": 0}}},
                    "models": {"$ref": "#/components/schemas/Texts"},
                    "tags": {"$ref": "#/components/schemas/Texts"},
                    "vehicles": {"$ref": "#/components/schemas/Texts"},
                    "vinPrefixes": {"$ref": "#/components/schemas/Texts"}}},
            "groups": {"type": "array", "minItems": 1, "maxItems": 16, "items": {
                "type": "object",
                "description": "By percent (which add up to 100) or a list; in order.",
                "required": ["errorPercent", "successPercent"],
                "additionalProperties": false,
                "properties": {
                    "errorPercent": {"type": "integer", "minimum": 0, "maximum": 100},
                    "percent": {"type": "integer", "minimum": 1, "maximum": 100},
                    "successPercent": {"type": "integer", "minimum": 1, "maximum": 100},
                    "vehicles": {"$ref": "#/components/schemas/Texts"}}}},
            "lateJoiners": {"type": "boolean"},
            "name": {"$ref": "#/components/schemas/CampaignName"},
            "notAfter": {"$ref": "#/components/schemas/Time"},
            "notBefore": {"$ref": "#/components/schemas/Time"},
            "rate": {
                "type": "object",
                "required": ["perMinute"],
                "additionalProperties": false,
                "properties": {
                    "perMinute": {"type": "integer", "minimum": 1, "maximum": 1000000},
                    "perMinuteMax": {"type": "integer", "minimum": 1, "maximum": 1000000},
                    "rise": {"type": "integer", "minimum": 1, "maximum": 1000000}}},
            "targets": {"type": "object", "minProperties": 1, "maxProperties": 64,
                "description": "Hardware id, then the image for it.",
                "additionalProperties": {
                    "type": "object",
                    "required": ["hashes", "length", "name"],
                    "additionalProperties": false,
                    "properties": {
                        "hashes": {"type": "object", "required": ["sha256"]},
                        "length": {"type": "integer", "minimum": 0},
                        "match": {"type": "object"},
                        "name": {"type": "string", "minLength": 1, "maxLength": 512}}}},
            "timeout": {"type": "integer", "minimum": 60, "description": "Seconds without a word, then it is overdue."},
            "tries": {"type": "integer", "minimum": 1, "maximum": 10},
            "windows": {"type": "array", "maxItems": 8, "items": {
                "type": "object",
                "description": "Of each day, UTC; over midnight where from is later than to.",
                "required": ["from", "to"],
                "additionalProperties": false,
                "properties": {
                    "from": {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"},
                    "to": {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"}}}}}})},
    {"Campaign", JSON({
        "type": "object",
        "required": ["approver", "author", "changed", "created", "name", "reason", "revision", "state", "submitter", "withdrawing"],
        "additionalProperties": false,
        "properties": {
            "approver": {"type": "string"},
            "author": {"type": "string"},
            "changed": {"$ref": "#/components/schemas/TimeOrNever"},
            "created": {"$ref": "#/components/schemas/TimeOrNever"},
            "definition": {"$ref": "#/components/schemas/CampaignDefinition"},
            "name": {"$ref": "#/components/schemas/CampaignName"},
            "reason": {"type": "string", "description": "Of its state: a remark, or a stable word."},
            "revision": {"type": "integer", "minimum": 1},
            "state": {"$ref": "#/components/schemas/CampaignState"},
            "submitter": {"type": "string"},
            "withdrawing": {"type": "boolean"}}})},
    {"Campaigns", JSON({
        "type": "object",
        "required": ["items", "next"],
        "additionalProperties": false,
        "properties": {
            "items": {"type": "array", "maxItems": 1000,
                "items": {"$ref": "#/components/schemas/Campaign"}},
            "next": {"$ref": "#/components/schemas/Next"}}})},
    {"CampaignRemark", JSON({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "remark": {"type": "string", "maxLength": 1024,
                "description": "Needed to approve, reject and abort."}}})},
    {"CampaignAbort", JSON({
        "type": "object",
        "required": ["remark"],
        "additionalProperties": false,
        "properties": {
            "remark": {"type": "string", "minLength": 1, "maxLength": 1024},
            "withdraw": {"type": "boolean", "description": "Take back what is not installed."}}})},
    {"CampaignRetried", JSON({
        "type": "object",
        "required": ["count"],
        "additionalProperties": false,
        "properties": {"count": {"type": "integer", "minimum": 0, "description": "Vehicles that wait again."}}})},
    {"Counts", JSON({
        "type": "object",
        "required": ["assigned", "failed", "overdue", "skipped", "succeeded", "waiting", "withdrawn"],
        "additionalProperties": false,
        "properties": {
            "assigned": {"type": "integer"}, "failed": {"type": "integer"},
            "overdue": {"type": "integer"}, "skipped": {"type": "integer"},
            "succeeded": {"type": "integer"}, "waiting": {"type": "integer"},
            "withdrawn": {"type": "integer"}}})},
    {"CampaignProgress", JSON({
        "type": "object",
        "required": ["all", "groups", "reason", "state"],
        "additionalProperties": false,
        "properties": {
            "all": {"$ref": "#/components/schemas/Counts"},
            "groups": {"type": "array", "maxItems": 16, "items": {"$ref": "#/components/schemas/Counts"}},
            "reason": {"type": "string"},
            "state": {"$ref": "#/components/schemas/CampaignState"}}})},
    {"Member", JSON({
        "type": "object",
        "required": ["group", "reason", "since", "state", "tries", "vehicle", "version"],
        "additionalProperties": false,
        "properties": {
            "group": {"type": "integer", "minimum": 0, "maximum": 15},
            "reason": {"type": "string"},
            "since": {"$ref": "#/components/schemas/TimeOrNever"},
            "state": {"$ref": "#/components/schemas/MemberState"},
            "tries": {"type": "integer", "minimum": 0},
            "vehicle": {"$ref": "#/components/schemas/VehicleId"},
            "version": {"type": "integer", "minimum": 0, "description": "Of the assignment that it got."}}})},
    {"Members", JSON({
        "type": "object",
        "required": ["items", "next"],
        "additionalProperties": false,
        "properties": {
            "items": {"type": "array", "maxItems": 1000,
                "items": {"$ref": "#/components/schemas/Member"}},
            "next": {"$ref": "#/components/schemas/Next"}}})},
    {"Invalidation", JSON({
        "type": "object",
        "required": ["actor", "remark", "sha256", "takenBack", "time"],
        "additionalProperties": false,
        "properties": {
            "actor": {"type": "string"},
            "remark": {"type": "string"},
            "sha256": {"$ref": "#/components/schemas/Sha256"},
            "takenBack": {"$ref": "#/components/schemas/TimeOrNever"},
            "time": {"$ref": "#/components/schemas/Time"}}})},
    {"Invalidations", JSON({
        "type": "object",
        "required": ["items"],
        "additionalProperties": false,
        "properties": {
            "items": {"type": "array", "items": {"$ref": "#/components/schemas/Invalidation"}}}})},
    {"Tags", JSON({
        "type": "object",
        "required": ["tags"],
        "additionalProperties": false,
        "properties": {
            "remark": {"type": "string", "maxLength": 1024},
            "tags": {"type": "array", "maxItems": 64, "uniqueItems": true,
                "items": {"type": "string", "minLength": 1, "maxLength": 64}}}})},
    {"NewInvalidation", JSON({
        "type": "object",
        "required": ["remark", "sha256"],
        "additionalProperties": false,
        "properties": {
            "remark": {"type": "string", "minLength": 1, "maxLength": 1024},
            "sha256": {"$ref": "#/components/schemas/Sha256"}}})},
    {NULL, NULL}};
/* clang-format on */

static struct sev_director director_of(struct api_call *call)
{
    return (struct sev_director){.store = call->admin.store,
                                 .events = call->app->instance->app->events};
}

static struct sev_director_call director_call(struct api_call *call)
{
    return (struct sev_director_call){call->admin.arena, call->app->desk->crypto, call->admin.now};
}

static sev_slice text(const char *s)
{
    return sev_slice_of(s, strlen(s));
}

/* What stands in the database may have been said by a vehicle. */
static void put_text(sev_json_writer *w, const char *name, sev_slice value)
{
    sev_json_w_string_member(w, name, sev_utf8_valid(value) ? value : SEV_LIT("?"));
}

static void put_campaign(sev_json_writer *w, const struct sev_campaign *c)
{
    sev_json_w_object(w);
    api_w_id(w, "approver", c->approver);
    api_w_id(w, "author", c->author);
    api_w_time(w, "changed", c->changed);
    api_w_time(w, "created", c->created);
    if (c->definition.len != 0) {
        sev_json_w_name(w, SEV_LIT("definition"));
        sev_json_w_raw(w, c->definition);
    }
    sev_json_w_string_member(w, "name", c->name);
    put_text(w, "reason", c->reason);
    sev_json_w_integer_member(w, "revision", c->revision);
    sev_json_w_string_member(w, "state", text(sev_campaign_state_word(c->state)));
    api_w_id(w, "submitter", c->submitter);
    sev_json_w_bool_member(w, "withdrawing", c->withdrawing);
    sev_json_w_object_end(w);
}

static sev_err answer_campaign(struct api_call *call, sev_slice name)
{
    struct sev_campaign c;
    const struct sev_store *s = call->admin.store;
    sev_err e = s->campaigns->get(s->self, name, call->admin.arena, &c);
    if (e != SEV_OK)
        return e;
    /* What is kept for an idempotency key is small: who wrote the definition has it. */
    if (call->app->request->method == SEV_HTTP_POST)
        c.definition = SEV_EMPTY;
    api_set_version(call, c.revision);
    put_campaign(call->w, &c);
    return SEV_OK;
}

/* --------------------------------------------------------------------- lists */

struct page {
    struct api_call *call;
    sev_slice last;
    struct sev_member_cursor place;
    uint32_t count, limit;
    bool more;
};

static bool is_full(struct page *p)
{
    p->more = p->count == p->limit || !api_room(p->call);
    p->count += !p->more;
    return p->more;
}

static bool put_entry(void *context, const struct sev_campaign *c)
{
    struct page *p = context;
    if (is_full(p))
        return false;
    put_campaign(p->call->w, c);
    p->last = c->name;
    return true;
}

static void begin_page(struct api_call *call)
{
    sev_json_w_object(call->w);
    sev_json_w_name(call->w, SEV_LIT("items"));
    sev_json_w_array(call->w);
}

static void end_page(struct page *p)
{
    sev_json_w_array_end(p->call->w);
    if (p->more) {
        sev_json_w_string_member(p->call->w, "next", p->last);
    } else {
        sev_json_w_name(p->call->w, SEV_LIT("next"));
        sev_json_w_null(p->call->w);
    }
    sev_json_w_object_end(p->call->w);
}

const struct api_doc api_doc_campaign_list = {
    .summary = "List campaigns, in order of their names",
    .query = {{"cursor", JSON({"type" : "string"}), "Go on behind this name."}, API_LIMIT},
    .status = 200,
    .answer = "Campaigns",
    .refusals = "malformed"};

sev_err api_campaign_list(struct api_call *call)
{
    struct page page = {.call = call};
    const struct sev_store *s = call->admin.store;
    sev_slice cursor;
    sev_err e = api_limit(call, &page.limit);
    if (e == SEV_OK)
        e = api_query(call, "cursor", &cursor);
    if (e != SEV_OK)
        return e;
    begin_page(call);
    e = s->campaigns->list(s->self, cursor, page.limit + 1, call->admin.arena, put_entry, &page);
    end_page(&page);
    return e;
}

const struct api_doc api_doc_campaign_get = {
    .summary = "A campaign", .status = 200, .answer = "Campaign", .tagged = true};

sev_err api_campaign_get(struct api_call *call)
{
    return answer_campaign(call, call->app->params[0]);
}

/* ----------------------------------------------------------------- operators */

const struct api_doc api_doc_campaign_create = {
    .summary = "Draft a campaign",
    .about = "Nothing happens before it is submitted and another operator has approved it.",
    .body = "CampaignDefinition",
    .status = 201,
    .answer = "Campaign",
    .tagged = true,
    .refusals = "exists bad_name wrong_hardware unsupported duplicate_ecu not_canonical too_long "
                "release_invalidated"};

sev_err api_campaign_create(struct api_call *call)
{
    struct sev_director d = director_of(call);
    struct sev_director_call c = director_call(call);
    struct sev_campaign_actor actor = {call->admin.actor, SEV_EMPTY};
    const char *where;
    sev_slice name;
    sev_err e = sev_campaign_create(&d, &c, &actor, call->app->body, &name, &where);
    if (e != SEV_OK)
        return e;
    size_t bytes = sizeof "/api/v1/campaigns/" + name.len;
    uint8_t *room = sev_arena_take(call->admin.arena, bytes);
    sev_buf b = sev_buf_of(room, room == NULL ? 0 : bytes);
    sev_buf_put_slice(&b, SEV_LIT("/api/v1/campaigns/"));
    sev_buf_put_slice(&b, name);
    call->location = b.overflow ? SEV_EMPTY : sev_buf_slice(&b);
    return answer_campaign(call, name);
}

static sev_err act(struct api_call *call, enum sev_campaign_event event)
{
    struct sev_director d = director_of(call);
    struct sev_director_call c = director_call(call);
    struct sev_campaign_actor actor = {call->admin.actor, SEV_EMPTY};
    int64_t withdraw = 0;
    const struct sev_form_member members[] = {
        {"remark", SEV_FORM_TEXT, false, SEV_CAMPAIGN_REMARK_BYTES_MAX, &actor.remark, NULL, NULL},
        {"withdraw", SEV_FORM_BOOL, false, 0, NULL, &withdraw, NULL}};
    uint32_t count = event == SEV_CAMPAIGN_ON_ABORT ? 2 : 1;
    sev_err e = sev_form_read(call->app->body, call->admin.arena, members, count);
    if (e == SEV_OK)
        e = sev_campaign_act(&d, &c, call->app->params[0], event, &actor, withdraw != 0);
    return e == SEV_OK ? answer_campaign(call, call->app->params[0]) : e;
}

#define ACT(name, event, summary_, about_, body_, more)                                            \
    const struct api_doc api_doc_campaign_##name = {.summary = summary_,                           \
                                                    .about = about_,                               \
                                                    .body = body_,                                 \
                                                    .status = 200,                                 \
                                                    .answer = "Campaign",                          \
                                                    .tagged = true,                                \
                                                    .refusals = "wrong_state conflict " more};     \
    sev_err api_campaign_##name(struct api_call *call)                                             \
    {                                                                                              \
        return act(call, SEV_CAMPAIGN_ON_##event);                                                 \
    }
ACT(submit, SUBMIT, "Ask for approval", NULL, "CampaignRemark", "release_invalidated")
ACT(approve, APPROVE, "Agree to a campaign, with a remark",
    "By another operator than who wrote and who submitted it.", "CampaignRemark",
    "four_eyes release_invalidated")
ACT(reject, REJECT, "Give a campaign back, with a remark", NULL, "CampaignRemark", "")
ACT(pause, PAUSE, "Give nobody anything for now", "Results are still counted.", "CampaignRemark",
    "")
ACT(resume, RESUME, "Go on, as carefully as in the beginning", NULL, "CampaignRemark",
    "release_invalidated")
ACT(abort, ABORT, "End a campaign, with a remark", NULL, "CampaignAbort", "")

const struct api_doc api_doc_campaign_retry = {
    .summary = "Let those that failed wait again",
    .about = "As long as they have tries left. A campaign that was done runs again.",
    .body = "CampaignRemark",
    .status = 200,
    .answer = "CampaignRetried",
    .refusals = "wrong_state conflict release_invalidated"};

sev_err api_campaign_retry(struct api_call *call)
{
    struct sev_director d = director_of(call);
    struct sev_director_call c = director_call(call);
    struct sev_campaign_actor actor = {call->admin.actor, SEV_EMPTY};
    int64_t count = 0;
    const struct sev_form_member members[] = {
        {"remark", SEV_FORM_TEXT, false, SEV_CAMPAIGN_REMARK_BYTES_MAX, &actor.remark, NULL, NULL}};
    sev_err e = sev_form_read(call->app->body, call->admin.arena, members, 1);
    if (e == SEV_OK)
        e = sev_campaign_retry(&d, &c, call->app->params[0], &actor, &count);
    if (e != SEV_OK)
        return e;
    sev_json_w_object(call->w);
    sev_json_w_integer_member(call->w, "count", count);
    sev_json_w_object_end(call->w);
    return SEV_OK;
}

/* ------------------------------------------------------------------ progress */

static void put_counts(sev_json_writer *w, const int64_t of[SEV_MEMBER_STATE_COUNT])
{
    static const enum sev_member_state order[] = {
        SEV_MEMBER_ASSIGNED,  SEV_MEMBER_FAILED,  SEV_MEMBER_OVERDUE,  SEV_MEMBER_SKIPPED,
        SEV_MEMBER_SUCCEEDED, SEV_MEMBER_WAITING, SEV_MEMBER_WITHDRAWN};
    sev_json_w_object(w);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        sev_json_w_integer_member(w, sev_member_state_word(order[i]), of[order[i]]);
    sev_json_w_object_end(w);
}

const struct api_doc api_doc_campaign_progress = {
    .summary = "How far a campaign is",
    .about = "Success is what vehicles said themselves, signed, after a boot into the image.",
    .status = 200,
    .answer = "CampaignProgress"};

sev_err api_campaign_progress(struct api_call *call)
{
    const struct sev_store *s = call->admin.store;
    struct sev_campaign c;
    struct sev_campaign_definition *def =
        (struct sev_campaign_definition *)(void *)sev_arena_take(call->admin.arena, sizeof *def);
    struct sev_campaign_counts counts;
    int64_t all[SEV_MEMBER_STATE_COUNT] = {0};
    const char *where;
    sev_err e = def == NULL
                    ? SEV_E_MEMORY
                    : s->campaigns->get(s->self, call->app->params[0], call->admin.arena, &c);
    if (e == SEV_OK)
        e = s->campaigns->counts(s->self, call->app->params[0], &counts);
    if (e == SEV_OK && sev_campaign_parse(c.definition, call->admin.arena, def, &where) != SEV_OK)
        e = SEV_E_STORE;
    if (e != SEV_OK)
        return e;
    for (uint32_t g = 0; g < def->group_count; g++)
        for (int state = 0; state < SEV_MEMBER_STATE_COUNT; state++)
            all[state] += counts.of[g][state];
    sev_json_w_object(call->w);
    sev_json_w_name(call->w, SEV_LIT("all"));
    put_counts(call->w, all);
    sev_json_w_name(call->w, SEV_LIT("groups"));
    sev_json_w_array(call->w);
    for (uint32_t g = 0; g < def->group_count; g++)
        put_counts(call->w, counts.of[g]);
    sev_json_w_array_end(call->w);
    put_text(call->w, "reason", c.reason);
    sev_json_w_string_member(call->w, "state", text(sev_campaign_state_word(c.state)));
    sev_json_w_object_end(call->w);
    return SEV_OK;
}

/* "3.12345.17": after whom a page goes on. */
static sev_err read_cursor(sev_slice word, struct sev_member_cursor *out)
{
    int64_t *const parts[] = {&out->group, &out->position, &out->place};
    *out = (struct sev_member_cursor){0, 0, 0};
    for (int i = 0; word.len != 0 && i < 3; i++) {
        uint64_t n;
        size_t end = 0;
        while (end < word.len && word.ptr[end] != '.')
            end++;
        if (sev_decimal_parse(sev_slice_sub(word, 0, end), &n) != SEV_OK ||
            (i < 2) == (end == word.len))
            return SEV_E_MALFORMED;
        *parts[i] = (int64_t)n;
        word = sev_slice_sub(word, end + 1, word.len);
    }
    return word.len == 0 ? SEV_OK : SEV_E_MALFORMED;
}

static bool put_member(void *context, const struct sev_member *m)
{
    struct page *p = context;
    sev_json_writer *w = p->call->w;
    if (is_full(p))
        return false;
    sev_json_w_object(w);
    sev_json_w_integer_member(w, "group", m->group);
    put_text(w, "reason", m->reason);
    api_w_time(w, "since", m->since);
    sev_json_w_string_member(w, "state", text(sev_member_state_word(m->state)));
    sev_json_w_integer_member(w, "tries", m->tries);
    api_w_id(w, "vehicle", m->vehicle);
    sev_json_w_integer_member(w, "version", m->version);
    sev_json_w_object_end(w);
    p->place = (struct sev_member_cursor){m->group, m->position, m->place};
    return true;
}

const struct api_doc api_doc_campaign_members = {
    .summary = "List the vehicles of a campaign",
    .about = "In the order of the inventory; of one state, in the order of their turns.",
    .query = {{"cursor", JSON({"type" : "string"}), "Go on behind this one, as `next` said."},
              API_LIMIT,
              {"state", JSON({"$ref" : "#/components/schemas/MemberState"}), "In this state."}},
    .status = 200,
    .answer = "Members",
    .refusals = "malformed"};

sev_err api_campaign_members(struct api_call *call)
{
    struct page page = {.call = call};
    struct sev_member_cursor after;
    struct sev_campaign_counts known;
    const struct sev_store *s = call->admin.store;
    enum sev_member_state state = SEV_MEMBER_STATE_COUNT;
    sev_slice cursor, word;
    char next[80];
    sev_err e = api_limit(call, &page.limit);
    if (e == SEV_OK)
        e = api_query(call, "cursor", &cursor);
    if (e == SEV_OK)
        e = read_cursor(cursor, &after);
    if (e == SEV_OK)
        e = api_query(call, "state", &word);
    if (e == SEV_OK && word.len != 0 &&
        (state = sev_member_state_of(word)) == SEV_MEMBER_STATE_COUNT)
        e = SEV_E_MALFORMED;
    if (e == SEV_OK) /* is there such a campaign? */
        e = s->campaigns->counts(s->self, call->app->params[0], &known);
    if (e != SEV_OK)
        return e;
    begin_page(call);
    e = s->campaigns->members(s->self, call->app->params[0], state, &after, page.limit + 1,
                              call->admin.arena, put_member, &page);
    sev_buf b = sev_buf_of(next, sizeof next);
    sev_decimal_format((uint64_t)page.place.group, &b);
    sev_buf_put_byte(&b, '.');
    sev_decimal_format((uint64_t)page.place.position, &b);
    sev_buf_put_byte(&b, '.');
    sev_decimal_format((uint64_t)page.place.place, &b);
    page.last = sev_buf_slice(&b);
    end_page(&page);
    return e;
}

/* ---------------------------------------------------------------------- tags */

static sev_err answer_tags(struct api_call *call)
{
    const struct sev_store *s = call->admin.store;
    sev_slice tags;
    sev_err e = s->campaigns->tags_get(s->self, call->app->params[0], call->admin.arena, &tags);
    if (e != SEV_OK)
        return e;
    sev_json_w_object(call->w);
    sev_json_w_name(call->w, SEV_LIT("tags"));
    sev_json_w_raw(call->w, tags.len == 0 ? SEV_LIT("[]") : tags);
    sev_json_w_object_end(call->w);
    return SEV_OK;
}

const struct api_doc api_doc_tags_get = {
    .summary = "Words by which a vehicle is grouped", .status = 200, .answer = "Tags"};

sev_err api_tags_get(struct api_call *call)
{
    return answer_tags(call);
}

const struct api_doc api_doc_tags_set = {.summary = "Group a vehicle by words, for filters",
                                         .about = "In place of those that it had.",
                                         .body = "Tags",
                                         .status = 200,
                                         .answer = "Tags"};

sev_err api_tags_set(struct api_call *call)
{
    struct sev_director d = director_of(call);
    struct sev_director_call c = director_call(call);
    struct sev_campaign_actor actor = {call->admin.actor, SEV_EMPTY};
    sev_slice tags = SEV_EMPTY;
    const struct sev_form_member members[] = {
        {"remark", SEV_FORM_TEXT, false, SEV_CAMPAIGN_REMARK_BYTES_MAX, &actor.remark, NULL, NULL},
        {"tags", SEV_FORM_JSON, true, 32768, &tags, NULL, NULL}};
    sev_err e = sev_form_read(call->app->body, call->admin.arena, members, 2);
    if (e == SEV_OK)
        e = sev_vehicle_tag(&d, &c, call->app->params[0], tags, &actor);
    return e == SEV_OK ? answer_tags(call) : e;
}

/* ------------------------------------------------------------------ releases */

static bool put_invalidation(void *context, const struct sev_invalidation *i)
{
    sev_json_writer *w = ((struct api_call *)context)->w;
    char hex[2 * SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(hex, sizeof hex);
    sev_hex_encode(sev_slice_of(i->sha256, SEV_SHA256_BYTES), &b);
    sev_json_w_object(w);
    api_w_id(w, "actor", i->actor);
    put_text(w, "remark", i->remark);
    sev_json_w_string_member(w, "sha256", sev_buf_slice(&b));
    api_w_time(w, "takenBack", i->swept);
    api_w_time(w, "time", i->time);
    sev_json_w_object_end(w);
    return api_room(context);
}

const struct api_doc api_doc_release_invalidated = {
    .summary = "List releases that nobody gets any more", .status = 200, .answer = "Invalidations"};

sev_err api_release_invalidated(struct api_call *call)
{
    const struct sev_store *s = call->admin.store;
    begin_page(call);
    sev_err e = s->campaigns->invalidations(s->self, call->admin.arena, put_invalidation, call);
    sev_json_w_array_end(call->w);
    sev_json_w_object_end(call->w);
    return e;
}

const struct api_doc api_doc_release_invalidate = {
    .summary = "Give a release to nobody any more",
    .about = "By no campaign and no operator; where it is assigned and not installed it is taken "
             "back. For ever.",
    .body = "NewInvalidation",
    .status = 200,
    .answer = "NewInvalidation",
    .refusals = "exists"};

sev_err api_release_invalidate(struct api_call *call)
{
    struct sev_director d = director_of(call);
    struct sev_director_call c = director_call(call);
    struct sev_campaign_actor actor = {call->admin.actor, SEV_EMPTY};
    uint8_t digest[SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(digest, sizeof digest);
    sev_slice hex = SEV_EMPTY;
    const struct sev_form_member members[] = {
        {"remark", SEV_FORM_TEXT, true, SEV_CAMPAIGN_REMARK_BYTES_MAX, &actor.remark, NULL, NULL},
        {"sha256", SEV_FORM_TEXT, true, 2 * SEV_SHA256_BYTES, &hex, NULL, NULL}};
    sev_err e = sev_form_read(call->app->body, call->admin.arena, members, 2);
    if (e == SEV_OK && (sev_hex_decode(hex, &b) != SEV_OK || b.len != SEV_SHA256_BYTES))
        e = SEV_E_MALFORMED;
    if (e == SEV_OK)
        e = sev_release_invalidate(&d, &c, digest, &actor);
    if (e != SEV_OK)
        return e;
    sev_json_w_object(call->w);
    sev_json_w_string_member(call->w, "remark", actor.remark);
    sev_json_w_string_member(call->w, "sha256", hex);
    sev_json_w_object_end(call->w);
    return SEV_OK;
}
