/* mqtt - hints that wait, and do not pile up; a real broker is in tests/e2e/test_mqtt.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "secureev/mqtt.h"

static unsigned lost;

static void emit(void *self, const struct sev_event *event)
{
    (void)self;
    if (event->id == SEV_EVENT_BROKER_LOST)
        __atomic_add_fetch(&lost, 1, __ATOMIC_SEQ_CST);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A socket that listens and never takes anybody, on `*out_port`. */
static int mute(uint16_t *out_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (const struct sockaddr *)&at, len) == 0 && listen(fd, 4) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    *out_port = ntohs(at.sin_port);
    return fd;
}

static sev_err start(const char *broker, const char *file, struct sev_mqtt **out)
{
    struct sev_mqtt_config config = {broker, file, file, file, {NULL, emit}};
    (void)signal(SIGPIPE, SIG_IGN);
    return sev_mqtt_start(&config, out);
}

/* Any file: nobody gets as far as to need what is in it. */
static const char *file(void)
{
    static char path[4200];
    snprintf(path, sizeof path, "%s/pem", sev_test_dir());
    sev_test_write(path, SEV_LIT("no certificate"));
    return path;
}

TEST(mqtt__senseless_configuration__named)
{
    static const char *const brokers[] = {
        "",     "a",       ":1",     "a:",   "a:0",   "a:x",
        "a:1x", "a:70000", "::1:80", "[]:1", "a:b:1", "a:1234567"};
    struct sev_mqtt *m = NULL;
    for (size_t i = 0; i < sizeof brokers / sizeof brokers[0]; i++)
        CHECK_ERR(start(brokers[i], file(), &m), SEV_E_CONFIG);
    CHECK_ERR(start("127.0.0.1:1", "/nowhere/file", &m), SEV_E_CONFIG);
    CHECK(m == NULL);
    sev_mqtt_stop(NULL);
}

TEST(mqtt__names_that_are_no_topic__refused)
{
    struct sev_mqtt *m = NULL;
    char longest[SEV_MQTT_VEHICLE_BYTES_MAX + 1];
    CHECK_OK(start("[::1]:1", file(), &m));
    static const char *const bad[] = {"", "a/b", "+", "a+", "#", "a b", "a\n", "$SYS", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_ERR(sev_mqtt_look(m, sev_slice_of(bad[i], strlen(bad[i]))), SEV_E_BAD_NAME);
    memset(longest, 'a', sizeof longest);
    CHECK_ERR(sev_mqtt_look(m, sev_slice_of(longest, sizeof longest)), SEV_E_BAD_NAME);
    CHECK_OK(sev_mqtt_look(m, sev_slice_of(longest, sizeof longest - 1)));
    CHECK_OK(sev_mqtt_look(m, SEV_LIT("did:secureev:1")));
    CHECK_EQ(sev_mqtt_state(m).waiting, 2);
    sev_mqtt_stop(m);
}

TEST(mqtt__nobody_takes_hints__bounded_told_once_and_nobody_waits)
{
    struct sev_mqtt *m = NULL;
    uint16_t port = 0;
    char broker[32];
    close(mute(&port)); /* nobody is there */
    snprintf(broker, sizeof broker, "127.0.0.1:%u", port);
    lost = 0;
    CHECK_OK(start(broker, file(), &m));
    int64_t began = now_ms();
    for (unsigned i = 0; i < SEV_MQTT_WAITING_MAX; i++)
        CHECK_OK(sev_mqtt_look(m, SEV_LIT("car-1")));
    CHECK_ERR(sev_mqtt_look(m, SEV_LIT("car-1")), SEV_E_OVERLOADED);
    CHECK(now_ms() - began < 1000);
    while (__atomic_load_n(&lost, __ATOMIC_SEQ_CST) == 0 && now_ms() - began < 20000)
        usleep(5000);
    usleep(1500000); /* it has tried again meanwhile */
    CHECK_EQ(lost, 1);
    CHECK(!sev_mqtt_state(m).connected);
    CHECK_EQ(sev_mqtt_state(m).waiting, SEV_MQTT_WAITING_MAX);
    CHECK_EQ(sev_mqtt_state(m).acknowledged, 0);
    began = now_ms();
    sev_mqtt_stop(m);
    CHECK(now_ms() - began < 2000);
}

TEST(mqtt__broker_that_hangs__the_end_does_not_wait_for_it)
{
    struct sev_mqtt *m = NULL;
    uint16_t port = 0;
    char broker[32];
    int fd = mute(&port);
    snprintf(broker, sizeof broker, "127.0.0.1:%u", port);
    CHECK_OK(start(broker, file(), &m));
    CHECK_OK(sev_mqtt_look(m, SEV_LIT("car-1")));
    usleep(300000);
    int64_t began = now_ms();
    sev_mqtt_stop(m);
    CHECK(now_ms() - began < 2000);
    close(fd);
}
