/* faulty_fs - a sev_fs that counts calls and lets call N fail, tear, come up short, or be the last
 * thing the process does. Also counts what was taken and not given back.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_FAULTY_FS_H
#define SEV_FAULTY_FS_H

#include "secureev/fs.h"

enum {
    FAULTY_MEMORY = 1,
    FAULTY_RANDOM = 2,
    FAULTY_OPEN = 4,
    FAULTY_READ = 8,
    FAULTY_WRITE = 16,
    FAULTY_SYNC = 32,
    FAULTY_STAT = 64,
    FAULTY_RENAME = 128,
    FAULTY_UNLINK = 256,
    FAULTY_MKDIR = 512,
    FAULTY_LIST = 1024,
    FAULTY_LOCK = 2048,
    FAULTY_ALL = 4095,
};

enum faulty_how {
    FAULTY_ERROR, /**< nothing is done, `error` is the result */
    FAULTY_TEAR,  /**< a write puts down half of its bytes and then fails; else as FAULTY_ERROR */
    FAULTY_SHORT, /**< a read or write of more than one byte does half of it and says so */
    FAULTY_KILL,  /**< SIGKILL in place of the call; a write puts down half of its bytes first */
};

/** Use: struct faulty_fs f; faulty_fs_init(&f); f.fail_at = 3; then pass &f.fs. */
struct faulty_fs {
    struct sev_fs fs; /**< valid while this struct stays where it is */
    struct sev_fs inner;
    struct sev_fs_note note;
    unsigned kinds;    /**< which calls count; FAULTY_ALL at first */
    uint32_t calls;    /**< so far */
    uint32_t fail_at;  /**< 1 is the first; 0 none */
    bool from_then_on; /**< all later ones fail too: a disk that is gone */
    enum faulty_how how;
    int error; /**< errno, EIO at first */
    bool fired;
    long live_blocks; /**< allocated and not freed */
    long open_files;
};

/** Over the real file system. */
void faulty_fs_init(struct faulty_fs *f);
/** Count from zero again, fail at `fail_at`. */
void faulty_fs_arm(struct faulty_fs *f, uint32_t fail_at);

#endif
