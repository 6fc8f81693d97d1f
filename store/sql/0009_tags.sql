-- 0009_tags - words by which operators put vehicles into groups: a canonical array, or empty.
-- SPDX-License-Identifier: MIT

ALTER TABLE vehicle ADD COLUMN tags BLOB NOT NULL DEFAULT x'';
