/* log - see log.h.  SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "secureev/log.h"

#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

static struct {
    int fd;
    bool json;
    uint64_t dropped;
    pthread_mutex_t lock;
} log_state = {-1, false, 0, PTHREAD_MUTEX_INITIALIZER};

/* Where poll says that there is room, a pipe has room for more than a line. */
static bool write_line(const struct sev_event *event)
{
    uint8_t room[SEV_EVENT_LINE_MAX];
    sev_buf line = sev_buf_of(room, sizeof room);
    struct pollfd ready = {.fd = log_state.fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0)
        return false;
    sev_event_line(event, (sev_time)time(NULL), log_state.json, &line);
    return write(log_state.fd, line.ptr, line.len) >= 0;
}

static void emit(void *self, const struct sev_event *event)
{
    (void)self;
    pthread_mutex_lock(&log_state.lock);
    if (log_state.dropped != 0) {
        struct sev_event gap = {.id = SEV_EVENT_LOG_DROPPED};
        sev_event_number(&gap, "events", (int64_t)log_state.dropped);
        if (write_line(&gap))
            log_state.dropped = 0;
    }
    if (log_state.dropped != 0 || !write_line(event))
        log_state.dropped++;
    pthread_mutex_unlock(&log_state.lock);
}

struct sev_events sev_log_to(int descriptor, bool json)
{
    pthread_mutex_lock(&log_state.lock);
    log_state.fd = descriptor;
    log_state.json = json;
    pthread_mutex_unlock(&log_state.lock);
    return (struct sev_events){NULL, emit};
}
