/* dev - `secureev dev`: the whole backend on this machine, for trying it. What it makes, what runs,
 * and how it is asked. SPDX-License-Identifier: MIT */
#ifndef SEV_CLI_DEV_H
#define SEV_CLI_DEV_H

#include <sys/types.h>

#include "cli.h"

/* DIR/offline  keys of root, targets and CA, encrypted, and the repositories' workshops
 * DIR/signer   the online keys, and the signer's configuration
 * DIR/run      the signer's socket
 * DIR/broker   mosquitto's configuration and TLS key; not where there is no mosquitto
 * DIR/servers  database, roots, what Images serves, TLS keys, configuration
 * DIR/people   certificates and tokens for those who ask
 * DIR/log      what the processes said, and who they are
 * Run by root, signer and servers are users of their own: neither can read what is the other's or
 * offline. */

#define DEV_MOSQUITTO "/usr/sbin/mosquitto"
#define DEV_PROCESSES_MAX 3u
#define DEV_SERVERS_UID 64721 /* no package has these */
#define DEV_SIGNER_UID 64722
#define DEV_BROKER_UID 64723

/* deploy/mosquitto.conf and mosquitto.acl, as they stand there. */
extern const char sev_deploy_mosquitto_conf[], sev_deploy_mosquitto_acl[];

#define DEV_ORIGIN "evaluation.example/log" /* the audit log's name */

struct dev {
    struct cli *c;
    char dir[SEV_FS_PATH_MAX]; /* absolute */
    bool apart;                /* we are root: users of their own */
    unsigned port;             /* of the first role; 0: free ones */
    int code;                  /* of the error that was reported; 0 */
};

/** `relative` below the folder; the result is `out`. */
const char *dev_path(const struct dev *d, const char *relative, char out[SEV_FS_PATH_MAX]);

/* ------------------------------------------------------------------- making */

/** Keys, metadata, certificates and configuration. 0, or an exit code. */
int dev_make(struct dev *d);

/* ---------------------------------------------------------------- processes */

struct dev_process {
    const char *name;    /* "signer", "servers", "broker" */
    const char *program; /* beside ours, or an absolute path */
    const char *option;  /* before the configuration; NULL: none */
    const char *config;  /* below the folder; where it is missing, the process is not of it */
    const char *started; /* words in its log that say so */
    uid_t uid;
};
extern const struct dev_process dev_processes[DEV_PROCESSES_MAX]; /* in the order of starting */

/** Does the process belong to this evaluation? */
bool dev_has(const struct dev *d, const struct dev_process *p);

/** 0: it does not run. */
pid_t dev_pid(const struct dev *d, const struct dev_process *p);
/** Start it and wait until it says that it is ready. 0, or an exit code. */
int dev_start(struct dev *d, const struct dev_process *p);
/** Ask it to end, and wait. Did it run? */
bool dev_stop(struct dev *d, const struct dev_process *p);
/** The port that a role said it listens at when it started; 0: none. */
unsigned dev_port(const struct dev *d, const char *role);
/** The answer of /readyz into `out`. 0 when all is ready. */
sev_err dev_ready(const struct dev *d, struct cli_text *out);
/** Likewise, and waits for it. */
sev_err dev_wait_ready(const struct dev *d);

#endif
