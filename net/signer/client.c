/* client - frames to and from secureev-signer.  SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "secureev/signer_client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD SEV_SIGNER_HEAD_BYTES
#define ROOM (HEAD + SEV_SIGNER_ANSWER_BYTES_MAX)

sev_err sev_signer_client_init(struct sev_signer_client *client, const char *path)
{
    if (strlen(path) >= sizeof client->path)
        return SEV_E_BAD_NAME;
    *client = (struct sev_signer_client){.fd = -1, .room = malloc(ROOM)};
    memcpy(client->path, path, strlen(path) + 1);
    return client->room == NULL ? SEV_E_MEMORY : SEV_OK;
}

static void disconnect(struct sev_signer_client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

void sev_signer_client_close(struct sev_signer_client *client)
{
    disconnect(client);
    free(client->room);
    client->room = NULL;
}

static bool connect_to_it(struct sev_signer_client *c)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval wait = {SEV_SIGNER_WAIT_MS / 1000, SEV_SIGNER_WAIT_MS % 1000 * 1000};
    _Static_assert(sizeof address.sun_path == sizeof c->path, "a path that fits here fits there");
    memcpy(address.sun_path, c->path, sizeof c->path);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd >= 0 && setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
        setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0 &&
        connect(c->fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return true;
    disconnect(c);
    return false;
}

/* Head and request by one call, where the socket has room. */
static bool send_all(int fd, const uint8_t *head, sev_slice request)
{
    size_t sent = 0;
    while (sent < HEAD + request.len) {
        size_t of_head = sent < HEAD ? HEAD - sent : 0, of_request = sent + of_head - HEAD;
        struct iovec parts[] = {{(void *)(head + HEAD - of_head), of_head},
                                {(void *)(request.ptr + of_request), request.len - of_request}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

/* Head and answer; nothing follows before we ask again. */
static bool read_all(struct sev_signer_client *c, size_t *out_len)
{
    size_t got = 0, len = 0;
    while (got < HEAD + len || got < HEAD) {
        ssize_t n = recv(c->fd, c->room + got, ROOM - got, 0);
        if (n <= 0)
            return false;
        got += (size_t)n;
        if (got >= HEAD && len == 0) {
            len = sev_signer_read_head(c->room);
            if (len == 0 || len > SEV_SIGNER_ANSWER_BYTES_MAX)
                return false;
        }
    }
    *out_len = len;
    return got == HEAD + len;
}

static bool exchange(struct sev_signer_client *c, sev_slice request, sev_slice *out)
{
    uint8_t head[HEAD];
    size_t len;
    sev_signer_put_head(head, request.len);
    if (!send_all(c->fd, head, request) || !read_all(c, &len))
        return false;
    *out = sev_slice_of(c->room + HEAD, len);
    return true;
}

sev_err sev_signer_client_ask(struct sev_signer_client *client, sev_slice request,
                              sev_slice *out_answer)
{
    bool was_connected = client->fd >= 0;
    if (!was_connected && !connect_to_it(client))
        return SEV_E_UNREACHABLE;
    errno = 0;
    if (exchange(client, request, out_answer))
        return SEV_OK;
    bool hangs = errno == EAGAIN || errno == EWOULDBLOCK;
    disconnect(client);
    /* It may have been restarted since the last time: asking twice signs twice and harms nothing.
     * One that hangs is not waited for twice. */
    if (was_connected && !hangs && connect_to_it(client)) {
        if (exchange(client, request, out_answer))
            return SEV_OK;
        disconnect(client);
    }
    return SEV_E_UNREACHABLE;
}

static sev_err sign(void *self, const char *key, sev_slice body, char *out_keyid, sev_buf *sig)
{
    struct sev_signer_client *c = self;
    sev_slice answer;
    size_t room = body.len + 512;
    sev_buf request = sev_buf_of(malloc(room), room);
    if (request.ptr == NULL)
        return SEV_E_MEMORY;
    sev_err e = sev_signer_request_sign(key, body, &request);
    if (e == SEV_OK)
        e = sev_signer_client_ask(c, sev_buf_slice(&request), &answer);
    free(request.ptr);
    return e == SEV_OK ? sev_signer_read_signature(answer, out_keyid, sig) : e;
}

static sev_err certify(void *self, const char *key, const struct sev_certificate_plan *plan,
                       sev_buf *der)
{
    uint8_t room[SEV_SIGNER_CERTIFICATE_REQUEST_BYTES];
    sev_buf request = sev_buf_of(room, sizeof room);
    sev_slice answer;
    sev_err e = sev_signer_request_certificate(key, plan, &request);
    if (e == SEV_OK)
        e = sev_signer_client_ask(self, sev_buf_slice(&request), &answer);
    return e == SEV_OK ? sev_signer_read_certificate(answer, der) : e;
}

static sev_err sign_note(void *self, const char *key, const struct sev_checkpoint *checkpoint,
                         sev_buf *line)
{
    uint8_t room[SEV_CHECKPOINT_BYTES_MAX + 512];
    sev_buf request = sev_buf_of(room, sizeof room);
    sev_slice answer;
    sev_err e = sev_signer_request_checkpoint(key, checkpoint, &request);
    if (e == SEV_OK)
        e = sev_signer_client_ask(self, sev_buf_slice(&request), &answer);
    return e == SEV_OK ? sev_signer_read_line(answer, line) : e;
}

struct sev_sign_note sev_signer_client_notes(struct sev_signer_client *client)
{
    return (struct sev_sign_note){client, sign_note};
}

struct sev_certify sev_signer_client_certify(struct sev_signer_client *client)
{
    return (struct sev_certify){client, certify};
}

struct sev_sign sev_signer_client_sign(struct sev_signer_client *client)
{
    return (struct sev_sign){client, sign};
}
