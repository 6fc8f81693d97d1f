/* desk - see the header. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "desk.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

/* ---------------------------------------------------------------------- keys */

static struct sev_privkey *private_keys[DESK_KEYS];
static char ids[DESK_KEYS][SEV_KEY_ID_CHARS + 1];

static struct sev_privkey *key_of(enum desk_key key)
{
    if (private_keys[key] == NULL) {
        sev_key_type type = key < DESK_P256      ? SEV_KEY_P256
                            : key < DESK_ED25519 ? SEV_KEY_ED25519
                                                 : SEV_KEY_X25519;
        CHECK_OK(sev_privkey_generate(type, 0, &private_keys[key]));
        CHECK_OK(sev_key_id(sev_privkey_public(private_keys[key]), SEV_PROFILE_NATIVE, ids[key]));
    }
    return private_keys[key];
}

__attribute__((destructor)) static void free_keys(void)
{
    for (int i = 0; i < DESK_KEYS; i++)
        sev_privkey_free(private_keys[i]);
}

const struct sev_pubkey *desk_public(enum desk_key key)
{
    return sev_privkey_public(key_of(key));
}

const char *desk_id(enum desk_key key)
{
    (void)key_of(key);
    return ids[key];
}

/* -------------------------------------------------------------------- folder */

static char base_path[64];

static void remove_base(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", base_path);
    if (system(command) != 0)
        (void)fprintf(stderr, "cannot remove %s\n", base_path);
}

/* Memory, where there is such a file system: thousands of fsyncs prove nothing more on a disk. */
static const char *base(void)
{
    if (base_path[0] != '\0')
        return base_path;
    (void)snprintf(base_path, sizeof base_path, "/dev/shm/sev-desk-XXXXXX");
    if (mkdtemp(base_path) == NULL)
        (void)snprintf(base_path, sizeof base_path, "%s", sev_test_dir());
    else
        (void)atexit(remove_base);
    return base_path;
}

void desk_new(struct desk *d)
{
    static int count;
    memset(d, 0, sizeof *d);
    d->real = sev_fs_posix(NULL);
    d->fs = &d->real;
    d->now = DESK_NOW;
    (void)snprintf(d->dir, sizeof d->dir, "%s/desk-%d-%d", base(), (int)getpid(), count++);
}

void desk_copy(struct desk *d, const struct desk *from)
{
    char command[1024];
    desk_new(d);
    d->now = from->now;
    (void)snprintf(command, sizeof command, "cp -a '%s' '%s'", from->dir, d->dir);
    CHECK_EQ(system(command), 0);
}

const char *desk_path(const struct desk *d, const char *relative)
{
    static char paths[4][600];
    static int next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", d->dir, relative);
    return path;
}

bool desk_has(const struct desk *d, const char *relative)
{
    return access(desk_path(d, relative), F_OK) == 0;
}

int64_t desk_version(const struct desk *d, const char *role)
{
    DIR *dir = opendir(desk_path(d, "public"));
    int64_t highest = 0;
    size_t n = strlen(role);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        char *rest;
        long long version = strtoll(e->d_name, &rest, 10);
        bool ours = rest != e->d_name && rest[0] == '.' && strncmp(rest + 1, role, n) == 0 &&
                    strcmp(rest + 1 + n, ".json") == 0;
        if (ours && version > highest)
            highest = version;
    }
    if (dir != NULL)
        closedir(dir);
    return highest;
}

/* ---------------------------------------------------------------------- plan */

void desk_role(struct desk_plan *p, const char *name, bool aktualizr, uint32_t threshold,
               const enum desk_key *keys, uint32_t count)
{
    CHECK(p->count < 16 && count <= 4);
    for (uint32_t i = 0; i < count; i++)
        p->keys[p->count][i] = *desk_public(keys[i]);
    p->roles[p->count] = (struct sev_repository_role){
        .name = name,
        .aktualizr = aktualizr,
        .keys = {.keys = p->keys[p->count], .count = count, .threshold = threshold}};
    p->count++;
    p->plan.roles = p->roles;
    p->plan.role_count = p->count;
}

void desk_plan_of(struct desk_plan *p, sev_repository_kind kind)
{
    memset(p, 0, sizeof *p);
    p->plan.kind = kind;
    if (kind == SEV_REPOSITORY_DIRECTOR)
        p->plan.vehicle = "did:secureev:car";
    desk_role(p, "root", false, 2, (enum desk_key[]){ROOT_1, ROOT_2, ROOT_3}, 3);
    desk_role(p, "targets", false, 1, (enum desk_key[]){TARGETS}, 1);
    desk_role(p, "snapshot", false, 1, (enum desk_key[]){SNAPSHOT}, 1);
    desk_role(p, "timestamp", false, 1, (enum desk_key[]){TIMESTAMP}, 1);
    if (kind == SEV_REPOSITORY_REGULATOR)
        desk_role(p, "attestations", false, 2, (enum desk_key[]){REVIEWER_1, REVIEWER_2}, 2);
}

sev_err desk_init(struct desk *d, const struct desk_plan *p)
{
    struct sev_repository_plan plan = p->plan;
    plan.roles = p->roles; /* p may have been copied */
    struct sev_repository_role roles[16];
    for (uint32_t i = 0; i < p->count; i++) {
        roles[i] = p->roles[i];
        roles[i].keys.keys = p->keys[i];
    }
    plan.roles = roles;
    return sev_repository_init(d->fs, d->dir, &plan, d->now, &d->note);
}

struct sev_repository *desk_open(struct desk *d)
{
    struct sev_repository *r = NULL;
    CHECK_OK(sev_repository_open(d->fs, d->dir, SEV_REPOSITORY_WRITE, &d->note, &r));
    return r;
}

void desk_done(struct sev_repository *r)
{
    sev_err e = sev_repository_save(r);
    sev_repository_close(r);
    CHECK_OK(e);
}

/* ------------------------------------------------------------------- signing */

static sev_err sign(void *context, const char *keyid, sev_slice message, sev_buf *out)
{
    const unsigned long *keys = context;
    for (int i = 0; i < DESK_KEYS; i++) {
        bool has = (*keys >> i & 1) != 0 && private_keys[i] != NULL;
        if (has && strcmp(ids[i], keyid) == 0)
            return sev_privkey_sign(private_keys[i], message, out);
    }
    return SEV_E_NOT_FOUND;
}

struct sev_repository_signer desk_signer(unsigned long keys)
{
    static unsigned long held[8];
    static int next;
    unsigned long *slot = &held[next++ % 8];
    *slot = keys;
    return (struct sev_repository_signer){slot, sign};
}

void desk_sign(struct desk *d, const char *file, sev_slice bytes, enum desk_key key, sev_buf *out)
{
    struct sev_bytes staged = {0};
    struct sev_tbs tbs;
    uint8_t raw[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(raw, sizeof raw);
    if (bytes.ptr == NULL) {
        CHECK_OK(sev_file_read(&d->real, file, SEV_TARGETS_BYTES_MAX, 0, &staged));
        bytes = sev_bytes_slice(&staged);
    }
    CHECK_OK(sev_tbs_check(&d->real, bytes, &tbs, &d->note));
    CHECK_OK(sev_privkey_sign(key_of(key), bytes, &sig));
    CHECK_OK(sev_tbs_signature_file(&tbs, desk_id(key), sev_buf_slice(&sig), out));
    sev_bytes_free(&d->real, &staged);
}

/* One signature of one key over one staged file; whether it may is the repository's business. */
static sev_err sign_staged(struct desk *d, const char *file, enum desk_key key)
{
    struct sev_repository *r = NULL;
    uint8_t bytes[SEV_SIGNATURE_FILE_BYTES_MAX];
    sev_buf b = sev_buf_of(bytes, sizeof bytes);
    desk_sign(d, file, SEV_EMPTY, key, &b);
    sev_slice one = sev_buf_slice(&b);
    sev_err e = sev_repository_open(d->fs, d->dir, SEV_REPOSITORY_WRITE, &d->note, &r);
    if (e == SEV_OK)
        e = sev_repository_assemble(r, &one, 1, true);
    sev_repository_close(r);
    return e == SEV_E_KEY ? SEV_OK : e;
}

sev_err desk_ceremony(struct desk *d, unsigned long keys)
{
    char files[32][SEV_FS_PATH_MAX];
    struct sev_repository_staged s;
    struct sev_repository *r = NULL;
    size_t count = 0;
    sev_err e = sev_repository_open(d->fs, d->dir, SEV_REPOSITORY_WRITE, &d->note, &r);
    if (e == SEV_OK)
        e = sev_repository_stage(r, d->now, false);
    for (size_t i = 0; e == SEV_OK && sev_repository_staged_at(r, i, &s); i++)
        if (!s.complete && count < 32)
            memcpy(files[count++], s.file, sizeof files[0]);
    sev_repository_close(r);
    for (size_t i = 0; i < count; i++)
        for (int k = 0; e == SEV_OK && k < DESK_KEYS; k++)
            if ((keys >> k & 1) != 0 && private_keys[k] != NULL && k != KEM)
                e = sign_staged(d, files[i], (enum desk_key)k);
    return e;
}

sev_err desk_publish(struct desk *d, unsigned long keys)
{
    return desk_publish_as(d, keys, SEV_PUBLISH_ALL);
}

sev_err desk_publish_as(struct desk *d, unsigned long keys, enum sev_repository_publish_how how)
{
    struct sev_repository_signer signer = desk_signer(keys);
    struct sev_repository *r = NULL;
    sev_err e = sev_repository_open(d->fs, d->dir, SEV_REPOSITORY_WRITE, &d->note, &r);
    if (e == SEV_OK)
        e = sev_repository_publish(r, d->now, how, &signer);
    sev_repository_close(r);
    return e;
}

/* ------------------------------------------------------------------ contents */

sev_err desk_add(struct desk *d, const char *name, const char *text, const char *role)
{
    static const char *const hardware[] = {"hw"};
    char path[400];
    struct sev_repository *r = NULL;
    (void)snprintf(path, sizeof path, "%s.img", d->dir);
    sev_test_write(path, sev_slice_of(text, strlen(text)));
    struct sev_repository_image image = {.name = name,
                                         .file = path,
                                         .role = role,
                                         .hardware_ids = {hardware, 1},
                                         .release_counter = 1,
                                         .version = "1.0"};
    sev_err e = sev_repository_open(d->fs, d->dir, SEV_REPOSITORY_WRITE, &d->note, &r);
    if (e == SEV_OK)
        e = sev_repository_add_image(r, &image);
    if (e == SEV_OK)
        e = sev_repository_save(r);
    sev_repository_close(r);
    return e;
}

sev_err desk_delegate(struct desk *d, const char *role, enum desk_key key, const char *path,
                      const char *parent)
{
    struct sev_repository *r = NULL;
    struct sev_repository_role to = {
        .name = role, .keys = {.keys = desk_public(key), .count = 1, .threshold = 1}};
    struct sev_repository_delegate how = {
        .parent = parent, .roles = &to, .role_count = 1, .paths = {&path, 1}};
    sev_err e = sev_repository_open(d->fs, d->dir, SEV_REPOSITORY_WRITE, &d->note, &r);
    if (e == SEV_OK)
        e = sev_repository_delegate_to(r, &how);
    if (e == SEV_OK)
        e = sev_repository_save(r);
    sev_repository_close(r);
    return e;
}

sev_err desk_rotate(struct desk *d, const char *role, enum desk_key key)
{
    struct sev_repository *r = NULL;
    struct sev_repository_role to = {
        .name = role, .keys = {.keys = desk_public(key), .count = 1, .threshold = 1}};
    sev_err e = sev_repository_open(d->fs, d->dir, SEV_REPOSITORY_WRITE, &d->note, &r);
    if (e == SEV_OK)
        e = sev_repository_rotate(r, &to, NULL);
    if (e == SEV_OK)
        e = sev_repository_save(r);
    sev_repository_close(r);
    return e;
}

void desk_images(struct desk *d)
{
    struct desk_plan p;
    desk_new(d);
    desk_plan_of(&p, SEV_REPOSITORY_IMAGES);
    CHECK_OK(desk_init(d, &p));
    CHECK_OK(desk_delegate(d, "supplier", SUPPLIER, "sup/*", NULL));
    CHECK_OK(desk_add(d, "oem/a.img", "an image of our own", NULL));
    CHECK_OK(desk_add(d, "sup/b.img", "the supplier's image", "supplier"));
    CHECK_OK(desk_ceremony(d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(d, DESK_ONLINE));
}

/* ---------------------------------------------------------------------- lint */

struct lint_count {
    uint32_t errors;
    const char *expected;
    bool seen;
};

static void count_finding(void *context, const struct sev_lint_finding *f)
{
    struct lint_count *c = context;
    if (c->expected != NULL && strcmp(f->code, c->expected) == 0)
        c->seen = true;
    if (!f->is_error)
        return;
    c->errors++;
    if (c->expected == NULL)
        print_message("lint: %s %s %s: %s\n", f->code, f->role, f->subject, f->text);
}

uint32_t desk_lint_errors(struct desk *d, sev_repository_kind kind, const char *expected_code)
{
    struct lint_count c = {0, expected_code, false};
    char native[400], aktualizr[400];
    (void)snprintf(native, sizeof native, "%s/public", d->dir);
    (void)snprintf(aktualizr, sizeof aktualizr, "%s/public/aktualizr", d->dir);
    bool both = desk_has(d, "public/aktualizr/1.root.json");
    struct sev_lint_config config = {
        .folder = native, .kind = kind, .now = d->now, .days = 1, .other = both ? aktualizr : NULL};
    CHECK_OK(sev_repository_lint(&d->real, &config, count_finding, &c, &d->note));
    config.profile = SEV_PROFILE_AKTUALIZR;
    config.folder = aktualizr;
    config.other = NULL;
    if (both)
        CHECK_OK(sev_repository_lint(&d->real, &config, count_finding, &c, &d->note));
    if (expected_code != NULL && !c.seen)
        fail_msg("lint does not say %s", expected_code);
    return c.errors;
}

struct lint_question {
    const char *code;
    bool is_error, seen;
};

static void answer(void *context, const struct sev_lint_finding *f)
{
    struct lint_question *q = context;
    q->seen = q->seen || (strcmp(f->code, q->code) == 0 && f->is_error == q->is_error);
}

bool desk_lint_says(struct desk *d, sev_repository_kind kind, bool is_error, const char *code)
{
    struct lint_question q = {code, is_error, false};
    char folder[400];
    (void)snprintf(folder, sizeof folder, "%s/public", d->dir);
    struct sev_lint_config config = {.folder = folder, .kind = kind, .now = d->now, .days = 3};
    CHECK_OK(sev_repository_lint(&d->real, &config, answer, &q, &d->note));
    return q.seen;
}

/* --------------------------------------------------------------------- forging */

#define FORGED_BYTES_MAX 262144u

static void file_of(struct desk *d, const char *role, char out[400])
{
    if (strcmp(role, "timestamp") == 0)
        (void)snprintf(out, 400, "%s/public/timestamp.json", d->dir);
    else
        (void)snprintf(out, 400, "%s/public/%lld.%s.json", d->dir, (long long)desk_version(d, role),
                       role);
}

static void put_signature(char *out, size_t cap, enum desk_key key, sev_slice message)
{
    uint8_t raw[SEV_SIG_BYTES_MAX], hex[2 * SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(raw, sizeof raw), h = sev_buf_of(hex, sizeof hex);
    CHECK_OK(sev_privkey_sign(key_of(key), message, &sig));
    sev_hex_encode(sev_buf_slice(&sig), &h);
    size_t n = strlen(out);
    (void)snprintf(out + n, cap - n, "%s{\"keyid\":\"%s\",\"sig\":\"%.*s\"}", n != 0 ? "," : "",
                   desk_id(key), (int)h.len, (const char *)hex);
}

static void sign_and_write(const char *path, const char *role, const char *body)
{
    static const struct {
        const char *role;
        enum desk_key keys[2];
    } signers[] = {{"root", {ROOT_1, ROOT_2}},
                   {"targets", {TARGETS, TARGETS}},
                   {"snapshot", {SNAPSHOT, SNAPSHOT}},
                   {"timestamp", {TIMESTAMP, TIMESTAMP}},
                   {"supplier", {SUPPLIER, SUPPLIER}},
                   {"tier", {TIER, TIER}},
                   {"withdrawals", {REVIEWER_1, REVIEWER_2}},
                   {"attestations", {REVIEWER_1, REVIEWER_2}}};
    char signatures[4096] = "";
    size_t cap = strlen(body) + 64, i = 0;
    uint8_t *message = malloc(cap);
    uint32_t slots[1024];
    CHECK(message != NULL);
    sev_buf m = sev_buf_of(message, cap);
    CHECK_OK(sev_json_canonical(sev_slice_of(body, strlen(body)), SEV_CANON_OLPC,
                                (struct sev_json_scratch){slots, 1024}, &m));
    while (strcmp(signers[i].role, role) != 0)
        i++;
    for (int k = 0; k < 2 && (k == 0 || signers[i].keys[1] != signers[i].keys[0]); k++)
        put_signature(signatures, sizeof signatures, signers[i].keys[k], sev_buf_slice(&m));
    free(message);
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL);
    CHECK(fprintf(f, "{\"signatures\":[%s],\"signed\":%s}", signatures, body) > 0);
    CHECK_EQ(fclose(f), 0);
}

/* The signed part of a file, with every `find` replaced. */
static char *edited_body(const char *path, const char *find, const char *replace)
{
    size_t len, n = 0, skip = strlen(find);
    char *text = (char *)sev_test_read(path, &len), *out = malloc(FORGED_BYTES_MAX);
    const char *at = strstr(text, "\"signed\":");
    CHECK(at != NULL && out != NULL);
    at += 9;
    const char *end = text + len - 1;
    bool any = false;
    while (at < end) {
        CHECK(n + strlen(replace) + 1 < FORGED_BYTES_MAX);
        if (strncmp(at, find, skip) == 0) {
            memcpy(out + n, replace, strlen(replace));
            n += strlen(replace);
            at += skip;
            any = true;
        } else {
            out[n++] = *at++;
        }
    }
    out[n] = '\0';
    free(text);
    if (!any)
        fail_msg("no %s in %s", find, path);
    return out;
}

static void fingerprint(const char *path, char out[160])
{
    size_t len;
    uint8_t *bytes = sev_test_read(path, &len), digest[SEV_SHA256_BYTES];
    char hex[2 * SEV_SHA256_BYTES + 1] = {0};
    sev_buf b = sev_buf_of(hex, sizeof hex - 1);
    sev_sha256(sev_slice_of(bytes, len), digest);
    sev_hex_encode(sev_slice_of(digest, sizeof digest), &b);
    (void)snprintf(out, 160, "{\"sha256\":\"%s\"},\"length\":%zu,", hex, len);
    free(bytes);
}

void desk_forge(struct desk *d, const char *role, const char *find, const char *replace)
{
    char path[400], before[160], after[160];
    file_of(d, role, path);
    fingerprint(path, before);
    char *body = edited_body(path, find, replace);
    sign_and_write(path, role, body);
    free(body);
    fingerprint(path, after);
    if (strcmp(role, "root") == 0 || strcmp(role, "timestamp") == 0)
        return;
    desk_forge(d, strcmp(role, "snapshot") == 0 ? "timestamp" : "snapshot", before, after);
}

/* -------------------------------------------------------------------- reader */

#define READER_BYTES (4u << 20)

static uint8_t *read_whole(const char *path, size_t *out_len)
{
    struct sev_fs fs = sev_fs_posix(NULL);
    struct sev_bytes b = {0};
    if (sev_file_read(&fs, path, SEV_TARGETS_BYTES_MAX, 0, &b) != SEV_OK)
        return NULL;
    *out_len = b.len;
    return b.ptr;
}

static void keep(struct reader *r, const char *name, const uint8_t *bytes, size_t len)
{
    uint32_t i = 0;
    while (i < r->count && strcmp(r->files[i].name, name) != 0)
        i++;
    CHECK(i < READER_FILES_MAX);
    uint8_t *copy = malloc(len + 1);
    CHECK(copy != NULL);
    memcpy(copy, bytes, len);
    if (i == r->count) {
        r->count++;
        (void)snprintf(r->files[i].name, sizeof r->files[i].name, "%s", name);
    } else {
        free(r->files[i].bytes);
    }
    r->files[i].bytes = copy;
    r->files[i].len = len;
}

void reader_new(struct reader *r, const struct desk *d)
{
    char path[400];
    size_t len = 0;
    memset(r, 0, sizeof *r);
    (void)snprintf(r->folder, sizeof r->folder, "%s/public", d->dir);
    (void)snprintf(path, sizeof path, "%s/1.root.json", r->folder);
    r->now = d->now;
    r->memory = malloc(READER_BYTES);
    uint8_t *root = read_whole(path, &len);
    CHECK(root != NULL && r->memory != NULL);
    keep(r, "root.json", root, len);
    free(root);
}

void reader_free(struct reader *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        free(r->files[i].bytes);
    free(r->memory);
    memset(r, 0, sizeof *r);
}

static sev_err serve(struct reader *r, const struct sev_want *want, size_t *out_len)
{
    char path[900];
    size_t len = 0;
    if (want->kind == SEV_WANT_STORE) {
        keep(r, want->file, want->bytes.ptr, want->bytes.len);
        return SEV_OK;
    }
    if (want->kind == SEV_WANT_LOAD) {
        for (uint32_t i = 0; i < r->count; i++) {
            if (strcmp(r->files[i].name, want->file) != 0)
                continue;
            CHECK(r->files[i].len <= want->max);
            memcpy(want->dest, r->files[i].bytes, r->files[i].len);
            *out_len = r->files[i].len;
            return SEV_OK;
        }
        return SEV_E_ABSENT;
    }
    (void)snprintf(path, sizeof path, "%s/%s", r->folder, want->url);
    uint8_t *bytes = read_whole(path, &len);
    if (bytes == NULL)
        return SEV_E_ABSENT;
    sev_err e = len <= want->max ? SEV_OK : SEV_E_TOO_LONG;
    if (e == SEV_OK)
        memcpy(want->dest, bytes, len);
    *out_len = len;
    free(bytes);
    return e;
}

static sev_err drive(struct reader *r)
{
    for (;;) {
        struct sev_want want;
        size_t len = 0;
        sev_walk_next(&r->walk, &want);
        if (want.kind == SEV_WANT_NOTHING)
            return r->walk.err;
        sev_err e = serve(r, &want, &len);
        if (e == SEV_OK)
            sev_walk_got(&r->walk, want.kind == SEV_WANT_STORE ? 0 : len);
        else if (e == SEV_E_ABSENT)
            sev_walk_absent(&r->walk);
        else
            sev_walk_failed(&r->walk, e);
    }
}

sev_err reader_refresh(struct reader *r)
{
    struct sev_walk_config config = {.profile = r->profile, .director = r->director, .now = r->now};
    r->arena = sev_arena_of(r->memory, READER_BYTES);
    sev_walk_init(&r->walk, &config, &r->arena);
    return drive(r);
}

sev_err reader_find(struct reader *r, const char *image, bool *out_found)
{
    char path[1200], hex[2 * SEV_SHA256_BYTES + 1] = {0};
    size_t len = 0;
    sev_walk_search(&r->walk, sev_slice_of(image, strlen(image)), SEV_LIT("hw"));
    sev_err e = drive(r);
    *out_found = e == SEV_OK && r->walk.found;
    if (!*out_found)
        return e;
    const struct sev_listing *l = &r->walk.listing;
    const char *slash = strrchr(image, '/');
    int folder = slash != NULL ? (int)(slash - image + 1) : 0;
    sev_buf b = sev_buf_of(hex, sizeof hex - 1);
    sev_hex_encode(sev_slice_of(l->hashes.sha256, SEV_SHA256_BYTES), &b);
    (void)snprintf(path, sizeof path, "%s/targets/%.*s%s.%s", r->folder, folder, image, hex,
                   image + folder);
    uint8_t *bytes = read_whole(path, &len);
    bool fits = bytes != NULL && (int64_t)len == l->length &&
                sev_hashes_fit(&l->hashes, sev_slice_of(bytes, len));
    free(bytes);
    return fits ? SEV_OK : SEV_E_IMAGE_HASH;
}
