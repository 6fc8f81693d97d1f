/* cmd_inventory_told - `secureev inventory told`: what a vehicle of aktualizr's dialect told of its
 * downloads and installations. SPDX-License-Identifier: MIT */
#include "inventory.h"

#include "secureev/store_told.h"

#define NUMBER 100u /* of the newest */

struct telling {
    struct cli *c;      /* prints, or */
    sev_json_writer *w; /* writes */
    struct desk *d;
    sev_slice vehicle;
};

static sev_slice word(enum sev_told_outcome outcome)
{
    return outcome == SEV_TOLD_DONE     ? SEV_LIT("done")
           : outcome == SEV_TOLD_FAILED ? SEV_LIT("failed")
                                        : SEV_EMPTY;
}

static bool write_told(void *context, const struct sev_told *t)
{
    sev_json_writer *w = ((struct telling *)context)->w;
    sev_json_w_object(w);
    sev_json_w_string_member(w, "correlationId", t->correlation_id);
    sev_json_w_string_member(w, "ecu", t->ecu);
    sev_json_w_integer_member(w, "heard", t->heard);
    sev_json_w_string_member(w, "id", t->id);
    sev_json_w_string_member(w, "outcome", word(t->outcome));
    sev_json_w_string_member(w, "type", t->type);
    sev_json_w_integer_member(w, "when", t->when);
    sev_json_w_object_end(w);
    return true;
}

static bool print_told(void *context, const struct sev_told *t)
{
    struct cli *c = ((struct telling *)context)->c;
    char heard[20];
    sev_buf b = sev_buf_of(heard, sizeof heard);
    sev_time_format(t->heard, &b);
    cli_print_text(c, sev_buf_slice(&b));
    cli_print(c, "  ");
    cli_print_text(c, t->ecu);
    cli_print(c, "  ");
    cli_print_text(c, t->type);
    cli_print(c, "%s", t->outcome == SEV_TOLD_OPEN ? "" : " ");
    cli_print_text(c, word(t->outcome));
    cli_print(c, "  ");
    cli_print_text(c, t->correlation_id);
    cli_print(c, "\n");
    return true;
}

static sev_err tell(struct telling *t, sev_told_visit *visit)
{
    return t->d->store.told->list(t->d->store.self, t->vehicle, NUMBER, &t->d->arena, visit, t);
}

static void emit(sev_json_writer *w, const void *context)
{
    struct telling t = *(const struct telling *)context;
    t.w = w;
    sev_json_w_array(w);
    if (tell(&t, write_told) != SEV_OK)
        w->err = SEV_E_STORE;
    sev_json_w_array_end(w);
}

int inventory_told(struct cli *c)
{
    struct desk d;
    struct sev_vehicle row;
    const char *name = cli_arg(c, 0);
    struct telling t = {.c = c, .d = &d, .vehicle = sev_slice_of(name, strlen(name))};
    int code;
    if (inventory_open(c, &d, false, &code)) {
        sev_err e = d.store.vehicle_get(d.store.self, t.vehicle, &d.arena, &row);
        if (e == SEV_OK && cli_json(c))
            code = cli_print_json(c, emit, &t);
        else if (e == SEV_OK)
            e = tell(&t, print_told);
        if (e != SEV_OK)
            code = cli_fail(c, e, NULL, "vehicle %s", name);
    }
    inventory_close(&d);
    return code;
}
