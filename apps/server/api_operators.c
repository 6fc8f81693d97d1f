/* api_operators - people, their roles and tokens. A token is told once, and kept nowhere.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "api.h"

/* clang-format off */
const struct api_schema api_schemas_operators[] = {
    {"OperatorName", JSON({"type": "string", "pattern": "^[a-z0-9][a-z0-9._@-]{0,63}$"})},
    {"OperatorRole", JSON({
        "description": "Everybody reads; a publisher says what vehicles get; an approver agrees to campaigns; an admin may everything.",
        "enum": ["viewer", "publisher", "approver", "admin"]})},
    {"Operator", JSON({
        "type": "object",
        "required": ["created", "disabled", "expires", "name", "role", "tokenId", "version"],
        "additionalProperties": false,
        "properties": {
            "created": {"$ref": "#/components/schemas/TimeOrNever"},
            "disabled": {"type": "boolean"},
            "expires": {"$ref": "#/components/schemas/TimeOrNever"},
            "name": {"$ref": "#/components/schemas/OperatorName"},
            "role": {"$ref": "#/components/schemas/OperatorRole"},
            "token": {"type": "string",
                "description": "Told once, and not again with the same Idempotency-Key.",
                "pattern": "^sevop_[0-9a-f]{16}_[0-9a-f]{64}$"},
            "tokenId": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
            "version": {"type": "integer", "minimum": 1}}})},
    {"Operators", JSON({
        "type": "object",
        "required": ["items", "next"],
        "additionalProperties": false,
        "properties": {
            "items": {"type": "array", "maxItems": 1000,
                "items": {"$ref": "#/components/schemas/Operator"}},
            "next": {"$ref": "#/components/schemas/Next"}}})},
    {"NewOperator", JSON({
        "type": "object",
        "required": ["name", "role"],
        "additionalProperties": false,
        "properties": {
            "expires": {"$ref": "#/components/schemas/Time"},
            "name": {"$ref": "#/components/schemas/OperatorName"},
            "role": {"$ref": "#/components/schemas/OperatorRole"}}})},
    {"OperatorChange", JSON({
        "type": "object",
        "additionalProperties": false,
        "minProperties": 1,
        "properties": {
            "disabled": {"type": "boolean"},
            "expires": {"$ref": "#/components/schemas/Time"},
            "role": {"$ref": "#/components/schemas/OperatorRole"}}})},
    {NULL, NULL}};
/* clang-format on */

static void put_operator(sev_json_writer *w, const struct sev_operator *o, sev_slice token)
{
    const char *role = sev_operator_role_word(o->role);
    sev_json_w_object(w);
    api_w_time(w, "created", o->created);
    sev_json_w_bool_member(w, "disabled", o->disabled);
    api_w_time(w, "expires", o->expires);
    sev_json_w_string_member(w, "name", o->name);
    sev_json_w_string_member(w, "role", sev_slice_of(role, strlen(role)));
    if (token.len != 0)
        sev_json_w_string_member(w, "token", token);
    sev_json_w_string_member(w, "tokenId", sev_slice_of(o->token_id, sizeof o->token_id));
    sev_json_w_integer_member(w, "version", o->version);
    sev_json_w_object_end(w);
}

static sev_err answer_operator(struct api_call *call, const struct sev_operator *o, sev_slice token)
{
    api_set_version(call, o->version);
    put_operator(call->w, o, token);
    return SEV_OK;
}

/* --------------------------------------------------------------------- read */

struct page {
    struct api_call *call;
    sev_slice last;
    uint32_t count, limit;
    bool more;
};

static bool put_entry(void *context, const struct sev_operator *o)
{
    struct page *p = context;
    p->more = p->count == p->limit;
    if (p->more)
        return false;
    put_operator(p->call->w, o, SEV_EMPTY);
    p->last = o->name;
    p->count++;
    return true;
}

const struct api_doc api_doc_operator_list = {
    .summary = "List operators, in order of their names",
    .query = {{"cursor", JSON({"type" : "string"}), "Go on behind this name."}, API_LIMIT},
    .status = 200,
    .answer = "Operators",
    .refusals = "malformed"};

sev_err api_operator_list(struct api_call *call)
{
    struct page page = {.call = call};
    sev_slice cursor;
    sev_err e = api_limit(call, &page.limit);
    if (e == SEV_OK)
        e = api_query(call, "cursor", &cursor);
    if (e != SEV_OK)
        return e;
    sev_json_w_object(call->w);
    sev_json_w_name(call->w, SEV_LIT("items"));
    sev_json_w_array(call->w);
    e = call->admin.store->operators->list(call->admin.store->self, cursor, page.limit + 1,
                                           call->admin.arena, put_entry, &page);
    sev_json_w_array_end(call->w);
    sev_json_w_name(call->w, SEV_LIT("next"));
    if (page.more)
        sev_json_w_string(call->w, page.last);
    else
        sev_json_w_null(call->w);
    sev_json_w_object_end(call->w);
    return e;
}

const struct api_doc api_doc_operator_get = {
    .summary = "An operator", .status = 200, .answer = "Operator", .tagged = true};

sev_err api_operator_get(struct api_call *call)
{
    struct sev_operator o;
    sev_err e = call->admin.store->operators->get(call->admin.store->self, call->app->params[0],
                                                  call->admin.arena, &o);
    return e == SEV_OK ? answer_operator(call, &o, SEV_EMPTY) : e;
}

const struct api_doc api_doc_self = {
    .summary = "Who you are", .status = 200, .answer = "Operator", .tagged = true};

sev_err api_self(struct api_call *call)
{
    return answer_operator(call, &call->who, SEV_EMPTY);
}

/* -------------------------------------------------------------------- write */

const struct api_doc api_doc_operator_add = {
    .summary = "Let somebody in",
    .about = "The token is in this answer and nowhere else; who loses it rotates it.",
    .body = "NewOperator",
    .status = 201,
    .answer = "Operator",
    .tagged = true,
    .refusals = "exists"};

sev_err api_operator_add(struct api_call *call)
{
    struct sev_operator o = {.created = call->admin.now, .version = 1}, stored;
    uint8_t random[SEV_ADMIN_TOKEN_RANDOM_BYTES];
    char token[SEV_ADMIN_TOKEN_CHARS];
    sev_slice role = SEV_EMPTY;
    const struct sev_form_member members[] = {
        {"expires", SEV_FORM_TIME, false, 0, NULL, &o.expires, NULL},
        {"name", SEV_FORM_TEXT, true, SEV_OPERATOR_NAME_BYTES_MAX, &o.name, NULL, NULL},
        {"role", SEV_FORM_TEXT, true, 16, &role, NULL, NULL}};
    sev_err e = sev_form_read(call->app->body, call->admin.arena, members, 3);
    if (e == SEV_OK)
        e = sev_operator_role_of(role, &o.role);
    if (e == SEV_OK)
        e = api_random(random, sizeof random);
    if (e == SEV_OK)
        e = sev_admin_operator_add(&call->admin, &o, random, token);
    sev_wipe(random, sizeof random);
    if (e == SEV_OK) /* what was told is as good as read: nobody can have changed it since */
        e = call->admin.store->operators->get(call->admin.store->self, o.name, call->admin.arena,
                                              &stored);
    if (e != SEV_OK)
        return e;
    size_t bytes = sizeof "/api/v1/operators/" + o.name.len;
    uint8_t *room = sev_arena_take(call->admin.arena, bytes);
    sev_buf b = sev_buf_of(room, room == NULL ? 0 : bytes);
    sev_buf_put_slice(&b, SEV_LIT("/api/v1/operators/"));
    sev_buf_put_slice(&b, o.name); /* clean names need no encoding */
    call->location = b.overflow ? SEV_EMPTY : sev_buf_slice(&b);
    e = answer_operator(call, &stored, sev_slice_of(token, sizeof token));
    sev_wipe(token, sizeof token);
    return e;
}

const struct api_doc api_doc_operator_change = {
    .summary = "Another role, another expiry, disabled or no more",
    .about = "Takes effect with the operator's next request. The last admin stays one.",
    .body = "OperatorChange",
    .status = 200,
    .answer = "Operator",
    .tagged = true,
    .refusals = "last_admin"};

sev_err api_operator_change(struct api_call *call)
{
    struct sev_operator_change change = {.expected_version = 0};
    struct sev_operator o;
    int64_t disabled = 0;
    sev_time expires = 0;
    sev_slice word = SEV_EMPTY;
    bool has_disabled = false, has_expires = false, has_role = false, yes;
    enum sev_operator_role role = SEV_OPERATOR_VIEWER;
    const struct sev_form_member members[] = {
        {"disabled", SEV_FORM_BOOL, false, 0, NULL, &disabled, &has_disabled},
        {"expires", SEV_FORM_TIME, false, 0, NULL, &expires, &has_expires},
        {"role", SEV_FORM_TEXT, false, 16, &word, NULL, &has_role}};
    sev_err e = sev_form_read(call->app->body, call->admin.arena, members, 3);
    if (e == SEV_OK && !has_disabled && !has_expires && !has_role)
        e = SEV_E_MALFORMED;
    if (e == SEV_OK && has_role)
        e = sev_operator_role_of(word, &role);
    if (e == SEV_OK)
        e = api_expected(call, &change.expected_version);
    if (e == SEV_OK && change.expected_version == 0)
        e = SEV_E_STALE;
    if (e != SEV_OK)
        return e;
    yes = disabled != 0;
    change.disabled = has_disabled ? &yes : NULL;
    change.expires = has_expires ? &expires : NULL;
    change.role = has_role ? &role : NULL;
    e = sev_admin_operator_change(&call->admin, call->app->params[0], &change, NULL, &o);
    return e == SEV_OK ? answer_operator(call, &o, SEV_EMPTY) : e;
}

static sev_err rotate(struct api_call *call, sev_slice name, int64_t version)
{
    struct sev_operator_change change = {.expected_version = version};
    struct sev_operator o;
    uint8_t random[SEV_ADMIN_TOKEN_RANDOM_BYTES];
    char token[SEV_ADMIN_TOKEN_CHARS];
    sev_err e = api_random(random, sizeof random);
    change.random = random;
    if (e == SEV_OK)
        e = sev_admin_operator_change(&call->admin, name, &change, token, &o);
    sev_wipe(random, sizeof random);
    if (e == SEV_OK)
        e = answer_operator(call, &o, sev_slice_of(token, sizeof token));
    sev_wipe(token, sizeof token);
    return e;
}

const struct api_doc api_doc_operator_rotate = {.summary = "Another token; the old one is void",
                                                .status = 200,
                                                .answer = "Operator",
                                                .tagged = true,
                                                .refusals = "conflict"};

sev_err api_operator_rotate(struct api_call *call)
{
    return rotate(call, call->app->params[0], 0);
}

const struct api_doc api_doc_self_rotate = {.summary =
                                                "Another token for yourself; this one is void then",
                                            .status = 200,
                                            .answer = "Operator",
                                            .tagged = true};

/* Of the version whose token was shown: of two who have the same token one gets the next. */
sev_err api_self_rotate(struct api_call *call)
{
    return rotate(call, call->who.name, call->who.version);
}
