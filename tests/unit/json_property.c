/* Random documents against an oracle written apart (random_json.h). What fails prints its seed;
 * SEV_SEED=N repeats that round alone. SPDX-License-Identifier: MIT */
#include "random_json.h"
#include "secureev/json.h"
#include "secureev/text.h"
#include "test.h"

#define ROUNDS 300
#define SLOTS 1024

static struct rj_tree tree, other;
static uint32_t slots[SLOTS];
static const struct sev_json_scratch scratch = {slots, SLOTS};
static char texts[4][RJ_TEXT_MAX];
static uint8_t memory[2][RJ_TEXT_MAX];
static unsigned long long seed;

static const unsigned forms[] = {SEV_CANON_OLPC, SEV_CANON_ASCII, SEV_CANON_JCS};

/* CHECK, with the seed. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("SEV_SEED=%llu: %s", seed, #condition);                                       \
    } while (0)

static void with_seeds(void (*round)(uint64_t *r))
{
    const char *one = getenv("SEV_SEED");
    unsigned long long last = one != NULL ? strtoull(one, NULL, 10) : ROUNDS;
    for (seed = one != NULL ? last : 1; seed <= last; seed++) {
        uint64_t r = seed * 0x9E3779B97F4A7C15u;
        round(&r);
    }
}

static sev_slice print(const struct rj_tree *t, unsigned form, uint64_t *r, unsigned where)
{
    struct rj_out o = {texts[where], 0};
    rj_print(t, 0, form, r, &o);
    return sev_slice_of(o.text, o.len);
}

static sev_slice canonical(sev_slice doc, unsigned form, unsigned where)
{
    sev_buf out = sev_buf_of(memory[where], sizeof memory[where]);
    HOLDS(sev_json_canonical(doc, form, scratch, &out) == SEV_OK);
    return sev_buf_slice(&out);
}

static void canonical_round(uint64_t *r)
{
    rj_make(&tree, r);
    sev_slice doc = print(&tree, 0, r, 0);
    struct sev_json_info info = {0, 0};
    HOLDS(sev_json_check(doc, scratch, &info, NULL) == SEV_OK);
    HOLDS(info.members == tree.members);
    for (unsigned i = 0; i < 3; i++) {
        sev_slice wanted = print(&tree, forms[i], r, 1);
        HOLDS(sev_slice_eq(canonical(doc, forms[i], 0), wanted));
        HOLDS(sev_slice_eq(doc, wanted) == ((info.canonical & forms[i]) != 0));
    }
}

TEST(json_canonical__random_document__is_what_the_oracle_prints)
{
    with_seeds(canonical_round);
}

/* The forms that are JSON are found canonical, and writing them again changes nothing. */
static void again_round(uint64_t *r)
{
    rj_make(&tree, r);
    for (unsigned i = 0; i < 3; i++) {
        sev_slice once = print(&tree, forms[i], r, 1);
        struct sev_json_info info = {0, 0};
        sev_err e = sev_json_check(once, scratch, &info, NULL);
        if (e != SEV_OK) /* control characters stand raw in OLPC: not JSON any more */
            HOLDS(forms[i] == SEV_CANON_OLPC && e == SEV_E_JSON_SYNTAX);
        else
            HOLDS((info.canonical & forms[i]) != 0 &&
                  sev_slice_eq(canonical(once, forms[i], 0), once));
        for (unsigned k = 0; e == SEV_OK && k < 3; k++) {
            sev_slice third = print(&tree, forms[k], r, 2);
            HOLDS(((info.canonical & forms[k]) != 0) == sev_slice_eq(once, third));
        }
    }
}

TEST(json_canonical__canonical_document__flags_are_exact_and_nothing_changes)
{
    with_seeds(again_round);
}

/* One member out of order, one blank, one other escape: the flag is gone with the equality. */
static void nearly_round(uint64_t *r)
{
    rj_make(&tree, r);
    unsigned form = forms[rj_random(r, 3)];
    sev_slice once = print(&tree, form, r, 1);
    struct sev_json_info info = {0, 0};
    char *text = texts[1];
    size_t at = rj_random(r, (uint32_t)once.len + 1);
    memmove(text + at + 1, text + at, once.len - at);
    text[at] = " \n/u0"[rj_random(r, 5)];
    once.len++;
    if (sev_json_check(once, scratch, &info, NULL) != SEV_OK)
        return;
    for (unsigned i = 0; i < 3; i++)
        HOLDS(((info.canonical & forms[i]) != 0) ==
              sev_slice_eq(canonical(once, forms[i], 0), once));
}

TEST(json_check__one_byte_more_than_canonical__flags_are_exact)
{
    with_seeds(nearly_round);
}

static void equal_round(uint64_t *r)
{
    rj_make(&tree, r);
    sev_slice a = print(&tree, 0, r, 0);
    sev_slice b = print(&tree, 0, r, 1);
    HOLDS(sev_json_equal(a, b));
    /* change one thing */
    other = tree;
    struct rj_node *n = &other.nodes[rj_random(r, other.used)];
    switch (rj_random(r, 3)) {
    case 0:
        n->text = rj_text_random(r, false, 3);
        n->number++;
        break;
    case 1:
        n->kind = (enum rj_kind)rj_random(r, 7);
        break;
    default:
        n->count -= n->count > 0;
    }
    sev_slice c = print(&other, 0, r, 1);
    if (sev_json_check(c, scratch, NULL, NULL) != SEV_OK)
        return; /* now a member stands there twice, or an integer is too large */
    bool same = sev_slice_eq(canonical(a, SEV_CANON_JCS, 0), canonical(c, SEV_CANON_JCS, 1));
    HOLDS(sev_json_equal(a, c) == same);
    HOLDS(sev_json_equal(c, a) == same);
}

TEST(json_equal__random_documents__agrees_with_their_canonical_forms)
{
    with_seeds(equal_round);
}

static void duplicate_round(uint64_t *r)
{
    size_t offset = 0;
    rj_make(&tree, r);
    struct rj_node *n = &tree.nodes[rj_random(r, tree.used)];
    if (n->kind != RJ_OBJECT || n->count < 2)
        return;
    unsigned first = rj_random(r, n->count), second = (first + 1 + rj_random(r, n->count - 1));
    tree.nodes[n->children[second % n->count]].name = tree.nodes[n->children[first]].name;
    sev_slice doc = print(&tree, rj_random(r, 2) != 0 ? 0 : SEV_CANON_ASCII, r, 0);
    HOLDS(sev_json_check(doc, scratch, NULL, &offset) == SEV_E_JSON_DUPLICATE);
    HOLDS(offset < doc.len && doc.ptr[offset] == '"');
}

TEST(json_check__random_document_with_a_member_twice__refused)
{
    with_seeds(duplicate_round);
}

static void scratch_round(uint64_t *r)
{
    rj_make(&tree, r);
    sev_slice doc = print(&tree, 0, r, 0);
    sev_slice wanted = print(&tree, RJ_ASCII, r, 1);
    sev_err before = SEV_E_JSON_LIMIT, last = SEV_E_JSON_LIMIT;
    /* Writing takes more slots than checking: parents are sorted before their children. */
    for (size_t count = 0; last != SEV_OK; count++) {
        /* exact memory, so that the sanitizer sees one slot too many */
        struct sev_json_scratch s = {malloc(count * sizeof(uint32_t) + 1), count};
        sev_buf out = sev_buf_of(memory[0], sizeof memory[0]);
        sev_err e = sev_json_check(doc, s, NULL, NULL);
        last = sev_json_canonical(doc, SEV_CANON_ASCII, s, &out);
        free(s.slots);
        HOLDS(e == SEV_OK || (e == SEV_E_JSON_LIMIT && before == SEV_E_JSON_LIMIT));
        HOLDS(last == SEV_OK ? e == SEV_OK : last == SEV_E_JSON_LIMIT && out.len == 0);
        HOLDS(last != SEV_OK || sev_slice_eq(sev_buf_slice(&out), wanted));
        HOLDS(count <= tree.members);
        before = e;
    }
}

TEST(json_check__scratch_of_every_size__limit_until_it_is_enough)
{
    with_seeds(scratch_round);
}

static void write_tree(sev_json_writer *w, unsigned node)
{
    const struct rj_node *n = &tree.nodes[node];
    unsigned list[RJ_CHILDREN_MAX];
    memcpy(list, n->children, sizeof list);
    struct rj_out o = {texts[3], 0};
    switch (n->kind) {
    case RJ_STRING:
        for (unsigned i = 0; i < n->text.count; i++)
            rj_put_utf8(&o, n->text.runes[i]);
        sev_json_w_string(w, sev_slice_of(o.text, o.len));
        break;
    case RJ_INTEGER:
        sev_json_w_integer(w, n->number);
        break;
    case RJ_TRUE:
    case RJ_FALSE:
        sev_json_w_bool(w, n->kind == RJ_TRUE);
        break;
    case RJ_NULL:
        sev_json_w_null(w);
        break;
    case RJ_ARRAY:
        sev_json_w_array(w);
        for (unsigned i = 0; i < n->count; i++)
            write_tree(w, list[i]);
        sev_json_w_array_end(w);
        break;
    default:
        rj_order(&tree, list, n->count, RJ_WRITER, NULL);
        sev_json_w_object(w);
        for (unsigned i = 0; i < n->count; i++) {
            const struct rj_text *name = &tree.nodes[list[i]].name;
            o.len = 0;
            for (unsigned k = 0; k < name->count; k++)
                rj_put_utf8(&o, name->runes[k]);
            sev_json_w_name(w, sev_slice_of(o.text, o.len));
            write_tree(w, list[i]);
        }
        sev_json_w_object_end(w);
    }
}

static void writer_round(uint64_t *r)
{
    rj_make(&tree, r);
    sev_buf out = sev_buf_of(memory[0], sizeof memory[0]);
    sev_json_writer w = sev_json_writer_to(&out);
    struct sev_json_info info = {0, 0};
    write_tree(&w, 0);
    sev_slice written = sev_buf_slice(&out);
    HOLDS(sev_json_w_end(&w) == SEV_OK);
    HOLDS(sev_json_check(written, scratch, &info, NULL) == SEV_OK);
    HOLDS(sev_slice_eq(written, print(&tree, RJ_WRITER, r, 0)));
    if (tree.ascii_only)
        HOLDS(info.canonical == (SEV_CANON_OLPC | SEV_CANON_ASCII | SEV_CANON_JCS));
    /* whatever the room, nothing is written beside it and nothing too short is called done */
    size_t room = rj_random(r, (uint32_t)written.len);
    uint8_t *exact = malloc(room + 1);
    sev_buf small = sev_buf_of(exact, room);
    w = sev_json_writer_to(&small);
    write_tree(&w, 0);
    sev_err e = sev_json_w_end(&w);
    free(exact);
    HOLDS(e == SEV_E_JSON_LIMIT);
}

TEST(json_writer__random_document__is_what_the_oracle_prints)
{
    with_seeds(writer_round);
}

static void walk_string(sev_json_str s)
{
    static uint8_t plain[RJ_TEXT_MAX];
    sev_buf out = sev_buf_of(plain, sizeof plain);
    HOLDS(sev_json_str_copy(s, &out) == SEV_OK);
    HOLDS(out.len == sev_json_str_len(s));
    HOLDS(sev_utf8_valid(sev_buf_slice(&out)));
    HOLDS(sev_json_str_eq_slice(s, sev_buf_slice(&out)));
    HOLDS(sev_json_str_eq(s, s) && sev_json_str_cmp(s, s) == 0);
}

/* Consume one value with the calls of its kind: on checked bytes all of them go well. */
static void walk(sev_json *j, unsigned depth)
{
    sev_json_str s = {SEV_EMPTY, false};
    sev_slice bytes = SEV_EMPTY;
    int64_t v = INT64_MIN;
    bool b;
    sev_json before = *j;
    sev_json_kind kind = sev_json_peek(j);
    HOLDS(depth <= SEV_JSON_DEPTH_MAX);
    if (kind == SEV_JSON_OBJECT) {
        sev_json_object(j);
        while (sev_json_member(j, &s)) {
            walk_string(s);
            walk(j, depth + 1);
        }
    } else if (kind == SEV_JSON_ARRAY) {
        sev_json_array(j);
        while (sev_json_element(j))
            walk(j, depth + 1);
    } else if (kind == SEV_JSON_STRING) {
        sev_json_string(j, &s);
        walk_string(s);
    } else if (kind == SEV_JSON_INTEGER) {
        sev_json_integer(j, &v);
        HOLDS(v >= -SEV_JSON_INT_MAX && v <= SEV_JSON_INT_MAX);
    } else if (kind == SEV_JSON_BOOL) {
        sev_json_bool(j, &b);
    } else {
        HOLDS(kind == SEV_JSON_NULL);
        sev_json_skip(j, NULL);
    }
    HOLDS(j->err == SEV_OK);
    sev_json_skip(&before, &bytes);
    HOLDS(before.err == SEV_OK && before.pos == j->pos);
    HOLDS(sev_json_check(bytes, scratch, NULL, NULL) == SEV_OK);
}

/* Unchecked bytes: any answer will do, but it must come, and from inside the bytes. */
static void stumble(sev_slice doc)
{
    sev_json j = sev_json_at(doc);
    sev_json_str s = {SEV_EMPTY, false};
    sev_slice bytes;
    for (int i = 0; i < 64 && j.err == SEV_OK; i++) {
        sev_json_kind kind = sev_json_peek(&j);
        if (kind == SEV_JSON_OBJECT)
            sev_json_object(&j);
        else if (kind == SEV_JSON_ARRAY)
            sev_json_array(&j);
        else if (i % 3 == 0)
            sev_json_member(&j, &s);
        else if (i % 3 == 1)
            sev_json_skip(&j, &bytes);
        else
            sev_json_element(&j);
    }
    (void)sev_json_str_len(s);
    (void)sev_json_get(doc, "a");
    (void)sev_json_equal(doc, doc);
}

static void mutation_round(uint64_t *r)
{
    static uint8_t plenty[4 * RJ_TEXT_MAX];
    struct sev_json_info info = {0, 0};
    size_t offset = 0;
    rj_make(&tree, r);
    sev_slice doc = print(&tree, forms[rj_random(r, 3)] & rj_random(r, 8), r, 0);
    size_t len = doc.len;
    for (uint32_t i = rj_random(r, 4); i > 0 && len > 1; i--)
        rj_mutate(texts[0], &len, r);
    /* exact memory, so that the sanitizer sees one byte too many */
    uint8_t *exact = malloc(len);
    memcpy(exact, texts[0], len);
    doc = sev_slice_of(exact, len);
    stumble(doc);
    if (sev_json_check(doc, scratch, &info, &offset) == SEV_OK) {
        sev_json j = sev_json_at(doc);
        walk(&j, 0);
        HOLDS(sev_json_peek(&j) == SEV_JSON_NONE && j.pos == doc.len);
        for (unsigned i = 0; i < 3; i++) {
            sev_buf out = sev_buf_of(plenty, sizeof plenty);
            HOLDS(sev_json_canonical(doc, forms[i], scratch, &out) == SEV_OK);
            HOLDS(((info.canonical & forms[i]) != 0) == sev_slice_eq(doc, sev_buf_slice(&out)));
        }
    } else {
        HOLDS(offset <= len);
        HOLDS(info.members == 0 && info.canonical == 0);
    }
    free(exact);
}

TEST(json_check__random_mutations__accepted_means_every_walk_succeeds)
{
    with_seeds(mutation_round);
}
