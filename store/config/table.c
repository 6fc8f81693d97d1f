/* table - every section and key of our configuration files: the manual, the defaults and the check.
 * SPDX-License-Identifier: MIT */
#include "secureev/config.h"

#include <stdio.h>
#include <string.h>

#define END                                                                                        \
    {                                                                                              \
        NULL, SEV_CONFIG_TEXT, NULL, 0, 0, NULL, NULL                                              \
    }
#define DAY 86400

static const struct sev_config_key signer[] = {
    {"socket", SEV_CONFIG_PATH, NULL, 0, 0, NULL, "Unix socket to listen on"},
    {"keystore", SEV_CONFIG_PATH, "", 0, 0, NULL,
     "folder of `secureev key` with the keys, unless all are on tokens"},
    {"passphrase_file", SEV_CONFIG_PATH, "", 0, 0, NULL,
     "its first line opens the keys there; readable by the signer's user alone"},
    {"evaluation", SEV_CONFIG_SWITCH, "no", 0, 0, NULL,
     "keys of more than one repository here, or that can be read out of a token: whoever breaks in "
     "has them all"},
    {"log", SEV_CONFIG_CHOICE, "text", 0, 0, "text json", "form of the lines on standard error"},
    END,
};

static const struct sev_config_key key[] = {
    {"key", SEV_CONFIG_TEXT, "", 0, 0, NULL,
     "name or id in the keystore, where it is not called as this section; on a token its label, or "
     "id: and its number in hex"},
    {"token", SEV_CONFIG_TEXT, "", 0, 0, NULL, "section [token NAME] of the token that holds it"},
    {"repository", SEV_CONFIG_CHOICE, NULL, 0, 0, "director images regulator registry log witness",
     "whose files it signs"},
    {"sign", SEV_CONFIG_WORDS, NULL, 0, 0,
     "timestamp snapshot targets status-reply grant submission time certificate checkpoint "
     "cosignature",
     "the types of documents that it signs; or one thing alone: certificate (of clients), "
     "checkpoint (of a log), cosignature (of a witness)"},
    {"issuer", SEV_CONFIG_PATH, "", 0, 0, NULL,
     "PEM file with the CA's certificate, for sign = certificate"},
    {"origins", SEV_CONFIG_WORDS, "", 0, 0, NULL,
     "logs whose checkpoints it signs (one) or cosigns (eight at most)"},
    {"name", SEV_CONFIG_TEXT, "", 0, 0, NULL,
     "the witness's, as it stands in cosignatures; a log's is its origin"},
    {"users", SEV_CONFIG_WORDS, NULL, 0, 0, NULL,
     "names or numbers of the users whose processes may ask"},
    {"profile", SEV_CONFIG_CHOICE, "native", 0, 0, "native aktualizr", "dialect of what it signs"},
    {"names", SEV_CONFIG_CHOICE, "did", 0, 0, "did any",
     "of certificates; any: for aktualizr's shared credential, then no vehicle may be called as a "
     "supplier, a shipper of the log or the Director at the broker"},
    {"life_max", SEV_CONFIG_SECONDS, "15d", 60, 400 * DAY, NULL,
     "no document is signed that expires later than this from now"},
    {"per_minute", SEV_CONFIG_NUMBER, "60000", 1, 10000000, NULL,
     "no more signatures than this in a minute"},
    END,
};

static const struct sev_config_key token[] = {
    {"module", SEV_CONFIG_PATH, NULL, 0, 0, NULL, "PKCS#11 library of the token's maker"},
    {"label", SEV_CONFIG_TEXT, "", 0, 0, NULL,
     "of the token, where it is not called as this section"},
    {"pin_file", SEV_CONFIG_PATH, NULL, 0, 0, NULL,
     "its first line is the user's PIN; readable by the signer's user alone"},
    END,
};

/* How much one network or peer may ask for, before anything is done for it. */
#define LISTENER_LIMITS                                                                            \
    {"connections",                                                                                \
     SEV_CONFIG_NUMBER,                                                                            \
     "8192",                                                                                       \
     1,                                                                                            \
     1000000,                                                                                      \
     NULL,                                                                                         \
     "open at one time, of each worker"},                                                          \
        {"network_rate",                                                                           \
         SEV_CONFIG_NUMBER,                                                                        \
         "100",                                                                                    \
         0,                                                                                        \
         1000000,                                                                                  \
         NULL,                                                                                     \
         "new connections per second of one network (IPv4 /24, IPv6 /56), three times that at "    \
         "once; 0 behind a balancer, from where all seem to come"},                                \
    {                                                                                              \
        "peer_rate", SEV_CONFIG_NUMBER, "20", 0, 1000000, NULL,                                    \
            "requests per second of one identity, ten times that at once; 0: no limit"             \
    }

#define LISTENER LISTENER_AT(NULL)
#define LISTENER_AT(address)                                                                       \
    {"listen", SEV_CONFIG_ADDRESS, address, 0, 0, NULL, "where to listen"},                        \
        {"workers", SEV_CONFIG_NUMBER, "2", 1, 64, NULL, "threads that wait for connections"},     \
        {"certificate",                                                                            \
         SEV_CONFIG_PATH,                                                                          \
         NULL,                                                                                     \
         0,                                                                                        \
         0,                                                                                        \
         NULL,                                                                                     \
         "PEM file with the server's certificate, then those up to its CA"},                       \
        {"certificate_key", SEV_CONFIG_PATH, NULL, 0, 0, NULL, "PEM file with its private key"},   \
        LISTENER_LIMITS,                                                                           \
    {                                                                                              \
        "clients", SEV_CONFIG_PATH, NULL, 0, 0, NULL,                                              \
            "PEM file with the CAs whose certificates clients must have"                           \
    }

static const struct sev_config_key server[] = {
    {"evaluation", SEV_CONFIG_SWITCH, "no", 0, 0, NULL,
     "roles together that should not be: whoever breaks in has them all"},
    {"log", SEV_CONFIG_CHOICE, "text", 0, 0, "text json", "form of the lines on standard error"},
    {"access_log", SEV_CONFIG_SWITCH, "no", 0, 0, NULL, "a line for every request, too"},
    {"drain", SEV_CONFIG_SECONDS, "10s", 0, 300, NULL,
     "how long requests that have begun may take when it is told to stop"},
    END,
};

static const struct sev_config_key director[] = {
    LISTENER_AT("0.0.0.0:8000"), /* REQ-B11 */
    {"database", SEV_CONFIG_STORE, NULL, 0, 0, NULL,
     "SQLite file, made where absent; or a PostgreSQL server's"},
    {"metadata", SEV_CONFIG_PATH, NULL, 0, 0, NULL,
     "folder with 1.root.json and on, as `secureev repo publish` made it"},
    {"signer", SEV_CONFIG_PATH, NULL, 0, 0, NULL, "Unix socket of secureev-signer"},
    {"targets_key", SEV_CONFIG_TEXT, "director-targets", 0, 0, NULL, "its name at the signer"},
    {"snapshot_key", SEV_CONFIG_TEXT, "director-snapshot", 0, 0, NULL, "its name at the signer"},
    {"timestamp_key", SEV_CONFIG_TEXT, "director-timestamp", 0, 0, NULL, "its name at the signer"},
    {"aktualizr_key", SEV_CONFIG_TEXT, "", 0, 0, NULL,
     "likewise, of targets in aktualizr's dialect; not given, it is not spoken"},
    {"publish_key", SEV_CONFIG_TEXT, "", 0, 0, NULL,
     "likewise, of download grants; not given, none are issued"},
    {"oem", SEV_CONFIG_TEXT, "oem", 0, 0, NULL, "what grants call this Director's owner"},
    {"grant_life", SEV_CONFIG_SECONDS, "7d", 1, 7 * DAY, NULL, "how long a grant is good"},
    {"enrolment", SEV_CONFIG_CHOICE, "required", 0, 0, "required foreign",
     "required: certificates that the registry gave to vehicles of this database, until they are "
     "revoked; foreign: whatever the CAs in 'clients' gave, and nobody can revoke it here"},
    {"aktualizr_images", SEV_CONFIG_TEXT, "", 0, 0, NULL,
     "base URL of Images for vehicles of that dialect that look for them here, under /repo: they "
     "are sent there, as to https://images.example:8001/repo"},
    {"aktualizr_registry", SEV_CONFIG_TEXT, "", 0, 0, NULL,
     "likewise base URL of the registry, for those that come with the shared credential"},
    {"threads", SEV_CONFIG_NUMBER, "8", 1, 256, NULL,
     "threads that wait for database and signer, 16 MiB each"},
    {"poll_interval", SEV_CONFIG_SECONDS, "1d", 1, 90 * DAY, NULL, "when vehicles come again"},
    {"poll_jitter", SEV_CONFIG_SECONDS, "1h", 0, 90 * DAY, NULL,
     "random addition to it, so that they do not come together"},
    {"campaigns", SEV_CONFIG_SWITCH, "yes", 0, 0, NULL,
     "move campaigns on; any number of processes of one database may"},
    END,
};

static const struct sev_config_key images[] = {
    LISTENER_AT("0.0.0.0:8001"),
    {"folder", SEV_CONFIG_PATH, NULL, 0, 0, NULL, "what `secureev repo publish` made; served"},
    {"private", SEV_CONFIG_SWITCH, "no", 0, 0, NULL,
     "images for those alone who bring a grant of the Director"},
    {"director_roots", SEV_CONFIG_PATH, "", 0, 0, NULL,
     "with private: folder with the Director's 1.root.json and those that follow"},
    {"oem", SEV_CONFIG_TEXT, "oem", 0, 0, NULL, "with private: whose Director it is, as it says"},
    {"uploads", SEV_CONFIG_PATH, "", 0, 0, NULL,
     "where uploads wait, on the file system of `folder`; not given, none are taken"},
    {"signer", SEV_CONFIG_PATH, "", 0, 0, NULL, "with uploads: Unix socket of secureev-signer"},
    {"snapshot_key", SEV_CONFIG_TEXT, "images-snapshot", 0, 0, NULL, "its name at the signer"},
    {"timestamp_key", SEV_CONFIG_TEXT, "images-timestamp", 0, 0, NULL, "its name at the signer"},
    {"life", SEV_CONFIG_SECONDS, "7d", 2, 400 * DAY, NULL,
     "of snapshot and timestamp, which are signed anew at half of it"},
    {"uploads_bytes", SEV_CONFIG_BYTES, "16G", 1, INT64_MAX, NULL,
     "that a supplier's signed files may make the server wait for"},
    {"uploads_open", SEV_CONFIG_NUMBER, "8", 1, 1024, NULL,
     "images that a supplier may send at one time"},
    {"uploads_wait", SEV_CONFIG_SECONDS, "7d", 60, 400 * DAY, NULL,
     "what is not complete by then is dropped"},
    END,
};

static const struct sev_config_key supplier[] = {
    {"identity", SEV_CONFIG_TEXT, NULL, 0, 0, NULL,
     "as its client certificate proves it: a DID, or the common name"},
    {"roles", SEV_CONFIG_WORDS, NULL, 0, 0, NULL,
     "whose signed files it may upload; of the desk also root and targets"},
    END,
};

static const struct sev_config_key registry[] = {
    LISTENER,
    {"database", SEV_CONFIG_STORE, NULL, 0, 0, NULL, "the Director's"},
    {"signer", SEV_CONFIG_PATH, NULL, 0, 0, NULL, "Unix socket of secureev-signer"},
    {"key", SEV_CONFIG_TEXT, "registry-ca", 0, 0, NULL, "name of its CA's key at the signer"},
    {"issuer", SEV_CONFIG_PATH, NULL, 0, 0, NULL,
     "PEM file with that CA's certificate, and those up to its root: for vehicles"},
    {"server_ca", SEV_CONFIG_PATH, NULL, 0, 0, NULL,
     "PEM file with the CA of the servers' certificates: for aktualizr's vehicles"},
    {"certificate_life", SEV_CONFIG_SECONDS, "14d", 1, 400 * DAY, NULL,
     "how long the certificates that it gives are good; at most the key's life_max at the signer"},
    {"shared_credential", SEV_CONFIG_PATH, "", 0, 0, NULL,
     "PEM file with the certificate of aktualizr's shared credential; not given, there is none"},
    {"threads", SEV_CONFIG_NUMBER, "4", 1, 256, NULL,
     "threads that wait for database and signer, 8 MiB each"},
    END,
};

static const struct sev_config_key time_service[] = {
    LISTENER,
    {"signer", SEV_CONFIG_PATH, NULL, 0, 0, NULL, "Unix socket of secureev-signer"},
    {"key", SEV_CONFIG_TEXT, "time", 0, 0, NULL, "name of its key at the signer"},
    END,
};

#define PEER                                                                                       \
    {"server", SEV_CONFIG_TEXT, NULL, 0, 0, NULL, "where it is: https://host:port"},               \
        {"ca",                                                                                     \
         SEV_CONFIG_PATH,                                                                          \
         NULL,                                                                                     \
         0,                                                                                        \
         0,                                                                                        \
         NULL,                                                                                     \
         "PEM file with the CA that its certificate must lead to"},                                \
        {"certificate", SEV_CONFIG_PATH, NULL, 0, 0, NULL, "PEM file with ours, as its client"},   \
    {                                                                                              \
        "certificate_key", SEV_CONFIG_PATH, NULL, 0, 0, NULL, "PEM file with its private key"      \
    }

static const struct sev_config_key log_role[] = {
    LISTENER,
    {"database", SEV_CONFIG_STORE, NULL, 0, 0, NULL, "SQLite file, or how to reach PostgreSQL"},
    {"signer", SEV_CONFIG_PATH, NULL, 0, 0, NULL, "Unix socket of secureev-signer"},
    {"origin", SEV_CONFIG_TEXT, NULL, 0, 0, NULL,
     "the log's name, for ever: its address without https://, such as log.example/ev"},
    {"keys", SEV_CONFIG_WORDS, "log", 0, 0, NULL,
     "names at the signer of those that sign its checkpoints, four at most; one of Ed25519"},
    {"shippers", SEV_CONFIG_WORDS, NULL, 0, 0, NULL,
     "whose certificates may add leaves, by common name"},
    {"period", SEV_CONFIG_SECONDS, "1s", 1, 3600, NULL, "time between two checkpoints at most"},
    {"threads", SEV_CONFIG_NUMBER, "4", 1, 64, NULL, "threads that wait for the database"},
    END,
};

static const struct sev_config_key cosigner[] = {
    PEER,
    {"key", SEV_CONFIG_TEXT, NULL, 0, 0, NULL,
     "its verifier key, as `secureev audit key` writes it"},
    END,
};

static const struct sev_config_key witness[] = {
    LISTENER,
    {"database", SEV_CONFIG_STORE, NULL, 0, 0, NULL,
     "of its own: SQLite file, or how to reach PostgreSQL"},
    {"signer", SEV_CONFIG_PATH, NULL, 0, 0, NULL, "Unix socket of secureev-signer"},
    {"key", SEV_CONFIG_TEXT, "witness", 0, 0, NULL, "name of its key at the signer"},
    END,
};

static const struct sev_config_key witnessed[] = {
    {"origin", SEV_CONFIG_TEXT, NULL, 0, 0, NULL, "the log's name, as its checkpoints have it"},
    {"keys", SEV_CONFIG_WORDS, NULL, 0, 0, NULL, "its verifier keys, any of which will do"},
    END,
};

static const struct sev_config_key audit[] = {
    PEER,
    {"source", SEV_CONFIG_TEXT, "director", 0, 0, NULL,
     "common name of our certificate: with a number it names each leaf"},
    {"salt_file", SEV_CONFIG_PATH, NULL, 0, 0, NULL,
     "32 to 64 random bytes that make pseudonyms; keep it: with another one they are others"},
    {"period", SEV_CONFIG_SECONDS, "1s", 1, 3600, NULL, "how often is looked for what to ship"},
    {"count_period", SEV_CONFIG_SECONDS, "1h", 1, DAY, NULL,
     "how often is said how much each key of the signer signed"},
    END,
};

static const struct sev_config_key admin[] = {
    {"listen", SEV_CONFIG_ADDRESS, NULL, 0, 0, NULL, "where to listen"},
    {"workers", SEV_CONFIG_NUMBER, "1", 1, 64, NULL, "threads that wait for connections"},
    {"certificate", SEV_CONFIG_PATH, NULL, 0, 0, NULL,
     "PEM file with the server's certificate, then those up to its CA"},
    {"certificate_key", SEV_CONFIG_PATH, NULL, 0, 0, NULL, "PEM file with its private key"},
    {"clients", SEV_CONFIG_TEXT, "", 0, 0, NULL,
     "PEM file with CAs: operators' programs then need a certificate beside their token"},
    LISTENER_LIMITS,
    {"database", SEV_CONFIG_STORE, NULL, 0, 0, NULL, "the Director's"},
    {"threads", SEV_CONFIG_NUMBER, "4", 1, 64, NULL,
     "threads that wait for the database, 24 MiB each when asked for much"},
    END,
};

static const struct sev_config_key mqtt[] = {
    {"broker", SEV_CONFIG_TEXT, NULL, 0, 0, NULL, "HOST:PORT of the MQTT broker"},
    {"ca", SEV_CONFIG_PATH, NULL, 0, 0, NULL, "PEM file with the CA of the broker's certificate"},
    {"certificate", SEV_CONFIG_PATH, NULL, 0, 0, NULL,
     "PEM file with ours; its common name is what the broker's list of rights calls the Director"},
    {"certificate_key", SEV_CONFIG_PATH, NULL, 0, 0, NULL, "PEM file with its private key"},
    END,
};

static const struct sev_config_key health[] = {
    {"listen", SEV_CONFIG_ADDRESS, NULL, 0, 0, NULL,
     "where to tell /metrics, /healthz and /readyz: without TLS, so on the loopback"},
    {"workers", SEV_CONFIG_NUMBER, "1", 1, 64, NULL, "threads that wait for connections"},
    END,
};

const struct sev_config_section sev_config_table[] = {
    {"server", false, "secureevd, whatever its roles", server},
    {"director", false, "role of secureevd: says which vehicle is to have what", director},
    {"admin", false, "role of secureevd: the API for operators", admin},
    {"images", false, "role of secureevd: serves images and their metadata", images},
    {"registry", false, "role of secureevd: gives vehicles their certificates, tells who is who",
     registry},
    {"supplier", true, "somebody who may upload to [images]", supplier},
    {"time", false, "role of secureevd: attests what time it is", time_service},
    {"log", false, "role of secureevd: the audit log", log_role},
    {"cosigner", true, "a witness that the audit log asks", cosigner},
    {"witness", false, "role of secureevd: cosigns checkpoints of logs that only grow", witness},
    {"witnessed", true, "a log that the witness cosigns", witnessed},
    {"audit", false, "the audit log that decisions are shipped to", audit},
    {"mqtt", false, "secureevd: where the Director tells vehicles to look now", mqtt},
    {"health", false, "secureevd: how it is, for its keepers", health},
    {"signer", false, "secureev-signer, the process that holds the online keys", signer},
    {"key", true, "a key of the signer and what it may sign", key},
    {"token", true, "a PKCS#11 token of the signer: HSM, card or SoftHSM", token},
    {NULL, false, NULL, NULL},
};

/* May keys of these two be in one signer? The registry says who somebody is, a log what happened:
 * not what is to be installed. A witness is its own: beside a log it would witness nothing. */
static bool go_together(const char *a, const char *b)
{
    if (strcmp(a, b) == 0 || strcmp(a, "registry") == 0 || strcmp(b, "registry") == 0)
        return true;
    if (strcmp(a, "witness") == 0 || strcmp(b, "witness") == 0)
        return false;
    return strcmp(a, "log") == 0 || strcmp(b, "log") == 0;
}

/* One signer with the keys of two repositories would make their agreement worth nothing. */
static sev_err check_keys(const struct sev_config *config, const char *path,
                          struct sev_config_note *note)
{
    const struct sev_config_block *owner = sev_config_next(config, "signer", NULL);
    const struct sev_config_block *a = NULL;
    if (owner == NULL || sev_config_switch(owner, "evaluation"))
        return SEV_OK;
    while ((a = sev_config_next(config, "key", a)) != NULL) {
        const struct sev_config_block *b = a;
        while ((b = sev_config_next(config, "key", b)) != NULL) {
            if (go_together(sev_config_text(a, "repository"), sev_config_text(b, "repository")))
                continue;
            note->line = b->line;
            snprintf(note->text, sizeof note->text,
                     "%.80s:%u: keys of two repositories in one signer make their agreement "
                     "worthless; give each a signer, or say 'evaluation = yes' in [signer]",
                     path, b->line);
            return SEV_E_CONFIG;
        }
    }
    return SEV_OK;
}

/* As check_keys, of the processes. */
static sev_err check_roles(const struct sev_config *config, const char *path,
                           struct sev_config_note *note)
{
    static const char *const apart[][2] = {{"director", "images"}, {"log", "witness"}};
    const struct sev_config_block *server_block = sev_config_next(config, "server", NULL);
    if (server_block != NULL && sev_config_switch(server_block, "evaluation"))
        return SEV_OK;
    for (size_t i = 0; i < sizeof apart / sizeof apart[0]; i++) {
        const struct sev_config_block *other = sev_config_next(config, apart[i][1], NULL);
        if (other == NULL || sev_config_next(config, apart[i][0], NULL) == NULL)
            continue;
        note->line = other->line;
        snprintf(note->text, sizeof note->text,
                 "%.80s:%u: %s and %s in one process make their agreement worthless; give "
                 "each a process, or say 'evaluation = yes' in [server]",
                 path, other->line, apart[i][0], apart[i][1]);
        return SEV_E_CONFIG;
    }
    return SEV_OK;
}

sev_err sev_config_load_ours(const struct sev_fs *fs, const char *path, struct sev_config *out,
                             struct sev_config_note *note)
{
    sev_err e = sev_config_load(fs, path, sev_config_table, out, note);
    if (e != SEV_OK)
        return e;
    e = check_keys(out, path, note);
    if (e == SEV_OK)
        e = check_roles(out, path, note);
    if (e != SEV_OK)
        sev_config_free(fs, out);
    return e;
}
