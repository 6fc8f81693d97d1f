/* postgres - a PostgreSQL server that the test program starts when it first needs one.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_TEST_POSTGRES_H
#define SEV_TEST_POSTGRES_H

/** A new, empty schema of it, as a text for sev_store_open. Static storage. */
const char *test_pg_place(void);
/** The same with the address 127.0.0.1 instead of the socket. */
const char *test_pg_place_tcp(void);
/** Run SQL beside the store, in the schema of `place`; fails the test if it fails.
 *  @return  the first value as text, "" where there is none. Static storage. */
const char *test_pg_sql(const char *place, const char *sql);
/** As after a loss of power; and then up again, or not. */
void test_pg_restart(void);
void test_pg_stop(void);
void test_pg_start(void);

#endif
