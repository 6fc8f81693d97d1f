/* map - which repositories must agree on which images (TAP 4, as narrowed by DESIGN 3.1).
 * SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "secureev/meta.h"

/* Repository names become folder names. */
static bool name_is_clean(sev_json_str name)
{
    if (name.escaped || name.raw.len == 0 || name.raw.len > 31)
        return false;
    for (size_t i = 0; i < name.raw.len; i++) {
        uint8_t c = name.raw.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

static int index_of(const struct sev_map *map, sev_slice name)
{
    for (uint32_t i = 0; i < map->count; i++)
        if (sev_slice_eq(map->repositories[i].name, name))
            return (int)i;
    return -1;
}

static sev_slice urls_of(sev_slice repositories, sev_slice name)
{
    sev_json j = sev_json_at(repositories);
    sev_json_str member;
    sev_slice urls = SEV_EMPTY;
    sev_json_object(&j);
    while (sev_json_member(&j, &member)) {
        bool found = sev_json_str_eq_slice(member, name);
        sev_json_skip(&j, found ? &urls : NULL);
    }
    return urls;
}

/* One repository of an entry: known already, or the next one to be visited. */
static sev_err add_repository(struct sev_map *map, sev_slice repositories, sev_json_str name,
                              uint32_t *mask)
{
    if (SEV_REFUSE_IF(!name_is_clean(name)))
        return SEV_E_MAP;
    int index = index_of(map, name.raw);
    if (index < 0) {
        sev_slice urls = urls_of(repositories, name.raw);
        if (urls.len == 0 || urls.ptr[0] != '[' || map->count == SEV_REPOSITORIES_MAX)
            return SEV_E_MAP;
        index = (int)map->count++;
        map->repositories[index].name = name.raw;
        map->repositories[index].urls = urls;
    }
    if (SEV_REFUSE_IF((*mask & 1u << index) != 0)) /* one repository cannot agree with itself */
        return SEV_E_MAP;
    *mask |= 1u << index;
    return SEV_OK;
}

struct entry {
    sev_slice paths, repositories;
    int64_t threshold;
};

static sev_err parse_entry(sev_json *j, struct entry *out)
{
    struct entry m = {SEV_EMPTY, SEV_EMPTY, -1};
    sev_json_str name;
    sev_json_object(j);
    while (sev_json_member(j, &name)) {
        if (sev_json_str_is(name, "paths"))
            sev_json_skip(j, &m.paths);
        else if (sev_json_str_is(name, "repositories"))
            sev_json_skip(j, &m.repositories);
        else if (sev_json_str_is(name, "threshold"))
            sev_json_integer(j, &m.threshold);
        else
            sev_json_skip(j, NULL);
    }
    if (j->err != SEV_OK || m.paths.len == 0 || m.repositories.len == 0)
        return SEV_E_MAP;
    *out = m;
    return SEV_OK;
}

static sev_err add_entry(struct sev_map *map, sev_slice repositories, const struct entry *m)
{
    uint32_t mask = 0;
    int64_t count = 0;
    sev_json r = sev_json_at(m->repositories);
    sev_json_array(&r);
    while (sev_json_element(&r)) {
        sev_json_str name;
        sev_json_string(&r, &name);
        if (r.err != SEV_OK)
            break;
        sev_err e = add_repository(map, repositories, name, &mask);
        if (e != SEV_OK)
            return e;
        count++;
    }
    if (r.err != SEV_OK)
        return SEV_E_MAP;
    int director = index_of(map, SEV_LIT("director")), images = index_of(map, SEV_LIT("images"));
    if (SEV_REFUSE_IF(director < 0 || (mask & 1u << director) == 0))
        return SEV_E_MAP;
    if (SEV_REFUSE_IF(images < 0 || (mask & 1u << images) == 0))
        return SEV_E_MAP;
    if (SEV_REFUSE_IF(m->threshold != count))
        return SEV_E_MAP;
    return SEV_OK;
}

/* The Director is asked first, wherever it stands in the lists. */
static void director_first(struct sev_map *map)
{
    int d = index_of(map, SEV_LIT("director"));
    for (int i = d; i > 0; i--) {
        sev_slice name = map->repositories[i].name, urls = map->repositories[i].urls;
        map->repositories[i] = map->repositories[i - 1];
        map->repositories[i - 1].name = name;
        map->repositories[i - 1].urls = urls;
    }
}

sev_err sev_map_parse(sev_slice bytes, struct sev_arena *arena, struct sev_map *out)
{
    struct sev_map map = {.count = 0};
    if (SEV_REFUSE_IF(bytes.len > SEV_MAP_BYTES_MAX))
        return SEV_E_MAP;
    sev_err checked = sev_arena_want(sev_json_check(bytes, sev_arena_scratch(arena), NULL, NULL));
    if (checked != SEV_OK)
        return checked == SEV_E_MEMORY ? checked : SEV_E_MAP;
    sev_slice repositories = sev_json_get(bytes, "repositories");
    map.mapping = sev_json_get(bytes, "mapping");
    sev_json j = sev_json_at(map.mapping);
    uint32_t entries = 0;
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct entry m;
        sev_err e = parse_entry(&j, &m);
        if (e == SEV_OK)
            e = add_entry(&map, repositories, &m);
        if (e != SEV_OK)
            return e;
        entries++;
    }
    if (j.err != SEV_OK || SEV_REFUSE_IF(entries == 0))
        return SEV_E_MAP;
    director_first(&map);
    *out = map;
    return SEV_OK;
}

/* TAP 4 writes "*" for every image, in whatever folder; other patterns are those of delegations. */
static bool covers(sev_slice paths, sev_slice image)
{
    if (sev_strings_contain(paths, SEV_LIT("*")))
        return true;
    struct sev_delegation d = {.paths = paths};
    return sev_delegation_covers(&d, image, SEV_EMPTY);
}

sev_err sev_map_needs(const struct sev_map *map, sev_slice image, uint32_t *out_mask)
{
    sev_json j = sev_json_at(map->mapping);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct entry m;
        if (parse_entry(&j, &m) != SEV_OK)
            break;
        if (!covers(m.paths, image))
            continue;
        uint32_t mask = 0;
        sev_json r = sev_json_at(m.repositories);
        sev_json_array(&r);
        while (sev_json_element(&r)) {
            sev_json_str name;
            sev_json_string(&r, &name);
            int index = r.err == SEV_OK ? index_of(map, name.raw) : -1;
            if (index >= 0)
                mask |= 1u << index;
        }
        *out_mask = mask;
        return SEV_OK;
    }
    return SEV_E_DISAGREE;
}
