/* lint - what the files of lint share. SPDX-License-Identifier: MIT */
#ifndef SEV_ROLES_REPOSITORY_LINT_H
#define SEV_ROLES_REPOSITORY_LINT_H

#include "internal.h"

struct lint {
    const struct sev_fs *fs;
    const struct sev_lint_config *config;
    sev_lint_report *report;
    void *context;
    struct sev_repository_note *note;
    struct sev_repo_pool pool;
    struct sev_public public;
    struct sev_repo_view view;
    bool *trusted; /* by the number of the file: delegations lead there */
    bool sound;    /* the walk went through: images can be searched */
    uint32_t step; /* of the entries of the present file, one in so many is searched */
    uint32_t number, skipped, refused;
};

/** Report a finding; code NULL: that of `e`. */
#if defined(__GNUC__)
__attribute__((format(printf, 6, 7)))
#endif
void sev_lint_say(struct lint *l, bool is_error, const char *code, const char *role,
                  const char *subject, const char *format, ...);
static inline bool sev_lint_is_trusted(const struct lint *l, const struct sev_public_file *f)
{
    return l->trusted[f - l->public.files];
}
static inline bool sev_lint_native(const struct lint *l)
{
    return l->config->profile == SEV_PROFILE_NATIVE;
}

/** Is this role to be looked at? */
static inline bool sev_lint_wants(const struct lint *l, const char *role)
{
    return l->config->only == NULL || strcmp(l->config->only, role) == 0;
}

/** Root chain, timestamp, snapshot, targets, as a client from the factory. */
sev_err sev_lint_walk(struct lint *l);

/* lint_keys.c */
sev_err sev_lint_keys(struct lint *l);
/* lint_roles.c */
sev_err sev_lint_trust(struct lint *l);
sev_err sev_lint_delegations(struct lint *l);
/* lint_images.c */
sev_err sev_lint_images(struct lint *l);
sev_err sev_lint_searches(struct lint *l);
sev_err sev_lint_secrets(struct lint *l);

#endif
