-- How much each key of a signer signed since a start of it, and how much of that is said in decisions.
CREATE TABLE audit_count (
    key      INTEGER PRIMARY KEY,
    key_name BLOB NOT NULL,
    run      INTEGER NOT NULL,
    made     INTEGER NOT NULL,
    told     INTEGER NOT NULL,
    UNIQUE (key_name, run)
) STRICT;
