/* event - see event.h.  SPDX-License-Identifier: MIT */
#include "secureev/event.h"

#include "base/literal.h"

static const struct {
    const char *name;
    sev_level level;
    const char *sentence;
} table[SEV_EVENT_COUNT] = {
#define X(name, id, level, sentence) [SEV_EVENT_##name] = {id, SEV_LEVEL_##level, sentence},
    SEV_EVENT_TABLE(X)
#undef X
};

const char *sev_event_name(sev_event_id id)
{
    return table[id].name;
}

sev_level sev_event_level(sev_event_id id)
{
    return table[id].level;
}

const char *sev_event_sentence(sev_event_id id)
{
    return table[id].sentence;
}

const char *sev_level_name(sev_level level)
{
    static const char *const names[] = {"info", "warning", "alarm"};
    return names[level];
}

void sev_event_text(struct sev_event *event, const char *name, sev_slice text)
{
    if (event->count < SEV_EVENT_FIELDS_MAX)
        event->fields[event->count++] =
            (struct sev_event_field){name, text.ptr == NULL ? SEV_LIT("") : text, 0};
}

void sev_event_number(struct sev_event *event, const char *name, int64_t number)
{
    if (event->count < SEV_EVENT_FIELDS_MAX)
        event->fields[event->count++] = (struct sev_event_field){name, SEV_EMPTY, number};
}

/* ------------------------------------------------------------------- a line */

#define FIELD_CHARS_MAX 200u /* eight of them and the frame fit SEV_EVENT_LINE_MAX */

static void put_text(sev_buf *out, const char *text)
{
    sev_slice all = sev_literal(text);
    sev_buf_put(out, all.ptr, all.len);
}

/* Quoted, and nothing in it but printable ASCII: a log is read by terminals, too. */
static void put_quoted(sev_buf *out, sev_slice text)
{
    sev_buf_put_byte(out, '"');
    for (size_t i = 0; i < text.len && i < FIELD_CHARS_MAX; i++) {
        uint8_t c = text.ptr[i];
        sev_buf_put_byte(out, c < ' ' || c > '~' || c == '"' || c == '\\' ? '?' : c);
    }
    sev_buf_put_byte(out, '"');
}

static void put_value(sev_buf *out, const struct sev_event_field *field)
{
    if (field->text.ptr != NULL) {
        put_quoted(out, field->text);
        return;
    }
    if (field->number < 0)
        sev_buf_put_byte(out, '-');
    uint64_t size = field->number < 0 ? 0 - (uint64_t)field->number : (uint64_t)field->number;
    sev_decimal_format(size, out);
}

static void put_member(sev_buf *out, bool json, const char *name)
{
    put_text(out, json ? ",\"" : " ");
    put_text(out, name);
    put_text(out, json ? "\":" : "=");
}

void sev_event_line(const struct sev_event *event, sev_time now, bool json, sev_buf *out)
{
    sev_level level = table[event->id].level;
    put_text(out, json ? "{\"time\":\"" : "");
    sev_time_format(now, out);
    put_text(out, json ? "\",\"level\":\"" : " ");
    put_text(out, sev_level_name(level));
    put_text(out, json ? "\",\"event\":\"" : " ");
    put_text(out, table[event->id].name);
    put_text(out, json ? "\"" : "");
    if (event->err != SEV_OK) {
        put_member(out, json, "error");
        put_text(out, json ? "\"" : "");
        put_text(out, sev_err_id(event->err));
        put_text(out, json ? "\"" : "");
    }
    for (unsigned i = 0; i < event->count; i++) {
        put_member(out, json, event->fields[i].name);
        put_value(out, &event->fields[i]);
    }
    put_text(out, json ? "}\n" : "\n");
}
