/* signer_client - a connection to secureev-signer. One thread at a time may use it; a signer that
 * was restarted is found again. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_SIGNER_CLIENT_H
#define SECUREEV_SIGNER_CLIENT_H

#include "secureev/signer.h"

#define SEV_SIGNER_WAIT_MS 5000 /* for one answer; signing takes microseconds */

struct sev_signer_client {
    int fd; /**< -1: not connected */
    char path[108];
    uint8_t *room; /**< one answer */
};

/** Nothing is connected yet. @retval SEV_E_BAD_NAME  the path is too long for a Unix socket
 *  @retval SEV_E_MEMORY */
SEV_MUST_USE sev_err sev_signer_client_init(struct sev_signer_client *client, const char *path);
void sev_signer_client_close(struct sev_signer_client *client);

/** As the interface that roles use; valid while `client` is. */
struct sev_sign sev_signer_client_sign(struct sev_signer_client *client);
struct sev_certify sev_signer_client_certify(struct sev_signer_client *client);
struct sev_sign_note sev_signer_client_notes(struct sev_signer_client *client);

/** Ask anything; the answer lies in `client` until the next call. @retval SEV_E_UNREACHABLE */
SEV_MUST_USE sev_err sev_signer_client_ask(struct sev_signer_client *client, sev_slice request,
                                           sev_slice *out_answer);

#endif
