/* definition - what an operator asks for, read strictly: a member that nobody knows, or that makes
 * no sense, is named and nothing comes of the rest. SPDX-License-Identifier: MIT */
#include "internal.h"

#include <stdlib.h>

#define DAYS_MAX 3650
#define VEHICLES_MAX 100000000

/* The first refusal sticks, with the member where it was. */
struct reader {
    struct sev_arena *arena;
    sev_json j;
    const char *where;
};

static void refuse(struct reader *r, sev_err e, const char *where)
{
    if (r->j.err == SEV_OK)
        r->where = where;
    sev_json_fail(&r->j, e);
}

/* What the cursor itself refused gets the member's name. */
static void named(struct reader *r, sev_err before, const char *where)
{
    if (before == SEV_OK && r->j.err != SEV_OK)
        r->where = where;
}

static sev_slice text(struct reader *r, const char *where, size_t min, size_t max)
{
    sev_json_str s = {SEV_EMPTY, false};
    sev_err before = r->j.err;
    sev_json_string(&r->j, &s);
    named(r, before, where);
    if (r->j.err != SEV_OK)
        return SEV_EMPTY;
    sev_buf room = campaign_buf(r->arena, s.raw.len + 1);
    if (room.cap == 0 || sev_json_str_copy(s, &room) != SEV_OK)
        refuse(r, SEV_E_MEMORY, where);
    else if (room.len < min || room.len > max)
        refuse(r, SEV_E_MALFORMED, where);
    return sev_buf_slice(&room);
}

static int64_t number(struct reader *r, const char *where, int64_t min, int64_t max)
{
    int64_t n = min;
    sev_err before = r->j.err;
    sev_json_integer_in(&r->j, min, max, &n);
    named(r, before, where);
    return n;
}

static sev_time moment(struct reader *r, const char *where)
{
    sev_time t = 0;
    sev_slice s = text(r, where, 1, 20);
    if (r->j.err == SEV_OK && sev_time_parse(s, &t) != SEV_OK)
        refuse(r, SEV_E_MALFORMED, where);
    return t;
}

/* -------------------------------------------------------------------- lists */

static int compare(const void *a, const void *b)
{
    return sev_slice_cmp(*(const sev_slice *)a, *(const sev_slice *)b);
}

bool campaign_list_has(const struct sev_campaign_list *list, sev_slice wanted)
{
    return list->count != 0 &&
           bsearch(&wanted, list->items, list->count, sizeof wanted, compare) != NULL;
}

static uint32_t count_elements(sev_json at)
{
    uint32_t count = 0;
    sev_json_array(&at);
    while (sev_json_element(&at)) {
        sev_json_skip(&at, NULL);
        count++;
    }
    return count;
}

static void list(struct reader *r, const char *where, struct sev_campaign_list *out)
{
    uint32_t room = r->j.err == SEV_OK ? count_elements(r->j) : 0;
    if (room > SEV_CAMPAIGN_LIST_MAX)
        refuse(r, SEV_E_JSON_LIMIT, where);
    sev_err before = r->j.err;
    out->items = (sev_slice *)(void *)sev_arena_take(r->arena, (room + 1) * sizeof *out->items);
    if (out->items == NULL)
        refuse(r, SEV_E_MEMORY, where);
    sev_json_array(&r->j);
    while (sev_json_element(&r->j) && r->j.err == SEV_OK)
        out->items[out->count++] = text(r, where, 1, SEV_ID_BYTES_MAX);
    named(r, before, where);
    if (r->j.err != SEV_OK)
        return;
    if (out->count == 0) /* whoever writes an empty list means something else by it */
        refuse(r, SEV_E_MALFORMED, where);
    qsort(out->items, out->count, sizeof *out->items, compare);
    for (uint32_t i = 1; i < out->count; i++)
        if (sev_slice_eq(out->items[i - 1], out->items[i]))
            refuse(r, SEV_E_JSON_DUPLICATE, where);
}

/* ------------------------------------------------------------------- filter */

static void installed(struct reader *r, struct sev_campaign_definition *d)
{
    sev_json_str name;
    d->filter.has_installed = true;
    d->filter.installed.release_max = SEV_JSON_INT_MAX;
    sev_json_object(&r->j);
    while (sev_json_member(&r->j, &name)) {
        if (sev_json_str_is(name, "hardwareId"))
            d->filter.installed.hardware_id =
                text(r, "filter.installed.hardwareId", 1, SEV_ID_BYTES_MAX);
        else if (sev_json_str_is(name, "name"))
            d->filter.installed.name = text(r, "filter.installed.name", 1, SEV_NAME_BYTES_MAX);
        else if (sev_json_str_is(name, "releaseCounterMax"))
            d->filter.installed.release_max =
                number(r, "filter.installed.releaseCounterMax", 0, SEV_JSON_INT_MAX);
        else if (sev_json_str_is(name, "releaseCounterMin"))
            d->filter.installed.release_min =
                number(r, "filter.installed.releaseCounterMin", 0, SEV_JSON_INT_MAX);
        else
            refuse(r, SEV_E_MALFORMED, "filter.installed: an unknown member");
    }
    if (d->filter.installed.hardware_id.len == 0)
        refuse(r, SEV_E_MALFORMED, "filter.installed.hardwareId");
    if (d->filter.installed.release_min > d->filter.installed.release_max)
        refuse(r, SEV_E_MALFORMED, "filter.installed.releaseCounterMin");
}

static void filter(struct reader *r, struct sev_campaign_definition *d)
{
    sev_json_str name;
    sev_json_object(&r->j);
    while (sev_json_member(&r->j, &name)) {
        if (sev_json_str_is(name, "hardwareIds"))
            list(r, "filter.hardwareIds", &d->filter.hardware_ids);
        else if (sev_json_str_is(name, "installed"))
            installed(r, d);
        else if (sev_json_str_is(name, "models"))
            list(r, "filter.models", &d->filter.models);
        else if (sev_json_str_is(name, "tags"))
            list(r, "filter.tags", &d->filter.tags);
        else if (sev_json_str_is(name, "vehicles"))
            list(r, "filter.vehicles", &d->filter.vehicles);
        else if (sev_json_str_is(name, "vinPrefixes"))
            list(r, "filter.vinPrefixes", &d->filter.vin_prefixes);
        else
            refuse(r, SEV_E_MALFORMED, "filter: an unknown member");
    }
}

static bool begins_with_one(const struct sev_campaign_list *list, sev_slice text)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (text.len >= list->items[i].len &&
            memcmp(text.ptr, list->items[i].ptr, list->items[i].len) == 0)
            return true;
    return false;
}

static bool is_tagged(const struct sev_campaign_definition *d, sev_slice tags)
{
    for (uint32_t i = 0; i < d->filter.tags.count; i++)
        if (tags.len != 0 && sev_strings_contain(tags, d->filter.tags.items[i]))
            return true;
    return d->filter.tags.count == 0;
}

static bool runs(const struct sev_campaign_definition *d, const struct sev_ecu *ecu)
{
    return sev_slice_eq(ecu->hardware_id, d->filter.installed.hardware_id) &&
           ecu->installed.name.len != 0 && /* it has reported */
           (d->filter.installed.name.len == 0 ||
            sev_slice_eq(ecu->installed.name, d->filter.installed.name)) &&
           ecu->installed.release_counter >= d->filter.installed.release_min &&
           ecu->installed.release_counter <= d->filter.installed.release_max;
}

static bool has_image_for(const struct sev_campaign_definition *d, const struct sev_ecu *ecu)
{
    for (uint32_t i = 0; i < d->image_count; i++)
        if (sev_slice_eq(d->images[i].hardware_id, ecu->hardware_id))
            return true;
    return false;
}

bool sev_campaign_matches(const struct sev_campaign_definition *d,
                          const struct sev_fleet_vehicle *v)
{
    bool image = false, hardware = d->filter.hardware_ids.count == 0;
    bool running = !d->filter.has_installed;
    if ((d->filter.models.count != 0 && !campaign_list_has(&d->filter.models, v->model)) ||
        (d->filter.vehicles.count != 0 && !campaign_list_has(&d->filter.vehicles, v->id)) ||
        (d->filter.vin_prefixes.count != 0 && !begins_with_one(&d->filter.vin_prefixes, v->vin)) ||
        v->profile == SEV_PROFILE_TUF || !is_tagged(d, v->tags))
        return false;
    for (uint32_t i = 0; i < v->ecu_count; i++) {
        image = image || has_image_for(d, &v->ecus[i]);
        hardware = hardware || campaign_list_has(&d->filter.hardware_ids, v->ecus[i].hardware_id);
        running = running || runs(d, &v->ecus[i]);
    }
    return image && hardware && running;
}

/* ------------------------------------------------------------------ targets */

static void check_image(struct reader *r, struct sev_campaign_image *image)
{
    struct sev_hashes hashes;
    struct sev_match match;
    if (image->name.len == 0 || !sev_name_is_clean(image->name))
        refuse(r, SEV_E_BAD_NAME, "targets.name");
    if (image->length < 0)
        refuse(r, SEV_E_MALFORMED, "targets.length");
    sev_err e = sev_hashes_parse(image->hashes, &hashes);
    if (e != SEV_OK || !hashes.has_sha256)
        refuse(r, e != SEV_OK ? e : SEV_E_MALFORMED, "targets.hashes");
    else
        memcpy(image->sha256, hashes.sha256, sizeof image->sha256);
    if (image->match.len == 0 || r->j.err != SEV_OK)
        return;
    e = sev_match_parse(image->match, &match);
    if (e == SEV_OK && match.plaintext.len != 0) /* each ECU would need a key wrapped for it */
        e = SEV_E_UNSUPPORTED;
    if (e == SEV_OK && !sev_strings_contain(match.hardware_ids, image->hardware_id))
        e = SEV_E_WRONG_HARDWARE;
    if (e != SEV_OK)
        refuse(r, e, "targets.match");
}

static void one_image(struct reader *r, sev_slice hardware_id, struct sev_campaign_image *image)
{
    sev_json_str name;
    *image = (struct sev_campaign_image){.hardware_id = hardware_id, .length = -1};
    sev_json_object(&r->j);
    while (sev_json_member(&r->j, &name)) {
        if (sev_json_str_is(name, "hashes"))
            sev_json_skip(&r->j, &image->hashes);
        else if (sev_json_str_is(name, "length"))
            image->length = number(r, "targets.length", 0, SEV_JSON_INT_MAX);
        else if (sev_json_str_is(name, "match"))
            sev_json_skip(&r->j, &image->match);
        else if (sev_json_str_is(name, "name"))
            image->name = text(r, "targets.name", 1, SEV_NAME_BYTES_MAX);
        else
            refuse(r, SEV_E_MALFORMED, "targets: an unknown member");
    }
    if (r->j.err == SEV_OK)
        check_image(r, image);
}

static bool same_image(const struct sev_campaign_image *a, const struct sev_campaign_image *b)
{
    return a->length == b->length && sev_json_equal(a->hashes, b->hashes) &&
           sev_json_equal(a->match, b->match);
}

/* Kept in order of names, since that is how they are written later. */
static void put_image(struct reader *r, struct sev_campaign_definition *d,
                      const struct sev_campaign_image *image)
{
    uint32_t at = d->image_count;
    for (; at > 0 && sev_slice_cmp(d->images[at - 1].name, image->name) > 0; at--)
        d->images[at] = d->images[at - 1];
    d->images[at] = *image;
    if (at > 0 && sev_slice_eq(d->images[at - 1].name, image->name) &&
        !same_image(&d->images[at - 1], image))
        refuse(r, SEV_E_EXISTS, "targets.name");
    d->image_count++;
}

static void targets(struct reader *r, struct sev_campaign_definition *d)
{
    sev_json_str name;
    struct sev_campaign_image image;
    sev_json_object(&r->j);
    while (sev_json_member(&r->j, &name)) {
        if (name.escaped || name.raw.len == 0 || name.raw.len > SEV_ID_BYTES_MAX)
            refuse(r, SEV_E_MALFORMED, "targets: a hardware id");
        if (d->image_count == SEV_CAMPAIGN_TARGETS_MAX)
            refuse(r, SEV_E_JSON_LIMIT, "targets");
        one_image(r, name.raw, &image);
        if (r->j.err == SEV_OK)
            put_image(r, d, &image);
    }
}

/* ------------------------------------------------------------ groups and pace */

static void one_group(struct reader *r, struct sev_campaign_group *g)
{
    sev_json_str name;
    *g = (struct sev_campaign_group){.success_percent = -1, .error_percent = -1};
    sev_json_object(&r->j);
    while (sev_json_member(&r->j, &name)) {
        if (sev_json_str_is(name, "errorPercent"))
            g->error_percent = number(r, "groups.errorPercent", 0, 100);
        else if (sev_json_str_is(name, "percent"))
            g->percent = number(r, "groups.percent", 1, 100);
        else if (sev_json_str_is(name, "successPercent"))
            g->success_percent = number(r, "groups.successPercent", 1, 100);
        else if (sev_json_str_is(name, "vehicles"))
            list(r, "groups.vehicles", &g->list);
        else
            refuse(r, SEV_E_MALFORMED, "groups: an unknown member");
    }
    if ((g->percent != 0) == (g->list.count != 0))
        refuse(r, SEV_E_MALFORMED, "groups: either percent or vehicles");
    if (g->success_percent < 0)
        refuse(r, SEV_E_MALFORMED, "groups.successPercent");
    if (g->error_percent < 0)
        refuse(r, SEV_E_MALFORMED, "groups.errorPercent");
}

static void groups(struct reader *r, struct sev_campaign_definition *d)
{
    int64_t sum = 0;
    sev_json_array(&r->j);
    while (sev_json_element(&r->j)) {
        if (d->group_count == SEV_CAMPAIGN_GROUPS_MAX) {
            refuse(r, SEV_E_JSON_LIMIT, "groups");
            return;
        }
        struct sev_campaign_group *g = &d->groups[d->group_count++];
        one_group(r, g);
        sum += g->percent;
        for (uint32_t i = 0; r->j.err == SEV_OK && i < g->list.count; i++)
            for (uint32_t k = 0; k + 1 < d->group_count; k++)
                if (campaign_list_has(&d->groups[k].list, g->list.items[i]))
                    refuse(r, SEV_E_DUPLICATE_ECU, "groups.vehicles");
    }
    if (sum != 0 && sum != 100) /* who would get nothing, or which group would be cut? */
        refuse(r, SEV_E_MALFORMED, "groups.percent");
}

static void rate(struct reader *r, struct sev_campaign_definition *d)
{
    sev_json_str name;
    sev_json_object(&r->j);
    while (sev_json_member(&r->j, &name)) {
        if (sev_json_str_is(name, "perMinute"))
            d->per_minute = number(r, "rate.perMinute", 1, SEV_CAMPAIGN_RATE_MAX);
        else if (sev_json_str_is(name, "perMinuteMax"))
            d->per_minute_max = number(r, "rate.perMinuteMax", 1, SEV_CAMPAIGN_RATE_MAX);
        else if (sev_json_str_is(name, "rise"))
            d->rise = number(r, "rate.rise", 1, SEV_CAMPAIGN_RATE_MAX);
        else
            refuse(r, SEV_E_MALFORMED, "rate: an unknown member");
    }
    if (d->rise == 0 && d->per_minute_max == 0)
        d->per_minute_max = d->per_minute;
    if (d->per_minute == 0 || d->per_minute_max < d->per_minute)
        refuse(r, SEV_E_MALFORMED, d->per_minute == 0 ? "rate.perMinute" : "rate.perMinuteMax");
}

/* "22:05" -> 1325 */
static int64_t minute_of_day(struct reader *r, const char *where)
{
    sev_slice s = text(r, where, 5, 5);
    if (r->j.err != SEV_OK)
        return 0;
    int64_t digits[5];
    for (int i = 0; i < 5; i++)
        digits[i] = s.ptr[i] - '0';
    int64_t hour = digits[0] * 10 + digits[1], minute = digits[3] * 10 + digits[4];
    bool good = s.ptr[2] == ':';
    for (int i = 0; i < 5; i++)
        good = good && (i == 2 || (digits[i] >= 0 && digits[i] <= 9));
    if (!good || hour > 23 || minute > 59)
        refuse(r, SEV_E_MALFORMED, where);
    return hour * 60 + minute;
}

static void windows(struct reader *r, struct sev_campaign_definition *d)
{
    sev_json_array(&r->j);
    while (sev_json_element(&r->j)) {
        sev_json_str name;
        int64_t from = -1, to = -1;
        sev_json_object(&r->j);
        while (sev_json_member(&r->j, &name)) {
            if (sev_json_str_is(name, "from"))
                from = minute_of_day(r, "windows.from");
            else if (sev_json_str_is(name, "to"))
                to = minute_of_day(r, "windows.to");
            else
                refuse(r, SEV_E_MALFORMED, "windows: an unknown member");
        }
        if (from < 0 || to < 0 || from == to)
            refuse(r, SEV_E_MALFORMED, "windows");
        if (d->window_count == SEV_CAMPAIGN_WINDOWS_MAX) {
            refuse(r, SEV_E_JSON_LIMIT, "windows");
            return;
        }
        d->windows[d->window_count].from = from;
        d->windows[d->window_count++].to = to;
    }
}

/* -------------------------------------------------------------------- whole */

/* It stands in URLs, and bundle ids are made of it. */
static bool name_is_plain(sev_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && (i == 0 || (c != '-' && c != '_' && c != '.')))
            return false;
    }
    return name.len != 0;
}

static void member(struct reader *r, sev_json_str name, struct sev_campaign_definition *d)
{
    sev_err before = r->j.err;
    if (sev_json_str_is(name, "concurrency"))
        d->concurrency = number(r, "concurrency", 1, VEHICLES_MAX);
    else if (sev_json_str_is(name, "correlationId")) /* room for the number of a try */
        d->correlation_id = text(r, "correlationId", 1, SEV_ID_BYTES_MAX - 8);
    else if (sev_json_str_is(name, "filter"))
        filter(r, d);
    else if (sev_json_str_is(name, "groups"))
        groups(r, d);
    else if (sev_json_str_is(name, "lateJoiners"))
        sev_json_bool(&r->j, &d->late_joiners);
    else if (sev_json_str_is(name, "name"))
        d->name = text(r, "name", 1, SEV_CAMPAIGN_NAME_BYTES_MAX);
    else if (sev_json_str_is(name, "notAfter"))
        d->not_after = moment(r, "notAfter");
    else if (sev_json_str_is(name, "notBefore"))
        d->not_before = moment(r, "notBefore");
    else if (sev_json_str_is(name, "rate"))
        rate(r, d);
    else if (sev_json_str_is(name, "targets"))
        targets(r, d);
    else if (sev_json_str_is(name, "timeout"))
        d->timeout_s = number(r, "timeout", 60, (int64_t)DAYS_MAX * 86400);
    else if (sev_json_str_is(name, "tries"))
        d->tries = number(r, "tries", 1, SEV_CAMPAIGN_TRIES_MAX);
    else if (sev_json_str_is(name, "windows"))
        windows(r, d);
    else
        refuse(r, SEV_E_MALFORMED, "an unknown member");
    if (r->where == NULL) /* the cursor refused, somewhere inside */
        named(r, before, "a member of the wrong kind");
}

static void check_whole(struct reader *r, struct sev_campaign_definition *d)
{
    const char *missing = d->concurrency == 0   ? "concurrency"
                          : d->group_count == 0 ? "groups"
                          : d->per_minute == 0  ? "rate"
                          : d->image_count == 0 ? "targets"
                                                : NULL;
    if (!name_is_plain(d->name))
        refuse(r, SEV_E_BAD_NAME, "name");
    if (missing != NULL)
        refuse(r, SEV_E_MALFORMED, missing);
    if (d->not_after != 0 && d->not_after <= d->not_before)
        refuse(r, SEV_E_MALFORMED, "notAfter");
    if (d->correlation_id.len == 0)
        d->correlation_id = d->name;
}

sev_err sev_campaign_parse(sev_slice text_, struct sev_arena *arena,
                           struct sev_campaign_definition *out, const char **out_where)
{
    struct reader r = {.arena = arena, .j = sev_json_at(text_), .where = NULL};
    struct sev_campaign_definition *d =
        (struct sev_campaign_definition *)(void *)sev_arena_take(arena, sizeof *d);
    sev_json_str name;
    struct sev_json_info info = {.canonical = 0};
    sev_err e = text_.len > SEV_CAMPAIGN_BYTES_MAX
                    ? SEV_E_TOO_LONG
                    : sev_arena_want(sev_json_check(text_, sev_arena_scratch(arena), &info, NULL));
    if (e == SEV_OK && (info.canonical & SEV_CANON_OLPC) == 0)
        e = SEV_E_NOT_CANONICAL;
    if (e == SEV_OK && d == NULL)
        e = SEV_E_MEMORY;
    if (e != SEV_OK) {
        *out_where = "the definition";
        return e;
    }
    *d = (struct sev_campaign_definition){.timeout_s = 7 * 86400, .tries = 3};
    sev_json_object(&r.j);
    while (sev_json_member(&r.j, &name))
        member(&r, name, d);
    if (r.j.err == SEV_OK)
        check_whole(&r, d);
    if (r.j.err == SEV_OK)
        *out = *d;
    else
        *out_where = r.where != NULL ? r.where : "the definition";
    return r.j.err;
}
