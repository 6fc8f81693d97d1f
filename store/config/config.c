/* config - lines to blocks, by the table. The text is ours, so values end in place with a NUL.
 * SPDX-License-Identifier: MIT */
#include "secureev/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

#define FILE_CHARS_SHOWN 80 /* of a long path the end, which says most */

struct reader {
    const char *file;
    const struct sev_config_section *sections;
    struct sev_config *config;
    struct sev_config_block *block; /* that lines belong to; NULL before the first */
    unsigned line;
    struct sev_config_note *note;
};

static sev_err wrong(struct reader *r, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static sev_err wrong(struct reader *r, unsigned line, const char *format, ...)
{
    char *out = r->note->text;
    size_t room = sizeof r->note->text, len = strlen(r->file);
    const char *file = len > FILE_CHARS_SHOWN ? r->file + len - FILE_CHARS_SHOWN : r->file;
    int n =
        line != 0 ? snprintf(out, room, "%s:%u: ", file, line) : snprintf(out, room, "%s: ", file);
    va_list args;
    va_start(args, format);
    vsnprintf(out + n, room - (size_t)n, format, args);
    va_end(args);
    r->note->line = line;
    return SEV_E_CONFIG;
}

static char *trim(char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    size_t len = strlen(text);
    while (len != 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        text[--len] = '\0';
    return text;
}

/* Names of sections, keys and instances; they reach logs and file names. */
static bool is_name(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    size_t len = strlen(text);
    return len != 0 && len <= SEV_CONFIG_NAME_CHARS_MAX && text[0] != '.' && text[0] != '-' &&
           strspn(text, allowed) == len;
}

/* ----------------------------------------------------------------- sections */

static const struct sev_config_section *find_section(const struct reader *r, const char *name)
{
    for (const struct sev_config_section *s = r->sections; s->name != NULL; s++)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

/* What was not given gets its fallback; what has none must be given. */
static sev_err finish_block(struct reader *r)
{
    struct sev_config_block *b = r->block;
    for (size_t i = 0; b != NULL && b->section->keys[i].name != NULL; i++) {
        if (b->values[i] != NULL)
            continue;
        b->values[i] = b->section->keys[i].fallback;
        if (b->values[i] == NULL)
            return wrong(r, b->line, "[%s] needs a line '%s = ...': %s", b->section->name,
                         b->section->keys[i].name, b->section->keys[i].help);
    }
    return SEV_OK;
}

static sev_err begin_block(struct reader *r, char *text)
{
    sev_err e = finish_block(r);
    if (e != SEV_OK)
        return e;
    char *end = strchr(text, ']');
    if (end == NULL || end[1] != '\0')
        return wrong(r, r->line, "a section is written [name] or [name instance]");
    *end = '\0';
    char *name = trim(text + 1), *instance = strpbrk(name, " \t");
    if (instance != NULL)
        *instance++ = '\0';
    instance = instance == NULL ? name + strlen(name) : trim(instance);
    const struct sev_config_section *section = find_section(r, name);
    if (section == NULL)
        return wrong(r, r->line, "there is no section [%.40s]; see `secureev config explain`",
                     name);
    if (section->many != (*instance != '\0'))
        return wrong(r, r->line,
                     section->many ? "[%s] needs a name of your choice: [%s NAME]"
                                   : "[%s] stands without a name: [%s]",
                     section->name, section->name);
    if (section->many && !is_name(instance))
        return wrong(r, r->line, "a name has letters, digits, '_', '-' and '.', 64 at most");
    for (size_t i = 0; i < r->config->block_count; i++) {
        const struct sev_config_block *b = &r->config->blocks[i];
        if (b->section == section && strcmp(b->name, instance) == 0)
            return wrong(r, r->line, "[%s%s%s] stands in line %u already", section->name,
                         section->many ? " " : "", instance, b->line);
    }
    if (r->config->block_count == SEV_CONFIG_BLOCKS_MAX)
        return wrong(r, r->line, "more than %u sections", SEV_CONFIG_BLOCKS_MAX);
    r->block = &r->config->blocks[r->config->block_count++];
    *r->block = (struct sev_config_block){.section = section, .name = instance, .line = r->line};
    return SEV_OK;
}

/* --------------------------------------------------------------------- keys */

static sev_err take_key(struct reader *r, char *text)
{
    char *value = strchr(text, '=');
    if (value == NULL)
        return wrong(r, r->line, "a line is 'key = value', '[section]' or '# comment'");
    *value++ = '\0';
    const char *name = trim(text);
    value = trim(value);
    if (r->block == NULL)
        return wrong(r, r->line, "'%.40s' stands before the first [section]", name);
    const struct sev_config_key *keys = r->block->section->keys;
    size_t i = 0;
    while (keys[i].name != NULL && strcmp(keys[i].name, name) != 0)
        i++;
    if (keys[i].name == NULL)
        return wrong(r, r->line, "[%s] has no key '%.40s'; see `secureev config explain %s`",
                     r->block->section->name, name, r->block->section->name);
    if (r->block->values[i] != NULL)
        return wrong(r, r->line, "'%s' was given before in this section", name);
    char reason[160];
    if (*value == '\0')
        return wrong(r, r->line, "'%s' has no value; leave the line out for the default", name);
    if (!config_value_ok(&keys[i], value, reason, sizeof reason))
        return wrong(r, r->line, "'%s' %s", name, reason);
    r->block->values[i] = value;
    return SEV_OK;
}

static sev_err take_line(struct reader *r, char *line)
{
    for (const char *p = line; *p != '\0'; p++)
        if ((*p < ' ' || *p > '~') && *p != '\t')
            return wrong(r, r->line,
                         *p == '\r' ? "the line ends in a carriage return; use LF alone"
                                    : "only printable ASCII may stand here");
    char *text = trim(line);
    if (*text == '\0' || *text == '#')
        return SEV_OK;
    return *text == '[' ? begin_block(r, text) : take_key(r, text);
}

static sev_err take_text(struct reader *r, char *text, size_t len)
{
    if (memchr(text, '\0', len) != NULL)
        return wrong(r, 0, "not a text file");
    for (char *next = NULL; text != NULL; text = next) {
        r->line++;
        next = strchr(text, '\n');
        if (next != NULL)
            *next++ = '\0';
        sev_err e = take_line(r, text);
        if (e != SEV_OK)
            return e;
    }
    return finish_block(r);
}

sev_err sev_config_parse(const struct sev_fs *fs, const char *name, sev_slice bytes,
                         const struct sev_config_section *sections, struct sev_config *out,
                         struct sev_config_note *note)
{
    struct sev_config *made = fs->realloc(fs->self, NULL, sizeof *made);
    *note = (struct sev_config_note){.text = "not enough memory"};
    if (made == NULL)
        return SEV_E_MEMORY;
    memset(made, 0, sizeof *made);
    struct reader r = {.file = name, .sections = sections, .config = made, .note = note};
    sev_err e = SEV_E_CONFIG;
    if (bytes.len > SEV_CONFIG_BYTES_MAX)
        e = wrong(&r, 0, "more than %u bytes", SEV_CONFIG_BYTES_MAX);
    else
        e = sev_bytes_new(fs, bytes.len, &made->text);
    if (e == SEV_OK) {
        if (bytes.len != 0)
            memcpy(made->text.ptr, bytes.ptr, bytes.len);
        e = take_text(&r, (char *)made->text.ptr, bytes.len);
        if (e == SEV_OK)
            *out = *made;
        else
            sev_bytes_free(fs, &made->text);
    }
    fs->free(fs->self, made);
    return e;
}

sev_err sev_config_load(const struct sev_fs *fs, const char *path,
                        const struct sev_config_section *sections, struct sev_config *out,
                        struct sev_config_note *note)
{
    struct sev_bytes bytes = {NULL, 0};
    sev_err e = sev_file_read(fs, path, SEV_CONFIG_BYTES_MAX, 0, &bytes);
    if (e == SEV_OK) {
        e = sev_config_parse(fs, path, sev_bytes_slice(&bytes), sections, out, note);
    } else {
        struct reader r = {.file = path, .note = note};
        (void)wrong(&r, 0, "%s", sev_err_sentence(e));
    }
    sev_bytes_free(fs, &bytes);
    return e;
}

void sev_config_free(const struct sev_fs *fs, struct sev_config *config)
{
    sev_bytes_free(fs, &config->text);
    config->block_count = 0;
}

/* ------------------------------------------------------------------ answers */

const struct sev_config_block *sev_config_next(const struct sev_config *config, const char *section,
                                               const struct sev_config_block *previous)
{
    const struct sev_config_block *b = previous == NULL ? config->blocks : previous + 1;
    for (; b < config->blocks + config->block_count; b++)
        if (strcmp(b->section->name, section) == 0)
            return b;
    return NULL;
}

static size_t index_of(const struct sev_config_block *block, const char *key)
{
    for (size_t i = 0; block->section->keys[i].name != NULL; i++)
        if (strcmp(block->section->keys[i].name, key) == 0)
            return i;
    abort(); /* the program asks for what its table does not have */
}

const char *sev_config_text(const struct sev_config_block *block, const char *key)
{
    return block->values[index_of(block, key)];
}

int64_t sev_config_number(const struct sev_config_block *block, const char *key)
{
    size_t i = index_of(block, key);
    int64_t number = 0;
    if (!config_value_number(&block->section->keys[i], block->values[i], &number))
        abort();
    return number;
}

bool sev_config_switch(const struct sev_config_block *block, const char *key)
{
    return strcmp(sev_config_text(block, key), "yes") == 0;
}

bool sev_config_has_word(const struct sev_config_block *block, const char *key, const char *word)
{
    return config_words_contain(sev_config_text(block, key), word, strlen(word));
}

struct sev_config_address sev_config_address(const struct sev_config_block *block, const char *key)
{
    struct sev_config_address address;
    if (!config_value_address(sev_config_text(block, key), &address))
        abort();
    return address;
}
