/* check - every security decision of the core goes through SEV_REFUSE_IF, so that the tests can
 * switch each one off in turn and see that something notices (tests/mutants). In the product it
 * is the condition itself. SPDX-License-Identifier: MIT */
#ifndef SEV_CORE_CHECK_H
#define SEV_CORE_CHECK_H

/** True when the bytes at hand are to be refused. Use: if (SEV_REFUSE_IF(cond)) return ...; */
#define SEV_REFUSE_IF(bad) (bad)

/** The result of a check that is a function of its own, at this very place: as a mutant it is made
 *  but not heeded. Use: e = SEV_HEED(sev_quorum_check(...)); */
#define SEV_HEED(result) (result)

#endif
