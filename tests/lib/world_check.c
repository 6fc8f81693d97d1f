/* world_check - world.h's checks, for test programs. SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

static const char *note(void)
{
    return world_note != NULL ? world_note : "";
}

_Noreturn void world_failed(const char *why, const char *what)
{
    print_error("world: %s: %s\n%s", why, what, note());
    fail();
    __builtin_unreachable();
}

static void check_text(const char *what, const char *got, const char *wanted, const struct world *w,
                       const char *file, int line)
{
    if (wanted == NULL || strcmp(got, wanted) == 0)
        return;
    print_error("%s:%d: %s: got \"%s\", wanted \"%s\"\n%s%s", file, line, what, got, wanted, note(),
                w->trace);
    _fail(file, line);
}

static void check_that(bool condition, const char *what, const struct world *w, const char *file,
                       int line)
{
    if (condition)
        return;
    print_error("%s:%d: %s\n%s%s", file, line, what, note(), w->trace);
    _fail(file, line);
}

static const char *attack_text(sev_attack a)
{
    return sev_attack_name(a) != NULL ? sev_attack_name(a) : "none";
}

static sev_slice file_of(const struct world_store *s, int place, const char *name)
{
    for (int i = 0; i < s->count; i++)
        if (s->files[i].place == place && strcmp(s->files[i].name, name) == 0)
            return s->files[i].bytes;
    return SEV_EMPTY;
}

static int place_called(const char *name)
{
    return strcmp(name, "director") == 0 ? DIRECTOR
           : strcmp(name, "images") == 0 ? IMAGES
                                         : REGULATOR;
}

/* The file at fault is as it was; all that changed was served (the driver saw to that); what the
 * vehicle remembers of itself did not change. */
static void check_kept(const struct world *w, const struct world_store *before,
                       const char *repository, const char *role, const char *file, int line)
{
    sev_slice state = file_of(before, VEHICLE, "vehicle.state");
    if (state.ptr != NULL)
        check_that(sev_slice_eq(state, world_stored(w, VEHICLE, "vehicle.state")),
                   "the vehicle's state changed in a refused cycle", w, file, line);
    if (repository == NULL || repository[0] == '\0' || role == NULL || w->file_is_good)
        return;
    int place = place_called(repository);
    const struct world_stored *was = world_stored_role(before, place, role);
    const struct world_stored *is = world_stored_role(&w->store, place, role);
    bool same = was == NULL || is == NULL ? was == is : sev_slice_eq(was->bytes, is->bytes);
    check_that(same, "the file at fault was stored, or the stored one is lost", w, file, line);
}

void world_check_refused(struct world *w, sev_err err, sev_attack attack, const char *repository,
                         const char *role, const char *file, int line)
{
    struct world_store before = w->store;
    world_publish(w);
    const struct world_result *r = world_cycle(w);
    check_text("reason", sev_err_id(r->err), sev_err_id(err), w, file, line);
    check_text("attack", attack_text(sev_err_attack(r->err)), attack_text(attack), w, file, line);
    check_text("repository", r->repository, repository, w, file, line);
    check_text("role", r->role, role, w, file, line);
    check_that(r->image_requests == 0 || w->images_may_be_asked, "an image was asked for", w, file,
               line);
    check_that(strstr(w->trace, "release") == NULL, "something was released", w, file, line);
    check_kept(w, &before, repository, role, file, line);
    if (w->no_mending)
        return;
    world_mend(w);
    world_check_accepted(w, file, line);
}

void world_check_accepted(struct world *w, const char *file, int line)
{
    world_publish(w);
    const struct world_result *r = world_cycle(w);
    check_text("honest cycle", sev_err_id(r->err), "ok", w, file, line);
    const char *wrong = world_wrong_release(w);
    check_that(wrong == NULL, wrong != NULL ? wrong : "", w, file, line);
}

void world_check_trace(const struct world *w, const char *text, const char *file, int line)
{
    if (strcmp(w->trace, text) == 0)
        return;
    print_error("%s:%d: trace:\n%swanted:\n%s", file, line, w->trace, text);
    _fail(file, line);
}
