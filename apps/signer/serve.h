/* serve - the signer's socket: frames in, answers out.  SPDX-License-Identifier: MIT */
#ifndef SEV_SIGNER_SERVE_H
#define SEV_SIGNER_SERVE_H

#include "secureev/signer.h"

/* A frame: four bytes of length, big-endian, and so many bytes of JSON. A peer that sends another
 * length, or half a frame for longer than SERVE_FRAME_SECONDS, is cut off. */
#define SERVE_PEERS_MAX 320      /* each of a Director's threads is one: 256, and others */
#define SERVE_USER_PEERS_MAX 288 /* of one user: whoever has taken one leaves room for others */
#define SERVE_FRAME_SECONDS 10

enum serve_end { SERVE_STOP, SERVE_RELOAD, SERVE_FAILED };

/** The clock of rates and deadlines; nobody can set it. */
int64_t serve_now_ms(void);
/** A listening socket at `path`, or -1 and errno; a dead one's file gives way. */
int serve_listen(const char *path);

/** Serve until a signal: SIGTERM and SIGINT stop, SIGHUP asks for a reload, after which the caller
 *  calls again; peers stay connected meanwhile. */
enum serve_end serve_run(int listener, struct sev_signer *signer);
/** Close what is connected. */
void serve_close(void);

#endif
