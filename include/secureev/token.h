/* token - keys that never leave a PKCS#11 token: an HSM, a card, SoftHSM. A key of a token is a
 * struct sev_privkey like any other. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_TOKEN_H
#define SECUREEV_TOKEN_H

#include "secureev/event.h"
#include "secureev/signing.h"

#define SEV_TOKEN_LABEL_CHARS 32u /* of a token; Cryptoki's own */
#define SEV_TOKEN_NAME_CHARS_MAX 128u
#define SEV_TOKEN_KEYS_MAX 1024u /* that are listed */

struct sev_token_config {
    const char *module; /**< the Cryptoki library of its maker, an absolute path */
    const char *label;  /**< of the token */
    sev_slice pin;      /**< of its user; kept, to log in again after a loss, and wiped */
};

/** What is wrong, for people. */
struct sev_token_note {
    char text[120];
};

/** A token that we are logged in to. One thread at a time uses it and its keys. */
struct sev_token;
/**
 * A token locks itself after a few wrong PINs, so none is tried twice, and none at all when only
 * one try is left: that one is for a person.
 *
 * @retval SEV_E_CONFIG      `module` is no Cryptoki library
 * @retval SEV_E_TOKEN_GONE       no token of that label is there, or it does not work
 * @retval SEV_E_AMBIGUOUS   more than one token is called so
 * @retval SEV_E_PASSPHRASE  the PIN is wrong or locked, or there is one try left
 * @retval SEV_E_MEMORY
 */
SEV_MUST_USE sev_err sev_token_open(const struct sev_token_config *config,
                                    struct sev_token_note *note, struct sev_token **out);
/** After its keys have been freed. NULL is fine. Others who use the token stay logged in. */
void sev_token_close(struct sev_token *token);
/** Tell of losses and returns from now on. */
void sev_token_tell(struct sev_token *token, struct sev_events events);

enum { SEV_TOKEN_EXTRACTABLE_TOO = 1 /**< for an evaluation: a key that could be read out */ };
/**
 * A private key of the token, for signing: P-256, Ed25519 or RSA. When the session or the token is
 * lost, the next signature logs in again; while it cannot, signing ends with SEV_E_TOKEN_GONE.
 *
 * @param name  its label, or "id:" and its CKA_ID in hex
 * @retval SEV_E_NOT_FOUND    no private key is called so, or its public key is not there
 * @retval SEV_E_AMBIGUOUS    more than one is
 * @retval SEV_E_PRIVATE_KEY  it could be read out, or may not sign
 * @retval SEV_E_UNSUPPORTED  of another type
 * @retval SEV_E_KEY          the public key beside it is not its own
 * @retval SEV_E_TOKEN_GONE
 */
SEV_MUST_USE sev_err sev_token_key(struct sev_token *token, const char *name, unsigned flags,
                                   struct sev_token_note *note, struct sev_privkey **out);

/** Make a key pair on the token: it signs, is sensitive and cannot be extracted.
 *  @retval SEV_E_EXISTS  a private key is called so already
 *  @retval SEV_E_UNSUPPORTED  neither we nor, perhaps, the token make that type */
SEV_MUST_USE sev_err sev_token_generate(struct sev_token *token, sev_key_type type,
                                        unsigned rsa_bits, const char *name,
                                        struct sev_token_note *note);

struct sev_token_entry {
    char name[SEV_TOKEN_NAME_CHARS_MAX + 1];   /**< label, made printable; "" when it has none */
    char id[2 * SEV_TOKEN_NAME_CHARS_MAX + 1]; /**< CKA_ID in hex, cut where it is longer */
    sev_key_type type;                         /**< SEV_KEY_UNKNOWN: none of those that we use */
    bool extractable;
};
/** Private keys, in the token's order; false ends. @retval SEV_E_TOKEN_GONE */
SEV_MUST_USE sev_err sev_token_list(struct sev_token *token,
                                    bool (*visit)(void *context, const struct sev_token_entry *),
                                    void *context);

#endif
