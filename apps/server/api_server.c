/* api_server - the server itself: what it is, who you are, what it tells; and what all answers have
 * in common. SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>

#include "api.h"
#include "feed.h"

/* clang-format off */
const struct api_schema api_schemas_server[] = {
    {"Problem", JSON({
        "type": "object",
        "description": "Why something was refused. The code is stable, the rest is for people.",
        "required": ["code", "detail", "status", "title"],
        "additionalProperties": false,
        "properties": {
            "code": {"type": "string", "pattern": "^[a-z0-9_]+$"},
            "detail": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "title": {"type": "string"}}})},
    {"Time", JSON({"type": "string", "format": "date-time",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"})},
    {"TimeOrNever", JSON({"oneOf": [{"$ref": "#/components/schemas/Time"}, {"type": "null"}]})},
    {"Next", JSON({"description": "Give it as `cursor` to read on; null: that was all.",
        "type": ["string", "null"]})},
    {"Decision", JSON({
        "type": "object",
        "description": "Why something changed, or did not: who decided what about which vehicle.",
        "required": ["actor", "key", "reason", "time", "vehicle", "what"],
        "additionalProperties": false,
        "properties": {
            "actor": {"type": "string"},
            "key": {"type": "integer"},
            "reason": {"type": ["object", "null"]},
            "time": {"$ref": "#/components/schemas/TimeOrNever"},
            "vehicle": {"type": ["string", "null"]},
            "what": {"type": "string"}}})},
    {"Decisions", JSON({
        "type": "object",
        "required": ["items", "next"],
        "additionalProperties": false,
        "properties": {
            "items": {"type": "array", "maxItems": 1000,
                "items": {"$ref": "#/components/schemas/Decision"}},
            "next": {"$ref": "#/components/schemas/Next"}}})},
    {"Status", JSON({
        "type": "object",
        "required": ["started", "time", "version"],
        "additionalProperties": false,
        "properties": {
            "started": {"$ref": "#/components/schemas/TimeOrNever"},
            "time": {"$ref": "#/components/schemas/TimeOrNever"},
            "version": {"type": "string"}}})},
    {"Document", JSON({
        "type": "object",
        "description": "This document.",
        "required": ["openapi", "info", "paths"]})},
    {"Stream", JSON({
        "type": "string",
        "description": "Server-sent events: `event: decision`, its key as `id`, a Decision as data."
        })},
    {NULL, NULL}};
/* clang-format on */

const struct api_doc api_doc_openapi = {
    .summary = "This document", .status = 200, .answer = "Document", .tagged = true};

sev_err api_openapi(struct api_call *call)
{
    sev_exchange_answer_page(call->app->x, sev_page_ref(call->api->document));
    return SEV_OK;
}

const struct api_doc api_doc_status = {
    .summary = "What this server is", .status = 200, .answer = "Status"};

sev_err api_status(struct api_call *call)
{
    sev_json_w_object(call->w);
    api_w_time(call->w, "started", call->api->started);
    api_w_time(call->w, "time", call->admin.now);
    sev_json_w_string_member(call->w, "version", SEV_LIT(SEV_VERSION));
    sev_json_w_object_end(call->w);
    return SEV_OK;
}

const struct api_doc api_doc_events = {
    .summary = "What is decided from now on, as it happens",
    .about = "Ends when any operator is changed and when a token expires: come again then. What "
             "was missed is among the decisions.",
    .status = 200,
    .answer = "Stream"};

sev_err api_events(struct api_call *call)
{
    feed_end_by(call->api->feed, call->who.expires);
    sev_exchange_answer_channel(call->app->x, call->api->channel);
    return SEV_OK;
}

/* ---------------------------------------------------------------- decisions */

void api_w_decision(sev_json_writer *w, const struct sev_listed_decision *d)
{
    struct sev_json_info info = {.canonical = 0};
    bool sound = sev_json_check(d->decision.reason, (struct sev_json_scratch){NULL, 0}, &info,
                                NULL) == SEV_OK &&
                 (info.canonical & SEV_CANON_JCS) != 0;
    sev_json_w_object(w);
    api_w_id(w, "actor", d->decision.actor);
    sev_json_w_integer_member(w, "key", d->key);
    sev_json_w_name(w, SEV_LIT("reason"));
    if (sound)
        sev_json_w_raw(w, d->decision.reason);
    else
        sev_json_w_null(w);
    api_w_time(w, "time", d->decision.time);
    if (d->vehicle.len != 0) {
        api_w_id(w, "vehicle", d->vehicle);
    } else {
        sev_json_w_name(w, SEV_LIT("vehicle"));
        sev_json_w_null(w);
    }
    sev_json_w_string_member(w, "what", d->decision.what);
    sev_json_w_object_end(w);
}

struct page {
    struct api_call *call;
    int64_t last;
    uint32_t count, limit;
    bool more;
};

static bool put_decision(void *context, const struct sev_listed_decision *d)
{
    struct page *p = context;
    p->more = p->count == p->limit || !api_room(p->call);
    if (p->more)
        return false;
    api_w_decision(p->call->w, d);
    p->last = d->key;
    p->count++;
    return true;
}

static sev_err list(struct api_call *call, sev_slice vehicle)
{
    struct page page = {.call = call};
    sev_slice cursor;
    uint64_t before = 0;
    sev_err e = api_limit(call, &page.limit);
    if (e == SEV_OK)
        e = api_query(call, "cursor", &cursor);
    if (e == SEV_OK && cursor.len != 0 && sev_decimal_parse(cursor, &before) != SEV_OK)
        e = SEV_E_MALFORMED;
    if (e != SEV_OK)
        return e;
    sev_json_w_object(call->w);
    sev_json_w_name(call->w, SEV_LIT("items"));
    sev_json_w_array(call->w);
    e = call->admin.store->operators->decisions(call->admin.store->self, vehicle, (int64_t)before,
                                                page.limit + 1, call->admin.arena, put_decision,
                                                &page);
    sev_json_w_array_end(call->w);
    sev_json_w_name(call->w, SEV_LIT("next"));
    if (page.more) {
        char text[24];
        sev_buf b = sev_buf_of(text, sizeof text);
        sev_decimal_format((uint64_t)page.last, &b);
        sev_json_w_string(call->w, sev_buf_slice(&b));
    } else {
        sev_json_w_null(call->w);
    }
    sev_json_w_object_end(call->w);
    return e;
}

/* clang-format off */
#define CURSOR \
    {"cursor", JSON({"type": "string", "pattern": "^[1-9][0-9]*$"}), "Go on where an answer said."}
/* clang-format on */

const struct api_doc api_doc_decision_list = {.summary = "What was decided, newest first",
                                              .query = {CURSOR, API_LIMIT},
                                              .status = 200,
                                              .answer = "Decisions",
                                              .refusals = "malformed"};

sev_err api_decision_list(struct api_call *call)
{
    return list(call, SEV_EMPTY);
}

const struct api_doc api_doc_vehicle_decisions = {
    .summary = "What was decided about a vehicle, newest first",
    .query = {CURSOR, API_LIMIT},
    .status = 200,
    .answer = "Decisions",
    .refusals = "malformed"};

sev_err api_vehicle_decisions(struct api_call *call)
{
    return list(call, call->app->params[0]);
}
