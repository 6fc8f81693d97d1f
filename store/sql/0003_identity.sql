-- Identities: where the log of each stands, and its entries.
CREATE TABLE did (
    key         INTEGER PRIMARY KEY,
    id          BLOB NOT NULL UNIQUE,
    version     INTEGER NOT NULL,
    deactivated INTEGER NOT NULL -- 0 or 1
) STRICT;

-- They lie together, as the ECUs of a vehicle do.
CREATE TABLE did_entry (
    key   INTEGER PRIMARY KEY, -- did.key * 256 + version - 1
    bytes BLOB NOT NULL
) STRICT;

-- The last token of a vehicle, never itself.
CREATE TABLE enrolment (
    vehicle      INTEGER PRIMARY KEY REFERENCES vehicle,
    token_sha256 BLOB NOT NULL UNIQUE,
    expires      INTEGER NOT NULL,
    again        INTEGER NOT NULL, -- 0 or 1
    spent_on     BLOB NOT NULL,    -- SHA-256 of the request; empty: not yet
    certificate  BLOB NOT NULL     -- what was given for it
) STRICT;

CREATE TABLE certificate (
    key       INTEGER PRIMARY KEY,
    sha256    BLOB NOT NULL UNIQUE,
    vehicle   INTEGER NOT NULL REFERENCES vehicle,
    not_after INTEGER NOT NULL,
    revoked   INTEGER NOT NULL DEFAULT 0 -- when; 0: it is not
) STRICT;
CREATE INDEX certificate_of_vehicle ON certificate (vehicle);
