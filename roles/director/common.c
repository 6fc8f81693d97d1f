/* common - the inventory as the parts of the Director read it.  SPDX-License-Identifier: MIT */
#include "internal.h"

sev_err director_ecus(const struct sev_director *d, const struct sev_director_call *call,
                      sev_slice vehicle, struct director_ecus *out)
{
    struct director_ecus found = {.count = 0};
    found.ecus = (struct sev_ecu *)(void *)sev_arena_take(call->arena,
                                                          SEV_STORE_ECUS_MAX * sizeof *found.ecus);
    if (found.ecus == NULL)
        return SEV_E_MEMORY;
    sev_err e = d->store->ecus_get(d->store->self, vehicle, call->arena, found.ecus, &found.count);
    if (e == SEV_OK)
        *out = found;
    return e;
}

struct sev_ecu *director_find_ecu(const struct director_ecus *ecus, sev_slice serial)
{
    for (uint32_t i = 0; i < ecus->count; i++)
        if (sev_slice_eq(ecus->ecus[i].serial, serial))
            return &ecus->ecus[i];
    return NULL;
}

sev_err director_reason(const struct sev_director_call *call, sev_slice *out,
                        const char *const names[], const sev_slice values[])
{
    size_t bytes = 64;
    for (size_t i = 0; names[i] != NULL; i++)
        bytes += strlen(names[i]) + 6 * values[i].len + 8;
    sev_buf room = director_buf(call, bytes);
    sev_json_writer w = sev_json_writer_to(&room);
    sev_json_w_object(&w);
    for (size_t i = 0; names[i] != NULL; i++)
        if (values[i].len != 0)
            sev_json_w_string_member(&w, names[i], values[i]);
    sev_json_w_object_end(&w);
    sev_err e = sev_arena_want(sev_json_w_end(&w));
    if (e == SEV_OK)
        *out = sev_buf_slice(&room);
    return e;
}

void director_tell(const struct sev_director *d, sev_event_id id, sev_err err, sev_slice vehicle,
                   sev_slice ecu)
{
    struct sev_event event = {.id = id, .err = err};
    sev_event_text(&event, "vehicle", vehicle);
    if (ecu.len != 0)
        sev_event_text(&event, "ecu", ecu);
    d->events.emit(d->events.self, &event);
}

#define REMEMBERED 16 /* newest rows: refusals that take turns are not said again, either */

struct newest {
    const struct sev_decision *wanted;
    bool said;
};

static bool look_at_newest(void *context, const struct sev_decision *d)
{
    struct newest *n = context;
    n->said = sev_slice_eq(d->what, n->wanted->what) &&
              sev_slice_eq(d->reason, n->wanted->reason) &&
              n->wanted->time - d->time < DIRECTOR_REPEAT_SECONDS;
    return !n->said;
}

void director_refused(const struct sev_director *d, const struct sev_director_call *call,
                      sev_slice vehicle, const char *what, sev_event_id id, sev_err why)
{
    static const char *const names[] = {"error", NULL};
    const sev_slice values[] = {director_text(sev_err_id(why))};
    struct sev_decision row = {call->now, SEV_LIT("director"), director_text(what), SEV_EMPTY};
    struct newest newest = {.wanted = &row};
    director_tell(d, id, why, vehicle, SEV_EMPTY);
    if (sev_err_class(why) != SEV_CLASS_REFUSE && why != SEV_E_EXISTS)
        return;
    sev_err e = director_reason(call, &row.reason, names, values);
    if (e == SEV_OK)
        e = d->store->decisions(d->store->self, vehicle, REMEMBERED, call->arena, look_at_newest,
                                &newest);
    if (e == SEV_OK && !newest.said)
        e = d->store->decision_add(d->store->self, vehicle, &row);
    if (e != SEV_OK && e != SEV_E_NOT_FOUND)
        director_tell(d, SEV_EVENT_NOT_KEPT, e, vehicle, SEV_EMPTY);
}
