/* load - the load generator's engine: many connections in one thread. SPDX-License-Identifier: MIT
 */
#ifndef SEV_LOAD_H
#define SEV_LOAD_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_IDENTITIES_MAX 4096
#define LOAD_SOURCES_MAX 64

struct load_plan {
    const char *host; /* numeric */
    uint16_t port;
    bool tls, resume;
    bool close_each; /* a connection for each request */
    bool hold;       /* open the connections, ask nothing, keep them */
    const char *method, *path;
    size_t body_bytes;
    unsigned connections;
    double rate; /* requests per second, whatever the server does; 0: as fast as it answers */
    double seconds, warm_seconds;
    const char *sources[LOAD_SOURCES_MAX]; /* addresses to come from, in turn */
    unsigned source_count;
    SSL_CTX *identities[LOAD_IDENTITIES_MAX]; /* one at least with tls */
    unsigned identity_count;
    int server_pids[16]; /* whose CPU time is reported */
    unsigned server_pid_count;
};

/* Microseconds, in 64 steps per doubling. */
#define LOAD_STEPS 64u
#define LOAD_BUCKETS (LOAD_STEPS * 32u)

struct load_report {
    uint64_t requests; /* answered with 2xx or 3xx */
    uint64_t refused;  /* answered otherwise */
    uint64_t failed;   /* connection lost, not an answer */
    uint64_t late;     /* open loop: not begun at all, for want of a connection */
    uint64_t connections, full, resumed;
    uint64_t bytes; /* of bodies */
    double seconds, own_cpu, server_cpu;
    uint64_t open; /* connections at the end */
    uint64_t histogram[LOAD_BUCKETS];
    uint64_t slowest;
    uint64_t status[6]; /* by first digit */
};

/** Runs it; false: it could not begin, errno or OpenSSL's queue says why. */
bool load_run(const struct load_plan *plan, struct load_report *out);
/** Microseconds below which this share of the answers came. */
uint64_t load_percentile(const struct load_report *r, double share);

#endif
