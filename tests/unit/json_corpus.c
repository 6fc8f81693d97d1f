/* The JSON parsing corpus of ../shared/vectors: every n_ refused, every y_ accepted but for the
 * names listed here, every i_ decided; and we accept nothing that Jansson refuses.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memmem */
#include <dirent.h>
#include <stdlib.h>

#include <jansson.h>

#include "random_json.h"
#include "secureev/json.h"
#include "test.h"

#define CORPUS "json-parsing/test_parsing"

struct expectation {
    const char *name;
    sev_err why;
};

/* Legal JSON that we refuse: see sev_json_check. */
static const struct expectation refused_y[] = {
    /* a fraction or an exponent: integers only */
    {"y_number.json", SEV_E_JSON_NUMBER},
    {"y_number_0e+1.json", SEV_E_JSON_NUMBER},
    {"y_number_0e1.json", SEV_E_JSON_NUMBER},
    {"y_number_double_close_to_zero.json", SEV_E_JSON_NUMBER},
    {"y_number_int_with_exp.json", SEV_E_JSON_NUMBER},
    {"y_number_real_capital_e.json", SEV_E_JSON_NUMBER},
    {"y_number_real_capital_e_neg_exp.json", SEV_E_JSON_NUMBER},
    {"y_number_real_capital_e_pos_exp.json", SEV_E_JSON_NUMBER},
    {"y_number_real_exponent.json", SEV_E_JSON_NUMBER},
    {"y_number_real_fraction_exponent.json", SEV_E_JSON_NUMBER},
    {"y_number_real_neg_exp.json", SEV_E_JSON_NUMBER},
    {"y_number_real_pos_exponent.json", SEV_E_JSON_NUMBER},
    {"y_number_simple_real.json", SEV_E_JSON_NUMBER},
    {"y_object_extreme_numbers.json", SEV_E_JSON_NUMBER},
    {"y_structure_lonely_negative_real.json", SEV_E_JSON_NUMBER},
    /* -0: a second spelling of 0 */
    {"y_number_minus_zero.json", SEV_E_JSON_NUMBER},
    {"y_number_negative_zero.json", SEV_E_JSON_NUMBER},
    /* a member twice */
    {"y_object_duplicated_key.json", SEV_E_JSON_DUPLICATE},
    {"y_object_duplicated_key_and_value.json", SEV_E_JSON_DUPLICATE},
};

/* What JSON leaves open: all refused. */
static const struct expectation decided_i[] = {
    {"i_number_double_huge_neg_exp.json", SEV_E_JSON_NUMBER},
    {"i_number_huge_exp.json", SEV_E_JSON_NUMBER},
    {"i_number_neg_int_huge_exp.json", SEV_E_JSON_NUMBER},
    {"i_number_pos_double_huge_exp.json", SEV_E_JSON_NUMBER},
    {"i_number_real_neg_overflow.json", SEV_E_JSON_NUMBER},
    {"i_number_real_pos_overflow.json", SEV_E_JSON_NUMBER},
    {"i_number_real_underflow.json", SEV_E_JSON_NUMBER},
    {"i_number_too_big_neg_int.json", SEV_E_JSON_NUMBER},
    {"i_number_too_big_pos_int.json", SEV_E_JSON_NUMBER},
    {"i_number_very_big_negative_int.json", SEV_E_JSON_NUMBER},
    {"i_object_key_lone_2nd_surrogate.json", SEV_E_JSON_UTF8},
    {"i_string_1st_surrogate_but_2nd_missing.json", SEV_E_JSON_UTF8},
    {"i_string_1st_valid_surrogate_2nd_invalid.json", SEV_E_JSON_UTF8},
    {"i_string_UTF-16LE_with_BOM.json", SEV_E_JSON_SYNTAX},
    {"i_string_UTF-8_invalid_sequence.json", SEV_E_JSON_UTF8},
    {"i_string_UTF8_surrogate_U+D800.json", SEV_E_JSON_UTF8},
    {"i_string_incomplete_surrogate_and_escape_valid.json", SEV_E_JSON_UTF8},
    {"i_string_incomplete_surrogate_pair.json", SEV_E_JSON_UTF8},
    {"i_string_incomplete_surrogates_escape_valid.json", SEV_E_JSON_UTF8},
    {"i_string_invalid_lonely_surrogate.json", SEV_E_JSON_UTF8},
    {"i_string_invalid_surrogate.json", SEV_E_JSON_UTF8},
    {"i_string_invalid_utf-8.json", SEV_E_JSON_UTF8},
    {"i_string_inverted_surrogates_U+1D11E.json", SEV_E_JSON_UTF8},
    {"i_string_iso_latin_1.json", SEV_E_JSON_UTF8},
    {"i_string_lone_second_surrogate.json", SEV_E_JSON_UTF8},
    {"i_string_lone_utf8_continuation_byte.json", SEV_E_JSON_UTF8},
    {"i_string_not_in_unicode_range.json", SEV_E_JSON_UTF8},
    {"i_string_overlong_sequence_2_bytes.json", SEV_E_JSON_UTF8},
    {"i_string_overlong_sequence_6_bytes.json", SEV_E_JSON_UTF8},
    {"i_string_overlong_sequence_6_bytes_null.json", SEV_E_JSON_UTF8},
    {"i_string_truncated-utf-8.json", SEV_E_JSON_UTF8},
    {"i_string_utf16BE_no_BOM.json", SEV_E_JSON_SYNTAX},
    {"i_string_utf16LE_no_BOM.json", SEV_E_JSON_SYNTAX},
    {"i_structure_500_nested_arrays.json", SEV_E_JSON_DEPTH},
    {"i_structure_UTF-8_BOM_empty_object.json", SEV_E_JSON_SYNTAX},
};

/* We accept U+0000 in the name of a member; Jansson cannot hold it. */
static const char jansson_cannot[] = "y_object_escaped_null_in_key.json";

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct tally {
    size_t y_accepted, y_refused, n_refused, i_refused;
};

static const struct expectation *find(const struct expectation *list, size_t count,
                                      const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    return NULL;
}

static bool jansson_accepts(const uint8_t *bytes, size_t len)
{
    json_error_t error;
    json_t *value = json_loadb((const char *)bytes, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    json_decref(value);
    return value != NULL;
}

static void judge(const char *name, sev_err e, struct tally *t)
{
    const struct expectation *y = find(refused_y, COUNT(refused_y), name);
    const struct expectation *i = find(decided_i, COUNT(decided_i), name);
    const struct expectation *expected = y != NULL ? y : i;
    if (expected != NULL) {
        CHECK_ERR(e, expected->why);
        t->y_refused += y != NULL;
        t->i_refused += i != NULL;
    } else if (name[0] == 'n') {
        CHECK_EQ(sev_err_class(e), SEV_CLASS_REFUSE);
        t->n_refused++;
    } else {
        CHECK_EQ(name[0], 'y'); /* an i_ that is not decided above */
        CHECK_OK(e);
        t->y_accepted++;
    }
}

TEST(json_corpus__every_file__decided_as_listed_and_never_laxer_than_jansson)
{
    static uint32_t slots[256];
    struct tally t = {0, 0, 0, 0};
    char folder[1024], path[2048];
    snprintf(folder, sizeof folder, "%s", sev_test_vectors(CORPUS));
    DIR *d = opendir(folder);
    CHECK(d != NULL);
    for (struct dirent *f; (f = readdir(d)) != NULL;) {
        if (f->d_name[0] == '.')
            continue;
        size_t len = 0;
        snprintf(path, sizeof path, "%s/%s", folder, f->d_name);
        uint8_t *bytes = sev_test_read(path, &len);
        /* exact memory, so that the sanitizer sees one byte too many */
        uint8_t *exact = malloc(len == 0 ? 1 : len);
        memcpy(exact, bytes, len);
        struct sev_json_scratch scratch = {slots, COUNT(slots)};
        sev_err e = sev_json_check(sev_slice_of(exact, len), scratch, NULL, NULL);
        if (e == SEV_OK && !jansson_accepts(exact, len) && strcmp(f->d_name, jansson_cannot) != 0)
            fail_msg("%s: Jansson refuses what we accept", f->d_name);
        judge(f->d_name, e, &t);
        free(exact);
        free(bytes);
    }
    closedir(d);
    CHECK_EQ(t.y_refused, COUNT(refused_y));
    CHECK_EQ(t.i_refused, COUNT(decided_i));
    print_message("y_ accepted %zu, refused as listed %zu; n_ refused %zu; i_ refused %zu\n",
                  t.y_accepted, t.y_refused, t.n_refused, t.i_refused);
    CHECK_EQ(t.y_accepted + t.y_refused, 95);
    CHECK_EQ(t.n_refused, 188);
}

/* Refused here and accepted there only for the limits that we set ourselves. */
static bool is_our_limit(sev_err e)
{
    return e == SEV_E_JSON_NUMBER || e == SEV_E_JSON_DUPLICATE || e == SEV_E_JSON_DEPTH;
}

TEST(json_corpus__random_mutations__same_verdict_as_jansson_but_for_our_limits)
{
    static uint32_t slots[1024];
    static struct rj_tree tree;
    static char text[RJ_TEXT_MAX];
    struct sev_json_scratch scratch = {slots, COUNT(slots)};
    size_t accepted = 0;
    for (unsigned seed = 1; seed <= 3000; seed++) {
        uint64_t r = seed * 0x9E3779B97F4A7C15u;
        struct rj_out o = {text, 0};
        rj_make(&tree, &r);
        rj_print(&tree, 0, seed % 2 ? 0 : RJ_JCS, &r, &o);
        for (uint32_t i = rj_random(&r, 3); i > 0 && o.len > 1; i--)
            rj_mutate(text, &o.len, &r);
        sev_err e = sev_json_check(sev_slice_of(text, o.len), scratch, NULL, NULL);
        bool theirs = jansson_accepts((const uint8_t *)text, o.len);
        bool nul_in_name = memmem(text, o.len, "\\u0000", 6) != NULL;
        if (e == SEV_OK ? !theirs && !nul_in_name : theirs && !is_our_limit(e))
            fail_msg("seed %u: we say %s, Jansson %d: %.*s", seed, sev_err_id(e), theirs,
                     (int)o.len, text);
        accepted += e == SEV_OK;
    }
    CHECK(accepted > 1000 && accepted < 2500);
}
