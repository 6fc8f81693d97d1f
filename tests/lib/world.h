/* world - a Director, an Images and a Regulator repository in memory, a vehicle's store, and a
 * driver of the client between them. Honest by default; a test breaks exactly one thing.
 * SPDX-License-Identifier: MIT
 *
 *   struct world *w = world_accepted();                    // version 1 installed, 2 staged
 *   world_edit(w, IMAGES, "acme", "\"length\":", ...);     // break one thing, or change a field
 *   WORLD_REFUSED(w, META_MISMATCH, MIX_AND_MATCH, "images", "acme");
 *
 * WORLD_REFUSED publishes, runs a cycle and checks: the reason, the attack's name, that the file
 * at fault was not stored and every other stored file is one that was served, that no image was
 * asked for, that no mark moved; then the repositories mend and the next cycle must succeed.
 */
#ifndef SEV_WORLD_H
#define SEV_WORLD_H

#include "secureev/client.h"
#include "secureev/crypto_hosted.h"
#include "secureev/signing.h"

enum { DIRECTOR, IMAGES, REGULATOR, WORLD_REPOSITORIES };
/* Where a stored file lies: one of the above, or the vehicle's own state. */
enum { VEHICLE = WORLD_REPOSITORIES };

#define WORLD_KEYS_MAX 40 /* of one role: more than the core accepts */
#define WORLD_ROLES_MAX 100
#define WORLD_DELEGATIONS_MAX 128
#define WORLD_SIGNATURES_MAX 72
#define WORLD_IMAGES_MAX 16
#define WORLD_EDITS_MAX 16
#define WORLD_FILES_MAX 8192
#define WORLD_ECUS_MAX 300

/* Keys are numbers; the same number is the same key in every test of a program. */
typedef int world_key;
struct world_keys {
    world_key ids[WORLD_KEYS_MAX];
    int count;
    int64_t threshold;
};

struct world_signature {
    world_key key;
    const char *keyid; /* NULL: the key's own */
    const char *sig;   /* NULL: a good one */
};

struct world_role {
    const char *name;
    struct world_keys keys;
    struct world_signature signatures[WORLD_SIGNATURES_MAX];
    int signature_count;   /* -1: as many keys as the threshold asks for */
    int64_t version;       /* published last */
    int64_t force_version; /* 0: the next one */
    bool sign_again;       /* a new version although nothing changed */
    sev_time expires;
    const char *targets;         /* further members of "targets", without braces; NULL */
    sev_slice body, file;        /* published last, */
    struct world_keys signed_by; /* when these were its keys */
};

struct world_delegation {
    int from; /* index of the role that delegates */
    int to[10];
    int to_count;
    int min_roles;                                    /* above 0: a multi-role delegation */
    const char *paths, *hash_prefixes, *hardware_ids; /* JSON; NULL: absent */
    bool terminating;
    struct world_keys keys[10]; /* count 0: the keys that the role itself signs with */
};

struct world_file {
    const char *name;
    sev_slice bytes;
};

struct world_repository {
    struct world_role roles[WORLD_ROLES_MAX]; /* the first four as in enum sev_top_role */
    int role_count;
    struct world_delegation delegations[WORLD_DELEGATIONS_MAX];
    int delegation_count;
    struct world_keys signed_by; /* root keys of the root published last */
    const char *more_root_roles; /* members, e.g. "\"time\":{...}"; NULL */
};

struct world_image {
    const char *name;
    int ecu;                    /* it is assigned to; -1: none */
    int at[WORLD_REPOSITORIES]; /* role that lists it; -1: none */
    int also;                   /* a second role of Images that lists it; 0: none */
    int64_t release_counter;
    const char *hardware_id;
    const char *more_match; /* members of `match`; NULL */
    const char *encryption; /* JSON; NULL */
    const char *uri;        /* in the Images entry; NULL */
    bool sha512_too;
    sev_slice bytes;
};

enum world_stage {
    WORLD_BEFORE_SIGNING, /* the body: signed, listed and served like this */
    WORLD_AFTER_SIGNING,  /* the file: listed and served like this */
    WORLD_AS_SERVED,      /* only on the wire */
};
struct world_edit {
    enum world_stage stage;
    int repository;
    const char *role, *find, *replace;
    bool everywhere;
};

/* What the wire does to a role's file, or to an image (`role` is its name then). */
struct world_fault {
    int repository;
    const char *role;
    sev_err err;     /* SEV_E_ABSENT, a transfer's error; SEV_OK: `bytes` instead */
    sev_slice bytes; /* served in its place */
};

/* The repositories: what "mending" brings back. */
struct world_state {
    struct world_repository repositories[WORLD_REPOSITORIES];
    struct world_image images[WORLD_IMAGES_MAX];
    int image_count;
    struct world_edit edits[WORLD_EDITS_MAX];
    int edit_count;
    struct world_fault faults[WORLD_EDITS_MAX];
    int fault_count;
    const char *bundle; /* JSON; NULL: absent */
    const char *custom; /* JSON of signed.custom of every Director file; NULL: the honest one */
    int file_count[WORLD_REPOSITORIES];
    struct world_file files[WORLD_REPOSITORIES][WORLD_FILES_MAX];
};

struct world_stored {
    int place;
    const char *name;
    sev_slice bytes;
};
struct world_store {
    struct world_stored files[160];
    int count;
};

struct world_released {
    const char *name;
    sev_slice bytes;
};
struct world_result {
    sev_err err;
    char repository[32], role[SEV_ROLE_NAME_BYTES_MAX + 1];
    int64_t expected, actual;
    bool has_numbers;
    int operations; /* stores, and the release */
    int requests;   /* metadata asked for */
    int image_requests;
    bool cut; /* the power went */
    struct world_released released[WORLD_IMAGES_MAX];
    int released_count;
};

struct world {
    struct world_state now, honest; /* `honest`: before a test broke it */
    struct world_store store;
    /* the vehicle */
    sev_profile profile;
    sev_mode mode;
    sev_time time;
    const char *vehicle;
    struct sev_ecu ecus[WORLD_ECUS_MAX];
    uint32_t ecu_count;
    const char *map;
    size_t arena_bytes;
    const char *installed[WORLD_ECUS_MAX]; /* what an honest observer knows to be installed */
    /* the test's choices */
    bool has_regulator;
    sev_key_type key_type;
    uint64_t key_seed; /* Ed25519 keys come from it */
    world_key next_key;
    int power; /* storing operations until the power goes; -1: it stays */
    bool images_may_be_asked;
    sev_err release_fails;  /* SEV_OK: it does not */
    int store_fails_at;     /* the how-manieth storing operation fails; 0: none */
    int request_fails_at;   /* likewise of requests, images too */
    const char *load_fails; /* this stored file cannot be read; NULL: all can */
    bool file_is_good; /* what the file says is refused, later: the file itself may be stored */
    bool unrestricted; /* the driver does not check what it is told to store */
    /* The wire, when it is not an honest one; and who is told what is stored. NULL: as usual. */
    sev_err (*wire)(struct world *w, int repository, const char *url, sev_slice *out);
    void (*stored)(struct world *w, int place, const char *file, sev_slice bytes);
    bool no_mending;
    /* of the last cycle */
    struct world_result result;
    char trace[1 << 16];
    size_t trace_len;
    char image_urls[8192]; /* one to a line */
    struct sev_client client;
    struct sev_walk walk;
};

#define WORLD_TIME ((sev_time)1772323200) /* 2026-03-01T00:00:00Z */
#define WORLD_DAY ((sev_time)86400)
#define WORLD_VEHICLE "did:secureev:car-1"

/* ------------------------------------------------------------- a world */

/** Three repositories, two ECUs, images version 1: nothing published, nothing stored. */
struct world *world_begin(void);
/** In another dialect; aktualizr knows no P-256. Director and Images alone. */
struct world *world_begin_as(sev_profile profile, sev_key_type key_type);
/** World as begun; then roots provisioned and version 1 accepted; version 2 staged. */
struct world *world_accepted(void);
/** The same for a world that was begun and changed. */
void world_settle(struct world *w);
/** From here on it is broken: mending brings this moment back. */
void world_break(struct world *w);
/** Replace both images by those of generation `n`. */
void world_stage(struct world *w, int n);
/** Undo what was done since world_break, newly signed, with higher versions than shown. */
void world_mend(struct world *w);

/* --------------------------------------------------------------- pieces */

struct world_role *world_role(struct world *w, int repository, const char *role);
struct world_image *world_image(struct world *w, const char *name);
int world_role_index(struct world *w, int repository, const char *role);
/** A new role with one key of its own, nothing delegated to it yet; its index. */
int world_add_role(struct world *w, int repository, const char *role);
struct world_delegation *world_delegate(struct world *w, int repository, const char *from,
                                        const char *to, const char *paths);
/** The first delegation to this role. */
struct world_delegation *world_delegation(struct world *w, int repository, const char *to);
struct world_image *world_add_image(struct world *w, const char *name, int ecu);

world_key world_new_key(struct world *w);
world_key world_new_key_of(struct world *w, sev_key_type type);
struct world_keys world_new_keys(struct world *w, int count, int64_t threshold);
const char *world_key_id(const struct world *w, world_key key);
/** Its key object, JSON. */
const char *world_key_object(const struct world *w, world_key key);
const struct sev_privkey *world_private(const struct world *w, world_key key);
/** Sign this role's file with exactly these keys. */
void world_sign_with(struct world_role *role, const struct world_keys *keys, int count);
void world_sign_also(struct world_role *role, world_key key);

/* ------------------------------------------------------------- breaking */

/** The text `find` must be there, once. */
void world_edit(struct world *w, int repository, const char *role, const char *find,
                const char *replace);
void world_edit_all(struct world *w, int repository, const char *role, const char *find,
                    const char *replace);
void world_edit_file(struct world *w, int repository, const char *role, const char *find,
                     const char *replace);
void world_edit_served(struct world *w, int repository, const char *role, const char *find,
                       const char *replace);
void world_fails(struct world *w, int repository, const char *role, sev_err err);
void world_serves(struct world *w, int repository, const char *role, sev_slice bytes);
void world_heal(struct world *w); /* no edits, no faults */

/* ------------------------------------------------------------ what it does */

/** Sign and serve whatever has changed: delegated, targets, snapshot, timestamp. */
void world_publish(struct world *w);
/** Sign a body as this role would: for files that no publishing makes. */
sev_slice world_signed(struct world *w, int repository, const char *role, sev_slice body);
/** What is served there now. */
sev_err world_get(struct world *w, int repository, const char *url, sev_slice *out);
/** One cycle of the client against what is served; see w->result and w->trace. */
const struct world_result *world_cycle(struct world *w);
/** Refresh one repository with a walk alone, then look for an image (NULL: no search). */
sev_err world_walk(struct world *w, int repository, const char *image, const char *hardware_id);

void world_provision(struct world *w); /* today's roots into the store */
sev_slice world_stored(const struct world *w, int place, const char *file);
/** The stored file of a role, whatever else its name carries; NULL: none. */
const struct world_stored *world_stored_role(const struct world_store *s, int place,
                                             const char *role);
void world_put_stored(struct world *w, int place, const char *file, sev_slice bytes);
void world_remove_stored(struct world *w, int place, const char *file);
bool world_store_eq(const struct world_store *a, const struct world_store *b);

/** A text for the moment, e.g. of an edit. */
const char *world_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** A text that stays as long as this world. */
const char *world_name(const char *format, ...) __attribute__((format(printf, 1, 2)));
sev_slice world_keep(sev_slice bytes);
sev_slice world_filled(size_t bytes, char with);
static inline sev_slice world_slice(const char *text)
{
    return sev_slice_of(text, strlen(text));
}

/** Printed with every failure, e.g. how to repeat a random run; NULL: nothing. */
extern const char *world_note;

/** The world itself is wrong: ends the test. Defined by whoever links it. */
_Noreturn void world_failed(const char *why, const char *what);

/* ------------------------------------------------------------- checking */

#define WORLD_REFUSED(w, err, attack, repository, role)                                            \
    world_check_refused((w), SEV_E_##err, SEV_ATTACK_##attack, (repository), (role), __FILE__,     \
                        __LINE__)
#define WORLD_ACCEPTED(w) world_check_accepted((w), __FILE__, __LINE__)
#define WORLD_TRACE(w, text) world_check_trace((w), (text), __FILE__, __LINE__)
void world_check_refused(struct world *w, sev_err err, sev_attack attack, const char *repository,
                         const char *role, const char *file, int line);
/** Publish, run: success, and exactly the images that are assigned and not installed came. */
void world_check_accepted(struct world *w, const char *file, int line);
void world_check_trace(const struct world *w, const char *text, const char *file, int line);
/** NULL, or what is wrong with what was released. */
const char *world_wrong_release(struct world *w);

/* ---------------------------------------------------- between its own files */

struct world_state *world_state_of(struct world *w);
sev_slice world_body(struct world *w, int repository, int role, int64_t version);
sev_slice world_envelope(struct world *w, int repository, int role, sev_slice body);
sev_slice world_edited(struct world *w, enum world_stage stage, int repository, const char *role,
                       sev_slice text, bool *found);
void world_pool_reset(size_t mark);
size_t world_pool_mark(void);
size_t world_role_part(const char *file);
uint8_t *world_take(size_t bytes);
void world_trace(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
