/* cmd_repo - `secureev repo`: make and run a Director, Images or Regulator repository.
 * SPDX-License-Identifier: MIT */
#include "repo.h"
#include "server.h"

#define FROM_OPTIONS                                                                               \
    {.name = "from",                                                                               \
     .value = "DIR",                                                                               \
     .flags = CLI_REQUIRED,                                                                        \
     .help = "public folder of the Image repository; its entry is verified and copied"},           \
    {                                                                                              \
        .name = "from-root", .value = "FILE", .shown = "its 1.root.json",                          \
        .help = "root to trust at the first time; later what was verified then"                    \
    }

static const struct cli_option repo_options[] = {
    {.name = "repo", .value = "DIR", .fallback = ".", .help = "folder of the repository"},
    CLI_KEYSTORE_OPTION,
    {0}};

static const struct cli_option init_options[] = {
    {.name = "kind",
     .value = "KIND",
     .flags = CLI_REQUIRED,
     .choices = "director images regulator",
     .help = "which of the three it is"},
    {.name = "role",
     .value = "ROLE=N:KEY,KEY,...",
     .flags = CLI_REQUIRED | CLI_REPEATED,
     .help =
         "a role, how many of its keys must sign, and the keys: names in the keystore, or files "
         "with a public key (.json, .pem)"},
    {.name = "with-aktualizr", .help = "also serve aktualizr's dialect, below aktualizr/"},
    {.name = "aktualizr-role",
     .value = "ROLE=N:KEY,KEY,...",
     .flags = CLI_REPEATED,
     .help = "as --role, for aktualizr's dialect; Ed25519 keys of its own"},
    {.name = "expires",
     .value = "ROLE=DAYS",
     .flags = CLI_REPEATED,
     .help = "after how many days the files of a role expire"},
    {.name = "vehicle",
     .value = "VID",
     .help = "a Director that serves this one vehicle: its id goes into every file"},
    REPO_NOW_OPTION,
    {0}};

static const struct cli_option add_options[] = {
    {.name = "hardware-id",
     .value = "HWID",
     .flags = CLI_REQUIRED | CLI_REPEATED,
     .help = "hardware that the image is for"},
    {.name = "release-counter",
     .value = "N",
     .flags = CLI_REQUIRED,
     .help = "rises with each release that must not be undone"},
    {.name = "version", .value = "V", .flags = CLI_REQUIRED, .help = "version, for people"},
    {.name = "role", .value = "ROLE", .shown = "targets", .help = "delegated role that lists it"},
    {.name = "min-release-counter",
     .value = "N",
     .help = "least release counter to update from (a stepping stone)"},
    {.name = "format", .value = "FORMAT", .help = "what the ECU's installer is told"},
    {.name = "group", .value = "GROUP", .help = "installed together with others of this name"},
    {.name = "depends", .value = "NAME", .flags = CLI_REPEATED, .help = "image that it needs"},
    {.name = "conflicts",
     .value = "NAME",
     .flags = CLI_REPEATED,
     .help = "image that it cannot be with"},
    {.name = "plaintext",
     .value = "FILE",
     .help = "what FILE is the ciphertext of: its length and digests are listed, not its bytes"},
    {0}};

static const struct cli_option remove_options[] = {
    {.name = "role", .value = "ROLE", .help = "role that lists it, where several do"}, {0}};

static const struct cli_option assign_options[] = {
    {.name = "ecu",
     .value = "SERIAL=HWID",
     .flags = CLI_REQUIRED | CLI_REPEATED,
     .help = "ECU that gets it, and its hardware id"},
    FROM_OPTIONS,
    {.name = "bundle", .value = "ID:VERSION", .help = "the bundle that all assignments form"},
    {.name = "group",
     .value = "SERIAL,SERIAL,...",
     .flags = CLI_REPEATED,
     .help = "ECUs of the bundle that are activated together, in this order of groups"},
    {.name = "correlation-id", .value = "ID", .help = "comes back in reports"},
    {.name = "encryption",
     .value = "FILE",
     .help = "encryption block, JSON; exactly where the image is encrypted"},
    REPO_NOW_OPTION,
    {0}};

#define REVIEW_OPTIONS                                                                             \
    {.name = "regulator",                                                                          \
     .value = "ID",                                                                                \
     .help = "who decided; with --report and --scanner, for people and audit"},                    \
        {.name = "report",                                                                         \
         .value = "FILE",                                                                          \
         .help = "the report: its length and digests are listed, not its bytes"},                  \
    {                                                                                              \
        .name = "scanner", .value = "NAME=VERSION", .flags = CLI_REPEATED,                         \
        .help = "what the image was examined with"                                                 \
    }

static const struct cli_option attest_options[] = {
    FROM_OPTIONS,
    {.name = "decision",
     .value = "DECISION",
     .choices = "attested refused",
     .fallback = "attested",
     .help = "refused: listed in withdrawals, so that nobody installs it"},
    REVIEW_OPTIONS,
    REPO_NOW_OPTION,
    {0}};

static const struct cli_option withdraw_options[] = {REVIEW_OPTIONS, REPO_NOW_OPTION, {0}};

static const struct cli_option delegate_options[] = {
    {.name = "keys",
     .value = "N:KEY,KEY,...",
     .flags = CLI_REQUIRED,
     .help = "how many of its keys must sign, and the keys"},
    {.name = "path",
     .value = "PATTERN",
     .flags = CLI_REQUIRED | CLI_REPEATED,
     .help = "images that it is trusted with; * and ? stay within one folder"},
    {.name = "hardware-id",
     .value = "HWID",
     .flags = CLI_REPEATED,
     .help = "for this hardware only; without any: for all"},
    {.name = "no-hardware", .help = "for no hardware at all: an empty list"},
    {.name = "parent", .value = "ROLE", .shown = "targets", .help = "role that trusts it"},
    {.name = "before",
     .value = "ROLE",
     .shown = "last",
     .help = "its place: roles listed first are asked first"},
    {.name = "terminating",
     .help = "where it lacks an image of its paths, nobody else is asked; rarely wanted"},
    {.name = "with-role",
     .value = "ROLE=N:KEY,...",
     .flags = CLI_REPEATED,
     .help = "further role that must list the same image (a multi-role delegation)"},
    {.name = "min-roles", .value = "N", .help = "how many of the roles must agree: more than half"},
    {.name = "days", .value = "N", .help = "after how many days its files expire"},
    {.name = "expires",
     .value = "ROLE=DAYS",
     .flags = CLI_REPEATED,
     .help = "as --days, for roles of --with-role"},
    {0}};

static const struct cli_option undelegate_options[] = {
    {.name = "parent", .value = "ROLE", .shown = "all that trust it", .help = "only by this role"},
    {0}};

static const struct cli_option rotate_options[] = {
    {.name = "keys",
     .value = "N:KEY,KEY,...",
     .flags = CLI_REQUIRED,
     .help = "the keys from now on, and how many must sign"},
    {.name = "profile",
     .value = "PROFILE",
     .choices = "native aktualizr",
     .fallback = "native",
     .help = "whose role"},
    {.name = "parent",
     .value = "ROLE",
     .shown = "all that trust it",
     .help = "a delegated role: only in the delegation by this one"},
    {.name = "days", .value = "N", .help = "after how many days its files expire, from now on"},
    {0}};

static const struct cli_option time_options[] = {REPO_NOW_OPTION, {0}};

static const struct cli_option sign_options[] = {
    {.name = "key", .value = "KEY", .flags = CLI_REQUIRED, .help = "key to sign with"},
    {.name = "out", .value = "DIR", .fallback = ".", .help = "where the signature files go"},
    {.name = "above",
     .value = "VERSION",
     .help = "refuse what is not newer than this version, which you signed or saw last"},
    CLI_PASSPHRASE_OPTIONS("", " of the key"),
    {0}};

static const struct cli_option assemble_options[] = {
    {.name = "partial", .help = "take them in although more are needed"}, {0}};

static const struct cli_option publish_options[] = {
    {.name = "partial", .help = "what is complete; what is not stays staged"},
    REPO_NOW_OPTION,
    CLI_PASSPHRASE_OPTIONS("", " of the keys that sign online"),
    {0}};
static const struct cli_option refresh_options[] = {
    REPO_NOW_OPTION, CLI_PASSPHRASE_OPTIONS("", " of the keys that sign online"), {0}};

#define PROFILE_OPTION                                                                             \
    {                                                                                              \
        .name = "profile", .value = "PROFILE", .choices = "native aktualizr",                      \
        .fallback = "native", .help = "whose files"                                                \
    }
#define PUBLIC_OPTION                                                                              \
    {                                                                                              \
        .name = "public", .value = "DIR", .shown = "public in the repository's folder",            \
        .help = "folder that a web server serves"                                                  \
    }

static const struct cli_option show_options[] = {PUBLIC_OPTION, PROFILE_OPTION, {0}};
static const struct cli_option diff_options[] = {PROFILE_OPTION, {0}};
static const struct cli_option lint_options[] = {
    PUBLIC_OPTION,
    {.name = "kind",
     .value = "KIND",
     .choices = "director images regulator",
     .shown = "the repository's",
     .help = "which of the three it is"},
    {.name = "days",
     .value = "N",
     .shown = "7, or half of its usual life where that is less",
     .help = "warn of what expires within"},
    {.name = "now", .value = "TIME", .shown = "the system clock", .help = "trusted time, RFC 3339"},
    {0}};

static const struct cli_option upload_options[] = {SERVER_OPTIONS, {0}};

static const struct cli_positional name_argument[] = {
    {"NAME", "name of the image, such as supplier/brake-7.img", CLI_REQUIRED}, {0}};
static const struct cli_positional add_arguments[] = {
    {"NAME", "name of the image, such as supplier/brake-7.img", CLI_REQUIRED},
    {"FILE", "its bytes", CLI_REQUIRED},
    {0}};
static const struct cli_positional role_argument[] = {
    {"ROLE", "letters, digits and . _ -", CLI_REQUIRED}, {0}};
static const struct cli_positional key_argument[] = {
    {"KEY", "key id, name in the keystore, or file with the public key", CLI_REQUIRED}, {0}};
static const struct cli_positional sign_arguments[] = {
    {"FILE", "bytes to be signed, from stage", CLI_REQUIRED | CLI_REPEATED}, {0}};
static const struct cli_positional assemble_arguments[] = {
    {"FILE", "signature file", CLI_REQUIRED | CLI_REPEATED}, {0}};

static const struct cli_positional upload_arguments[] = {
    {"ROLE", "whose newest signed file", CLI_REQUIRED | CLI_REPEATED}, {0}};
static const struct cli_positional show_arguments[] = {
    {"FILE", "one metadata file instead of all that are public", 0}, {0}};
static const struct cli_positional diff_arguments[] = {
    {"BEFORE", "public folder, or metadata file", CLI_REQUIRED},
    {"AFTER", "another one", CLI_REQUIRED},
    {0}};

static const struct cli_example lint_examples[] = {
    {"In a nightly job: exit 1 when a client would refuse something",
     "secureev repo lint --repo images --days 14 --json"},
    {0}};
static const struct cli_example init_examples[] = {
    {"An Image repository whose root takes two of three people",
     "secureev repo init --repo images --kind images \\\n"
     "  --role root=2:anna.json,ben.json,carla.json --role targets=1:dora.json \\\n"
     "  --role snapshot=1:online.json --role timestamp=1:online.json"},
    {0}};
static const struct cli_example sign_examples[] = {
    {"On Anna's machine, which has the file and her keystore and nothing else",
     "secureev repo sign native.1.root.tbs --key anna"},
    {0}};
static const struct cli_example publish_examples[] = {
    {"Collect what people signed, sign the rest here, bring it out",
     "secureev repo assemble --repo images *.sig\n"
     "secureev repo publish --repo images --keystore online-keys"},
    {0}};
static const struct cli_example upload_examples[] = {
    {"A supplier brings its release",
     "secureev repo upload brakes-inc --repo brakes --server https://images.example:8001 \\\n"
     "  --ca ca.pem --certificate brakes.pem --key brakes.key"},
    {0}};
static const struct cli_example delegate_examples[] = {
    {"A supplier, for its own folder and two kinds of hardware",
     "secureev repo delegate brakes-inc --keys 1:brakes.json --path 'brakes-inc/*' \\\n"
     "  --hardware-id brake-7 --hardware-id brake-8"},
    {0}};

static const struct cli_command subcommands[] = {
    {.name = "init",
     .summary = "Make a repository",
     .details =
         "Roles root, targets, snapshot and timestamp; a Director may have publish, time and "
         "kem, a Regulator kem, and it has attestations. Nobody's private key is needed: the "
         "first files are staged to be signed.",
     .options = init_options,
     .examples = init_examples,
     .run = repo_run_init},
    {.name = "add",
     .summary = "List an image in an Image repository",
     .options = add_options,
     .positionals = add_arguments,
     .run = repo_run_add},
    {.name = "remove",
     .summary = "List an image no more",
     .options = remove_options,
     .positionals = name_argument,
     .run = repo_run_remove},
    {.name = "assign",
     .summary = "Assign an image to ECUs, in a Director's repository",
     .details = "An ECU has one image: a new assignment takes the place of the old one.",
     .options = assign_options,
     .positionals = name_argument,
     .run = repo_run_assign},
    {.name = "attest",
     .summary = "List an image as reviewed, in a Regulator's repository",
     .options = attest_options,
     .positionals = name_argument,
     .run = repo_run_attest},
    {.name = "withdraw",
     .summary = "Stop an image that was attested",
     .details =
         "One reviewer is enough: the entry goes into withdrawals, which clients meet first; "
         "publish --partial brings that out at once. It leaves the attestations, too, when "
         "enough reviewers have signed those. attest takes it out of withdrawals again.",
     .options = withdraw_options,
     .positionals = name_argument,
     .run = repo_run_withdraw},
    {.name = "delegate",
     .summary = "Trust a role with some images",
     .options = delegate_options,
     .positionals = role_argument,
     .examples = delegate_examples,
     .run = repo_run_delegate},
    {.name = "undelegate",
     .summary = "Trust a delegated role no more",
     .details =
         "What it and the roles below it listed is forgotten: trusted again, it begins empty.",
     .options = undelegate_options,
     .positionals = role_argument,
     .run = repo_run_undelegate},
    {.name = "rotate",
     .summary = "Give a role other keys",
     .details =
         "Of the root: the old and the new keys both sign the next one. For readers not to "
         "notice, let the old keys of a role sign its next file, too. Names of revoked roles "
         "leave the snapshot when snapshot and timestamp are rotated in one root.",
     .options = rotate_options,
     .positionals = role_argument,
     .run = repo_run_rotate},
    {.name = "revoke",
     .summary = "Take a key out of every role",
     .positionals = key_argument,
     .run = repo_run_revoke},
    {.name = "stage",
     .summary = "Write the bytes to be signed of whatever changed",
     .options = time_options,
     .run = repo_run_stage},
    {.name = "sign",
     .summary = "Sign staged bytes, on the key holder's machine",
     .details =
         "Shows what is signed before it asks for the passphrase, and refuses what no client "
         "would accept. Needs the staged file and the key, nothing of the repository.",
     .options = sign_options,
     .positionals = sign_arguments,
     .examples = sign_examples,
     .run = repo_run_sign},
    {.name = "assemble",
     .summary = "Take in signature files",
     .details = "All of them or none: each is verified over the staged bytes, and every file that "
                "got one must then have enough (but with --partial).",
     .options = assemble_options,
     .positionals = assemble_arguments,
     .run = repo_run_assemble},
    {.name = "publish",
     .summary = "Bring out what is signed",
     .details = "With --keystore, timestamp, snapshot and a Director's targets are signed here. A "
                "run that was interrupted is finished by the next one.",
     .options = publish_options,
     .examples = publish_examples,
     .run = repo_run_publish},
    {.name = "refresh",
     .summary = "Sign anew what has lived half its life",
     .details = "Timestamp, snapshot and a Director's targets at once; what people sign is staged "
                "for them. What is staged for something else stays.",
     .options = refresh_options,
     .run = repo_run_refresh},
    {.name = "upload",
     .summary = "Bring signed files, and the images that they list, to a server",
     .details =
         "The newest file of each role that enough people have signed, published here or not; and "
         "of the images that it lists those that the server lacks. What was cut goes on where it "
         "was. It becomes public when all that it needs is there: until then it waits, and the "
         "same command tells for what.",
     .options = upload_options,
     .positionals = upload_arguments,
     .examples = upload_examples,
     .run = repo_run_upload},
    {.name = "lint",
     .summary = "Find what a client would refuse, and what should be otherwise",
     .details =
         "Walks the public folder as a client does, from 1.root.json on, and looks for every "
         "image. Exit 1 when a client would refuse something; warnings alone are exit 0. "
         "Each finding has a code that does not change.",
     .options = lint_options,
     .examples = lint_examples,
     .run = repo_run_lint},
    {.name = "show",
     .summary = "Show what is public: roles, keys, images, delegations",
     .details = "Nothing is verified: lint does that.",
     .options = show_options,
     .positionals = show_arguments,
     .run = repo_run_show},
    {.name = "diff",
     .summary = "Compare two public folders, or two metadata files",
     .options = diff_options,
     .positionals = diff_arguments,
     .run = repo_run_diff},
    {0}};

const struct cli_command cmd_repo = {
    .name = "repo",
    .summary = "Make and run a Director, Images or Regulator repository",
    .details = "The folder has what is wanted (repository.json), what is to be signed (staged) and "
               "what any static web server can serve (public).",
    .options = repo_options,
    .subcommands = subcommands};
