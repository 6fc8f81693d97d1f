/* cmd_config - `secureev config`: what may stand in a configuration file, and what stands in one.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "secureev/config.h"

/* -------------------------------------------------------------------- check */

static void put_member(sev_json_writer *w, const char *name, const char *text)
{
    sev_json_w_string_member(w, name, sev_slice_of(text, strlen(text)));
}

/* Objects are written in order of names: a table's keys are few, so look for the next each time. */
static const struct sev_config_key *next_key(const struct sev_config_key *keys, const char *after)
{
    const struct sev_config_key *best = NULL;
    for (; keys->name != NULL; keys++)
        if ((after == NULL || strcmp(keys->name, after) > 0) &&
            (best == NULL || strcmp(keys->name, best->name) < 0))
            best = keys;
    return best;
}

static void emit_block(sev_json_writer *w, const struct sev_config_block *b)
{
    sev_json_w_object(w);
    sev_json_w_integer_member(w, "line", b->line);
    put_member(w, "name", b->name);
    put_member(w, "section", b->section->name);
    sev_json_w_name(w, SEV_LIT("values"));
    sev_json_w_object(w);
    const struct sev_config_key *k = next_key(b->section->keys, NULL);
    for (; k != NULL; k = next_key(b->section->keys, k->name))
        put_member(w, k->name, sev_config_text(b, k->name));
    sev_json_w_object_end(w);
    sev_json_w_object_end(w);
}

static void emit_config(sev_json_writer *w, const void *context)
{
    const struct sev_config *config = context;
    sev_json_w_array(w);
    for (size_t i = 0; i < config->block_count; i++)
        emit_block(w, &config->blocks[i]);
    sev_json_w_array_end(w);
}

static void print_config(struct cli *c, const struct sev_config *config)
{
    for (size_t i = 0; i < config->block_count; i++) {
        const struct sev_config_block *b = &config->blocks[i];
        cli_print(c, "%s[%s%s%s]\n", i == 0 ? "" : "\n", b->section->name,
                  b->section->many ? " " : "", b->name);
        for (size_t k = 0; b->section->keys[k].name != NULL; k++)
            if (b->values[k][0] != '\0')
                cli_print(c, "%s = %s\n", b->section->keys[k].name, b->values[k]);
    }
}

static int run_check(struct cli *c)
{
    static struct sev_config config;
    struct sev_config_note note;
    sev_err e = sev_config_load_ours(cli_fs(c), cli_arg(c, 0), &config, &note);
    if (e != SEV_OK)
        return cli_fail(c, e, NULL, "%s", e == SEV_E_CONFIG ? note.text : cli_arg(c, 0));
    int code = 0;
    if (cli_json(c))
        code = cli_print_json(c, emit_config, &config);
    else
        print_config(c, &config);
    sev_config_free(cli_fs(c), &config);
    return code;
}

/* ------------------------------------------------------------------ explain */

static const char *kind_text(const struct sev_config_key *k, char *room, size_t bytes)
{
    switch (k->kind) {
    case SEV_CONFIG_TEXT:
        return "text";
    case SEV_CONFIG_PATH:
        return "absolute path";
    case SEV_CONFIG_STORE:
        return "absolute path, or postgresql://...";
    case SEV_CONFIG_NUMBER:
        snprintf(room, bytes, "number, %lld to %lld", (long long)k->min, (long long)k->max);
        return room;
    case SEV_CONFIG_SECONDS:
        return "time, as 30s, 5m, 2h, 7d";
    case SEV_CONFIG_BYTES:
        return "bytes, as 512, 64K, 8M, 2G";
    case SEV_CONFIG_SWITCH:
        return "yes or no";
    case SEV_CONFIG_CHOICE:
        snprintf(room, bytes, "one of: %s", k->choices);
        return room;
    case SEV_CONFIG_WORDS:
        snprintf(room, bytes, k->choices == NULL ? "words" : "some of: %s", k->choices);
        return room;
    case SEV_CONFIG_ADDRESS:
        return "address, as 127.0.0.1:8000, [::1]:8000";
    }
    return "";
}

static bool is_asked_for(struct cli *c, const struct sev_config_section *s)
{
    return cli_arg(c, 0) == NULL || strcmp(cli_arg(c, 0), s->name) == 0;
}

static void print_section(struct cli *c, const struct sev_config_section *s)
{
    char room[256];
    cli_print(c, "[%s%s]\n# %s\n", s->name, s->many ? " NAME" : "", s->help);
    for (const struct sev_config_key *k = s->keys; k->name != NULL; k++) {
        cli_print(c, "\n# %s\n# %s\n", k->help, kind_text(k, room, sizeof room));
        if (k->fallback == NULL)
            cli_print(c, "%s =   (must be given)\n", k->name);
        else
            cli_print(c, "# %s =%s%s\n", k->name, *k->fallback == '\0' ? "" : " ", k->fallback);
    }
}

static void emit_section(sev_json_writer *w, const struct sev_config_section *s)
{
    char room[256];
    sev_json_w_object(w);
    put_member(w, "help", s->help);
    sev_json_w_name(w, SEV_LIT("keys"));
    sev_json_w_array(w);
    for (const struct sev_config_key *k = s->keys; k->name != NULL; k++) {
        sev_json_w_object(w);
        if (k->fallback != NULL)
            put_member(w, "default", k->fallback);
        put_member(w, "help", k->help);
        put_member(w, "kind", kind_text(k, room, sizeof room));
        put_member(w, "name", k->name);
        sev_json_w_object_end(w);
    }
    sev_json_w_array_end(w);
    sev_json_w_bool_member(w, "many", s->many);
    put_member(w, "section", s->name);
    sev_json_w_object_end(w);
}

static void emit_table(sev_json_writer *w, const void *context)
{
    struct cli *c = (struct cli *)context;
    sev_json_w_array(w);
    for (const struct sev_config_section *s = sev_config_table; s->name != NULL; s++)
        if (is_asked_for(c, s))
            emit_section(w, s);
    sev_json_w_array_end(w);
}

static int run_explain(struct cli *c)
{
    size_t found = 0;
    for (const struct sev_config_section *s = sev_config_table; s->name != NULL; s++)
        found += is_asked_for(c, s);
    if (found == 0)
        return cli_fail(c, SEV_E_NOT_FOUND, "without a name all sections are listed",
                        "section [%s]", cli_arg(c, 0));
    if (cli_json(c))
        return cli_print_json(c, emit_table, c);
    found = 0;
    for (const struct sev_config_section *s = sev_config_table; s->name != NULL; s++) {
        if (!is_asked_for(c, s))
            continue;
        cli_print(c, "%s", found++ == 0 ? "" : "\n");
        print_section(c, s);
    }
    return 0;
}

/* -------------------------------------------------------------------- table */

static const struct cli_positional check_argument[] = {
    {"FILE", "a configuration file of secureev-signer", CLI_REQUIRED}, {0}};
static const struct cli_positional explain_argument[] = {
    {"SECTION", "one section instead of all", 0}, {0}};
static const struct cli_example check_examples[] = {
    {"Before a restart", "secureev config check /etc/secureev/signer.conf"}, {NULL, NULL}};

static const struct cli_command subcommands[] = {
    {.name = "check",
     .summary = "Read a configuration file and print what it says, defaults included",
     .positionals = check_argument,
     .examples = check_examples,
     .run = run_check},
    {.name = "explain",
     .summary = "Print every section and key that may stand in one",
     .positionals = explain_argument,
     .run = run_explain},
    {0}};

const struct cli_command cmd_config = {
    .name = "config",
    .summary = "Explain and check configuration files",
    .details = "A configuration file has lines `key = value` in sections. What is unknown, "
               "repeated, missing or ill-formed is refused with its line: no program starts on a "
               "file that it understands in part.",
    .subcommands = subcommands};
