/* audit - a transparency log as whoever does not trust it reads it: all that it serves is held
 * against a checkpoint, and that against keys that the reader has. SPDX-License-Identifier: MIT */
#ifndef SEV_CLI_AUDIT_H
#define SEV_CLI_AUDIT_H

#include "secureev/audit.h"
#include "server.h"

#define AUDIT_ROOM_BYTES (SEV_TLOG_TILE_WIDTH * (SEV_AUDIT_LEAF_BYTES_MAX + 2u)) /* a bundle */
#define AUDIT_TILES_KEPT 8u

/** Whose signatures count. */
struct audit_trust {
    struct sev_note_key log;
    struct sev_note_key witnesses[SEV_AUDIT_WITNESSES_MAX];
    uint32_t witness_count;
    uint64_t threshold; /**< so many witnesses must have cosigned */
};

/** A checkpoint that was verified; owns its bytes. */
struct audit_head {
    struct sev_bytes note;
    struct sev_checkpoint checkpoint; /**< borrows from `note` */
    uint32_t witnesses;               /**< of ours that cosigned it */
};
void audit_head_free(struct cli *c, struct audit_head *head);

struct audit_reader {
    struct cli *cli;
    const char *url;
    struct sev_http_client *client;
    struct sev_crypto *crypto;
    struct audit_trust trust;
    uint8_t *room;  /**< the last answer */
    char path[128]; /**< what was asked for last, for people */
    unsigned status;
    struct {
        struct sev_tlog_tile tile;
        uint8_t hashes[SEV_TLOG_TILE_WIDTH * SEV_SHA256_BYTES];
    } kept[AUDIT_TILES_KEPT];
    uint32_t kept_count, kept_next;
    uint64_t size; /**< of the tree whose tiles are kept */
};

/* All return 0, or the exit code of what was reported. */

/** --log-key, --witness, --threshold. */
SEV_MUST_USE int audit_read_trust(struct cli *c, struct audit_trust *out);
/** As its options say; close it in any case. @param online  false: there is no server to ask */
SEV_MUST_USE int audit_open(struct cli *c, bool online, struct audit_reader *out);
void audit_close(struct audit_reader *r);

/** Parse and verify: the log's key, its origin, enough witnesses. Takes the bytes over.
 *  @retval SEV_E_NOTE, SEV_E_SIGNATURE, SEV_E_WITNESSES, ... */
SEV_MUST_USE sev_err audit_judge(struct audit_reader *r, struct sev_bytes *note,
                                 struct audit_head *out);
/** The checkpoint that is served now. */
SEV_MUST_USE int audit_fetch_head(struct audit_reader *r, struct audit_head *out);
/** Report `e` with what was asked for last. */
int audit_fail(struct audit_reader *r, sev_err e);

/** Tiles as proofs are made from them; what they say is not verified. */
struct sev_tlog_source audit_source(struct audit_reader *r, uint64_t size);

/** Called for each leaf, once it is certain; false ends the walk without an error. */
typedef bool audit_visit(void *context, uint64_t index, sev_slice leaf);
/**
 * Everything from the older checkpoint on (NULL: from the beginning): every entry is what its tile
 * says, every tile what the one above says, all of it what both checkpoints say. Leaves are shown
 * after that. @retval SEV_E_LOG_FORK, SEV_E_LOG_TILE, SEV_E_VERSION_ROLLBACK, ...
 */
SEV_MUST_USE sev_err audit_walk(struct audit_reader *r, const struct sev_checkpoint *old,
                                const struct sev_checkpoint *now, audit_visit *visit,
                                void *context);
/** GET; the body lies in r->room. */
SEV_MUST_USE sev_err audit_get(struct audit_reader *r, const char *path, sev_slice *out);

#define AUDIT_TRUST_OPTIONS                                                                        \
    {.name = "log-key",                                                                            \
     .value = "VKEY",                                                                              \
     .flags = CLI_REQUIRED | CLI_RAW,                                                              \
     .help = "the log's verifier key, as `secureev audit key` writes it"},                         \
        {.name = "witness",                                                                        \
         .value = "VKEY",                                                                          \
         .flags = CLI_REPEATED | CLI_RAW,                                                          \
         .help = "verifier key of a witness that is believed"},                                    \
    {                                                                                              \
        .name = "threshold", .value = "N", .help = "so many of these must have cosigned",          \
        .shown = "all of them"                                                                     \
    }
#define AUDIT_SERVER_OPTIONS                                                                       \
    {.name = "server", .value = "URL", .help = "the log, as https://HOST:PORT"},                   \
        {.name = "ca", .value = "FILE", .help = "CA that its certificate must lead to (PEM)"},     \
        {.name = "certificate", .value = "FILE", .help = "our own certificate (PEM)"},             \
    {                                                                                              \
        .name = "key", .value = "FILE", .help = "key of --certificate (PEM)"                       \
    }

#endif
