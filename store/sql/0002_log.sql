-- Up to which decision all are in the audit log. One row, key 1.
CREATE TABLE audit_mark (
    key      INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL
) STRICT;

-- The log itself: how large it is and how its tree goes on. One row, key 1.
CREATE TABLE log_head (
    key         INTEGER PRIMARY KEY,
    size        INTEGER NOT NULL,
    edge        BLOB NOT NULL,
    signed_size INTEGER NOT NULL, -- of the checkpoint, which is empty before the first
    checkpoint  BLOB NOT NULL
) STRICT;

-- Only ever appended to. The key is the place in the log, from 0.
CREATE TABLE log_leaf (
    key      INTEGER PRIMARY KEY,
    source   BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    hash     BLOB NOT NULL,
    bytes    BLOB NOT NULL,
    UNIQUE (source, sequence)
) STRICT;

-- Roots of full tiles: the key is the level times 2^40, and the tile's number.
CREATE TABLE log_node (
    key  INTEGER PRIMARY KEY,
    hash BLOB NOT NULL
) STRICT;

-- What a witness cosigned last, of each log.
CREATE TABLE cosigned (
    key    INTEGER PRIMARY KEY,
    origin BLOB NOT NULL UNIQUE,
    size   INTEGER NOT NULL,
    root   BLOB NOT NULL
) STRICT;
