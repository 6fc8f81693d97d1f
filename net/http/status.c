/* status - numbers and words of responses. SPDX-License-Identifier: MIT */
#include "secureev/http.h"

unsigned sev_http_status(sev_err e)
{
    static const struct {
        sev_err e;
        unsigned status;
    } table[] = {
#define X(name, status_) {SEV_E_##name, status_},
        SEV_HTTP_STATUS_TABLE(X)
#undef X
    };
    static const unsigned by_class[] = {200, 400, 422, 503, 500};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].e == e)
            return table[i].status;
    return by_class[sev_err_class(e)];
}

const char *sev_http_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *words;
    } table[] = {
        {100, "Continue"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].status == status)
            return table[i].words;
    return "Status";
}
