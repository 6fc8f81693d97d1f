/* assemble - take in what key holders signed on machines of their own. REQ-KEY-10
 * SPDX-License-Identifier: MIT */
#include "internal.h"

struct detached {
    char sha256[HEX_CHARS + 1];
    char keyid[SEV_KEY_ID_CHARS + 1];
    uint32_t sig_len;
    uint8_t sig[SEV_SIG_BYTES_MAX];
};

static void read_chars(sev_json *j, char *out, size_t count)
{
    sev_json_str s = {SEV_EMPTY, false};
    sev_json_string(j, &s);
    if (j->err == SEV_OK && (s.escaped || s.raw.len != count))
        sev_json_fail(j, SEV_E_MALFORMED);
    else if (j->err == SEV_OK)
        memcpy(out, s.raw.ptr, count);
}

static void read_signature(sev_json *j, struct detached *out)
{
    sev_json_str s = {SEV_EMPTY, false};
    sev_buf b = sev_buf_of(out->sig, sizeof out->sig);
    sev_json_string(j, &s);
    if (j->err == SEV_OK && (s.escaped || sev_hex_decode(s.raw, &b) != SEV_OK || b.overflow))
        sev_json_fail(j, SEV_E_MALFORMED);
    out->sig_len = (uint32_t)b.len;
}

static sev_err parse(sev_slice file, struct detached *out)
{
    uint32_t slots[16];
    struct detached d = {.sig_len = 0};
    sev_json_str name, type = {SEV_EMPTY, false};
    int64_t version = 0;
    if (file.len > SEV_SIGNATURE_FILE_BYTES_MAX ||
        sev_json_check(file, (struct sev_json_scratch){slots, 16}, NULL, NULL) != SEV_OK)
        return SEV_E_MALFORMED;
    sev_json j = sev_json_at(file);
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        if (sev_json_str_is(name, "keyid"))
            read_chars(&j, d.keyid, SEV_KEY_ID_CHARS);
        else if (sev_json_str_is(name, "sha256"))
            read_chars(&j, d.sha256, HEX_CHARS);
        else if (sev_json_str_is(name, "sig"))
            read_signature(&j, &d);
        else if (sev_json_str_is(name, "type"))
            sev_json_string(&j, &type);
        else if (sev_json_str_is(name, "version"))
            sev_json_integer_in(&j, 1, 1, &version);
        else
            sev_json_fail(&j, SEV_E_MALFORMED);
    }
    bool whole = j.err == SEV_OK && version == 1 && d.sig_len != 0 && d.keyid[0] != '\0' &&
                 d.sha256[0] != '\0' && sev_json_str_is(type, "secureev-signature");
    if (!whole)
        return SEV_E_MALFORMED;
    *out = d;
    return SEV_OK;
}

/* Documents may have the same bytes: two roles that list nothing, made at one time. */
static bool is_of(const struct sev_repo_doc *d, const struct detached *sig)
{
    return d->staged.version != 0 && strcmp(d->staged.sha256, sig->sha256) == 0;
}

static bool may_sign(const struct sev_repo_required *required, const char *keyid)
{
    bool may = required->has_old && sev_repo_set_has(&required->old, keyid);
    for (uint32_t i = 0; !may && i < required->count; i++)
        may = sev_repo_set_has(&required->sets[i], keyid);
    return may;
}

sev_err sev_repo_add_signature(struct sev_repository *r, struct sev_repo_doc *d,
                               const struct sev_repo_required *required, const char *keyid,
                               sev_slice sig)
{
    const struct sev_repo_key *key = sev_repo_find_key(r, keyid);
    uint8_t digest[SEV_SHA256_BYTES], hex[2 * SEV_SIG_BYTES_MAX];
    sev_buf h = sev_buf_of(hex, sizeof hex);
    sev_slice message;
    if (key == NULL || !may_sign(required, keyid))
        return sev_repo_fail(r->note, SEV_E_KEY, "key %.12s is not one of role %.128s", keyid,
                             d->role);
    sev_err e = sev_repo_staged_message(r, d, &message);
    if (e != SEV_OK)
        return e;
    sev_sha256(message, digest);
    e = sev_crypto_verify(NULL, &key->key, message, digest, sig);
    if (e != SEV_OK)
        return sev_repo_fail(r->note, SEV_E_SIGNATURE,
                             "the signature of key %.12s does not cover %.128s version %lld", keyid,
                             d->role, (long long)d->staged.version);
    if (sev_repo_has_signed(d, keyid))
        return SEV_OK;
    if (d->staged.sig_count == SEV_SIGS_MAX)
        return sev_repo_fail(r->note, SEV_E_JSON_LIMIT, "role %.128s has %d signatures already",
                             d->role, SEV_SIGS_MAX);
    sev_hex_encode(sig, &h);
    struct sev_repo_sig *s = &d->staged.sigs[d->staged.sig_count];
    s->keyid = key->id;
    e = sev_repo_text(&r->pool, sev_buf_slice(&h), &s->sig);
    if (e == SEV_OK)
        d->staged.sig_count++;
    return e;
}

static sev_err take_for(struct sev_repository *r, struct sev_repo_doc *d,
                        const struct detached *sig)
{
    struct sev_repo_required required;
    if (d->staged.releasing)
        return sev_repo_fail(r->note, SEV_E_CONFLICT, "role %.128s is being published", d->role);
    /* What is complete may be listed already, by length and digest: more would change it. */
    if (d->staged.sealed)
        return SEV_OK;
    sev_err e = sev_repo_required(r, d->profile, d->role, false, &required);
    if (e != SEV_OK)
        return e;
    return sev_repo_add_signature(r, d, &required, sig->keyid,
                                  sev_slice_of(sig->sig, sig->sig_len));
}

/* For every document of these bytes whose role has the key; none is a refusal. */
static sev_err take_one(struct sev_repository *r, sev_slice file, size_t number)
{
    struct detached sig;
    uint32_t matching = 0, taken = 0;
    if (parse(file, &sig) != SEV_OK)
        return sev_repo_fail(r->note, SEV_E_MALFORMED, "file %zu is not a signature file", number);
    for (uint32_t i = 0; i < r->doc_count; i++) {
        if (!is_of(r->docs[i], &sig))
            continue;
        sev_err e = take_for(r, r->docs[i], &sig);
        if (e != SEV_OK && e != SEV_E_KEY)
            return e;
        matching++;
        taken += e == SEV_OK;
    }
    if (matching == 0)
        return sev_repo_fail(r->note, SEV_E_META_MISMATCH,
                             "file %zu: the signed bytes (sha256 %.12s...) are not staged here",
                             number, sig.sha256);
    return taken != 0 ? SEV_OK : SEV_E_KEY;
}

/* Is a document of these bytes complete? Says which is not. */
static sev_err any_complete(struct sev_repository *r, const struct detached *sig, bool *out)
{
    *out = false;
    for (uint32_t i = 0; !*out && i < r->doc_count; i++) {
        const struct sev_repo_doc *d = r->docs[i];
        struct sev_repo_required required;
        if (!is_of(d, sig))
            continue;
        sev_err e = sev_repo_required(r, d->profile, d->role, false, &required);
        if (e != SEV_OK)
            return e;
        *out = sev_repo_complete(d, &required);
        if (!*out)
            (void)sev_repo_fail_unsigned(r, d, &required);
    }
    return SEV_OK;
}

/* Every file that got a signature has enough now? */
static sev_err check_thresholds(struct sev_repository *r, const sev_slice *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct detached sig;
        bool complete = false;
        if (parse(files[i], &sig) != SEV_OK)
            return SEV_E_BUG;
        sev_err e = any_complete(r, &sig, &complete);
        if (e != SEV_OK)
            return e;
        if (!complete)
            return SEV_E_SIGNATURE;
    }
    return SEV_OK;
}

static sev_err seal(struct sev_repository *r)
{
    for (uint32_t i = 0; i < r->doc_count; i++) {
        struct sev_repo_doc *d = r->docs[i];
        struct sev_repo_required required;
        if (d->staged.version == 0)
            continue;
        sev_err e = sev_repo_required(r, d->profile, d->role, false, &required);
        if (e != SEV_OK)
            return e;
        d->staged.sealed = sev_repo_complete(d, &required) &&
                           (!required.has_old || sev_repo_set_met(d, &required.old));
    }
    return SEV_OK;
}

sev_err sev_repository_assemble(struct sev_repository *r, const sev_slice *files, size_t count,
                                bool partial)
{
    sev_err e = seal(r);
    for (size_t i = 0; e == SEV_OK && i < count; i++)
        e = take_one(r, files[i], i + 1);
    if (e == SEV_OK && !partial)
        e = check_thresholds(r, files, count);
    return e == SEV_OK ? sev_repository_save(r) : e;
}
