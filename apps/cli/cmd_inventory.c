/* cmd_inventory - `secureev inventory`: a Director's vehicles, on the machine of its database, or
 * through the admin API (inventory_remote.c). SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "inventory.h"
#include "secureev/director.h"

#define WISH_BYTES_MAX (1u << 20)
#define LIST_AT_ONCE 1000u

static sev_slice text(const char *s)
{
    return s == NULL ? SEV_EMPTY : sev_slice_of(s, strlen(s));
}

void inventory_close(struct desk *d)
{
    if (d->store.self != NULL)
        sev_store_close(&d->store);
    free(d->memory);
}

bool inventory_open(struct cli *c, struct desk *d, bool make, int *code)
{
    struct sev_fs_stat status;
    const char *path = cli_opt(c, "database");
    char name[SEV_STORE_NAME_MAX];
    *d = (struct desk){.memory = NULL};
    if (path == NULL) {
        *code = cli_usage(c, "give --database, or --server for all but `told`");
        return false;
    }
    d->memory = malloc(SEV_DIRECTOR_ARENA_BYTES);
    if (d->memory == NULL) {
        *code = cli_fail(c, SEV_E_MEMORY, NULL, "inventory");
        return false;
    }
    d->arena = sev_arena_of(d->memory, SEV_DIRECTOR_ARENA_BYTES);
    sev_err e = SEV_OK;
    if (!make && !sev_store_on_server(path))
        e = sev_file_stat(cli_fs(c), path, &status);
    if (e == SEV_OK)
        e = sev_store_open(path, &d->store);
    sev_store_name(path, name);
    *code = e == SEV_OK ? 0 : cli_fail(c, e, NULL, "database %s", name);
    return e == SEV_OK;
}

sev_slice inventory_actor(void)
{
    const char *user = getenv("USER");
    return user == NULL || *user == '\0' ? SEV_LIT("operator") : text(user);
}

/* ---------------------------------------------------------------------- add */

static void emit_id(sev_json_writer *w, const void *context)
{
    sev_json_w_object(w);
    sev_json_w_string_member(w, "vehicle", text(context));
    sev_json_w_object_end(w);
}

static int run_add(struct cli *c)
{
    struct desk d;
    struct sev_vehicle v = {.id = text(cli_arg(c, 0)),
                            .vin = text(cli_opt(c, "vin")),
                            .model = text(cli_opt(c, "model"))};
    struct sev_decision why = {(sev_time)time(NULL), inventory_actor(), SEV_LIT("add"),
                               SEV_LIT("{}")};
    if (strcmp(cli_opt(c, "profile"), "aktualizr") == 0)
        v.profile = SEV_PROFILE_AKTUALIZR;
    if (v.id.len == 0 || v.id.len > SEV_ID_BYTES_MAX)
        return cli_usage(c, "a vehicle's id has 1 to %d bytes", SEV_ID_BYTES_MAX);
    int code;
    if (remote_is_meant(c))
        return inventory_remote_add(c);
    if (inventory_open(c, &d, true, &code)) {
        sev_err e = d.store.vehicle_add(d.store.self, &v, &why);
        if (e != SEV_OK)
            code = cli_fail(c, e, NULL, "vehicle %s", cli_arg(c, 0));
        else if (cli_json(c))
            code = cli_print_json(c, emit_id, cli_arg(c, 0));
        else
            cli_print(c, "%s may register its ECUs now\n", cli_arg(c, 0));
    }
    inventory_close(&d);
    return code;
}

/* --------------------------------------------------------------------- list */

struct listing {
    struct cli *c;        /* prints, or */
    sev_json_writer *w;   /* writes */
    struct cli_text last; /* id of the last one */
    size_t count;
};

static bool list_vehicle(void *context, const struct sev_vehicle *v)
{
    struct listing *l = context;
    char seen[20] = "never";
    sev_buf b = sev_buf_of(seen, sizeof seen);
    if (v->seen != 0)
        sev_time_format(v->seen, &b);
    if (l->w != NULL) {
        sev_json_w_object(l->w);
        sev_json_w_string_member(l->w, "id", v->id);
        sev_json_w_string_member(l->w, "model", v->model);
        sev_json_w_integer_member(l->w, "seen", v->seen);
        sev_json_w_integer_member(l->w, "statusVersion", v->status_version);
        sev_json_w_string_member(l->w, "vin", v->vin);
        sev_json_w_object_end(l->w);
    } else {
        cli_print_text(l->c, v->id);
        cli_print(l->c, "  %.*s  bundle %lld  ", v->seen != 0 ? 20 : 5, seen,
                  (long long)v->status_version);
        cli_print_text(l->c, v->model);
        cli_print(l->c, "\n");
    }
    l->last.len = 0;
    cli_text_put(&l->last, v->id.ptr, v->id.len);
    l->count++;
    return !l->last.failed;
}

static sev_err list_all(struct desk *d, struct listing *l)
{
    sev_err e = SEV_OK;
    for (size_t before = 1; e == SEV_OK && l->count != before;) {
        before = l->count;
        sev_arena_back(&d->arena, 0);
        e = d->store.vehicle_list(d->store.self, sev_slice_of(l->last.ptr, l->last.len),
                                  LIST_AT_ONCE, &d->arena, list_vehicle, l);
    }
    cli_text_free(&l->last);
    return e;
}

static void emit_list(sev_json_writer *w, const void *context)
{
    struct listing l = {.w = w};
    struct desk d = *(const struct desk *)context;
    sev_json_w_array(w);
    if (list_all(&d, &l) != SEV_OK)
        w->err = SEV_E_STORE;
    sev_json_w_array_end(w);
}

static int run_list(struct cli *c)
{
    struct desk d;
    struct listing l = {.c = c};
    int code;
    if (remote_is_meant(c))
        return inventory_remote_list(c);
    bool open = inventory_open(c, &d, false, &code);
    if (open && cli_json(c)) {
        code = cli_print_json(c, emit_list, &d);
    } else if (open) {
        sev_err e = list_all(&d, &l);
        code = e == SEV_OK ? 0 : cli_fail(c, e, NULL, "inventory");
    }
    inventory_close(&d);
    return code;
}

/* --------------------------------------------------------------------- show */

struct shown {
    struct sev_vehicle vehicle;
    const struct sev_ecu *ecus;
    uint32_t count;
};

static void emit_ecu(sev_json_writer *w, const struct sev_ecu *e, bool primary)
{
    char hex[2 * SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(hex, sizeof hex);
    sev_hex_encode(sev_slice_of(e->installed.sha256, SEV_SHA256_BYTES), &b);
    sev_json_w_object(w);
    sev_json_w_integer_member(w, "attacks", e->attacks);
    sev_json_w_string_member(w, "hardwareId", e->hardware_id);
    sev_json_w_name(w, SEV_LIT("installed"));
    if (e->installed.name.len == 0) {
        sev_json_w_null(w);
    } else {
        sev_json_w_object(w);
        sev_json_w_integer_member(w, "length", e->installed.length);
        sev_json_w_string_member(w, "name", e->installed.name);
        sev_json_w_integer_member(w, "releaseCounter", e->installed.release_counter);
        sev_json_w_string_member(w, "sha256", sev_buf_slice(&b));
        sev_json_w_object_end(w);
    }
    sev_json_w_bool_member(w, "primary", primary);
    sev_json_w_integer_member(w, "reportCounter", e->report_counter);
    sev_json_w_string_member(w, "serial", e->serial);
    sev_json_w_object_end(w);
}

static void emit_vehicle(sev_json_writer *w, const void *context)
{
    const struct shown *s = context;
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("ecus"));
    sev_json_w_array(w);
    for (uint32_t i = 0; i < s->count; i++)
        emit_ecu(w, &s->ecus[i], sev_slice_eq(s->ecus[i].serial, s->vehicle.primary));
    sev_json_w_array_end(w);
    sev_json_w_string_member(w, "id", s->vehicle.id);
    sev_json_w_string_member(w, "model", s->vehicle.model);
    sev_json_w_integer_member(w, "seen", s->vehicle.seen);
    sev_json_w_integer_member(w, "statusCounter", s->vehicle.status_counter);
    sev_json_w_integer_member(w, "statusVersion", s->vehicle.status_version);
    sev_json_w_string_member(w, "vin", s->vehicle.vin);
    sev_json_w_object_end(w);
}

static void print_shown(struct cli *c, const struct shown *s)
{
    cli_print_text(c, s->vehicle.id);
    cli_print(c, "  bundle %lld, status %lld\n", (long long)s->vehicle.status_version,
              (long long)s->vehicle.status_counter);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct sev_ecu *e = &s->ecus[i];
        cli_print(c, "  ");
        cli_print_text(c, e->serial);
        cli_print(c, " (");
        cli_print_text(c, e->hardware_id);
        cli_print(c, ")%s  ", sev_slice_eq(e->serial, s->vehicle.primary) ? " primary" : "");
        if (e->installed.name.len == 0)
            cli_print(c, "never reported");
        else
            cli_print_text(c, e->installed.name);
        cli_print(c, "%s\n", e->attacks != 0 ? "  ATTACKED" : "");
    }
}

static int run_show(struct cli *c)
{
    struct desk d;
    struct shown s = {.count = 0};
    int code;
    if (remote_is_meant(c))
        return inventory_remote_show(c);
    if (inventory_open(c, &d, false, &code)) {
        struct sev_ecu *ecus =
            (struct sev_ecu *)(void *)sev_arena_take(&d.arena, SEV_STORE_ECUS_MAX * sizeof *ecus);
        sev_slice id = text(cli_arg(c, 0));
        sev_err e = d.store.vehicle_get(d.store.self, id, &d.arena, &s.vehicle);
        if (e == SEV_OK)
            e = d.store.ecus_get(d.store.self, id, &d.arena, ecus, &s.count);
        s.ecus = ecus;
        if (e != SEV_OK)
            code = cli_fail(c, e, NULL, "vehicle %s", cli_arg(c, 0));
        else if (cli_json(c))
            code = cli_print_json(c, emit_vehicle, &s);
        else
            print_shown(c, &s);
    }
    inventory_close(&d);
    return code;
}

/* ------------------------------------------------------------------- assign */

struct assigned {
    const char *vehicle;
    int64_t version;
};

static void emit_assigned(sev_json_writer *w, const void *context)
{
    const struct assigned *a = context;
    sev_json_w_object(w);
    sev_json_w_integer_member(w, "bundleVersion", a->version);
    sev_json_w_string_member(w, "vehicle", text(a->vehicle));
    sev_json_w_object_end(w);
}

static int read_wish(struct cli *c, sev_slice file, struct sev_director_wish *out)
{
    sev_json_str id = {SEV_EMPTY, false}, correlation = {SEV_EMPTY, false};
    sev_err e = sev_json_check(file, (struct sev_json_scratch){NULL, 0}, NULL, NULL);
    if (e != SEV_OK)
        return cli_fail(c, e, "members must stand in order", "%s", cli_opt(c, "wish"));
    sev_slice bundle = sev_json_get(file, "bundle");
    sev_json a = sev_json_at(sev_json_get(bundle, "id"));
    sev_json_string(&a, &id);
    sev_slice member = sev_json_get(file, "correlationId");
    sev_json b = sev_json_at(member);
    if (member.len != 0)
        sev_json_string(&b, &correlation);
    if (a.err != SEV_OK || b.err != SEV_OK || id.escaped || correlation.escaped)
        return cli_fail(c, SEV_E_MALFORMED, "{\"bundle\":{\"id\":...},\"targets\":{...}}", "%s",
                        cli_opt(c, "wish"));
    *out = (struct sev_director_wish){.vehicle = text(cli_arg(c, 0)),
                                      .actor = inventory_actor(),
                                      .remark = text(cli_opt(c, "remark")),
                                      .bundle_id = id.raw,
                                      .correlation_id = correlation.raw,
                                      .targets = sev_json_get(file, "targets"),
                                      .groups = sev_json_get(bundle, "groups")};
    return 0;
}

static int run_assign(struct cli *c)
{
    struct desk d = {.memory = NULL};
    struct sev_bytes file = {NULL, 0};
    struct sev_director_wish wish;
    int64_t version = 0;
    sev_err e = sev_file_read(cli_fs(c), cli_opt(c, "wish"), WISH_BYTES_MAX, 0, &file);
    if (e != SEV_OK)
        return cli_fail_fs(c, e, NULL);
    while (file.len != 0 && file.ptr[file.len - 1] == '\n')
        file.len--;
    if (remote_is_meant(c)) {
        int there = inventory_remote_assign(c, sev_bytes_slice(&file));
        sev_bytes_free(cli_fs(c), &file);
        return there;
    }
    int code = read_wish(c, sev_bytes_slice(&file), &wish);
    if (code == 0 && inventory_open(c, &d, false, &code)) {
        struct sev_director director = {.store = &d.store};
        struct sev_director_call call = {&d.arena, NULL, (sev_time)time(NULL)};
        e = sev_director_assign(&director, &call, &wish, &version);
        if (e != SEV_OK)
            code = cli_fail(c, e, NULL, "the assignment to %s", cli_arg(c, 0));
        else if (cli_json(c))
            code = cli_print_json(c, emit_assigned, &(struct assigned){cli_arg(c, 0), version});
        else
            cli_print(c, "bundle version %lld for %s\n", (long long)version, cli_arg(c, 0));
    }
    inventory_close(&d);
    sev_bytes_free(cli_fs(c), &file);
    return code;
}

/* -------------------------------------------------------------------- table */

static const struct cli_option options[] = {REMOTE_OPTIONS, {0}};
static const struct cli_option add_options[] = {
    {.name = "vin", .value = "VIN", .help = "vehicle identification number"},
    {.name = "model", .value = "MODEL", .help = "its model"},
    {.name = "profile",
     .value = "PROFILE",
     .choices = "native aktualizr",
     .fallback = "native",
     .help = "dialect that it speaks"},
    {0}};
static const struct cli_option assign_options[] = {
    {.name = "wish",
     .value = "FILE",
     .flags = CLI_REQUIRED,
     .help = "canonical JSON: {bundle: {groups?, id}, correlationId?, targets}"},
    {.name = "remark", .value = "TEXT", .help = "why, for the row that explains it"},
    {0}};
static const struct cli_option token_options[] = {
    {.name = "hours", .value = "N", .fallback = "24", .help = "how long it is good"},
    {.name = "again",
     .help = "for a vehicle that has enrolled before, whose certificates end then"},
    {0}};
static const struct cli_option revoke_options[] = {{.name = "remark",
                                                    .value = "TEXT",
                                                    .flags = CLI_REQUIRED,
                                                    .help = "why, for the row that explains it"},
                                                   {0}};
static const struct cli_positional vehicle_argument[] = {
    {"VEHICLE", "its id: DID, or common name of its certificate", CLI_REQUIRED}, {0}};

static const struct cli_command subcommands[] = {
    {.name = "add",
     .summary = "Make a vehicle known, so that it may register",
     .options = add_options,
     .positionals = vehicle_argument,
     .run = run_add},
    {.name = "list", .summary = "List the vehicles", .run = run_list},
    {.name = "show",
     .summary = "Show a vehicle, its ECUs and what they reported",
     .positionals = vehicle_argument,
     .run = run_show},
    {.name = "told",
     .summary = "Show what a vehicle that runs aktualizr told unasked, the newest 100, unsigned",
     .positionals = vehicle_argument,
     .run = inventory_told},
    {.name = "assign",
     .summary = "Say what a vehicle is to have",
     .options = assign_options,
     .positionals = vehicle_argument,
     .run = run_assign},
    {.name = "token",
     .summary = "Make a token for one enrolment of a vehicle; it is told once",
     .options = token_options,
     .positionals = vehicle_argument,
     .run = inventory_token},
    {.name = "revoke",
     .summary = "Revoke all certificates of a vehicle, from its next request on",
     .options = revoke_options,
     .positionals = vehicle_argument,
     .run = inventory_revoke},
    {0}};

const struct cli_command cmd_inventory = {
    .name = "inventory",
    .summary = "Look after a Director's vehicles",
    .details = "The Director may be running meanwhile: both work on the same database. Where "
               "that is not at hand the admin API does as well, with --server.",
    .options = options,
    .subcommands = subcommands};
