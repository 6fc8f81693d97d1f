/* tls - PEM texts into what OpenSSL calls a context, for server and client alike. No passphrase is
 * ever asked for. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_TLS_H
#define SECUREEV_TLS_H

#include "secureev/slice.h"

struct ssl_ctx_st; /* SSL_CTX */

/** Ours: the first certificate is, those behind it lead to the root; `key` is of the first.
 *  False: not usable, or they do not belong together. */
bool sev_tls_be(struct ssl_ctx_st *tls, sev_slice certificates, sev_slice key);
/** Whom a peer's certificate must lead to: at least one. @param ask_for  name them to clients */
bool sev_tls_trust(struct ssl_ctx_st *tls, sev_slice certificates, bool ask_for);

#endif
