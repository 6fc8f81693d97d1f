/* problem - a refusal of another program of ours, in our own words again.
 * SPDX-License-Identifier: MIT */
#include "secureev/client_http.h"
#include "secureev/json.h"

#define ID_BYTES_MAX 64 /* of an error */

static bool is_problem(const struct sev_http_answer *a)
{
    sev_slice type = SEV_EMPTY;
    return sev_http_field_get(&a->fields, SEV_LIT("Content-Type"), &type) &&
           sev_slice_eq(type, SEV_LIT("application/problem+json"));
}

/* SEV_E_BUG when it names none that we know. */
static sev_err named(const struct sev_http_answer *a)
{
    uint32_t slots[32];
    char id[ID_BYTES_MAX];
    sev_buf plain = sev_buf_of(id, sizeof id);
    sev_json_str code = {SEV_EMPTY, false};
    if (!is_problem(a) ||
        sev_json_check(a->body, (struct sev_json_scratch){slots, 32}, NULL, NULL) != SEV_OK)
        return SEV_E_BUG;
    sev_json j = sev_json_at(sev_json_get(a->body, "code"));
    sev_json_string(&j, &code);
    if (j.err != SEV_OK || sev_json_str_copy(code, &plain) != SEV_OK)
        return SEV_E_BUG;
    return sev_err_of_id(id, plain.len);
}

sev_err sev_http_answer_err(const struct sev_http_answer *answer)
{
    if (answer->status >= 200 && answer->status < 300)
        return SEV_OK;
    sev_err e = named(answer);
    if (e != SEV_E_BUG && e != SEV_OK)
        return e;
    switch (answer->status) {
    case 401:
    case 403:
        return SEV_E_WRONG_SUBJECT;
    case 404:
    case 410:
        return SEV_E_ABSENT;
    case 409:
        return SEV_E_CONFLICT;
    case 429:
        return SEV_E_RATE_LIMITED;
    case 503:
        return SEV_E_OVERLOADED;
    default:
        return SEV_E_UNREACHABLE;
    }
}
