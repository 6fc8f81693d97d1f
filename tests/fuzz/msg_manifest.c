/* Fuzz: the manifest in aktualizr's form, its reports and its items. SPDX-License-Identifier: MIT
 */
/* fuzz: -max_len=8192 */
#include "msg.h"

static void walk(const struct sev_manifest *m)
{
    static uint8_t memory[1u << 18];
    struct sev_arena a = sev_arena_of(memory, sizeof memory);
    sev_slice serial, document;
    struct sev_outcome outcome;
    struct sev_report report;
    struct sev_doc doc;
    sev_json it = sev_json_at(m->reports);
    sev_json_object(&it);
    while (sev_manifest_next(&it, &a, &serial, &document))
        if (sev_manifest_open(&doc, document, &a) == SEV_OK &&
            sev_report_decode_aktualizr(&doc, &a, &report) == SEV_OK && report.ecu.len == 0)
            abort();
    if (!m->has_installation)
        return;
    it = sev_list(m->installation.items);
    while (sev_manifest_next_item(&it, &a, &serial, &outcome))
        if (serial.len == 0)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[1u << 18];
    struct sev_arena a = sev_arena_of(memory, sizeof memory);
    sev_slice input = sev_slice_of(data, size);
    struct sev_doc doc;
    struct sev_manifest m;
    fuzz_named("manifest", input);
    if (sev_manifest_open(&doc, input, &a) == SEV_OK && sev_manifest_decode(&doc, &a, &m) == SEV_OK)
        walk(&m);
    return 0;
}
