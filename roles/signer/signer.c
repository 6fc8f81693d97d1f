/* signer - see signer.h. What is signed is looked at first: whoever takes over a server gets the
 * signatures that its policy allows, and no others.  SPDX-License-Identifier: MIT */
#include "internal.h"
#include "secureev/json.h"

#define TOKENS_OF_ONE INT64_C(60000) /* a key gains per_minute of them in a millisecond */

static const struct {
    const char *type;
    bool expires;
} documents[SEV_SIGNER_DOCUMENT_COUNT] = {
#define X(name, type, expires) [SEV_SIGNER_##name] = {type, expires},
    SEV_SIGNER_DOCUMENTS(X)
#undef X
};

const char *sev_signer_type(enum sev_signer_document document)
{
    return documents[document].type;
}

sev_err sev_signer_init(struct sev_signer *signer, int64_t now_ms)
{
    if (signer->count > SEV_SIGNER_KEYS_MAX)
        return SEV_E_CONFIG;
    signer->run = now_ms;
    for (size_t i = 0; i < signer->count; i++) {
        struct sev_signer_key *k = &signer->keys[i];
        for (size_t j = 0; j < i; j++)
            if (strcmp(k->name, signer->keys[j].name) == 0)
                return SEV_E_CONFIG;
        const struct sev_pubkey *key = sev_privkey_public(k->key);
        if (key->type != SEV_KEY_P256 && key->type != SEV_KEY_ED25519 && key->type != SEV_KEY_RSA)
            return SEV_E_KEY;
        if (k->certificates && (k->documents != 0 || k->notes != SEV_SIGNER_NO_NOTES))
            return SEV_E_CONFIG;
        if (k->certificates && !sev_pubkey_eq(key, &k->issuer.key))
            return SEV_E_KEY;
        sev_err e = signer_notes_fit(k);
        if (e == SEV_OK)
            e = sev_key_id(key, k->profile, k->id);
        if (e != SEV_OK)
            return e;
        k->tokens = k->per_minute * TOKENS_OF_ONE;
        k->refilled_ms = now_ms;
    }
    return SEV_OK;
}

/* ------------------------------------------------------------------- policy */

/* Is there a signature left? It is taken only when everything else is in order. */
bool signer_may_sign(struct sev_signer_key *k, int64_t now_ms)
{
    int64_t full = k->per_minute * TOKENS_OF_ONE, passed = now_ms - k->refilled_ms;
    if (passed > 60000)
        passed = 60000;
    if (passed > 0) {
        k->tokens += passed * k->per_minute;
        k->refilled_ms = now_ms;
    }
    if (k->tokens > full)
        k->tokens = full;
    return k->tokens >= TOKENS_OF_ONE;
}

void signer_took_one(struct sev_signer_key *k)
{
    k->made++;
    k->tokens -= TOKENS_OF_ONE;
}

static bool may_use(const struct sev_signer_key *k, uint32_t user)
{
    for (unsigned i = 0; i < k->user_count; i++)
        if (k->users[i] == user)
            return true;
    return false;
}

static struct sev_signer_key *find_key(struct sev_signer *signer, uint32_t user, sev_slice value)
{
    sev_json j = sev_json_at(value);
    sev_json_str name;
    sev_json_string(&j, &name);
    for (size_t i = 0; j.err == SEV_OK && i < signer->count; i++)
        if (sev_json_str_is(name, signer->keys[i].name) && may_use(&signer->keys[i], user))
            return &signer->keys[i];
    return NULL;
}

bool signer_read_text(sev_slice value, sev_json_str *out)
{
    sev_json j = sev_json_at(value);
    sev_json_string(&j, out);
    return j.err == SEV_OK && !out->escaped;
}

/* Which document is it, of those that this key signs? */
static sev_err judge_type(const struct sev_signer_key *k, sev_slice body,
                          enum sev_signer_document *out)
{
    sev_json_str type;
    if (!signer_read_text(sev_json_get(body, "_type"), &type))
        return SEV_E_MALFORMED;
    for (unsigned i = 0; i < SEV_SIGNER_DOCUMENT_COUNT; i++) {
        /* aktualizr writes types in capitals. */
        bool capital = k->profile == SEV_PROFILE_AKTUALIZR && type.raw.len != 0 &&
                       (type.raw.ptr[0] | 0x20) == documents[i].type[0] &&
                       strlen(documents[i].type) == type.raw.len &&
                       memcmp(type.raw.ptr + 1, documents[i].type + 1, type.raw.len - 1) == 0;
        if (!capital && !sev_json_str_is(type, documents[i].type))
            continue;
        if ((k->documents >> i & 1u) == 0)
            return SEV_E_POLICY;
        *out = (enum sev_signer_document)i;
        return SEV_OK;
    }
    return SEV_E_POLICY;
}

static bool is_metadata(enum sev_signer_document d)
{
    return d == SEV_SIGNER_TIMESTAMP || d == SEV_SIGNER_SNAPSHOT || d == SEV_SIGNER_TARGETS;
}

/* A file of Images that names a vehicle would be the Director's to vehicles that mix up keys. */
static sev_err judge_repository(const struct sev_signer_key *k, sev_slice body)
{
    sev_slice custom = sev_json_get(body, "custom");
    bool names_somebody =
        sev_json_get(custom, "vehicle").len != 0 || sev_json_get(custom, "subscriber").len != 0;
    bool should = k->repository == SEV_SIGNER_DIRECTOR && k->profile == SEV_PROFILE_NATIVE;
    return names_somebody == should ? SEV_OK : SEV_E_POLICY;
}

static sev_err judge_expiry(const struct sev_signer_key *k, sev_slice body, sev_time now)
{
    sev_json_str text;
    sev_time expires;
    if (!signer_read_text(sev_json_get(body, "expires"), &text) ||
        sev_time_parse(text.raw, &expires) != SEV_OK)
        return SEV_E_MALFORMED;
    return expires - now > k->life_max ? SEV_E_POLICY : SEV_OK;
}

static sev_err judge(const struct sev_signer_key *k, sev_slice body, sev_time now,
                     enum sev_signer_document *out)
{
    sev_err e = judge_type(k, body, out);
    if (e == SEV_OK && is_metadata(*out))
        e = judge_repository(k, body);
    if (e == SEV_OK && documents[*out].expires)
        e = judge_expiry(k, body, now);
    return e;
}

/* ------------------------------------------------------------------ answers */

static void refuse(struct sev_signer *signer, uint32_t user, const char *key, sev_err why,
                   sev_buf *answer)
{
    struct sev_event event = {.id = SEV_EVENT_SIGN_REFUSED, .err = why};
    const char *sentence = sev_err_sentence(why);
    if (key != NULL)
        sev_event_text(&event, "key", sev_slice_of(key, strlen(key)));
    sev_event_number(&event, "user", user);
    signer->events.emit(signer->events.self, &event);
    answer->len = 0;
    answer->overflow = false;
    sev_json_writer w = sev_json_writer_to(answer);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "detail", sev_slice_of(sentence, strlen(sentence)));
    sev_json_w_string_member(&w, "error", sev_slice_of(sev_err_id(why), strlen(sev_err_id(why))));
    sev_json_w_object_end(&w);
    if (sev_json_w_end(&w) != SEV_OK)
        answer->len = 0; /* never: 300 bytes always fit */
}

void signer_tell(struct sev_signer *signer, uint32_t user, const struct sev_signer_key *k,
                 const char *type, sev_slice name, sev_slice bytes)
{
    uint8_t digest[SEV_SHA256_BYTES];
    char hex[2 * sizeof digest];
    sev_buf b = sev_buf_of(hex, sizeof hex);
    sev_sha256(bytes, digest);
    sev_hex_encode(sev_slice_of(digest, sizeof digest), &b);
    struct sev_event event = {.id = SEV_EVENT_SIGNED};
    sev_event_text(&event, "key", sev_slice_of(k->name, strlen(k->name)));
    sev_event_text(&event, "type", sev_slice_of(type, strlen(type)));
    if (name.len != 0)
        sev_event_text(&event, "name", name);
    sev_event_text(&event, "sha256", sev_buf_slice(&b));
    sev_event_number(&event, "user", user);
    signer->events.emit(signer->events.self, &event);
}

static sev_err sign(struct sev_signer *signer, uint32_t user, struct sev_signer_key *k,
                    sev_slice body, sev_time now, int64_t now_ms, sev_buf *answer)
{
    uint8_t room[SEV_SIG_BYTES_MAX];
    char hex[2 * SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(room, sizeof room), text = sev_buf_of(hex, sizeof hex);
    enum sev_signer_document document = SEV_SIGNER_DOCUMENT_COUNT;
    sev_err e = judge(k, body, now, &document);
    if (e == SEV_OK && !signer_may_sign(k, now_ms))
        e = SEV_E_RATE_LIMITED;
    if (e == SEV_OK)
        e = sev_privkey_sign(k->key, body, &sig);
    if (e != SEV_OK)
        return e;
    signer_took_one(k);
    signer_tell(signer, user, k, sev_signer_type(document), SEV_EMPTY, body);
    sev_hex_encode(sev_buf_slice(&sig), &text);
    sev_json_writer w = sev_json_writer_to(answer);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "keyid", sev_slice_of(k->id, sizeof k->id));
    sev_json_w_string_member(&w, "sig", sev_buf_slice(&text));
    sev_json_w_object_end(&w);
    return sev_json_w_end(&w);
}

static void write_key(sev_json_writer *w, const struct sev_signer_key *k)
{
    uint8_t object[SEV_KEY_OBJECT_BYTES_MAX];
    sev_buf b = sev_buf_of(object, sizeof object);
    if (sev_key_object(sev_privkey_public(k->key), k->profile, &b) != SEV_OK)
        w->err = SEV_E_BUG;
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("key"));
    sev_json_w_raw(w, sev_buf_slice(&b));
    sev_json_w_string_member(w, "keyid", sev_slice_of(k->id, sizeof k->id));
    sev_json_w_string_member(w, "name", sev_slice_of(k->name, strlen(k->name)));
    sev_json_w_name(w, SEV_LIT("sign"));
    sev_json_w_array(w);
    for (unsigned i = 0; i < SEV_SIGNER_DOCUMENT_COUNT; i++)
        if ((k->documents >> i & 1u) != 0)
            sev_json_w_string(w, sev_slice_of(documents[i].type, strlen(documents[i].type)));
    if (k->certificates)
        sev_json_w_string(w, SEV_LIT("certificate"));
    if (k->notes != SEV_SIGNER_NO_NOTES)
        sev_json_w_string(w, k->notes == SEV_SIGNER_LOG ? SEV_LIT("checkpoint")
                                                        : SEV_LIT("cosignature"));
    sev_json_w_array_end(w);
    sev_json_w_object_end(w);
}

static sev_err list_counts(const struct sev_signer *signer, uint32_t user, sev_buf *answer)
{
    sev_json_writer w = sev_json_writer_to(answer);
    sev_json_w_object(&w);
    sev_json_w_name(&w, SEV_LIT("counts"));
    sev_json_w_array(&w);
    for (size_t i = 0; i < signer->count; i++) {
        const struct sev_signer_key *k = &signer->keys[i];
        if (!may_use(k, user))
            continue;
        sev_json_w_object(&w);
        sev_json_w_string_member(&w, "key", sev_slice_of(k->name, strlen(k->name)));
        sev_json_w_integer_member(&w, "signed", k->made);
        sev_json_w_object_end(&w);
    }
    sev_json_w_array_end(&w);
    sev_json_w_integer_member(&w, "run", signer->run);
    sev_json_w_object_end(&w);
    return sev_json_w_end(&w);
}

static sev_err list_keys(const struct sev_signer *signer, uint32_t user, sev_buf *answer)
{
    sev_json_writer w = sev_json_writer_to(answer);
    sev_json_w_object(&w);
    sev_json_w_name(&w, SEV_LIT("keys"));
    sev_json_w_array(&w);
    for (size_t i = 0; i < signer->count; i++)
        if (may_use(&signer->keys[i], user))
            write_key(&w, &signer->keys[i]);
    sev_json_w_array_end(&w);
    sev_json_w_object_end(&w);
    return sev_json_w_end(&w);
}

void sev_signer_answer(struct sev_signer *signer, uint32_t user, sev_slice request, sev_time now,
                       int64_t now_ms, sev_buf *answer)
{
    struct sev_json_info info = {.canonical = 0};
    struct sev_signer_key *key = NULL;
    sev_json_str ask;
    sev_err e = request.len > SEV_SIGNER_REQUEST_BYTES_MAX ? SEV_E_TOO_LONG : SEV_OK;
    if (e == SEV_OK)
        e = sev_json_check(request, (struct sev_json_scratch){NULL, 0}, &info, NULL);
    if (e == SEV_E_JSON_LIMIT || (e == SEV_OK && (info.canonical & SEV_CANON_OLPC) == 0))
        e = SEV_E_NOT_CANONICAL; /* or out of order */
    if (e == SEV_OK && !signer_read_text(sev_json_get(request, "ask"), &ask))
        e = SEV_E_MALFORMED;
    if (e == SEV_OK && sev_json_str_is(ask, "keys")) {
        e = list_keys(signer, user, answer);
    } else if (e == SEV_OK && sev_json_str_is(ask, "counts")) {
        e = list_counts(signer, user, answer);
    } else if (e == SEV_OK && sev_json_str_is(ask, "sign")) {
        sev_slice body = sev_json_get(request, "signed");
        key = find_key(signer, user, sev_json_get(request, "key"));
        e = key == NULL ? SEV_E_NOT_FOUND : sign(signer, user, key, body, now, now_ms, answer);
    } else if (e == SEV_OK && sev_json_str_is(ask, "certificate")) {
        key = find_key(signer, user, sev_json_get(request, "key"));
        e = key == NULL ? SEV_E_NOT_FOUND
                        : signer_certify(signer, user, key, request, now, now_ms, answer);
    } else if (e == SEV_OK && sev_json_str_is(ask, "checkpoint")) {
        key = find_key(signer, user, sev_json_get(request, "key"));
        e = key == NULL ? SEV_E_NOT_FOUND
                        : signer_sign_checkpoint(signer, user, key, request, now, now_ms, answer);
    } else if (e == SEV_OK) {
        e = SEV_E_UNSUPPORTED;
    }
    if (e != SEV_OK)
        refuse(signer, user, key == NULL ? NULL : key->name, e, answer);
}
