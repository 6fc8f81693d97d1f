/* mqtt - see mqtt.h. The handle of libmosquitto lives as long as one connection: certificates are
 * read anew with each, and what was not acknowledged is ours to send again.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "secureev/mqtt.h"

#include <errno.h>
#include <mosquitto.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define HOST_BYTES 256
#define KEEPALIVE_S 30
#define CONNECTING_TICK_MS 20
#define TICK_MS 1000 /* libmosquitto's pings and deadlines want a look so often */

struct hint {
    uint8_t len;
    char vehicle[SEV_MQTT_VEHICLE_BYTES_MAX];
};

struct sev_mqtt {
    char host[HOST_BYTES];
    int port;
    char *ca, *certificate, *key;
    struct sev_events events;
    pthread_t thread;
    int wake; /* eventfd: something waits, or it is the end */
    pthread_mutex_t lock;
    /* under the lock */
    bool ending, connected;
    uint64_t acknowledged;
    uint32_t first, waiting; /* of the ring */
    struct hint ring[SEV_MQTT_WAITING_MAX];
    /* of the thread */
    uint32_t sent; /* of those that wait: given to this connection, oldest first */
    bool lost;     /* and have told so */
    int refused;   /* what the broker said to us, if it was no yes */
};

/* -------------------------------------------------------------------- hints */

static bool is_topic(sev_slice vehicle)
{
    for (size_t i = 0; i < vehicle.len; i++) {
        uint8_t ch = vehicle.ptr[i];
        if (ch <= ' ' || ch > '~' || ch == '/' || ch == '+' || ch == '#' || ch == '$')
            return false;
    }
    return vehicle.len > 0 && vehicle.len <= SEV_MQTT_VEHICLE_BYTES_MAX;
}

static void wake(const struct sev_mqtt *m)
{
    const uint64_t one = 1;
    (void)!write(m->wake, &one, sizeof one);
}

sev_err sev_mqtt_look(struct sev_mqtt *m, sev_slice vehicle)
{
    if (!is_topic(vehicle))
        return SEV_E_BAD_NAME;
    pthread_mutex_lock(&m->lock);
    bool room = m->waiting < SEV_MQTT_WAITING_MAX;
    if (room) {
        struct hint *h = &m->ring[(m->first + m->waiting) % SEV_MQTT_WAITING_MAX];
        h->len = (uint8_t)vehicle.len;
        memcpy(h->vehicle, vehicle.ptr, vehicle.len);
        m->waiting++;
    }
    pthread_mutex_unlock(&m->lock);
    if (room)
        wake(m);
    return room ? SEV_OK : SEV_E_OVERLOADED;
}

struct sev_mqtt_state sev_mqtt_state(struct sev_mqtt *m)
{
    pthread_mutex_lock(&m->lock);
    struct sev_mqtt_state s = {m->connected, m->waiting, m->acknowledged};
    pthread_mutex_unlock(&m->lock);
    return s;
}

/* --------------------------------------------------------------- connection */

static void tell(const struct sev_mqtt *m, sev_event_id id, sev_err why, const char *detail)
{
    struct sev_event event = {.id = id, .err = why};
    sev_event_text(&event, "broker", sev_slice_of(m->host, strlen(m->host)));
    sev_event_number(&event, "port", m->port);
    if (detail != NULL)
        sev_event_text(&event, "detail", sev_slice_of(detail, strlen(detail)));
    if (m->events.emit != NULL)
        m->events.emit(m->events.self, &event);
}

static void set_connected(struct sev_mqtt *m, bool connected)
{
    pthread_mutex_lock(&m->lock);
    m->connected = connected;
    pthread_mutex_unlock(&m->lock);
}

static bool is_ending(struct sev_mqtt *m)
{
    pthread_mutex_lock(&m->lock);
    bool ending = m->ending;
    pthread_mutex_unlock(&m->lock);
    return ending;
}

static void on_connect(struct mosquitto *q, void *context, int code)
{
    struct sev_mqtt *m = context;
    (void)q;
    m->refused = code;
    if (code != 0)
        return;
    set_connected(m, true);
    if (m->lost)
        tell(m, SEV_EVENT_BROKER_BACK, SEV_OK, NULL);
    m->lost = false;
}

/* All hints are alike, so it is the oldest that is done with. */
static void on_publish(struct mosquitto *q, void *context, int number)
{
    struct sev_mqtt *m = context;
    (void)q, (void)number;
    if (m->sent == 0)
        return;
    m->sent--;
    pthread_mutex_lock(&m->lock);
    m->first = (m->first + 1) % SEV_MQTT_WAITING_MAX;
    m->waiting--;
    m->acknowledged++;
    pthread_mutex_unlock(&m->lock);
}

/* What waits, as far as the broker keeps up. False: the connection is of no use any more. */
static bool send_waiting(struct sev_mqtt *m, struct mosquitto *q)
{
    static const char payload[] = "look";
    char topic[SEV_MQTT_VEHICLE_BYTES_MAX + 16];
    while (m->sent < SEV_MQTT_IN_FLIGHT_MAX) {
        pthread_mutex_lock(&m->lock);
        bool more = m->sent < m->waiting;
        struct hint h = m->ring[(m->first + m->sent) % SEV_MQTT_WAITING_MAX];
        pthread_mutex_unlock(&m->lock);
        if (!more)
            return true;
        snprintf(topic, sizeof topic, "ota/%.*s/look", h.len, h.vehicle);
        m->sent++; /* before: the acknowledgement may come within */
        if (mosquitto_publish(q, NULL, topic, sizeof payload - 1, payload, 1, false) !=
            MOSQ_ERR_SUCCESS)
            return false;
    }
    return true;
}

static bool set_up(struct sev_mqtt *m, struct mosquitto *q)
{
    mosquitto_connect_callback_set(q, on_connect);
    mosquitto_publish_callback_set(q, on_publish);
    /* All of them: what the library would hold back we hold back. */
    mosquitto_max_inflight_messages_set(q, 0);
    return mosquitto_tls_set(q, m->ca, NULL, m->certificate, m->key, NULL) == MOSQ_ERR_SUCCESS &&
           mosquitto_tls_opts_set(q, 1, "tlsv1.3", NULL) == MOSQ_ERR_SUCCESS &&
           mosquitto_int_option(q, MOSQ_OPT_TCP_NODELAY, 1) == MOSQ_ERR_SUCCESS;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* One turn of the connection. Before it stands the library always wants to write, to a socket that
 * was refused, too: then it is asked now and then. */
static int turn(struct sev_mqtt *m, struct mosquitto *q, bool connected)
{
    uint64_t count;
    struct pollfd fds[2] = {{.fd = mosquitto_socket(q), .events = POLLIN},
                            {.fd = m->wake, .events = POLLIN}};
    if (fds[0].fd < 0)
        return MOSQ_ERR_CONN_LOST;
    if (connected && mosquitto_want_write(q))
        fds[0].events |= POLLOUT;
    if (poll(fds, 2, connected ? TICK_MS : CONNECTING_TICK_MS) < 0 && errno != EINTR)
        return MOSQ_ERR_ERRNO;
    if ((fds[1].revents & POLLIN) != 0)
        (void)!read(m->wake, &count, sizeof count);
    if (!connected && (fds[0].revents & (POLLERR | POLLHUP)) != 0)
        return MOSQ_ERR_CONN_REFUSED;
    int rc = MOSQ_ERR_SUCCESS;
    if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        rc = mosquitto_loop_read(q, 1);
    if (rc == MOSQ_ERR_SUCCESS && (!connected || (fds[0].revents & POLLOUT) != 0))
        rc = mosquitto_loop_write(q, 1);
    return rc == MOSQ_ERR_SUCCESS ? mosquitto_loop_misc(q) : rc;
}

/* Until the connection ends, or all does. Returns what libmosquitto calls the reason. */
static int serve(struct sev_mqtt *m, struct mosquitto *q)
{
    int rc = mosquitto_connect_async(q, m->host, m->port, KEEPALIVE_S);
    int64_t give_up = now_ms() + SEV_MQTT_PATIENCE_MS;
    bool connected = false;
    while (rc == MOSQ_ERR_SUCCESS && !is_ending(m)) {
        rc = turn(m, q, connected);
        connected = sev_mqtt_state(m).connected;
        if (rc == MOSQ_ERR_SUCCESS && m->refused > 0)
            return MOSQ_ERR_CONN_REFUSED;
        if (rc == MOSQ_ERR_SUCCESS && connected && !send_waiting(m, q))
            return MOSQ_ERR_UNKNOWN;
        if (rc == MOSQ_ERR_SUCCESS && !connected && now_ms() > give_up)
            return MOSQ_ERR_CONN_LOST;
    }
    return rc;
}

/* ------------------------------------------------------------------- thread */

/* Scattered, so that the publishers of many Directors do not come back as one. */
static void pause_for(struct sev_mqtt *m, uint32_t ms)
{
    uint32_t random = 0;
    (void)!getrandom(&random, sizeof random, GRND_NONBLOCK);
    int64_t until = now_ms() + ms / 2 + random % (ms + 1);
    while (!is_ending(m)) {
        uint64_t count;
        struct pollfd p = {.fd = m->wake, .events = POLLIN};
        int64_t left = until - now_ms();
        if (left <= 0)
            return;
        if (poll(&p, 1, (int)left) > 0)
            (void)!read(m->wake, &count, sizeof count); /* a hint more: it waits with the others */
    }
}

static void *run(void *context)
{
    struct sev_mqtt *m = context;
    uint32_t backoff = SEV_MQTT_BACKOFF_FIRST_MS;
    while (!is_ending(m)) {
        struct mosquitto *q = mosquitto_new(NULL, true, m);
        m->refused = 0;
        m->sent = 0;
        int rc = q != NULL && set_up(m, q) ? serve(m, q) : MOSQ_ERR_NOMEM;
        bool was_connected = sev_mqtt_state(m).connected;
        set_connected(m, false);
        if (is_ending(m) && q != NULL)
            (void)mosquitto_disconnect(q);
        mosquitto_destroy(q);
        if (is_ending(m))
            break;
        if (!m->lost)
            tell(m, SEV_EVENT_BROKER_LOST, SEV_E_UNREACHABLE, mosquitto_strerror(rc));
        m->lost = true;
        backoff = was_connected ? SEV_MQTT_BACKOFF_FIRST_MS : backoff;
        pause_for(m, backoff);
        backoff = backoff * 2 < SEV_MQTT_BACKOFF_MS_MAX ? backoff * 2 : SEV_MQTT_BACKOFF_MS_MAX;
    }
    return NULL;
}

/* --------------------------------------------------------------- start, stop */

static bool take_broker(struct sev_mqtt *m, const char *text)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text)
        return false;
    size_t len = (size_t)(colon - text), digits = strspn(colon + 1, "0123456789");
    if (text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    } else if (memchr(text, ':', len) != NULL) {
        return false;
    }
    if (len == 0 || len >= sizeof m->host || digits == 0 || digits > 5 || colon[1 + digits] != '\0')
        return false;
    memcpy(m->host, text, len);
    m->port = (int)strtol(colon + 1, NULL, 10);
    return m->port > 0 && m->port <= 65535;
}

static char *readable(const char *path)
{
    return access(path, R_OK) == 0 ? strdup(path) : NULL;
}

static void free_all(struct sev_mqtt *m)
{
    if (m->wake >= 0)
        close(m->wake);
    pthread_mutex_destroy(&m->lock);
    free(m->ca);
    free(m->certificate);
    free(m->key);
    free(m);
}

sev_err sev_mqtt_start(const struct sev_mqtt_config *config, struct sev_mqtt **out)
{
    struct sev_mqtt *m = calloc(1, sizeof *m);
    if (m == NULL)
        return SEV_E_MEMORY;
    pthread_mutex_init(&m->lock, NULL);
    m->events = config->events;
    m->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    m->ca = readable(config->ca);
    m->certificate = readable(config->certificate);
    m->key = readable(config->key);
    bool good =
        take_broker(m, config->broker) && m->ca != NULL && m->certificate != NULL && m->key != NULL;
    sev_err e = !good ? SEV_E_CONFIG : m->wake < 0 ? SEV_E_IO : SEV_OK;
    if (e == SEV_OK && mosquitto_lib_init() != MOSQ_ERR_SUCCESS)
        e = SEV_E_MEMORY;
    if (e == SEV_OK && pthread_create(&m->thread, NULL, run, m) != 0) {
        (void)mosquitto_lib_cleanup();
        e = SEV_E_IO;
    }
    if (e == SEV_OK)
        *out = m;
    else
        free_all(m);
    return e;
}

void sev_mqtt_stop(struct sev_mqtt *m)
{
    if (m == NULL)
        return;
    pthread_mutex_lock(&m->lock);
    m->ending = true;
    pthread_mutex_unlock(&m->lock);
    wake(m);
    pthread_join(m->thread, NULL);
    (void)mosquitto_lib_cleanup();
    free_all(m);
}
