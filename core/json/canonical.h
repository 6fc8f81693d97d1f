/* canonical - the canonical form of a value that was checked before. SPDX-License-Identifier: MIT
 */
#ifndef SEV_CORE_JSON_CANONICAL_H
#define SEV_CORE_JSON_CANONICAL_H

#include "secureev/json.h"

/** As sev_json_check. `out_ordered`: members are in the order of code points and there are no
 *  blanks, so that only the spelling of strings may be other than in OLPC and ASCII. */
SEV_MUST_USE sev_err sev_json_check_ordered(sev_slice doc, struct sev_json_scratch scratch,
                                            struct sev_json_info *out_info, bool *out_ordered,
                                            size_t *out_offset);

/** As sev_json_canonical, for a value that is checked and may be `ordered` as above. */
SEV_MUST_USE sev_err sev_json_write_canonical(sev_slice value, bool ordered, unsigned form,
                                              struct sev_json_scratch scratch, sev_buf *out);

#endif
