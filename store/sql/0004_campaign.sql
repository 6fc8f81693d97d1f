-- 0004_campaign - campaigns, who takes part and how far each is, and releases that nobody gets.
-- SPDX-License-Identifier: MIT

CREATE TABLE campaign (
    key           INTEGER PRIMARY KEY,
    name          BLOB NOT NULL UNIQUE CHECK (length(name) > 0),
    definition    BLOB NOT NULL,
    state         INTEGER NOT NULL CHECK (state BETWEEN 0 AND 7), -- sev_campaign_state
    revision      INTEGER NOT NULL CHECK (revision > 0),
    author        BLOB NOT NULL,
    submitter     BLOB NOT NULL DEFAULT x'',
    approver      BLOB NOT NULL DEFAULT x'',
    reason        BLOB NOT NULL,
    created       INTEGER NOT NULL,
    changed       INTEGER NOT NULL,
    running_since INTEGER NOT NULL DEFAULT 0,
    withdrawing   INTEGER NOT NULL DEFAULT 0 CHECK (withdrawing BETWEEN 0 AND 1),
    sweep         INTEGER NOT NULL DEFAULT 0, -- vehicle.key
    swept         INTEGER NOT NULL DEFAULT 0,
    minute_at     INTEGER NOT NULL DEFAULT 0,
    minute_starts INTEGER NOT NULL DEFAULT 0,
    worker        BLOB NOT NULL DEFAULT x'',
    worker_until  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Those of a campaign lie together, in the order of the inventory.
CREATE TABLE campaign_member (
    key      INTEGER PRIMARY KEY, -- campaign * 2^40 + vehicle
    campaign INTEGER NOT NULL REFERENCES campaign,
    vehicle  INTEGER NOT NULL REFERENCES vehicle,
    part     INTEGER NOT NULL CHECK (part BETWEEN 0 AND 15), -- its group
    turn     INTEGER NOT NULL,
    state    INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 6), -- sev_member_state
    tries    INTEGER NOT NULL DEFAULT 0,
    version  INTEGER NOT NULL DEFAULT 0,
    since    INTEGER NOT NULL DEFAULT 0,
    reason   BLOB NOT NULL DEFAULT x'',
    marks    BLOB NOT NULL DEFAULT x''
) STRICT;
CREATE INDEX campaign_member_turn ON campaign_member (campaign, state, part, turn, vehicle);

CREATE TABLE campaign_count (
    key INTEGER PRIMARY KEY, -- campaign * 256 + part * 16 + state
    n   INTEGER NOT NULL CHECK (n >= 0)
) STRICT;

-- What aktualizr's vehicles said last of an installation.
CREATE TABLE installation (
    vehicle        INTEGER PRIMARY KEY REFERENCES vehicle,
    counter        INTEGER NOT NULL,
    success        INTEGER NOT NULL CHECK (success BETWEEN 0 AND 1),
    code           BLOB NOT NULL,
    correlation_id BLOB NOT NULL
) STRICT;

CREATE TABLE invalidation (
    key    INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),
    time   INTEGER NOT NULL,
    actor  BLOB NOT NULL,
    remark BLOB NOT NULL,
    sweep  INTEGER NOT NULL DEFAULT 0, -- vehicle.key
    swept  INTEGER NOT NULL DEFAULT 0
) STRICT;
