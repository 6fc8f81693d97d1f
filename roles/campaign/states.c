/* states - what a campaign may become, in one table. SPDX-License-Identifier: MIT */
#include "internal.h"

#define TRANSITIONS(X)                                                                             \
    X(DRAFT, SUBMIT, SUBMITTED)                                                                    \
    X(DRAFT, ABORT, ABORTED)                                                                       \
    X(SUBMITTED, REJECT, DRAFT)                                                                    \
    X(SUBMITTED, APPROVE, APPROVED)                                                                \
    X(SUBMITTED, ABORT, ABORTED)                                                                   \
    X(APPROVED, PLANNED, SCHEDULED)                                                                \
    X(APPROVED, ABORT, ABORTED)                                                                    \
    X(SCHEDULED, BEGIN, RUNNING)                                                                   \
    X(SCHEDULED, ABORT, ABORTED)                                                                   \
    X(RUNNING, PAUSE, PAUSED)                                                                      \
    X(RUNNING, FINISH, DONE)                                                                       \
    X(RUNNING, ABORT, ABORTED)                                                                     \
    X(PAUSED, RESUME, RUNNING)                                                                     \
    X(PAUSED, ABORT, ABORTED)                                                                      \
    X(DONE, REOPEN, RUNNING)

static const struct {
    enum sev_campaign_state from;
    enum sev_campaign_event event;
    enum sev_campaign_state to;
} transitions[] = {
#define X(from, event, to) {SEV_CAMPAIGN_##from, SEV_CAMPAIGN_ON_##event, SEV_CAMPAIGN_##to},
    TRANSITIONS(X)
#undef X
};

sev_err sev_campaign_next(enum sev_campaign_state state, enum sev_campaign_event event,
                          enum sev_campaign_state *out)
{
    for (size_t i = 0; i < sizeof transitions / sizeof transitions[0]; i++)
        if (transitions[i].from == state && transitions[i].event == event) {
            *out = transitions[i].to;
            return SEV_OK;
        }
    return SEV_E_WRONG_STATE;
}

static const char *const state_words[] = {
#define X(name, word) word,
    SEV_CAMPAIGN_STATES(X)
#undef X
};
static const char *const event_words[] = {
#define X(name, word) word,
    SEV_CAMPAIGN_EVENTS(X)
#undef X
};
static const char *const member_words[] = {
#define X(name, word) word,
    SEV_MEMBER_STATES(X)
#undef X
};

const char *sev_campaign_state_word(enum sev_campaign_state state)
{
    return state < SEV_CAMPAIGN_STATE_COUNT ? state_words[state] : "";
}

const char *sev_campaign_event_word(enum sev_campaign_event event)
{
    return event < SEV_CAMPAIGN_EVENT_COUNT ? event_words[event] : "";
}

const char *sev_member_state_word(enum sev_member_state state)
{
    return state < SEV_MEMBER_STATE_COUNT ? member_words[state] : "";
}

enum sev_member_state sev_member_state_of(sev_slice word)
{
    int i = 0;
    while (i < SEV_MEMBER_STATE_COUNT && !sev_slice_eq(word, campaign_text(member_words[i])))
        i++;
    return (enum sev_member_state)i;
}
