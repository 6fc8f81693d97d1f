/* Each test runs a small table of commands of its own, and looks at exit code, standard output and
 * standard error. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "cli.h"

#include <stdlib.h>
#include <unistd.h>

static char out_text[65536], err_text[65536];

static int show(struct cli *c)
{
    size_t n = 0;
    const char *const *names = cli_opt_all(c, "name", &n);
    const char *state = cli_opt(c, "state");
    cli_print(c, "state=%s force=%d names=", state != NULL ? state : "-", cli_flag(c, "force"));
    for (size_t i = 0; i < n; i++)
        cli_print(c, "%s,", names[i]);
    cli_print(c, " kind=%s args=", cli_opt(c, "kind"));
    for (size_t i = 0; i < cli_arg_count(c); i++)
        cli_print(c, "%s,", cli_arg(c, i));
    cli_print(c, " json=%d\n", cli_json(c));
    return 0;
}

static void emit(sev_json_writer *w, const void *context)
{
    uint64_t count = *(const uint64_t *)context;
    sev_json_w_array(w);
    for (uint64_t i = 0; i < count; i++)
        sev_json_w_integer(w, (int64_t)i);
    sev_json_w_array_end(w);
}

static int numbers(struct cli *c)
{
    uint64_t count = 0;
    int code = cli_opt_integer(c, "count", 1, 5000, &count);
    return code != 0 ? code : cli_print_json(c, emit, &count);
}

static int go_wrong(struct cli *c)
{
    cli_print(c, "half an answer\n");
    return cli_report(c, &(struct cli_failure){.err = SEV_E_EXPIRED,
                                               .detail = "snapshot\n\033[31mred",
                                               .repository = "director",
                                               .role = "snapshot"});
}

static int go_wrong_barely(struct cli *c)
{
    return cli_report(
        c, &(struct cli_failure){.err = SEV_E_EXPIRED, .detail = sev_err_sentence(SEV_E_EXPIRED)});
}

static int tell_time(struct cli *c)
{
    sev_time t = 0;
    int code = cli_opt_time(c, "now", &t);
    if (code == 0)
        cli_print(c, "%lld\n", (long long)t);
    return code;
}

static const struct cli_option frob_options[] = {
    {.name = "state", .value = "DIR", .help = "where state lives"}, {0}};
static const struct cli_option show_options[] = {
    {.name = "name", .value = "NAME", .help = "a name", .flags = CLI_REPEATED},
    {.name = "kind", .value = "KIND", .help = "which", .choices = "red green", .fallback = "red"},
    {.name = "force", .help = "do it"},
    {0}};
static const struct cli_option strict_options[] = {
    {.name = "must", .value = "X", .help = "what must be", .flags = CLI_REQUIRED}, {0}};
static const struct cli_option number_options[] = {
    {.name = "count", .value = "N", .help = "how many", .fallback = "3"}, {0}};
static const struct cli_option now_options[] = {
    {.name = "now", .value = "RFC3339", .help = "the time"}, {0}};
static const struct cli_option raw_options[] = {
    {.name = "name", .value = "NAME", .help = "any", .flags = CLI_REPEATED | CLI_RAW},
    {.name = "kind", .value = "KIND", .help = "which", .fallback = "red"},
    {.name = "state", .value = "DIR", .help = "where"},
    {.name = "force", .help = "do it"},
    {0}};
static const struct cli_positional words[] = {
    {"FIRST", "the first", CLI_REQUIRED}, {"REST", "the rest", CLI_REPEATED}, {0}};
static const struct cli_command frob_subcommands[] = {
    {.name = "show",
     .summary = "Show what was given",
     .options = show_options,
     .positionals = words,
     .run = show},
    {.name = "strict", .summary = "Need an option", .options = strict_options, .run = go_wrong},
    {0}};
static const struct cli_command frob = {.name = "frob",
                                        .summary = "Frob things",
                                        .details = "A paragraph.\n\n.Another one\\.",
                                        .options = frob_options,
                                        .subcommands = frob_subcommands};
static const struct cli_command count = {
    .name = "count", .summary = "Count", .options = number_options, .run = numbers};
static const struct cli_command refuse = {.name = "refuse", .summary = "Fail", .run = go_wrong};
static const struct cli_command loud = {
    .name = "loud", .summary = "Fail in JSON", .errors_json = true, .run = go_wrong};
static const struct cli_command deed = {.name = "deed",
                                        .summary = "Do it",
                                        .answer_optional = true,
                                        .options = number_options,
                                        .run = numbers};
static const struct cli_command bare = {
    .name = "bare", .summary = "Say why", .run = go_wrong_barely};
static const struct cli_command now = {
    .name = "now", .summary = "Tell the time", .options = now_options, .run = tell_time};
static const struct cli_command one = {.name = "one",
                                       .summary = "Every error is 1",
                                       .options = raw_options,
                                       .run = show,
                                       .usage_exit = 1};
extern const struct cli_command cmd_help, cmd_man, cmd_completion, cmd_version;
static const struct cli_command *const table[] = {
    &frob, &count,    &refuse,  &loud,           &now,         &one, &deed,
    &bare, &cmd_help, &cmd_man, &cmd_completion, &cmd_version, NULL};

static void read_back(FILE *f, char *text, size_t cap)
{
    rewind(f);
    size_t n = fread(text, 1, cap - 1, f);
    text[n] = '\0';
    (void)fclose(f);
}

/* Runs "secureev" and the words of `line`, which are separated by single blanks. */
static int run(const char *line)
{
    char words_of[1024];
    char *argv[64] = {"secureev"};
    int argc = 1;
    snprintf(words_of, sizeof words_of, "%s", line);
    for (char *w = words_of; *w != '\0' && argc < 64;) {
        argv[argc++] = w;
        w += strcspn(w, " ");
        if (*w != '\0')
            *w++ = '\0';
    }
    FILE *out = tmpfile(), *err = tmpfile();
    CHECK(out != NULL && err != NULL);
    int code = cli_main(argc, argv, table, fileno(out), fileno(err));
    read_back(out, out_text, sizeof out_text);
    read_back(err, err_text, sizeof err_text);
    return code;
}

#define CHECK_OUT(text) assert_string_equal(out_text, text)
#define CHECK_ERROR(text) assert_string_equal(err_text, text)
#define CHECK_IN(text, part)                                                                       \
    do {                                                                                           \
        if (strstr(text, part) == NULL)                                                            \
            fail_msg("\"%s\" is not in: %s", part, text);                                          \
    } while (0)

TEST(cli__options_in_two_words_or_one_in_any_order__are_read)
{
    CHECK_EQ(run("frob show --name a --force --state S x --name=b y --json"), 0);
    CHECK_OUT("state=S force=1 names=a,b, kind=red args=x,y, json=1\n");
    CHECK_EQ(run("--json frob --state=S --name a --force show --name b x y"), 0);
    CHECK_OUT("state=S force=1 names=a,b, kind=red args=x,y, json=1\n");
    CHECK_EQ(run("frob show x"), 0);
    CHECK_OUT("state=- force=0 names= kind=red args=x, json=0\n");
    CHECK_EQ(run("frob --kind green --name q --state s --name r show --force x"), 0);
    CHECK_OUT("state=s force=1 names=q,r, kind=green args=x, json=0\n");
    CHECK_ERROR("");
}

TEST(cli__after_two_dashes__nothing_is_an_option)
{
    CHECK_EQ(run("frob show -- --name -x --"), 0);
    CHECK_OUT("state=- force=0 names= kind=red args=--name,-x,--, json=0\n");
    CHECK_EQ(run("frob show -"), 0);
    CHECK_OUT("state=- force=0 names= kind=red args=-, json=0\n");
}

TEST(cli__an_unknown_option__names_the_nearest_and_what_to_type)
{
    CHECK_EQ(run("frob show --stat S x"), 2);
    CHECK_OUT("");
    CHECK_ERROR("secureev: the command line is not understood: secureev frob show has no option "
                "--stat; the nearest is --state\n"
                "  type: secureev frob show --state DIR; all of them: secureev frob show --help\n");
    CHECK_EQ(run("frob show x -f"), 2);
    CHECK_IN(err_text, "has no option");
}

TEST(cli__a_word_like_nothing_else__is_sent_to_the_help)
{
    CHECK_EQ(run("count --frequency 3"), 2);
    CHECK_ERROR("secureev: the command line is not understood: secureev count has no option "
                "--frequency\n  type: secureev count --help\n");
    CHECK_EQ(run("quagga"), 2);
    CHECK_ERROR("secureev: the command line is not understood: secureev has no command "
                "\"quagga\"\n  type: secureev --help\n");
}

TEST(cli__version_as_an_option__is_the_command)
{
    CHECK_EQ(run("--version"), 0);
    CHECK_IN(out_text, "secureev ");
    CHECK_EQ(run("--json --version"), 0);
    CHECK_IN(out_text, "\"version\":");
    CHECK_EQ(run("count --version"), 2);
}

TEST(cli__an_option_of_another_command__says_whose_it_is)
{
    CHECK_EQ(run("--state S frob show x"), 2);
    CHECK_IN(err_text, "it belongs to secureev frob");
    CHECK_EQ(run("frob show --must x"), 2);
    CHECK_IN(err_text, "has no option --must");
    CHECK_EQ(run("frob --must 1 show x"), 2);
    CHECK_IN(err_text, "secureev frob show has no option --must");
}

TEST(cli__an_unknown_command__names_the_nearest)
{
    CHECK_EQ(run("forb show"), 2);
    CHECK_IN(err_text, "the nearest is \"frob\"");
    CHECK_EQ(run("frob shwo x"), 2);
    CHECK_IN(err_text, "type: secureev frob show;");
}

TEST(cli__an_endless_unknown_word__is_refused_all_the_same)
{
    char line[900] = "frob show --";
    memset(line + 12, 'x', 800);
    CHECK_EQ(run(line), 2);
    memset(line, 'y', 800);
    CHECK_EQ(run(line), 2);
}

TEST(cli__nothing_given__is_a_usage_error)
{
    CHECK_EQ(run(""), 2);
    CHECK_IN(err_text, "secureev --help");
    CHECK_EQ(run("frob"), 2);
    CHECK_IN(err_text, "secureev frob --help");
}

TEST(cli__a_value_that_is_missing_or_looks_like_an_option__is_refused)
{
    CHECK_EQ(run("frob show x --name"), 2);
    CHECK_IN(err_text, "--name needs a value: --name NAME");
    CHECK_EQ(run("frob show x --name --force"), 2);
    CHECK_IN(err_text, "--name needs a value");
    CHECK_EQ(run("frob show x --name=--force"), 0);
    CHECK_OUT("state=- force=0 names=--force, kind=red args=x, json=0\n");
    CHECK_EQ(run("frob show x --name --unknown"), 0);
    CHECK_EQ(run("frob show x --force=1"), 2);
    CHECK_IN(err_text, "--force takes no value");
}

TEST(cli__a_raw_option__takes_any_word)
{
    CHECK_EQ(run("one --name --force --name --help"), 0);
    CHECK_OUT("state=- force=0 names=--force,--help, kind=red args= json=0\n");
}

TEST(cli__given_twice_or_not_among_the_choices_or_missing__is_refused)
{
    CHECK_EQ(run("frob --state a show x --state b"), 2);
    CHECK_IN(err_text, "--state is given twice");
    CHECK_EQ(run("frob show x --kind blue"), 2);
    CHECK_IN(err_text, "--kind cannot be \"blue\"; it is one of: red green");
    CHECK_EQ(run("frob show x --kind re"), 2);
    CHECK_EQ(run("frob show x --kind="), 2);
    CHECK_EQ(run("frob show x --name="), 2);
    CHECK_IN(err_text, "--name is empty: --name NAME");
    CHECK_EQ(run("one --name="), 0);
    CHECK_EQ(run("frob strict"), 2);
    CHECK_IN(err_text, "--must X is missing: what must be");
    CHECK_EQ(run("frob show"), 2);
    CHECK_IN(err_text, "FIRST is missing: the first");
    CHECK_EQ(run("count 7"), 2);
    CHECK_IN(err_text, "\"7\" is one word too many");
}

TEST(cli__numbers_outside_their_range__are_refused)
{
    CHECK_EQ(run("count"), 0);
    CHECK_OUT("[0,1,2]\n");
    CHECK_EQ(run("count --count 0"), 2);
    CHECK_IN(err_text, "a number from 1 to 5000");
    CHECK_EQ(run("count --count 5001"), 2);
    CHECK_EQ(run("count --count 1x"), 2);
    CHECK_EQ(run("count --count -1"), 2);
}

TEST(cli__a_long_json_answer__gets_the_room_it_needs)
{
    CHECK_EQ(run("count --count 5000"), 0);
    CHECK_IN(out_text, ",4998,4999]\n");
}

TEST(cli__a_time__is_read_or_is_the_clock)
{
    CHECK_EQ(run("now --now 1970-01-01T00:01:00Z"), 0);
    CHECK_OUT("60\n");
    CHECK_EQ(run("now --now yesterday"), 2);
    CHECK_IN(err_text, "a time is written");
    CHECK_EQ(run("now"), 0);
    CHECK(atoll(out_text) > 1700000000);
}

/* `date --rfc-3339`, Python's isoformat() and a log's milliseconds are RFC 3339, too. */
TEST(cli__a_time_in_any_spelling_of_the_rfc__is_the_same_time)
{
    static const char *const same[] = {"2026-11-20T14:00:00Z",
                                       "2026-11-20t14:00:00z",
                                       "2026-11-20T14:00:00.9Z",
                                       "2026-11-20T14:00:00+00:00",
                                       "2026-11-20T14:00:00-00:00",
                                       "2026-11-20T15:30:00+01:30",
                                       "2026-11-20T00:30:00-13:30",
                                       "2026-11-21T13:59:00+23:59",
                                       "2026-11-20T14:00:00.123456+00:00",
                                       "2026-11-20T14:00:00.000000000000000000000Z"};
    char line[100];
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        snprintf(line, sizeof line, "now --now %s", same[i]);
        CHECK_EQ(run(line), 0);
        CHECK_OUT("1795183200\n");
    }
    char *argv[] = {"secureev", "now", "--now", "2026-11-20 14:00:00+00:00", NULL};
    CHECK_EQ(cli_main(4, argv, table, fileno(tmpfile()), fileno(tmpfile())), 0);
    CHECK_EQ(run("now --now 2016-12-31T23:59:60Z"), 0);
    CHECK_OUT("1483228800\n");
    CHECK_EQ(run("now --now 2017-01-01T00:59:60+01:00"), 0);
    CHECK_OUT("1483228800\n");
    CHECK_EQ(run("now --now 9999-12-31T23:59:59Z"), 0);
    CHECK_OUT("253402300799\n");
}

TEST(cli__a_time_that_is_none__is_refused)
{
    static const char *const bad[] = {"2026-11-20T14:00:00",
                                      "2026-11-20T14:00Z",
                                      "2026-11-20T14:00:00.Z",
                                      "2026-11-20T14:00:00+0100",
                                      "2026-11-20T14:00:00+24:00",
                                      "2026-11-20T14:00:00+01:60",
                                      "2026-11-20T14:00:00Zx",
                                      "2026-11-20T14:00:00ZZ",
                                      "2026-11-20T14:00:00+01:00Z",
                                      "2026-11-20T24:00:00Z",
                                      "2026-02-29T00:00:00Z",
                                      "2026-11-20T14:00:60Z",
                                      "2026-11-20T23:59:61Z",
                                      "2016-12-31T23:59:60+01:00",
                                      "1969-12-31T23:59:59Z",
                                      "1970-01-01T00:30:00+01:00",
                                      "9999-12-31T23:59:59-00:01",
                                      "9999-12-31T23:59:60Z",
                                      "10000-01-01T00:00:00Z",
                                      "2026-11-20_14:00:00Z",
                                      "2026-11-20",
                                      "1795183200",
                                      "+026-11-20T14:00:00Z",
                                      "2026-11-20T14:00:00+1:000"};
    char line[100];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(line, sizeof line, "now --now %s", bad[i]);
        if (run(line) != 2)
            fail_msg("%s was taken for %s", bad[i], out_text);
        CHECK_IN(err_text, "a time is written");
    }
}

TEST(cli__a_refusal__is_one_sentence_without_terminal_escapes)
{
    CHECK_EQ(run("refuse"), 1);
    CHECK_ERROR(
        "secureev: the metadata has expired (director, snapshot): snapshot\\x0a\\x1b[31mred "
        "[stops: freeze]\n");
    CHECK_OUT("half an answer\n");
}

TEST(cli__a_refusal_with_nothing_to_add__is_not_said_twice)
{
    CHECK_EQ(run("bare"), 1);
    CHECK_ERROR("secureev: the metadata has expired [stops: freeze]\n");
}

static const char refusal_json[] =
    "{\"attack\":\"freeze\",\"class\":\"REFUSE\",\"detail\":\"snapshot\\\\x0a\\\\x1b[31mred\","
    "\"error\":\"expired\",\"repository\":\"director\",\"role\":\"snapshot\"}\n";

TEST(cli__a_refusal_with_json__is_one_object_on_one_line)
{
    CHECK_EQ(run("refuse --json"), 1);
    CHECK_ERROR(refusal_json);
    CHECK_EQ(run("loud"), 1);
    CHECK_ERROR(refusal_json);
}

TEST(cli__a_usage_error_with_json__is_one_object_on_one_line)
{
    CHECK_EQ(run("count --json 7"), 2);
    CHECK_ERROR(
        "{\"attack\":null,\"class\":\"INPUT\",\"detail\":\"\\\"7\\\" is one word too many\","
        "\"error\":\"usage\",\"hint\":\"for what it takes, type: secureev count --help\","
        "\"repository\":null,\"role\":null}\n");
}

TEST(cli__a_command_whose_every_error_is_1__gives_1_for_usage_too)
{
    CHECK_EQ(run("one --unknown"), 1);
    CHECK_EQ(run("one word too many"), 1);
    CHECK_EQ(run("one --state"), 1);
}

TEST(cli__help__is_general_for_a_group_and_for_a_command)
{
    CHECK_EQ(run("--help"), 0);
    CHECK_IN(out_text, "frob");
    CHECK_IN(out_text, "Exit status:\n  0  success\n  1  refused");
    CHECK_EQ(run("frob -h"), 0);
    CHECK_IN(out_text, "Usage: secureev frob COMMAND");
    CHECK_EQ(run("frob show --help"), 0);
    CHECK_IN(out_text, "Usage: secureev frob show [--name NAME ...] [--kind KIND] [--force]");
    CHECK_IN(out_text, "which: red, green (default: red)");
    CHECK_IN(out_text, "FIRST [REST...]");
    CHECK_EQ(run("one --help"), 0);
    CHECK_IN(out_text, "  1  anything else");
    CHECK_EQ(run("help frob show"), 0);
    CHECK_IN(out_text, "Usage: secureev frob show");
    CHECK_EQ(run("help frob nothing"), 2);
    CHECK_ERROR("secureev: the command line is not understood: there is no command \"nothing\"\n"
                "  for all commands, type: secureev --help\n");
}

TEST(cli__help__stays_within_80_columns)
{
    const char *lines[] = {"--help", "frob --help", "frob show --help", "help completion"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        CHECK_EQ(run(lines[i]), 0);
        for (const char *p = out_text; *p != '\0';) {
            size_t n = strcspn(p, "\n");
            if (n > 80)
                fail_msg("%s: %.*s", lines[i], (int)n, p);
            p += n + (p[n] == '\n');
        }
    }
}

TEST(cli__man__escapes_what_roff_would_obey)
{
    CHECK_EQ(run("man"), 0);
    CHECK_IN(out_text, "\n\\&.Another one\\e.\n");
    CHECK_IN(out_text, ".SS \"secureev frob show\"");
}

TEST(cli__the_tables_of_the_frame_itself__have_no_fault)
{
    struct cli_text text = {0};
    const char *what = cli_tables_fault(table, &text);
    if (what != NULL)
        fail_msg("%s", what);
    cli_text_free(&text);
}

TEST(cli__a_table_with_a_slip__is_found)
{
    static const struct cli_option flag_json[] = {{.name = "json", .help = "again"}, {0}};
    static const struct cli_option flag[] = {{.name = "x", .help = "alone"}, {0}};
    static const struct cli_option valued[] = {{.name = "x", .value = "V", .help = "with"}, {0}};
    static const struct cli_command differ[] = {
        {.name = "a", .summary = "A", .options = flag, .run = show},
        {.name = "b", .summary = "B", .options = valued, .run = show},
        {0}};
    static const struct cli_command bad[] = {
        {.name = "t", .summary = "Twice declared", .options = flag_json, .run = show},
        {.name = "d", .summary = "Differ", .subcommands = differ},
        {.name = "n", .summary = "Nothing to run"},
        {.name = "s", .summary = "Full stop.", .run = show},
        {.name = "b", .summary = "Broken", .details = "By\nhand.", .run = show}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct cli_command *const commands[] = {&bad[i], NULL};
        struct cli_text text = {0};
        CHECK(cli_tables_fault(commands, &text) != NULL);
        cli_text_free(&text);
    }
}

TEST(cli__output_that_cannot_be_written__is_a_failure)
{
    char *argv[] = {"secureev", "version", NULL};
    FILE *full = fopen("/dev/full", "w"), *err = tmpfile();
    if (full == NULL)
        SKIP("no /dev/full here");
    CHECK_EQ(cli_main(2, argv, table, fileno(full), fileno(err)), 1);
    read_back(err, err_text, sizeof err_text);
    CHECK_IN(err_text, "standard output does not take the answer");
    (void)fclose(full);
}

TEST(cli__an_optional_answer_that_cannot_be_written__is_no_failure)
{
    char *argv[] = {"secureev", "deed", NULL};
    FILE *full = fopen("/dev/full", "w"), *err = tmpfile();
    if (full == NULL)
        SKIP("no /dev/full here");
    CHECK_EQ(cli_main(2, argv, table, fileno(full), fileno(err)), 0);
    read_back(err, err_text, sizeof err_text);
    CHECK_IN(err_text, "the work is done");
    (void)fclose(full);
}

TEST(cli__text_from_outside__reaches_the_terminal_only_as_text)
{
    static const char hostile[] =
        "a\033]0;x\007\177\xC2\x9B\xE2\x80\xAE\xC0\x80\xED\xA0\x80\xFFz\xC3";
    struct cli_text text = {0};
    cli_text_put_safe(&text, sev_slice_of(hostile, sizeof hostile - 1));
    assert_string_equal(text.ptr, "a\\x1b]0;x\\x07\\x7f\\xc2\\x9b\\xe2\\x80\\xae\\xc0\\x80"
                                  "\\xed\\xa0\\x80\\xffz\\xc3");
    cli_text_free(&text);
    cli_text_put_safe(&text, SEV_LIT("gr\xC3\xBC\xC3\x9F \xF0\x9F\x9A\x97"));
    assert_string_equal(text.ptr, "gr\xC3\xBC\xC3\x9F \xF0\x9F\x9A\x97");
    cli_text_free(&text);
}
