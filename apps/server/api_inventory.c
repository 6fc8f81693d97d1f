/* api_inventory - vehicles, their ECUs and what they are to have. SPDX-License-Identifier: MIT */
#include <string.h>

#include "api.h"

/* clang-format off */
const struct api_schema api_schemas_inventory[] = {
    {"VehicleId", JSON({"type": "string", "minLength": 1, "maxLength": 256,
        "description": "DID, or the common name of its certificate."})},
    {"Profile", JSON({"enum": ["native", "aktualizr"]})},
    {"Sha256", JSON({"type": "string", "pattern": "^[0-9a-f]{64}$"})},
    {"Vehicle", JSON({
        "type": "object",
        "required": ["base", "id", "model", "primary", "profile", "seen", "statusCounter", "statusVersion", "vin"],
        "additionalProperties": false,
        "properties": {
            "base": {"oneOf": [{"$ref": "#/components/schemas/Sha256"}, {"type": "null"}],
                "description": "Digest of what it has, as acknowledged."},
            "id": {"$ref": "#/components/schemas/VehicleId"},
            "model": {"type": "string"},
            "primary": {"type": "string", "description": "Serial of its Primary; empty before it registered."},
            "profile": {"$ref": "#/components/schemas/Profile"},
            "seen": {"$ref": "#/components/schemas/TimeOrNever"},
            "statusCounter": {"type": "integer", "minimum": 0},
            "statusVersion": {"type": "integer", "minimum": 0},
            "vin": {"type": "string"}}})},
    {"Vehicles", JSON({
        "type": "object",
        "required": ["items", "next"],
        "additionalProperties": false,
        "properties": {
            "items": {"type": "array", "maxItems": 1000,
                "items": {"$ref": "#/components/schemas/Vehicle"}},
            "next": {"$ref": "#/components/schemas/Next"}}})},
    {"NewVehicle", JSON({
        "type": "object",
        "required": ["id"],
        "additionalProperties": false,
        "properties": {
            "id": {"$ref": "#/components/schemas/VehicleId"},
            "model": {"type": "string", "maxLength": 256},
            "profile": {"$ref": "#/components/schemas/Profile"},
            "vin": {"type": "string", "maxLength": 256}}})},
    {"Ecu", JSON({
        "type": "object",
        "required": ["attacks", "bootCount", "hardwareId", "installed", "keySha256", "keyType", "primary", "reportCounter", "serial"],
        "additionalProperties": false,
        "properties": {
            "attacks": {"type": "array", "items": {"type": "string"},
                "description": "What it said that it met, in its last report."},
            "bootCount": {"type": "integer", "minimum": 0},
            "hardwareId": {"type": "string"},
            "installed": {
                "description": "What it last reported, signed, after a boot; null: nothing yet.",
                "type": ["object", "null"],
                "required": ["length", "name", "releaseCounter", "sha256"],
                "additionalProperties": false,
                "properties": {
                    "length": {"type": "integer", "minimum": 0},
                    "name": {"type": "string"},
                    "releaseCounter": {"type": "integer", "minimum": 0},
                    "sha256": {"$ref": "#/components/schemas/Sha256"}}},
            "keySha256": {"$ref": "#/components/schemas/Sha256"},
            "keyType": {"enum": ["p256", "ed25519", "rsa", "other"]},
            "primary": {"type": "boolean"},
            "reportCounter": {"type": "integer", "minimum": 0},
            "serial": {"type": "string"}}})},
    {"Ecus", JSON({
        "type": "object",
        "required": ["items"],
        "additionalProperties": false,
        "properties": {
            "items": {"type": "array", "maxItems": 256,
                "items": {"$ref": "#/components/schemas/Ecu"}}}})},
    {"NewEcus", JSON({
        "type": "object",
        "description": "A registration as a vehicle sends it, by an operator; key objects are TUF's.",
        "required": ["ecus", "primary_ecu_serial"],
        "additionalProperties": false,
        "properties": {
            "ecus": {"type": "array", "minItems": 1, "maxItems": 256, "items": {
                "type": "object",
                "required": ["clientKey", "ecu_serial", "hardware_identifier"],
                "additionalProperties": false,
                "properties": {
                    "clientKey": {"type": "object", "required": ["keytype", "keyval"]},
                    "ecu_serial": {"type": "string", "minLength": 1, "maxLength": 256},
                    "hardware_identifier": {"type": "string", "minLength": 1, "maxLength": 256}}}},
            "primary_ecu_serial": {"type": "string", "minLength": 1, "maxLength": 256},
            "remark": {"type": "string", "maxLength": 256}}})},
    {"Bundle", JSON({
        "type": "object",
        "required": ["id"],
        "additionalProperties": false,
        "properties": {
            "groups": {"type": "array", "description": "Serials of ECUs that change together.",
                "items": {"type": "array", "items": {"type": "string"}}},
            "id": {"type": "string", "minLength": 1, "maxLength": 256}}})},
    {"Assignment", JSON({
        "type": "object",
        "required": ["bundle", "correlationId", "targets", "version"],
        "additionalProperties": false,
        "properties": {
            "bundle": {"oneOf": [{"$ref": "#/components/schemas/Bundle"}, {"type": "null"}]},
            "correlationId": {"type": "string"},
            "targets": {"type": "object", "description": "As in the Director's file: name, then target."},
            "version": {"type": "integer", "minimum": 0, "description": "0: nothing was ever assigned."}}})},
    {"NewAssignment", JSON({
        "type": "object",
        "required": ["bundle", "targets"],
        "additionalProperties": false,
        "properties": {
            "bundle": {"$ref": "#/components/schemas/Bundle"},
            "correlationId": {"type": "string", "maxLength": 256},
            "remark": {"type": "string", "maxLength": 256},
            "targets": {"type": "object"}}})},
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

/* ----------------------------------------------------------------- vehicles */

static void put_hex(sev_json_writer *w, const char *name, const uint8_t digest[SEV_SHA256_BYTES])
{
    char hex[2 * SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(hex, sizeof hex);
    sev_hex_encode(sev_slice_of(digest, SEV_SHA256_BYTES), &b);
    sev_json_w_string_member(w, name, sev_buf_slice(&b));
}

static void put_vehicle(sev_json_writer *w, const struct sev_vehicle *v)
{
    sev_json_w_object(w);
    if (v->has_base) {
        put_hex(w, "base", v->base);
    } else {
        sev_json_w_name(w, SEV_LIT("base"));
        sev_json_w_null(w);
    }
    api_w_id(w, "id", v->id);
    api_w_id(w, "model", v->model);
    api_w_id(w, "primary", v->primary);
    sev_json_w_string_member(w, "profile",
                             v->profile == SEV_PROFILE_AKTUALIZR ? SEV_LIT("aktualizr")
                                                                 : SEV_LIT("native"));
    api_w_time(w, "seen", v->seen);
    sev_json_w_integer_member(w, "statusCounter", v->status_counter);
    sev_json_w_integer_member(w, "statusVersion", v->status_version);
    api_w_id(w, "vin", v->vin);
    sev_json_w_object_end(w);
}

struct page {
    struct api_call *call;
    sev_slice last;
    uint32_t count, limit;
    bool more;
};

static bool put_entry(void *context, const struct sev_vehicle *v)
{
    struct page *p = context;
    p->more = p->count == p->limit || !api_room(p->call);
    if (p->more)
        return false;
    put_vehicle(p->call->w, v);
    p->last = v->id;
    p->count++;
    return true;
}

static sev_err read_profile(sev_slice word, sev_profile *out)
{
    if (!sev_slice_eq(word, SEV_LIT("native")) && !sev_slice_eq(word, SEV_LIT("aktualizr")))
        return SEV_E_MALFORMED;
    *out = word.ptr[0] == 'n' ? SEV_PROFILE_NATIVE : SEV_PROFILE_AKTUALIZR;
    return SEV_OK;
}

static sev_err read_filter(const struct api_call *call, struct sev_vehicle_filter *out)
{
    struct sev_vehicle_filter f = {.seen_before = 0};
    sev_slice seen = SEV_EMPTY, profile = SEV_EMPTY;
    sev_err e = api_query(call, "model", &f.model);
    if (e == SEV_OK)
        e = api_query(call, "id_prefix", &f.id_prefix);
    if (e == SEV_OK)
        e = api_query(call, "seen_before", &seen);
    if (e == SEV_OK && seen.len != 0)
        e = sev_time_parse(seen, &f.seen_before);
    if (e == SEV_OK)
        e = api_query(call, "profile", &profile);
    f.has_profile = profile.len != 0;
    if (e == SEV_OK && f.has_profile)
        e = read_profile(profile, &f.profile);
    if (e == SEV_OK)
        *out = f;
    return e;
}

const struct api_doc api_doc_vehicle_list = {
    .summary = "List vehicles, in order of their ids",
    .query = {{"cursor", JSON({"type" : "string"}), "Go on behind this id."},
              API_LIMIT,
              {"id_prefix", JSON({"type" : "string"}), "Those whose ids begin so."},
              {"model", JSON({"type" : "string"}), "Those of this model."},
              {"profile", JSON({"$ref" : "#/components/schemas/Profile"}), "Of this dialect."},
              {"seen_before", JSON({"$ref" : "#/components/schemas/Time"}),
               "Not seen since then, or never."}},
    .status = 200,
    .answer = "Vehicles",
    .refusals = "malformed"};

sev_err api_vehicle_list(struct api_call *call)
{
    struct page page = {.call = call};
    struct sev_vehicle_filter filter;
    sev_slice cursor;
    sev_err e = api_limit(call, &page.limit);
    if (e == SEV_OK)
        e = api_query(call, "cursor", &cursor);
    if (e == SEV_OK)
        e = read_filter(call, &filter);
    if (e != SEV_OK)
        return e;
    sev_json_w_object(call->w);
    sev_json_w_name(call->w, SEV_LIT("items"));
    sev_json_w_array(call->w);
    e = call->admin.store->operators->vehicles(call->admin.store->self, &filter, cursor,
                                               page.limit + 1, call->admin.arena, put_entry, &page);
    sev_json_w_array_end(call->w);
    if (page.more) {
        api_w_id(call->w, "next", page.last);
    } else {
        sev_json_w_name(call->w, SEV_LIT("next"));
        sev_json_w_null(call->w);
    }
    sev_json_w_object_end(call->w);
    return e;
}

const struct api_doc api_doc_vehicle_get = {
    .summary = "A vehicle", .status = 200, .answer = "Vehicle"};

sev_err api_vehicle_get(struct api_call *call)
{
    struct sev_vehicle v;
    sev_err e = call->admin.store->vehicle_get(call->admin.store->self, call->app->params[0],
                                               call->admin.arena, &v);
    if (e == SEV_OK)
        put_vehicle(call->w, &v);
    return e;
}

const struct api_doc api_doc_vehicle_add = {.summary =
                                                "Make a vehicle known, so that it may register",
                                            .body = "NewVehicle",
                                            .status = 201,
                                            .answer = "Vehicle",
                                            .refusals = "exists"};

sev_err api_vehicle_add(struct api_call *call)
{
    struct sev_vehicle v = {.profile = SEV_PROFILE_NATIVE};
    struct sev_decision why = {call->admin.now, call->admin.actor, SEV_LIT("add"), SEV_LIT("{}")};
    sev_slice profile = SEV_LIT("native");
    const struct sev_form_member members[] = {
        {"id", SEV_FORM_TEXT, true, SEV_ID_BYTES_MAX, &v.id, NULL, NULL},
        {"model", SEV_FORM_TEXT, false, SEV_ID_BYTES_MAX, &v.model, NULL, NULL},
        {"profile", SEV_FORM_TEXT, false, 16, &profile, NULL, NULL},
        {"vin", SEV_FORM_TEXT, false, SEV_ID_BYTES_MAX, &v.vin, NULL, NULL}};
    sev_err e = sev_form_read(call->app->body, call->admin.arena, members, 4);
    if (e == SEV_OK)
        e = read_profile(profile, &v.profile);
    if (e == SEV_OK)
        e = call->admin.store->vehicle_add(call->admin.store->self, &v, &why);
    if (e != SEV_OK)
        return e;
    size_t bytes = sizeof "/api/v1/vehicles/" + 3 * v.id.len;
    uint8_t *room = sev_arena_take(call->admin.arena, bytes);
    sev_buf b = sev_buf_of(room, room == NULL ? 0 : bytes);
    sev_buf_put_slice(&b, SEV_LIT("/api/v1/vehicles/"));
    sev_percent_encode(v.id, false, &b);
    call->location = b.overflow ? SEV_EMPTY : sev_buf_slice(&b);
    put_vehicle(call->w, &v);
    return SEV_OK;
}

/* --------------------------------------------------------------------- ECUs */

struct ecus {
    struct sev_vehicle vehicle;
    struct sev_ecu *at;
    uint32_t count;
};

static sev_err read_ecus(struct api_call *call, struct ecus *out)
{
    const struct sev_store *s = call->admin.store;
    sev_slice id = call->app->params[0];
    out->at = (struct sev_ecu *)(void *)sev_arena_take(call->admin.arena,
                                                       SEV_STORE_ECUS_MAX * sizeof *out->at);
    if (out->at == NULL)
        return SEV_E_MEMORY;
    sev_err e = s->vehicle_get(s->self, id, call->admin.arena, &out->vehicle);
    return e == SEV_OK ? s->ecus_get(s->self, id, call->admin.arena, out->at, &out->count) : e;
}

static void hash_text(struct sev_sha256 *h, sev_slice text)
{
    uint64_t len = text.len;
    sev_sha256_update(h, &len, sizeof len);
    sev_sha256_update(h, text.ptr, text.len);
}

/* Who they are, and nothing that changes with each report. */
static void tag_of(const struct ecus *ecus, char out[2 * 16 + 1])
{
    struct sev_sha256 h;
    uint8_t digest[SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(out, 2 * 16);
    sev_sha256_init(&h);
    hash_text(&h, ecus->vehicle.primary);
    for (uint32_t i = 0; i < ecus->count; i++) {
        sev_pubkey_fingerprint(&ecus->at[i].key, digest);
        hash_text(&h, ecus->at[i].serial);
        hash_text(&h, ecus->at[i].hardware_id);
        hash_text(&h, sev_slice_of(digest, sizeof digest));
    }
    sev_sha256_final(&h, digest);
    sev_hex_encode(sev_slice_of(digest, 16), &b);
    out[b.len] = '\0';
}

static const char *key_word(sev_key_type type)
{
    return type == SEV_KEY_P256      ? "p256"
           : type == SEV_KEY_ED25519 ? "ed25519"
           : type == SEV_KEY_RSA     ? "rsa"
                                     : "other";
}

static void put_attacks(sev_json_writer *w, uint32_t attacks)
{
    sev_json_w_name(w, SEV_LIT("attacks"));
    sev_json_w_array(w);
    for (unsigned i = 1; i < 32; i++) {
        const char *name = i <= SEV_ATTACK_WRONG_HARDWARE ? sev_attack_name((sev_attack)i) : NULL;
        if ((attacks & 1u << i) != 0 && name != NULL)
            sev_json_w_string(w, sev_slice_of(name, strlen(name)));
        else if ((attacks & 1u << i) != 0)
            sev_json_w_string(w, SEV_LIT("other"));
    }
    sev_json_w_array_end(w);
}

static void put_installed(sev_json_writer *w, const struct sev_installed *installed)
{
    sev_json_w_name(w, SEV_LIT("installed"));
    if (installed->name.len == 0) {
        sev_json_w_null(w);
        return;
    }
    sev_json_w_object(w);
    sev_json_w_integer_member(w, "length", installed->length);
    sev_json_w_string_member(w, "name", installed->name);
    sev_json_w_integer_member(w, "releaseCounter", installed->release_counter);
    put_hex(w, "sha256", installed->sha256);
    sev_json_w_object_end(w);
}

static void put_ecu(sev_json_writer *w, const struct sev_ecu *e, bool primary)
{
    uint8_t digest[SEV_SHA256_BYTES];
    const char *type = key_word(e->key.type);
    sev_pubkey_fingerprint(&e->key, digest);
    sev_json_w_object(w);
    put_attacks(w, e->attacks);
    sev_json_w_integer_member(w, "bootCount", e->boot_count);
    api_w_id(w, "hardwareId", e->hardware_id);
    put_installed(w, &e->installed);
    put_hex(w, "keySha256", digest);
    sev_json_w_string_member(w, "keyType", sev_slice_of(type, strlen(type)));
    sev_json_w_bool_member(w, "primary", primary);
    sev_json_w_integer_member(w, "reportCounter", e->report_counter);
    api_w_id(w, "serial", e->serial);
    sev_json_w_object_end(w);
}

static void put_ecus(struct api_call *call, const struct ecus *ecus)
{
    tag_of(ecus, call->tag);
    sev_json_w_object(call->w);
    sev_json_w_name(call->w, SEV_LIT("items"));
    sev_json_w_array(call->w);
    for (uint32_t i = 0; i < ecus->count; i++)
        put_ecu(call->w, &ecus->at[i], sev_slice_eq(ecus->at[i].serial, ecus->vehicle.primary));
    sev_json_w_array_end(call->w);
    sev_json_w_object_end(call->w);
}

const struct api_doc api_doc_ecus_get = {
    .summary = "The ECUs of a vehicle and what they reported",
    .about = "The ETag says who they are and stays the same when they report.",
    .status = 200,
    .answer = "Ecus",
    .tagged = true};

sev_err api_ecus_get(struct api_call *call)
{
    struct ecus ecus;
    sev_err e = read_ecus(call, &ecus);
    if (e == SEV_OK)
        put_ecus(call, &ecus);
    return e;
}

const struct api_doc api_doc_ecus_replace = {
    .summary = "Say that a vehicle's ECUs are others from now on",
    .about = "The operator's decision that a vehicle waits for when an ECU comes with another key.",
    .body = "NewEcus",
    .status = 200,
    .answer = "Ecus",
    .tagged = true,
    .refusals = "duplicate_ecu bad_key"};

/* Nothing in it that would not be looked at. */
static sev_err check_ecus_body(struct api_call *call, sev_slice *out_remark)
{
    sev_slice ecus = SEV_EMPTY, primary = SEV_EMPTY, key, serial, hardware;
    const struct sev_form_member members[] = {
        {"ecus", SEV_FORM_JSON, true, SEV_MANIFEST_BYTES_MAX, &ecus, NULL, NULL},
        {"primary_ecu_serial", SEV_FORM_TEXT, true, SEV_ID_BYTES_MAX, &primary, NULL, NULL},
        {"remark", SEV_FORM_TEXT, false, SEV_ID_BYTES_MAX, out_remark, NULL, NULL}};
    const struct sev_form_member inner[] = {
        {"clientKey", SEV_FORM_JSON, true, SEV_KEY_OBJECT_BYTES_MAX, &key, NULL, NULL},
        {"ecu_serial", SEV_FORM_TEXT, true, SEV_ID_BYTES_MAX, &serial, NULL, NULL},
        {"hardware_identifier", SEV_FORM_TEXT, true, SEV_ID_BYTES_MAX, &hardware, NULL, NULL}};
    sev_err e = sev_form_read(call->app->body, call->admin.arena, members, 3);
    if (e != SEV_OK)
        return e;
    sev_json j = sev_json_at(ecus);
    sev_json_array(&j);
    while (e == SEV_OK && sev_json_element(&j)) {
        sev_slice object = SEV_EMPTY;
        sev_json_skip(&j, &object);
        e = j.err == SEV_OK ? sev_form_read(object, call->admin.arena, inner, 3) : j.err;
    }
    return e == SEV_OK ? j.err : e;
}

static sev_err replace_as_expected(struct api_call *call, sev_slice remark)
{
    struct sev_director d = director_of(call);
    struct sev_director_call c = director_call(call);
    struct ecus before;
    char tag[2 * 16 + 1];
    sev_err e = read_ecus(call, &before);
    if (e != SEV_OK)
        return e;
    tag_of(&before, tag);
    if (!sev_slice_eq(call->expected, sev_slice_of(tag, strlen(tag))))
        return SEV_E_STALE;
    return sev_director_replace(&d, &c, call->app->params[0], call->admin.actor, remark,
                                call->app->body);
}

sev_err api_ecus_replace(struct api_call *call)
{
    struct ecus after;
    sev_slice remark = SEV_EMPTY;
    sev_err e = check_ecus_body(call, &remark);
    if (e != SEV_OK)
        return e;
    pthread_mutex_lock(&call->api->replacing);
    e = replace_as_expected(call, remark);
    pthread_mutex_unlock(&call->api->replacing);
    if (e == SEV_OK)
        e = read_ecus(call, &after);
    if (e == SEV_OK)
        put_ecus(call, &after);
    return e;
}

/* -------------------------------------------------------------- assignments */

static void put_assignment(struct api_call *call, const struct sev_assignment *a)
{
    sev_json_writer *w = call->w;
    api_set_version(call, a->version);
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("bundle"));
    if (a->version == 0) {
        sev_json_w_null(w);
    } else {
        sev_json_w_object(w);
        if (a->groups.len != 0) {
            sev_json_w_name(w, SEV_LIT("groups"));
            sev_json_w_raw(w, a->groups);
        }
        sev_json_w_string_member(w, "id", a->bundle_id);
        sev_json_w_object_end(w);
    }
    sev_json_w_string_member(w, "correlationId", a->correlation_id);
    sev_json_w_name(w, SEV_LIT("targets"));
    sev_json_w_raw(w, a->targets.len != 0 ? a->targets : SEV_LIT("{}"));
    sev_json_w_integer_member(w, "version", a->version);
    sev_json_w_object_end(w);
}

static sev_err answer_assignment(struct api_call *call)
{
    struct sev_assignment a;
    const struct sev_store *s = call->admin.store;
    sev_err e = s->assignment_get(s->self, call->app->params[0], call->admin.arena, &a);
    if (e == SEV_OK)
        put_assignment(call, &a);
    return e;
}

const struct api_doc api_doc_assignment_get = {
    .summary = "What a vehicle is to have", .status = 200, .answer = "Assignment", .tagged = true};

sev_err api_assignment_get(struct api_call *call)
{
    return answer_assignment(call);
}

const struct api_doc api_doc_assignment_put = {
    .summary = "Say what a vehicle is to have",
    .about = "Checked against the inventory before anything of it is kept.",
    .body = "NewAssignment",
    .status = 200,
    .answer = "Assignment",
    .tagged = true,
    .refusals = "foreign_ecu wrong_hardware duplicate_ecu release_counter_rollback stepping_stone "
                "plaintext_downgrade bundle_mixed bad_name not_canonical too_long exists "
                "release_invalidated"};

sev_err api_assignment_put(struct api_call *call)
{
    struct sev_director d = director_of(call);
    struct sev_director_call c = director_call(call);
    struct sev_director_wish wish = {
        .vehicle = call->app->params[0], .actor = call->admin.actor, .has_expected = true};
    sev_slice bundle = SEV_EMPTY;
    int64_t version;
    const size_t most = SEV_DIRECTOR_TARGETS_BYTES_MAX;
    const struct sev_form_member members[] = {
        {"bundle", SEV_FORM_JSON, true, most, &bundle, NULL, NULL},
        {"correlationId", SEV_FORM_TEXT, false, SEV_ID_BYTES_MAX, &wish.correlation_id, NULL, NULL},
        {"remark", SEV_FORM_TEXT, false, SEV_ID_BYTES_MAX, &wish.remark, NULL, NULL},
        {"targets", SEV_FORM_JSON, true, most, &wish.targets, NULL, NULL}};
    const struct sev_form_member inner[] = {
        {"groups", SEV_FORM_JSON, false, most, &wish.groups, NULL, NULL},
        {"id", SEV_FORM_TEXT, true, SEV_ID_BYTES_MAX, &wish.bundle_id, NULL, NULL}};
    sev_err e = sev_form_read(call->app->body, call->admin.arena, members, 4);
    if (e == SEV_OK)
        e = sev_form_read(bundle, call->admin.arena, inner, 2);
    if (e == SEV_OK)
        e = api_expected(call, &wish.expected);
    if (e == SEV_OK)
        e = sev_director_assign(&d, &c, &wish, &version);
    return e == SEV_OK ? answer_assignment(call) : e;
}
