/* module - see module.h. Not for several threads at a time. SPDX-License-Identifier: MIT */
#include "module.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct module {
    struct module *next;
    void *library;
    CK_FUNCTION_LIST *functions;
    unsigned users;
    bool ours; /* we initialised it, and finalise it */
    char path[];
};
static struct module *modules; /* a second C_Initialize of one library would be an error */

static CK_RV initialise(const CK_FUNCTION_LIST *f)
{
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
    return f->C_Initialize(&arguments);
}

static CK_FUNCTION_LIST *functions_of(void *library)
{
    CK_FUNCTION_LIST *list = NULL;
    CK_C_GetFunctionList get = NULL;
    void *symbol = dlsym(library, "C_GetFunctionList");
    memcpy(&get, &symbol, sizeof get); /* POSIX's way from an object's pointer to a function's */
    if (get == NULL || get(&list) != CKR_OK || list == NULL || list->version.major < 2)
        return NULL;
    return list;
}

static sev_err load(const char *path, struct module **out, const char **out_why)
{
    size_t len = strlen(path) + 1;
    struct module *m = calloc(1, sizeof *m + len);
    if (m == NULL)
        return SEV_E_MEMORY;
    memcpy(m->path, path, len);
    m->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    m->functions = m->library != NULL ? functions_of(m->library) : NULL;
    CK_RV rv = m->functions != NULL ? initialise(m->functions) : CKR_GENERAL_ERROR;
    m->ours = rv == CKR_OK;
    if (rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED) {
        *out = m;
        return SEV_OK;
    }
    *out_why = m->library == NULL     ? "cannot be loaded as a library"
               : m->functions == NULL ? "is no PKCS#11 module"
                                      : "does not start";
    sev_err e = m->functions != NULL ? SEV_E_TOKEN_GONE : SEV_E_CONFIG;
    if (m->library != NULL)
        dlclose(m->library);
    free(m);
    return e;
}

sev_err module_open(const char *path, struct module **out, CK_FUNCTION_LIST **out_functions,
                    const char **out_why)
{
    struct module *m = modules;
    *out_why = "no memory";
    while (m != NULL && strcmp(m->path, path) != 0)
        m = m->next;
    if (m == NULL) {
        sev_err e = load(path, &m, out_why);
        if (e != SEV_OK)
            return e;
        m->next = modules;
        modules = m;
    }
    m->users++;
    *out = m;
    *out_functions = m->functions;
    return SEV_OK;
}

void module_close(struct module *m)
{
    if (m == NULL || --m->users != 0)
        return;
    struct module **at = &modules;
    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    if (m->ours)
        (void)m->functions->C_Finalize(NULL);
    dlclose(m->library);
    free(m);
}

CK_RV module_again(struct module *m)
{
    CK_RV rv = initialise(m->functions);
    return rv == CKR_CRYPTOKI_ALREADY_INITIALIZED ? CKR_OK : rv;
}
