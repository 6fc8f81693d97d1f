/* Random histories: images come and go, roles are trusted and revoked, keys and thresholds change,
 * time passes. A reader that follows every step, one that comes rarely and one from the factory
 * accept each published state and find what is listed, and nothing else; any single bit that
 * changes anywhere is refused or makes no difference. REQ-REP-11 REQ-MET-21 REQ-MET-22
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "desk.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES 8
#define ROLES 3 /* targets, supplier, tier below it */

static const char *const role_names[ROLES] = {NULL, "supplier", "tier"};
static const char *const folders[ROLES] = {"oem", "sup", "sup-t"};

/* What should be true of the repository. */
struct model {
    struct desk d;
    uint64_t random;
    bool trusted[ROLES];
    bool listed[ROLES][NAMES];
};

static uint32_t dice(struct model *m, uint32_t sides)
{
    m->random = m->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(m->random >> 33) % sides;
}

static void name_of(int role, int i, char out[64])
{
    (void)snprintf(out, 64, "%s/%d.img", folders[role], i);
}

/* ------------------------------------------------------------------- changes */

static void change_image(struct model *m)
{
    int role = (int)dice(m, ROLES), i = (int)dice(m, NAMES);
    char name[64], text[80];
    name_of(role, i, name);
    if (!m->trusted[role])
        return;
    if (m->listed[role][i]) {
        struct sev_repository *r = desk_open(&m->d);
        CHECK_OK(sev_repository_remove_image(r, name, role_names[role]));
        desk_done(r);
    } else {
        (void)snprintf(text, sizeof text, "bytes of %s", name);
        CHECK_OK(desk_add(&m->d, name, text, role_names[role]));
    }
    m->listed[role][i] = !m->listed[role][i];
}

static void change_trust(struct model *m)
{
    struct desk *d = &m->d;
    int role = 1 + (int)dice(m, ROLES - 1);
    if (role == 2 && !m->trusted[1])
        return;
    if (!m->trusted[role]) {
        bool other = dice(m, 2) == 1;
        if (role == 1)
            CHECK_OK(desk_delegate(d, "supplier", other ? SPARE_1 : SUPPLIER, "sup*/*", NULL));
        else
            CHECK_OK(desk_delegate(d, "tier", other ? SPARE_2 : TIER, "sup-t/*", "supplier"));
        m->trusted[role] = true;
        return;
    }
    struct sev_repository *r = desk_open(d);
    CHECK_OK(sev_repository_undelegate(r, role_names[role], NULL));
    desk_done(r);
    for (int gone = role; gone < ROLES; gone++) { /* and who stands below */
        m->trusted[gone] = false;
        memset(m->listed[gone], 0, sizeof m->listed[gone]);
    }
}

static void change_keys(struct model *m)
{
    static const struct {
        const char *role;
        enum desk_key keys[2];
    } choices[] = {{"targets", {TARGETS, SPARE_3}},
                   {"snapshot", {SNAPSHOT, REVIEWER_1}},
                   {"timestamp", {TIMESTAMP, REVIEWER_2}}};
    struct desk *d = &m->d;
    uint32_t i = dice(m, 4);
    if (i < 3) {
        CHECK_OK(desk_rotate(d, choices[i].role, choices[i].keys[dice(m, 2)]));
        return;
    }
    struct sev_pubkey keys[3] = {*desk_public(ROOT_1), *desk_public(ROOT_2), *desk_public(ROOT_3)};
    uint32_t threshold = 1 + dice(m, 3);
    struct sev_repository_role root = {.name = "root",
                                       .keys = {.keys = keys, .count = 3, .threshold = threshold}};
    struct sev_repository *r = desk_open(d);
    CHECK_OK(sev_repository_rotate(r, &root, NULL));
    desk_done(r);
}

static void publish(struct model *m)
{
    struct desk *d = &m->d;
    sev_err e = desk_ceremony(d, DESK_EVERYBODY);
    if (e == SEV_OK)
        e = desk_publish(d, DESK_EVERYBODY);
    if (e != SEV_OK)
        fail_msg("%s: %s", sev_err_id(e), d->note.text);
    struct sev_repository_signer signer = desk_signer(DESK_EVERYBODY);
    d->now += (sev_time)dice(m, 5) * 86400;
    struct sev_repository *r = desk_open(d);
    e = sev_repository_publish(r, d->now, SEV_PUBLISH_REFRESH, &signer);
    if (e == SEV_OK)
        e = sev_repository_stage(r, d->now, true); /* what people sign grows old, too */
    sev_repository_close(r);
    if (e == SEV_OK)
        e = desk_ceremony(d, DESK_EVERYBODY);
    if (e == SEV_OK)
        e = desk_publish(d, DESK_EVERYBODY);
    if (e != SEV_OK)
        fail_msg("refresh: %s: %s", sev_err_id(e), d->note.text);
}

/* ------------------------------------------------------------------- readers */

static bool should_be_there(const struct model *m, int role, int i)
{
    return m->trusted[role] && m->listed[role][i];
}

/* Everything that is listed, with its bytes, and nothing else; or a refusal. */
static sev_err follow(const struct model *m, struct reader *r)
{
    r->now = m->d.now;
    sev_err e = reader_refresh(r);
    for (int role = 0; e == SEV_OK && role < ROLES; role++)
        for (int i = 0; e == SEV_OK && i < NAMES; i++) {
            char name[64];
            bool found = false;
            name_of(role, i, name);
            e = reader_find(r, name, &found);
            if (e == SEV_OK && found != should_be_there(m, role, i))
                fail_msg("%s: %s", name, found ? "found" : "not found");
        }
    return e;
}

static void must_follow(const struct model *m, struct reader *r, const char *who)
{
    sev_err e = follow(m, r);
    if (e != SEV_OK)
        fail_msg("%s: %s in %s", who, sev_err_id(e), r->walk.role);
}

/* Only some have signed what changed. What can go out does; whatever that is, nobody is refused
 * anything: neither who follows every step nor who begins now. */
static void publish_in_part(struct model *m, struct reader *always)
{
    struct desk *d = &m->d;
    struct sev_repository_signer signer = desk_signer(DESK_EVERYBODY);
    CHECK_OK(desk_ceremony(d, m->random >> 20));
    struct sev_repository *r = desk_open(d);
    sev_err e = sev_repository_publish(r, d->now, SEV_PUBLISH_READY, &signer);
    sev_repository_close(r);
    if (e != SEV_OK)
        fail_msg("in part: %s: %s", sev_err_id(e), d->note.text);
    CHECK_EQ(desk_lint_errors(d, SEV_REPOSITORY_IMAGES, NULL), 0);
    always->now = d->now;
    e = reader_refresh(always);
    for (int role = 0; e == SEV_OK && role < ROLES; role++)
        for (int i = 0; e == SEV_OK && i < NAMES; i++) {
            char name[64];
            bool found;
            name_of(role, i, name);
            e = reader_find(always, name, &found);
        }
    if (e != SEV_OK)
        fail_msg("after a part: %s in %s", sev_err_id(e), always->walk.role);
}

/* ---------------------------------------------------------------- single bits */

struct paths {
    uint32_t count;
    char list[512][700];
};

static void list_files(const char *folder, struct paths *out)
{
    DIR *dir = opendir(folder);
    CHECK(dir != NULL);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        char path[700];
        struct stat st;
        if (e->d_name[0] == '.')
            continue;
        CHECK((size_t)snprintf(path, sizeof path, "%s/%s", folder, e->d_name) < sizeof path);
        CHECK_EQ(stat(path, &st), 0);
        if (S_ISDIR(st.st_mode))
            list_files(path, out);
        else if (out->count < 512)
            memcpy(out->list[out->count++], path, sizeof path);
    }
    closedir(dir);
}

static void flip_bits(struct model *m, uint32_t times, uint32_t *refused)
{
    static struct paths paths;
    paths.count = 0;
    list_files(desk_path(&m->d, "public"), &paths);
    for (uint32_t n = 0; n < times; n++) {
        const char *path = paths.list[dice(m, paths.count)];
        struct reader r;
        size_t len;
        reader_new(&r, &m->d); /* the factory's root is right: it came another way */
        uint8_t *bytes = sev_test_read(path, &len);
        uint32_t bit = dice(m, (uint32_t)len * 8);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        sev_test_write(path, sev_slice_of(bytes, len));
        *refused += follow(m, &r) != SEV_OK;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        sev_test_write(path, sev_slice_of(bytes, len));
        free(bytes);
        reader_free(&r);
    }
}

/* ------------------------------------------------------------------- histories */

static void start(struct model *m, uint64_t seed)
{
    struct desk_plan p;
    memset(m, 0, sizeof *m);
    desk_new(&m->d);
    m->random = seed;
    m->trusted[0] = true;
    desk_plan_of(&p, SEV_REPOSITORY_IMAGES);
    CHECK_OK(desk_init(&m->d, &p));
    for (int k = 0; k < DESK_P256; k++)
        (void)desk_public((enum desk_key)k);
    publish(m);
}

static void live(struct model *m, int steps, uint32_t *flips_refused)
{
    struct reader always, rarely;
    reader_new(&always, &m->d);
    reader_new(&rarely, &m->d);
    for (int step = 0; step < steps; step++) {
        uint32_t changes = 1 + dice(m, 4);
        for (uint32_t i = 0; i < changes; i++) {
            uint32_t what = dice(m, 10);
            if (what < 6)
                change_image(m);
            else if (what < 8)
                change_trust(m);
            else
                change_keys(m);
        }
        (void)dice(m, 2);
        publish_in_part(m, &always);
        publish(m);
        must_follow(m, &always, "the one that follows every step");
        if (dice(m, 5) == 0)
            must_follow(m, &rarely, "the one that comes rarely");
        if (step % 5 == 4) {
            struct reader fresh;
            reader_new(&fresh, &m->d);
            must_follow(m, &fresh, "the one from the factory");
            reader_free(&fresh);
            CHECK_EQ(desk_lint_errors(&m->d, SEV_REPOSITORY_IMAGES, NULL), 0);
            flip_bits(m, 30, flips_refused);
        }
    }
    must_follow(m, &rarely, "the one that comes rarely");
    reader_free(&always);
    reader_free(&rarely);
}

TEST(repository_history__random_histories__readers_follow_and_single_bits_do_no_harm)
{
    const char *given = getenv("SEV_SEED");
    uint32_t refused = 0, histories = given != NULL ? 1 : 6;
    for (uint32_t i = 0; i < histories; i++) {
        static struct model m;
        uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20261120 + i;
        print_message("seed %llu\n", (unsigned long long)seed);
        start(&m, seed);
        live(&m, 20, &refused);
    }
    print_message("%u of %u flipped bits were refused, the others made no difference\n", refused,
                  histories * 4 * 30);
    CHECK(refused > histories * 4);
}
