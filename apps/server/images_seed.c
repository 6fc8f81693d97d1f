/* images_seed - what the first sketch of this system asked of an Image repository (REQ-B13), with
 * whom the connection proved, and never a plaintext or a path out of the folder.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "role_images.h"
#include "secureev/director.h"
#include "secureev/spki.h"

#define ROLES_LOOKED_AT_MAX 32 /* for an image by its plain name */

/* A metadata file of ours, in the arena. */
static sev_err read_file(struct app_call *call, sev_slice name, size_t bytes_max, sev_slice *out)
{
    struct stat s;
    int fd;
    sev_err e = images_open(call->instance->own, name, &fd, &s);
    if (e != SEV_OK)
        return e;
    size_t len = (size_t)s.st_size, got = 0;
    uint8_t *room = len <= bytes_max ? sev_arena_take(call->arena, len) : NULL;
    while (room != NULL && got < len) {
        ssize_t n = read(fd, room + got, len - got);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    close(fd);
    if (room == NULL || got != len)
        return room == NULL ? SEV_E_MEMORY : SEV_E_IO;
    *out = sev_slice_of(room, len);
    return SEV_OK;
}

/* "12.snapshot.json" */
static sev_slice numbered(uint8_t *room, size_t bytes, int64_t version, sev_slice name)
{
    sev_buf b = sev_buf_of(room, bytes);
    sev_decimal_format((uint64_t)version, &b);
    sev_buf_put_byte(&b, '.');
    sev_buf_put_slice(&b, name);
    return b.overflow ? SEV_EMPTY : sev_buf_slice(&b);
}

/* --------------------------------------------------------------------- hello */

/* The newest root, which begins the arena. */
static sev_err read_root(struct app_call *call, sev_slice *out)
{
    uint8_t name[64];
    for (int64_t n = 1; n < SEV_ROOT_ROTATIONS_MAX; n++) {
        sev_arena_back(call->arena, 0); /* of the one before, until there is none */
        sev_err e = read_file(call, numbered(name, sizeof name, n, SEV_LIT("root.json")),
                              SEV_ROOT_BYTES_MAX, out);
        if (e != SEV_OK)
            return e == SEV_E_NOT_FOUND && n > 1 ? SEV_OK : e;
    }
    return SEV_OK;
}

void images_hello(struct app_call *call)
{
    uint8_t room[4096];
    sev_slice root = SEV_EMPTY;
    sev_buf out = sev_buf_of(room, sizeof room);
    sev_err e = read_root(call, &root);
    (void)sev_arena_take(call->arena, root.len); /* what was given back holds it */
    if (e == SEV_OK)
        e = sev_director_seed_hello(root, "SecureEV-OTA Image Repository", call->arena, &out);
    if (e == SEV_OK)
        app_answer(call, 200, sev_buf_slice(&out));
    else
        app_refuse(call, e);
}

/* -------------------------------------------------------------------- target */

static int64_t version_of(sev_slice meta)
{
    int64_t version = 0;
    sev_json j = sev_json_at(sev_json_get(meta, "version"));
    sev_json_integer_in(&j, 1, SEV_JSON_INT_MAX, &version);
    return j.err == SEV_OK ? version : 0;
}

static sev_slice member(sev_slice object, sev_slice name)
{
    sev_json j = sev_json_at(object);
    sev_json_str found;
    sev_json_object(&j);
    while (sev_json_member(&j, &found)) {
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        if (sev_json_str_eq_slice(found, name))
            return value;
    }
    return SEV_EMPTY;
}

/* The digest that one file lists for that image. */
static sev_err look_into(struct app_call *call, sev_slice file, int64_t version, sev_slice image,
                         sev_slice *out_sha256)
{
    uint8_t name[SEV_ROLE_NAME_BYTES_MAX + 32];
    sev_slice bytes;
    size_t mark = call->arena->used;
    sev_err e =
        read_file(call, numbered(name, sizeof name, version, file), SEV_TARGETS_BYTES_MAX, &bytes);
    if (e != SEV_OK)
        return e;
    sev_slice signed_part = sev_json_get(bytes, "signed");
    sev_slice entry = member(sev_json_get(signed_part, "targets"), image);
    sev_json j = sev_json_at(sev_json_get(sev_json_get(entry, "hashes"), "sha256"));
    sev_json_str hex = {SEV_EMPTY, false};
    sev_json_string(&j, &hex);
    if (entry.len == 0 || j.err != SEV_OK || hex.escaped || hex.raw.len != 2 * SEV_SHA256_BYTES) {
        sev_arena_back(call->arena, mark);
        return SEV_E_NOT_FOUND;
    }
    *out_sha256 = hex.raw;
    return SEV_OK;
}

/* Nothing is verified here: whoever gets the image does that. */
static sev_err find_digest(struct app_call *call, sev_slice image, sev_slice *out_sha256)
{
    uint8_t name[64];
    sev_slice bytes;
    sev_err e = read_file(call, SEV_LIT("timestamp.json"), SEV_TIMESTAMP_BYTES_MAX, &bytes);
    if (e != SEV_OK)
        return e;
    sev_slice meta = sev_json_get(sev_json_get(bytes, "signed"), "meta");
    int64_t version = version_of(sev_json_get(meta, "snapshot.json"));
    e = read_file(call, numbered(name, sizeof name, version, SEV_LIT("snapshot.json")),
                  SEV_SNAPSHOT_BYTES_MAX, &bytes);
    if (e != SEV_OK)
        return e;
    sev_json j = sev_json_at(sev_json_get(sev_json_get(bytes, "signed"), "meta"));
    sev_json_str file;
    unsigned looked_at = 0;
    e = SEV_E_NOT_FOUND;
    sev_json_object(&j);
    while (e == SEV_E_NOT_FOUND && sev_json_member(&j, &file)) {
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        if (sev_json_str_is(file, "root.json") || looked_at++ == ROLES_LOOKED_AT_MAX)
            continue;
        e = look_into(call, file.raw, version_of(value), image, out_sha256);
    }
    return e;
}

/* The key that the caller has shown to hold by its certificate, and no other: who names somebody
 * else's means to have something made for it. REQ-H04 */
static sev_err check_key(const struct app_call *call)
{
    uint8_t hex[2 * 65 + 1], room[128], digest[SEV_SHA256_BYTES];
    struct sev_pubkey key = {.type = SEV_KEY_P256, .len = 65};
    sev_buf h = sev_buf_of(hex, sizeof hex), p = sev_buf_of(key.material, key.len);
    sev_buf der = sev_buf_of(room, sizeof room);
    sev_err e = sev_http_query_value(call->request->query, SEV_LIT("vehicle_pub_key"), &h);
    if (e == SEV_E_NOT_FOUND)
        return SEV_E_MALFORMED;
    if (e != SEV_OK || sev_hex_decode(sev_buf_slice(&h), &p) != SEV_OK || p.len != key.len ||
        sev_spki_encode(&key, &der) != SEV_OK)
        return SEV_E_KEY;
    sev_sha256(sev_buf_slice(&der), digest);
    return memcmp(digest, call->peer->key_sha256, sizeof digest) == 0 ? SEV_OK : SEV_E_KEY;
}

void images_seed_target(struct app_call *call)
{
    static const sev_slice folder = {(const uint8_t *)"targets/", 8};
    struct stat s;
    int fd;
    sev_slice name = sev_slice_sub(call->path, 1, call->path.len), sha256;
    sev_slice image = sev_slice_sub(name, folder.len, name.len);
    sev_err e = check_key(call);
    if (e == SEV_OK && images_open(call->instance->own, name, &fd, &s) == SEV_OK) {
        close(fd); /* it came with its digest, as clients ask that have read the metadata */
        images_answer(call, name);
        return;
    }
    if (e == SEV_OK)
        e = find_digest(call, image, &sha256);
    if (e != SEV_OK) {
        app_refuse(call, e);
        return;
    }
    size_t base = image.len;
    while (base > 0 && image.ptr[base - 1] != '/')
        base--;
    uint8_t path[APP_PATH_BYTES_MAX];
    sev_buf b = sev_buf_of(path, sizeof path);
    sev_buf_put_slice(&b, folder);
    sev_buf_put_slice(&b, sev_slice_sub(image, 0, base));
    sev_buf_put_slice(&b, sha256);
    sev_buf_put_byte(&b, '.');
    sev_buf_put_slice(&b, sev_slice_sub(image, base, image.len));
    images_answer(call, b.overflow ? SEV_EMPTY : sev_buf_slice(&b));
}

/* -------------------------------------------------------------------- upload */

/* The same as PUT /targets/FILENAME, in other words. */
static sev_err as_put(const struct app_call *call, uint8_t *room, size_t bytes,
                      struct app_call *out)
{
    sev_buf path = sev_buf_of(room, bytes);
    sev_buf_put_slice(&path, SEV_LIT("/targets/"));
    sev_err e = sev_http_query_value(call->request->query, SEV_LIT("filename"), &path);
    if (e != SEV_OK)
        return e == SEV_E_NOT_FOUND ? SEV_E_MALFORMED : e;
    *out = *call;
    out->path = sev_buf_slice(&path);
    return sev_name_is_clean(sev_slice_sub(out->path, 1, out->path.len)) ? SEV_OK : SEV_E_BAD_NAME;
}

static sev_err begin(struct app_call *call, struct sev_body_plan *out)
{
    struct app_call put;
    uint8_t room[APP_PATH_BYTES_MAX];
    sev_err e = as_put(call, room, sizeof room, &put);
    return e == SEV_OK ? images_stream.begin(&put, out) : e;
}

static sev_err piece(struct app_instance *i, struct sev_exchange *x, sev_slice bytes)
{
    return images_stream.piece(i, x, bytes);
}

static void gone(struct app_instance *i, struct sev_exchange *x)
{
    images_stream.gone(i, x);
}

const struct app_stream images_seed_stream = {begin, piece, gone};
