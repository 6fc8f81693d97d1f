/* describe - what a key holder is asked to sign: checked, and told in words. It knows nothing of
 * the repository's folder: only the bytes count. REQ-KEY-10 SPDX-License-Identifier: MIT */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>

/* --------------------------------------------------------------------- text */

struct text {
    const struct sev_fs *fs;
    uint8_t *ptr;
    size_t len, cap;
    bool failed;
};

static void put(struct text *t, const char *bytes, size_t len)
{
    if (t->failed)
        return;
    if (t->cap - t->len < len + 1) {
        size_t cap = (t->cap + len + 1) * 2;
        uint8_t *more = t->fs->realloc(t->fs->self, t->ptr, cap);
        if (more == NULL) {
            t->failed = true;
            return;
        }
        t->ptr = more;
        t->cap = cap;
    }
    memcpy(t->ptr + t->len, bytes, len);
    t->len += len;
    t->ptr[t->len] = 0;
}

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    put(t, line, n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

#define SHOW(s) (int)((s).len < 512 ? (s).len : 512), (const char *)(s).ptr

static void say_strings(struct text *t, sev_slice array)
{
    sev_json j = sev_json_at(array);
    sev_json_str s;
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        if (sev_json_peek(&j) != SEV_JSON_STRING) {
            sev_json_skip(&j, NULL);
            continue;
        }
        sev_json_string(&j, &s);
        say(t, " %.*s", SHOW(s.raw));
    }
}

/* ------------------------------------------------------------------ checking */

static const struct {
    const char *native, *aktualizr;
} types[] = {
    {"root", "Root"}, {"timestamp", "Timestamp"}, {"snapshot", "Snapshot"}, {"targets", "Targets"}};

static bool find_type(sev_json_str type, struct sev_tbs *out)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        bool native = sev_json_str_is(type, types[i].native);
        if (!native && !sev_json_str_is(type, types[i].aktualizr))
            continue;
        out->profile = native ? SEV_PROFILE_NATIVE : SEV_PROFILE_AKTUALIZR;
        out->type = sev_repo_slice(types[i].native);
        return true;
    }
    return false;
}

/* The document as a client would get it, with nobody's signature. */
static sev_err wrap(const struct sev_fs *fs, sev_slice body, struct sev_bytes *out)
{
    static const char before[] = "{\"signatures\":[],\"signed\":";
    sev_err e = sev_bytes_new(fs, sizeof before - 1 + body.len + 1, out);
    if (e != SEV_OK)
        return e;
    memcpy(out->ptr, before, sizeof before - 1);
    memcpy(out->ptr + sizeof before - 1, body.ptr, body.len);
    out->ptr[out->len - 1] = '}';
    return SEV_OK;
}

static sev_err check_targets(const struct sev_targets *t, sev_profile profile)
{
    sev_json j = sev_json_at(t->targets);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        struct sev_target target;
        struct sev_match match;
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        if (j.err != SEV_OK)
            break;
        if (name.escaped || !sev_name_is_clean(name.raw))
            return SEV_E_BAD_NAME;
        sev_err e = sev_target_parse(name, value, profile, &target);
        if (e == SEV_OK && target.match.len != 0)
            e = sev_match_parse(target.match, &match);
        if (e != SEV_OK)
            return e;
    }
    if (j.err != SEV_OK || t->delegation_roles.len == 0)
        return j.err;
    j = sev_json_at(t->delegation_roles);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct sev_delegation d;
        sev_err e = sev_delegation_parse(&j, t->delegation_keys, profile, &d);
        for (uint32_t i = 0; e == SEV_OK && i < d.role_count; i++)
            e = sev_role_check(&d.roles[i].role, profile);
        if (e != SEV_OK)
            return e;
    }
    return j.err;
}

struct parsed {
    struct sev_doc doc;
    struct sev_common common;
    struct sev_root root;
    struct sev_timestamp timestamp;
    struct sev_snapshot snapshot;
    struct sev_targets targets;
};

static sev_err parse(const struct sev_tbs *tbs, sev_slice bytes, struct sev_arena *arena,
                     struct parsed *out)
{
    sev_err e = sev_doc_open(&out->doc, bytes, tbs->profile, arena);
    if (e != SEV_OK)
        return e;
    if (sev_slice_eq(tbs->type, SEV_LIT("root"))) {
        e = sev_root_parse(&out->doc, &out->root);
        out->common = out->root.common;
    } else if (sev_slice_eq(tbs->type, SEV_LIT("timestamp"))) {
        e = sev_timestamp_parse(&out->doc, &out->timestamp);
        out->common = out->timestamp.common;
    } else if (sev_slice_eq(tbs->type, SEV_LIT("snapshot"))) {
        e = sev_snapshot_parse(&out->doc, &out->snapshot);
        out->common = out->snapshot.common;
    } else {
        e = sev_targets_parse(&out->doc, &out->targets);
        out->common = out->targets.common;
        if (e == SEV_OK)
            e = check_targets(&out->targets, tbs->profile);
    }
    return e;
}

/* Line feeds stand in PEM keys as one raw byte, and nowhere else outside of printable ASCII. */
static bool only_ascii(sev_slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        if ((bytes.ptr[i] < 0x20 && bytes.ptr[i] != '\n') || bytes.ptr[i] > 0x7e)
            return false;
    return true;
}

static sev_err check_form(sev_slice body, struct sev_tbs *tbs, struct sev_repository_note *note)
{
    sev_json_str type = {SEV_EMPTY, false};
    sev_err e = sev_json_check(body, (struct sev_json_scratch){NULL, 0}, NULL, NULL);
    if (e == SEV_E_JSON_LIMIT)
        e = SEV_E_NOT_CANONICAL; /* members out of order */
    if (e != SEV_OK)
        return sev_repo_fail(note, e, "not bytes to be signed: %s", sev_err_sentence(e));
    sev_json j = sev_json_at(sev_json_get(body, "_type"));
    sev_json_string(&j, &type);
    if (body.ptr[0] != '{' || j.err != SEV_OK || !find_type(type, tbs))
        return sev_repo_fail(note, SEV_E_WRONG_TYPE, "not a document that repositories sign");
    return SEV_OK;
}

static sev_err judge(sev_slice bytes, sev_slice whole, struct sev_arena *arena, struct sev_tbs *tbs,
                     struct parsed *p, struct sev_repository_note *note)
{
    sev_err e = parse(tbs, whole, arena, p);
    if (e == SEV_E_MEMORY)
        return e;
    if (e != SEV_OK)
        return sev_repo_fail(note, e, "no client would accept it: %s", sev_err_sentence(e));
    /* What is signed must be what a client makes of the document. */
    if (!sev_slice_eq(p->doc.message, bytes))
        return sev_repo_fail(note, SEV_E_NOT_CANONICAL, "the bytes are not in canonical form");
    tbs->version = p->common.version;
    tbs->expires = p->common.expires;
    return SEV_OK;
}

/* Parse what is to be signed; `use` looks at it while the memory is there. */
static sev_err with_parsed(const struct sev_fs *fs, sev_slice bytes, struct sev_tbs *tbs,
                           struct sev_repository_note *note, struct text *describe,
                           void (*use)(struct text *, const struct sev_tbs *,
                                       const struct parsed *))
{
    struct sev_bytes body = {0}, whole = {0}, memory = {0};
    struct parsed p;
    if (!only_ascii(bytes))
        return sev_repo_fail(note, SEV_E_NOT_CANONICAL,
                             "there is more in it than printable ASCII: what it shows may not be "
                             "what it says");
    sev_repo_digest(bytes, tbs->sha256);
    sev_err e = sev_repo_unmessage(fs, bytes, &body);
    if (e == SEV_OK)
        e = check_form(sev_bytes_slice(&body), tbs, note);
    if (e == SEV_OK)
        e = wrap(fs, sev_bytes_slice(&body), &whole);
    if (e == SEV_OK)
        e = sev_bytes_new(fs, whole.len + 65536, &memory);
    if (e == SEV_OK) {
        struct sev_arena arena = sev_arena_of(memory.ptr, memory.len);
        e = judge(bytes, sev_bytes_slice(&whole), &arena, tbs, &p, note);
    }
    if (e == SEV_OK && use != NULL)
        use(describe, tbs, &p);
    sev_bytes_free(fs, &body);
    sev_bytes_free(fs, &whole);
    sev_bytes_free(fs, &memory);
    return e;
}

sev_err sev_tbs_check(const struct sev_fs *fs, sev_slice bytes, struct sev_tbs *out,
                      struct sev_repository_note *note)
{
    struct sev_tbs tbs = {.version = 0};
    sev_err e = with_parsed(fs, bytes, &tbs, note, NULL, NULL);
    if (e == SEV_OK)
        *out = tbs;
    return e;
}

/* ---------------------------------------------------------------- describing */

static void say_role(struct text *t, sev_json_str name, sev_slice keyids, int64_t threshold)
{
    say(t, "  role %.*s: %lld of", SHOW(name.raw), (long long)threshold);
    say_strings(t, keyids);
    say(t, "\n");
}

static void say_root(struct text *t, const struct sev_root *root)
{
    sev_json j = sev_json_at(root->roles_object);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY;
        int64_t threshold = 0;
        sev_json_skip(&j, &value);
        sev_json n = sev_json_at(sev_json_get(value, "threshold"));
        sev_json_integer(&n, &threshold);
        say_role(t, name, sev_json_get(value, "keyids"), threshold);
    }
}

static void say_meta(struct text *t, sev_slice meta)
{
    sev_json j = sev_json_at(meta);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY;
        int64_t version = 0;
        sev_json_skip(&j, &value);
        sev_json n = sev_json_at(sev_json_get(value, "version"));
        sev_json_integer(&n, &version);
        say(t, "  lists %.*s version %lld\n", SHOW(name.raw), (long long)version);
    }
}

static void say_target(struct text *t, sev_json_str name, sev_slice value, sev_profile profile)
{
    struct sev_target target;
    char digest[HEX_CHARS + 1] = "no SHA-256";
    if (sev_target_parse(name, value, profile, &target) != SEV_OK)
        return;
    if (target.hashes.has_sha256)
        sev_repo_hex(target.hashes.sha256, digest);
    say(t, "  image %.*s\n    %lld bytes, sha256 %s\n", SHOW(name.raw), (long long)target.length,
        digest);
    if (target.custom.len != 0)
        say(t, "    %.*s\n", SHOW(target.custom));
    if (target.match.len == 0 && profile == SEV_PROFILE_NATIVE)
        say(t, "    no match section: nobody can install it\n");
}

static void say_delegation(struct text *t, const struct sev_delegation *d)
{
    say(t, "  delegates%s to", d->terminating ? " (terminating)" : "");
    if (d->role_count > 1)
        say(t, " %lld of %u roles that agree,", (long long)d->min_roles, d->role_count);
    say(t, " paths");
    say_strings(t, d->paths);
    if (d->has_hardware_ids) {
        say(t, ", hardware");
        say_strings(t, d->hardware_ids);
    }
    say(t, "\n");
    for (uint32_t i = 0; i < d->role_count; i++)
        say_role(t, d->roles[i].name, d->roles[i].role.keyids, d->roles[i].role.threshold);
}

static void say_targets(struct text *t, const struct sev_targets *targets, sev_profile profile)
{
    sev_json j = sev_json_at(targets->targets);
    sev_json_str name;
    if (targets->common.custom.len != 0)
        say(t, "  custom %.*s\n", SHOW(targets->common.custom));
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        say_target(t, name, value, profile);
    }
    if (targets->delegation_roles.len == 0)
        return;
    j = sev_json_at(targets->delegation_roles);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct sev_delegation d;
        if (sev_delegation_parse(&j, targets->delegation_keys, profile, &d) != SEV_OK)
            return;
        say_delegation(t, &d);
    }
}

static void say_all(struct text *t, const struct sev_tbs *tbs, const struct parsed *p)
{
    char expires[32];
    sev_buf b = sev_buf_of(expires, sizeof expires - 1);
    sev_time_format(tbs->expires, &b);
    expires[b.len] = '\0';
    say(t, "%.*s, version %lld, profile %s\n", SHOW(tbs->type), (long long)tbs->version,
        sev_repo_profile_name((int)tbs->profile));
    say(t, "  expires %s\n  sha256 of these bytes %s\n", expires, tbs->sha256);
    if (sev_slice_eq(tbs->type, SEV_LIT("root")))
        say_root(t, &p->root);
    else if (sev_slice_eq(tbs->type, SEV_LIT("targets")))
        say_targets(t, &p->targets, tbs->profile);
    else
        say_meta(t, sev_json_get(p->doc.body, "meta"));
}

sev_err sev_tbs_describe(const struct sev_fs *fs, sev_slice bytes, struct sev_bytes *out)
{
    struct text t = {.fs = fs};
    struct sev_tbs tbs;
    sev_err e = with_parsed(fs, bytes, &tbs, NULL, &t, say_all);
    if (e == SEV_OK && t.failed)
        e = SEV_E_MEMORY;
    if (e != SEV_OK) {
        fs->free(fs->self, t.ptr);
        return e;
    }
    *out = (struct sev_bytes){t.ptr, t.len};
    return SEV_OK;
}

/* ------------------------------------------------------------ signature file */

sev_err sev_tbs_signature_file(const struct sev_tbs *tbs, const char *keyid, sev_slice signature,
                               sev_buf *out)
{
    uint8_t hex[2 * SEV_SIG_BYTES_MAX];
    sev_buf h = sev_buf_of(hex, sizeof hex);
    sev_hex_encode(signature, &h);
    if (h.overflow)
        return SEV_E_MALFORMED;
    sev_json_writer w = sev_json_writer_to(out);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "keyid", sev_repo_slice(keyid));
    sev_json_w_string_member(&w, "sha256", sev_repo_slice(tbs->sha256));
    sev_json_w_string_member(&w, "sig", sev_buf_slice(&h));
    sev_json_w_string_member(&w, "type", SEV_LIT("secureev-signature"));
    sev_json_w_integer_member(&w, "version", 1);
    sev_json_w_object_end(&w);
    return sev_json_w_end(&w);
}
