/* judge - would clients take these files? A root, snapshot and timestamp of our own making stand
 * before the public ones, so that lint and the client's own search judge what is not public yet and
 * the signer signs nothing for it. REQ-IMG-05  SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "internal.h"
#include "secureev/repository.h"

/* ------------------------------------------------------- keys of a moment */

struct moment {
    struct sev_privkey *key;
    char id[SEV_KEY_ID_CHARS];
    uint8_t object[SEV_KEY_OBJECT_BYTES_MAX];
    size_t object_len;
};

static sev_err sign_for_now(void *self, const char *key, sev_slice body, char *out_keyid,
                            sev_buf *sig)
{
    const struct moment *m = self;
    (void)key;
    memcpy(out_keyid, m->id, sizeof m->id);
    return sev_privkey_sign(m->key, body, sig);
}

static sev_err moment_begin(struct moment *m)
{
    sev_buf b = sev_buf_of(m->object, sizeof m->object);
    sev_err e = sev_privkey_generate(SEV_KEY_P256, 0, &m->key);
    if (e == SEV_OK)
        e = sev_key_id(sev_privkey_public(m->key), SEV_PROFILE_NATIVE, m->id);
    if (e == SEV_OK)
        e = sev_key_object(sev_privkey_public(m->key), SEV_PROFILE_NATIVE, &b);
    m->object_len = b.len;
    return e;
}

static void put_own_role(sev_json_writer *j, const char *name, const struct moment *m)
{
    sev_json_w_name(j, images_text(name));
    sev_json_w_object(j);
    sev_json_w_name(j, SEV_LIT("keyids"));
    sev_json_w_array(j);
    sev_json_w_string(j, sev_slice_of(m->id, sizeof m->id));
    sev_json_w_array_end(j);
    sev_json_w_integer_member(j, "threshold", 1);
    sev_json_w_object_end(j);
}

struct key_entry {
    sev_slice id, object;
};

/* The root's keys and ours, in order, whatever the root's. */
static sev_err put_keys(sev_json_writer *j, sev_slice keys, const struct moment *m)
{
    struct key_entry list[SEV_KEYS_MAX + 1] = {
        {sev_slice_of(m->id, sizeof m->id), sev_slice_of(m->object, m->object_len)}};
    uint32_t count = 1;
    sev_json k = sev_json_at(keys);
    sev_json_str id;
    sev_json_object(&k);
    while (count <= SEV_KEYS_MAX && sev_json_member(&k, &id)) {
        struct key_entry one = {.id = id.raw};
        uint32_t at = count++;
        sev_json_skip(&k, &one.object);
        for (; at > 0 && sev_slice_cmp(list[at - 1].id, one.id) > 0; at--)
            list[at] = list[at - 1];
        list[at] = one;
    }
    sev_json_w_object(j);
    for (uint32_t i = 0; i < count; i++) {
        sev_json_w_name(j, list[i].id);
        sev_json_w_raw(j, list[i].object);
    }
    sev_json_w_object_end(j);
    return k.err;
}

/* PEM keys have line feeds, which stand as such in what is signed. */
static sev_err sign_root(const struct moment *m, sev_slice body, sev_buf *room, sev_slice *out)
{
    uint8_t bytes[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(bytes, sizeof bytes);
    struct sev_json_scratch none = {NULL, 0};
    sev_err e = sev_json_canonical(body, SEV_CANON_OLPC, none, room);
    if (e == SEV_OK)
        e = sev_privkey_sign(m->key, sev_buf_slice(room), &sig);
    struct sev_message_sig entry = {.keyid = sev_slice_of(m->id, sizeof m->id),
                                    .sig = sev_buf_slice(&sig)};
    room->len = 0;
    if (e == SEV_OK)
        e = sev_envelope_write(SEV_PROFILE_NATIVE, body, &entry, 1, SEV_ROOT_BYTES_MAX, room);
    *out = sev_buf_slice(room);
    return e;
}

/* A first root that trusts the targets keys of the real one, and us with the rest. */
static sev_err make_root(struct images_work *w, const struct sev_root *root, const struct moment *m,
                         sev_slice *out)
{
    const struct sev_role *targets = &root->roles[SEV_ROLE_TARGETS];
    size_t room = root->keys.len + targets->keyids.len + SEV_KEY_OBJECT_BYTES_MAX + 4096;
    sev_buf body = sev_buf_of(sev_arena_take(&w->arena, room), room);
    sev_buf whole = sev_buf_of(sev_arena_take(&w->arena, room), room);
    char text[20];
    sev_buf expires = sev_buf_of(text, sizeof text);
    if (body.ptr == NULL || whole.ptr == NULL)
        return SEV_E_MEMORY;
    sev_time_format(w->call->now + w->im->life_s, &expires);
    sev_json_writer j = sev_json_writer_to(&body);
    sev_json_w_object(&j);
    sev_json_w_string_member(&j, "_type", SEV_LIT("root"));
    sev_json_w_bool_member(&j, "consistent_snapshot", true);
    sev_json_w_string_member(&j, "expires", sev_buf_slice(&expires));
    sev_json_w_name(&j, SEV_LIT("keys"));
    sev_err e = put_keys(&j, root->keys, m);
    sev_json_w_name(&j, SEV_LIT("roles"));
    sev_json_w_object(&j);
    put_own_role(&j, "root", m);
    put_own_role(&j, "snapshot", m);
    sev_json_w_name(&j, SEV_LIT("targets"));
    sev_json_w_object(&j);
    sev_json_w_name(&j, SEV_LIT("keyids"));
    sev_json_w_raw(&j, targets->keyids);
    sev_json_w_integer_member(&j, "threshold", targets->threshold);
    sev_json_w_object_end(&j);
    put_own_role(&j, "timestamp", m);
    sev_json_w_object_end(&j);
    sev_json_w_string_member(&j, "spec_version", SEV_LIT("1.0.31"));
    sev_json_w_integer_member(&j, "version", 1);
    sev_json_w_object_end(&j);
    if (e == SEV_OK)
        e = sev_arena_want(sev_json_w_end(&j));
    if (e == SEV_OK)
        e = sign_root(m, sev_buf_slice(&body), &whole, out);
    return e;
}

/* ------------------------------------------------------------------- lint */

struct listening {
    struct images_work *w;
    const struct images_file *set;
    uint32_t count;
    const char *only;
    sev_err why;
};

static const struct images_file *in_set(const struct listening *l, const char *role)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (strcmp(l->set[i].role, role) == 0 && (l->only == NULL || strcmp(l->only, role) == 0))
            return &l->set[i];
    return NULL;
}

/* An entry that is listed as before was accepted then; what has changed around it since is not this
 * file's doing. */
static bool is_as_before(const struct images_file *f, const char *name)
{
    sev_slice now = sev_json_get(f->targets.targets, name);
    return now.len != 0 && f->before.len != 0 && sev_json_equal(now, sev_json_get(f->before, name));
}

static sev_err why_of(const char *code)
{
    static const struct {
        const char *code;
        sev_err why;
    } own[] = {{"not_trusted", SEV_E_DELEGATION},
               {"terminating_hides", SEV_E_DELEGATION},
               {"expires_late", SEV_E_MALFORMED},
               {"secret_is_open", SEV_E_DOWNGRADE}};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(own[i].code, code) == 0)
            return own[i].why;
    sev_err e = sev_err_of_id(code, strlen(code));
    return e == SEV_E_BUG ? SEV_E_MALFORMED : e;
}

/* Warnings of lint that are refusals here. REQ-IMG-10 */
static bool refuses(const struct sev_lint_finding *f)
{
    return f->is_error || strcmp(f->code, "not_trusted") == 0 ||
           strcmp(f->code, "expires_late") == 0;
}

static void heard(void *context, const struct sev_lint_finding *f)
{
    struct listening *l = context;
    const struct images_file *own = in_set(l, f->role);
    /* Of those whom a file of the set trusts: parent is the subject. */
    bool below = own == NULL && in_set(l, f->subject) != NULL;
    if (l->why != SEV_OK || !refuses(f) || (own == NULL && !below) ||
        (own != NULL && is_as_before(own, f->subject)))
        return;
    if (below && l->only != NULL && strcmp(l->only, "targets") == 0)
        return; /* a supplier's file may come after the delegation to it: it waits */
    l->why =
        images_fail(l->w, why_of(f->code), "%.64s %.100s: %.80s", f->role, f->subject, f->text);
}

static sev_err lint_one(struct listening *l, const char *role)
{
    char other[SEV_FS_PATH_MAX];
    struct sev_repository_note note = {""};
    struct sev_lint_config config = {.folder = l->w->im->folder,
                                     .profile = SEV_PROFILE_NATIVE,
                                     .kind = SEV_REPOSITORY_IMAGES,
                                     .now = l->w->call->now,
                                     .other = other,
                                     .only = role};
    sev_err e = sev_path_join(l->w->im->folder, "aktualizr", other);
    if (e == SEV_OK)
        e = sev_repository_lint(&l->w->overlays->fs, &config, heard, l, &note);
    return e == SEV_OK ? l->why : e;
}

/* ------------------------------------------------------------------- judge */

static const struct sev_root *root_for(struct images_work *w, const struct images_file *set,
                                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(set[i].role, "root") == 0)
            return &set[i].root;
    return &w->root;
}

static sev_err put_before(struct images_work *w, const struct images_file *set, uint32_t count,
                          const struct moment *m)
{
    struct sev_sign sign = {(void *)(uintptr_t)m, sign_for_now};
    struct images_online online;
    sev_slice root = SEV_EMPTY;
    char name[SEV_FS_PATH_MAX];
    const char *folder = w->im->folder;
    sev_err e = make_root(w, root_for(w, set, count), m, &root);
    if (e == SEV_OK)
        e = images_make_online(w, &sign, set, count, &online);
    images_overlays_init(w->overlays, w->im->fs);
    if (e == SEV_OK)
        e = images_overlays_add(w->overlays, folder, "1.root.json", root);
    if (e == SEV_OK)
        e = images_overlays_add(w->overlays, folder, "2.root.json", SEV_EMPTY);
    if (e == SEV_OK)
        e = images_overlays_add(w->overlays, folder, "timestamp.json", online.timestamp);
    if (e == SEV_OK)
        e = images_file_name(online.snapshot_version, "snapshot", name);
    if (e == SEV_OK)
        e = images_overlays_add(w->overlays, folder, name, online.snapshot);
    for (uint32_t i = 0; e == SEV_OK && i < count; i++) {
        if (strcmp(set[i].role, "root") == 0)
            continue;
        e = images_file_name(set[i].version, set[i].role, name);
        if (e == SEV_OK)
            e = images_overlays_add(w->overlays, folder, name, set[i].bytes);
    }
    return e;
}

sev_err images_judge(struct images_work *w, struct images_file *set, uint32_t count,
                     const char *only)
{
    struct listening l = {.w = w, .set = set, .count = count, .only = only, .why = SEV_OK};
    struct moment m = {.key = NULL};
    size_t mark = w->arena.used;
    sev_err e = moment_begin(&m);
    if (e == SEV_OK)
        e = put_before(w, set, count, &m);
    for (uint32_t i = 0; e == SEV_OK && i < count; i++)
        if (strcmp(set[i].role, "root") != 0 && (only == NULL || strcmp(only, set[i].role) == 0))
            e = lint_one(&l, set[i].role);
    if (e == SEV_OK)
        e = images_look(w, w->overlays, set, count, false, only);
    sev_privkey_free(m.key);
    sev_arena_back(&w->arena, mark);
    return e;
}
