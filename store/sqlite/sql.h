/* sql - every statement that is ever run, in one place. Values are bound, never written into it.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_STORE_SQLITE_SQL_H
#define SEV_STORE_SQLITE_SQL_H

/* clang-format off */
#define SEV_SQL_VEHICLE "SELECT id, vin, model, profile, primary_serial, status_counter, " \
    "status_version, base, seen FROM vehicle "

/* A read is one statement, hence one moment; the vehicle is its first table, so that an unknown
 * vehicle gives no row at all and one that has nothing gives a row of NULLs. */
#define SEV_SQL_TABLE(X) \
    X(BEGIN, "BEGIN IMMEDIATE") \
    X(COMMIT, "COMMIT") \
    X(ROLLBACK, "ROLLBACK") \
    X(SAVEPOINT, "SAVEPOINT operation") \
    X(RELEASE, "RELEASE operation") \
    X(UNDO, "ROLLBACK TO operation") \
    X(VEHICLE_FIND, "SELECT key, primary_serial, status_counter, status_version FROM vehicle " \
        "WHERE id = ?") \
    X(VEHICLE_ADD, "INSERT INTO vehicle (id, vin, model, profile) VALUES (?, ?, ?, ?)") \
    X(VEHICLE_GET, SEV_SQL_VEHICLE "WHERE id = ?") \
    X(VEHICLE_LIST, SEV_SQL_VEHICLE "WHERE id > ? ORDER BY id LIMIT ?") \
    X(VEHICLE_STATUS, "UPDATE vehicle SET status_counter = ?, base = ?, seen = ? WHERE key = ?") \
    X(VEHICLE_PRIMARY, "UPDATE vehicle SET primary_serial = ?, status_counter = ? WHERE key = ?") \
    X(VEHICLE_VERSION, "UPDATE vehicle SET status_version = ? WHERE key = ?") \
    X(ECU_SET, "SELECT key, serial, hardware_id, key_type, key_material FROM ecu " \
        "WHERE key BETWEEN ?1 * 256 AND ?1 * 256 + 255") \
    X(ECU_COUNTERS, "SELECT key, serial, report_counter FROM ecu " \
        "WHERE key BETWEEN ?1 * 256 AND ?1 * 256 + 255") \
    X(ECU_ADD, "INSERT INTO ecu (key, serial, hardware_id, key_type, key_material) " \
        "VALUES (?, ?, ?, ?, ?)") \
    X(ECU_HARDWARE, "UPDATE ecu SET hardware_id = ? WHERE key = ?") \
    X(ECU_REMOVE, "DELETE FROM ecu WHERE key = ?") \
    X(ECU_REPORT, "UPDATE ecu SET report_counter = ?, report_sha256 = ?, installed_name = ?, " \
        "installed_length = ?, installed_sha256 = ?, release_counter = ?, boot_count = ?, " \
        "attacks = ?, report = ? WHERE key = ?") \
    X(ECU_LIST, "SELECT e.key, v.id, e.serial, e.hardware_id, e.key_type, e.key_material, " \
        "e.report_counter, e.report_sha256, e.installed_name, e.installed_length, " \
        "e.installed_sha256, e.release_counter, e.boot_count, e.attacks, e.report " \
        "FROM vehicle v LEFT JOIN ecu e " \
        "ON e.key BETWEEN v.key * 256 AND v.key * 256 + 255 WHERE v.id = ?") \
    X(ASSIGNMENT_VERSION, "SELECT version FROM assignment WHERE vehicle = ?") \
    X(ASSIGN, "INSERT INTO assignment (vehicle, version, bundle_id, correlation_id, targets, " \
        "groups) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (vehicle) DO UPDATE SET " \
        "version = excluded.version, bundle_id = excluded.bundle_id, " \
        "correlation_id = excluded.correlation_id, targets = excluded.targets, " \
        "groups = excluded.groups") \
    X(ASSIGNMENT_GET, "SELECT v.id, a.version, a.bundle_id, a.correlation_id, a.targets, " \
        "a.groups FROM vehicle v LEFT JOIN assignment a ON a.vehicle = v.key WHERE v.id = ?") \
    X(FILE_VERSION, "SELECT version FROM file WHERE vehicle = ? AND role = ?") \
    X(FILE_PUT, "INSERT INTO file (vehicle, role, version, expires, bundle_version, bytes) " \
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (vehicle, role) DO UPDATE SET " \
        "version = excluded.version, expires = excluded.expires, " \
        "bundle_version = excluded.bundle_version, bytes = excluded.bytes") \
    X(FILES_GET, "SELECT f.key, f.role, f.version, f.expires, f.bundle_version, f.bytes " \
        "FROM vehicle v LEFT JOIN file f ON f.vehicle = v.key WHERE v.id = ?") \
    X(DECISION_ADD, "INSERT INTO decision (vehicle, previous, time, actor, what, reason) " \
        "SELECT key, last_decision, ?2, ?3, ?4, ?5 FROM vehicle WHERE key = ?1") \
    X(DECISION_LAST, "UPDATE vehicle SET last_decision = last_insert_rowid() WHERE key = ?") \
    X(DECISION_LIST, "WITH RECURSIVE chain (key, previous, time, actor, what, reason) AS (" \
        "SELECT coalesce(d.key, 0), coalesce(d.previous, 0), d.time, d.actor, d.what, d.reason " \
        "FROM vehicle v LEFT JOIN decision d ON d.key = v.last_decision WHERE v.id = ?1 " \
        "UNION ALL SELECT d.key, d.previous, d.time, d.actor, d.what, d.reason " \
        "FROM chain JOIN decision d ON d.key = chain.previous AND d.key < chain.key LIMIT ?2) " \
        "SELECT key, time, actor, what, reason FROM chain")
/* clang-format on */

enum sev_sql {
#define X(name, text) SEV_SQL_##name,
    SEV_SQL_TABLE(X)
#undef X
        SEV_SQL_COUNT
};

#endif
