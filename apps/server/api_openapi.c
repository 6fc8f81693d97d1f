/* api_openapi - the OpenAPI document, made of the very table that the server serves by: it cannot
 * say anything else. SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"

#define DOCUMENT_BYTES_MAX (512u << 10)
#define SLOTS 4096 /* members of objects that are open at one time */

#define PREFIX "/api/v1"

static void put(sev_buf *b, const char *text)
{
    sev_buf_put(b, text, strlen(text));
}

/* Texts of ours: nothing in them needs an escape. */
static void put_string(sev_buf *b, const char *text)
{
    put(b, "\"");
    put(b, text);
    put(b, "\"");
}

static void put_ref(sev_buf *b, const char *schema)
{
    put(b, "{\"$ref\":\"#/components/schemas/");
    put(b, schema);
    put(b, "\"}");
}

static void put_content(sev_buf *b, const char *type, const char *schema)
{
    put(b, "\"content\":{");
    put_string(b, type);
    put(b, ":{\"schema\":");
    put_ref(b, schema);
    put(b, "}}");
}

/* --------------------------------------------------------------- refusals */

#define REFUSALS_MAX 64

struct refusals {
    sev_err at[REFUSALS_MAX];
    unsigned count;
};

static void add(struct refusals *r, const char *ids)
{
    while (ids != NULL && *ids != '\0') {
        size_t n = strcspn(ids, " ");
        if (r->count < REFUSALS_MAX)
            r->at[r->count++] = sev_err_of_id(ids, n);
        ids += n + (ids[n] == ' ');
    }
}

/* What any operation of its kind may say; what is special to it stands in its doc. */
static void collect(const struct api_route *route, struct refusals *out)
{
    bool body = route->doc->body != NULL;
    out->count = 0;
    add(out, "http_target unknown_member overloaded");
    if ((route->flags & API_OPEN) == 0)
        add(out, "token_refused rate_limited");
    if (route->role != SEV_OPERATOR_VIEWER)
        add(out, "role_not_allowed");
    if (strchr(route->route.path, '{') != NULL)
        add(out, "not_found");
    if (body)
        add(out, "media_type json_syntax json_utf8 json_number json_duplicate json_depth "
                 "malformed");
    if (route->route.method != SEV_HTTP_GET)
        add(out, "http_body_limit");
    if ((route->flags & API_VERSIONED) != 0)
        add(out, "precondition_needed version_stale");
    if (route->route.method == SEV_HTTP_POST)
        add(out, "idempotency_key_reused in_progress malformed");
    add(out, route->doc->refusals);
}

static void put_refusals(sev_buf *b, const struct api_route *route)
{
    struct refusals r;
    collect(route, &r);
    for (unsigned status = 400; status < 600; status++) {
        bool any = false;
        for (unsigned i = 0; i < r.count; i++) {
            bool again = false;
            for (unsigned j = 0; j < i; j++)
                again = again || r.at[j] == r.at[i];
            if (sev_http_status(r.at[i]) != status || again)
                continue;
            if (!any) {
                char head[80];
                snprintf(head, sizeof head, ",\"%u\":{\"description\":\"", status);
                put(b, head);
            } else {
                put(b, " ");
            }
            any = true;
            put(b, "`");
            put(b, sev_err_id(r.at[i]));
            put(b, "`: ");
            put(b, sev_err_sentence(r.at[i]));
            put(b, ".");
        }
        if (any) {
            put(b, "\",");
            put_content(b, "application/problem+json", "Problem");
            put(b, "}");
        }
    }
}

/* -------------------------------------------------------------- operations */

static void put_answer(sev_buf *b, const struct api_route *route)
{
    char head[64];
    bool stream = route->route.method == SEV_HTTP_GET && strcmp(route->doc->answer, "Stream") == 0;
    snprintf(head, sizeof head, "\"responses\":{\"%u\":{\"description\":\"It is so.\",",
             route->doc->status);
    put(b, head);
    if (route->doc->tagged)
        put(b, "\"headers\":{\"ETag\":{\"schema\":{\"type\":\"string\"}}},");
    put_content(b, stream ? "text/event-stream" : "application/json", route->doc->answer);
    put(b, "}");
    put_refusals(b, route);
    put(b, "}");
}

static void put_parameter(sev_buf *b, bool *first, const char *where, const char *name,
                          size_t name_len, const char *schema, const char *about, bool required)
{
    put(b, *first ? "" : ",");
    *first = false;
    put(b, "{\"in\":\"");
    put(b, where);
    put(b, "\",\"name\":\"");
    sev_buf_put(b, name, name_len);
    put(b, required ? "\",\"required\":true,\"schema\":" : "\",\"required\":false,\"schema\":");
    put(b, schema);
    put(b, ",\"description\":");
    put_string(b, about);
    put(b, "}");
}

static void put_parameters(sev_buf *b, const struct api_route *route)
{
    bool first = true;
    put(b, "\"parameters\":[");
    for (const char *p = route->route.path; (p = strchr(p, '{')) != NULL;) {
        size_t n = strcspn(++p, "}.");
        put_parameter(b, &first, "path", p, n, "{\"type\":\"string\"}", "Whom it is about.", true);
    }
    for (const struct api_param *p = route->doc->query; p->name != NULL; p++)
        put_parameter(b, &first, "query", p->name, strlen(p->name), p->schema, p->about, false);
    if ((route->flags & API_VERSIONED) != 0)
        put_parameter(b, &first, "header", "If-Match", 8, "{\"type\":\"string\"}",
                      "ETag of what is to be changed.", true);
    if (route->route.method == SEV_HTTP_POST)
        put_parameter(b, &first, "header", "Idempotency-Key", 15,
                      "{\"type\":\"string\",\"minLength\":1,\"maxLength\":128,"
                      "\"pattern\":\"^[!-~]+$\"}",
                      "The same request with the same key is done once and answered alike for a "
                      "day.",
                      false);
    put(b, "],");
}

static void put_operation(sev_buf *b, const struct api_route *route)
{
    char method[8];
    const char *name = sev_http_method_name(route->route.method);
    size_t i = 0;
    for (; i < sizeof method - 1 && name[i] != '\0'; i++)
        method[i] = (char)(name[i] + ('a' - 'A'));
    method[i] = '\0';
    put_string(b, method);
    put(b, ":{\"operationId\":");
    put_string(b, route->name);
    put(b, ",\"summary\":");
    put_string(b, route->doc->summary);
    put(b, ",");
    if (route->doc->about != NULL) {
        put(b, "\"description\":");
        put_string(b, route->doc->about);
        put(b, ",");
    }
    put(b, "\"x-role\":");
    put_string(b, (route->flags & API_OPEN) != 0 ? "nobody" : sev_operator_role_word(route->role));
    put(b, (route->flags & API_OPEN) != 0 ? ",\"security\":[]," : ",");
    put_parameters(b, route);
    if (route->doc->body != NULL) {
        char most[64];
        snprintf(most, sizeof most, "\"x-bytes-max\":%llu,",
                 (unsigned long long)route->route.body_max);
        put(b, most);
        put(b, "\"requestBody\":{\"required\":true,");
        put_content(b, "application/json", route->doc->body);
        put(b, "},");
    }
    put_answer(b, route);
    put(b, "}");
}

/* Operations of one path stand together, wherever they are in the table. */
static void put_paths(sev_buf *b)
{
    bool first_path = true;
    for (const struct api_route *r = api_routes; r->name != NULL; r++) {
        bool before = false, first = true;
        for (const struct api_route *o = api_routes; o != r; o++)
            before = before || strcmp(o->route.path, r->route.path) == 0;
        if (before)
            continue;
        put(b, first_path ? "" : ",");
        first_path = false;
        put_string(b, r->route.path + sizeof PREFIX - 1);
        put(b, ":{");
        for (const struct api_route *o = r; o->name != NULL; o++)
            if (strcmp(o->route.path, r->route.path) == 0) {
                put(b, first ? "" : ",");
                first = false;
                put_operation(b, o);
            }
        put(b, "}");
    }
}

static void put_schemas(sev_buf *b)
{
    static const struct api_schema *const all[] = {
#define X(name) api_schemas_##name,
        API_RESOURCES(X)
#undef X
    };
    bool first = true;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (const struct api_schema *s = all[i]; s->name != NULL; s++) {
            put(b, first ? "" : ",");
            first = false;
            put_string(b, s->name);
            put(b, ":");
            put(b, s->json);
        }
}

static void put_document(sev_buf *b)
{
    put(b, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"SecureEV-OTA admin API\",\"version\":\"");
    put(b, SEV_VERSION);
    put(b, "\",\"license\":{\"name\":\"MIT\",\"identifier\":\"MIT\"},\"description\":\"For "
           "operators and their programs. Every refusal is a Problem with a stable code, and then "
           "nothing has changed. Unknown members and parameters are refused. Lists go in order of "
           "names: `next` of a page is `cursor` of the next one, and what is added meanwhile "
           "neither repeats nor hides an entry.\"},\"servers\":[{\"url\":\"" PREFIX "\"}],"
           "\"security\":[{\"token\":[]}],\"paths\":{");
    put_paths(b);
    put(b, "},\"components\":{\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":"
           "\"bearer\",\"description\":\"Token of an operator.\"}},\"schemas\":{");
    put_schemas(b);
    put(b, "}}}");
}

sev_err api_document(char **out, size_t *out_bytes)
{
    uint32_t *slots = calloc(SLOTS, sizeof *slots);
    char *raw = malloc(DOCUMENT_BYTES_MAX), *form = malloc(DOCUMENT_BYTES_MAX);
    sev_err e = SEV_E_MEMORY;
    if (slots != NULL && raw != NULL && form != NULL) {
        sev_buf b = sev_buf_of(raw, DOCUMENT_BYTES_MAX), c = sev_buf_of(form, DOCUMENT_BYTES_MAX);
        put_document(&b);
        e = b.overflow ? SEV_E_BUG
                       : sev_json_canonical(sev_buf_slice(&b), SEV_CANON_OLPC,
                                            (struct sev_json_scratch){slots, SLOTS}, &c);
        *out_bytes = c.len;
    }
    free(raw);
    free(slots);
    if (e == SEV_OK)
        *out = form;
    else
        free(form);
    return e;
}
