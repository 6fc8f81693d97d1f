/* told - what a vehicle of aktualizr's dialect tells of its downloads and installations. Unsigned,
 * told at least once: kept once, for people, and believed by nobody. Contract 11.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include "secureev/store_told.h"

/* The text, unfolded; empty where it is none or too long. */
static sev_slice text_of(const struct sev_director_call *call, sev_slice value, size_t max)
{
    sev_json_str text;
    sev_json j = sev_json_at(value);
    sev_json_string(&j, &text);
    if (j.err != SEV_OK || sev_json_str_len(text) > max)
        return SEV_EMPTY;
    if (!text.escaped)
        return text.raw;
    sev_buf b = director_buf(call, max);
    return sev_json_str_copy(text, &b) == SEV_OK ? sev_buf_slice(&b) : SEV_EMPTY;
}

/* False: it is nothing that we know; newer programs may tell more. */
static bool read_event(const struct sev_director_call *call, sev_slice value, struct sev_told *out)
{
    sev_slice event = sev_json_get(value, "event"), success = sev_json_get(event, "success");
    sev_slice type = sev_json_get(sev_json_get(value, "eventType"), "id");
    struct sev_told t = {.id = text_of(call, sev_json_get(value, "id"), SEV_TOLD_TEXT_BYTES_MAX),
                         .type = text_of(call, type, SEV_TOLD_TEXT_BYTES_MAX),
                         .ecu = text_of(call, sev_json_get(event, "ecu"), SEV_ID_BYTES_MAX),
                         .correlation_id =
                             text_of(call, sev_json_get(event, "correlationId"), SEV_ID_BYTES_MAX),
                         .heard = call->now};
    if (sev_slice_eq(success, SEV_LIT("true")))
        t.outcome = SEV_TOLD_DONE;
    else if (sev_slice_eq(success, SEV_LIT("false")))
        t.outcome = SEV_TOLD_FAILED;
    if (sev_time_parse(text_of(call, sev_json_get(value, "deviceTime"), 20), &t.when) != SEV_OK ||
        t.when < 0)
        t.when = 0;
    *out = t;
    return t.id.len != 0 && t.type.len != 0;
}

/* Of more than are kept, the last. */
static uint32_t read_events(const struct sev_director_call *call, sev_slice body,
                            struct sev_told *out)
{
    uint32_t count = 0, skip, kept = 0;
    sev_json j = sev_json_at(body);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_skip(&j, NULL);
        count++;
    }
    skip = count > SEV_TOLD_KEPT ? count - SEV_TOLD_KEPT : 0;
    j = sev_json_at(body);
    sev_json_array(&j);
    for (uint32_t i = 0; i < count && sev_json_element(&j); i++) {
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        if (i >= skip && read_event(call, value, &out[kept]))
            kept++;
    }
    return j.err == SEV_OK ? kept : 0;
}

sev_err sev_director_told(const struct sev_director *d, const struct sev_director_call *call,
                          sev_slice vehicle, sev_slice events)
{
    struct sev_vehicle row;
    sev_err e = d->store->vehicle_get(d->store->self, vehicle, call->arena, &row);
    if (e == SEV_OK && row.profile != SEV_PROFILE_AKTUALIZR)
        e = SEV_E_NOT_FOUND;
    if (e != SEV_OK)
        return e;
    /* What cannot be read would come again for ever: it is heard, too. */
    if (sev_json_check(events, sev_arena_scratch(call->arena), NULL, NULL) != SEV_OK)
        return SEV_OK;
    struct sev_told *told =
        (struct sev_told *)(void *)sev_arena_take(call->arena, SEV_TOLD_KEPT * sizeof *told);
    if (told == NULL)
        return SEV_E_MEMORY;
    uint32_t count = read_events(call, events, told);
    return count == 0 ? SEV_OK : d->store->told->put(d->store->self, vehicle, told, count);
}
