-- 0006_told - what vehicles of aktualizr's dialect tell, unsigned, each thing once.
-- SPDX-License-Identifier: MIT

CREATE TABLE told (
    key            INTEGER PRIMARY KEY,
    vehicle        INTEGER NOT NULL REFERENCES vehicle,
    id             BLOB NOT NULL CHECK (length(id) > 0), -- the vehicle's own
    type           BLOB NOT NULL,
    ecu            BLOB NOT NULL,
    correlation_id BLOB NOT NULL,
    outcome        INTEGER NOT NULL CHECK (outcome BETWEEN 0 AND 2), -- sev_told_outcome
    told           INTEGER NOT NULL, -- by the vehicle's clock
    heard          INTEGER NOT NULL,
    UNIQUE (vehicle, id)
) STRICT;
