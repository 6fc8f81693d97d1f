/* repo - what the sub-commands of `secureev repo` have in common. SPDX-License-Identifier: MIT */
#ifndef SEV_CLI_REPO_H
#define SEV_CLI_REPO_H

#include "cli.h"
#include "keys.h"
#include "secureev/repository.h"

#define REPO_NOW_OPTION                                                                            \
    {                                                                                              \
        .name = "now", .value = "TIME", .shown = "the system clock",                               \
        .help = "the time to sign at, RFC 3339"                                                    \
    }

/* All of these report their errors: 0, or the exit code to return. */

/** What can be shown of `path`, a folder or a file, is not there. */
SEV_MUST_USE int repo_no_public(struct cli *c, const char *path);

/** An open repository and what a failed call says of itself. */
struct repo {
    struct cli *cli;
    struct sev_repository_note note;
    struct sev_repository *r;
};
SEV_MUST_USE int repo_open(struct cli *c, unsigned how, struct repo *out);
/** To change it at a time: that of --now. */
SEV_MUST_USE int repo_open_at(struct cli *c, struct repo *out, sev_time *out_now);
void repo_close(struct repo *repo);
/** Report `e` with what the note says. */
int repo_fail(struct repo *repo, sev_err e);
int repo_fail_note(struct cli *c, sev_err e, const struct sev_repository_note *note);
/** As repo_fail for a function of fs.h. */
int repo_fail_fs(struct cli *c, sev_err e);
/** Say what was done: a line, or {"done": ...}. */
SEV_MUST_USE int repo_say_done(struct cli *c, const char *line);
/** Save, and say so. */
SEV_MUST_USE int repo_done(struct repo *repo, const char *format, ...) CLI_PRINTF(2, 3);

/** The public key that `text` names: a file (key object or PEM) when it has a slash or ends in
 *  .json or .pem, otherwise a key of the keystore. */
SEV_MUST_USE int repo_key(struct cli *c, const char *text, struct sev_pubkey *out);
/** "NAME=2:KEY,KEY,KEY", or "2:KEY,KEY" when `name` is given. Free with repo_role_free. */
SEV_MUST_USE int repo_role(struct cli *c, const char *spec, const char *name,
                           struct sev_repository_role *out);
void repo_role_free(struct sev_repository_role *role);
/** Days in one of the values of option --expires, "ROLE=DAYS". 0: not given. */
SEV_MUST_USE int repo_days(struct cli *c, const char *role, uint32_t *out);

/** --public, or the repository's own folder; aktualizr's files lie below it. */
SEV_MUST_USE int repo_public_folder(struct cli *c, sev_profile profile, char out[SEV_FS_PATH_MAX]);
/** A string member from a C string. */
void repo_put_text(sev_json_writer *w, const char *name, const char *value);

/** All values of a repeated option. */
struct sev_texts repo_texts(const struct cli *c, const char *name);

int repo_run_init(struct cli *c);
int repo_run_add(struct cli *c);
int repo_run_remove(struct cli *c);
int repo_run_assign(struct cli *c);
int repo_run_attest(struct cli *c);
int repo_run_withdraw(struct cli *c);
int repo_run_delegate(struct cli *c);
int repo_run_undelegate(struct cli *c);
int repo_run_rotate(struct cli *c);
int repo_run_revoke(struct cli *c);
int repo_run_stage(struct cli *c);
int repo_run_sign(struct cli *c);
int repo_run_assemble(struct cli *c);
int repo_run_publish(struct cli *c);
int repo_run_refresh(struct cli *c);
int repo_run_upload(struct cli *c);
int repo_run_show(struct cli *c);
int repo_run_diff(struct cli *c);
int repo_run_lint(struct cli *c);

#endif
