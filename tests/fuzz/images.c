/* Fuzz: a supplier's file as the Image repository takes it, signed by the supplier whatever it
 * says. What is accepted lists images of the supplier's own paths under clean names; and nothing
 * comes out that was not to. SPDX-License-Identifier: MIT */
/* fuzz: -max_len=4096 -timeout=20 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secureev/images.h"
#include "secureev/signing.h"

#define NOW 1893456000 /* 2030-01-01 */
#define ROOM (1u << 20)
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

enum { OEM, ONLINE, SUPPLIER, KEYS };
static struct sev_privkey *keys[KEYS];
static char ids[KEYS][SEV_KEY_ID_CHARS + 1];
static char objects[KEYS][SEV_KEY_OBJECT_BYTES_MAX];
static char base[64], folder[96], work[96], waiting[160];
static struct sev_fs fs;
static bool dead; /* the signer */

static sev_err sign_online(void *self, const char *key, sev_slice body, char *out_keyid,
                           sev_buf *sig)
{
    (void)self, (void)key;
    if (dead)
        return SEV_E_UNREACHABLE;
    memcpy(out_keyid, ids[ONLINE], SEV_KEY_ID_CHARS);
    return sev_privkey_sign(keys[ONLINE], body, sig);
}

static void emit(void *self, const struct sev_event *event)
{
    (void)self, (void)event;
}

static const struct sev_sign signer = {NULL, sign_online};
static const struct sev_images_call call = {&signer, NULL, NOW};
static const struct sev_images_supplier supplier = {"s", "supplier"}, desk = {"d", "targets"};

static struct sev_images images(void)
{
    return (struct sev_images){.fs = &fs,
                               .folder = folder,
                               .uploads = work,
                               .keys = {"snapshot", "timestamp"},
                               .life_s = SEV_IMAGES_LIFE_SECONDS,
                               .pending_bytes_max = 1 << 30,
                               .leftover_s = INT64_MAX,
                               .events = {NULL, emit},
                               .memory_bytes = 8u << 20};
}

/* The envelope around a body, which is signed in its canonical form if it has one. */
static sev_slice signed_by(int key, sev_slice body)
{
    static uint8_t message[ROOM], whole[ROOM];
    static uint32_t slots[65536];
    uint8_t raw[SEV_SIG_BYTES_MAX] = {0x30};
    sev_buf m = sev_buf_of(message, sizeof message), w = sev_buf_of(whole, sizeof whole);
    sev_buf sig = sev_buf_of(raw, sizeof raw), hex;
    char text[2 * SEV_SIG_BYTES_MAX];
    if (sev_json_canonical(body, SEV_CANON_OLPC, (struct sev_json_scratch){slots, 65536}, &m) ==
        SEV_OK)
        MUST(sev_privkey_sign(keys[key], sev_buf_slice(&m), &sig) == SEV_OK);
    else
        sig.len = 1;
    hex = sev_buf_of(text, sizeof text);
    sev_hex_encode(sev_buf_slice(&sig), &hex);
    sev_buf_put_slice(&w, SEV_LIT("{\"signatures\":[{\"keyid\":\""));
    sev_buf_put(&w, ids[key], SEV_KEY_ID_CHARS);
    sev_buf_put_slice(&w, SEV_LIT("\",\"sig\":\""));
    sev_buf_put_slice(&w, sev_buf_slice(&hex));
    sev_buf_put_slice(&w, SEV_LIT("\"}],\"signed\":"));
    sev_buf_put_slice(&w, body);
    sev_buf_put_slice(&w, SEV_LIT("}"));
    MUST(!w.overflow);
    return sev_buf_slice(&w);
}

static void remove_base(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", base);
    (void)!system(command);
}

static void put_first(const struct sev_images_supplier *who, const char *role, int key,
                      const char *body)
{
    struct sev_images im = images();
    struct sev_images_result result;
    MUST(sev_images_put(&im, &call, who, role, 1, signed_by(key, sev_slice_of(body, strlen(body))),
                        NULL, NULL, &result) == SEV_OK);
}

static void make_keys(void)
{
    for (int i = 0; i < KEYS; i++) {
        sev_buf b = sev_buf_of(objects[i], sizeof objects[i] - 1);
        MUST(sev_privkey_generate(SEV_KEY_P256, 0, &keys[i]) == SEV_OK);
        MUST(sev_key_id(sev_privkey_public(keys[i]), SEV_PROFILE_NATIVE, ids[i]) == SEV_OK);
        MUST(sev_key_object(sev_privkey_public(keys[i]), SEV_PROFILE_NATIVE, &b) == SEV_OK);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static char text[16384], path[128];
    (void)argc, (void)argv;
    fs = sev_fs_posix(NULL);
    snprintf(base, sizeof base, "%s/fuzz-images-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    MUST(mkdtemp(base) != NULL);
    atexit(remove_base);
    snprintf(folder, sizeof folder, "%s/public", base);
    snprintf(work, sizeof work, "%s/uploads", base);
    snprintf(waiting, sizeof waiting, "%s/roles/supplier.json", work);
    snprintf(path, sizeof path, "%s/1.root.json", folder);
    MUST(sev_dir_ensure(&fs, folder, 0755, 0) == SEV_OK);
    make_keys();
    snprintf(
        text, sizeof text,
        "{\"_type\":\"root\",\"expires\":\"2031-01-01T00:00:00Z\",\"keys\":{\"%s\":%s,\"%s\":%s},"
        "\"roles\":{\"root\":{\"keyids\":[\"%s\"],\"threshold\":1},\"snapshot\":{\"keyids\":["
        "\"%s\"],\"threshold\":1},\"targets\":{\"keyids\":[\"%s\"],\"threshold\":1},"
        "\"timestamp\":{\"keyids\":[\"%s\"],\"threshold\":1}},\"spec_version\":\"1.0.31\","
        "\"version\":1}",
        ids[OEM], objects[OEM], ids[ONLINE], objects[ONLINE], ids[OEM], ids[ONLINE], ids[OEM],
        ids[ONLINE]);
    sev_slice root = signed_by(OEM, sev_slice_of(text, strlen(text)));
    MUST(sev_file_create(&fs, path, root, 0644) == SEV_OK);
    snprintf(text, sizeof text,
             "{\"_type\":\"targets\",\"delegations\":{\"keys\":{\"%s\":%s},\"roles\":[{\"keyids\":["
             "\"%s\"],\"name\":\"supplier\",\"paths\":[\"sup/*\"],\"terminating\":false,"
             "\"threshold\":1}]},\"expires\":\"2030-06-01T00:00:00Z\",\"spec_version\":\"1.0.31\","
             "\"targets\":{},\"version\":1}",
             ids[SUPPLIER], objects[SUPPLIER], ids[SUPPLIER]);
    put_first(&desk, "targets", OEM, text);
    put_first(&supplier, "supplier", SUPPLIER,
              "{\"_type\":\"targets\",\"expires\":\"2030-06-01T00:00:00Z\","
              "\"spec_version\":\"1.0.31\",\"targets\":{},\"version\":1}");
    snprintf(path, sizeof path, "%s/1.supplier.json", folder);
    MUST(access(path, F_OK) == 0); /* else nothing below would be looked at */
    dead = true;
    return 0;
}

/* targets/sup/SHA256.FILE, and nothing else. */
static void check_missing(void *context, const struct sev_images_missing *m)
{
    (void)context;
    MUST(strncmp(m->path, "targets/sup/", 12) == 0);
    MUST(strspn(m->path + 12, "0123456789abcdef") >= 64 && m->path[76] == '.');
    MUST(m->path[77] != '\0' && m->path[77] != '.' && strchr(m->path + 12, '/') == NULL);
    MUST(strstr(m->path, "..") == NULL || strchr(m->path + 77, '/') == NULL);
    MUST(m->length >= 0 && m->have == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sev_images im = images();
    struct sev_images_result result;
    sev_err e =
        sev_images_put(&im, &call, &supplier, "supplier", 2,
                       signed_by(SUPPLIER, sev_slice_of(data, size)), check_missing, NULL, &result);
    MUST(!result.published);
    MUST((access(waiting, F_OK) == 0) == (e == SEV_OK));
    if (e == SEV_OK)
        MUST(unlink(waiting) == 0);
    MUST(e != SEV_E_BUG && e != SEV_E_CRYPTO && e != SEV_E_IO && e != SEV_E_STORE);
    return 0;
}
