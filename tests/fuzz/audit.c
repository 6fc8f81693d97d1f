/* Fuzz: what is sent to the audit log and to a witness, over a store that remembers nothing; the
 * first byte chooses. Leaves that are taken are leaves: canonical, of their source, in order.
 * SPDX-License-Identifier: MIT */
/* fuzz: -max_len=8192 */
#include <stdlib.h>

#include "secureev/audit.h"

static uint8_t memory[SEV_AUDIT_ARENA_BYTES];
static int told;

static void emit(void *self, const struct sev_event *event)
{
    (void)self;
    (void)event;
    told++;
}

static sev_err head(void *self, struct sev_arena *arena, struct sev_log_head *out)
{
    (void)self;
    (void)arena;
    *out = (struct sev_log_head){.size = 0};
    return SEV_OK;
}

static sev_err find(void *self, sev_slice source, int64_t sequence, int64_t *out_index,
                    uint8_t out_hash[SEV_SHA256_BYTES])
{
    (void)self;
    (void)source;
    (void)sequence;
    (void)out_index;
    (void)out_hash;
    return SEV_E_NOT_FOUND;
}

static sev_err append(void *self, const struct sev_log_append *a)
{
    (void)self;
    for (uint32_t i = 0; i < a->leaf_count; i++) {
        struct sev_audit_leaf leaf;
        if (sev_audit_leaf_parse(a->leaves[i].bytes, &leaf) != SEV_OK ||
            !sev_slice_eq(leaf.source, SEV_LIT("director")) ||
            leaf.sequence != a->leaves[i].sequence ||
            (i > 0 && leaf.sequence <= a->leaves[i - 1].sequence))
            abort();
    }
    return SEV_OK;
}

static sev_err cosigned_get(void *self, sev_slice origin, int64_t *out_size,
                            uint8_t out_root[SEV_SHA256_BYTES])
{
    (void)self;
    (void)origin;
    (void)out_size;
    (void)out_root;
    return SEV_E_NOT_FOUND;
}

static sev_err cosigned_put(void *self, sev_slice origin, int64_t expected, int64_t size,
                            const uint8_t root[SEV_SHA256_BYTES])
{
    (void)self;
    (void)origin;
    (void)expected;
    (void)size;
    (void)root;
    abort(); /* nobody has the key of that log */
}

static const struct sev_log_ops ops = {.head = head,
                                       .find = find,
                                       .append = append,
                                       .cosigned_get = cosigned_get,
                                       .cosigned_put = cosigned_put};
static const struct sev_store store = {.log = &ops};

static void add(sev_slice body)
{
    static uint8_t room[8192];
    struct sev_arena arena = sev_arena_of(memory, sizeof memory);
    struct sev_audit_log log = {&store, SEV_LIT("log.example/ev"), {NULL, emit}};
    sev_buf answer = sev_buf_of(room, sizeof room);
    sev_err e = sev_audit_add(&log, &arena, SEV_LIT("director"), body, &answer);
    if ((e == SEV_OK) != (answer.len != 0))
        abort();
}

static void cosign(sev_slice body)
{
    uint8_t room[512];
    uint64_t size = 0;
    struct sev_pubkey key = {.type = SEV_KEY_ED25519, .len = 32, .material = {1}};
    struct sev_audit_witnessed logs = {.origin = SEV_LIT("log.example/ev"), .key_count = 1};
    struct sev_audit_witness w = {&store, "witness", &logs, 1, {NULL, emit}};
    sev_buf answer = sev_buf_of(room, sizeof room);
    if (sev_note_key_init(logs.origin, SEV_NOTE_ED25519, &key, &logs.keys[0]) != SEV_OK ||
        sev_audit_cosign(&w, NULL, NULL, body, &answer, &size) == SEV_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size != 0)
        (data[0] % 2 == 0 ? add : cosign)(sev_slice_of(data + 1, size - 1));
    return 0;
}
