/* module - Cryptoki libraries that are loaded, each once. SPDX-License-Identifier: MIT */
#ifndef SEV_CRYPTO_PKCS11_MODULE_H
#define SEV_CRYPTO_PKCS11_MODULE_H

#include <p11-kit/pkcs11.h>

#include "secureev/err.h"

struct module;
/* `out_why` says what is wrong with it. SEV_E_CONFIG, SEV_E_TOKEN_GONE, SEV_E_MEMORY */
sev_err module_open(const char *path, struct module **out, CK_FUNCTION_LIST **out_functions,
                    const char **out_why);
void module_close(struct module *m);
/* After the library forgot that it was initialised. */
CK_RV module_again(struct module *m);

#endif
