/* role_images - the Image repository's role: what is served, and uploads to it.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_SERVER_ROLE_IMAGES_H
#define SEV_SERVER_ROLE_IMAGES_H

#include "frame.h"

struct images_uploads;
struct images_private;
struct images_role {
    int folder;
    struct images_uploads *uploads;        /**< NULL: none are taken */
    struct images_private *private_images; /**< NULL: whoever is known may download */
};

/** As the section says; what was interrupted is finished. @retval SEV_E_..., said in app->note */
SEV_MUST_USE sev_err images_uploads_open(struct app_instance *i, struct images_uploads **out);
void images_uploads_close(struct images_uploads *u); /**< NULL is fine */
sev_err images_uploads_ready(struct images_uploads *u, char *why);

/** A file beneath the folder. @retval SEV_E_NOT_FOUND, SEV_E_OVERLOADED */
struct stat;
SEV_MUST_USE sev_err images_open(const struct images_role *r, sev_slice name, int *out,
                                 struct stat *status);
/** The file of that name, or the refusal. */
void images_answer(struct app_call *call, sev_slice name);

/* What seed 001 asked for: images_seed.c. */
void images_hello(struct app_call *call);
void images_seed_target(struct app_call *call);
extern const struct app_stream images_seed_stream;

/** May this peer upload at all, and to there? Before any of the body is read. */
SEV_MUST_USE sev_err images_upload_may(struct app_call *call);
void images_upload_file(struct app_call *call);
void images_upload_image(struct app_call *call);
extern const struct app_stream images_stream;

/** Images for those alone who bring a grant. */
SEV_MUST_USE sev_err images_private_open(struct app_instance *i, struct images_private **out);
void images_private_close(struct images_private *p); /**< NULL is fine */
void images_take_grant(struct app_call *call);
/** @param name  below the served folder @retval SEV_E_NO_GRANT, SEV_E_EXPIRED */
SEV_MUST_USE sev_err images_may_download(struct app_call *call, sev_slice name);

#endif
