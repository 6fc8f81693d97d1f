-- 0007_probe - what is written to see whether writing is possible. SPDX-License-Identifier: MIT

CREATE TABLE probe (
    key   INTEGER PRIMARY KEY CHECK (key = 1),
    times INTEGER NOT NULL
) STRICT;
