/* sql - which files own statements, and how they say so. The texts are in the common subset of
 * SQLite and PostgreSQL; values are bound, never written into them. SPDX-License-Identifier: MIT */
#ifndef SEV_STORE_SQL_SQL_H
#define SEV_STORE_SQL_SQL_H

/**
 * The files of operations; each has a table of statements of its own. A new one, store/sql/x.c:
 *
 *  1. its interface, include/secureev/store_x.h: `struct sev_x_ops`, functions that take `self`;
 *     struct sev_store gets `const struct sev_x_ops *x`, which store.c sets to `&sev_sql_x_ops`
 *     (declared in internal.h);
 *  2. a line here: X(x); and in x.c `SEV_SQL_STATEMENTS(x, TABLE)`, where TABLE lists
 *     X(NAME, "SELECT ..."): NAME is then what sev_query_begin and sev_read_begin take;
 *  3. its tables: store/sql/NNNN_x.sql, the next number, in SQLite's words (migrations.cmake
 *     translates those few that PostgreSQL spells otherwise). A migration never changes once it
 *     is in main: others' databases have it;
 *  4. its tests: tests/unit/store_x.c, with EACH_STORE of tests/lib/stores.h.
 *
 * Parameters are $1, $2, ... in the order in which they first stand in the text. Each column and
 * parameter is an integer of 64 bits or bytes; PostgreSQL derives which from the context, and where
 * it would take a smaller integer or a sum becomes "numeric" the text has a CAST ( AS bigint). New
 * keys come from RETURNING. What differs between the two is found when a store is opened: all
 * statements are prepared then.
 */
#define SEV_SQL_SETS(X)                                                                            \
    X(hint)                                                                                        \
    X(identity)                                                                                    \
    X(campaign)                                                                                    \
    X(inventory)                                                                                   \
    X(issue)                                                                                       \
    X(log)                                                                                         \
    X(member)                                                                                      \
    X(operator)                                                                                    \
    X(probe)                                                                                       \
    X(read)                                                                                        \
    X(release)                                                                                     \
    X(told)

#define SEV_SQL_SET_MAX 32 /* statements of a file */

enum {
#define X(set) SEV_SQL_SET_##set,
    SEV_SQL_SETS(X)
#undef X
        SEV_SQL_SET_COUNT
};
#define SEV_SQL_COUNT (SEV_SQL_SET_COUNT * SEV_SQL_SET_MAX)

struct sev_sql_set {
    const char *const *texts;
    int count;
};
#define X(set) extern const struct sev_sql_set sev_sql_set_##set;
SEV_SQL_SETS(X)
#undef X

/** The text of a statement; NULL for a number that is no statement's. */
const char *sev_sql_text(int which);

#define SEV_SQL_NAME(name, text) name,
#define SEV_SQL_TEXT(name, text) text,
#define SEV_SQL_STATEMENTS(set, TABLE)                                                             \
    enum { before_all = SEV_SQL_SET_##set * SEV_SQL_SET_MAX - 1, TABLE(SEV_SQL_NAME) after_all };  \
    _Static_assert(after_all - before_all - 1 <= SEV_SQL_SET_MAX, "more than a set holds");        \
    static const char *const texts[] = {TABLE(SEV_SQL_TEXT)};                                      \
    const struct sev_sql_set sev_sql_set_##set = {texts, after_all - before_all - 1}

#endif
