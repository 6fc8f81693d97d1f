/* memory - what verification needs on this machine: sizes of the contexts and depth of the stack,
 * with the provider that microcontrollers have. What it needs on one: bench/cortex_m4.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "secureev/json_stream.h"
#include "secureev/messages.h"
#include "secureev/pin.h"
#include "vehicle.h"

#define MEMORY_BYTES (64u << 20)
#define PIECE 64 /* bytes that the bus delivers at a time */

static void report_sizes(void)
{
    static const struct {
        const char *name;
        size_t bytes;
    } contexts[] = {
        {"struct sev_client", sizeof(struct sev_client)},
        {"struct sev_walk (in sev_client)", sizeof(struct sev_walk)},
        {"struct sev_small", sizeof(struct sev_small)},
        {"struct sev_small_trust", sizeof(struct sev_small_trust)},
        {"struct sev_small_pin", sizeof(struct sev_small_pin)},
        {"struct sev_json_stream (in sev_small)", sizeof(struct sev_json_stream)},
        {"struct sev_sha256 (twice in sev_small)", sizeof(struct sev_sha256)},
        {"struct sev_doc", sizeof(struct sev_doc)},
        {"struct sev_root", sizeof(struct sev_root)},
        {"struct sev_targets", sizeof(struct sev_targets)},
        {"struct sev_delegation", sizeof(struct sev_delegation)},
        {"struct sev_map", sizeof(struct sev_map)},
        {"struct sev_image", sizeof(struct sev_image)},
        {"struct sev_pubkey", sizeof(struct sev_pubkey)},
    };
    for (size_t i = 0; i < sizeof contexts / sizeof contexts[0]; i++)
        bench_value(contexts[i].name, (double)contexts[i].bytes, "B");
}

/* ------------------------------------------------------------ full, painted */

static void report_depth(const char *name, const struct stack_meter *m)
{
    char text[128];
    const char *call = strstr(m->call, "sev_");
    snprintf(text, sizeof text, "%s, stack, in %.*s", name, (int)strcspn(call, "("), call);
    bench_value(text, (double)m->deepest, "B");
}

static void bench_full(void)
{
    struct vehicle v;
    struct stack_meter meter = {0};
    vehicle_init(&v, NULL, MEMORY_BYTES);
    vehicle_cycle(&v); /* the dynamic linker has done its part then */
    v.meter = &meter;
    vehicle_cycle(&v);
    report_depth("full verification", &meter);
}

/* --------------------------------------------------------- partial, painted */

static struct sev_small small;
static struct sev_small_trust trust;
static struct sev_small_identity identity;

static void read_document(sev_small_kind kind, const struct file *f, struct stack_meter *m)
{
    sev_slice bytes = sev_slice_of(f->bytes.ptr, f->bytes.len);
    sev_err e = SEV_OK;
    bool first = kind == SEV_SMALL_ROOT && trust.root.version == 0;
    STACK_METERED(m, sev_small_begin(&small, kind, &trust, &identity, DOCUMENTS_NOW));
    for (size_t i = 0; i < bytes.len && e == SEV_OK; i += PIECE)
        STACK_METERED(m, e = sev_small_feed(&small, sev_slice_sub(bytes, i, PIECE)));
    bench_check(e == SEV_OK, sev_err_id(e));
    if (first)
        STACK_METERED(m, e = sev_small_provision(&small, &trust));
    else
        STACK_METERED(m, e = sev_small_end(&small, &trust));
    bench_check(e == SEV_OK, sev_err_id(e));
}

/* From the factory's root over a new one to an image that the supplier vouches for. */
static void verify_partially(const struct small_documents *d, struct stack_meter *m)
{
    memset(&trust, 0, sizeof trust);
    identity = (struct sev_small_identity){SEV_LIT(DOCUMENTS_ECU), SEV_LIT(DOCUMENTS_HARDWARE),
                                           SEV_LIT(DOCUMENTS_VEHICLE), &d->pin};
    read_document(SEV_SMALL_ROOT, d->first_root, m);
    read_document(SEV_SMALL_ROOT, d->next_root, m);
    read_document(SEV_SMALL_TARGETS, d->targets, m);
    read_document(SEV_SMALL_ROLE, d->role, m);
    bench_check(sev_small_installable(&small) == SEV_OK, "installable");
}

static void bench_partial(void)
{
    struct small_documents d;
    struct stack_meter meter = {0};
    documents_for_small(&d);
    verify_partially(&d, NULL);
    verify_partially(&d, &meter);
    report_depth("partial verification", &meter);
    bench_at_most("partial verification, contexts and stack",
                  (double)(sizeof small + sizeof trust + meter.deepest), 4096, "B");
}

int main(void)
{
    bench_begin("memory");
    report_sizes();
    bench_full();
    bench_partial();
    return bench_end();
}
