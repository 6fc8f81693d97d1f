/* event - what happened, typed: stable id, level, fields. Modules emit; one sink renders. No secret
 * is ever a field. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_EVENT_H
#define SECUREEV_EVENT_H

#include "secureev/err.h"
#include "secureev/slice.h"
#include "secureev/text.h"

typedef enum sev_level { SEV_LEVEL_INFO, SEV_LEVEL_WARNING, SEV_LEVEL_ALARM } sev_level;

/* X(NAME, id, level, sentence). Ids are the contract, order is not. */
/* clang-format off */
#define SEV_EVENT_TABLE(X)                                                                         \
    X(STARTED, "started", INFO, "ready for work")                                                  \
    X(STOPPED, "stopped", INFO, "ended as asked")                                                  \
    X(LOG_DROPPED, "log.dropped", ALARM, "nobody read the log, and events are missing from it")    \
    X(SIGNED, "signer.signed", INFO, "a key of the signer signed a document")                      \
    X(SIGN_REFUSED, "signer.refused", ALARM, "a request to the signer was against its policy")     \
    X(SIGNER_PEER_REFUSED, "signer.peer_refused", ALARM, "a user who may not asked the signer")         \
    X(TOKEN_LOST, "signer.token_lost", ALARM, "a token with keys is gone, or has forgotten us")    \
    X(TOKEN_BACK, "signer.token_back", INFO, "a token that was lost is there again")               \
    X(REGISTERED, "director.registered", INFO, "a vehicle named its ECUs")                         \
    X(REGISTER_REFUSED, "director.register_refused", ALARM, "ECUs were not registered")            \
    X(STATUS_REFUSED, "director.status_refused", ALARM, "a status was refused and nothing kept")   \
    X(NOT_ANSWERED, "director.not_answered", ALARM, "a status was kept and could not be answered") \
    X(VEHICLE_AHEAD, "director.vehicle_ahead", ALARM, "a vehicle holds more than was ever issued") \
    X(ECU_ATTACKED, "director.ecu_attacked", ALARM, "an ECU says that it was attacked")            \
    X(ECU_TIME_ODD, "director.ecu_time_odd", WARNING, "an ECU's time went back, or is ahead")                \
    X(INSTALL_FAILED, "director.install_failed", WARNING, "a vehicle says that an installation failed") \
    X(NOT_KEPT, "director.not_kept", ALARM, "a refusal could not be written down")                 \
    X(IMAGES_ACCEPTED, "images.accepted", INFO, "a signed file was taken and waits for the rest")  \
    X(IMAGES_STORED, "images.stored", INFO, "the bytes of an image were taken and verified")       \
    X(IMAGES_REFUSED, "images.refused", ALARM, "an upload was refused and nothing kept")           \
    X(IMAGES_PUBLISHED, "images.published", INFO, "a file and all that it lists became visible")   \
    X(IMAGES_NOT_PUBLISHED, "images.not_published", ALARM, "what is complete could not be brought out") \
    X(IMAGES_DROPPED, "images.dropped", WARNING, "what waited too long, or is wanted no more, went") \
    X(CAMPAIGN_MOVED, "campaign.moved", INFO, "a campaign is in another state")                    \
    X(CAMPAIGN_PAUSED, "campaign.paused", ALARM, "a campaign paused by itself")                    \
    X(CAMPAIGN_TROUBLE, "campaign.trouble", WARNING, "a campaign's step failed; it is tried again") \
    X(INVALIDATED, "release.invalidated", WARNING, "a release is not given to anybody any more")   \
    X(ENROLLED, "registry.enrolled", INFO, "a vehicle became an identity and got its certificate") \
    X(RENEWED, "registry.renewed", INFO, "a vehicle got its next certificate")                     \
    X(CLAIMED, "registry.claimed", WARNING, "the shared credential claimed a vehicle")             \
    X(ENROL_REFUSED, "registry.refused", ALARM, "no certificate was given")                        \
    X(DID_CHANGED, "registry.did_changed", INFO, "an identity began, changed or ended")            \
    X(DID_REFUSED, "registry.did_refused", WARNING, "an entry of an identity was refused")         \
    X(CHALLENGE_REFUSED, "registry.challenge_refused", WARNING, "somebody is not who he said to be") \
    X(BROKER_LOST, "director.broker_lost", WARNING, "no broker takes hints: vehicles come by themselves") \
    X(BROKER_BACK, "director.broker_back", INFO, "the broker takes hints again")                   \
    X(GRANT_ROOT, "images.grant_root", ALARM, "a root of the Director does not follow the one before") \
    X(CLOCK_JUMPED, "time.clock_jumped", ALARM, "the clock was set: nothing is attested any more")  \
    X(CLOCK_BACK, "time.clock_back", WARNING, "the clock is right again: time is attested")        \
    X(API_STRANGER, "admin.token_refused", WARNING, "somebody without a good token asked the admin API") \
    X(API_CHANGED, "admin.changed", INFO, "an operator changed something")                         \
    X(API_REFUSED, "admin.refused", WARNING, "what an operator asked for was refused")             \
    X(LOG_NOT_SIGNED, "log.not_signed", ALARM, "a checkpoint of the log could not be signed")      \
    X(LOG_DAMAGED, "log.damaged", ALARM, "the log does not go on from its last checkpoint: nothing is signed") \
    X(LOG_LEAF_CHANGED, "log.leaf_changed", ALARM, "another leaf of a number that is in the log: was a database set back?") \
    X(LOG_FORKED, "log.forked", ALARM, "a log shows its witness another history than before")      \
    X(LOG_COSIGNED, "log.cosigned", INFO, "a witness cosigned the checkpoint")                     \
    X(LOG_NOT_COSIGNED, "log.not_cosigned", WARNING, "a witness did not cosign the checkpoint")    \
    X(LOG_NOT_SHIPPED, "log.not_shipped", WARNING, "decisions wait: the log does not take them")   \
    X(HTTP_ANSWERED, "http.answered", INFO, "a request was answered")                              \
    X(HTTP_REFUSED, "http.refused", WARNING, "a request was refused")                              \
    X(HTTP_CUT_OFF, "http.cut_off", WARNING, "a connection was cut off")                           \
    X(HTTP_STRANGER, "http.stranger", WARNING, "a connection ended before anybody was known")      \
    X(HTTP_LOAD, "http.load", WARNING, "shares of strangers and peers changed with the load")      \
    X(HTTP_TROUBLE, "http.trouble", ALARM, "this machine lacks descriptors or memory for more")

/* clang-format on */

typedef enum sev_event_id {
#define X(name, id, level, sentence) SEV_EVENT_##name,
    SEV_EVENT_TABLE(X)
#undef X
        SEV_EVENT_COUNT
} sev_event_id;

#define SEV_EVENT_FIELDS_MAX 8u

/** `text.ptr` NULL: the number is the value. */
struct sev_event_field {
    const char *name;
    sev_slice text;
    int64_t number;
};

struct sev_event {
    sev_event_id id;
    sev_err err; /**< why; SEV_OK where nothing failed */
    unsigned count;
    struct sev_event_field fields[SEV_EVENT_FIELDS_MAX];
};

/** Where events go. Emitting never fails and never waits for long. */
struct sev_events {
    void *self;
    void (*emit)(void *self, const struct sev_event *event);
};

/** Add a field; what does not fit is left out. */
void sev_event_text(struct sev_event *event, const char *name, sev_slice text);
void sev_event_number(struct sev_event *event, const char *name, int64_t number);

const char *sev_event_name(sev_event_id id);
sev_level sev_event_level(sev_event_id id);
const char *sev_event_sentence(sev_event_id id);
/** "info", "warning", "alarm". */
const char *sev_level_name(sev_level level);

#define SEV_EVENT_LINE_MAX 2048u

/**
 * One line for people, or one JSON object, and a line feed. Characters that could forge a line or
 * a terminal's commands are replaced; a field that does not fit is cut.
 */
void sev_event_line(const struct sev_event *event, sev_time now, bool json, sev_buf *out);

#endif
