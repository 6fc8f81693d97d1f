/* route - which of a role's routes a request is for.  SPDX-License-Identifier: MIT */
#include <string.h>

#include "frame.h"
#include "secureev/http.h"

static size_t component(sev_slice path)
{
    size_t n = 0;
    while (n < path.len && path.ptr[n] != '/')
        n++;
    return n;
}

static bool matches(const char *pattern, sev_slice path, sev_slice params[APP_PARAMS_MAX])
{
    unsigned count = 0;
    size_t at = 0;
    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (at == path.len || path.ptr[at] != (uint8_t)*pattern)
                return false;
            pattern++;
            at++;
            continue;
        }
        const char *end = strchr(pattern, '}');
        sev_slice left = sev_slice_sub(path, at, path.len);
        size_t n = end[-1] == '.' ? left.len : component(left);
        if (n == 0 || count == APP_PARAMS_MAX)
            return false;
        params[count++] = sev_slice_sub(path, at, n);
        at += n;
        pattern = end + 1;
    }
    return at == path.len;
}

static bool serves(const struct app_route *route, enum sev_http_method method)
{
    return route->method == method || (route->method == SEV_HTTP_GET && method == SEV_HTTP_HEAD);
}

sev_err app_route_find(struct app_instance *i, struct sev_exchange *x, struct app_call *out)
{
    sev_err e = app_route_of(i, sev_exchange_request(x), out);
    out->x = x;
    out->peer = sev_exchange_peer(x);
    return e;
}

sev_err app_route_of(struct app_instance *i, const struct sev_http_request *request,
                     struct app_call *out)
{
    sev_buf path = sev_buf_of(out->room, sizeof out->room);
    bool there = false;
    out->instance = i;
    out->x = NULL;
    out->request = request;
    out->peer = NULL;
    out->route = NULL;
    out->body = SEV_EMPTY;
    out->desk = NULL;
    out->arena = NULL;
    sev_err e = sev_http_path_decode(request->path, &path);
    if (e != SEV_OK)
        return e;
    out->path = sev_buf_slice(&path);
    for (unsigned n = 0; n < i->role->route_count; n++) {
        const struct app_route *route = &i->role->routes[n];
        memset(out->params, 0, sizeof out->params);
        if (!matches(route->path, out->path, out->params))
            continue;
        there = true;
        if (!serves(route, request->method))
            continue;
        out->route = route;
        return SEV_OK;
    }
    return there ? SEV_E_HTTP_NOT_ALLOWED : SEV_E_NOT_FOUND;
}
