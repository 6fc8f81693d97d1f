/* config - the reader of configuration files: what it takes, and each thing that it refuses, by
 * line and reason.  SPDX-License-Identifier: MIT */
#include "test.h"

#include "faulty_fs.h"
#include "secureev/config.h"

static const struct sev_config_key server_keys[] = {
    {"listen", SEV_CONFIG_ADDRESS, NULL, 0, 0, NULL, "where to listen"},
    {"threads", SEV_CONFIG_NUMBER, "2", 1, 64, NULL, "workers"},
    {"idle", SEV_CONFIG_SECONDS, "60s", 1, 3600, NULL, "until an idle connection is closed"},
    {"body", SEV_CONFIG_BYTES, "64K", 1, 1 << 30, NULL, "largest request"},
    {"tls", SEV_CONFIG_SWITCH, "yes", 0, 0, NULL, "TLS?"},
    {"profile", SEV_CONFIG_CHOICE, "native", 0, 0, "native aktualizr", "whose dialect"},
    {"roles", SEV_CONFIG_WORDS, "", 0, 0, "director images time", "what it does"},
    {"data", SEV_CONFIG_PATH, "", 0, 0, NULL, "its folder"},
    {"database", SEV_CONFIG_STORE, "", 0, 0, NULL, "its database"},
    {"remark", SEV_CONFIG_TEXT, "", 0, 0, NULL, "for people"},
    {NULL, 0, NULL, 0, 0, NULL, NULL},
};
static const struct sev_config_key key_keys[] = {
    {"per_minute", SEV_CONFIG_NUMBER, NULL, 1, 100000, NULL, "how many signatures"},
    {NULL, 0, NULL, 0, 0, NULL, NULL},
};
static const struct sev_config_section sections[] = {
    {"server", false, "the server", server_keys},
    {"key", true, "a key", key_keys},
    {NULL, false, NULL, NULL},
};

static struct sev_config config;
static struct sev_config_note note;

static sev_err parse(const char *text)
{
    struct sev_fs fs = sev_fs_posix(NULL);
    return sev_config_parse(&fs, "f.conf", sev_slice_of(text, strlen(text)), sections, &config,
                            &note);
}

static void check_text(const char *actual, const char *expected)
{
    CHECK_SLICE(sev_slice_of(actual, strlen(actual)), sev_slice_of(expected, strlen(expected)));
}

static void done(void)
{
    struct sev_fs fs = sev_fs_posix(NULL);
    sev_config_free(&fs, &config);
}

static void check_refused(const char *text, const char *expected)
{
    memset(&config, 0x5a, sizeof config);
    struct sev_config before = config;
    CHECK_ERR(parse(text), SEV_E_CONFIG);
    check_text(note.text, expected);
    CHECK(memcmp(&before, &config, sizeof before) == 0);
}

TEST(config__everything_given__is_read)
{
    CHECK_OK(parse("# a comment\n\n[server]\n listen = [::1]:8001 \nthreads=64\nidle = 2m\n"
                   "body = 8M\ntls = no\nprofile = aktualizr\nroles = images  time\n"
                   "data = /var/lib/x\nremark = a = b # c\n[key one]\nper_minute = 5\n"
                   "[key two]\nper_minute = 6"));
    const struct sev_config_block *s = sev_config_next(&config, "server", NULL);
    struct sev_config_address a = sev_config_address(s, "listen");
    check_text(a.host, "::1");
    CHECK_EQ(a.port, 8001);
    CHECK_EQ(sev_config_number(s, "threads"), 64);
    CHECK_EQ(sev_config_number(s, "idle"), 120);
    CHECK_EQ(sev_config_number(s, "body"), 8 << 20);
    CHECK(!sev_config_switch(s, "tls"));
    check_text(sev_config_text(s, "profile"), "aktualizr");
    CHECK(sev_config_has_word(s, "roles", "time") && !sev_config_has_word(s, "roles", "ime"));
    CHECK(!sev_config_has_word(s, "roles", "director"));
    check_text(sev_config_text(s, "data"), "/var/lib/x");
    check_text(sev_config_text(s, "remark"), "a = b # c");
    CHECK(sev_config_next(&config, "server", s) == NULL);
    const struct sev_config_block *k = sev_config_next(&config, "key", NULL);
    check_text(k->name, "one");
    k = sev_config_next(&config, "key", k);
    check_text(k->name, "two");
    CHECK_EQ(sev_config_number(k, "per_minute"), 6);
    CHECK(sev_config_next(&config, "key", k) == NULL);
    done();
}

TEST(config__little_given__the_rest_has_its_default)
{
    CHECK_OK(parse("[server]\nlisten = 127.0.0.1:0\n"));
    const struct sev_config_block *s = sev_config_next(&config, "server", NULL);
    CHECK_EQ(sev_config_number(s, "threads"), 2);
    CHECK_EQ(sev_config_number(s, "idle"), 60);
    CHECK(sev_config_switch(s, "tls"));
    check_text(sev_config_text(s, "data"), "");
    CHECK(sev_config_next(&config, "key", NULL) == NULL);
    done();
    CHECK_OK(parse(""));
    CHECK(sev_config_next(&config, "server", NULL) == NULL);
    done();
}

#define SERVER "[server]\nlisten = 127.0.0.1:1\n"

TEST(config__structure__refused_with_its_line)
{
    static const struct {
        const char *text, *expected;
    } wrongs[] = {
        {"listen = 127.0.0.1:1\n", "f.conf:1: 'listen' stands before the first [section]"},
        {"\n[serve]\n", "f.conf:2: there is no section [serve]; see `secureev config explain`"},
        {"[server\n", "f.conf:1: a section is written [name] or [name instance]"},
        {"[server] x\n", "f.conf:1: a section is written [name] or [name instance]"},
        {"[server one]\n", "f.conf:1: [server] stands without a name: [server]"},
        {"[key]\n", "f.conf:1: [key] needs a name of your choice: [key NAME]"},
        {"[key ../a]\n", "f.conf:1: a name has letters, digits, '_', '-' and '.', 64 at most"},
        {"[key a b]\n", "f.conf:1: a name has letters, digits, '_', '-' and '.', 64 at most"},
        {SERVER "[key a]\nper_minute = 1\n[server]\n",
         "f.conf:5: [server] stands in line 1 already"},
        {"[key a]\nper_minute = 1\n[key a]\n", "f.conf:3: [key a] stands in line 1 already"},
        {SERVER "port = 5\n",
         "f.conf:3: [server] has no key 'port'; see `secureev config explain server`"},
        {SERVER "listen = 127.0.0.1:2\n", "f.conf:3: 'listen' was given before in this section"},
        {SERVER "threads\n", "f.conf:3: a line is 'key = value', '[section]' or '# comment'"},
        {SERVER "threads =\n",
         "f.conf:3: 'threads' has no value; leave the line out for the default"},
        {"[server]\nthreads = 3\n",
         "f.conf:1: [server] needs a line 'listen = ...': where to listen"},
        {"[key a]\n[key b]\n",
         "f.conf:1: [key] needs a line 'per_minute = ...': how many signatures"},
        {SERVER "threads = 2\r\n", "f.conf:3: the line ends in a carriage return; use LF alone"},
        {SERVER "remark = \xc3\xa4\n", "f.conf:3: only printable ASCII may stand here"},
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++)
        check_refused(wrongs[i].text, wrongs[i].expected);
}

TEST(config__values__refused_with_what_they_must_be)
{
    static const struct {
        const char *line, *expected;
    } wrongs[] = {
#define NUMBER "'threads' must be a number from 1 to 64"
        {"threads = 0", NUMBER},
        {"threads = 65", NUMBER},
        {"threads = -1", NUMBER},
        {"threads = 1 2", NUMBER},
        {"threads = 01", NUMBER},
        {"threads = 2K", NUMBER},
        {"threads = x", NUMBER},
        {"threads = 99999999999999999999", NUMBER},
#define SECONDS "'idle' must be a number and a unit (30s, 5m, 2h, 7d) from 1 to 3600 seconds"
        {"idle = 60", SECONDS},
        {"idle = 61m", SECONDS},
        {"idle = 9007199254740991d", SECONDS},
        {"idle = 1sm", SECONDS},
#define BYTES "'body' must be a number (512, 64K, 8M, 2G) from 1 to 1073741824"
        {"body = 2G", BYTES},
        {"body = 1k", BYTES},
        {"body = 0", BYTES},
        {"tls = true", "'tls' must be 'yes' or 'no'"},
        {"profile = Native", "'profile' must be one of: native aktualizr"},
        {"profile = native aktualizr", "'profile' must be one of: native aktualizr"},
        {"roles = images signer", "'roles' must be some of, each once: director images time"},
        {"roles = images images", "'roles' must be some of, each once: director images time"},
        {"data = var", "'data' must be an absolute path, shorter than 4096"},
        {"database = a.db",
         "'database' must be an absolute path or postgresql://..., shorter than 4096"},
        {"database = mysql://x",
         "'database' must be an absolute path or postgresql://..., shorter than 4096"},
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        char text[256], expected[256];
        snprintf(text, sizeof text, SERVER "%s\n", wrongs[i].line);
        snprintf(expected, sizeof expected, "f.conf:3: %s", wrongs[i].expected);
        check_refused(text, expected);
    }
    static const char *const addresses[] = {
        "8000",          "localhost:8000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:80",
        "[127.0.0.1]:1", "[::1:80",        "[]:80",     "1.2.3.4:+5", "256.0.0.1:1"};
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "[server]\nlisten = %s\n", addresses[i]);
        check_refused(text,
                      "f.conf:2: 'listen' must be an address as 127.0.0.1:8000 or [::1]:8000");
    }
}

TEST(config__too_much__refused)
{
    static char text[SEV_CONFIG_BYTES_MAX + 2];
    memset(text, '\n', sizeof text - 1);
    check_refused(text, "f.conf: more than 65536 bytes");
    size_t len = 0;
    for (unsigned i = 0; i <= SEV_CONFIG_BLOCKS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "[key k%u]\nper_minute = 1\n", i);
    check_refused(text, "f.conf:129: more than 64 sections");
    struct sev_fs fs = sev_fs_posix(NULL);
    CHECK_ERR(sev_config_parse(&fs, "f.conf", SEV_LIT("[key a]\0\n"), sections, &config, &note),
              SEV_E_CONFIG);
    check_text(note.text, "f.conf: not a text file");
}

/* A default that its own key refuses would stop every program that relies on it. */
TEST(config__own_table__defaults_are_values_and_every_key_is_explained)
{
    for (const struct sev_config_section *s = sev_config_table; s->name != NULL; s++) {
        char text[4096];
        size_t keys = 0,
               len = (size_t)snprintf(text, sizeof text, s->many ? "[%s x]\n" : "[%s]\n", s->name);
        for (const struct sev_config_key *k = s->keys; k->name != NULL; k++, keys++) {
            const char *value = k->fallback;
            if (value == NULL || *value == '\0')
                value = k->kind == SEV_CONFIG_PATH      ? "/x"
                        : k->kind == SEV_CONFIG_STORE   ? "postgresql://x/y"
                        : k->kind == SEV_CONFIG_ADDRESS ? "127.0.0.1:1"
                        : k->choices != NULL            ? NULL
                                                        : "x";
            int first = k->choices == NULL ? 0 : (int)strcspn(k->choices, " ");
            len +=
                (size_t)snprintf(text + len, sizeof text - len, "%s = %.*s\n", k->name,
                                 value == NULL ? first : 1000, value == NULL ? k->choices : value);
            CHECK(k->help != NULL && strlen(k->help) > 10);
        }
        CHECK(keys != 0 && keys <= SEV_CONFIG_KEYS_MAX);
        struct sev_fs fs = sev_fs_posix(NULL);
        sev_err e =
            sev_config_parse(&fs, "own", sev_slice_of(text, len), sev_config_table, &config, &note);
        check_text(e == SEV_OK ? "" : note.text, "");
        done();
    }
}

TEST(config__file_that_is_not_there__says_so)
{
    struct sev_fs fs = sev_fs_posix(NULL);
    CHECK_ERR(sev_config_load(&fs, "/nowhere/x.conf", sections, &config, &note), SEV_E_NOT_FOUND);
    check_text(note.text, "/nowhere/x.conf: there is no such thing");
}

TEST(config__every_call_fails_once__nothing_is_lost_or_half_read)
{
    char path[300];
    struct sev_fs real = sev_fs_posix(NULL);
    snprintf(path, sizeof path, "%s/config.conf", sev_test_dir());
    CHECK_OK(sev_file_replace(&real, path, SEV_LIT(SERVER), 0600));
    for (uint32_t n = 1;; n++) {
        struct faulty_fs f;
        faulty_fs_init(&f);
        f.fail_at = n;
        sev_err e = sev_config_load(&f.fs, path, sections, &config, &note);
        if (e == SEV_OK)
            sev_config_free(&f.fs, &config);
        CHECK_EQ(f.live_blocks, 0);
        CHECK_EQ(f.open_files, 0);
        if (f.calls < n) {
            CHECK_OK(e);
            CHECK(n > 5);
            return;
        }
        CHECK(e != SEV_OK && note.text[0] != '\0');
    }
}
