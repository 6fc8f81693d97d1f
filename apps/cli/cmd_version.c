/* cmd_version - `secureev version`. SPDX-License-Identifier: MIT */
#include "cli.h"

static void emit(sev_json_writer *w, const void *context)
{
    (void)context;
    sev_json_w_object(w);
    sev_json_w_string_member(w, "program", SEV_LIT("secureev"));
    sev_json_w_string_member(w, "version", SEV_LIT(SEV_VERSION));
    sev_json_w_object_end(w);
}

static int run(struct cli *c)
{
    if (cli_json(c))
        return cli_print_json(c, emit, NULL);
    cli_print(c, "secureev %s\n", SEV_VERSION);
    return 0;
}

const struct cli_command cmd_version = {
    .name = "version", .summary = "Print the version of this program (also --version)", .run = run};
