/* measure - see measure.h.  SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "measure.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pool.h"
#include "secureev/text.h"

#define CLASSES 5u /* 1xx to 5xx */

/* Upper ends of the buckets of durations. */
static const struct {
    uint64_t us;
    const char *seconds;
} buckets[] = {{1000, "0.001"}, {5000, "0.005"},  {25000, "0.025"},   {100000, "0.1"},
               {500000, "0.5"}, {2500000, "2.5"}, {10000000, "10.0"}, {UINT64_MAX, "+Inf"}};
#define BUCKETS (sizeof buckets / sizeof buckets[0])

struct app_counts {
    _Atomic uint64_t durations[BUCKETS], microseconds;
    _Atomic uint64_t cut_off, strangers;
    _Atomic uint64_t answers[][CLASSES]; /* of each route; the last of those that fit none */
};

struct app_counts *app_counts_new(const struct app_role *role)
{
    struct app_counts *c;
    return calloc(1, sizeof *c + (role->route_count + 1) * sizeof c->answers[0]);
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t value(_Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static unsigned route_index(struct app_instance *i, const struct sev_http_request *request)
{
    struct app_call call;
    if (request == NULL || app_route_of(i, request, &call) != SEV_OK)
        return i->role->route_count;
    return (unsigned)(call.route - i->role->routes);
}

void app_count(struct app_instance *i, const struct sev_server_event *e)
{
    struct app_counts *c = i->counts;
    if (e->kind == SEV_SERVER_CUT_OFF)
        add(&c->cut_off, 1);
    if (e->kind == SEV_SERVER_CONNECTION_REFUSED || e->kind == SEV_SERVER_HANDSHAKE_FAILED)
        add(&c->strangers, 1);
    if (e->kind != SEV_SERVER_ANSWERED || e->status < 100 || e->status > 599)
        return;
    add(&c->answers[route_index(i, e->request)][e->status / 100 - 1], 1);
    add(&c->microseconds, e->microseconds);
    size_t b = 0;
    while (e->microseconds > buckets[b].us)
        b++;
    add(&c->durations[b], 1);
}

/* ------------------------------------------------------------------ writing */

static void put(sev_buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(sev_buf *out, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= sizeof line)
        out->overflow = true;
    else
        sev_buf_put(out, line, (size_t)n);
}

static void family(sev_buf *out, const char *name, const char *type, const char *help)
{
    put(out, "# TYPE secureev_%s %s\n# HELP secureev_%s %s\n", name, type, name, help);
}

/* Each family once, with all its samples: as the format wants it. */
#define EACH(app, i)                                                                               \
    for (unsigned n_ = 0; n_ < (app)->instance_count; n_++)                                        \
        if ((i = (app)->instances[n_]) != NULL)

static void put_answers(const struct app *app, sev_buf *out)
{
    struct app_instance *i;
    family(out, "answers", "counter", "Answers by route and class of status.");
    EACH(app, i)
    for (unsigned r = 0; r <= i->role->route_count; r++)
        for (unsigned class = 0; class < CLASSES; class ++)
            if (value(&i->counts->answers[r][class]) != 0)
                put(out,
                    "secureev_answers_total{role=\"%s\",route=\"%s %s\",status=\"%uxx\"} %llu\n",
                    i->role->section,
                    r == i->role->route_count ? "-"
                                              : sev_http_method_name(i->role->routes[r].method),
                    r == i->role->route_count ? "-" : i->role->routes[r].path, class + 1,
                    (unsigned long long)value(&i->counts->answers[r][class]));
    family(out, "answer_seconds", "histogram", "From a whole head to the last byte handed over.");
    EACH(app, i)
    {
        unsigned long long sum = 0, us = value(&i->counts->microseconds);
        for (size_t b = 0; b < BUCKETS; b++) {
            sum += value(&i->counts->durations[b]);
            put(out, "secureev_answer_seconds_bucket{role=\"%s\",le=\"%s\"} %llu\n",
                i->role->section, buckets[b].seconds, sum);
        }
        put(out,
            "secureev_answer_seconds_count{role=\"%s\"} %llu\n"
            "secureev_answer_seconds_sum{role=\"%s\"} %llu.%06llu\n",
            i->role->section, sum, i->role->section, us / 1000000, us % 1000000);
    }
}

static void put_connections(const struct app *app, sev_buf *out)
{
    struct app_instance *i;
    struct sev_server_counters c;
/* X(family, type, sample's suffix, labels, expression, help) */
#define CONNECTION_FAMILIES(X)                                                                     \
    X("connections", "counter", "_total", "", c.accepted, "Connections that were taken.")          \
    X("connections_refused", "counter", "_total", "", c.refused,                                   \
      "Closed before their first byte.")                                                           \
    X("connections_open", "gauge", "", "", c.open_connections, "Open now.")                        \
    X("handshakes_full", "counter", "_total", "", c.handshakes_full, "TLS handshakes.")            \
    X("handshakes_resumed", "counter", "_total", "", c.handshakes_resumed, "Likewise, resumed.")   \
    X("handshakes_failed", "counter", "_total", "", c.handshakes_failed, "Likewise, failed.")      \
    X("cut_off", "counter", "_total", "", c.cut_off, "Connections that were cut off.")             \
    X("received_bytes", "counter", "_total", "", c.body_bytes, "Bodies of requests.")              \
    X("sent_bytes", "counter", "_total", "", c.answer_bytes, "Bodies of answers.")                 \
    X("unsent_bytes", "gauge", "", "", c.unsent_bytes, "Answers that were not taken yet.")         \
    X("waiting", "gauge", "", "", i->pool == NULL ? 0 : pool_waiting(i->pool),                     \
      "Requests that wait for a thread.")
#define X(name, type, suffix, labels, expression, help)                                            \
    family(out, name, type, help);                                                                 \
    EACH(app, i)                                                                                   \
    {                                                                                              \
        sev_server_count(i->server, &c);                                                           \
        put(out, "secureev_" name suffix "{role=\"%s\"" labels "} %llu\n", i->role->section,       \
            (unsigned long long)(expression));                                                     \
    }
    CONNECTION_FAMILIES(X)
#undef X
}

/* ------------------------------------------------------ of the roles' own */

#define OWN_MAX 64u
struct app_measures {
    const char *role;
    unsigned count;
    struct {
        const char *role, *name, *help;
        int64_t value;
    } own[OWN_MAX];
};

void app_measure(struct app_measures *m, const char *name, const char *help, int64_t number)
{
    if (m->count == OWN_MAX)
        return;
    m->own[m->count].role = m->role;
    m->own[m->count].name = name;
    m->own[m->count].help = help;
    m->own[m->count++].value = number;
}

static void put_own(const struct app *app, sev_buf *out)
{
    struct app_measures m = {.count = 0};
    struct app_instance *i;
    EACH(app, i)
    {
        m.role = i->role->section;
        if (i->role->measure != NULL)
            i->role->measure(i, &m);
    }
    for (unsigned n = 0; n < m.count; n++) {
        bool first = true;
        for (unsigned k = 0; k < n; k++)
            first = first && strcmp(m.own[k].name, m.own[n].name) != 0;
        if (!first)
            continue;
        family(out, m.own[n].name, "gauge", m.own[n].help);
        for (unsigned k = n; k < m.count; k++)
            if (strcmp(m.own[k].name, m.own[n].name) == 0)
                put(out, "secureev_%s{role=\"%s\"} %lld\n", m.own[k].name, m.own[k].role,
                    (long long)m.own[k].value);
    }
}

static unsigned long long open_descriptors(void)
{
    unsigned long long count = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d != NULL && readdir(d) != NULL)
        count++;
    if (d != NULL)
        closedir(d);
    return count < 3 ? 0 : count - 3; /* ".", ".." and this one */
}

/* The second number of statm, in pages. */
static unsigned long long resident_bytes(void)
{
    char line[128];
    uint64_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    bool read = f != NULL && fgets(line, sizeof line, f) != NULL;
    const char *from = read ? strchr(line, ' ') : NULL;
    const char *to = from == NULL ? NULL : strchr(from + 1, ' ');
    if (to == NULL ||
        sev_decimal_parse(sev_slice_of(from + 1, (size_t)(to - from - 1)), &pages) != SEV_OK)
        pages = 0;
    if (f != NULL)
        fclose(f);
    return pages * (unsigned long long)sysconf(_SC_PAGESIZE);
}

static void put_process(const struct app *app, sev_buf *out)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    family(out, "build", "info", "What runs.");
    put(out, "secureev_build_info{version=\"%s\"} 1\n", SEV_VERSION);
    family(out, "started_seconds", "gauge", "When this process began.");
    put(out, "secureev_started_seconds %lld\n", (long long)app->started);
    family(out, "cpu_seconds", "counter", "Processor time of this process.");
    put(out, "secureev_cpu_seconds_total %lld.%06ld\n",
        (long long)(used.ru_utime.tv_sec + used.ru_stime.tv_sec +
                    (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000000),
        (long)((used.ru_utime.tv_usec + used.ru_stime.tv_usec) % 1000000));
    family(out, "resident_bytes", "gauge", "Memory of this process.");
    put(out, "secureev_resident_bytes %llu\n", resident_bytes());
    family(out, "descriptors", "gauge", "Open descriptors of this process.");
    put(out, "secureev_descriptors %llu\n", open_descriptors());
}

sev_err app_metrics(const struct app *app, sev_buf *out)
{
    put_process(app, out);
    put_answers(app, out);
    put_connections(app, out);
    put_own(app, out);
    put(out, "# EOF\n");
    return out->overflow ? SEV_E_TOO_LONG : SEV_OK;
}
