/* list - holds every check of the core, so that SEV_MUTANT=list names them all.
 * SPDX-License-Identifier: MIT */
int main(void)
{
    return 2; /* asked for without SEV_MUTANT=list */
}
