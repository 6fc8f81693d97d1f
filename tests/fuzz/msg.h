/* msg - the property of every message: what is accepted means what its encoding means.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_FUZZ_MSG_H
#define SEV_FUZZ_MSG_H

#include "../lib/messages.h"

static uint8_t fuzz_memory[1u << 19], fuzz_again[1u << 19], fuzz_first[1u << 19],
    fuzz_second[1u << 19];

/* Decode, encode, decode, encode: the two encodings are the same bytes. */
static void fuzz_body(const struct message_case *c, sev_slice body)
{
    union any_message m, again;
    sev_buf memory = sev_buf_of(fuzz_memory, sizeof fuzz_memory);
    sev_buf first = sev_buf_of(fuzz_first, sizeof fuzz_first);
    if (decode_body(c, body, &memory, &m) != SEV_OK)
        return;
    sev_err e = c->encode(&m, &first);
    /* Only parts that are copied as they stand, of what need not come in our spelling. */
    if (e == SEV_E_NOT_CANONICAL && (c->foreign || !c->wrapped))
        return;
    if (e != SEV_OK)
        abort();
    sev_buf memory2 = sev_buf_of(fuzz_again, sizeof fuzz_again);
    sev_buf second = sev_buf_of(fuzz_second, sizeof fuzz_second);
    if (decode_body(c, sev_buf_slice(&first), &memory2, &again) != SEV_OK)
        abort();
    if (c->encode(&again, &second) != SEV_OK)
        abort();
    if (!sev_slice_eq(sev_buf_slice(&first), sev_buf_slice(&second)))
        abort();
}

/* The whole envelope as it would arrive; what opens is then decoded as every message. */
MAYBE_UNUSED static void fuzz_envelope(sev_slice bytes)
{
    static uint8_t arena_memory[1u << 20];
    struct sev_arena a = sev_arena_of(arena_memory, sizeof arena_memory);
    struct sev_doc doc;
    if (sev_message_open(&doc, bytes) == SEV_OK) {
        if (!sev_slice_eq(doc.message, doc.body))
            abort();
        for (size_t i = 0; i < MESSAGE_CASES; i++)
            if (message_cases[i].wrapped && !message_cases[i].foreign)
                fuzz_body(&message_cases[i], doc.body);
    }
    if (sev_manifest_open(&doc, bytes, &a) == SEV_OK)
        for (size_t i = 0; i < MESSAGE_CASES; i++)
            if (message_cases[i].foreign)
                fuzz_body(&message_cases[i], doc.message);
}

/* Those messages whose name begins with `prefix`, on the same body. */
MAYBE_UNUSED static void fuzz_named(const char *prefix, sev_slice body)
{
    for (size_t i = 0; i < MESSAGE_CASES; i++)
        if (strncmp(message_cases[i].name, prefix, strlen(prefix)) == 0)
            fuzz_body(&message_cases[i], body);
}

#endif
