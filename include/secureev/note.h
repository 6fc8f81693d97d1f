/* note - signed notes and checkpoints of transparency logs, as C2SP's signed-note, tlog-checkpoint
 * and tlog-cosignature have them: text, and under it a line for each signature.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_NOTE_H
#define SECUREEV_NOTE_H

#include "secureev/crypto.h"
#include "secureev/limits.h"
#include "secureev/text.h"

/* ----------------------------------------------------------------- checkpoint */

/** What a log says of itself: so many leaves, under this root. Borrows from the text. */
struct sev_checkpoint {
    sev_slice origin; /**< which log */
    uint64_t size;
    uint8_t root[SEV_SHA256_BYTES];
    sev_slice extension; /**< further lines, each with its line feed; nobody looks at them */
};

/** @retval SEV_E_NOTE  not three lines as they must be, or longer than SEV_CHECKPOINT_BYTES_MAX */
SEV_MUST_USE sev_err sev_checkpoint_parse(sev_slice text, struct sev_checkpoint *out);
/** The text that is signed; overflows `out` as usual. */
void sev_checkpoint_write(const struct sev_checkpoint *checkpoint, sev_buf *out);

/* ----------------------------------------------------------------------- note */

#define SEV_NOTE_ID_BYTES 4

struct sev_note_line {
    sev_slice name;
    uint8_t id[SEV_NOTE_ID_BYTES];
    sev_slice base64; /**< of id and signature */
};

/** Borrows from the bytes. */
struct sev_note {
    sev_slice text; /**< with its last line feed */
    uint32_t count;
    struct sev_note_line lines[SEV_NOTE_SIGS_MAX];
};

/** Read a note; nothing is verified. @retval SEV_E_NOTE, SEV_E_TOO_LONG */
SEV_MUST_USE sev_err sev_note_parse(sev_slice bytes, struct sev_note *out);

/** Signature lines alone, as a witness answers: `out->text` is `text`, which they are to sign. */
SEV_MUST_USE sev_err sev_note_parse_lines(sev_slice text, sev_slice lines, struct sev_note *out);

/* ----------------------------------------------------------------------- keys */

/** The types of C2SP that we know; the number is the byte in keys and their ids. */
typedef enum sev_note_type {
    SEV_NOTE_ED25519 = 1,
    SEV_NOTE_ECDSA = 2,       /**< P-256 with SHA-256, signature in DER; id: of the key alone */
    SEV_NOTE_COSIGNATURE = 4, /**< Ed25519, of a witness, with the time */
} sev_note_type;

struct sev_note_key {
    sev_slice name; /**< borrowed */
    sev_note_type type;
    uint8_t id[SEV_NOTE_ID_BYTES];
    struct sev_pubkey key;
};

/** May keys and origins be called so? Not empty, no blanks of Unicode, no '+', no controls. */
bool sev_note_name_ok(sev_slice name);

/** @retval SEV_E_BAD_NAME, SEV_E_UNSUPPORTED (a type of key that does not belong to `type`) */
SEV_MUST_USE sev_err sev_note_key_init(sev_slice name, sev_note_type type,
                                       const struct sev_pubkey *key, struct sev_note_key *out);
/** "name+id+key", the verifier key that people hand on. @retval SEV_E_KEY, SEV_E_UNSUPPORTED */
SEV_MUST_USE sev_err sev_note_key_parse(sev_slice text, struct sev_note_key *out);
SEV_MUST_USE sev_err sev_note_key_write(const struct sev_note_key *key, sev_buf *out);

/* ----------------------------------------------------------------- signatures */

/** What a key of that type signs: `text` itself, or for a cosignature its header, `time` and `text`
 *  (at most SEV_CHECKPOINT_BYTES_MAX). @retval SEV_E_MEMORY  does not fit into `out` */
SEV_MUST_USE sev_err sev_note_message(sev_note_type type, uint64_t time, sev_slice text,
                                      sev_buf *out);
#define SEV_NOTE_MESSAGE_BYTES_MAX (SEV_CHECKPOINT_BYTES_MAX + 64)

/** Append a signature line; `time` only of cosignatures. @retval SEV_E_MEMORY */
SEV_MUST_USE sev_err sev_note_put_line(const struct sev_note_key *key, uint64_t time, sev_slice sig,
                                       sev_buf *out);

/**
 * Did this key sign? Lines of other keys are ignored, all lines of this one must verify.
 *
 * @param out_time  of a cosignature, the newest, else 0; may be NULL; untouched unless SEV_OK
 * @retval SEV_E_SIGNATURE  no line of this key, or one that does not verify
 */
SEV_MUST_USE sev_err sev_note_verify(struct sev_crypto *crypto, const struct sev_note *note,
                                     const struct sev_note_key *key, uint64_t *out_time);

#endif
