/* limits - every bound of the core, in one place, each with its reason.
 * Published in docs/POUF.md. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_LIMITS_H
#define SECUREEV_LIMITS_H

/* JSON. 16 levels: the deepest document of ours (multi-role delegation in targets) has 9. */
#define SEV_JSON_DEPTH_MAX 16
#define SEV_JSON_INT_MAX 9007199254740991LL /* 2^53-1: exact in every reader */

/* Bytes of a file, before it is asked for. uptane.md, limits table. */
#define SEV_ROOT_BYTES_MAX (256u * 1024u)     /* X: room for hybrid keys later */
#define SEV_TIMESTAMP_BYTES_MAX (16u * 1024u) /* Y */
#define SEV_SNAPSHOT_BYTES_MAX (2u * 1024u * 1024u)
#define SEV_DIRECTOR_TARGETS_BYTES_MAX (512u * 1024u) /* Z for up to 256 ECUs */
#define SEV_TARGETS_BYTES_MAX (8u * 1024u * 1024u)    /* Z for Images and Regulator */
#define SEV_MESSAGE_BYTES_MAX (64u * 1024u)           /* status, report, grant, ... */
#define SEV_MAP_BYTES_MAX (64u * 1024u)

/* Keys and signatures: bound the public-key work that a hostile file can buy. */
#define SEV_SIGS_MAX 64      /* signature entries in a file */
#define SEV_ROLE_KEYS_MAX 32 /* keys of one role */
#define SEV_KEYS_MAX 64      /* keys in one root or delegating file */
#define SEV_SIG_BYTES_MAX 512
#define SEV_PUBKEY_BYTES_MAX 1024 /* text of a public key: PEM of RSA-4096 is 800 */

/* Walks. */
#define SEV_ROOT_ROTATIONS_MAX 1024 /* in one cycle; the next goes on */
#define SEV_DELEGATION_DEPTH_MAX 8
#define SEV_ROLES_VISITED_MAX 64 /* in the search of one image */
#define SEV_MULTI_ROLES_MAX 8

/* A vehicle and its update. */
#define SEV_ECUS_MAX 256
#define SEV_REPOSITORIES_MAX 4
#define SEV_HARDWARE_IDS_MAX 64
#define SEV_DEPENDS_MAX 64 /* images that one needs, or cannot be with */

/* Text. */
#define SEV_NAME_BYTES_MAX 512 /* image name */
#define SEV_ROLE_NAME_BYTES_MAX 128
#define SEV_ID_BYTES_MAX 256 /* vehicle, ECU serial, hardware id */
#define SEV_URL_BYTES_MAX 2048
#define SEV_PATTERN_BYTES_MAX 512

/* The admin API (admin.h, store_operator.h). */
#define SEV_OPERATOR_NAME_BYTES_MAX 64
#define SEV_ADMIN_PAGE_MAX 1000           /* entries of one answer */
#define SEV_IDEMPOTENCY_KEY_BYTES_MAX 128 /* a UUID has 36 */
#define SEV_KEPT_ANSWER_BYTES_MAX 8192    /* longer ones are not kept: no POST gives such */

/* HTTP (http.h). */
#define SEV_HTTP_HEAD_BYTES_MAX 8192
#define SEV_HTTP_FIELDS_MAX 64
#define SEV_HTTP_CHUNK_DIGITS_MAX 8 /* of a chunk's length: below 4 GiB */

/* Messages (messages.h). */
#define SEV_MANIFEST_BYTES_MAX (256u * 1024u)          /* aktualizr's, 256 ECUs without prekeys */
#define SEV_AKTUALIZR_DIRECTOR_BYTES_MAX (64u * 1024u) /* its vehicles read no more */
#define SEV_FOREIGN_EVENTS_BYTES_MAX (1u << 20) /* of aktualizr; with more, libcurl asks first */
#define SEV_STATUS_ANSWER_BYTES_MAX (1024u * 1024u) /* reply, grant, roots, Director's files */
#define SEV_NONCE_BYTES 16
#define SEV_MESSAGE_TEXT_BYTES_MAX 256   /* codes, descriptions, versions of tools */
#define SEV_FOREIGN_TEXT_BYTES_MAX 16384 /* aktualizr's raw_report: a code for each of 256 ECUs */
#define SEV_PREKEYS_MAX 4                /* an ECU keeps no more. DESIGN 5 */
#define SEV_TIME_NONCES_MAX 256          /* of one request: an ECU each */
#define SEV_GRANT_IMAGES_MAX 512
#define SEV_GRANT_SECONDS_MAX (7 * 86400)
#define SEV_CLOCK_SKEW_SECONDS_MAX 600 /* an honest issuer's clock may be ahead by this */
#define SEV_POLL_SECONDS_MAX (90 * 86400)
#define SEV_SCANNERS_MAX 16
#define SEV_WRAP_ENC_BYTES_MAX 133 /* an uncompressed P-521 point; X25519 has 32, P-256 65 */
#define SEV_WRAP_CT_BYTES_MAX 80   /* a key of 64 bytes and its tag */
#define SEV_MERKLE_PATH_MAX 32     /* 2^32 leaves */

/* Identities (did.h). */
#define SEV_DID_AUTHENTICATION_MAX 4
#define SEV_DID_AGREEMENT_MAX 2
#define SEV_DID_NEXT_MAX 4           /* keys that may sign the next entry: at work, and set aside */
#define SEV_DID_ENTRY_BYTES_MAX 5120 /* with all of these */
#define SEV_DID_ENTRIES_MAX 256      /* of one log: a signature check each */
#define SEV_ENROLMENT_TOKEN_BYTES 32
#define SEV_CHALLENGE_BYTES 48      /* a nonce, its end, a tag */
#define SEV_CSR_TEXT_BYTES_MAX 1368 /* 1 KiB in base64; ours have a third of it */

/* Transparency logs (note.h, tlog.h). C2SP wants 16 signatures or more in a note. */
#define SEV_NOTE_BYTES_MAX (64u * 1024u)
#define SEV_NOTE_SIGS_MAX 32
#define SEV_NOTE_SIG_BYTES_MAX 5120 /* with its id: ML-DSA-87 has 4627 */
#define SEV_NOTE_NAME_BYTES_MAX 256
#define SEV_CHECKPOINT_BYTES_MAX 1024 /* its text: origin, size, root and what extends it */
#define SEV_TLOG_PROOF_MAX 63         /* hashes of a proof: the protocol's own bound */
#define SEV_TLOG_TILE_WIDTH 256
#define SEV_TLOG_ENTRY_BYTES_MAX 65535 /* its length has two bytes */
#define SEV_TLOG_PATH_BYTES_MAX 64     /* tile/entries/x001/x234/067.p/255 */

/* Campaigns (campaign.h). */
#define SEV_CAMPAIGN_BYTES_MAX (256u * 1024u) /* a definition: a list of 5,000 vehicles fits */
#define SEV_CAMPAIGN_NAME_BYTES_MAX 64        /* it stands in URLs and bundle ids */
#define SEV_CAMPAIGN_GROUPS_MAX 16
#define SEV_CAMPAIGN_LIST_MAX 8192  /* entries of one list of a filter or group */
#define SEV_CAMPAIGN_TARGETS_MAX 64 /* hardware ids that get an image */
#define SEV_CAMPAIGN_WINDOWS_MAX 8
#define SEV_CAMPAIGN_REMARK_BYTES_MAX 1024
#define SEV_TAGS_MAX 64 /* of one vehicle */
#define SEV_TAG_BYTES_MAX 64
#define SEV_CAMPAIGN_TRIES_MAX 10                   /* of one vehicle */
#define SEV_CAMPAIGN_RATE_MAX 1000000               /* starts per minute */
#define SEV_CAMPAIGN_BATCH_MAX 64                   /* vehicles in one transaction that assigns */
#define SEV_CAMPAIGN_MARKS_BYTES_MAX (128u * 1024u) /* what is awaited of 256 ECUs */

#endif
