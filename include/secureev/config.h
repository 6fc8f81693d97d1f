/* config - the one reader of configuration files: "key = value" in sections, by a table of what may
 * stand there. Unknown, repeated, missing or ill-formed: refused with the line's number.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_CONFIG_H
#define SECUREEV_CONFIG_H

#include "secureev/fs.h"

/*     # a comment has a line of its own
 *     [server]
 *     listen = 127.0.0.1:8000
 *     [key director-timestamp]        a section that may stand many times has a name
 *     per_minute = 600
 *
 * Blanks around keys and values do not count. Printable ASCII, LF, no quotes, no includes. */

#define SEV_CONFIG_BYTES_MAX 65536u
#define SEV_CONFIG_BLOCKS_MAX 64u /* sections in a file, counted each time they stand there */
#define SEV_CONFIG_KEYS_MAX 32u   /* of a section */
#define SEV_CONFIG_NAME_CHARS_MAX 64u

typedef enum sev_config_kind {
    SEV_CONFIG_TEXT,
    SEV_CONFIG_PATH,    /**< absolute */
    SEV_CONFIG_STORE,   /**< absolute path, or postgresql://...: for sev_store_open */
    SEV_CONFIG_NUMBER,  /**< min..max */
    SEV_CONFIG_SECONDS, /**< min..max after 30s, 5m, 2h, 7d */
    SEV_CONFIG_BYTES,   /**< min..max after 512, 64K, 8M, 2G (powers of 1024) */
    SEV_CONFIG_SWITCH,  /**< yes, no */
    SEV_CONFIG_CHOICE,  /**< one of `choices` */
    SEV_CONFIG_WORDS,   /**< one or more of `choices` (NULL: any), blanks between them */
    SEV_CONFIG_ADDRESS, /**< 127.0.0.1:8000, [::1]:8000: numbers, no names to look up */
} sev_config_kind;

struct sev_config_key {
    const char *name; /**< NULL ends a table */
    sev_config_kind kind;
    const char *fallback; /**< NULL: must be given; "" leaves it empty */
    int64_t min, max;
    const char *choices; /**< with one blank between them */
    const char *help;    /**< one sentence for `secureev config` */
};

struct sev_config_section {
    const char *name; /**< NULL ends a table */
    bool many;        /**< [name INSTANCE], any number of them; else [name], once */
    const char *help;
    const struct sev_config_key *keys;
};

/** One section as it stands in a file. */
struct sev_config_block {
    const struct sev_config_section *section;
    const char *name; /**< the instance; "" where there is none */
    unsigned line;
    const char *values[SEV_CONFIG_KEYS_MAX]; /* as in section->keys; fallbacks filled in */
};

/** What is wrong and what to do; the text names file and line. */
struct sev_config_note {
    unsigned line; /**< 0: not of one line */
    char text[256];
};

struct sev_config {
    struct sev_bytes text; /* the values lie in it */
    size_t block_count;
    struct sev_config_block blocks[SEV_CONFIG_BLOCKS_MAX];
};

/**
 * Read a file.
 *
 * @param sections  the table; outlives `out`
 * @param out       untouched unless SEV_OK; free it with sev_config_free
 * @param note      filled in unless SEV_OK
 * @retval SEV_E_CONFIG  something in it is not as it must be
 * @retval SEV_E_NOT_FOUND, SEV_E_UNSAFE_FILE, SEV_E_IO, SEV_E_MEMORY  see sev_file_read
 */
SEV_MUST_USE sev_err sev_config_load(const struct sev_fs *fs, const char *path,
                                     const struct sev_config_section *sections,
                                     struct sev_config *out, struct sev_config_note *note);
/** What may stand in a configuration file of ours, whichever program reads it. */
extern const struct sev_config_section sev_config_table[];
/** As sev_config_load by that table, and by the rules that no table can say: which of director,
 *  images and regulator may not be together (DESIGN 2). */
SEV_MUST_USE sev_err sev_config_load_ours(const struct sev_fs *fs, const char *path,
                                          struct sev_config *out, struct sev_config_note *note);

/** As sev_config_load, of bytes in memory; `name` stands for the file in notes. */
SEV_MUST_USE sev_err sev_config_parse(const struct sev_fs *fs, const char *name, sev_slice bytes,
                                      const struct sev_config_section *sections,
                                      struct sev_config *out, struct sev_config_note *note);
void sev_config_free(const struct sev_fs *fs, struct sev_config *config);

/** The block after `previous` (NULL: the first) of that section, or NULL. */
const struct sev_config_block *sev_config_next(const struct sev_config *config, const char *section,
                                               const struct sev_config_block *previous);

/* Values of a key that the table has. They were checked when the file was read, so these do not
 * fail: asking for a key or kind that the table does not have is our bug and aborts. */
const char *sev_config_text(const struct sev_config_block *block, const char *key);
int64_t sev_config_number(const struct sev_config_block *block, const char *key);
bool sev_config_switch(const struct sev_config_block *block, const char *key);
/** Is `word` one of the words? */
bool sev_config_has_word(const struct sev_config_block *block, const char *key, const char *word);

/** A socket address as it stands in a value. */
struct sev_config_address {
    char host[48]; /**< without brackets */
    uint16_t port;
};
struct sev_config_address sev_config_address(const struct sev_config_block *block, const char *key);

#endif
