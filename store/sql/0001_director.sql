-- 0001_director - vehicles and their ECUs, what they are to have, what was issued to them, and why.
-- Texts of the domain are BLOBs: what comes out is byte for byte what went in, in the order of its
-- bytes. Bounds of lengths are limits.h's, checked before anything gets here.
-- SPDX-License-Identifier: MIT

CREATE TABLE vehicle (
    key            INTEGER PRIMARY KEY,
    id             BLOB NOT NULL UNIQUE CHECK (length(id) > 0),
    vin            BLOB NOT NULL,
    model          BLOB NOT NULL,
    profile        INTEGER NOT NULL CHECK (profile BETWEEN 0 AND 2), -- sev_profile
    primary_serial BLOB NOT NULL DEFAULT x'',
    status_counter INTEGER NOT NULL DEFAULT 0 CHECK (status_counter >= 0),
    status_version INTEGER NOT NULL DEFAULT 0 CHECK (status_version >= 0),
    base           BLOB CHECK (base IS NULL OR length(base) = 32),
    seen           INTEGER NOT NULL DEFAULT 0,
    last_decision  INTEGER NOT NULL DEFAULT 0 -- decision.key; 0: none
) STRICT;

-- The ECUs of a vehicle lie together and are found without an index: with millions of vehicles
-- each page more that a status touches is read from the disk and written to it.
CREATE TABLE ecu (
    key              INTEGER PRIMARY KEY, -- vehicle.key * 256 + a number from 0 to 255
    serial           BLOB NOT NULL CHECK (length(serial) > 0), -- one of its vehicle has it
    hardware_id      BLOB NOT NULL,
    key_type         INTEGER NOT NULL, -- sev_key_type
    key_material     BLOB NOT NULL,
    report_counter   INTEGER NOT NULL DEFAULT 0 CHECK (report_counter >= 0),
    report_sha256    BLOB NOT NULL DEFAULT (zeroblob(32)) CHECK (length(report_sha256) = 32),
    installed_name   BLOB NOT NULL DEFAULT x'',
    installed_length INTEGER NOT NULL DEFAULT 0,
    installed_sha256 BLOB NOT NULL DEFAULT (zeroblob(32)) CHECK (length(installed_sha256) = 32),
    release_counter  INTEGER NOT NULL DEFAULT 0,
    boot_count       INTEGER NOT NULL DEFAULT 0,
    attacks          INTEGER NOT NULL DEFAULT 0, -- bits, 1 << sev_attack
    report           BLOB NOT NULL DEFAULT x''
) STRICT;

CREATE TABLE assignment (
    vehicle        INTEGER PRIMARY KEY REFERENCES vehicle,
    version        INTEGER NOT NULL CHECK (version > 0),
    bundle_id      BLOB NOT NULL,
    correlation_id BLOB NOT NULL,
    targets        BLOB NOT NULL,
    groups         BLOB NOT NULL
) STRICT;

CREATE TABLE file (
    key            INTEGER PRIMARY KEY,
    vehicle        INTEGER NOT NULL REFERENCES vehicle,
    role           INTEGER NOT NULL CHECK (role BETWEEN 0 AND 2), -- sev_store_role
    version        INTEGER NOT NULL CHECK (version > 0),
    expires        INTEGER NOT NULL,
    bundle_version INTEGER NOT NULL,
    bytes          BLOB NOT NULL,
    UNIQUE (vehicle, role)
) STRICT;

-- Only ever appended to, for the same reason; those of a vehicle are a chain, newest first.
CREATE TABLE decision (
    key      INTEGER PRIMARY KEY,
    vehicle  INTEGER NOT NULL REFERENCES vehicle,
    previous INTEGER NOT NULL, -- key of the one before; 0: none
    time     INTEGER NOT NULL,
    actor    BLOB NOT NULL,
    what     BLOB NOT NULL,
    reason   BLOB NOT NULL
) STRICT;
