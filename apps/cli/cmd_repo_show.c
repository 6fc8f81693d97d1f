/* cmd_repo_show - `secureev repo`: look at what is public, and compare.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repo.h"

#define TREE_DEPTH_MAX 16

static sev_profile profile_of(const struct cli *c)
{
    return strcmp(cli_opt(c, "profile"), "aktualizr") == 0 ? SEV_PROFILE_AKTUALIZR
                                                           : SEV_PROFILE_NATIVE;
}

static void format_time(sev_time t, char out[32])
{
    sev_buf b = sev_buf_of(out, 31);
    sev_time_format(t, &b);
    out[b.len] = '\0';
}

static int open_public(struct cli *c, const char *folder, sev_profile profile,
                       struct sev_public *out)
{
    struct sev_repository_note note = {""};
    sev_err e = sev_public_open(cli_fs(c), folder, profile, &note, out);
    if (e == SEV_E_NOT_FOUND)
        return repo_no_public(c, folder);
    return e == SEV_OK ? 0 : repo_fail_note(c, e, &note);
}

/* --------------------------------------------------------------------- show */

struct showing {
    struct cli *c;
    const struct sev_public *p;
    bool *shown; /* roles that stand in the tree already */
};

static void indent(struct showing *s, int depth)
{
    for (int i = 0; i < depth; i++)
        cli_print(s->c, "  ");
}

static void show_strings(struct showing *s, sev_slice array)
{
    sev_json j = sev_json_at(array);
    sev_json_str text;
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_string(&j, &text);
        if (j.err != SEV_OK)
            return;
        cli_print(s->c, " ");
        cli_print_text(s->c, sev_slice_sub(text.raw, 0, 512));
    }
}

static void show_keys(struct showing *s, const struct sev_role *role)
{
    sev_json j = sev_json_at(role->keyids);
    sev_json_str id;
    uint32_t count = 0;
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_skip(&j, NULL);
        count++;
    }
    cli_print(s->c, "%lld of %u:", (long long)role->threshold, count);
    j = sev_json_at(role->keyids);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_string(&j, &id);
        if (j.err != SEV_OK)
            return;
        cli_print(s->c, " ");
        cli_print_text(s->c, sev_slice_sub(id.raw, 0, 12));
    }
    cli_print(s->c, "\n");
}

static void show_head(struct showing *s, const struct sev_public_file *f, int depth)
{
    char expires[32];
    indent(s, depth);
    if (f->err != SEV_OK) {
        cli_print(s->c, "%s: %s: %s\n", f->role, f->name, sev_err_sentence(f->err));
        return;
    }
    format_time(f->common.expires, expires);
    cli_print(s->c, "%s version %lld, expires %s, %u signature%s, %zu bytes\n", f->role,
              (long long)f->common.version, expires, f->signatures, f->signatures == 1 ? "" : "s",
              f->bytes.len);
}

static void show_root(struct showing *s, const struct sev_public_file *f)
{
    sev_json j = sev_json_at(f->root.roles_object);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        char plain[SEV_ROLE_NAME_BYTES_MAX + 1];
        struct sev_role role;
        sev_json_skip(&j, NULL);
        (void)snprintf(plain, sizeof plain, "%.*s", (int)name.raw.len, (const char *)name.raw.ptr);
        if (j.err != SEV_OK || sev_root_extra(&f->root, s->p->profile, plain, &role) != SEV_OK)
            continue;
        cli_print(s->c, "  %s ", plain);
        show_keys(s, &role);
    }
}

static void show_image(struct showing *s, sev_json_str name, sev_slice value, int depth)
{
    struct sev_target t;
    struct sev_match match;
    indent(s, depth);
    cli_print(s->c, "image ");
    cli_print_text(s->c, name.raw);
    if (sev_target_parse(name, value, s->p->profile, &t) != SEV_OK) {
        cli_print(s->c, ": not usable\n");
        return;
    }
    cli_print(s->c, "  %lld bytes", (long long)t.length);
    if (t.match.len != 0 && sev_match_parse(t.match, &match) == SEV_OK)
        cli_print(s->c, ", release counter %lld", (long long)match.release_counter);
    if (t.hardware_ids.len != 0) {
        cli_print(s->c, ", for");
        show_strings(s, t.hardware_ids);
    }
    if (t.ecu_identifiers.len != 0) {
        cli_print(s->c, ", for ");
        cli_print_text(s->c, sev_slice_sub(t.ecu_identifiers, 0, 512));
    }
    cli_print(s->c, "\n");
}

static void show_targets(struct showing *s, const struct sev_public_file *f, int depth);

static void show_delegation(struct showing *s, const struct sev_delegation *d, int depth)
{
    indent(s, depth);
    cli_print(s->c, "delegates%s", d->terminating ? " (terminating)" : "");
    show_strings(s, d->paths);
    if (d->has_hardware_ids) {
        cli_print(s->c, ", hardware");
        show_strings(s, d->hardware_ids);
    }
    if (d->role_count > 1)
        cli_print(s->c, ", %lld of %u roles must agree", (long long)d->min_roles, d->role_count);
    cli_print(s->c, "\n");
    for (uint32_t i = 0; i < d->role_count; i++) {
        indent(s, depth + 1);
        cli_print(s->c, "to ");
        cli_print_text(s->c, d->roles[i].name.raw);
        cli_print(s->c, " ");
        show_keys(s, &d->roles[i].role);
        for (uint32_t k = 0; k < s->p->count; k++) {
            const struct sev_public_file *f = &s->p->files[k];
            if (!sev_json_str_is(d->roles[i].name, f->role) || s->shown[k])
                continue;
            s->shown[k] = true;
            show_head(s, f, depth + 1);
            if (depth < TREE_DEPTH_MAX)
                show_targets(s, f, depth + 2);
        }
    }
}

static void show_targets(struct showing *s, const struct sev_public_file *f, int depth)
{
    sev_json j = sev_json_at(f->targets.targets);
    sev_json_str name;
    if (f->err != SEV_OK || f->targets.targets.len == 0)
        return;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        if (j.err == SEV_OK)
            show_image(s, name, value, depth);
    }
    if (f->targets.delegation_roles.len == 0)
        return;
    j = sev_json_at(f->targets.delegation_roles);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct sev_delegation d;
        if (sev_delegation_parse(&j, f->targets.delegation_keys, s->p->profile, &d) != SEV_OK)
            return;
        show_delegation(s, &d, depth);
    }
}

static void show_tree(struct showing *s)
{
    for (uint32_t i = 0; i < s->p->count; i++) {
        const struct sev_public_file *f = &s->p->files[i];
        bool top = strcmp(f->role, "root") == 0 || strcmp(f->role, "timestamp") == 0 ||
                   strcmp(f->role, "snapshot") == 0 || strcmp(f->role, "targets") == 0;
        if (s->shown[i] || !top)
            continue;
        s->shown[i] = true;
        show_head(s, f, 0);
        if (f->err == SEV_OK && strcmp(f->role, "root") == 0)
            show_root(s, f);
        show_targets(s, f, 1);
    }
    for (uint32_t i = 0; i < s->p->count; i++) {
        if (s->shown[i])
            continue;
        cli_print(s->c, "not trusted by anybody (its name stays in the snapshot):\n");
        show_head(s, &s->p->files[i], 1);
    }
}

/* As it stands where it is canonical; what is not stays out. */
static void put_raw(sev_json_writer *w, const char *name, sev_slice value)
{
    struct sev_json_info info = {0};
    bool canonical =
        value.len != 0 &&
        sev_json_check(value, (struct sev_json_scratch){NULL, 0}, &info, NULL) == SEV_OK &&
        (info.canonical & SEV_CANON_JCS) != 0;
    sev_json_w_name(w, sev_slice_of(name, strlen(name)));
    if (canonical)
        sev_json_w_raw(w, value);
    else
        sev_json_w_null(w);
}

static void emit_show(sev_json_writer *w, const void *context)
{
    const struct sev_public *p = context;
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("files"));
    sev_json_w_array(w);
    for (uint32_t i = 0; i < p->count; i++) {
        const struct sev_public_file *f = &p->files[i];
        char expires[32];
        sev_json_w_object(w);
        if (f->err == SEV_OK && f->targets.targets.len != 0)
            put_raw(w, "delegations", f->targets.delegation_roles);
        if (f->err != SEV_OK) {
            repo_put_text(w, "error", sev_err_id(f->err));
        } else {
            format_time(f->common.expires, expires);
            repo_put_text(w, "expires", expires);
        }
        if (f->err == SEV_OK && f->targets.targets.len != 0)
            put_raw(w, "images", f->targets.targets);
        sev_json_w_integer_member(w, "length", (int64_t)f->bytes.len);
        repo_put_text(w, "name", f->name);
        repo_put_text(w, "role", f->role);
        if (f->err == SEV_OK && f->root.roles_object.len != 0)
            put_raw(w, "roles", f->root.roles_object);
        if (f->err == SEV_OK) {
            sev_json_w_integer_member(w, "signatures", f->signatures);
            sev_json_w_integer_member(w, "version", f->common.version);
        }
        sev_json_w_object_end(w);
    }
    sev_json_w_array_end(w);
    repo_put_text(w, "profile", p->profile == SEV_PROFILE_AKTUALIZR ? "aktualizr" : "native");
    sev_json_w_object_end(w);
}

int repo_run_show(struct cli *c)
{
    char folder[SEV_FS_PATH_MAX];
    struct sev_public p;
    const char *given = cli_arg(c, 0);
    int code = repo_public_folder(c, profile_of(c), folder);
    if (code == 0)
        code = open_public(c, given != NULL ? given : folder, profile_of(c), &p);
    if (code != 0)
        return code;
    if (cli_json(c)) {
        code = cli_print_json(c, emit_show, &p);
    } else {
        struct showing s = {c, &p, calloc(p.count + 1, sizeof(bool))};
        if (s.shown == NULL)
            code = cli_fail(c, SEV_E_MEMORY, NULL, "tree");
        else
            show_tree(&s);
        free(s.shown);
    }
    sev_public_close(&p);
    return code;
}

/* --------------------------------------------------------------------- diff */

struct differing {
    struct cli *c;
    sev_json_writer *w; /* NULL: in words */
    const struct sev_public *a, *b;
    sev_err err;
    uint32_t count;
};

static void print_change(void *context, const struct sev_public_change *d)
{
    struct differing *x = context;
    const char *sign = strcmp(d->change, "added") == 0     ? "+"
                       : strcmp(d->change, "removed") == 0 ? "-"
                                                           : "~";
    x->count++;
    cli_print(x->c, "%s %s %s ", sign, d->role, d->what);
    cli_print_text(x->c, sev_slice_of(d->subject, strlen(d->subject)));
    if (d->before.len != 0) {
        cli_print(x->c, "\n    was ");
        cli_print_text(x->c, sev_slice_sub(d->before, 0, 1024));
    }
    if (d->after.len != 0) {
        cli_print(x->c, "\n    is  ");
        cli_print_text(x->c, sev_slice_sub(d->after, 0, 1024));
    }
    cli_print(x->c, "\n");
}

static void emit_change(void *context, const struct sev_public_change *d)
{
    struct differing *x = context;
    sev_json_w_object(x->w);
    sev_json_w_string_member(x->w, "after", d->after);
    sev_json_w_string_member(x->w, "before", d->before);
    repo_put_text(x->w, "change", d->change);
    repo_put_text(x->w, "role", d->role);
    repo_put_text(x->w, "subject", d->subject);
    repo_put_text(x->w, "what", d->what);
    sev_json_w_object_end(x->w);
}

static void emit_diff(sev_json_writer *w, const void *context)
{
    // NOLINTNEXTLINE(performance-no-int-to-ptr) an emitter's context is const
    struct differing *x = (struct differing *)(uintptr_t)context;
    x->w = w;
    sev_json_w_array(w);
    x->err = sev_public_diff(cli_fs(x->c), x->a, x->b, emit_change, x);
    sev_json_w_array_end(w);
}

int repo_run_diff(struct cli *c)
{
    struct sev_public a, b;
    int code = open_public(c, cli_arg(c, 0), profile_of(c), &a);
    if (code != 0)
        return code;
    code = open_public(c, cli_arg(c, 1), profile_of(c), &b);
    if (code == 0) {
        struct differing x = {.c = c, .a = &a, .b = &b};
        if (cli_json(c))
            code = cli_print_json(c, emit_diff, &x);
        else
            x.err = sev_public_diff(cli_fs(c), &a, &b, print_change, &x);
        if (code == 0 && x.err != SEV_OK)
            code = cli_fail(c, x.err, "secureev repo lint says more of each", "comparing");
        else if (code == 0 && !cli_json(c) && x.count == 0)
            cli_print(c, "no difference\n");
        sev_public_close(&b);
    }
    sev_public_close(&a);
    return code;
}
