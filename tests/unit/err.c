/* err - the table of errors is well made. SPDX-License-Identifier: MIT */
#include "test.h"

TEST(err__every_row__has_a_distinct_id_and_a_sentence)
{
    for (int i = 0; i < SEV_ERR_COUNT; i++) {
        CHECK(sev_err_id((sev_err)i)[0] != '\0');
        CHECK(sev_err_sentence((sev_err)i)[0] != '\0');
        for (int j = 0; j < i; j++)
            CHECK(strcmp(sev_err_id((sev_err)i), sev_err_id((sev_err)j)) != 0);
    }
}

TEST(err__a_named_attack__is_always_a_refusal)
{
    for (int i = 0; i < SEV_ERR_COUNT; i++)
        if (sev_err_attack((sev_err)i) != SEV_ATTACK_NONE)
            CHECK_EQ(sev_err_class((sev_err)i), SEV_CLASS_REFUSE);
}

TEST(err__a_number_outside_the_table__is_our_bug)
{
    CHECK_EQ(sev_err_class((sev_err)9999), SEV_CLASS_BUG);
}
