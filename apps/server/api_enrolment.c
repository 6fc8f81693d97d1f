/* api_enrolment - a vehicle's way to its certificates, as far as operators decide about it.
 * SPDX-License-Identifier: MIT */
#include "api.h"
#include "secureev/registry.h"

#define HOURS_MAX (24 * 365)

/* clang-format off */
const struct api_schema api_schemas_enrolment[] = {
    {"NewEnrolmentToken", JSON({
        "type": "object",
        "required": ["hours"],
        "additionalProperties": false,
        "properties": {
            "again": {"type": "boolean", "default": false,
                "description": "For a vehicle that has enrolled before; its certificates end with the enrolment."},
            "hours": {"type": "integer", "minimum": 1, "maximum": 8760}}})},
    {"EnrolmentToken", JSON({
        "type": "object",
        "required": ["expires", "vehicle"],
        "additionalProperties": false,
        "properties": {
            "expires": {"$ref": "#/components/schemas/Time"},
            "token": {"type": "string", "pattern": "^[0-9a-f]{64}$",
                "description": "Told once, and not again with the same Idempotency-Key."},
            "vehicle": {"type": "string"}}})},
    {"Revocation", JSON({
        "type": "object",
        "required": ["remark"],
        "additionalProperties": false,
        "properties": {"remark": {"type": "string", "minLength": 1, "maxLength": 256}}})},
    {"Revoked", JSON({
        "type": "object",
        "required": ["revoked"],
        "additionalProperties": false,
        "properties": {"revoked": {"type": "integer", "minimum": 0,
            "description": "Certificates that were good."}}})},
    {NULL, NULL}};
/* clang-format on */

const struct api_doc api_doc_enrolment_token = {.summary =
                                                    "Make a token for one enrolment of a vehicle",
                                                .about = "The one made before is void.",
                                                .body = "NewEnrolmentToken",
                                                .status = 201,
                                                .answer = "EnrolmentToken",
                                                .refusals = "exists"};

sev_err api_enrolment_token(struct api_call *call)
{
    int64_t again = 0, hours = 0;
    char token[2 * SEV_ENROLMENT_TOKEN_BYTES];
    sev_slice vehicle = call->app->params[0];
    const struct sev_form_member members[] = {
        {"again", SEV_FORM_BOOL, false, 0, NULL, &again, NULL},
        {"hours", SEV_FORM_INTEGER, true, 0, NULL, &hours, NULL}};
    sev_err e = sev_form_read(call->app->body, call->admin.arena, members, 2);
    if (e == SEV_OK && (hours < 1 || hours > HOURS_MAX))
        e = SEV_E_MALFORMED;
    if (e == SEV_OK)
        e = sev_registry_token(call->admin.store, vehicle, call->admin.now, hours * 3600,
                               again != 0, call->admin.actor, token);
    if (e != SEV_OK)
        return e;
    sev_json_w_object(call->w);
    api_w_time(call->w, "expires", call->admin.now + hours * 3600);
    sev_json_w_string_member(call->w, "token", sev_slice_of(token, sizeof token));
    api_w_id(call->w, "vehicle", vehicle);
    sev_json_w_object_end(call->w);
    sev_wipe(token, sizeof token);
    return SEV_OK;
}

const struct api_doc api_doc_enrolment_revoke = {
    .summary = "Revoke all certificates of a vehicle, and its token",
    .about = "Takes effect with the vehicle's next request.",
    .body = "Revocation",
    .status = 200,
    .answer = "Revoked"};

sev_err api_enrolment_revoke(struct api_call *call)
{
    sev_slice remark = SEV_EMPTY;
    int64_t count = 0;
    const struct sev_form_member members[] = {
        {"remark", SEV_FORM_TEXT, true, SEV_MESSAGE_TEXT_BYTES_MAX, &remark, NULL, NULL}};
    sev_err e = sev_form_read(call->app->body, call->admin.arena, members, 1);
    if (e == SEV_OK)
        e = sev_registry_revoke(call->admin.store, call->app->params[0], call->admin.now,
                                call->admin.actor, remark, &count);
    if (e != SEV_OK)
        return e;
    sev_json_w_object(call->w);
    sev_json_w_integer_member(call->w, "revoked", count);
    sev_json_w_object_end(call->w);
    return SEV_OK;
}
