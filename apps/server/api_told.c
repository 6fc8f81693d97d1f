/* api_told - what vehicles of aktualizr's dialect tell of their downloads and installations.
 * SPDX-License-Identifier: MIT */
#include "api.h"
#include "secureev/store_told.h"

/* clang-format off */
const struct api_schema api_schemas_told[] = {
    {"Told", JSON({
        "type": "object",
        "required": ["correlationId", "ecu", "heard", "id", "outcome", "type", "when"],
        "additionalProperties": false,
        "properties": {
            "correlationId": {"type": "string"},
            "ecu": {"type": "string", "description": "Its serial; empty: the vehicle."},
            "heard": {"$ref": "#/components/schemas/Time"},
            "id": {"type": "string", "description": "The vehicle's own."},
            "outcome": {"enum": ["", "failed", "done"]},
            "type": {"type": "string", "description": "EcuDownloadStarted, ..."},
            "when": {"$ref": "#/components/schemas/TimeOrNever",
                "description": "By the vehicle's clock."}}})},
    {"ToldList", JSON({
        "type": "object",
        "required": ["items"],
        "additionalProperties": false,
        "properties": {
            "items": {"type": "array", "maxItems": 256,
                "items": {"$ref": "#/components/schemas/Told"}}}})},
    {NULL, NULL}};
/* clang-format on */

static bool put_told(void *context, const struct sev_told *t)
{
    struct api_call *call = context;
    sev_json_writer *w = call->w;
    if (!api_room(call))
        return false;
    sev_json_w_object(w);
    api_w_id(w, "correlationId", t->correlation_id);
    api_w_id(w, "ecu", t->ecu);
    api_w_time(w, "heard", t->heard);
    api_w_id(w, "id", t->id);
    sev_json_w_string_member(w, "outcome",
                             t->outcome == SEV_TOLD_DONE     ? SEV_LIT("done")
                             : t->outcome == SEV_TOLD_FAILED ? SEV_LIT("failed")
                                                             : SEV_EMPTY);
    api_w_id(w, "type", t->type);
    api_w_time(w, "when", t->when);
    sev_json_w_object_end(w);
    return true;
}

const struct api_doc api_doc_vehicle_told = {
    .summary = "What a vehicle that runs aktualizr told unasked, newest first",
    .about = "Unsigned, the newest 256 of each vehicle: nothing is decided by it.",
    .query = {API_LIMIT},
    .status = 200,
    .answer = "ToldList",
    .refusals = "malformed"};

sev_err api_vehicle_told(struct api_call *call)
{
    const struct sev_store *s = call->admin.store;
    uint32_t limit = 0;
    sev_err e = api_limit(call, &limit);
    sev_json_w_object(call->w);
    sev_json_w_name(call->w, SEV_LIT("items"));
    sev_json_w_array(call->w);
    if (e == SEV_OK)
        e = s->told->list(s->self, call->app->params[0], limit, call->admin.arena, put_told, call);
    sev_json_w_array_end(call->w);
    sev_json_w_object_end(call->w);
    return e;
}
