/* review - a Regulator's decisions: attestations and withdrawals. DESIGN 3.3
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include "secureev/messages.h"

#define ATTESTATION_BYTES_MAX 16384u

struct entry {
    const struct sev_repo_found *found;
    sev_slice attestation;
    bool withdrawn;
};

static void put_entry(sev_json_writer *w, const void *context)
{
    const struct entry *e = context;
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("custom"));
    sev_json_w_object(w);
    if (e->attestation.len != 0) {
        sev_json_w_name(w, SEV_LIT("attestation"));
        sev_json_w_raw(w, e->attestation);
    }
    sev_json_w_name(w, SEV_LIT("hardwareIds"));
    sev_json_w_raw(w, e->found->hardware_ids);
    if (!e->withdrawn) { /* a withdrawn image has none: nobody can match it */
        sev_json_w_name(w, SEV_LIT("match"));
        sev_json_w_raw(w, e->found->match);
    }
    sev_json_w_object_end(w);
    sev_json_w_name(w, SEV_LIT("hashes"));
    sev_repo_put_hashes(w, &e->found->hashes);
    sev_json_w_integer_member(w, "length", e->found->length);
    sev_json_w_object_end(w);
}

static sev_err reviewers(struct sev_repository *r, struct sev_repo_file **out_attestations,
                         struct sev_repo_file **out_withdrawals)
{
    *out_attestations = sev_repo_find_file(r, "attestations");
    *out_withdrawals = sev_repo_find_file(r, "withdrawals");
    bool both = *out_attestations != NULL && *out_withdrawals != NULL &&
                !(*out_attestations)->retired && !(*out_withdrawals)->retired;
    if (r->kind != SEV_REPOSITORY_REGULATOR || !both)
        return sev_repo_fail(r->note, SEV_E_CONFIG, "a Regulator attests, %s does not",
                             sev_repository_kind_name(r->kind));
    return SEV_OK;
}

/* ------------------------------------------------------------------ attestation */

static void put_scanners(sev_json_writer *w, const void *context)
{
    const struct sev_texts *scanners = context;
    sev_json_w_array(w);
    for (size_t i = 0; i < scanners->count; i++) {
        const char *text = scanners->items[i];
        size_t n = strcspn(text, "=");
        sev_json_w_object(w);
        sev_json_w_string_member(w, "name", sev_slice_of(text, n));
        sev_json_w_string_member(w, "version", sev_repo_slice(text + n + 1));
        sev_json_w_object_end(w);
    }
    sev_json_w_array_end(w);
}

/* The counter of what was said last of this image, in either role. */
static int64_t last_counter(const struct sev_repo_file *a, const struct sev_repo_file *b,
                            const char *name)
{
    const struct sev_repo_file *files[2] = {a, b};
    int64_t last = 0;
    for (int i = 0; i < 2; i++) {
        const struct sev_repo_entry *e = sev_repo_find_entry(files[i], sev_repo_slice(name));
        struct sev_attestation said;
        if (e == NULL)
            continue;
        sev_slice object = sev_json_get(sev_json_get(e->value, "custom"), "attestation");
        if (object.len != 0 && sev_attestation_decode(object, &said) == SEV_OK &&
            said.counter > last)
            last = said.counter;
    }
    return last;
}

static sev_err make_attestation(struct sev_repository *r,
                                const struct sev_repository_review *review,
                                sev_review_decision decision, sev_time now, int64_t counter,
                                sev_slice *out)
{
    struct sev_attestation a = {.decision = decision, .counter = counter, .reviewed = now};
    *out = SEV_EMPTY;
    if (review->regulator == NULL)
        return SEV_OK;
    sev_err e = sev_repo_check_id(r, "regulator", review->regulator);
    for (size_t i = 0; e == SEV_OK && i < review->scanners.count; i++) {
        const char *text = review->scanners.items[i];
        e = sev_repo_check_id(r, "scanner", text);
        if (e == SEV_OK &&
            (strchr(text, '=') == NULL || text[0] == '=' || text[strlen(text) - 1] == '='))
            e = sev_repo_fail(r->note, SEV_E_USAGE, "a scanner is NAME=VERSION, not %.128s", text);
    }
    if (e != SEV_OK)
        return e;
    if (review->report == NULL || review->scanners.count == 0 ||
        review->scanners.count > SEV_SCANNERS_MAX)
        return sev_repo_fail(r->note, SEV_E_USAGE,
                             "regulator, report and 1 to %d scanners go together",
                             SEV_SCANNERS_MAX);
    a.regulator = sev_repo_slice(review->regulator);
    e = sev_repo_hash_file(r->fs, r->note, review->report, &a.report_length, &a.report);
    if (e == SEV_OK)
        e = sev_repo_json(&r->pool, put_scanners, &review->scanners, &a.scanners);
    uint8_t *bytes = sev_repo_take(&r->pool, ATTESTATION_BYTES_MAX);
    if (e == SEV_OK && bytes == NULL)
        e = SEV_E_MEMORY;
    if (e != SEV_OK)
        return e;
    sev_buf b = sev_buf_of(bytes, ATTESTATION_BYTES_MAX);
    e = sev_attestation_encode(&a, &b);
    if (e == SEV_OK)
        *out = sev_buf_slice(&b);
    return e;
}

/* -------------------------------------------------------------------- decisions */

sev_err sev_repository_attest(struct sev_repository *r, const struct sev_repository_source *from,
                              const char *name, const struct sev_repository_review *review)
{
    struct sev_repo_file *attestations, *withdrawals;
    struct sev_repo_found found;
    struct entry entry = {.found = &found, .withdrawn = review->refused};
    sev_review_decision decision = review->refused ? SEV_DECISION_REFUSED : SEV_DECISION_ATTESTED;
    sev_err e = reviewers(r, &attestations, &withdrawals);
    if (e == SEV_OK)
        e = sev_repo_check_name(r, name);
    if (e == SEV_OK && !sev_repo_is_trusted_with(r, "attestations", sev_repo_slice(name)))
        e = sev_repo_fail(r->note, SEV_E_DELEGATION, "attestations are not trusted with %.200s",
                          name);
    if (e == SEV_OK)
        e = make_attestation(r, review, decision, from->now,
                             last_counter(attestations, withdrawals, name) + 1, &entry.attestation);
    if (e == SEV_OK)
        e = sev_repo_find_in_source(r, from, name, &found);
    if (e == SEV_OK)
        e = sev_repo_put_new(r, review->refused ? withdrawals : attestations, name, put_entry,
                             &entry);
    if (e == SEV_OK) /* granting again takes it out of the one, refusing out of the other */
        (void)sev_repo_drop_entry(review->refused ? attestations : withdrawals,
                                  sev_repo_slice(name));
    return e;
}

sev_err sev_repository_withdraw(struct sev_repository *r, const char *name, sev_time now,
                                const struct sev_repository_review *review)
{
    struct sev_repo_file *attestations, *withdrawals;
    struct sev_repo_found found = {.length = 0};
    struct entry entry = {.found = &found, .withdrawn = true};
    struct sev_target t;
    sev_json_str plain = {sev_repo_slice(name), false};
    sev_err e = reviewers(r, &attestations, &withdrawals);
    if (e != SEV_OK)
        return e;
    const struct sev_repo_entry *known = sev_repo_find_entry(attestations, plain.raw);
    if (known == NULL && sev_repo_find_entry(withdrawals, plain.raw) != NULL)
        return sev_repo_fail(r->note, SEV_E_EXISTS,
                             "%.300s is withdrawn already\nattest lets it in again", name);
    if (known == NULL)
        return sev_repo_fail(r->note, SEV_E_NOT_FOUND,
                             "%.300s is not attested\nattest --decision refused keeps it out",
                             name);
    e = sev_target_parse(plain, known->value, SEV_PROFILE_NATIVE, &t);
    if (e == SEV_OK)
        e = make_attestation(r, review, SEV_DECISION_WITHDRAWN, now,
                             last_counter(attestations, withdrawals, name) + 1, &entry.attestation);
    if (e != SEV_OK)
        return e;
    found.length = t.length;
    found.hashes = t.hashes;
    found.hardware_ids = t.hardware_ids;
    e = sev_repo_put_new(r, withdrawals, name, put_entry, &entry);
    if (e == SEV_OK)
        (void)sev_repo_drop_entry(attestations, plain.raw);
    return e;
}
