/* pin - the second signature of partial verification: beside the Director's targets, a small ECU
 * asks for its supplier's role file, by keys that only an image can replace. DESIGN 3.6
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_PIN_H
#define SECUREEV_PIN_H

#include "secureev/walk.h"

/**
 * What is burnt into an ECU's image, as JSON of at most SEV_PIN_BYTES_MAX:
 * {"keys": {id: key object}, "path": pattern, "successor": {"keyids": [...], "threshold": n},
 *  "supplier": {"keyids": [...], "threshold": n}}. P-256 keys only, so that every ECU can check.
 * The successor is an offline key of the OEM: with it, and with nothing else, a supplier whose
 * keys are revoked is replaced.
 */
#define SEV_PIN_BYTES_MAX 4096
struct sev_pin {
    sev_json_str path;
    struct sev_role supplier;
    struct sev_role successor;
};
/** Borrows from `bytes`. @retval SEV_E_MALFORMED, SEV_E_KEY, SEV_E_KEY_ID, SEV_E_THRESHOLD */
SEV_MUST_USE sev_err sev_pin_parse(sev_slice bytes, struct sev_arena *arena, struct sev_pin *out);

/** Of the role files accepted so far. It begins empty, and again when a new pin has other supplier
 *  keys. */
struct sev_pin_floor {
    struct sev_baseline last;
    int64_t successor_version; /**< highest of a file that the successor signed */
};

/**
 * Does the supplier vouch for what the Director assigns? The role file has no snapshot: its own
 * version floor and expiry protect it. A file that the successor signed, and newer than any such
 * before, passes below the floor: what a stolen supplier key pushed ahead must not keep its
 * successor out for ever.
 *
 * @param floor       on success the new one
 * @param assigned    this ECU's entry in verified Director targets
 * @param hardware_id this ECU's
 * @retval SEV_E_TOO_LONG  over SEV_MESSAGE_BYTES_MAX
 * @retval SEV_E_SIGNATURE neither supplier nor successor signed
 * @retval SEV_E_VERSION_ROLLBACK, SEV_E_EQUIVOCATION, SEV_E_EXPIRED
 * @retval SEV_E_DELEGATION  the image's name is outside the pinned path
 * @retval SEV_E_DISAGREE    not listed, or with other length, hashes or match
 */
SEV_MUST_USE sev_err sev_pin_check(struct sev_crypto *crypto, const struct sev_pin *pin,
                                   sev_slice role_file, const struct sev_target *assigned,
                                   sev_slice hardware_id, sev_time now, struct sev_arena *arena,
                                   struct sev_pin_floor *floor);

#endif
