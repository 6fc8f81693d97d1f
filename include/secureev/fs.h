/* fs - the one door to the operating system for hosted code that keeps files, and crash-safe files
 * on top of it. Tests put a door of their own in place that fails call N (tests/lib/faulty_fs.h).
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_FS_H
#define SECUREEV_FS_H

#include "secureev/err.h"
#include "secureev/slice.h"

/* ------------------------------------------------------------- the door */

#define SEV_FS_PATH_MAX 4096 /* PATH_MAX of Linux; longer ones are refused as SEV_E_BAD_NAME */

/** What failed last, for people: "fsync", "/x/y", ENOSPC. */
struct sev_fs_note {
    const char *call; /**< "" while nothing has failed */
    int system_error; /**< errno; 0 when the refusal is ours */
    const char *why;  /**< our reason when system_error is 0, else "" */
    char path[SEV_FS_PATH_MAX];
};

typedef enum sev_fs_kind {
    SEV_FS_REGULAR,
    SEV_FS_FOLDER,
    SEV_FS_LINK, /**< symbolic */
    SEV_FS_OTHER,
} sev_fs_kind;

struct sev_fs_stat {
    sev_fs_kind kind;
    unsigned mode; /**< permission bits */
    bool mine;     /**< owned by the effective user */
    uint64_t bytes;
    int64_t modified; /**< seconds */
    uint64_t number;  /**< of the file itself, whatever its names */
};

enum {
    SEV_FS_READ = 1,      /**< existing file, to read */
    SEV_FS_NEW = 2,       /**< to write; must not exist */
    SEV_FS_NO_FOLLOW = 4, /**< the last component must not be a symbolic link */
    SEV_FS_LOCKABLE = 8,  /**< read and write, made when absent */
    SEV_FS_APPEND = 16,   /**< with SEV_FS_LOCKABLE: writes go to its end */
};

/** Called for each name in a folder but "." and ".."; false ends the listing. */
typedef bool sev_fs_visit(void *context, const char *name);

/**
 * Results: 0 or more is success, -errno is failure. Nothing here retries but after EINTR.
 * `fsync` of a folder: sync_folder. `free` and `close` cannot fail (what matters was fsynced).
 */
struct sev_fs {
    void *self;
    struct sev_fs_note *note;                              /**< may be NULL */
    void *(*realloc)(void *self, void *old, size_t bytes); /**< as realloc; bytes > 0 */
    void (*free)(void *self, void *memory);
    int (*random)(void *self, void *out, size_t bytes); /**< from the system, all or nothing */
    int (*open)(void *self, const char *path, unsigned how, unsigned mode); /**< a descriptor */
    void (*close)(void *self, int fd);
    ptrdiff_t (*read)(void *self, int fd, void *out, size_t bytes);       /**< may be short */
    ptrdiff_t (*write)(void *self, int fd, const void *in, size_t bytes); /**< may be short */
    int (*fsync)(void *self, int fd);
    int (*sync_folder)(void *self, const char *path);
    int (*fstat)(void *self, int fd, struct sev_fs_stat *out);
    int (*lstat)(void *self, const char *path, struct sev_fs_stat *out);
    int (*stat)(void *self, const char *path, struct sev_fs_stat *out); /**< links followed */
    int (*rename)(void *self, const char *from, const char *to);
    int (*rename_new)(void *self, const char *from, const char *to); /**< -EEXIST if `to` exists */
    int (*link)(void *self, const char *from, const char *to);       /**< a second name; -EEXIST */
    int (*unlink)(void *self, const char *path);
    int (*rmdir)(void *self, const char *path);
    int (*mkdir)(void *self, const char *path, unsigned mode);
    int (*list)(void *self, const char *path, sev_fs_visit *visit, void *context);
    int (*try_lock)(void *self, int fd);                 /**< -EWOULDBLOCK: somebody else has it */
    int64_t (*free_bytes)(void *self, const char *path); /**< of the file system there */
    void (*sleep_ms)(void *self, unsigned ms);
};

/** The real one. `note` may be NULL. */
struct sev_fs sev_fs_posix(struct sev_fs_note *note);

/** From a signal handler: remove the temporary files that writers of this process have open. */
void sev_fs_remove_temporaries_on_signal(void);

/* ---------------------------------------------------------------- memory */

/** Bytes on the heap; zero-initialise. One NUL stands behind them. */
struct sev_bytes {
    uint8_t *ptr;
    size_t len;
};
/** @retval SEV_E_MEMORY */
SEV_MUST_USE sev_err sev_bytes_new(const struct sev_fs *fs, size_t len, struct sev_bytes *out);
void sev_bytes_free(const struct sev_fs *fs, struct sev_bytes *bytes);
/** As sev_bytes_free, for secrets: overwritten first. */
void sev_bytes_wipe(const struct sev_fs *fs, struct sev_bytes *bytes);
static inline sev_slice sev_bytes_slice(const struct sev_bytes *bytes)
{
    return sev_slice_of(bytes->ptr, bytes->len);
}

/* ----------------------------------------------------------------- files */

/* How a file may be. */
enum {
    SEV_FILE_NO_LINK = 1, /**< refuse a symbolic link as last component */
    SEV_FILE_PRIVATE = 2, /**< refuse one that is not ours or that group or others may touch */
};

/**
 * Read a whole regular file of at most `bytes_max` bytes. Free with sev_bytes_free.
 *
 * @retval SEV_E_NOT_FOUND  there is none
 * @retval SEV_E_TOO_LONG   longer than `bytes_max` (nothing is read beyond it)
 * @retval SEV_E_UNSAFE_FILE  not a regular file, or not as `how` asks
 * @retval SEV_E_IO, SEV_E_MEMORY
 */
SEV_MUST_USE sev_err sev_file_read(const struct sev_fs *fs, const char *path, size_t bytes_max,
                                   unsigned how, struct sev_bytes *out);

/**
 * Write a whole file so that a crash at any moment leaves the old one or the new one:
 * temporary file in the same folder, fsync, rename, fsync of the folder. On failure before the
 * rename nothing changed and the temporary is gone; if only the fsync of the folder failed, the
 * new file is there and SEV_E_IO says that it may not outlive a loss of power.
 *
 * @param mode  permission bits of the new file, whatever the umask
 */
SEV_MUST_USE sev_err sev_file_replace(const struct sev_fs *fs, const char *path, sev_slice bytes,
                                      unsigned mode);
/** As sev_file_replace. @retval SEV_E_EXISTS  there is one already: it is untouched */
SEV_MUST_USE sev_err sev_file_create(const struct sev_fs *fs, const char *path, sev_slice bytes,
                                     unsigned mode);

/** A file that grows piece by piece under a temporary name and appears whole or not at all. */
struct sev_file_writer {
    const struct sev_fs *fs;
    int fd;
    int slot; /* in the table of temporaries that a signal removes */
    char temporary[SEV_FS_PATH_MAX];
    char path[SEV_FS_PATH_MAX];
};
SEV_MUST_USE sev_err sev_file_open_new(const struct sev_fs *fs, const char *path, unsigned mode,
                                       struct sev_file_writer *out);
SEV_MUST_USE sev_err sev_file_append(struct sev_file_writer *w, sev_slice bytes);
/** Ends the writer whatever the result. `replace`: an existing file gives way, or SEV_E_EXISTS. */
SEV_MUST_USE sev_err sev_file_commit(struct sev_file_writer *w, bool replace);
/** Nothing happened. Fine after a failed sev_file_open_new and after sev_file_commit. */
void sev_file_abort(struct sev_file_writer *w);

/** Remove a file and fsync its folder. @retval SEV_E_NOT_FOUND */
SEV_MUST_USE sev_err sev_file_remove(const struct sev_fs *fs, const char *path);

/** What is there? SEV_E_NOT_FOUND when nothing. Symbolic links are not followed. */
SEV_MUST_USE sev_err sev_file_stat(const struct sev_fs *fs, const char *path,
                                   struct sev_fs_stat *out);

/* --------------------------------------------------------------- folders */

/** Make a folder and those above it where absent. With SEV_FILE_PRIVATE an existing one must be
 *  ours and closed to others (SEV_E_UNSAFE_FILE). `mode` is that of what is made. */
SEV_MUST_USE sev_err sev_dir_ensure(const struct sev_fs *fs, const char *path, unsigned mode,
                                    unsigned how);

/** Names in a folder, sorted by byte, temporaries of ours left out. */
struct sev_names {
    char **names;
    size_t count;
    size_t cap;
};
/** @retval SEV_E_NOT_FOUND, SEV_E_TOO_LONG (more than `count_max`), SEV_E_IO, SEV_E_MEMORY */
SEV_MUST_USE sev_err sev_dir_list(const struct sev_fs *fs, const char *path, size_t count_max,
                                  struct sev_names *out);
void sev_names_free(const struct sev_fs *fs, struct sev_names *names);

/** Remove what killed runs left half-written. Only while holding the folder's lock. */
SEV_MUST_USE sev_err sev_dir_clean(const struct sev_fs *fs, const char *path);
/** Is this the name of such a leftover? */
bool sev_file_is_temporary(const char *name);

/** One process at a time works in a folder. The lock ends with the process, however it ends. */
struct sev_dir_lock {
    const struct sev_fs *fs;
    int fd;
};
#define SEV_DIR_LOCK_NAME ".secureev.lock"
/** Waits up to `timeout_ms`. @retval SEV_E_BUSY  another secureev is working there */
SEV_MUST_USE sev_err sev_dir_lock(const struct sev_fs *fs, const char *path, unsigned timeout_ms,
                                  struct sev_dir_lock *out);
/** Fine on a zeroed one and twice. */
void sev_dir_unlock(struct sev_dir_lock *lock);

/** `a` "/" `b` into `out`. @retval SEV_E_BAD_NAME  does not fit */
SEV_MUST_USE sev_err sev_path_join(const char *a, const char *b, char out[SEV_FS_PATH_MAX]);

/** Random bytes of the system. @retval SEV_E_RANDOM */
SEV_MUST_USE sev_err sev_fs_random(const struct sev_fs *fs, void *out, size_t bytes);

#endif
