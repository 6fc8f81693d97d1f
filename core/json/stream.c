/* stream - a push tokenizer in a few hundred bytes. One byte, one step; no recursion.
 * SPDX-License-Identifier: MIT */
#include "secureev/json_stream.h"

#include "base/check.h"

enum {
    EXPECT_VALUE,
    EXPECT_FIRST_ELEMENT, /* a value or ']' */
    EXPECT_FIRST_NAME,    /* '"' or '}' */
    EXPECT_NAME,
    EXPECT_COLON,
    EXPECT_COMMA, /* or the end of the container */
    IN_STRING,
    IN_ESCAPE,
    IN_NUMBER,
    IN_LITERAL,
    EXPECT_NOTHING,
};

static const char *const literals[] = {"true", "false", "null"};

static sev_err fail(struct sev_json_stream *s, sev_err e)
{
    s->err = e;
    return e;
}

/* A byte that cannot stand here. A blank could in other JSON: that is said apart. */
static sev_err misplaced(struct sev_json_stream *s, uint8_t c)
{
    bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    return fail(s, blank ? SEV_E_NOT_CANONICAL : SEV_E_JSON_SYNTAX);
}

static void flush(struct sev_json_stream *s)
{
    if (s->pending_len != 0)
        s->on_bytes(s->context, sev_slice_of(s->pending, s->pending_len));
    s->pending_len = 0;
}

static void emit(struct sev_json_stream *s, uint8_t byte)
{
    if (s->pending_len == sizeof s->pending)
        flush(s);
    s->pending[s->pending_len++] = byte;
}

static sev_err tell(struct sev_json_stream *s, sev_json_event event, int64_t integer)
{
    struct sev_json_stream_token t = {.event = event, .depth = s->depth, .integer = integer};
    if (event == SEV_JSON_EV_NAME || event == SEV_JSON_EV_STRING) {
        t.text = sev_slice_of(s->text, s->text_len);
        t.cut = s->cut;
    }
    flush(s);
    sev_err e = s->on_token(s->context, &t);
    return e == SEV_OK ? SEV_OK : fail(s, e);
}

static void after_value(struct sev_json_stream *s)
{
    s->expect = s->depth == 0 ? EXPECT_NOTHING : EXPECT_COMMA;
}

/* ------------------------------------------------------------- containers */

static sev_err open(struct sev_json_stream *s, bool object)
{
    if (SEV_REFUSE_IF(s->depth >= SEV_JSON_DEPTH_MAX))
        return fail(s, SEV_E_JSON_DEPTH);
    sev_err e = tell(s, object ? SEV_JSON_EV_OBJECT : SEV_JSON_EV_ARRAY, 0);
    if (e != SEV_OK)
        return e;
    uint16_t bit = (uint16_t)(1u << s->depth);
    s->in_object = (uint16_t)(object ? s->in_object | bit : s->in_object & ~bit);
    s->has_name = (uint16_t)(s->has_name & ~bit);
    s->name_start[s->depth] = (uint8_t)s->names_len;
    s->depth++;
    s->expect = object ? EXPECT_FIRST_NAME : EXPECT_FIRST_ELEMENT;
    return SEV_OK;
}

static sev_err close(struct sev_json_stream *s, bool object)
{
    bool is_object = s->depth > 0 && (s->in_object >> (s->depth - 1) & 1u) != 0;
    if (SEV_REFUSE_IF(s->depth == 0 || is_object != object))
        return fail(s, SEV_E_JSON_SYNTAX);
    s->depth--;
    s->names_len = s->name_start[s->depth];
    sev_err e = tell(s, object ? SEV_JSON_EV_OBJECT_END : SEV_JSON_EV_ARRAY_END, 0);
    after_value(s);
    return e;
}

/* ---------------------------------------------------------------- strings */

/* Names rise strictly, so none stands twice; the last one of each open object is remembered. */
static sev_err end_name(struct sev_json_stream *s)
{
    uint32_t d = s->depth - 1u;
    uint16_t start = s->name_start[d];
    sev_slice name = sev_slice_of(s->text, s->text_len);
    if (SEV_REFUSE_IF(s->cut))
        return fail(s, SEV_E_JSON_LIMIT);
    if ((s->has_name >> d & 1u) != 0) {
        int order =
            sev_slice_cmp(name, sev_slice_of(s->names + start, (size_t)(s->names_len - start)));
        if (SEV_REFUSE_IF(order == 0))
            return fail(s, SEV_E_JSON_DUPLICATE);
        if (SEV_REFUSE_IF(order < 0))
            return fail(s, SEV_E_NOT_CANONICAL);
    }
    if (SEV_REFUSE_IF(name.len > (size_t)(s->names_cap - start)))
        return fail(s, SEV_E_JSON_LIMIT);
    if (name.len != 0)
        memcpy(s->names + start, name.ptr, name.len);
    s->names_len = (uint16_t)(start + name.len);
    s->has_name = (uint16_t)(s->has_name | 1u << d);
    s->expect = EXPECT_COLON;
    return tell(s, SEV_JSON_EV_NAME, 0);
}

static sev_err end_string(struct sev_json_stream *s)
{
    emit(s, '"');
    if (s->is_name)
        return end_name(s);
    sev_err e = tell(s, SEV_JSON_EV_STRING, 0);
    after_value(s);
    return e;
}

static void begin_string(struct sev_json_stream *s, bool is_name)
{
    s->is_name = is_name;
    s->text_len = 0;
    s->cut = false;
    s->expect = IN_STRING;
}

/* A plain character: into the text, and as the canonical form writes it. */
static void put_character(struct sev_json_stream *s, uint8_t c)
{
    if (c == '"' || c == '\\')
        emit(s, '\\');
    emit(s, c);
    if (s->text_len < s->text_cap)
        s->text[s->text_len++] = c;
    else
        s->cut = true;
}

static sev_err in_string(struct sev_json_stream *s, uint8_t c)
{
    if (c == '"')
        return end_string(s);
    if (c == '\\') {
        s->expect = IN_ESCAPE;
        return SEV_OK;
    }
    if (SEV_REFUSE_IF(c < 0x20))
        return fail(s, SEV_E_JSON_SYNTAX);
    if (SEV_REFUSE_IF(c >= 0x80))
        return fail(s, SEV_E_NOT_CANONICAL);
    put_character(s, c);
    return SEV_OK;
}

static sev_err in_escape(struct sev_json_stream *s, uint8_t c)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    for (size_t i = 0; i < sizeof from - 1; i++) {
        if (c == (uint8_t)from[i]) {
            put_character(s, (uint8_t)to[i]);
            s->expect = IN_STRING;
            return SEV_OK;
        }
    }
    return fail(s, c == 'u' ? SEV_E_NOT_CANONICAL : SEV_E_JSON_SYNTAX);
}

/* ------------------------------------------------------ numbers, literals */

static sev_err begin_scalar(struct sev_json_stream *s, uint8_t c)
{
    if (c == '-' || (c >= '0' && c <= '9')) {
        s->negative = c == '-';
        s->number = s->negative ? 0 : (uint64_t)(c - '0');
        s->digits = s->negative ? 0 : 1;
        s->expect = IN_NUMBER;
        return SEV_OK;
    }
    for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++) {
        if (c == (uint8_t)literals[i][0]) {
            s->literal = (uint8_t)i;
            s->digits = 1;
            s->expect = IN_LITERAL;
            return SEV_OK;
        }
    }
    return misplaced(s, c);
}

static sev_err in_literal(struct sev_json_stream *s, uint8_t c)
{
    const char *word = literals[s->literal];
    if (SEV_REFUSE_IF(c != (uint8_t)word[s->digits]))
        return fail(s, SEV_E_JSON_SYNTAX);
    emit(s, c);
    s->digits++;
    if (word[s->digits] != '\0')
        return SEV_OK;
    sev_err e =
        s->literal == 2 ? tell(s, SEV_JSON_EV_NULL, 0) : tell(s, SEV_JSON_EV_BOOL, s->literal == 0);
    after_value(s);
    return e;
}

static sev_err end_number(struct sev_json_stream *s)
{
    /* "-0" would be a second way to write 0. */
    if (SEV_REFUSE_IF(s->digits == 0 || (s->negative && s->number == 0)))
        return fail(s, SEV_E_JSON_NUMBER);
    int64_t value = s->negative ? -(int64_t)s->number : (int64_t)s->number;
    sev_err e = tell(s, SEV_JSON_EV_INTEGER, value);
    after_value(s);
    return e;
}

static sev_err in_number(struct sev_json_stream *s, uint8_t c)
{
    if (SEV_REFUSE_IF(s->digits > 0 && s->number == 0)) /* a leading zero */
        return fail(s, SEV_E_JSON_NUMBER);
    s->number = s->number * 10 + (uint64_t)(c - '0');
    s->digits++;
    if (SEV_REFUSE_IF(s->number > (uint64_t)SEV_JSON_INT_MAX))
        return fail(s, SEV_E_JSON_NUMBER);
    emit(s, c);
    return SEV_OK;
}

/* ---------------------------------------------------------------- machine */

static sev_err step_value(struct sev_json_stream *s, uint8_t c)
{
    if (c == '"') {
        emit(s, c);
        begin_string(s, false);
        return SEV_OK;
    }
    if (c == '{' || c == '[') {
        emit(s, c);
        return open(s, c == '{');
    }
    sev_err e = begin_scalar(s, c);
    if (e == SEV_OK)
        emit(s, c);
    return e;
}

static sev_err step_comma(struct sev_json_stream *s, uint8_t c)
{
    bool object = (s->in_object >> (s->depth - 1) & 1u) != 0;
    if (c == ',') {
        emit(s, c);
        s->expect = object ? EXPECT_NAME : EXPECT_VALUE;
        return SEV_OK;
    }
    if (c == '}' || c == ']') {
        emit(s, c);
        return close(s, c == '}');
    }
    return misplaced(s, c);
}

static sev_err step_name(struct sev_json_stream *s, uint8_t c, bool first)
{
    if (first && c == '}') {
        emit(s, c);
        return close(s, true);
    }
    if (c != '"')
        return misplaced(s, c);
    emit(s, c);
    begin_string(s, true);
    return SEV_OK;
}

static sev_err step(struct sev_json_stream *s, uint8_t c)
{
    if (s->expect == IN_NUMBER) {
        if (c >= '0' && c <= '9')
            return in_number(s, c);
        if (c == '.' || c == 'e' || c == 'E')
            return fail(s, SEV_E_JSON_NUMBER);
        sev_err e = end_number(s); /* and `c` is what comes after it */
        if (e != SEV_OK)
            return e;
    }
    switch (s->expect) {
    case IN_STRING:
        return in_string(s, c);
    case IN_ESCAPE:
        return in_escape(s, c);
    case IN_LITERAL:
        return in_literal(s, c);
    case EXPECT_FIRST_ELEMENT:
        if (c == ']') {
            emit(s, c);
            return close(s, false);
        }
        return step_value(s, c);
    case EXPECT_VALUE:
        return step_value(s, c);
    case EXPECT_FIRST_NAME:
        return step_name(s, c, true);
    case EXPECT_NAME:
        return step_name(s, c, false);
    case EXPECT_COLON:
        if (c != ':')
            return misplaced(s, c);
        emit(s, c);
        s->expect = EXPECT_VALUE;
        return SEV_OK;
    case EXPECT_COMMA:
        return step_comma(s, c);
    default:
        return misplaced(s, c);
    }
}

void sev_json_stream_init(struct sev_json_stream *s, uint8_t *text, uint16_t text_cap,
                          uint8_t *names, uint16_t names_cap, sev_json_stream_token_fn *on_token,
                          sev_json_stream_bytes_fn *on_bytes, void *context)
{
    memset(s, 0, sizeof *s);
    s->text = text;
    s->text_cap = text_cap;
    s->names = names;
    s->names_cap = names_cap < 255 ? names_cap : 255;
    s->on_token = on_token;
    s->on_bytes = on_bytes;
    s->context = context;
    s->expect = EXPECT_VALUE;
}

sev_err sev_json_stream_feed(struct sev_json_stream *s, sev_slice bytes)
{
    for (size_t i = 0; i < bytes.len && s->err == SEV_OK; i++) {
        sev_err e = step(s, bytes.ptr[i]);
        if (e != SEV_OK)
            return e;
    }
    if (s->err == SEV_OK)
        flush(s);
    return s->err;
}

sev_err sev_json_stream_end(struct sev_json_stream *s)
{
    if (s->err != SEV_OK)
        return s->err;
    if (s->expect == IN_NUMBER) {
        sev_err e = end_number(s);
        if (e != SEV_OK)
            return e;
    }
    flush(s);
    return SEV_REFUSE_IF(s->expect != EXPECT_NOTHING) ? fail(s, SEV_E_JSON_SYNTAX) : SEV_OK;
}
