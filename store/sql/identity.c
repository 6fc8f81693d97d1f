/* identity - identities, tokens and certificates. SPDX-License-Identifier: MIT */
#include "secureev/store_identity.h"

#include "internal.h"

/* clang-format off */
#define TABLE(X) \
    X(DID_FIND, "SELECT key, version FROM did WHERE id = $1") \
    X(DID_ADD, "INSERT INTO did (id, version, deactivated) VALUES ($1, 1, $2) RETURNING key") \
    X(DID_MOVE, "UPDATE did SET version = $1, deactivated = $2 WHERE key = $3") \
    X(DID_ENTRY_ADD, "INSERT INTO did_entry (key, bytes) VALUES ($1, $2)") \
    X(DID_LOG, "SELECT e.bytes FROM did d JOIN did_entry e " \
        "ON e.key BETWEEN d.key * 256 AND d.key * 256 + 255 WHERE d.id = $1 ORDER BY e.key") \
    X(TOKEN_PUT, "INSERT INTO enrolment (vehicle, token_sha256, expires, again, spent_on, " \
        "certificate) VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (vehicle) DO UPDATE SET " \
        "token_sha256 = excluded.token_sha256, expires = excluded.expires, " \
        "again = excluded.again, spent_on = excluded.spent_on, " \
        "certificate = excluded.certificate") \
    X(TOKEN_GET, "SELECT v.id, v.profile, e.expires, e.again, " \
        "(SELECT count(*) FROM certificate c WHERE c.vehicle = v.key), " \
        "e.spent_on, e.certificate FROM enrolment e JOIN vehicle v ON v.key = e.vehicle " \
        "WHERE e.token_sha256 = $1") \
    X(TOKEN_FIND, "SELECT e.vehicle, e.expires, e.again, CAST(length(e.spent_on) AS bigint), v.id " \
        "FROM enrolment e JOIN vehicle v ON v.key = e.vehicle WHERE e.token_sha256 = $1") \
    X(TOKEN_SPEND, "UPDATE enrolment SET spent_on = $1, certificate = $2 WHERE vehicle = $3") \
    X(TOKEN_REMOVE, "DELETE FROM enrolment WHERE vehicle = $1") \
    X(RENAME, "UPDATE vehicle SET id = $1 WHERE key = $2") \
    X(ISSUE_ANEW, "UPDATE file SET expires = 0 WHERE vehicle = $1") \
    X(VEHICLE_OF, "SELECT key FROM vehicle WHERE id = $1") \
    X(CERTIFICATE_COUNT, "SELECT count(*) FROM certificate WHERE vehicle = $1") \
    X(CERTIFICATE_GOOD, "SELECT count(*) FROM certificate WHERE vehicle = $1 AND revoked = 0") \
    X(CERTIFICATE_ADD, "INSERT INTO certificate (sha256, vehicle, not_after) VALUES ($1, $2, $3)") \
    X(CERTIFICATE_FORGET, "DELETE FROM certificate WHERE key IN (SELECT key FROM certificate " \
        "WHERE vehicle = $1 ORDER BY key DESC LIMIT 1000 OFFSET $2)") \
    X(CERTIFICATE_FIND, "SELECT v.id, c.not_after, c.revoked, coalesce(d.deactivated, 0) " \
        "FROM certificate c JOIN vehicle v ON v.key = c.vehicle LEFT JOIN did d ON d.id = v.id " \
        "WHERE c.sha256 = $1") \
    X(REVOKE, "UPDATE certificate SET revoked = $1 WHERE vehicle = $2 AND revoked = 0")
/* clang-format on */
SEV_SQL_STATEMENTS(identity, TABLE);

_Static_assert(SEV_DID_ENTRIES_MAX == 256, "0003 numbers entries so");

static sev_err number_of(struct sev_db *db, int which, int64_t vehicle, int64_t *out)
{
    struct sev_query q;
    sev_query_begin(&q, db, which);
    sev_query_put_int(&q, vehicle);
    return sev_query_number(&q, out);
}

/* ---------------------------------------------------------------- identities */

static sev_err check_news(const struct sev_did_news *n)
{
    bool fits = n->did.len == SEV_DID_CHARS && n->expected >= 0 &&
                n->expected < SEV_DID_ENTRIES_MAX && n->entry.len != 0 &&
                n->entry.len <= SEV_DID_ENTRY_BYTES_MAX;
    return fits ? sev_store_check_decision(n->decision) : SEV_E_MALFORMED;
}

static sev_err find_did(struct sev_db *db, sev_slice did, int64_t *out_key, int64_t *out_version)
{
    struct sev_query q;
    *out_key = *out_version = 0;
    sev_query_begin(&q, db, DID_FIND);
    sev_query_put(&q, did);
    if (sev_query_row(&q)) {
        *out_key = sev_query_get_int(&q);
        *out_version = sev_query_get_int(&q);
    }
    sev_err e = sev_query_end(&q);
    bool sane = *out_key >= 0 && *out_key < INT64_MAX / SEV_DID_ENTRIES_MAX - 1;
    return e == SEV_OK && !sane ? SEV_E_STORE : e;
}

static sev_err move_did(struct sev_db *db, const struct sev_did_news *n, int64_t *key)
{
    struct sev_query q;
    if (n->expected == 0) {
        sev_query_begin(&q, db, DID_ADD);
        sev_query_put(&q, n->did);
        sev_query_put_int(&q, n->deactivated);
        return sev_query_number(&q, key);
    }
    sev_query_begin(&q, db, DID_MOVE);
    sev_query_put_int(&q, n->expected + 1);
    sev_query_put_int(&q, n->deactivated);
    sev_query_put_int(&q, *key);
    return sev_query_run(&q);
}

static sev_err run_did_append(struct sev_db *db, const void *arguments)
{
    const struct sev_did_news *n = arguments;
    struct sev_query q;
    int64_t key, version;
    sev_err e = find_did(db, n->did, &key, &version);
    if (e == SEV_OK && n->expected == 0 && version != 0)
        e = SEV_E_EXISTS;
    if (e == SEV_OK && n->expected != 0 && version == 0)
        e = SEV_E_NOT_FOUND;
    if (e == SEV_OK && n->expected != version)
        e = SEV_E_CONFLICT;
    if (e == SEV_OK)
        e = move_did(db, n, &key);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, DID_ENTRY_ADD);
    sev_query_put_int(&q, key * SEV_DID_ENTRIES_MAX + n->expected);
    sev_query_put(&q, n->entry);
    e = sev_query_run(&q);
    if (e != SEV_OK || n->decision == NULL)
        return e;
    sev_query_begin(&q, db, VEHICLE_OF);
    sev_query_put(&q, n->did);
    int64_t vehicle;
    e = sev_query_number(&q, &vehicle);
    return e == SEV_OK ? sev_sql_explain(db, vehicle, n->decision) : e;
}

static sev_err did_append(void *self, const struct sev_did_news *news)
{
    sev_err e = check_news(news);
    return e == SEV_OK ? sev_sql_write(self, run_did_append, news) : e;
}

static sev_err did_log(void *self, sev_slice did, struct sev_arena *arena, sev_slice *out)
{
    struct sev_read r;
    size_t room = 0, len = 0;
    uint8_t *log = NULL;
    sev_read_begin(&r, self, arena, DID_LOG);
    sev_query_put(&r.q, did);
    while (sev_read_row(&r)) {
        /* Rows are taken one behind the other; the line feeds need a copy. */
        sev_slice entry = sev_query_get(&r.q);
        if (len + entry.len + 1 > room) {
            room = 2 * (len + entry.len + 1);
            uint8_t *larger = sev_read_take(&r, room);
            if (larger == NULL)
                continue;
            if (len != 0)
                memcpy(larger, log, len);
            log = larger;
        }
        if (entry.len != 0)
            memcpy(log + len, entry.ptr, entry.len);
        len += entry.len;
        log[len++] = '\n';
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK || len == 0)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    *out = sev_slice_of(log, len);
    return SEV_OK;
}

/* -------------------------------------------------------------------- tokens */

struct token_put {
    sev_slice vehicle;
    const uint8_t *sha256;
    sev_time expires;
    bool again;
    const struct sev_decision *decision;
};

static sev_err run_token_put(struct sev_db *db, const void *arguments)
{
    const struct token_put *a = arguments;
    struct sev_found found;
    struct sev_query q;
    int64_t certificates = 0;
    sev_err e = sev_sql_find(db, a->vehicle, SEV_EMPTY, &found);
    if (e == SEV_OK)
        e = number_of(db, CERTIFICATE_COUNT, found.key, &certificates);
    if (e == SEV_OK && certificates != 0 && !a->again)
        e = SEV_E_EXISTS;
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, TOKEN_PUT);
    sev_query_put_int(&q, found.key);
    sev_query_put(&q, sev_slice_of(a->sha256, SEV_SHA256_BYTES));
    sev_query_put_int(&q, a->expires);
    sev_query_put_int(&q, a->again);
    sev_query_put(&q, SEV_LIT(""));
    e = sev_query_run(&q);
    return e == SEV_OK ? sev_sql_explain(db, found.key, a->decision) : e;
}

static sev_err token_put(void *self, sev_slice vehicle, const uint8_t sha256[SEV_SHA256_BYTES],
                         sev_time expires, bool again, const struct sev_decision *decision)
{
    struct token_put a = {vehicle, sha256, expires, again, decision};
    sev_err e = sev_store_check_id(vehicle);
    if (e == SEV_OK)
        e = sev_store_check_decision(decision);
    return e == SEV_OK ? sev_sql_write(self, run_token_put, &a) : e;
}

static sev_err token_get(void *self, const uint8_t sha256[SEV_SHA256_BYTES],
                         struct sev_arena *arena, struct sev_enrolment_token *out)
{
    struct sev_read r;
    struct sev_enrolment_token t = {.expires = 0};
    sev_read_begin(&r, self, arena, TOKEN_GET);
    sev_query_put(&r.q, sev_slice_of(sha256, SEV_SHA256_BYTES));
    bool found = sev_read_row(&r);
    if (found) {
        t.vehicle = sev_read_text(&r);
        t.profile = (sev_profile)sev_read_number(&r);
        t.expires = sev_read_number(&r);
        t.again = sev_read_number(&r) != 0;
        t.enrolled = sev_read_number(&r) != 0;
        sev_slice on = sev_read_text(&r);
        t.spent = on.len != 0;
        if (on.len == SEV_SHA256_BYTES)
            memcpy(t.spent_on, on.ptr, on.len);
        else if (t.spent)
            r.error = SEV_E_STORE;
        t.certificate = sev_read_text(&r);
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    *out = t;
    return SEV_OK;
}

/* -------------------------------------------------------------- certificates */

static sev_err check_given(const struct sev_given *g)
{
    bool fits = g->der.len != 0 && g->der.len <= SEV_CERTIFICATE_BYTES_MAX && g->not_after >= 0;
    return fits ? SEV_OK : SEV_E_MALFORMED;
}

/* ... and forget the oldest. */
static sev_err keep_certificate(struct sev_db *db, int64_t vehicle, const struct sev_given *g)
{
    struct sev_query q;
    uint8_t sha256[SEV_SHA256_BYTES];
    sev_sha256(g->der, sha256);
    sev_query_begin(&q, db, CERTIFICATE_ADD);
    sev_query_put(&q, sev_slice_of(sha256, sizeof sha256));
    sev_query_put_int(&q, vehicle);
    sev_query_put_int(&q, g->not_after);
    sev_err e = sev_query_run(&q);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, CERTIFICATE_FORGET);
    sev_query_put_int(&q, vehicle);
    sev_query_put_int(&q, SEV_STORE_CERTIFICATES_MAX);
    return sev_query_run(&q);
}

static sev_err revoke_all(struct sev_db *db, int64_t vehicle, sev_time now)
{
    struct sev_query q;
    sev_query_begin(&q, db, REVOKE);
    sev_query_put_int(&q, now > 0 ? now : 1);
    sev_query_put_int(&q, vehicle);
    return sev_query_run(&q);
}

struct enrol {
    const struct sev_enrolment *is;
    const struct sev_decision *decision;
};

/* Of the vehicle that the token stands for. */
static sev_err check_token(struct sev_db *db, const struct sev_enrolment *n, int64_t *out_vehicle,
                           bool *out_again)
{
    struct sev_query q;
    bool good = false;
    sev_query_begin(&q, db, TOKEN_FIND);
    sev_query_put(&q, sev_slice_of(n->token_sha256, SEV_SHA256_BYTES));
    if (sev_query_row(&q)) {
        *out_vehicle = sev_query_get_int(&q);
        good = sev_query_get_int(&q) >= n->now;
        *out_again = sev_query_get_int(&q) != 0;
        good = sev_query_get_int(&q) == 0 && good;
        good = sev_slice_eq(sev_query_get(&q), n->vehicle) && good;
    }
    sev_err e = sev_query_end(&q);
    return e == SEV_OK && !good ? SEV_E_CONFLICT : e;
}

static sev_err rename_vehicle(struct sev_db *db, int64_t vehicle, const struct sev_enrolment *n)
{
    struct sev_query q;
    int64_t other = 0;
    if (sev_slice_eq(n->vehicle, n->first.did))
        return SEV_OK;
    sev_query_begin(&q, db, VEHICLE_OF);
    sev_query_put(&q, n->first.did);
    sev_err e = sev_query_number(&q, &other);
    if (e == SEV_OK && other != 0)
        e = SEV_E_EXISTS;
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, RENAME);
    sev_query_put(&q, n->first.did);
    sev_query_put_int(&q, vehicle);
    e = sev_query_run(&q);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, ISSUE_ANEW);
    sev_query_put_int(&q, vehicle);
    return sev_query_run(&q);
}

static sev_err run_enrol(struct sev_db *db, const void *arguments)
{
    const struct enrol *a = arguments;
    const struct sev_enrolment *n = a->is;
    struct sev_query q;
    int64_t vehicle = 0, certificates = 0;
    bool again = false;
    sev_err e = check_token(db, n, &vehicle, &again);
    if (e == SEV_OK)
        e = number_of(db, CERTIFICATE_COUNT, vehicle, &certificates);
    if (e == SEV_OK && certificates != 0 && !again)
        e = SEV_E_EXISTS;
    if (e == SEV_OK)
        e = revoke_all(db, vehicle, n->now);
    if (e == SEV_OK)
        e = rename_vehicle(db, vehicle, n);
    if (e == SEV_OK && n->first.entry.len != 0)
        e = run_did_append(db, &n->first);
    if (e == SEV_OK)
        e = keep_certificate(db, vehicle, &n->certificate);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, TOKEN_SPEND);
    sev_query_put(&q, sev_slice_of(n->request_sha256, SEV_SHA256_BYTES));
    sev_query_put(&q, n->certificate.der);
    sev_query_put_int(&q, vehicle);
    e = sev_query_run(&q);
    return e == SEV_OK ? sev_sql_explain(db, vehicle, a->decision) : e;
}

static sev_err enrol(void *self, const struct sev_enrolment *enrolment,
                     const struct sev_decision *decision)
{
    struct enrol a = {enrolment, decision};
    sev_err e = sev_store_check_id(enrolment->vehicle);
    if (e == SEV_OK && enrolment->first.did.len != SEV_DID_CHARS)
        e = SEV_E_MALFORMED;
    if (e == SEV_OK && enrolment->first.entry.len != 0)
        e = check_news(&enrolment->first);
    if (e == SEV_OK)
        e = check_given(&enrolment->certificate);
    if (e == SEV_OK)
        e = sev_store_check_decision(decision);
    return e == SEV_OK ? sev_sql_write(self, run_enrol, &a) : e;
}

struct certificate_add {
    sev_slice vehicle;
    const struct sev_given *certificate;
    bool first;
    const struct sev_decision *decision;
};

static sev_err run_certificate_add(struct sev_db *db, const void *arguments)
{
    const struct certificate_add *a = arguments;
    struct sev_found found;
    int64_t certificates = 0;
    sev_err e = sev_sql_find(db, a->vehicle, SEV_EMPTY, &found);
    if (e == SEV_OK && a->first)
        e = number_of(db, CERTIFICATE_COUNT, found.key, &certificates);
    if (e == SEV_OK && certificates != 0)
        e = SEV_E_EXISTS;
    /* Revoked since it was asked whether it may: all of a vehicle's are at once. REQ-H34 */
    if (e == SEV_OK && !a->first)
        e = number_of(db, CERTIFICATE_GOOD, found.key, &certificates);
    if (e == SEV_OK && !a->first && certificates == 0)
        e = SEV_E_REVOKED;
    if (e == SEV_OK)
        e = keep_certificate(db, found.key, a->certificate);
    return e == SEV_OK ? sev_sql_explain(db, found.key, a->decision) : e;
}

static sev_err certificate_add(void *self, sev_slice vehicle, const struct sev_given *certificate,
                               bool first, const struct sev_decision *decision)
{
    struct certificate_add a = {vehicle, certificate, first, decision};
    sev_err e = sev_store_check_id(vehicle);
    if (e == SEV_OK)
        e = check_given(certificate);
    if (e == SEV_OK)
        e = sev_store_check_decision(decision);
    return e == SEV_OK ? sev_sql_write(self, run_certificate_add, &a) : e;
}

static sev_err certificate_find(void *self, const uint8_t sha256[SEV_SHA256_BYTES],
                                struct sev_arena *arena, struct sev_admission *out)
{
    struct sev_read r;
    struct sev_admission a = {.not_after = 0};
    sev_read_begin(&r, self, arena, CERTIFICATE_FIND);
    sev_query_put(&r.q, sev_slice_of(sha256, SEV_SHA256_BYTES));
    bool found = sev_read_row(&r);
    if (found) {
        a.vehicle = sev_read_text(&r);
        a.not_after = sev_read_number(&r);
        a.revoked = sev_read_number(&r) != 0;
        a.deactivated = sev_read_number(&r) != 0;
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    *out = a;
    return SEV_OK;
}

struct revoke {
    sev_slice vehicle;
    sev_time now;
    const struct sev_decision *decision;
    int64_t *out_count;
};

static sev_err run_revoke(struct sev_db *db, const void *arguments)
{
    const struct revoke *a = arguments;
    struct sev_found found;
    struct sev_query q;
    sev_err e = sev_sql_find(db, a->vehicle, SEV_EMPTY, &found);
    if (e == SEV_OK)
        e = number_of(db, CERTIFICATE_GOOD, found.key, a->out_count);
    if (e == SEV_OK)
        e = revoke_all(db, found.key, a->now);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, TOKEN_REMOVE);
    sev_query_put_int(&q, found.key);
    e = sev_query_run(&q);
    return e == SEV_OK ? sev_sql_explain(db, found.key, a->decision) : e;
}

static sev_err revoke(void *self, sev_slice vehicle, sev_time now,
                      const struct sev_decision *decision, int64_t *out_count)
{
    int64_t count = 0;
    struct revoke a = {vehicle, now, decision, &count};
    sev_err e = sev_store_check_id(vehicle);
    if (e == SEV_OK)
        e = sev_store_check_decision(decision);
    if (e == SEV_OK)
        e = sev_sql_write(self, run_revoke, &a);
    if (e == SEV_OK)
        *out_count = count;
    return e;
}

const struct sev_identity_ops sev_sql_identity_ops = {.did_append = did_append,
                                                      .did_log = did_log,
                                                      .token_put = token_put,
                                                      .token_get = token_get,
                                                      .enrol = enrol,
                                                      .certificate_add = certificate_add,
                                                      .certificate_find = certificate_find,
                                                      .revoke = revoke};
