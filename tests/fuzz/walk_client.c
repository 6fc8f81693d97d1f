/* Fuzz: the client against a wire that the input commands. Whatever is answered: every cycle ends;
 * only honest images are released; nothing is stored whose statement the repositories' keys did not
 * sign; and unless keys were stolen, the next honest cycle succeeds. SPDX-License-Identifier: MIT
 */
/* fuzz: -max_len=256 -len_control=0 */
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

_Noreturn void world_failed(const char *why, const char *what)
{
    fprintf(stderr, "world: %s: %s\n", why, what);
    abort();
}

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            world_failed("broken: " #condition, the->trace);                                       \
    } while (0)

static struct world *the;
static sev_slice input; /* what is left of it: zeros, that is honesty, when it is used up */
static bool stolen;     /* a real key signed what the attacker wanted, in this run */

/* The statements that real keys have signed: what may be stored. */
static uint8_t statements[4096][SEV_SHA256_BYTES];
static int honest_statements, statement_count;

static uint8_t next(void)
{
    if (input.len == 0)
        return 0;
    uint8_t byte = input.ptr[0];
    input = sev_slice_sub(input, 1, input.len);
    return byte;
}

static bool statement_of(sev_slice file, uint8_t out[SEV_SHA256_BYTES])
{
    static uint32_t memory[1u << 18];
    struct sev_arena arena = sev_arena_of(memory, sizeof memory);
    struct sev_doc doc;
    if (sev_doc_open(&doc, file, SEV_PROFILE_NATIVE, &arena) != SEV_OK)
        return false;
    memcpy(out, doc.sha256, SEV_SHA256_BYTES);
    return true;
}

static void remember(sev_slice file)
{
    if (statement_count < 4096 && statement_of(file, statements[statement_count]))
        statement_count++;
}

static void on_store(struct world *w, int place, const char *file, sev_slice bytes)
{
    uint8_t digest[SEV_SHA256_BYTES];
    (void)w;
    if (place == VEHICLE || strcmp(file, "trust.tag") == 0)
        return;
    MUST(statement_of(bytes, digest));
    for (int i = 0; i < statement_count; i++)
        if (memcmp(statements[i], digest, sizeof digest) == 0)
            return;
    world_failed("it stores what nobody signed", file);
}

/* ------------------------------------------------------------------- lies */

static sev_slice flipped(sev_slice bytes)
{
    sev_slice copy = world_keep(bytes);
    for (int n = 1 + next() % 3; n > 0 && copy.len > 0; n--) {
        size_t at = ((size_t)next() << 8 | next()) % copy.len;
        ((uint8_t *)(uintptr_t)copy.ptr)[at] ^= (uint8_t)(1u << next() % 8);
    }
    return copy;
}

static sev_slice some_file(struct world *w, int repository)
{
    int n = w->now.file_count[repository];
    return w->now.files[repository][((size_t)next() << 8 | next()) % (size_t)n].bytes;
}

/* The role whose file this URL names; -1: none, an image. */
static int role_of(struct world *w, int repository, const char *url)
{
    const char *name = url;
    while (*name >= '0' && *name <= '9')
        name++;
    name += name != url && *name == '.';
    size_t n = strlen(name);
    for (int i = 0; i < w->now.repositories[repository].role_count; i++) {
        const char *role = w->now.repositories[repository].roles[i].name;
        if (n == strlen(role) + 5 && strncmp(name, role, n - 5) == 0)
            return i;
    }
    return -1;
}

/* A key of this role is stolen: anything can be signed with it. */
static sev_slice forged(struct world *w, int repository, int role, bool with_its_key)
{
    struct world_role *r = &w->now.repositories[repository].roles[role];
    struct world_role before = *r;
    sev_slice body = flipped(r->body);
    static const char digits[] = "0123456789";
    if (next() % 2 == 0) { /* another version, well-formed */
        body = world_body(w, repository, role, (int64_t)next() * next());
        for (int n = next() % 4; n > 0; n--) {
            size_t at = ((size_t)next() << 8 | next()) % body.len;
            uint8_t *c = (uint8_t *)(uintptr_t)body.ptr + at;
            *c = *c >= '0' && *c <= '9' ? (uint8_t)digits[next() % 10] : *c;
        }
    }
    if (!with_its_key) {
        r->signature_count = 0;
        world_sign_also(r, w->now.repositories[(repository + 1) % 3].roles[role % 4].keys.ids[0]);
    }
    sev_slice file = world_envelope(w, repository, role, body);
    *r = before;
    if (with_its_key) {
        stolen = true;
        remember(file);
    }
    return file;
}

static sev_err wire(struct world *w, int repository, const char *url, sev_slice *out)
{
    static const sev_err errors[] = {SEV_E_ABSENT, SEV_E_UNREACHABLE, SEV_E_TOO_SLOW,
                                     SEV_E_TOO_LONG, SEV_E_IO};
    int role = role_of(w, repository, url);
    sev_err e = world_get(w, repository, url, out);
    uint8_t choice = next();
    if (choice < 200)
        return e;
    switch (choice % 10) {
    case 0:
        return errors[next() % 5];
    case 1:
        *out = some_file(w, repository);
        return SEV_OK;
    case 2:
        *out = some_file(w, (repository + 1) % 3);
        return SEV_OK;
    case 3:
        *out = sev_slice_sub(input, 0, next());
        return SEV_OK;
    case 4:
        if (e == SEV_OK)
            *out = sev_slice_sub(*out, 0, ((size_t)next() << 8 | next()) % (out->len + 1));
        return e;
    case 5:
        *out = world_filled(((size_t)next() + 1) << (next() % 16), (char)next());
        return SEV_OK;
    case 6:
    case 7:
        if (role >= 0) {
            *out = forged(w, repository, role, next() % 2 == 1);
            return SEV_OK;
        }
        return e;
    default:
        if (e == SEV_OK)
            *out = flipped(*out);
        return e;
    }
}

/* -------------------------------------------------------------------- runs */

static void check_release(struct world *w)
{
    if (w->result.err != SEV_OK)
        return;
    for (int i = 0; i < w->result.released_count; i++) {
        const struct world_released *r = &w->result.released[i];
        bool honest = false;
        for (int g = 0; g < 2; g++) {
            const struct world_state *s = g == 0 ? &w->now : &w->honest;
            for (int k = 0; k < s->image_count; k++)
                honest = honest || (strcmp(s->images[k].name, r->name) == 0 &&
                                    sev_slice_eq(s->images[k].bytes, r->bytes));
        }
        MUST(honest);
    }
}

static struct world_store first_store;
static size_t pool_mark;

static void set_up(void)
{
    the = world_begin_as(SEV_PROFILE_NATIVE, SEV_KEY_ED25519);
    world_settle(the); /* 1 is installed, honest holds 2 */
    world_role(the, IMAGES, "root")->sign_again = true;
    world_role(the, DIRECTOR, "timestamp")->keys = world_new_keys(the, 1, 1);
    world_publish(the);
    first_store = the->store;
    for (int r = 0; r < WORLD_REPOSITORIES; r++)
        for (int i = 0; i < the->now.file_count[r]; i++)
            remember(the->now.files[r][i].bytes);
    honest_statements = statement_count;
    the->stored = on_store;
    the->unrestricted = true;
    pool_mark = world_pool_mark();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (the == NULL)
        set_up();
    world_pool_reset(pool_mark);
    the->store = first_store;
    statement_count = honest_statements;
    stolen = false;
    input = sev_slice_of(data, size);
    uint8_t shape = next();
    the->mode = (sev_mode)(shape % 3);
    the->wire = wire;
    for (int cycles = 1 + shape / 3 % 3; cycles > 0; cycles--) {
        uint8_t power = next();
        the->power = power >= 128 && power < 160 ? power - 128 : -1;
        (void)world_cycle(the);
        check_release(the);
    }
    the->wire = NULL;
    the->power = -1;
    if (stolen)
        return 0; /* floors may have been raised, roles listed: recovery takes new keys */
    (void)world_cycle(the);
    if (the->result.err != SEV_OK)
        world_failed("an honest cycle is refused",
                     world_text("%s\n%s", sev_err_id(the->result.err), the->trace));
    check_release(the);
    (void)world_cycle(the);
    MUST(the->result.err == SEV_OK && the->result.image_requests == 0);
    return 0;
}
