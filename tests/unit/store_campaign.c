/* store_campaign - the campaigns' operations of every provider of store.h: claims by expected
 * values, bounds within the transaction, counts that follow. SPDX-License-Identifier: MIT */
#include "secureev/store_campaign.h"
#include "secureev/limits.h"
#include "stores.h"
#include "test.h"

#define NAME SEV_LIT("c")

static const struct sev_campaign_ops *ops_of(const struct sev_store *s)
{
    CHECK(s->campaigns != NULL);
    return s->campaigns;
}

/* A campaign, and three vehicles that are in its groups 0, 0 and 1. */
static void begin(const struct sev_store *s)
{
    struct sev_campaign c = {.name = NAME,
                             .definition = SEV_LIT("{\"what\":\"ever\"}"),
                             .author = SEV_LIT("anna"),
                             .reason = SEV_LIT("so"),
                             .created = 5};
    struct sev_decision why = store_decision("campaign-create");
    store_register(s, "v1");
    store_register(s, "v2");
    store_register(s, "v3");
    CHECK_OK(ops_of(s)->add(s->self, &c, &why));
    struct sev_member m[3] = {{.place = 1, .group = 0, .position = 7},
                              {.place = 2, .group = 0, .position = 3},
                              {.place = 3, .group = 1, .position = 1}};
    CHECK_OK(ops_of(s)->plan(s->self, NAME, 0, 3, 0, m, 3));
}

static int64_t count(const struct sev_store *s, int group, enum sev_member_state state)
{
    struct sev_campaign_counts c;
    CHECK_OK(ops_of(s)->counts(s->self, NAME, &c));
    return c.of[group][state];
}

static struct sev_campaign get(const struct sev_store *s)
{
    struct sev_campaign c = {.revision = 0};
    CHECK_OK(ops_of(s)->get(s->self, NAME, store_arena(), &c));
    return c;
}

static void move_to(const struct sev_store *s, enum sev_campaign_state state)
{
    struct sev_campaign_move m = {
        .revision = get(s).revision, .state = state, .changed = 6, .running_since = 7};
    CHECK_OK(ops_of(s)->move(s->self, NAME, &m, NULL));
}

static struct sev_member_step step_of(int64_t place, enum sev_member_state from,
                                      enum sev_member_state to)
{
    return (struct sev_member_step){
        .place = place, .expected_state = from, .state = to, .since = 9};
}

/* ----------------------------------------------------------------- campaigns */

TEST(store_campaign__one_that_is_added__is_read_as_it_was_and_once)
{
    EACH_STORE(s)
    {
        struct sev_campaign c;
        begin(&s);
        c = get(&s);
        CHECK_TEXT(c.name, "c");
        CHECK_TEXT(c.definition, "{\"what\":\"ever\"}");
        CHECK_TEXT(c.author, "anna");
        CHECK_TEXT(c.reason, "so");
        CHECK_EQ(c.submitter.len + c.approver.len, 0);
        CHECK(c.state == SEV_CAMPAIGN_DRAFT && c.revision == 1 && c.created == 5 && !c.withdrawing);
        CHECK_EQ(c.sweep, 3);
        CHECK_ERR(ops_of(&s)->add(s.self, &c, NULL), SEV_E_EXISTS);
        CHECK_ERR(ops_of(&s)->get(s.self, SEV_LIT("d"), store_arena(), &c), SEV_E_NOT_FOUND);
        c.name = SEV_EMPTY;
        CHECK_ERR(ops_of(&s)->add(s.self, &c, NULL), SEV_E_MALFORMED);
    }
}

static bool note_name(void *context, const struct sev_campaign *c)
{
    char *names = context;
    CHECK_EQ(c->definition.len, 0);
    strncat(names, (const char *)c->name.ptr, c->name.len);
    return true;
}

TEST(store_campaign__list__goes_on_behind_a_name)
{
    EACH_STORE(s)
    {
        char names[16] = "";
        begin(&s);
        struct sev_campaign c = {.definition = SEV_LIT("{}"), .author = SEV_LIT("a")};
        for (int i = 0; i < 3; i++) {
            c.name = sev_slice_of(&"xbm"[i], 1);
            CHECK_OK(ops_of(&s)->add(s.self, &c, NULL));
        }
        CHECK_OK(ops_of(&s)->list(s.self, SEV_EMPTY, 3, store_arena(), note_name, names));
        CHECK_OK(ops_of(&s)->list(s.self, SEV_LIT("m"), 3, store_arena(), note_name, names));
        CHECK_EQ(strcmp(names, "bcmx"), 0);
    }
}

TEST(store_campaign__move__is_claimed_by_the_revision)
{
    EACH_STORE(s)
    {
        begin(&s);
        struct sev_campaign_move m = {.revision = 1,
                                      .state = SEV_CAMPAIGN_ABORTED,
                                      .submitter = SEV_LIT("x"),
                                      .approver = SEV_LIT("y"),
                                      .reason = SEV_LIT("z"),
                                      .changed = 6,
                                      .running_since = 7,
                                      .withdrawing = true};
        CHECK_OK(ops_of(&s)->move(s.self, NAME, &m, NULL));
        CHECK_ERR(ops_of(&s)->move(s.self, NAME, &m, NULL), SEV_E_CONFLICT);
        struct sev_campaign c = get(&s);
        CHECK(c.state == SEV_CAMPAIGN_ABORTED && c.revision == 2 && c.changed == 6 &&
              c.running_since == 7 && c.withdrawing);
        CHECK_TEXT(c.submitter, "x");
        CHECK_TEXT(c.approver, "y");
        CHECK_TEXT(c.reason, "z");
        CHECK_ERR(ops_of(&s)->move(s.self, SEV_LIT("d"), &m, NULL), SEV_E_NOT_FOUND);
        m.state = SEV_CAMPAIGN_STATE_COUNT;
        CHECK_ERR(ops_of(&s)->move(s.self, NAME, &m, NULL), SEV_E_MALFORMED);
    }
}

TEST(store_campaign__lease__is_one_workers_until_it_ends)
{
    EACH_STORE(s)
    {
        begin(&s);
        const struct sev_campaign_ops *o = ops_of(&s);
        CHECK_OK(o->lease(s.self, NAME, SEV_LIT("one"), 100, 110));
        CHECK_ERR(o->lease(s.self, NAME, SEV_LIT("two"), 109, 119), SEV_E_CONFLICT);
        CHECK_OK(o->lease(s.self, NAME, SEV_LIT("one"), 101, 111)); /* long enough: as it was */
        CHECK_OK(o->lease(s.self, NAME, SEV_LIT("two"), 110, 120));
        CHECK_ERR(o->lease(s.self, NAME, SEV_LIT("one"), 111, 121), SEV_E_CONFLICT);
        CHECK_OK(o->lease(s.self, NAME, SEV_LIT("two"), 118, 128)); /* longer */
        CHECK_ERR(o->lease(s.self, NAME, SEV_LIT("one"), 121, 131), SEV_E_CONFLICT);
        CHECK_ERR(o->lease(s.self, SEV_LIT("d"), SEV_LIT("one"), 1, 2), SEV_E_NOT_FOUND);
    }
}

/* ------------------------------------------------------------------- members */

TEST(store_campaign__plan__takes_everybody_in_once)
{
    EACH_STORE(s)
    {
        begin(&s);
        CHECK_EQ(count(&s, 0, SEV_MEMBER_WAITING), 2);
        CHECK_EQ(count(&s, 1, SEV_MEMBER_WAITING), 1);
        struct sev_member again[2] = {{.place = 1, .group = 1, .position = 9},
                                      {.place = 3, .group = 1, .position = 1}};
        CHECK_ERR(ops_of(&s)->plan(s.self, NAME, 0, 0, 50, again, 2), SEV_E_CONFLICT);
        CHECK_OK(ops_of(&s)->plan(s.self, NAME, 3, 0, 50, again, 2));
        CHECK_EQ(count(&s, 0, SEV_MEMBER_WAITING), 2);
        CHECK_EQ(count(&s, 1, SEV_MEMBER_WAITING), 1);
        CHECK(get(&s).sweep == 0 && get(&s).swept == 50);
        again[0].group = SEV_CAMPAIGN_GROUPS_MAX;
        CHECK_ERR(ops_of(&s)->plan(s.self, NAME, 0, 0, 50, again, 2), SEV_E_MALFORMED);
    }
}

struct listed {
    int64_t places[4];
    int count;
};

static bool note_member(void *context, const struct sev_member *m)
{
    struct listed *l = context;
    l->places[l->count++] = m->place;
    return true;
}

TEST(store_campaign__members__come_in_their_turn_and_pages_go_on)
{
    EACH_STORE(s)
    {
        struct sev_member_cursor after = {0, 0, 0};
        struct listed l = {.count = 0};
        begin(&s);
        CHECK_OK(ops_of(&s)->members(s.self, NAME, SEV_MEMBER_WAITING, &after, 2, store_arena(),
                                     note_member, &l));
        CHECK(l.count == 2 && l.places[0] == 2 && l.places[1] == 1);
        after = (struct sev_member_cursor){0, 7, 1};
        CHECK_OK(ops_of(&s)->members(s.self, NAME, SEV_MEMBER_WAITING, &after, 2, store_arena(),
                                     note_member, &l));
        CHECK(l.count == 3 && l.places[2] == 3);
        l.count = 0;
        after = (struct sev_member_cursor){0, 0, 1};
        CHECK_OK(ops_of(&s)->members(s.self, NAME, SEV_MEMBER_STATE_COUNT, &after, 9, store_arena(),
                                     note_member, &l));
        CHECK(l.count == 2 && l.places[0] == 2 && l.places[1] == 3);
        struct sev_member m;
        CHECK_OK(ops_of(&s)->member(s.self, NAME, SEV_LIT("v2"), store_arena(), &m));
        CHECK(m.place == 2 && m.position == 3 && m.profile == SEV_PROFILE_AKTUALIZR);
        CHECK_TEXT(m.vehicle, "v2");
        CHECK_ERR(ops_of(&s)->member(s.self, NAME, SEV_LIT("v4"), store_arena(), &m),
                  SEV_E_NOT_FOUND);
    }
}

TEST(store_campaign__step__is_claimed_by_state_and_tries_and_moves_the_counts)
{
    EACH_STORE(s)
    {
        sev_err results[2];
        begin(&s);
        struct sev_member_step steps[2] = {step_of(1, SEV_MEMBER_WAITING, SEV_MEMBER_SKIPPED),
                                           step_of(2, SEV_MEMBER_ASSIGNED, SEV_MEMBER_SKIPPED)};
        steps[0].reason = SEV_LIT("installed");
        CHECK_OK(ops_of(&s)->step(s.self, NAME, NULL, steps, 2, results));
        CHECK_OK(results[0]);
        CHECK_ERR(results[1], SEV_E_CONFLICT);
        CHECK_EQ(count(&s, 0, SEV_MEMBER_WAITING), 1);
        CHECK_EQ(count(&s, 0, SEV_MEMBER_SKIPPED), 1);
        steps[1].expected_state = SEV_MEMBER_WAITING;
        steps[1].expected_tries = 1;
        CHECK_OK(ops_of(&s)->step(s.self, NAME, NULL, steps, 2, results));
        CHECK_ERR(results[0], SEV_E_CONFLICT); /* again */
        CHECK_ERR(results[1], SEV_E_CONFLICT);
        struct sev_member m;
        CHECK_OK(ops_of(&s)->member(s.self, NAME, SEV_LIT("v1"), store_arena(), &m));
        CHECK(m.state == SEV_MEMBER_SKIPPED && m.since == 9 && m.tries == 0);
        CHECK_TEXT(m.reason, "installed");
        steps[0] = step_of(99, SEV_MEMBER_WAITING, SEV_MEMBER_SKIPPED); /* nobody */
        CHECK_OK(ops_of(&s)->step(s.self, NAME, NULL, steps, 1, results));
        CHECK_ERR(results[0], SEV_E_CONFLICT);
        steps[0].place = 0;
        CHECK_ERR(ops_of(&s)->step(s.self, NAME, NULL, steps, 1, results), SEV_E_MALFORMED);
    }
}

/* DESIGN 9: assignment and membership are one transaction, within the bounds that hold then. */
TEST(store_campaign__assigning__keeps_concurrency_rate_state_and_versions)
{
    EACH_STORE(s)
    {
        sev_err results[3];
        begin(&s);
        struct sev_assignment a[3] = {store_assignment("v1", 1), store_assignment("v2", 2),
                                      store_assignment("v3", 1)};
        struct sev_decision why = store_decision("assign");
        struct sev_member_step steps[3];
        for (int i = 0; i < 3; i++) {
            steps[i] = step_of(i + 1, SEV_MEMBER_WAITING, SEV_MEMBER_ASSIGNED);
            steps[i].assignment = &a[i];
            steps[i].decision = &why;
            steps[i].marks = SEV_LIT("{}");
        }
        struct sev_member_bounds b = {
            .revision = 1, .minute = 10, .minute_starts_max = 9, .open_max = 1};
        CHECK_ERR(ops_of(&s)->step(s.self, NAME, &b, steps, 3, results), SEV_E_CONFLICT);
        move_to(&s, SEV_CAMPAIGN_RUNNING);
        CHECK_ERR(ops_of(&s)->step(s.self, NAME, &b, steps, 3, results), SEV_E_CONFLICT);
        b.revision = 2;
        CHECK_OK(ops_of(&s)->step(s.self, NAME, &b, steps, 3, results));
        CHECK_OK(results[0]);
        CHECK_ERR(results[1], SEV_E_BUSY); /* concurrency */
        CHECK_ERR(results[2], SEV_E_BUSY);
        b.open_max = 9;
        b.minute_starts_max = 2;
        CHECK_OK(ops_of(&s)->step(s.self, NAME, &b, steps + 1, 2, results));
        CHECK_ERR(results[0], SEV_E_CONFLICT); /* version 2 of nothing */
        CHECK_OK(results[1]);
        a[1].version = 1;
        CHECK_OK(ops_of(&s)->step(s.self, NAME, &b, steps + 1, 1, results));
        CHECK_ERR(results[0], SEV_E_BUSY); /* two in this minute */
        b.minute = 11;
        CHECK_OK(ops_of(&s)->step(s.self, NAME, &b, steps + 1, 1, results));
        CHECK_OK(results[0]);
        CHECK_EQ(count(&s, 0, SEV_MEMBER_ASSIGNED) + count(&s, 1, SEV_MEMBER_ASSIGNED), 3);
        CHECK(get(&s).minute == 11 && get(&s).minute_starts == 1);
        struct sev_member m;
        CHECK_OK(ops_of(&s)->member(s.self, NAME, SEV_LIT("v2"), store_arena(), &m));
        CHECK(m.tries == 1 && m.version == 1 && m.assigned == 1);
        CHECK_EQ(store_count_decisions(&s, "v2"), 1);
        b.minute = 10; /* a clock that is behind another's gets nothing */
        CHECK_ERR(ops_of(&s)->step(s.self, NAME, &b, steps, 1, results), SEV_E_CONFLICT);
    }
}

TEST(store_campaign__retry__lets_those_wait_who_have_tries_left)
{
    EACH_STORE(s)
    {
        int64_t n = -1;
        sev_err results[2];
        struct sev_decision why = store_decision("campaign-retry");
        begin(&s);
        struct sev_member_step steps[2] = {step_of(1, SEV_MEMBER_WAITING, SEV_MEMBER_FAILED),
                                           step_of(3, SEV_MEMBER_WAITING, SEV_MEMBER_FAILED)};
        struct sev_assignment a = store_assignment("v1", 1);
        steps[0].state = SEV_MEMBER_ASSIGNED;
        steps[0].assignment = &a;
        CHECK_OK(ops_of(&s)->step(s.self, NAME, NULL, steps, 2, results));
        steps[0] = step_of(1, SEV_MEMBER_ASSIGNED, SEV_MEMBER_FAILED);
        steps[0].expected_tries = 1;
        CHECK_OK(ops_of(&s)->step(s.self, NAME, NULL, steps, 1, results));
        CHECK_OK(results[0]);
        CHECK_OK(ops_of(&s)->retry(s.self, NAME, 1, 20, &why, &n));
        CHECK_EQ(n, 1); /* the other one has had its try */
        CHECK_EQ(count(&s, 1, SEV_MEMBER_WAITING), 1);
        CHECK_EQ(count(&s, 0, SEV_MEMBER_FAILED), 1);
        CHECK_OK(ops_of(&s)->retry(s.self, NAME, 2, 20, &why, &n));
        CHECK_EQ(n, 1);
        CHECK_ERR(ops_of(&s)->retry(s.self, SEV_LIT("d"), 2, 20, &why, &n), SEV_E_NOT_FOUND);
    }
}

/* ------------------------------------------------------- fleet and releases */

TEST(store_campaign__tags__are_those_that_were_set_last)
{
    EACH_STORE(s)
    {
        sev_slice tags = SEV_LIT("untouched");
        struct sev_decision why = store_decision("tag");
        begin(&s);
        CHECK_OK(ops_of(&s)->tags_get(s.self, SEV_LIT("v1"), store_arena(), &tags));
        CHECK_EQ(tags.len, 0);
        CHECK_OK(ops_of(&s)->tags_set(s.self, SEV_LIT("v1"), SEV_LIT("[\"a\"]"), &why));
        CHECK_OK(ops_of(&s)->tags_get(s.self, SEV_LIT("v1"), store_arena(), &tags));
        CHECK_TEXT(tags, "[\"a\"]");
        CHECK_EQ(store_count_decisions(&s, "v1"), 1);
        CHECK_ERR(ops_of(&s)->tags_set(s.self, SEV_LIT("v9"), tags, &why), SEV_E_NOT_FOUND);
        CHECK_ERR(ops_of(&s)->tags_get(s.self, SEV_LIT("v9"), store_arena(), &tags),
                  SEV_E_NOT_FOUND);
    }
}

static bool note_vehicle(void *context, const struct sev_fleet_vehicle *v)
{
    struct listed *l = context;
    CHECK(v->ecu_count == 2 || v->place == 4);
    if (v->place == 1) {
        CHECK_TEXT(v->id, "v1");
        CHECK_TEXT(v->model, "model-e");
        CHECK_TEXT(v->ecus[0].serial, "primary");
        CHECK_TEXT(v->ecus[0].installed.name, "brake/firmware-7.bin");
        CHECK_EQ(v->ecus[0].installed.sha256[5], 0x77);
        CHECK_EQ(v->ecus[0].boot_count, 101);
        CHECK_TEXT(v->ecus[1].hardware_id, "brake-2");
        CHECK_EQ(v->ecus[1].installed.name.len, 0);
    }
    l->places[l->count++] = v->place;
    return true;
}

TEST(store_campaign__fleet__is_shown_page_by_page_with_its_ecus)
{
    EACH_STORE(s)
    {
        struct listed l = {.count = 0};
        struct sev_ecu_news ecu;
        begin(&s);
        struct sev_status_news news = store_status("v1", "primary", 1, &ecu);
        struct sev_vehicle bare = store_vehicle("v4"); /* registered nothing yet */
        CHECK_OK(s.status_accept(s.self, &news));
        CHECK_OK(s.vehicle_add(s.self, &bare, NULL));
        CHECK_OK(ops_of(&s)->fleet(s.self, 0, 2, store_arena(), note_vehicle, &l));
        CHECK_EQ(l.count, 2);
        CHECK_OK(ops_of(&s)->fleet(s.self, 2, 9, store_arena(), note_vehicle, &l));
        CHECK(l.count == 4 && l.places[0] == 1 && l.places[1] == 2 && l.places[2] == 3 &&
              l.places[3] == 4);
        struct sev_arena none = sev_arena_of(NULL, 0);
        CHECK_ERR(ops_of(&s)->fleet(s.self, 0, 9, &none, note_vehicle, &l), SEV_E_MEMORY);
    }
}

TEST(store_campaign__installation__is_the_last_one_told)
{
    EACH_STORE(s)
    {
        struct sev_installation i = {3, false, SEV_LIT("X"), SEV_LIT("c")}, out = {.counter = 9};
        begin(&s);
        CHECK_OK(ops_of(&s)->installation_get(s.self, SEV_LIT("v1"), store_arena(), &out));
        CHECK_EQ(out.counter, 0);
        CHECK_OK(ops_of(&s)->installation_put(s.self, SEV_LIT("v1"), &i));
        i.counter = 4;
        i.success = true;
        CHECK_OK(ops_of(&s)->installation_put(s.self, SEV_LIT("v1"), &i));
        CHECK_OK(ops_of(&s)->installation_get(s.self, SEV_LIT("v1"), store_arena(), &out));
        CHECK(out.counter == 4 && out.success);
        CHECK_TEXT(out.code, "X");
        CHECK_TEXT(out.correlation_id, "c");
        CHECK_ERR(ops_of(&s)->installation_put(s.self, SEV_LIT("v9"), &i), SEV_E_NOT_FOUND);
        CHECK_ERR(ops_of(&s)->installation_get(s.self, SEV_LIT("v9"), store_arena(), &out),
                  SEV_E_NOT_FOUND);
    }
}

static bool note_invalidation(void *context, const struct sev_invalidation *i)
{
    struct sev_invalidation *out = context;
    *out = *i;
    return true;
}

static bool note_assigned(void *context, int64_t place, const struct sev_assignment *a)
{
    struct listed *l = context;
    CHECK_TEXT(a->bundle_id, "bundle-1");
    l->places[l->count++] = place;
    return true;
}

TEST(store_campaign__invalidation__is_for_ever_and_assignments_are_claimed_by_it)
{
    EACH_STORE(s)
    {
        struct sev_invalidation i = {.time = 5, .actor = SEV_LIT("a"), .remark = SEV_LIT("r")};
        struct sev_invalidation out = {.time = 0};
        struct listed l = {.count = 0};
        memset(i.sha256, 0xab, sizeof i.sha256);
        begin(&s);
        struct sev_assignment first = store_assignment("v1", 1), next = store_assignment("v3", 1);
        CHECK_OK(s.assign(s.self, &first, NULL));
        CHECK_OK(ops_of(&s)->invalidate(s.self, &i, NULL));
        CHECK_ERR(ops_of(&s)->invalidate(s.self, &i, NULL), SEV_E_EXISTS);
        CHECK_ERR(s.assign(s.self, &next, NULL), SEV_E_CONFLICT);
        next.invalidations = 1;
        CHECK_OK(s.assign(s.self, &next, NULL));
        CHECK_OK(ops_of(&s)->invalidations(s.self, store_arena(), note_invalidation, &out));
        CHECK(out.time == 5 && out.sweep == 0 && out.swept == 0 && out.sha256[7] == 0xab);
        CHECK_TEXT(out.remark, "r");
        CHECK_OK(ops_of(&s)->invalidation_swept(s.self, i.sha256, 2, 8));
        CHECK_OK(ops_of(&s)->invalidations(s.self, store_arena(), note_invalidation, &out));
        CHECK(out.sweep == 2 && out.swept == 8);
        CHECK_OK(ops_of(&s)->assigned(s.self, 0, 9, store_arena(), note_assigned, &l));
        CHECK(l.count == 2 && l.places[0] == 1 && l.places[1] == 3);
        CHECK_OK(ops_of(&s)->assigned(s.self, 1, 9, store_arena(), note_assigned, &l));
        CHECK(l.count == 3 && l.places[2] == 3);
    }
}
