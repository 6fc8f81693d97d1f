/* loadgen - options, certificates, one line of JSON. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "load.h"

static const char usage[] =
    "usage: loadgen [OPTION...] ADDRESS PORT\n"
    "Ask an HTTP/1.1 server and measure; the result is one line of JSON.\n\n"
    "  --path PATH          what to ask for (/)\n"
    "  --method NAME        GET; --body N adds N bytes\n"
    "  --connections N      at one time (1)\n"
    "  --rate R             open loop: R requests a second, on schedule; latency counts from the\n"
    "                       schedule. Else each connection asks as soon as it is answered\n"
    "  --seconds S          to measure (5), after --warm S (0.5)\n"
    "  --close              a connection for each request; with --resume the next resumes its "
    "session\n"
    "  --hold               open the connections, ask nothing, keep them\n"
    "  --from ADDRESS       come from this address; several take turns\n"
    "  --ca FILE            TLS 1.3, and who vouches for the server\n"
    "  --identity FILE      certificate and key of the client, one PEM file\n"
    "  --identities FOLDER  many of those (*.pem), connections take turns\n"
    "  --server-pid PID     report the CPU time of that process, too; several add up\n";

static void die(const char *what)
{
    fprintf(stderr, "loadgen: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(2);
}

static double number(const char *text, double least, double most)
{
    char *end = NULL;
    double v = strtod(text, &end);
    if (end == text || *end != '\0' || !(v >= least && v <= most))
        die("a number is out of range; loadgen --help");
    return v;
}

static SSL_CTX *context(const char *ca, const char *identity)
{
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    if (c == NULL || SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set1_groups_list(c, "X25519:P-256") != 1 ||
        SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256") != 1 ||
        SSL_CTX_load_verify_file(c, ca) != 1)
        die("the CA file is not usable");
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(c, 1);
    if (identity != NULL && (SSL_CTX_use_certificate_chain_file(c, identity) != 1 ||
                             SSL_CTX_use_PrivateKey_file(c, identity, SSL_FILETYPE_PEM) != 1))
        die("an identity is not usable");
    return c;
}

static void all_in(struct load_plan *plan, const char *ca, const char *folder)
{
    DIR *d = opendir(folder);
    struct dirent *e;
    char path[4096];
    while (d != NULL && (e = readdir(d)) != NULL && plan->identity_count < LOAD_IDENTITIES_MAX) {
        size_t len = strlen(e->d_name);
        if (len < 5 || strcmp(e->d_name + len - 4, ".pem") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        plan->identities[plan->identity_count++] = context(ca, path);
    }
    if (d != NULL)
        closedir(d);
    if (plan->identity_count == 0)
        die("there is no identity (*.pem) in the folder");
}

static void print(const struct load_plan *plan, const struct load_report *r)
{
    printf("{\"path\":\"%s\",\"connections\":%u,\"rate\":%.6g,\"seconds\":%.3f,", plan->path,
           plan->connections, plan->rate, r->seconds);
    printf("\"requests\":%llu,\"refused\":%llu,\"failed\":%llu,\"late\":%llu,",
           (unsigned long long)r->requests, (unsigned long long)r->refused,
           (unsigned long long)r->failed, (unsigned long long)r->late);
    printf("\"status\":[%llu,%llu,%llu,%llu,%llu],", (unsigned long long)r->status[1],
           (unsigned long long)r->status[2], (unsigned long long)r->status[3],
           (unsigned long long)r->status[4], (unsigned long long)r->status[5]);
    printf("\"opened\":%llu,\"open\":%llu,\"full\":%llu,\"resumed\":%llu,\"bytes\":%llu,",
           (unsigned long long)r->connections, (unsigned long long)r->open,
           (unsigned long long)r->full, (unsigned long long)r->resumed,
           (unsigned long long)r->bytes);
    printf("\"per_second\":%.1f,\"own_cpu\":%.4f,\"server_cpu\":%.4f,",
           (double)r->requests / r->seconds, r->own_cpu, r->server_cpu);
    printf("\"p50_us\":%llu,\"p90_us\":%llu,\"p99_us\":%llu,\"p999_us\":%llu,\"max_us\":%llu}\n",
           (unsigned long long)load_percentile(r, 0.5), (unsigned long long)load_percentile(r, 0.9),
           (unsigned long long)load_percentile(r, 0.99),
           (unsigned long long)load_percentile(r, 0.999), (unsigned long long)r->slowest);
}

enum {
    PATH,
    METHOD,
    BODY,
    CONNECTIONS,
    RATE,
    SECONDS,
    WARM,
    CLOSE,
    RESUME,
    HOLD,
    FROM,
    CA,
    IDENTITY,
    IDENTITIES,
    SERVER_PID,
    HELP
};

static const struct option options[] = {{"path", 1, NULL, PATH},
                                        {"method", 1, NULL, METHOD},
                                        {"body", 1, NULL, BODY},
                                        {"connections", 1, NULL, CONNECTIONS},
                                        {"rate", 1, NULL, RATE},
                                        {"seconds", 1, NULL, SECONDS},
                                        {"warm", 1, NULL, WARM},
                                        {"close", 0, NULL, CLOSE},
                                        {"resume", 0, NULL, RESUME},
                                        {"hold", 0, NULL, HOLD},
                                        {"from", 1, NULL, FROM},
                                        {"ca", 1, NULL, CA},
                                        {"identity", 1, NULL, IDENTITY},
                                        {"identities", 1, NULL, IDENTITIES},
                                        {"help", 0, NULL, HELP},
                                        {"server-pid", 1, NULL, SERVER_PID},
                                        {NULL, 0, NULL, 0}};

static void parse(int argc, char **argv, struct load_plan *p)
{
    const char *ca = NULL, *identity = NULL, *folder = NULL;
    for (int o = 0; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case PATH:
            p->path = optarg;
            break;
        case METHOD:
            p->method = optarg;
            break;
        case BODY:
            p->body_bytes = (size_t)number(optarg, 0, 1e9);
            break;
        case CONNECTIONS:
            p->connections = (unsigned)number(optarg, 1, 1e6);
            break;
        case RATE:
            p->rate = number(optarg, 0.001, 1e6);
            break;
        case SECONDS:
            p->seconds = number(optarg, 0.01, 1e6);
            break;
        case WARM:
            p->warm_seconds = number(optarg, 0, 1e6);
            break;
        case CLOSE:
            p->close_each = true;
            break;
        case RESUME:
            p->resume = true;
            break;
        case HOLD:
            p->hold = true;
            break;
        case FROM:
            if (p->source_count < LOAD_SOURCES_MAX)
                p->sources[p->source_count++] = optarg;
            break;
        case CA:
            ca = optarg;
            break;
        case IDENTITY:
            identity = optarg;
            break;
        case IDENTITIES:
            folder = optarg;
            break;
        case SERVER_PID:
            if (p->server_pid_count < 16)
                p->server_pids[p->server_pid_count++] = (int)number(optarg, 1, 1e9);
            break;
        case HELP:
            fputs(usage, stdout);
            exit(0);
        default:
            fputs(usage, stderr);
            exit(2);
        }
    }
    if (argc - optind != 2) {
        fputs(usage, stderr);
        exit(2);
    }
    p->host = argv[optind];
    p->port = (uint16_t)number(argv[optind + 1], 1, 65535);
    p->tls = ca != NULL;
    if (folder != NULL && p->tls)
        all_in(p, ca, folder);
    else if (p->tls)
        p->identities[p->identity_count++] = context(ca, identity);
}

int main(int argc, char **argv)
{
    static struct load_plan plan = {
        .path = "/", .method = "GET", .connections = 1, .seconds = 5, .warm_seconds = 0.5};
    static struct load_report report;
    struct rlimit files;
    parse(argc, argv, &plan);
    (void)signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    if (!load_run(&plan, &report))
        die(strerror(errno));
    print(&plan, &report);
    for (unsigned i = 0; i < plan.identity_count; i++)
        SSL_CTX_free(plan.identities[i]);
    return 0;
}
