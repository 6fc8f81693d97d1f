/* The store on PostgreSQL where only that can fail it: other programs' schemas, servers that go
 * away and come back, two processes on one database, a COMMIT whose answer is lost.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "postgres.h"
#include "stores.h"

static char place[400];
static void new_place(void)
{
    snprintf(place, sizeof place, "%s", test_pg_place());
}

static void wait_ms(long ms)
{
    (void)nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check_refused(const char *text, sev_err wanted)
{
    struct sev_store s = {.self = place};
    CHECK_ERR(sev_store_open(text, &s), wanted);
    CHECK(s.self == place);
}

static sev_err accept_status(const struct sev_store *s, const char *id, int64_t counter)
{
    struct sev_ecu_news report;
    struct sev_status_news news = store_status(id, "primary", counter, &report);
    struct sev_decision d = store_decision("status");
    news.decision = &d;
    return s->status_accept(s->self, &news);
}

/* ----------------------------------------------------------- other's schemas */

#define RELATIONS                                                                                  \
    "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace"

TEST(store_pg__schema_of_another_program__config_and_untouched)
{
    new_place();
    (void)test_pg_sql(place, "CREATE TABLE theirs (x int)");
    check_refused(place, SEV_E_CONFIG);
    CHECK_EQ(atoi(test_pg_sql(place, RELATIONS)), 1);
    new_place();
    (void)test_pg_sql(place, "CREATE TABLE secureev_migration (other text)");
    check_refused(place, SEV_E_CONFIG);
    CHECK_EQ(atoi(test_pg_sql(place, RELATIONS)), 1);
}

TEST(store_pg__newer_or_changed_migrations__config_and_untouched)
{
    static const char *const breaks[] = {
        "INSERT INTO secureev_migration SELECT max(number) + 1, 'x', 'y' FROM secureev_migration",
        "UPDATE secureev_migration SET sha256 = 'other' WHERE number = 1",
        "DELETE FROM secureev_migration WHERE number = 1",
    };
    for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; i++) {
        struct sev_store s;
        new_place();
        CHECK_OK(sev_store_open(place, &s));
        store_register(&s, "v");
        sev_store_close(&s);
        (void)test_pg_sql(place, "CREATE TABLE before AS TABLE secureev_migration");
        (void)test_pg_sql(place, breaks[i]);
        int relations = atoi(test_pg_sql(place, RELATIONS));
        check_refused(place, SEV_E_CONFIG);
        CHECK_EQ(atoi(test_pg_sql(place, RELATIONS)), relations);
        (void)test_pg_sql(place, "TRUNCATE secureev_migration; INSERT INTO secureev_migration "
                                 "SELECT * FROM before");
        CHECK_OK(sev_store_open(place, &s));
        CHECK_TEXT(store_get(&s, "v").primary, "primary");
        sev_store_close(&s);
    }
}

/* One that has fewer migrations than we know is brought up to date; half a one is none. */
TEST(store_pg__migration_that_fails__leaves_nothing)
{
    struct sev_store s;
    new_place();
    CHECK_OK(sev_store_open(place, &s));
    sev_store_close(&s);
    (void)test_pg_sql(place, "DELETE FROM secureev_migration WHERE number > 1");
    int relations = atoi(test_pg_sql(place, RELATIONS));
    check_refused(place, SEV_E_STORE); /* its tables are there already */
    CHECK_EQ(atoi(test_pg_sql(place, RELATIONS)), relations);
    CHECK_EQ(atoi(test_pg_sql(place, "SELECT count(*) FROM secureev_migration")), 1);
}

TEST(store_pg__table_that_is_not_there__found_when_opened)
{
    struct sev_store s;
    new_place();
    CHECK_OK(sev_store_open(place, &s));
    sev_store_close(&s);
    (void)test_pg_sql(place, "DROP TABLE assignment");
    check_refused(place, SEV_E_STORE);
}

static void *open_it(void *error)
{
    struct sev_store s = {0};
    *(sev_err *)error = sev_store_open(place, &s);
    sev_store_close(&s);
    return NULL;
}

TEST(store_pg__four_processes_make_the_schema__once)
{
    pthread_t threads[4];
    sev_err errors[4];
    new_place();
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, open_it, &errors[i]), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
        CHECK_OK(errors[i]);
    }
}

TEST(store_pg__texts_that_lead_nowhere__refused_by_name)
{
    char text[6000];
    new_place();
    check_refused("postgresql://?nonsense=1", SEV_E_CONFIG);
    check_refused("postgres://[", SEV_E_CONFIG);
    check_refused("postgresql:///x?host=/no/such/folder", SEV_E_IO);
    check_refused("postgresql://127.0.0.1:1/x", SEV_E_IO);
    snprintf(text, sizeof text, "%s", place);
    char *database = strstr(text, "@/postgres?");
    CHECK(database != NULL);
    memcpy(database, "@/nosuchdb?", 11);
    check_refused(text, SEV_E_IO);
    snprintf(text, sizeof text, "%.*s", (int)(strstr(place, "&options") - place), place);
    strcat(text, "&options=-csearch_path%3Dnowhere");
    check_refused(text, SEV_E_CONFIG);
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "postgresql://", 13);
    text[sizeof text - 1] = '\0';
    check_refused(text, SEV_E_BAD_NAME);
}

TEST(store_pg__text_that_is_shown__has_no_password)
{
    static const char *const texts[][2] = {
        {"postgresql://anna:secret@db.example:5432/fleet?sslmode=verify-full",
         "postgresql://db.example:5432/fleet"},
        {"postgres://db/fleet?user=anna&password=secret", "postgresql://db/fleet"},
        {"postgresql:///fleet", "postgresql:///fleet"},
        {"postgresql://anna:se@cret@db/fleet", "postgresql://db/fleet"},
        {"postgresql://anna:se?cret@db/fleet", "postgresql://"},
        {"postgresql://db/fleet?password=se@cret", "postgresql://"},
        {"/var/lib/a.db", "/var/lib/a.db"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char name[SEV_STORE_NAME_MAX];
        sev_store_name(texts[i][0], name);
        assert_string_equal(name, texts[i][1]);
    }
}

TEST(store_pg__by_tcp__works)
{
    struct sev_store s;
    snprintf(place, sizeof place, "%s", test_pg_place_tcp());
    CHECK_OK(sev_store_open(place, &s));
    store_register(&s, "v");
    CHECK_OK(accept_status(&s, "v", 1));
    CHECK_EQ(store_get(&s, "v").status_counter, 1);
    sev_store_close(&s);
}

/* ------------------------------------------------- servers that go and come */

TEST(store_pg__connections_ended_by_an_administrator__nobody_notices)
{
    struct sev_store s;
    new_place();
    CHECK_OK(sev_store_open(place, &s));
    store_register(&s, "v");
    for (int64_t i = 1; i < 4; i++) {
        CHECK_EQ(store_get(&s, "v").status_counter, i - 1);
        (void)test_pg_sql(place, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                 "WHERE application_name = 'secureev'");
        if (i % 2 == 0)
            CHECK_EQ(store_get(&s, "v").status_counter, i - 1);
        CHECK_OK(accept_status(&s, "v", i));
    }
    sev_store_close(&s);
}

TEST(store_pg__server_stopped__io_at_once_and_it_recovers_by_itself)
{
    struct sev_store s;
    struct sev_vehicle v = store_vehicle("w"), got;
    new_place();
    CHECK_OK(sev_store_open(place, &s));
    store_register(&s, "v");
    CHECK_EQ(store_get(&s, "v").status_counter, 0);
    test_pg_stop();
    double before = now();
    CHECK_ERR(accept_status(&s, "v", 1), SEV_E_IO);
    CHECK_ERR(s.vehicle_get(s.self, SEV_LIT("v"), store_arena(), &got), SEV_E_IO);
    CHECK_ERR(s.vehicle_add(s.self, &v, NULL), SEV_E_IO);
    CHECK_ERR(sev_store_probe(&s), SEV_E_IO);
    CHECK(now() - before < 2);
    check_refused(place, SEV_E_IO);
    test_pg_start();
    wait_ms(250); /* an attempt failed just now */
    CHECK_EQ(store_get(&s, "v").status_counter, 0);
    CHECK_OK(accept_status(&s, "v", 1));
    CHECK_OK(s.vehicle_add(s.self, &v, NULL));
    sev_store_close(&s);
}

/* Each of these counts its vehicle's statuses; what it is not sure of it reads again. */
#define WORKERS 6
static atomic_bool stop;
struct worker {
    const struct sev_store *store;
    int index;
    int64_t told, failures;
    const char *fault;
    pthread_t thread;
};

static bool read_counter(const struct worker *w, const char *id, int64_t *out)
{
    uint8_t memory[4096];
    struct sev_arena arena = sev_arena_of(memory, sizeof memory);
    struct sev_vehicle v;
    for (int tries = 0; tries < 400; tries++, wait_ms(25)) {
        sev_arena_back(&arena, 0);
        sev_err e = w->store->vehicle_get(w->store->self, store_text(id), &arena, &v);
        *out = e == SEV_OK ? v.status_counter : 0;
        if (e == SEV_OK)
            return true;
    }
    return false;
}

static void *count_up(void *self)
{
    struct worker *w = self;
    char id[16];
    snprintf(id, sizeof id, "v%d", w->index);
    while (!stop && w->fault == NULL) {
        int64_t found = 0;
        sev_err e = accept_status(w->store, id, w->told + 1);
        if (e == SEV_OK) {
            w->told++;
            continue;
        }
        w->failures++;
        if (e != SEV_E_IO && e != SEV_E_BUSY)
            w->fault = sev_err_id(e);
        else if (!read_counter(w, id, &found))
            w->fault = "the store did not recover";
        else if (found != w->told)
            w->fault = found < w->told ? "what was told is lost" : "done, and told otherwise";
    }
    return NULL;
}

static void check_whole(const struct sev_store *s, int index, int64_t told)
{
    char id[16];
    static struct sev_ecu ecus[SEV_STORE_ECUS_MAX];
    uint32_t count = 0;
    snprintf(id, sizeof id, "v%d", index);
    CHECK_EQ(store_get(s, id).status_counter, told);
    CHECK_OK(s->ecus_get(s->self, store_text(id), store_arena(), ecus, &count));
    CHECK_EQ(ecus[0].report_counter, told);
    CHECK_EQ(store_count_decisions(s, id), told > 1000 ? 1000 : told);
}

/* As after a loss of power, at moments that nobody chose. The server comes back within the time
 * in which a lost COMMIT is asked for: so whatever was told is true, yes and no. */
TEST(store_pg__server_killed_under_load__what_was_told_is_true)
{
    struct sev_store s;
    struct worker workers[WORKERS];
    uint32_t random = 2463534242u;
    int64_t failures = 0;
    new_place();
    CHECK_OK(sev_store_open(place, &s));
    stop = false;
    for (int i = 0; i < WORKERS; i++) {
        char id[16];
        snprintf(id, sizeof id, "v%d", i);
        store_register(&s, id);
        workers[i] = (struct worker){.store = &s, .index = i};
    }
    for (int i = 0; i < WORKERS; i++)
        CHECK_EQ(pthread_create(&workers[i].thread, NULL, count_up, &workers[i]), 0);
    int rounds = getenv("SEV_NIGHTLY") == NULL ? 5 : 100;
    for (int i = 0; i < rounds; i++) {
        random ^= random << 13, random ^= random >> 17, random ^= random << 5;
        wait_ms(50 + random % 200);
        if (i % 2 == 0)
            test_pg_restart();
        else
            (void)test_pg_sql(place, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                     "WHERE application_name = 'secureev'");
    }
    wait_ms(300);
    stop = true;
    for (int i = 0; i < WORKERS; i++) {
        CHECK_EQ(pthread_join(workers[i].thread, NULL), 0);
        if (workers[i].fault != NULL)
            fail_msg("worker %d after %lld: %s", i, (long long)workers[i].told, workers[i].fault);
        CHECK(workers[i].told > 0);
        failures += workers[i].failures;
        check_whole(&s, i, workers[i].told);
    }
    CHECK(failures > 0);
    sev_store_close(&s);
}

/* ----------------------------------------------------- two on one database */

/* Each claims what the other claims: one of them gets it. REQ-DIR-11 */
static void *race(void *self)
{
    struct worker *w = self;
    uint8_t memory[4096];
    while (w->fault == NULL) {
        struct sev_arena arena = sev_arena_of(memory, sizeof memory);
        struct sev_assignment a = {0};
        const struct sev_store *s = w->store;
        if (s->assignment_get(s->self, SEV_LIT("v"), &arena, &a) != SEV_OK)
            w->fault = "read";
        if (a.version >= 60)
            break;
        struct sev_assignment next = store_assignment("v", a.version + 1);
        struct sev_decision d = store_decision("assign");
        sev_err e = s->assign(s->self, &next, &d);
        w->told += e == SEV_OK;
        w->failures += e == SEV_E_CONFLICT;
        if (e != SEV_OK && e != SEV_E_CONFLICT)
            w->fault = sev_err_id(e);
    }
    return NULL;
}

TEST(store_pg__two_stores_on_one_database__each_version_is_claimed_once)
{
    struct sev_store stores[2];
    struct worker workers[8];
    int64_t told = 0, conflicts = 0;
    new_place();
    for (int i = 0; i < 2; i++)
        CHECK_OK(sev_store_open(place, &stores[i]));
    store_register(&stores[0], "v");
    for (int i = 0; i < 8; i++) {
        workers[i] = (struct worker){.store = &stores[i % 2], .index = i};
        CHECK_EQ(pthread_create(&workers[i].thread, NULL, race, &workers[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        CHECK_EQ(pthread_join(workers[i].thread, NULL), 0);
        if (workers[i].fault != NULL)
            fail_msg("%s", workers[i].fault);
        told += workers[i].told;
        conflicts += workers[i].failures;
    }
    CHECK_EQ(told, 60);
    CHECK(conflicts > 0);
    CHECK_EQ(store_count_decisions(&stores[1], "v"), 60);
    for (int i = 0; i < 2; i++)
        sev_store_close(&stores[i]);
}

/* A process that hangs in the middle: others wait, then are told; what it began is undone. */
static void *hold_the_lock(void *unused)
{
    (void)unused;
    (void)test_pg_sql(place, "SET lock_timeout = 0; SELECT pg_advisory_lock(1397053745, "
                             "hashtext(current_schema())), pg_sleep(6)");
    return NULL;
}

TEST(store_pg__another_process_writes_too_long__busy_and_nothing_done)
{
    struct sev_store s;
    pthread_t holder;
    struct sev_vehicle got;
    new_place();
    CHECK_OK(sev_store_open(place, &s));
    store_register(&s, "v");
    CHECK_EQ(pthread_create(&holder, NULL, hold_the_lock, NULL), 0);
    wait_ms(300);
    CHECK_ERR(accept_status(&s, "v", 1), SEV_E_BUSY);
    CHECK_OK(s.vehicle_get(s.self, SEV_LIT("v"), store_arena(), &got));
    CHECK_EQ(got.status_counter, 0);
    CHECK_EQ(pthread_join(holder, NULL), 0);
    CHECK_OK(accept_status(&s, "v", 1));
    sev_store_close(&s);
}

/* ------------------------------------------------- the answer that is lost */

/* Between the store and the server: hands everything on, until a COMMIT comes. */
enum fate { HAND_ON, LOSE_ANSWER, LOSE_QUESTION };
static struct {
    int listener;
    char here[120];
    struct sockaddr_un server;
    _Atomic enum fate fate; /* of the next COMMIT */
    atomic_int cut;         /* so many pieces, in either direction, until one is lost; 0: none */
    atomic_bool over;
    pthread_t thread;
} road;

static bool has_commit(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i + 7 <= len; i++)
        if (memcmp(bytes + i, "COMMIT", 7) == 0) /* and its end: not READ COMMITTED */
            return true;
    return false;
}

/* One connection, to its end. @return  false to hang up */
static bool pass(int from, int to, bool question, bool *answer_is_lost)
{
    uint8_t bytes[65536];
    ssize_t n = read(from, bytes, sizeof bytes);
    if (n <= 0)
        return false;
    enum fate fate = HAND_ON;
    if (road.cut > 0 && --road.cut == 0)
        return false;
    if (question && has_commit(bytes, (size_t)n))
        fate = atomic_exchange(&road.fate, HAND_ON);
    if (fate == LOSE_QUESTION)
        return false;
    if (!question && *answer_is_lost)
        return false; /* the server answered: it is done */
    *answer_is_lost = *answer_is_lost || fate == LOSE_ANSWER;
    return write(to, bytes, (size_t)n) == n;
}

static void *connection(void *client)
{
    struct pollfd p[2] = {{.fd = (int)(intptr_t)client, .events = POLLIN},
                          {.fd = socket(AF_UNIX, SOCK_STREAM, 0), .events = POLLIN}};
    bool lost = false;
    bool good = connect(p[1].fd, (struct sockaddr *)&road.server, sizeof road.server) == 0;
    while (good && poll(p, 2, -1) > 0)
        for (int i = 0; good && i < 2; i++)
            if (p[i].revents != 0)
                good = pass(p[i].fd, p[1 - i].fd, i == 0, &lost);
    (void)close(p[0].fd), (void)close(p[1].fd);
    return NULL;
}

static void *accept_all(void *unused)
{
    (void)unused;
    for (;;) {
        pthread_t thread;
        int client = accept(road.listener, NULL, NULL);
        if (client < 0 || road.over)
            return NULL;
        CHECK_EQ(pthread_create(&thread, NULL, connection, (void *)(intptr_t)client), 0);
        (void)pthread_detach(thread);
    }
}

/* `place` then leads over the road. */
static void build_road(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char text[400], host[200], *begin = strstr(place, "host=");
    int port = 0;
    CHECK(begin != NULL && sscanf(begin, "host=%199[^&]&port=%d", host, &port) == 2);
    road.server = at;
    snprintf(road.server.sun_path, sizeof road.server.sun_path, "%.80s/.s.PGSQL.%d", host, port);
    snprintf(at.sun_path, sizeof at.sun_path, "%.80s/.s.PGSQL.%d", sev_test_dir(), port);
    snprintf(road.here, sizeof road.here, "%s", at.sun_path);
    road.over = false;
    road.listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(bind(road.listener, (struct sockaddr *)&at, sizeof at) | listen(road.listener, 8), 0);
    CHECK_EQ(pthread_create(&road.thread, NULL, accept_all, NULL), 0);
    snprintf(text, sizeof text, "%.*shost=%s%s", (int)(begin - place), place, sev_test_dir(),
             strchr(begin, '&'));
    memcpy(place, text, sizeof place);
}

static void leave_road(void)
{
    road.over = true;
    (void)shutdown(road.listener, SHUT_RDWR);
    CHECK_EQ(pthread_join(road.thread, NULL), 0);
    (void)close(road.listener);
    (void)unlink(road.here);
}

TEST(store_pg__answer_to_commit_lost__the_truth_is_found_out)
{
    struct sev_store s;
    new_place();
    build_road();
    CHECK_OK(sev_store_open(place, &s));
    store_register(&s, "v");
    for (int64_t i = 1; i <= 3; i++) {
        road.fate = LOSE_ANSWER;
        CHECK_OK(accept_status(&s, "v", i * 2 - 1));
        CHECK_EQ(road.fate, HAND_ON);
        CHECK_EQ(store_get(&s, "v").status_counter, i * 2 - 1);
        road.fate = LOSE_QUESTION;
        CHECK_ERR(accept_status(&s, "v", i * 2), SEV_E_IO);
        CHECK_EQ(store_get(&s, "v").status_counter, i * 2 - 1);
        CHECK_OK(accept_status(&s, "v", i * 2));
    }
    CHECK_EQ(store_count_decisions(&s, "v"), 6);
    sev_store_close(&s);
    leave_road();
}

/* Each piece that goes to or fro is lost once, with the connection: what was told is true. */
TEST(store_pg__connection_cut_at_every_piece__what_was_told_is_true)
{
    struct sev_store s;
    int64_t told = 0;
    int pieces = 0, failures = 0;
    new_place();
    build_road();
    CHECK_OK(sev_store_open(place, &s));
    store_register(&s, "v");
    for (bool fired = true; fired && pieces < 100; pieces++) {
        road.cut = pieces + 1;
        sev_err e = accept_status(&s, "v", told + 1);
        fired = road.cut == 0;
        road.cut = 0;
        told += e == SEV_OK;
        failures += e != SEV_OK;
        CHECK(e == SEV_OK || (e == SEV_E_IO && fired));
        if (e != SEV_OK)
            wait_ms(220); /* an attempt to connect may have failed just now */
        CHECK_EQ(store_get(&s, "v").status_counter, told);
        CHECK_EQ(store_count_decisions(&s, "v"), told);
        road.cut = pieces + 1;
        struct sev_vehicle v;
        CHECK_OK(s.vehicle_get(s.self, SEV_LIT("v"), store_arena(), &v)); /* asks once more */
        CHECK_EQ(v.status_counter, told);
        road.cut = 0;
    }
    CHECK(pieces > 8 && pieces < 100);
    CHECK(failures > 3 && told > 2); /* BEGIN is tried again, COMMIT asked for */
    sev_store_close(&s);
    leave_road();
}
