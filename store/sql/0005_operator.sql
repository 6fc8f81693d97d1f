-- 0005_operator - who may use the admin API, what was answered under which key; and decisions that
-- are about no vehicle, such as those about operators.
-- SPDX-License-Identifier: MIT

CREATE TABLE api_operator (
    key          INTEGER PRIMARY KEY,
    name         BLOB NOT NULL UNIQUE CHECK (length(name) > 0),
    role         INTEGER NOT NULL CHECK (role BETWEEN 0 AND 3), -- sev_operator_role
    token_id     BLOB NOT NULL UNIQUE CHECK (length(token_id) = 16),
    token_sha256 BLOB NOT NULL CHECK (length(token_sha256) = 32), -- the token itself is nowhere
    created      INTEGER NOT NULL,
    expires      INTEGER NOT NULL, -- 0: never
    disabled     INTEGER NOT NULL CHECK (disabled BETWEEN 0 AND 1),
    version      INTEGER NOT NULL CHECK (version > 0)
) STRICT;

CREATE TABLE kept_answer (
    key            INTEGER PRIMARY KEY,
    actor          BLOB NOT NULL,
    name           BLOB NOT NULL CHECK (length(name) > 0), -- the Idempotency-Key
    request_sha256 BLOB NOT NULL CHECK (length(request_sha256) = 32),
    time           INTEGER NOT NULL,
    status         INTEGER NOT NULL, -- 0: not known yet
    body           BLOB NOT NULL,
    tag            BLOB NOT NULL,
    UNIQUE (actor, name)
) STRICT;

-- As 0001's, but that `vehicle` may be NULL.
CREATE TABLE decision_next (
    key      INTEGER PRIMARY KEY,
    vehicle  INTEGER REFERENCES vehicle,
    previous INTEGER NOT NULL, -- of the same vehicle; 0: none
    time     INTEGER NOT NULL,
    actor    BLOB NOT NULL,
    what     BLOB NOT NULL,
    reason   BLOB NOT NULL
) STRICT;
INSERT INTO decision_next (key, vehicle, previous, time, actor, what, reason)
    SELECT key, vehicle, previous, time, actor, what, reason FROM decision ORDER BY key;
DROP TABLE decision;
ALTER TABLE decision_next RENAME TO decision;
