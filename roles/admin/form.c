/* form - objects that operators send, read member by member: what is not known is refused, since
 * somebody meant something by it. SPDX-License-Identifier: MIT */
#include "secureev/admin.h"

#include "secureev/text.h"

static sev_err read_text(sev_json *j, struct sev_arena *arena, const struct sev_form_member *m)
{
    sev_json_str text = {SEV_EMPTY, false};
    sev_json_string(j, &text);
    if (j->err != SEV_OK)
        return j->err;
    size_t len = sev_json_str_len(text);
    if (len > m->bytes_max || (m->required && len == 0))
        return SEV_E_MALFORMED;
    sev_slice plain = text.raw;
    if (text.escaped) {
        uint8_t *room = sev_arena_take(arena, len);
        sev_buf b = sev_buf_of(room, room == NULL ? 0 : len);
        sev_err e = sev_json_str_copy(text, &b);
        if (e != SEV_OK)
            return sev_arena_want(e);
        plain = sev_buf_slice(&b);
    }
    for (size_t i = 0; i < plain.len; i++)
        if (plain.ptr[i] < ' ' || plain.ptr[i] == 0x7f)
            return SEV_E_MALFORMED;
    *m->text = plain;
    return SEV_OK;
}

static sev_err read_json(sev_json *j, struct sev_arena *arena, const struct sev_form_member *m)
{
    sev_slice bytes = SEV_EMPTY;
    struct sev_json_info info = {.canonical = 0};
    sev_json_skip(j, &bytes);
    if (j->err != SEV_OK)
        return j->err;
    if (bytes.len > m->bytes_max)
        return SEV_E_TOO_LONG;
    sev_err e = sev_json_check(bytes, sev_arena_scratch(arena), &info, NULL);
    if (e != SEV_OK || (info.canonical & SEV_CANON_JCS) != 0) {
        *m->text = bytes;
        return e;
    }
    size_t most = 3 * bytes.len; /* what that form may make of it */
    uint8_t *room = sev_arena_take(arena, most);
    sev_buf b = sev_buf_of(room, room == NULL ? 0 : most);
    e = sev_arena_want(sev_json_canonical(bytes, SEV_CANON_JCS, sev_arena_scratch(arena), &b));
    if (e == SEV_OK)
        *m->text = sev_buf_slice(&b);
    return e;
}

static sev_err read_number(sev_json *j, const struct sev_form_member *m)
{
    int64_t number = 0;
    bool yes = false;
    if (m->kind == SEV_FORM_INTEGER) {
        sev_json_integer_in(j, 0, SEV_JSON_INT_MAX, &number);
    } else if (m->kind == SEV_FORM_BOOL) {
        sev_json_bool(j, &yes);
        number = yes;
    } else {
        sev_json_str text = {SEV_EMPTY, false};
        sev_json_string(j, &text);
        if (j->err == SEV_OK && (text.escaped || sev_time_parse(text.raw, &number) != SEV_OK))
            return SEV_E_MALFORMED;
    }
    if (j->err == SEV_OK)
        *m->number = number;
    return j->err;
}

static sev_err read_member(sev_json *j, struct sev_arena *arena, const struct sev_form_member *m)
{
    sev_err e = m->kind == SEV_FORM_TEXT   ? read_text(j, arena, m)
                : m->kind == SEV_FORM_JSON ? read_json(j, arena, m)
                                           : read_number(j, m);
    if (e == SEV_OK && m->there != NULL)
        *m->there = true;
    return e;
}

sev_err sev_form_read(sev_slice body, struct sev_arena *arena,
                      const struct sev_form_member *members, uint32_t count)
{
    uint32_t seen = 0; /* no name is there twice: that was checked */
    sev_json_str name;
    sev_err e = sev_arena_want(sev_json_check(body, sev_arena_scratch(arena), NULL, NULL));
    if (e != SEV_OK)
        return e;
    sev_json j = sev_json_at(body);
    sev_json_object(&j);
    while (e == SEV_OK && sev_json_member(&j, &name)) {
        uint32_t i = 0;
        while (i < count && !sev_json_str_is(name, members[i].name))
            i++;
        e = i == count ? SEV_E_UNKNOWN_MEMBER : read_member(&j, arena, &members[i]);
        seen |= e == SEV_OK ? 1u << i : 0;
    }
    if (e == SEV_OK)
        e = j.err;
    for (uint32_t i = 0; e == SEV_OK && i < count; i++)
        if (members[i].required && (seen & 1u << i) == 0)
            e = SEV_E_MALFORMED;
    return e;
}
