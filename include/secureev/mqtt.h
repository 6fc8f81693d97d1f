/* mqtt - "look now", told to vehicles by a broker: a hint that carries nothing, so that nobody who
 * forges, delays or drops one does more than cause, or spare, a visit. SPDX-License-Identifier: MIT
 */
#ifndef SECUREEV_MQTT_H
#define SECUREEV_MQTT_H

#include "secureev/event.h"

#define SEV_MQTT_WAITING_MAX 1024u /* hints that are not with the broker yet */
#define SEV_MQTT_IN_FLIGHT_MAX 64u /* of them, those that it has not acknowledged */
#define SEV_MQTT_VEHICLE_BYTES_MAX 128u
#define SEV_MQTT_BACKOFF_FIRST_MS 500u
#define SEV_MQTT_BACKOFF_MS_MAX 60000u /* each is scattered by half, up and down */
#define SEV_MQTT_PATIENCE_MS 10000u    /* with a broker that does not answer */

struct sev_mqtt_config {
    const char *broker; /**< "host:8883", "[::1]:8883"; its certificate must name the host */
    const char *ca, *certificate, *key; /**< PEM files; read anew for each connection */
    struct sev_events events;           /**< told when the broker is lost, and when it is back */
};

struct sev_mqtt;
/**
 * Begin; connects, and stays connected, in a thread of its own. SIGPIPE must be ignored.
 *
 * @retval SEV_E_CONFIG  `broker` is not host:port, or a file is not there
 * @retval SEV_E_MEMORY, SEV_E_IO
 */
SEV_MUST_USE sev_err sev_mqtt_start(const struct sev_mqtt_config *config, struct sev_mqtt **out);
/** NULL is fine. What waits is forgotten. */
void sev_mqtt_stop(struct sev_mqtt *m);

/**
 * Tell this vehicle, by QoS 1 on topic ota/VEHICLE/look. Never waits.
 *
 * @retval SEV_E_OVERLOADED  SEV_MQTT_WAITING_MAX wait already
 * @retval SEV_E_BAD_NAME    no topic can have that name in it: it would reach others, or nobody
 */
SEV_MUST_USE sev_err sev_mqtt_look(struct sev_mqtt *m, sev_slice vehicle);

struct sev_mqtt_state {
    bool connected;
    uint32_t waiting;
    uint64_t acknowledged; /**< hints that the broker took over, since the start */
};
struct sev_mqtt_state sev_mqtt_state(struct sev_mqtt *m);

#endif
