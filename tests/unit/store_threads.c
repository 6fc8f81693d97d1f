/* Many callers at once, of every provider: one of those who claim the same thing gets it, nobody
 * sees half of an operation, and who is refused undoes nobody else's.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include <pthread.h>
#include <stdlib.h>

#include "stores.h"

#define THREADS 8
#define ROUNDS 40

struct crowd {
    const struct sev_store *store;
    pthread_barrier_t start;
    int operation;
    sev_err results[THREADS][ROUNDS];
    int finished; /* of those who write; under `lock` */
    pthread_mutex_t lock;
};

struct member {
    struct crowd *crowd;
    int index;
    pthread_t thread;
    uint32_t reads, faults;
};

static void each_of(struct crowd *c, struct member *members, int count, void *(*run)(void *))
{
    for (int i = 0; i < count; i++) {
        members[i] = (struct member){.crowd = c, .index = i};
        CHECK_EQ(pthread_create(&members[i].thread, NULL, run, &members[i]), 0);
    }
}

static void wait_for(struct member *members, int count)
{
    for (int i = 0; i < count; i++)
        CHECK_EQ(pthread_join(members[i].thread, NULL), 0);
}

/* What thread `index` claims in a round: the same as all others. */
static sev_err claim(const struct crowd *c, int round)
{
    const struct sev_store *s = c->store;
    if (c->operation == 0) {
        struct sev_ecu_news report;
        struct sev_status_news news = store_status("v", "primary", round + 1, &report);
        return s->status_accept(s->self, &news);
    }
    if (c->operation == 1) {
        struct sev_assignment a = store_assignment("v", round + 1);
        struct sev_decision d = store_decision("assign");
        return s->assign(s->self, &a, &d);
    }
    int64_t expected[SEV_STORE_ROLES] = {round, round, round};
    struct sev_issued files = store_issued(round + 1);
    return s->files_put(s->self, SEV_LIT("v"), expected, &files, round, NULL);
}

static void *run_claims(void *self)
{
    struct member *m = self;
    for (int round = 0; round < ROUNDS; round++) {
        (void)pthread_barrier_wait(&m->crowd->start);
        m->crowd->results[m->index][round] = claim(m->crowd, round);
    }
    return NULL;
}

/* REQ-DIR-11, REQ-DIR-13 */
TEST(store__eight_threads_claim_the_same__exactly_one_gets_it)
{
    EACH_STORE(s)
    {
        static struct crowd c;
        struct member members[THREADS];
        store_register(&s, "v");
        for (int operation = 0; operation < 3; operation++) {
            memset(&c, 0, sizeof c);
            c.store = &s;
            c.operation = operation;
            CHECK_EQ(pthread_barrier_init(&c.start, NULL, THREADS), 0);
            each_of(&c, members, THREADS, run_claims);
            wait_for(members, THREADS);
            (void)pthread_barrier_destroy(&c.start);
            for (int round = 0; round < ROUNDS; round++) {
                int winners = 0;
                for (int i = 0; i < THREADS; i++) {
                    winners += c.results[i][round] == SEV_OK;
                    if (c.results[i][round] != SEV_OK)
                        CHECK_ERR(c.results[i][round], SEV_E_CONFLICT);
                }
                CHECK_EQ(winners, 1);
            }
        }
        CHECK_EQ(store_get(&s, "v").status_counter, ROUNDS);
        CHECK_EQ(store_count_decisions(&s, "v"), ROUNDS); /* of the assignments that were */
    }
}

/* ------------------------------------------------- readers beside writers */

static void *run_writer(void *self)
{
    struct member *m = self;
    struct crowd *c = m->crowd;
    for (int round = 0; round < ROUNDS; round++)
        c->results[m->index][round] = claim(c, round);
    (void)pthread_mutex_lock(&c->lock);
    c->finished++;
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

static bool finished(struct crowd *c)
{
    (void)pthread_mutex_lock(&c->lock);
    bool all = c->finished == 1;
    (void)pthread_mutex_unlock(&c->lock);
    return all;
}

/* The three files are of one version, which never falls. */
static void *run_reader(void *self)
{
    struct member *m = self;
    int64_t before = 0;
    bool last = false;
    while (!last) {
        uint8_t memory[4096];
        struct sev_arena arena = sev_arena_of(memory, sizeof memory);
        struct sev_issued got;
        last = finished(m->crowd);
        const struct sev_store *s = m->crowd->store;
        sev_err e = s->files_get(s->self, SEV_LIT("v"), &arena, &got);
        if (e != SEV_OK || got.files[0].version != got.files[1].version ||
            got.files[0].version != got.files[2].version || got.files[0].version < before)
            m->faults++;
        before = got.files[0].version;
        m->reads++;
    }
    return NULL;
}

TEST(store__read_while_written__never_half_and_never_older)
{
    EACH_STORE(s)
    {
        static struct crowd c;
        struct member writer, readers[THREADS + 4]; /* more than a pool would have */
        store_register(&s, "v");
        memset(&c, 0, sizeof c);
        c.store = &s;
        c.operation = 2;
        CHECK_EQ(pthread_mutex_init(&c.lock, NULL), 0);
        each_of(&c, readers, THREADS + 4, run_reader);
        each_of(&c, &writer, 1, run_writer);
        wait_for(&writer, 1);
        wait_for(readers, THREADS + 4);
        (void)pthread_mutex_destroy(&c.lock);
        for (int round = 0; round < ROUNDS; round++)
            CHECK_OK(c.results[0][round]);
        for (int i = 0; i < THREADS + 4; i++) {
            CHECK_EQ(readers[i].faults, 0);
            CHECK(readers[i].reads > 0);
        }
    }
}

/* ------------------------------------------------------ refused among others */

#define MANY 48

/* A third of them is refused, each in the middle of its work: the vehicle was changed before the
 * second report turned out not to fit. */
static void *run_mixed(void *self)
{
    struct member *m = self;
    const struct sev_store *s = m->crowd->store;
    char id[16];
    snprintf(id, sizeof id, "v%d", m->index);
    for (int round = 0; round < 5; round++) {
        struct sev_ecu_news reports[2];
        struct sev_status_news news = store_status(id, "primary", round + 1, &reports[0]);
        struct sev_decision d = store_decision("status");
        (void)store_status(id, "secondary", round + 1, &reports[1]);
        reports[1].expected_counter += m->index % 3 == 0;
        reports[1].counter += m->index % 3 == 0;
        news.ecus = reports;
        news.ecu_count = 2;
        news.decision = &d;
        (void)pthread_barrier_wait(&m->crowd->start);
        m->faults +=
            s->status_accept(s->self, &news) != (m->index % 3 == 0 ? SEV_E_CONFLICT : SEV_OK);
    }
    return NULL;
}

TEST(store__some_of_many_are_refused__they_undo_themselves_alone)
{
    EACH_STORE(s)
    {
        static struct crowd c;
        struct member members[MANY];
        char id[16];
        memset(&c, 0, sizeof c);
        c.store = &s;
        for (int i = 0; i < MANY; i++) {
            snprintf(id, sizeof id, "v%d", i);
            store_register(&s, id);
        }
        CHECK_EQ(pthread_barrier_init(&c.start, NULL, MANY), 0);
        each_of(&c, members, MANY, run_mixed);
        wait_for(members, MANY);
        (void)pthread_barrier_destroy(&c.start);
        for (int i = 0; i < MANY; i++) {
            snprintf(id, sizeof id, "v%d", i);
            int accepted = i % 3 == 0 ? 0 : 5;
            struct sev_ecu ecus[SEV_STORE_ECUS_MAX];
            uint32_t count = 0;
            CHECK_EQ(members[i].faults, 0);
            CHECK_EQ(store_get(&s, id).status_counter, accepted);
            CHECK_EQ(store_count_decisions(&s, id), accepted);
            CHECK_OK(s.ecus_get(s.self, store_text(id), store_arena(), ecus, &count));
            CHECK_EQ(ecus[0].report_counter, accepted);
            CHECK_EQ(ecus[1].report_counter, accepted);
        }
    }
}

/* ------------------------------------------------------------------- closing */

static void *run_add(void *self)
{
    struct member *m = self;
    const struct sev_store *s = m->crowd->store;
    char id[16];
    snprintf(id, sizeof id, "w%d", m->index);
    struct sev_vehicle v = store_vehicle(id);
    m->faults += s->vehicle_add(s->self, &v, NULL) != SEV_OK;
    return NULL;
}

TEST(store__closed_after_many_callers__all_they_were_told_is_there)
{
    for (uint32_t p = 0; p < store_provider_count; p++) {
        static struct crowd c;
        struct member members[MANY];
        struct sev_store s;
        char path[300], id[16];
        snprintf(path, sizeof path, "%s", store_providers[p].place());
        CHECK_OK(sev_store_open(path, &s));
        memset(&c, 0, sizeof c);
        c.store = &s;
        each_of(&c, members, MANY, run_add);
        wait_for(members, MANY);
        sev_store_close(&s);
        CHECK_OK(sev_store_open(path, &s));
        for (int i = 0; i < MANY; i++) {
            snprintf(id, sizeof id, "w%d", i);
            CHECK_EQ(members[i].faults, 0);
            CHECK_SLICE(store_get(&s, id).id, store_text(id));
        }
        sev_store_close(&s);
    }
}
