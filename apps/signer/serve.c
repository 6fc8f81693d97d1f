/* serve - see serve.h. One thread: a signature takes microseconds, and order is simple to reason
 * about. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define HEAD SEV_SIGNER_HEAD_BYTES

struct peer {
    int fd; /* -1: free */
    uint32_t user;
    int64_t since_ms; /* when the frame that is not whole yet began */
    size_t in_len, in_cap, out_len, out_sent;
    uint8_t *in;
    uint8_t out[HEAD + SEV_SIGNER_ANSWER_BYTES_MAX];
};
static struct peer *peers[SERVE_PEERS_MAX];

int64_t serve_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------- socket */

static bool is_dead(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool dead = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
                errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return dead;
}

int serve_listen(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int rc = bind(fd, (const struct sockaddr *)&address, sizeof address);
    if (rc != 0 && errno == EADDRINUSE && is_dead(&address) && unlink(path) == 0)
        rc = bind(fd, (const struct sockaddr *)&address, sizeof address);
    /* Anybody may knock: the kernel says who it is, and each key says whom it serves. */
    if (rc == 0 && chmod(path, 0666) == 0 && listen(fd, SERVE_PEERS_MAX) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* -------------------------------------------------------------------- peers */

static void drop(size_t i)
{
    if (peers[i]->in != NULL)
        sev_wipe(peers[i]->in, peers[i]->in_cap);
    free(peers[i]->in);
    close(peers[i]->fd);
    free(peers[i]);
    peers[i] = NULL;
}

void serve_close(void)
{
    for (size_t i = 0; i < SERVE_PEERS_MAX; i++)
        if (peers[i] != NULL)
            drop(i);
}

static bool serves_user(const struct sev_signer *signer, uint32_t user)
{
    for (size_t i = 0; i < signer->count; i++)
        for (unsigned u = 0; u < signer->keys[i].user_count; u++)
            if (signer->keys[i].users[u] == user)
                return true;
    return false;
}

static void tell_stranger(struct sev_signer *signer, uint32_t user, sev_err why)
{
    struct sev_event event = {.id = SEV_EVENT_SIGNER_PEER_REFUSED, .err = why};
    sev_event_number(&event, "user", user);
    signer->events.emit(signer->events.self, &event);
}

static void take_peer(int listener, struct sev_signer *signer)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct ucred who;
    socklen_t len = sizeof who;
    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0) {
        close(fd);
        return;
    }
    size_t i = SERVE_PEERS_MAX, of_user = 0;
    for (size_t p = SERVE_PEERS_MAX; p-- != 0;) {
        i = peers[p] == NULL ? p : i;
        of_user += peers[p] != NULL && peers[p]->user == who.uid;
    }
    bool full = i == SERVE_PEERS_MAX || of_user >= SERVE_USER_PEERS_MAX;
    sev_err why = !serves_user(signer, who.uid) ? SEV_E_POLICY : full ? SEV_E_RATE_LIMITED : SEV_OK;
    if (why == SEV_OK && (peers[i] = calloc(1, sizeof *peers[i])) == NULL)
        why = SEV_E_MEMORY;
    if (why != SEV_OK) {
        tell_stranger(signer, who.uid, why);
        close(fd);
        return;
    }
    peers[i]->fd = fd;
    peers[i]->user = who.uid;
}

/* Answer the frame that is whole, if one is. False: cut the peer off. */
static bool answer_frame(struct peer *p, struct sev_signer *signer)
{
    if (p->in_len < HEAD)
        return true;
    size_t bytes = sev_signer_read_head(p->in);
    if (bytes == 0 || bytes > SEV_SIGNER_REQUEST_BYTES_MAX)
        return false;
    if (p->in_len < HEAD + bytes || p->out_len != 0)
        return true;
    sev_buf answer = sev_buf_of(p->out + HEAD, sizeof p->out - HEAD);
    sev_signer_answer(signer, p->user, sev_slice_of(p->in + HEAD, bytes), (sev_time)time(NULL),
                      serve_now_ms(), &answer);
    sev_signer_put_head(p->out, answer.len);
    p->out_len = HEAD + answer.len;
    p->out_sent = 0;
    p->in_len -= HEAD + bytes;
    memmove(p->in, p->in + HEAD + bytes, p->in_len);
    p->since_ms = serve_now_ms(); /* until the answer has been taken */
    return true;
}

static bool make_room(struct peer *p)
{
    size_t want = p->in_len >= HEAD ? HEAD + sev_signer_read_head(p->in) : 4096;
    want = want < 4096 ? 4096 : want;
    if (want > HEAD + SEV_SIGNER_REQUEST_BYTES_MAX)
        return false;
    if (p->in_cap >= want)
        return p->in_len < p->in_cap;
    uint8_t *more = realloc(p->in, want);
    if (more == NULL)
        return false;
    p->in = more;
    p->in_cap = want;
    return true;
}

static bool receive(struct peer *p, struct sev_signer *signer)
{
    if (!make_room(p))
        return false;
    ssize_t n = recv(p->fd, p->in + p->in_len, p->in_cap - p->in_len, 0);
    if (n == 0)
        return false;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (p->in_len == 0)
        p->since_ms = serve_now_ms();
    p->in_len += (size_t)n;
    return answer_frame(p, signer);
}

static bool send_out(struct peer *p, struct sev_signer *signer)
{
    ssize_t n = send(p->fd, p->out + p->out_sent, p->out_len - p->out_sent, MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    p->out_sent += (size_t)n;
    if (p->out_sent < p->out_len)
        return true;
    p->out_len = p->out_sent = 0;
    p->since_ms = p->in_len != 0 ? serve_now_ms() : 0;
    return answer_frame(p, signer); /* the next may have come meanwhile */
}

static bool serve_peer(struct peer *p, short events, struct sev_signer *signer)
{
    bool fine = true;
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && p->out_len == 0)
        fine = receive(p, signer);
    if (fine && p->out_len != 0)
        fine = send_out(p, signer);
    return fine;
}

/* --------------------------------------------------------------------- loop */

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void drop_the_slow(void)
{
    int64_t now = serve_now_ms();
    for (size_t i = 0; i < SERVE_PEERS_MAX; i++)
        if (peers[i] != NULL && peers[i]->since_ms != 0 &&
            now - peers[i]->since_ms > SERVE_FRAME_SECONDS * 1000)
            drop(i);
}

enum serve_end serve_run(int listener, struct sev_signer *signer)
{
    struct pollfd fds[2 + SERVE_PEERS_MAX];
    static int signals = -1;
    if (signals < 0 && (signals = open_signals()) < 0)
        return SERVE_FAILED;
    for (;;) {
        fds[0] = (struct pollfd){.fd = signals, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = listener, .events = POLLIN};
        for (size_t i = 0; i < SERVE_PEERS_MAX; i++)
            fds[2 + i] = (struct pollfd){
                .fd = peers[i] == NULL ? -1 : peers[i]->fd,
                .events = peers[i] != NULL && peers[i]->out_len != 0 ? POLLOUT : POLLIN};
        if (poll(fds, 2 + SERVE_PEERS_MAX, 1000) < 0 && errno != EINTR)
            return SERVE_FAILED;
        struct signalfd_siginfo got;
        if ((fds[0].revents & POLLIN) != 0 && read(signals, &got, sizeof got) == sizeof got)
            return got.ssi_signo == SIGHUP ? SERVE_RELOAD : SERVE_STOP;
        for (size_t i = 0; i < SERVE_PEERS_MAX; i++)
            if (peers[i] != NULL && fds[2 + i].revents != 0 &&
                !serve_peer(peers[i], fds[2 + i].revents, signer))
                drop(i);
        if ((fds[1].revents & POLLIN) != 0)
            take_peer(listener, signer);
        drop_the_slow();
    }
}
