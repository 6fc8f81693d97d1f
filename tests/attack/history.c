/* history - random lives of three repositories: rotations of every role, thresholds, delegations,
 * several that must agree, expiries, new images, lost answers, power cuts. Every step is accepted;
 * and of what is served, no single bit can be changed to another result.
 * A run is its seed: SEV_SEED=n repeats one; SEV_NIGHTLY=1 makes many.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <time.h>

#include "test.h"
#include "world.h"

#define STEPS 50 /* of one history */

static uint64_t random_state;

/* splitmix64 */
static uint64_t random_bits(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static int below(int n)
{
    return (int)(random_bits() % (uint64_t)n);
}

static bool once_in(int n)
{
    return below(n) == 0;
}

/* ------------------------------------------------------------- one step on */

struct history {
    struct world *w;
    int64_t counter;  /* release counters rise */
    int named;        /* roles ever added */
    int child_count;  /* roles below the suppliers */
    int children[12]; /* of them */
    int parents[12];
};

static void some_new_keys(struct world *w, struct world_role *role)
{
    int count = 1 + below(3);
    role->keys = world_new_keys(w, count, 1 + below(count));
}

static void rotate_something(struct history *h)
{
    struct world_repository *r = &h->w->now.repositories[below(WORLD_REPOSITORIES)];
    some_new_keys(h->w, &r->roles[below(r->role_count)]);
}

static void sign_something_again(struct history *h)
{
    struct world_repository *r = &h->w->now.repositories[below(WORLD_REPOSITORIES)];
    r->roles[below(r->role_count)].sign_again = true;
}

static void delegate_something(struct history *h)
{
    static const char *const suppliers[] = {"acme", "bolt"};
    static const char *const paths[] = {"[\"acme/*\"]", "[\"other/*\",\"bolt/*\"]"};
    if (h->child_count == 12 || h->named == 40)
        return;
    int supplier = below(2);
    const char *name = world_name("child-%d", h->named++);
    int role = world_add_role(h->w, IMAGES, name);
    some_new_keys(h->w, &h->w->now.repositories[IMAGES].roles[role]);
    struct world_delegation *d =
        world_delegate(h->w, IMAGES, suppliers[supplier], name, paths[supplier]);
    if (once_in(3))
        d->hardware_ids = supplier == 0 ? "[\"hw-x\",\"hw-brake\"]" : "[\"hw-door\"]";
    h->parents[h->child_count] = world_role_index(h->w, IMAGES, suppliers[supplier]);
    h->children[h->child_count++] = role;
}

/* Where an image of this ECU may be listed: the supplier, a role below it, several, or the top. */
static void place(struct history *h, struct world_image *m, int ecu)
{
    static const char *const suppliers[] = {"acme", "bolt"};
    const char *several[] = {"m0", "m1", "m2"};
    int choice = below(4);
    int64_t n = h->counter;
    m->at[IMAGES] = world_role_index(h->w, IMAGES, suppliers[ecu]);
    m->name = world_name("%s/image-%lld.bin", suppliers[ecu], (long long)n);
    if (choice == 0) {
        m->name = world_name("free/image-%lld.bin", (long long)n);
        m->at[IMAGES] = SEV_ROLE_TARGETS;
    } else if (choice == 1) {
        int first = below(3);
        m->name = world_name("both/image-%lld.bin", (long long)n);
        m->at[IMAGES] = world_role_index(h->w, IMAGES, several[first]);
        m->also = world_role_index(h->w, IMAGES, several[(first + 1) % 3]);
    } else if (choice == 2) {
        for (int i = 0; i < h->child_count; i++)
            if (h->parents[i] == world_role_index(h->w, IMAGES, suppliers[ecu]) && once_in(2))
                m->at[IMAGES] = h->children[i];
    }
}

static void new_image(struct history *h)
{
    int ecu = below(2);
    struct world_image m = h->w->now.images[ecu];
    h->counter++;
    m.also = 0;
    m.release_counter = h->counter;
    place(h, &m, ecu);
    m.bytes = world_keep(
        world_slice(world_text("image %lld of %.*s", (long long)h->counter, 1 + below(200),
                               (const char *)world_filled(200, 'x').ptr)));
    m.sha512_too = once_in(3);
    h->w->now.images[ecu] = m;
    h->w->now.bundle = once_in(2) ? "{\"groups\":[[\"ecu-1\"],[\"ecu-2\"]],\"id\":\"b\"}" : NULL;
}

static void time_goes_on(struct history *h)
{
    struct world *w = h->w;
    w->time += below(4) * WORLD_DAY;
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        for (int i = 0; i < w->now.repositories[r].role_count; i++) {
            struct world_role *role = &w->now.repositories[r].roles[i];
            if (role->expires <= w->time + WORLD_DAY || once_in(30))
                role->expires = w->time + (2 + below(40)) * WORLD_DAY;
        }
    }
}

/* TUF's way to let a role go: it stays listed, nobody delegates to it. */
static void revoke_something(struct history *h)
{
    struct world_repository *r = &h->w->now.repositories[IMAGES];
    int last = r->delegation_count - 1;
    if (h->child_count == 0 || r->delegations[last].from == SEV_ROLE_TARGETS)
        return;
    int gone = r->delegations[last].to[0];
    for (int i = 0; i < h->w->now.image_count; i++)
        if (h->w->now.images[i].at[IMAGES] == gone)
            return;
    r->delegation_count--;
    h->child_count--;
}

static void step(struct history *h)
{
    void (*const events[])(struct history *) = {
        rotate_something, rotate_something, sign_something_again, delegate_something,
        new_image,        new_image,        time_goes_on,         revoke_something};
    for (int n = 1 + below(3); n > 0; n--)
        events[below(8)](h);
    world_publish(h->w);
}

static struct history begin(uint64_t seed)
{
    struct history h = {.w = world_begin_as(SEV_PROFILE_NATIVE, SEV_KEY_ED25519), .counter = 1};
    struct world *w = h.w;
    random_state = seed;
    w->key_seed = seed;
    w->has_regulator = true;
    static const char *const several[] = {"m0", "m1", "m2"};
    for (int i = 0; i < 3; i++)
        world_add_role(w, IMAGES, several[i]);
    struct world_delegation *d = world_delegate(w, IMAGES, "targets", "m0", "[\"both/*\"]");
    d->to[1] = world_role_index(w, IMAGES, "m1");
    d->to[2] = world_role_index(w, IMAGES, "m2");
    d->to_count = 3;
    d->min_roles = 2;
    world_settle(w);
    return h;
}

/* ---------------------------------------------------------------- accepting */

/* Lost answers and lost power: whatever comes of it, the next honest cycle ends well. */
static void mishap(struct world *w)
{
    if (once_in(2))
        w->request_fails_at = 1 + below(25);
    else
        w->power = below(25);
    (void)world_cycle(w);
    w->request_fails_at = 0;
    w->power = -1;
    if (w->result.err != SEV_OK || w->result.cut)
        return;
    const char *wrong = world_wrong_release(w);
    if (wrong != NULL)
        world_failed("after a mishap", wrong);
}

/* ------------------------------------------------------------- single bits */

static struct {
    int repository;
    char url[SEV_FILE_URL_MAX + 1];
    size_t at;
    uint8_t bit;
} flip;

static sev_err flipping_wire(struct world *w, int repository, const char *url, sev_slice *out)
{
    sev_err e = world_get(w, repository, url, out);
    if (e != SEV_OK || repository != flip.repository || strcmp(url, flip.url) != 0 || out->len == 0)
        return e;
    *out = world_keep(*out);
    ((uint8_t *)(uintptr_t)out->ptr)[flip.at % out->len] ^= flip.bit;
    return e;
}

/* Choose one of the files that this cycle fetches, from its trace. */
static bool choose_file(const char *trace)
{
    static const char *const names[] = {"director get ", "images get ", "regulator get "};
    const char *found = NULL;
    int seen = 0, repository = 0;
    for (const char *line = trace; *line != '\0'; line = strchr(line, '\n') + 1) {
        for (int r = 0; r < WORLD_REPOSITORIES; r++) {
            size_t n = strlen(names[r]);
            const char *end = strchr(line, '\n');
            bool got =
                strncmp(line, names[r], n) == 0 && memchr(line, ':', (size_t)(end - line)) == NULL;
            if (got && once_in(++seen)) {
                found = line + n;
                repository = r;
            }
        }
    }
    if (found == NULL)
        return false;
    flip.repository = repository;
    snprintf(flip.url, sizeof flip.url, "%.*s", (int)strcspn(found, "\n"), found);
    return true;
}

/* Every bit of some bytes of some file: refused, or nothing came of it. */
static void flip_bits(struct world *w, int bytes)
{
    struct world_store store = w->store;
    const char *installed[2] = {w->installed[0], w->installed[1]};
    size_t mark = world_pool_mark();
    (void)world_cycle(w);
    const char *trace = world_text("%s", w->trace);
    for (int n = 0; n < bytes * 8; n++) {
        w->store = store;
        w->installed[0] = installed[0];
        w->installed[1] = installed[1];
        world_pool_reset(mark);
        if (n % 8 == 0) {
            if (!choose_file(trace))
                break;
            flip.at = random_bits() % 100000;
        }
        flip.bit = (uint8_t)(1u << n % 8);
        w->wire = flipping_wire;
        w->unrestricted = true;
        (void)world_cycle(w);
        w->wire = NULL;
        w->unrestricted = false;
        if (w->result.err != SEV_OK)
            continue;
        const char *wrong = world_wrong_release(w);
        if (wrong != NULL)
            world_failed(world_text("%s, bit %u of byte %zu", flip.url, flip.bit, flip.at), wrong);
    }
    w->store = store;
    w->installed[0] = installed[0];
    w->installed[1] = installed[1];
}

static void live(uint64_t seed, int flips)
{
    struct history h = begin(seed);
    for (int i = 0; i < STEPS; i++) {
        world_note = world_text("SEV_SEED=%llu, step %d\n", (unsigned long long)seed, i);
        for (int n = 1 + (once_in(5) ? below(3) : 0); n > 0; n--)
            step(&h);
        if (i % 10 == 9)
            flip_bits(h.w, flips);
        if (once_in(4))
            mishap(h.w);
        WORLD_ACCEPTED(h.w);
    }
    world_note = NULL;
}

TEST(history__random_lives__every_step_accepted_and_no_bit_changes_the_result)
{
    const char *one = getenv("SEV_SEED"), *nightly = getenv("SEV_NIGHTLY");
    if (one != NULL) {
        live(strtoull(one, NULL, 10), 3);
        return;
    }
    for (uint64_t seed = 1; seed <= 4; seed++)
        live(seed, 1);
    if (nightly == NULL || strcmp(nightly, "1") != 0)
        return;
    uint64_t first = (uint64_t)time(NULL);
    for (uint64_t i = 0; i < 100; i++)
        live(first + i, 20);
}
