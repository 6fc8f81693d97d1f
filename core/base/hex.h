/* hex - one digit. SPDX-License-Identifier: MIT */
#ifndef SEV_CORE_HEX_H
#define SEV_CORE_HEX_H

#include <stdint.h>

/** 0 to 15, or -1 when `c` is not a hexadecimal digit of either case. */
int sev_hex_digit(uint8_t c);

#endif
