/* look - what a vehicle's own signed reports say of what it was assigned. Nothing else counts: not
 * that it asked, not that it downloaded, not a word of its status. DESIGN 3.4
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include "secureev/messages.h"

/* One ECU that is waited for. */
struct mark {
    sev_slice ecu;
    int64_t boots, counter;
    uint8_t before[SEV_SHA256_BYTES], sha256[SEV_SHA256_BYTES];
};

static void digest(sev_json *j, uint8_t out[SEV_SHA256_BYTES])
{
    sev_json_str hex = {SEV_EMPTY, false};
    sev_buf b = sev_buf_of(out, SEV_SHA256_BYTES);
    sev_json_string(j, &hex);
    if (j->err == SEV_OK && (sev_hex_decode(hex.raw, &b) != SEV_OK || b.len != SEV_SHA256_BYTES))
        sev_json_fail(j, SEV_E_STORE);
}

static void read_mark(sev_json *j, struct mark *out)
{
    sev_json_str name, ecu = {SEV_EMPTY, false};
    sev_json_object(j);
    while (sev_json_member(j, &name)) {
        if (sev_json_str_is(name, "before"))
            digest(j, out->before);
        else if (sev_json_str_is(name, "boots"))
            sev_json_integer(j, &out->boots);
        else if (sev_json_str_is(name, "counter"))
            sev_json_integer(j, &out->counter);
        else if (sev_json_str_is(name, "ecu"))
            sev_json_string(j, &ecu);
        else
            digest(j, out->sha256);
    }
    out->ecu = ecu.raw;
}

enum ecu_word { SILENT, DONE, BROKEN, WENT_BACK };

struct looking {
    const struct sev_member *member;
    sev_profile profile;
    int64_t status_counter; /* at the time of the assignment */
    sev_slice correlation;
    sev_slice reason;
    bool fell_back;
};

static bool installed(const struct looking *l, const struct mark *m, const struct sev_ecu *ecu)
{
    if (memcmp(ecu->installed.sha256, m->sha256, sizeof m->sha256) != 0)
        return false;
    if (l->profile == SEV_PROFILE_AKTUALIZR) /* its ECUs count nothing, their Primary does */
        return l->member->status_counter > l->status_counter;
    return ecu->report_counter > m->counter && ecu->boot_count > m->boots;
}

/* An ECU says itself that this very try failed. */
static bool failed(struct looking *l, const struct mark *m, const struct sev_ecu *ecu)
{
    struct sev_doc doc;
    struct sev_report report;
    if (l->profile != SEV_PROFILE_NATIVE || ecu->report_counter <= m->counter ||
        ecu->report.len == 0 || sev_message_open(&doc, ecu->report) != SEV_OK ||
        sev_report_decode(&doc, &report) != SEV_OK || !report.has_result || report.result.success ||
        !sev_slice_eq(report.result.correlation_id, l->correlation))
        return false;
    l->reason = report.result.code;
    return true;
}

/* It runs again what it ran before the assignment: it fell back, whatever it said meanwhile. */
static bool went_back(const struct looking *l, const struct mark *m, const struct sev_ecu *ecu)
{
    return l->member->state == SEV_MEMBER_SUCCEEDED && ecu->installed.name.len != 0 &&
           memcmp(ecu->installed.sha256, m->before, sizeof m->before) == 0;
}

static enum ecu_word hear(struct looking *l, const struct mark *m, const struct sev_ecu *ecus,
                          uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (sev_slice_eq(ecus[i].serial, m->ecu)) {
            if (installed(l, m, &ecus[i]))
                return DONE;
            if (went_back(l, m, &ecus[i]))
                return WENT_BACK;
            return failed(l, m, &ecus[i]) ? BROKEN : SILENT;
        }
    return SILENT; /* it was replaced; nobody knows what came of the image */
}

/* aktualizr's Primary speaks for all of its ECUs. */
static sev_err hear_primary(struct campaign_run *run, struct looking *l, bool *out_failed)
{
    struct sev_installation i;
    *out_failed = false;
    if (l->profile != SEV_PROFILE_AKTUALIZR)
        return SEV_OK;
    sev_err e = campaign_ops(run->d)->installation_get(run->d->store->self, l->member->vehicle,
                                                       run->call->arena, &i);
    if (e != SEV_OK || i.counter <= l->status_counter || i.success ||
        !sev_slice_eq(i.correlation_id, l->correlation))
        return e;
    l->reason = i.code;
    *out_failed = true;
    return SEV_OK;
}

/* ------------------------------------------------- somebody else's assignment */

static bool is_listed(sev_slice targets, const struct mark *m, sev_profile profile)
{
    sev_json j = sev_json_at(targets), ecus;
    sev_json_str name, serial;
    struct sev_target t;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        if (sev_target_parse(name, value, profile, &t) != SEV_OK ||
            memcmp(t.hashes.sha256, m->sha256, sizeof m->sha256) != 0)
            continue;
        ecus = sev_json_at(t.ecu_identifiers);
        sev_json_object(&ecus);
        while (sev_json_member(&ecus, &serial)) {
            sev_json_skip(&ecus, NULL);
            if (sev_json_str_eq_slice(serial, m->ecu))
                return true;
        }
    }
    return false;
}

/* A later assignment, for other ECUs, may still list what this one did: its correlation id is the
 * one that the vehicle now reports. @param out_gone  it does not */
static sev_err look_at_assignment(struct campaign_run *run, struct looking *l, bool *out_gone)
{
    const struct sev_store *s = run->d->store;
    struct sev_assignment now;
    *out_gone = false;
    if (l->member->assigned == l->member->version || l->member->state == SEV_MEMBER_SUCCEEDED)
        return SEV_OK;
    sev_err e = s->assignment_get(s->self, l->member->vehicle, run->call->arena, &now);
    if (e == SEV_OK)
        e = sev_json_check(l->member->marks, sev_arena_scratch(run->call->arena), NULL, NULL);
    if (e != SEV_OK)
        return e;
    sev_json j = sev_json_at(sev_json_get(l->member->marks, "ecus"));
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct mark m = {.boots = 0};
        read_mark(&j, &m);
        *out_gone = *out_gone || !is_listed(now.targets, &m, l->profile);
    }
    l->correlation = now.correlation_id;
    return j.err == SEV_OK ? SEV_OK : SEV_E_STORE;
}

static sev_err hear_all(struct campaign_run *run, struct looking *l, bool *out_done,
                        bool *out_failed)
{
    const struct sev_store *s = run->d->store;
    uint32_t count = 0;
    struct sev_ecu *ecus = (struct sev_ecu *)(void *)sev_arena_take(
        run->call->arena, SEV_STORE_ECUS_MAX * sizeof *ecus);
    sev_err e = ecus == NULL
                    ? SEV_E_MEMORY
                    : s->ecus_get(s->self, l->member->vehicle, run->call->arena, ecus, &count);
    if (e == SEV_OK)
        e = sev_json_check(l->member->marks, sev_arena_scratch(run->call->arena), NULL, NULL);
    if (e != SEV_OK)
        return e;
    sev_json j = sev_json_at(sev_json_get(l->member->marks, "status"));
    sev_json_integer(&j, &l->status_counter);
    e = hear_primary(run, l, out_failed);
    if (e != SEV_OK || j.err != SEV_OK)
        return e != SEV_OK ? e : SEV_E_STORE;
    j = sev_json_at(sev_json_get(l->member->marks, "ecus"));
    *out_done = true;
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct mark m = {.boots = 0};
        read_mark(&j, &m);
        enum ecu_word word = j.err == SEV_OK ? hear(l, &m, ecus, count) : SILENT;
        *out_done = *out_done && word == DONE;
        *out_failed = *out_failed || word == BROKEN;
        l->fell_back = l->fell_back || word == WENT_BACK;
    }
    return j.err == SEV_OK ? SEV_OK : SEV_E_STORE;
}

sev_err campaign_correlation(const struct sev_campaign_definition *def, int64_t tries,
                             struct sev_arena *arena, sev_slice *out)
{
    sev_buf b = campaign_buf(arena, def->correlation_id.len + 24);
    sev_buf_put_slice(&b, def->correlation_id);
    if (tries > 1) {
        sev_buf_put_byte(&b, ':');
        sev_decimal_format((uint64_t)tries, &b);
    }
    if (b.overflow)
        return SEV_E_MEMORY;
    *out = sev_buf_slice(&b);
    return SEV_OK;
}

sev_err campaign_look(struct campaign_run *run, const struct sev_member *member,
                      struct campaign_finding *out)
{
    struct looking l = {.member = member, .profile = member->profile};
    struct campaign_finding f = {member->state, SEV_EMPTY};
    bool done = false, broken = false, gone = false;
    sev_err e = campaign_correlation(&run->def, member->tries, run->call->arena, &l.correlation);
    if (e == SEV_OK)
        e = look_at_assignment(run, &l, &gone);
    /* Else nothing can be new; another instance's clock may be a little behind. */
    if (e == SEV_OK && member->seen + SEV_CLOCK_SKEW_SECONDS_MAX >= member->since)
        e = hear_all(run, &l, &done, &broken);
    if (e != SEV_OK)
        return e;
    /* Whoever has the image has it, whatever failed on the way. */
    if (member->state == SEV_MEMBER_SUCCEEDED)
        f = l.fell_back ? (struct campaign_finding){SEV_MEMBER_FAILED, SEV_LIT("rolled_back")} : f;
    else if (done)
        f.state = SEV_MEMBER_SUCCEEDED;
    else if (broken)
        f = (struct campaign_finding){SEV_MEMBER_FAILED, l.reason};
    else if (gone)
        f = (struct campaign_finding){SEV_MEMBER_WITHDRAWN, SEV_LIT("superseded")};
    else if (member->state == SEV_MEMBER_ASSIGNED &&
             run->call->now - member->since >= run->def.timeout_s)
        f = (struct campaign_finding){SEV_MEMBER_OVERDUE, SEV_LIT("nothing_heard")};
    *out = f;
    return SEV_OK;
}
