/* world - what the repositories hold, publishing and serving; see world.h.
 * SPDX-License-Identifier: MIT */
#include "world.h"

#include <stdio.h>

const char *world_note;

static struct world the_world;
static size_t pool_floor; /* below it lies what the accepted world made */

/* -------------------------------------------------------------------- find */

int world_role_index(struct world *w, int repository, const char *role)
{
    struct world_repository *r = &w->now.repositories[repository];
    for (int i = 0; i < r->role_count; i++)
        if (strcmp(r->roles[i].name, role) == 0)
            return i;
    world_failed("there is no such role", role);
}

struct world_role *world_role(struct world *w, int repository, const char *role)
{
    return &w->now.repositories[repository].roles[world_role_index(w, repository, role)];
}

struct world_image *world_image(struct world *w, const char *name)
{
    for (int i = 0; i < w->now.image_count; i++)
        if (strcmp(w->now.images[i].name, name) == 0)
            return &w->now.images[i];
    world_failed("there is no such image", name);
}

/* ------------------------------------------------------------------- build */

int world_add_role(struct world *w, int repository, const char *role)
{
    struct world_repository *r = &w->now.repositories[repository];
    if (r->role_count == WORLD_ROLES_MAX)
        world_failed("too many roles", role);
    r->roles[r->role_count] = (struct world_role){
        .name = role,
        .keys = world_new_keys(w, 1, 1),
        .signature_count = -1,
        .version = r->role_count == SEV_ROLE_ROOT ? 0 : 4,
        .expires = w->time + 30 * WORLD_DAY,
    };
    return r->role_count++;
}

struct world_delegation *world_delegate(struct world *w, int repository, const char *from,
                                        const char *to, const char *paths)
{
    struct world_repository *r = &w->now.repositories[repository];
    if (r->delegation_count == WORLD_DELEGATIONS_MAX)
        world_failed("too many delegations", to);
    struct world_delegation *d = &r->delegations[r->delegation_count++];
    *d = (struct world_delegation){
        .from = world_role_index(w, repository, from), .to_count = 1, .paths = paths};
    d->to[0] = world_role_index(w, repository, to);
    return d;
}

struct world_delegation *world_delegation(struct world *w, int repository, const char *to)
{
    struct world_repository *r = &w->now.repositories[repository];
    int role = world_role_index(w, repository, to);
    for (int i = 0; i < r->delegation_count; i++)
        for (int k = 0; k < r->delegations[i].to_count; k++)
            if (r->delegations[i].to[k] == role)
                return &r->delegations[i];
    world_failed("nobody delegates to it", to);
}

struct world_image *world_add_image(struct world *w, const char *name, int ecu)
{
    if (w->now.image_count == WORLD_IMAGES_MAX)
        world_failed("too many images", name);
    struct world_image *m = &w->now.images[w->now.image_count++];
    *m = (struct world_image){.name = name, .ecu = ecu, .release_counter = 1};
    m->at[DIRECTOR] = ecu >= 0 ? SEV_ROLE_TARGETS : -1;
    m->at[IMAGES] = SEV_ROLE_TARGETS;
    m->at[REGULATOR] = SEV_ROLE_TARGETS;
    sev_slice hardware = ecu >= 0 ? w->ecus[ecu].hardware_id : SEV_LIT("hw-any");
    m->hardware_id = world_name("%.*s", (int)hardware.len, (const char *)hardware.ptr);
    m->bytes = world_slice(world_name("firmware %s for %s", name, m->hardware_id));
    return m;
}

void world_stage(struct world *w, int n)
{
    struct world_image *m;
    w->now.image_count = 0;
    m = world_add_image(w, world_name("acme/brake-%d.bin", n), 0);
    m->release_counter = n;
    m->at[IMAGES] = world_role_index(w, IMAGES, "acme");
    m->at[REGULATOR] = world_role_index(w, REGULATOR, "attestations");
    m = world_add_image(w, world_name("bolt/door-%d.bin", n), 1);
    m->release_counter = n;
    m->at[IMAGES] = world_role_index(w, IMAGES, "bolt");
    m->at[REGULATOR] = world_role_index(w, REGULATOR, "attestations");
    m->sha512_too = true;
}

static void add_repository(struct world *w, int repository)
{
    static const char *const top[] = {"root", "timestamp", "snapshot", "targets"};
    for (int i = 0; i < SEV_TOP_ROLES; i++)
        world_add_role(w, repository, top[i]);
    w->now.repositories[repository].roles[SEV_ROLE_ROOT].expires = w->time + 365 * WORLD_DAY;
}

struct world *world_begin(void)
{
    return world_begin_as(SEV_PROFILE_NATIVE, SEV_KEY_P256);
}

struct world *world_begin_as(sev_profile profile, sev_key_type key_type)
{
    struct world *w = &the_world;
    memset(w, 0, sizeof *w);
    world_pool_reset(pool_floor);
    w->profile = profile;
    w->key_type = key_type;
    w->mode = SEV_MODE_PRIMARY;
    w->time = WORLD_TIME;
    w->vehicle = WORLD_VEHICLE;
    w->ecu_count = 2;
    w->ecus[0] = (struct sev_ecu){SEV_LIT("ecu-1"), SEV_LIT("hw-brake")};
    w->ecus[1] = (struct sev_ecu){SEV_LIT("ecu-2"), SEV_LIT("hw-door")};
    w->arena_bytes = (size_t)40 << 20;
    w->has_regulator = profile == SEV_PROFILE_NATIVE;
    w->power = -1;
    for (int r = 0; r < WORLD_REPOSITORIES; r++)
        add_repository(w, r);
    world_add_role(w, IMAGES, "acme");
    world_add_role(w, IMAGES, "bolt");
    world_delegate(w, IMAGES, "targets", "acme", "[\"acme/*\"]");
    world_delegate(w, IMAGES, "targets", "bolt", "[\"bolt/*\"]");
    world_add_role(w, REGULATOR, "withdrawals");
    world_add_role(w, REGULATOR, "attestations");
    world_delegate(w, REGULATOR, "targets", "withdrawals", "[\"*/*\"]");
    world_delegate(w, REGULATOR, "targets", "attestations", "[\"*/*\"]");
    if (profile == SEV_PROFILE_NATIVE)
        w->now.bundle = "{\"groups\":[[\"ecu-1\",\"ecu-2\"]],\"id\":\"b-1\",\"version\":1}";
    world_stage(w, 1);
    return w;
}

/* ---------------------------------------------------------------- breaking */

static void add_edit(struct world *w, struct world_edit edit)
{
    if (w->now.edit_count == WORLD_EDITS_MAX)
        world_failed("too many edits", edit.role);
    w->now.edits[w->now.edit_count++] = edit;
}

void world_edit(struct world *w, int repository, const char *role, const char *find,
                const char *replace)
{
    add_edit(w, (struct world_edit){WORLD_BEFORE_SIGNING, repository, role, find, replace, false});
}

void world_edit_all(struct world *w, int repository, const char *role, const char *find,
                    const char *replace)
{
    add_edit(w, (struct world_edit){WORLD_BEFORE_SIGNING, repository, role, find, replace, true});
}

void world_edit_file(struct world *w, int repository, const char *role, const char *find,
                     const char *replace)
{
    add_edit(w, (struct world_edit){WORLD_AFTER_SIGNING, repository, role, find, replace, false});
}

void world_edit_served(struct world *w, int repository, const char *role, const char *find,
                       const char *replace)
{
    add_edit(w, (struct world_edit){WORLD_AS_SERVED, repository, role, find, replace, false});
}

static void add_fault(struct world *w, struct world_fault fault)
{
    if (w->now.fault_count == WORLD_EDITS_MAX)
        world_failed("too many faults", fault.role);
    w->now.faults[w->now.fault_count++] = fault;
}

void world_fails(struct world *w, int repository, const char *role, sev_err err)
{
    add_fault(w, (struct world_fault){repository, role, err, SEV_EMPTY});
}

void world_serves(struct world *w, int repository, const char *role, sev_slice bytes)
{
    add_fault(w, (struct world_fault){repository, role, SEV_OK, bytes});
}

void world_heal(struct world *w)
{
    w->now.edit_count = 0;
    w->now.fault_count = 0;
}

void world_sign_with(struct world_role *role, const struct world_keys *keys, int count)
{
    role->signature_count = 0;
    for (int i = 0; i < count; i++)
        world_sign_also(role, keys->ids[i]);
}

void world_sign_also(struct world_role *role, world_key key)
{
    if (role->signature_count < 0)
        role->signature_count = 0;
    if (role->signature_count == WORLD_SIGNATURES_MAX)
        world_failed("too many signatures", role->name);
    role->signatures[role->signature_count++] = (struct world_signature){.key = key};
}

static const uint8_t *find_in(sev_slice text, const char *what)
{
    size_t n = strlen(what);
    for (size_t i = 0; i + n <= text.len; i++)
        if (memcmp(text.ptr + i, what, n) == 0)
            return text.ptr + i;
    return NULL;
}

static sev_slice replace_at(sev_slice text, size_t at, size_t gone, const char *with)
{
    size_t n = strlen(with);
    uint8_t *out = world_take(text.len - gone + n + 1);
    memcpy(out, text.ptr, at);
    memcpy(out + at, with, n);
    memcpy(out + at + n, text.ptr + at + gone, text.len - at - gone);
    out[text.len - gone + n] = 0;
    return sev_slice_of(out, text.len - gone + n);
}

sev_slice world_edited(struct world *w, enum world_stage stage, int repository, const char *role,
                       sev_slice text, bool *found)
{
    *found = true;
    for (int i = 0; i < w->now.edit_count; i++) {
        const struct world_edit *e = &w->now.edits[i];
        if (e->stage != stage || e->repository != repository || strcmp(e->role, role) != 0)
            continue;
        const uint8_t *at = find_in(text, e->find);
        *found = *found && at != NULL;
        size_t from = 0;
        while (at != NULL) {
            size_t place = (size_t)(at - text.ptr);
            text = replace_at(text, place, strlen(e->find), e->replace);
            from = place + strlen(e->replace);
            at = e->everywhere ? find_in(sev_slice_sub(text, from, text.len), e->find) : NULL;
            if (!e->everywhere && find_in(sev_slice_sub(text, from, text.len), e->find) != NULL)
                world_failed("the text to replace stands there twice", e->find);
        }
    }
    return text;
}

/* -------------------------------------------------------------- publishing */

static void serve_file(struct world *w, int repository, const char *name, sev_slice bytes)
{
    int *n = &w->now.file_count[repository];
    if (*n == WORLD_FILES_MAX)
        world_failed("too many files", name);
    w->now.files[repository][(*n)++] = (struct world_file){name, bytes};
}

static const char *url_of(struct world *w, const struct world_role *role, int index)
{
    char name[SEV_FILE_URL_MAX + 1];
    sev_buf b = sev_buf_of(name, sizeof name - 1);
    bool aktualizr = w->profile == SEV_PROFILE_AKTUALIZR;
    if (aktualizr && index >= SEV_TOP_ROLES)
        return world_name("delegations/%s.json", role->name);
    sev_percent_encode(world_slice(role->name), false, &b);
    name[b.len] = '\0';
    if (index == SEV_ROLE_TIMESTAMP || (aktualizr && index != SEV_ROLE_ROOT))
        return world_name("%s.json", name);
    return world_name("%lld.%s.json", (long long)role->version, name);
}

/* A role whose keys changed signs anew, unless the test says who signs. */
static bool is_unchanged(const struct world_role *role, sev_slice body, bool found)
{
    bool same_keys = role->signature_count >= 0 ||
                     (role->keys.count == role->signed_by.count &&
                      role->keys.threshold == role->signed_by.threshold &&
                      memcmp(role->keys.ids, role->signed_by.ids,
                             (size_t)role->keys.count * sizeof role->keys.ids[0]) == 0);
    return found && same_keys && role->force_version == 0 && !role->sign_again &&
           role->body.ptr != NULL && sev_slice_eq(body, role->body);
}

static void publish_role(struct world *w, int repository, int index)
{
    struct world_repository *r = &w->now.repositories[repository];
    struct world_role *role = &r->roles[index];
    size_t mark = world_pool_mark();
    bool found, file_found;
    sev_slice body = world_body(w, repository, index, role->version);
    body = world_edited(w, WORLD_BEFORE_SIGNING, repository, role->name, body, &found);
    if (is_unchanged(role, body, found)) {
        world_pool_reset(mark);
        return;
    }
    world_pool_reset(mark);
    role->version = role->force_version != 0 ? role->force_version : role->version + 1;
    role->force_version = 0;
    role->sign_again = false;
    body = world_body(w, repository, index, role->version);
    body = world_edited(w, WORLD_BEFORE_SIGNING, repository, role->name, body, &found);
    sev_slice file = world_envelope(w, repository, index, body);
    file = world_edited(w, WORLD_AFTER_SIGNING, repository, role->name, file, &file_found);
    if (!found || !file_found)
        world_failed("a text to replace is not there", role->name);
    role->body = body;
    role->file = file;
    role->signed_by = role->keys;
    serve_file(w, repository, url_of(w, role, index), file);
    if (index == SEV_ROLE_ROOT)
        r->signed_by = role->keys;
}

static const char *percent_encoded(const char *name)
{
    char text[3 * SEV_NAME_BYTES_MAX];
    sev_buf b = sev_buf_of(text, sizeof text);
    sev_percent_encode(world_slice(name), true, &b);
    return world_text("%.*s", (int)b.len, text);
}

static void publish_hashed(struct world *w, const struct world_image *m, sev_slice digest)
{
    uint8_t hex[2 * SEV_SHA512_BYTES];
    sev_buf b = sev_buf_of(hex, sizeof hex);
    const char *name = percent_encoded(m->name), *slash = strrchr(name, '/');
    int folder = slash != NULL ? (int)(slash - name) + 1 : 0;
    sev_hex_encode(digest, &b);
    serve_file(w, IMAGES,
               world_name("targets/%.*s%.*s.%s", folder, name, (int)b.len, (const char *)hex,
                          name + folder),
               m->bytes);
}

static void publish_image(struct world *w, const struct world_image *m)
{
    for (int i = 0; i < w->now.file_count[IMAGES]; i++)
        if (w->now.files[IMAGES][i].bytes.ptr == m->bytes.ptr)
            return;
    if (w->profile == SEV_PROFILE_AKTUALIZR) {
        serve_file(w, IMAGES, world_name("targets/%s", percent_encoded(m->name)), m->bytes);
        return;
    }
    uint8_t digest[SEV_SHA512_BYTES];
    sev_sha256(m->bytes, digest);
    publish_hashed(w, m, sev_slice_of(digest, SEV_SHA256_BYTES));
    sev_sha512(m->bytes, digest);
    publish_hashed(w, m, sev_slice_of(digest, SEV_SHA512_BYTES));
}

void world_publish(struct world *w)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        bool alone = w->profile == SEV_PROFILE_AKTUALIZR && r == DIRECTOR;
        publish_role(w, r, SEV_ROLE_ROOT);
        for (int i = w->now.repositories[r].role_count - 1; i >= SEV_ROLE_TARGETS; i--)
            publish_role(w, r, i);
        if (!alone) {
            publish_role(w, r, SEV_ROLE_SNAPSHOT);
            publish_role(w, r, SEV_ROLE_TIMESTAMP);
        }
    }
    for (int i = 0; i < w->now.image_count; i++)
        publish_image(w, &w->now.images[i]);
}

sev_slice world_signed(struct world *w, int repository, const char *role, sev_slice body)
{
    return world_envelope(w, repository, world_role_index(w, repository, role), body);
}

/* ----------------------------------------------------------------- serving */

/* Is this URL the role's file (whatever its version), or the image of that name? */
static bool url_is_of(const char *url, const char *role)
{
    char name[SEV_FILE_URL_MAX + 1];
    sev_buf b = sev_buf_of(name, sizeof name - 6);
    if (strncmp(url, "targets/", 8) == 0) {
        const char *base = strrchr(url, '/') + 1, *dot = strchr(base, '.');
        const char *wanted = strrchr(role, '/');
        if (wanted == NULL || dot == NULL)
            return false;
        return strcmp(base, wanted + 1) == 0 || strcmp(dot + 1, wanted + 1) == 0;
    }
    if (strncmp(url, "delegations/", 12) == 0)
        url += 12;
    else if (url[0] >= '0' && url[0] <= '9' && strchr(url, '.') != NULL)
        url = strchr(url, '.') + 1;
    sev_percent_encode(world_slice(role), false, &b);
    memcpy(name + b.len, ".json", 6);
    return strcmp(url, name) == 0;
}

static const char *role_of_url(struct world *w, int repository, const char *url)
{
    struct world_repository *r = &w->now.repositories[repository];
    for (int i = 0; i < r->role_count; i++)
        if (url_is_of(url, r->roles[i].name))
            return r->roles[i].name;
    return "";
}

sev_err world_get(struct world *w, int repository, const char *url, sev_slice *out)
{
    for (int i = 0; i < w->now.fault_count; i++) {
        const struct world_fault *f = &w->now.faults[i];
        if (f->repository != repository || !url_is_of(url, f->role))
            continue;
        *out = f->bytes;
        return f->err;
    }
    for (int i = w->now.file_count[repository] - 1; i >= 0; i--) {
        const struct world_file *f = &w->now.files[repository][i];
        bool found;
        if (strcmp(f->name, url) != 0)
            continue;
        const char *role = role_of_url(w, repository, url);
        *out = world_edited(w, WORLD_AS_SERVED, repository, role, f->bytes, &found);
        if (!found)
            world_failed("a text to replace as served is not there", url);
        return SEV_OK;
    }
    return SEV_E_ABSENT;
}

/* ----------------------------------------------------------------- mending */

void world_break(struct world *w)
{
    w->honest = w->now;
}

void world_mend(struct world *w)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        struct world_repository *good = &w->honest.repositories[r];
        const struct world_repository *bad = &w->now.repositories[r];
        for (int i = SEV_ROLE_TIMESTAMP; i < good->role_count; i++) {
            good->roles[i].sign_again = true;
            if (i < bad->role_count && bad->roles[i].version > good->roles[i].version)
                good->roles[i].version = bad->roles[i].version;
        }
    }
    w->now = w->honest;
    w->release_fails = SEV_OK;
}

void world_provision(struct world *w)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++)
        world_put_stored(w, r, "root.json", w->now.repositories[r].roles[SEV_ROLE_ROOT].file);
}

void world_settle(struct world *w)
{
    world_publish(w);
    world_provision(w);
    const struct world_result *r = world_cycle(w);
    if (r->err != SEV_OK)
        world_failed("the honest world is refused",
                     world_name("%s\n%s", sev_err_id(r->err), w->trace));
    const char *wrong = world_wrong_release(w);
    if (wrong != NULL)
        world_failed("the honest world goes wrong", wrong);
    world_stage(w, 2);
    world_break(w);
}

/* The same accepted world for every test of a program: made once, then copied. */
struct world *world_accepted(void)
{
    static struct world accepted;
    if (pool_floor == 0) {
        world_settle(world_begin());
        accepted = the_world;
        pool_floor = world_pool_mark();
    } else {
        the_world = accepted;
        world_pool_reset(pool_floor);
    }
    return &the_world;
}
