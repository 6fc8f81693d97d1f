/* identity - a folder with somebody's identity: its log, the keys that it announces, and what the
 * registry gave for it. SPDX-License-Identifier: MIT */
#ifndef SEV_CLI_IDENTITY_H
#define SEV_CLI_IDENTITY_H

#include "keys.h"
#include "secureev/did.h"
#include "server.h"

/* DIR (0700) holds, each 0600:
 *   did.jsonl            the log
 *   identity-N.pem       private key that authenticates since entry N
 *   update-N.pem         private key that signs entry N
 *   tls.key, tls.pem     by `secureev enrol`: of connections
 *   ca.pem               what stands above tls.pem
 * Nothing is overwritten but did.jsonl and tls.pem, and these in one step. */

struct identity {
    struct cli *cli;
    const char *dir;
    struct sev_dir_lock lock;
    struct sev_bytes log; /* empty before it is begun */
    struct sev_did_state state;
};

/* All of these report their errors: 0, or the exit code to return. */

/** Open the folder of option --dir, checked from its first entry on; identity_close() it in any
 *  case. `make`: an empty one is made where absent. */
SEV_MUST_USE int identity_open(struct cli *c, bool make, struct identity *out);
void identity_close(struct identity *id);
/** A private key (P-256) of the folder. `make`: a new one where absent. */
SEV_MUST_USE int identity_key(struct identity *id, const char *file, bool make,
                              struct sev_privkey **out);
/** The one that authenticates now. */
SEV_MUST_USE int identity_authentication_key(struct identity *id, struct sev_privkey **out);
/** "update-3.pem". */
void identity_key_file(const char *what, int64_t version, char out[40]);
/** Its first entry, with new keys. @param recovery  public keys (PEM files) to announce too */
SEV_MUST_USE int identity_begin(struct identity *id, const char *const *recovery, size_t count);
/** Announce the keys in these PEM files as well. */
SEV_MUST_USE int identity_announce(struct identity *id, const char *const *files, size_t count,
                                   struct sev_did_entry *entry);
/** Sign the entry, take it into the log, keep the log. */
SEV_MUST_USE int identity_append(struct identity *id, const struct sev_did_entry *entry,
                                 const struct sev_privkey *key);
/** Bring the registry what it does not have. */
SEV_MUST_USE int identity_publish(struct identity *id, const char *url,
                                  struct sev_http_client *client);
/** The log as a registry has it, checked: `url` is believed nothing. Free `out_log`; NOT_FOUND is
 *  reported like all else. */
SEV_MUST_USE int identity_fetch(struct cli *c, const char *url, struct sev_http_client *client,
                                sev_slice did, int64_t version, struct sev_bytes *out_log,
                                struct sev_did_state *out);

/** Sign a message as the identity's. */
SEV_MUST_USE sev_err identity_sign(const struct sev_privkey *key, sev_slice body, sev_buf *out);
/** {"deactivated", "did", "document"?, "version"} */
void identity_emit(sev_json_writer *w, const struct sev_did_state *state, bool document);

#define IDENTITY_DIR_OPTION                                                                        \
    {                                                                                              \
        .name = "dir", .value = "DIR", .flags = CLI_REQUIRED, .help = "folder of the identity"     \
    }
#define IDENTITY_LOG_BYTES_MAX (SEV_DID_ENTRIES_MAX * (SEV_DID_ENTRY_BYTES_MAX + 1u))

#endif
