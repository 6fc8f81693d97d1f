/* uploads - a served folder that takes uploads, and a supplier's desk that makes them, for tests of
 * secureev/images.h.  SPDX-License-Identifier: MIT */
#ifndef SEV_TEST_UPLOADS_H
#define SEV_TEST_UPLOADS_H

#include <stdio.h>
#include <stdlib.h>

#include "desk.h"
#include "secureev/images.h"
#include "test.h"

#if defined(__GNUC__)
#define UPLOADS_UNUSED __attribute__((unused))
#else
#define UPLOADS_UNUSED
#endif

#define NEW_IMAGE "sup/new.img"
#define NEW_TEXT "an image that is new"

struct missed {
    char path[SEV_FS_PATH_MAX];
    int64_t length, have;
    int count;
};

struct uploads {
    struct desk served;
    char folder[400], work[400];
    struct sev_images im;
    struct sev_sign sign;
    struct sev_images_call call;
    struct sev_images_result result;
    struct missed missed; /* the last one */
    int events[SEV_EVENT_COUNT];
    bool signer_is_dead;
    enum desk_key snapshot, timestamp;
};
static const struct sev_images_supplier supplier = {"acme", "supplier tier"};
UPLOADS_UNUSED static const struct sev_images_supplier desk_itself = {"desk", "root targets"};

static void count_event(void *self, const struct sev_event *event)
{
    ((struct uploads *)self)->events[event->id]++;
}

/* The signer, with the keys that it has online. */
static sev_err sign_online(void *self, const char *key, sev_slice body, char *out_keyid,
                           sev_buf *sig)
{
    struct uploads *u = self;
    enum desk_key k = strcmp(key, "images-snapshot") == 0 ? u->snapshot : u->timestamp;
    struct sev_repository_signer s = desk_signer(1ul << k);
    if (u->signer_is_dead)
        return SEV_E_UNREACHABLE;
    memcpy(out_keyid, desk_id(k), SEV_KEY_ID_CHARS);
    return s.sign(s.context, desk_id(k), body, sig);
}

/* Serves what this desk published. */
UPLOADS_UNUSED static void uploads_of(struct uploads *u)
{
    (void)snprintf(u->folder, sizeof u->folder, "%s/public", u->served.dir);
    (void)snprintf(u->work, sizeof u->work, "%s/uploads", u->served.dir);
    u->snapshot = SNAPSHOT;
    u->timestamp = TIMESTAMP;
    u->sign = (struct sev_sign){u, sign_online};
    u->call = (struct sev_images_call){&u->sign, NULL, u->served.now};
    u->im = (struct sev_images){.fs = &u->served.real,
                                .folder = u->folder,
                                .uploads = u->work,
                                .keys = {"images-snapshot", "images-timestamp"},
                                .life_s = SEV_IMAGES_LIFE_SECONDS,
                                .pending_bytes_max = 1 << 20,
                                .leftover_s = 100ll * 365 * 86400, /* the disk has another clock */
                                .events = {u, count_event},
                                .memory_bytes = 16u << 20};
}

UPLOADS_UNUSED static void uploads_new(struct uploads *u)
{
    memset(u, 0, sizeof *u);
    desk_images(&u->served);
    uploads_of(u);
}

static void note_missing(void *context, const struct sev_images_missing *m)
{
    struct missed *missed = context;
    memcpy(missed->path, m->path, sizeof missed->path);
    missed->length = m->length;
    missed->have = m->have;
    missed->count++;
}

static sev_err put_bytes(struct uploads *u, const struct sev_images_supplier *who, const char *role,
                         int64_t version, sev_slice bytes)
{
    u->missed.count = 0;
    sev_err e = sev_images_put(&u->im, &u->call, who, role, version, bytes, note_missing,
                               &u->missed, &u->result);
    if (e != SEV_OK || u->result.why != SEV_OK)
        print_message("%s %lld: %s: %s\n", role, (long long)version,
                      sev_err_id(e != SEV_OK ? e : u->result.why), u->result.detail);
    return e;
}

/* The newest file of a role that this desk published. */
static sev_err put_version(struct uploads *u, const struct sev_images_supplier *who,
                           const struct desk *from, const char *role, int64_t version)
{
    char path[600];
    size_t len;
    (void)snprintf(path, sizeof path, "%s/public/%lld.%s.json", from->dir, (long long)version,
                   role);
    uint8_t *bytes = sev_test_read(path, &len);
    sev_err e = put_bytes(u, who, role, version, sev_slice_of(bytes, len));
    free(bytes);
    return e;
}
UPLOADS_UNUSED static sev_err put_file(struct uploads *u, const struct sev_images_supplier *who,
                                       const struct desk *from, const char *role)
{
    return put_version(u, who, from, role, desk_version(from, role));
}

UPLOADS_UNUSED static sev_err put_image(struct uploads *u, const struct sev_images_supplier *who,
                                        const char *path, const char *text)
{
    struct sev_images_part p;
    bool published = false;
    sev_slice all = sev_slice_of(text, strlen(text));
    sev_err e = sev_images_part_open(&u->im, who, sev_slice_of(path, strlen(path)),
                                     (int64_t)all.len, 0, &p);
    if (e != SEV_OK)
        return e;
    for (size_t i = 0; e == SEV_OK && i < all.len; i += 7)
        e = sev_images_part_append(&p, sev_slice_sub(all, i, 7));
    if (e == SEV_OK)
        e = sev_images_part_finish(&u->im, &p);
    if (e == SEV_OK && sev_images_release(&u->im, &u->call, &published) != SEV_OK)
        published = false; /* later, then */
    sev_images_part_close(&p);
    return e;
}

/* The supplier's desk: a copy of the repository, in which it lists something new. */
UPLOADS_UNUSED static void supplier_desk(struct desk *s, const struct uploads *u)
{
    desk_copy(s, &u->served);
    CHECK_OK(desk_add(s, NEW_IMAGE, NEW_TEXT, "supplier"));
    CHECK_OK(desk_ceremony(s, DESK_EVERYBODY));
    CHECK_OK(desk_publish(s, DESK_ONLINE));
}

/* A client from the factory, or the one that came before: is it listed, with its bytes? */
UPLOADS_UNUSED static bool client_sees(struct uploads *u, struct reader *r, const char *image)
{
    bool found = false;
    r->now = u->call.now;
    CHECK_OK(reader_refresh(r));
    CHECK_OK(reader_find(r, image, &found));
    return found;
}

#endif
