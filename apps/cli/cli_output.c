/* cli_output - text that grows, standard output at the end of a run, errors on one line.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "cli_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "secureev/crypto.h"

#define JSON_BYTES_FIRST 4096u
#define JSON_BYTES_MAX (256u * 1024u * 1024u) /* beyond this it is our bug, not a large answer */

/* ---------------------------------------------------------------- text */

static bool text_room(struct cli_text *t, size_t more)
{
    if (t->failed)
        return false;
    if (t->cap - t->len > more)
        return true;
    size_t cap = t->cap < 256 ? 256 : t->cap;
    while (cap - t->len <= more) {
        if (cap > SIZE_MAX / 2) {
            t->failed = true;
            return false;
        }
        cap *= 2;
    }
    /* Not realloc: the text may be a private key, and what it leaves behind is not wiped. */
    char *grown = malloc(cap);
    if (grown == NULL) {
        t->failed = true;
        return false;
    }
    if (t->ptr != NULL) {
        memcpy(grown, t->ptr, t->len + 1);
        sev_wipe(t->ptr, t->cap);
        free(t->ptr);
    }
    t->ptr = grown;
    t->cap = cap;
    return true;
}

void cli_text_put(struct cli_text *t, const void *bytes, size_t len)
{
    if (!text_room(t, len))
        return;
    if (len != 0)
        memcpy(t->ptr + t->len, bytes, len);
    t->len += len;
    t->ptr[t->len] = '\0';
}

void cli_text_vprintf(struct cli_text *t, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int needed = vsnprintf(NULL, 0, format, args);
    if (needed < 0)
        t->failed = true;
    else if (text_room(t, (size_t)needed)) {
        (void)vsnprintf(t->ptr + t->len, (size_t)needed + 1, format, again);
        t->len += (size_t)needed;
    }
    va_end(again);
}

void cli_text_printf(struct cli_text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    cli_text_vprintf(t, format, args);
    va_end(args);
}

/* Length of the code point at the start of `s`, or 0 when it is not one; overlong forms and
 * surrogates are none. */
static size_t code_point(sev_slice s, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = s.ptr[0];
    if (first < 0x80) {
        *out = first;
        return 1;
    }
    size_t n = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || n > s.len)
        return 0;
    uint32_t value = first & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s.ptr[i] & 0xC0u) != 0x80)
            return 0;
        value = value << 6 | (s.ptr[i] & 0x3Fu);
    }
    if (value < least[n] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *out = value;
    return n;
}

static bool shows_as_itself(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7F && c < 0xA0))
        return false;
    /* Bidirectional controls reorder what a reviewer reads; zero-width ones hide in it. */
    if ((c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E))
        return false;
    return !(c >= 0x2060 && c <= 0x2069) && c != 0xFEFF && c != 0x061C;
}

void cli_text_put_safe(struct cli_text *t, sev_slice text)
{
    for (size_t i = 0; i < text.len;) {
        uint32_t c = 0;
        size_t n = code_point(sev_slice_sub(text, i, text.len), &c);
        if (n != 0 && shows_as_itself(c)) {
            cli_text_put(t, text.ptr + i, n);
        } else {
            n = n == 0 ? 1 : n;
            for (size_t k = 0; k < n; k++)
                cli_text_printf(t, "\\x%02x", text.ptr[i + k]);
        }
        i += n;
    }
}

void cli_text_free(struct cli_text *t)
{
    if (t->ptr != NULL)
        sev_wipe(t->ptr, t->cap);
    free(t->ptr);
    *t = (struct cli_text){0};
}

/* ----------------------------------------------------- standard output */

void cli_print(struct cli *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    cli_text_vprintf(&c->out, format, args);
    va_end(args);
}

void cli_print_text(struct cli *c, sev_slice text)
{
    cli_text_put_safe(&c->out, text);
}

void cli_print_bytes(struct cli *c, sev_slice bytes)
{
    cli_text_put(&c->out, bytes.ptr, bytes.len);
}

/* The writer of the core is bounded, so that it needs no heap: here it gets more room until the
 * value fits. */
sev_err cli_json_text(cli_emit *emit, const void *context, struct cli_text *out)
{
    for (size_t cap = JSON_BYTES_FIRST; cap <= JSON_BYTES_MAX; cap *= 2) {
        void *memory = malloc(cap);
        if (memory == NULL)
            return SEV_E_MEMORY;
        sev_buf buf = sev_buf_of(memory, cap);
        sev_json_writer w = sev_json_writer_to(&buf);
        emit(&w, context);
        sev_err err = sev_json_w_end(&w);
        if (err == SEV_OK && !buf.overflow)
            cli_text_put(out, buf.ptr, buf.len);
        sev_wipe(memory, buf.len);
        free(memory);
        if (!buf.overflow)
            return err != SEV_OK ? err : out->failed ? SEV_E_MEMORY : SEV_OK;
    }
    return SEV_E_BUG;
}

int cli_print_json(struct cli *c, cli_emit *emit, const void *context)
{
    sev_err err = cli_json_text(emit, context, &c->out);
    if (err != SEV_OK)
        return cli_fail(c, err, NULL, "cannot write the JSON answer");
    cli_text_put(&c->out, "\n", 1);
    return 0;
}

bool cli_write_all(int fd, const char *bytes, size_t len)
{
    while (len != 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

void cli_note_lines(struct cli *c, sev_slice text)
{
    struct cli_text safe = {0};
    for (size_t at = 0; at < text.len;) {
        const uint8_t *end = memchr(text.ptr + at, '\n', text.len - at);
        size_t n = end != NULL ? (size_t)(end - (text.ptr + at)) : text.len - at;
        cli_text_printf(&safe, "  ");
        cli_text_put_safe(&safe, sev_slice_sub(text, at, n));
        cli_text_printf(&safe, "\n");
        at += n + 1;
    }
    if (!c->json && !safe.failed && safe.len != 0)
        (void)cli_write_all(c->err_fd, safe.ptr, safe.len);
    cli_text_free(&safe);
}

void cli_note(struct cli *c, const char *format, ...)
{
    if (c->json)
        return;
    struct cli_text text = {0}, safe = {0};
    va_list args;
    va_start(args, format);
    cli_text_vprintf(&text, format, args);
    va_end(args);
    cli_text_printf(&safe, "secureev: ");
    cli_text_put_safe(&safe, sev_slice_of(text.ptr, text.len));
    cli_text_printf(&safe, "\n");
    if (!safe.failed)
        (void)cli_write_all(c->err_fd, safe.ptr, safe.len);
    cli_text_free(&text);
    cli_text_free(&safe);
}

void cli_json_text_of(sev_json_writer *w, sev_slice text)
{
    struct cli_text safe = {0};
    uint32_t c = 0;
    size_t n = 1;
    for (size_t at = 0; n != 0 && at < text.len; at += n)
        n = code_point(sev_slice_sub(text, at, text.len), &c);
    if (n == 0)
        cli_text_put_safe(&safe, text);
    sev_json_w_string(w, n == 0 ? sev_slice_of(safe.ptr, safe.len) : text);
    cli_text_free(&safe);
}

void cli_json_member(sev_json_writer *w, const char *name, const char *text)
{
    sev_json_w_name(w, sev_slice_of(name, strlen(name)));
    cli_json_text_of(w, sev_slice_of(text, strlen(text)));
}

/* ---------------------------------------------------------------- errors */

static void string_or_null(sev_json_writer *w, const char *name, const char *value)
{
    if (value != NULL) {
        sev_json_w_string_member(w, name, sev_slice_of(value, strlen(value)));
        return;
    }
    sev_json_w_name(w, sev_slice_of(name, strlen(name)));
    sev_json_w_null(w);
}

static void emit_failure(sev_json_writer *w, const void *context)
{
    const struct cli_failure *f = context;
    sev_json_w_object(w);
    string_or_null(w, "attack", sev_attack_name(sev_err_attack(f->err)));
    string_or_null(w, "class", sev_class_name(sev_err_class(f->err)));
    string_or_null(w, "detail", f->detail);
    string_or_null(w, "error", sev_err_id(f->err));
    if (f->hint != NULL)
        string_or_null(w, "hint", f->hint);
    string_or_null(w, "repository", f->repository);
    string_or_null(w, "role", f->role);
    sev_json_w_object_end(w);
}

static void sentence_of(const struct cli_failure *f, struct cli_text *out)
{
    cli_text_printf(out, "secureev: %s", sev_err_sentence(f->err));
    if (f->repository != NULL || f->role != NULL)
        cli_text_printf(out, " (%s%s%s)", f->repository != NULL ? f->repository : "",
                        f->repository != NULL && f->role != NULL ? ", " : "",
                        f->role != NULL ? f->role : "");
    if (f->detail != NULL && strcmp(f->detail, sev_err_sentence(f->err)) != 0)
        cli_text_printf(out, ": %s", f->detail);
    if (sev_err_attack(f->err) != SEV_ATTACK_NONE)
        cli_text_printf(out, " [stops: %s]", sev_attack_name(sev_err_attack(f->err)));
    cli_text_printf(out, "\n");
    if (f->hint != NULL)
        cli_text_printf(out, "  %s\n", f->hint);
}

/* A copy that may go to a terminal and into JSON. NULL stays NULL; without memory, "". */
static const char *safe_copy(const char *text, struct cli_text *out)
{
    if (text == NULL)
        return NULL;
    cli_text_put_safe(out, sev_slice_of(text, strlen(text)));
    return out->failed || out->ptr == NULL ? "" : out->ptr;
}

static bool errors_json(const struct cli *c, sev_err err)
{
    for (size_t i = 0; i < c->depth; i++)
        if (c->path[i]->errors_json && err != SEV_E_USAGE)
            return true;
    return c->json;
}

int cli_usage_exit(const struct cli *c)
{
    int code = CLI_EXIT_USAGE;
    for (size_t i = 0; i < c->depth; i++)
        if (c->path[i]->usage_exit != 0)
            code = c->path[i]->usage_exit;
    return code;
}

int cli_report(struct cli *c, const struct cli_failure *failure)
{
    struct cli_text detail = {0}, repository = {0}, role = {0}, line = {0};
    struct cli_failure f = *failure;
    f.detail = safe_copy(f.detail, &detail);
    f.repository = safe_copy(f.repository, &repository);
    f.role = safe_copy(f.role, &role);
    if (!c->failed) {
        if (!errors_json(c, f.err))
            sentence_of(&f, &line);
        else if (cli_json_text(emit_failure, &f, &line) == SEV_OK)
            cli_text_put(&line, "\n", 1);
        /* Without memory for the line there is still the error's name. */
        if (line.failed || line.ptr == NULL) {
            const char *sentence = sev_err_sentence(f.err);
            (void)(cli_write_all(c->err_fd, "secureev: ", 10) &&
                   cli_write_all(c->err_fd, sentence, strlen(sentence)) &&
                   cli_write_all(c->err_fd, "\n", 1));
        } else {
            (void)cli_write_all(c->err_fd, line.ptr, line.len);
        }
    }
    c->failed = true;
    cli_text_free(&detail);
    cli_text_free(&repository);
    cli_text_free(&role);
    cli_text_free(&line);
    return failure->err == SEV_E_USAGE ? cli_usage_exit(c) : CLI_EXIT_FAILED;
}

static int report_text(struct cli *c, sev_err err, const char *hint, const char *format,
                       va_list args)
{
    struct cli_text detail = {0};
    cli_text_vprintf(&detail, format, args);
    struct cli_failure f = {.err = err, .detail = detail.failed ? NULL : detail.ptr, .hint = hint};
    int code = cli_report(c, &f);
    cli_text_free(&detail);
    return code;
}

int cli_fail(struct cli *c, sev_err err, const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int code = report_text(c, err, hint, format, args);
    va_end(args);
    return code;
}

int cli_fail_fs(struct cli *c, sev_err err, const char *hint)
{
    const struct sev_fs_note *n = &c->note;
    if (n->call == NULL || n->call[0] == '\0')
        return cli_report(c, &(struct cli_failure){.err = err, .hint = hint});
    if (n->system_error == 0)
        return cli_fail(c, err, hint, "%s: %s", n->path, n->why);
    return cli_fail(c, err, hint, "%s %s: %s", n->call, n->path, strerror(n->system_error));
}

int cli_usage(struct cli *c, const char *format, ...)
{
    struct cli_text hint = {0};
    cli_text_printf(&hint, "for what it takes, type: ");
    cli_put_path(c->path, c->depth, &hint);
    cli_text_printf(&hint, " --help");
    va_list args;
    va_start(args, format);
    int code = report_text(c, SEV_E_USAGE, hint.failed ? NULL : hint.ptr, format, args);
    va_end(args);
    cli_text_free(&hint);
    return code;
}
