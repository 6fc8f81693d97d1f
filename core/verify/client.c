/* client - one update cycle, in order: who we are, the Director, the others, agreement, images.
 * REQ-ALG-1 REQ-ALG-9 REQ-ALG-10 SPDX-License-Identifier: MIT */
#include "secureev/client.h"

#include "base/check.h"
#include "base/literal.h"
#include "verify/client_internal.h"

#define STATE_FILE "vehicle.state"
#define STATE_BYTES_MAX (512u * 1024u)

enum {
    STATE_LOAD,     /* the vehicle's own state */
    STATE_DIRECTOR, /* its files, under the hooks of plan.c */
    STATE_PLAN,
    STATE_VISIT, /* refresh repository `current` */
    STATE_SEARCH,
    STATE_VERDICT,
    STATE_IMAGE,
    STATE_RELEASE,
    STATE_COMMIT,
    STATE_OVER,
};

static bool refuse(struct sev_client *c, sev_err e)
{
    c->err = e;
    c->state = STATE_OVER;
    return false;
}

static void about_repository(struct sev_client *c, uint32_t r)
{
    sev_slice name = c->config.map->repositories[r].name;
    memcpy(c->repository, name.ptr, name.len);
    c->repository[name.len] = '\0';
    c->role[0] = '\0';
}

/* The walk's refusal is the cycle's, by its own name. */
static bool refuse_walk(struct sev_client *c)
{
    about_repository(c, c->current);
    memcpy(c->role, c->walk.role, sizeof c->role);
    c->expected = c->walk.expected;
    c->actual = c->walk.actual;
    c->has_numbers = c->walk.has_numbers;
    return refuse(c, c->walk.err);
}

/* ------------------------------------------------------------------- state */

static bool has_room_for_state(const struct sev_client *c)
{
    return sev_arena_free(c->arena) > STATE_BYTES_MAX + 16; /* alignment */
}

static bool want_state_load(struct sev_client *c, struct sev_client_want *out)
{
    c->mark = c->arena->used;
    if (!has_room_for_state(c))
        return refuse(c, SEV_E_MEMORY);
    c->state_max = STATE_BYTES_MAX;
    c->state_dest = sev_arena_take(c->arena, c->state_max);
    out->kind = SEV_CLIENT_STATE;
    out->want.kind = SEV_WANT_LOAD;
    out->want.dest = c->state_dest;
    out->want.max = c->state_max;
    memcpy(out->want.file, STATE_FILE, sizeof STATE_FILE);
    return true;
}

static void got_state(struct sev_client *c, size_t len)
{
    c->arena->used = (size_t)(c->state_dest - c->arena->ptr) + len;
    c->stored_state = sev_slice_of(c->state_dest, len);
    c->state = STATE_DIRECTOR;
    if (len == 0)
        return;
    char bound[SEV_ID_BYTES_MAX];
    sev_buf b = sev_buf_of(bound, sizeof bound);
    sev_err e = sev_state_check(c->stored_state, c->arena);
    if (e == SEV_OK)
        e = sev_state_vehicle(c->stored_state, &b);
    if (e != SEV_OK) {
        refuse(c, e);
        return;
    }
    if (b.len == 0)
        return;
    sev_slice ours = sev_slice_of(c->vehicle, c->vehicle_len);
    /* Whoever asks under another name than this state belongs to has mixed up two vehicles. */
    if (SEV_REFUSE_IF(c->vehicle_len != 0 && !sev_slice_eq(ours, sev_buf_slice(&b)))) {
        refuse(c, SEV_E_CONFIG);
        return;
    }
    memcpy(c->vehicle, bound, b.len);
    c->vehicle_len = (uint32_t)b.len;
    c->bound = true;
}

static bool want_state_store(struct sev_client *c, struct sev_client_want *out, bool success)
{
    c->mark = c->arena->used;
    if (!has_room_for_state(c))
        return refuse(c, SEV_E_MEMORY);
    c->new_state = sev_buf_of(sev_arena_take(c->arena, STATE_BYTES_MAX), STATE_BYTES_MAX);
    sev_err e = sev_state_write(c, success, &c->new_state);
    if (e != SEV_OK)
        return refuse(c, e);
    out->kind = SEV_CLIENT_STATE;
    out->want.kind = SEV_WANT_STORE;
    out->want.bytes = sev_buf_slice(&c->new_state);
    memcpy(out->want.file, STATE_FILE, sizeof STATE_FILE);
    return true;
}

/* ------------------------------------------------------------ repositories */

static void begin_walk(struct sev_client *c, uint32_t r)
{
    struct sev_walk_config config = {
        .profile = c->config.profile,
        .director = r == 0,
        .partial = r == 0 && c->config.mode == SEV_MODE_PARTIAL,
        .now = c->config.now,
        .crypto = c->config.crypto,
    };
    config.hooks.context = c;
    config.hooks.before_version = r == 0 ? sev_plan_before_version : NULL;
    config.hooks.targets = r == 0 ? sev_plan_targets : sev_plan_listed;
    c->current = r;
    sev_walk_init(&c->walk, &config, c->arena);
}

static bool is_file(const struct sev_want *want, const char *name)
{
    return sev_slice_eq(sev_literal(want->file), sev_literal(name));
}

/* Pass the walk's want on; false: the walk has ended. */
static bool relay(struct sev_client *c, struct sev_client_want *out)
{
    if (c->holding) {
        c->holding = false;
        out->kind = SEV_CLIENT_WALK;
        out->repository = c->current;
        out->want = c->held;
        return true;
    }
    sev_walk_next(&c->walk, &out->want);
    if (out->want.kind == SEV_WANT_NOTHING)
        return false;
    out->kind = SEV_CLIENT_WALK;
    out->repository = c->current;
    /* The first accepted Director file binds the vehicle: the binding is durable before it is. */
    bool binds = out->want.kind == SEV_WANT_STORE && c->current == 0 && !c->bound &&
                 c->vehicle_len != 0 && !is_file(&out->want, "root.json") &&
                 !is_file(&out->want, "trust.tag");
    if (binds) {
        c->held = out->want;
        c->holding = true;
        return want_state_store(c, out, false);
    }
    return true;
}

static bool step_director(struct sev_client *c, struct sev_client_want *out)
{
    if (c->walk.arena == NULL)
        begin_walk(c, 0);
    if (relay(c, out))
        return true;
    if (c->state == STATE_OVER)
        return false;
    if (c->walk.err != SEV_OK)
        return refuse_walk(c);
    c->state = STATE_PLAN;
    return false;
}

static bool any_wanted(const struct sev_client *c)
{
    for (uint32_t i = 0; i < c->image_count; i++)
        if (c->images[i].wanted)
            return true;
    return false;
}

/* The next repository that some image needs; the Director has spoken already. */
static void visit_next(struct sev_client *c, uint32_t from)
{
    uint32_t needs = 0;
    for (uint32_t i = 0; i < c->image_count; i++)
        needs |= c->images[i].needs;
    for (uint32_t r = from; r < c->config.map->count; r++) {
        if ((needs & 1u << r) == 0)
            continue;
        c->mark = c->arena->used;
        begin_walk(c, r);
        c->state = STATE_VISIT;
        return;
    }
    c->state = STATE_VERDICT;
}

static bool step_plan(struct sev_client *c, struct sev_client_want *out)
{
    (void)out;
    sev_err e = sev_plan_make(c);
    if (e != SEV_OK) {
        about_repository(c, 0);
        memcpy(c->role, "targets", 8);
        return refuse(c, e);
    }
    if (!any_wanted(c)) /* REQ-VER-04: nothing new, nobody else is asked */
        c->state = STATE_RELEASE;
    else if (!has_room_for_state(c)) /* or it would be missed when the images are handed over */
        return refuse(c, SEV_E_MEMORY);
    else if (c->config.mode == SEV_MODE_PARTIAL)
        c->state = STATE_IMAGE;
    else
        visit_next(c, 1);
    return false;
}

static bool step_visit(struct sev_client *c, struct sev_client_want *out)
{
    if (relay(c, out))
        return true;
    if (c->walk.err != SEV_OK)
        return refuse_walk(c);
    c->next_search = 0;
    c->state = STATE_SEARCH;
    return false;
}

/* The search for assignment `next_search` is running (searching) or is to be begun. */
static bool step_search(struct sev_client *c, struct sev_client_want *out)
{
    if (c->walk.image.ptr != NULL) {
        if (relay(c, out))
            return true;
        if (c->walk.err != SEV_OK)
            return refuse_walk(c);
        struct sev_assignment *a = &c->assignments[c->next_search++];
        sev_plan_judge(c, c->current, &c->images[a->image], &c->walk);
        c->walk.image = SEV_EMPTY;
        return false;
    }
    if (c->next_search == c->assignment_count) {
        sev_arena_back(c->arena, c->mark);
        visit_next(c, c->current + 1);
        return false;
    }
    struct sev_assignment *a = &c->assignments[c->next_search];
    struct sev_image *image = &c->images[a->image];
    if ((image->needs & 1u << c->current) == 0) {
        c->next_search++;
        return false;
    }
    sev_walk_search(&c->walk, sev_slice_of(image->name, image->name_len),
                    c->config.ecus[a->ecu].hardware_id);
    return false;
}

/* REQ-VER-06 REQ-VER-10 */
static bool step_verdict(struct sev_client *c, struct sev_client_want *out)
{
    (void)out;
    sev_err e = SEV_HEED(sev_plan_verdict(c));
    if (e != SEV_OK)
        return refuse(c, e);
    c->state = STATE_IMAGE; /* no request for an image before all agree */
    return false;
}

/* ------------------------------------------------------------------ images */

/* targets/DIR/HASH.FILE: the hash stands before the last component. REQ-REP-07 REQ-ECU-12 */
static void native_url(const struct sev_image *image, sev_buf *out)
{
    sev_slice name = sev_slice_of(image->name, image->name_len);
    size_t last = name.len;
    while (last > 0 && name.ptr[last - 1] != '/')
        last--;
    const struct sev_hashes *h = &image->target.hashes;
    sev_slice digest = h->has_sha256 ? sev_slice_of(h->sha256, SEV_SHA256_BYTES)
                                     : sev_slice_of(h->sha512, SEV_SHA512_BYTES);
    sev_buf_put(out, "targets/", 8);
    sev_percent_encode(sev_slice_sub(name, 0, last), true, out);
    sev_hex_encode(digest, out);
    sev_buf_put_byte(out, '.');
    sev_percent_encode(sev_slice_sub(name, last, name.len), true, out);
}

/* Contract 4; its custom.uri is not followed: the caller says where images come from. */
static void aktualizr_url(const struct sev_image *image, sev_buf *out)
{
    sev_buf_put(out, "targets/", 8);
    sev_percent_encode(sev_slice_of(image->name, image->name_len), true, out);
}

static bool step_image(struct sev_client *c, struct sev_client_want *out)
{
    while (c->next_image < c->image_count && !c->images[c->next_image].wanted)
        c->next_image++;
    if (c->next_image == c->image_count) {
        c->state = STATE_RELEASE;
        return false;
    }
    const struct sev_image *image = &c->images[c->next_image];
    sev_buf url = sev_buf_of(out->image_url, SEV_URL_BYTES_MAX);
    if (c->config.profile == SEV_PROFILE_AKTUALIZR)
        aktualizr_url(image, &url);
    else
        native_url(image, &url);
    if (url.overflow)
        return refuse(c, SEV_E_JSON_LIMIT);
    out->image_url[url.len] = '\0';
    out->kind = SEV_CLIENT_IMAGE;
    out->image = c->next_image;
    out->image_name = sev_slice_of(image->name, image->name_len);
    out->image_length = image->target.length;
    memcpy(c->repository, "images", 7);
    c->role[0] = '\0';
    c->about_image = image;
    c->received = 0;
    sev_sha256_init(&c->sha256);
    sev_sha512_init(&c->sha512);
    return true;
}

sev_err sev_client_image_data(struct sev_client *c, sev_slice bytes)
{
    if (c->state != STATE_IMAGE)
        return SEV_E_BUG;
    int64_t length = c->images[c->next_image].target.length;
    /* Not one byte more than was signed. REQ-ECU-14 REQ-ATK-08 REQ-H15 REQ-H18 */
    if (SEV_REFUSE_IF((int64_t)bytes.len > length - c->received)) {
        c->waiting = false;
        refuse(c, SEV_E_TOO_LONG);
        return SEV_E_TOO_LONG;
    }
    c->received += (int64_t)bytes.len;
    sev_sha256_update(&c->sha256, bytes.ptr, bytes.len);
    if (c->images[c->next_image].target.hashes.has_sha512)
        sev_sha512_update(&c->sha512, bytes.ptr, bytes.len);
    return SEV_OK;
}

void sev_client_image_end(struct sev_client *c)
{
    c->waiting = false;
    if (c->state != STATE_IMAGE)
        return;
    const struct sev_target *t = &c->images[c->next_image].target;
    uint8_t sha256[SEV_SHA256_BYTES], sha512[SEV_SHA512_BYTES];
    sev_sha256_final(&c->sha256, sha256);
    sev_sha512_final(&c->sha512, sha512);
    /* Every listed digest and the length. REQ-ECU-23 REQ-ECU-24 REQ-PRI-09 */
    bool right = c->received == t->length;
    if (SEV_REFUSE_IF(!right)) {
        refuse(c, SEV_E_IMAGE_HASH);
        return;
    }
    right = !t->hashes.has_sha256 || memcmp(sha256, t->hashes.sha256, sizeof sha256) == 0;
    if (SEV_REFUSE_IF(!right)) {
        refuse(c, SEV_E_IMAGE_HASH);
        return;
    }
    right = !t->hashes.has_sha512 || memcmp(sha512, t->hashes.sha512, sizeof sha512) == 0;
    if (SEV_REFUSE_IF(!right)) {
        refuse(c, SEV_E_IMAGE_HASH);
        return;
    }
    c->delivered++;
    c->next_image++;
}

static bool step_release(struct sev_client *c, struct sev_client_want *out)
{
    (void)c;
    out->kind = SEV_CLIENT_RELEASE;
    return true;
}

void sev_client_released(struct sev_client *c, sev_err result)
{
    c->waiting = false;
    if (result != SEV_OK)
        refuse(c, result);
    else
        c->state = any_wanted(c) ? STATE_COMMIT : STATE_OVER;
}

/* Installed from here on: the marks rise with a cycle that succeeded, and with nothing else. */
static bool step_commit(struct sev_client *c, struct sev_client_want *out)
{
    return want_state_store(c, out, true);
}

static bool step_load(struct sev_client *c, struct sev_client_want *out)
{
    return want_state_load(c, out);
}

/* ----------------------------------------------------------------- machine */

static bool (*const steps[])(struct sev_client *, struct sev_client_want *) = {
    [STATE_LOAD] = step_load,   [STATE_DIRECTOR] = step_director, [STATE_PLAN] = step_plan,
    [STATE_VISIT] = step_visit, [STATE_SEARCH] = step_search,     [STATE_VERDICT] = step_verdict,
    [STATE_IMAGE] = step_image, [STATE_RELEASE] = step_release,   [STATE_COMMIT] = step_commit,
};

void sev_client_init(struct sev_client *c, const struct sev_client_config *config,
                     struct sev_arena *arena)
{
    memset(c, 0, sizeof *c);
    c->config = *config;
    c->arena = arena;
    c->state = STATE_LOAD;
    size_t n = config->vehicle.len < sizeof c->vehicle ? config->vehicle.len : sizeof c->vehicle;
    if (n != 0)
        memcpy(c->vehicle, config->vehicle.ptr, n);
    c->vehicle_len = (uint32_t)n;
    /* No time is not a time at which nothing has expired. REQ-VER-02 REQ-TIM-03 */
    if (SEV_REFUSE_IF(config->now <= 0))
        refuse(c, SEV_E_NO_TIME);
    if (config->ecu_count == 0 || config->ecu_count > SEV_ECUS_MAX ||
        config->vehicle.len > sizeof c->vehicle)
        refuse(c, SEV_E_CONFIG);
}

void sev_client_next(struct sev_client *c, struct sev_client_want *out)
{
    while (!c->waiting) {
        memset(out, 0, sizeof *out);
        if (c->state == STATE_OVER)
            return;
        c->waiting = steps[c->state](c, out);
    }
}

static bool is_state_want(const struct sev_client *c)
{
    return c->state == STATE_LOAD || c->state == STATE_COMMIT || c->holding;
}

/* A state file was read or written. */
static void state_done(struct sev_client *c, size_t len)
{
    if (c->state == STATE_LOAD) {
        got_state(c, len);
    } else if (c->state == STATE_COMMIT) {
        c->state = STATE_OVER;
    } else {
        sev_arena_back(c->arena, c->mark);
        c->bound = true; /* and now the file that was held back */
    }
}

void sev_client_got(struct sev_client *c, size_t len)
{
    c->waiting = false;
    if (is_state_want(c))
        state_done(c, len);
    else
        sev_walk_got(&c->walk, len);
}

void sev_client_absent(struct sev_client *c)
{
    c->waiting = false;
    if (c->state == STATE_IMAGE)
        refuse(c, SEV_E_ABSENT);
    else if (is_state_want(c))
        state_done(c, 0);
    else
        sev_walk_absent(&c->walk);
}

void sev_client_failed(struct sev_client *c, sev_err why)
{
    c->waiting = false;
    if (c->state == STATE_LOAD && why == SEV_E_TOO_LONG)
        why = SEV_E_STORE;
    if (c->state == STATE_IMAGE || is_state_want(c))
        refuse(c, why);
    else
        sev_walk_failed(&c->walk, why);
}
