/* map - VER-01, MET-29, MET-30, DESIGN 3.1: which repositories must agree. Each test breaks one
 * thing of a map that is accepted. SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

static struct sev_map map;

static sev_err parse(const char *text)
{
    static uint32_t memory[32768];
    struct sev_arena arena = sev_arena_of(memory, sizeof memory);
    return sev_map_parse(world_slice(text), &arena, &map);
}

#define MAP(mapping) "{\"mapping\":[" mapping "],\"repositories\":" REPOSITORIES "}"
#define REPOSITORIES                                                                               \
    "{\"director\":[\"http://d\"],\"images\":[\"http://i\"],\"regulator\":[\"http://r\"]}"
#define ENTRY(paths, repositories, threshold)                                                      \
    "{\"paths\":[" paths "],\"repositories\":[" repositories                                       \
    "],\"terminating\":false,\"threshold\":" threshold "}"
#define ALL "\"director\",\"regulator\",\"images\""
#define TWO "\"director\",\"images\""

static uint32_t needs(const char *image)
{
    uint32_t mask = 99;
    CHECK_OK(sev_map_needs(&map, world_slice(image), &mask));
    return mask;
}

TEST(met_29__map_of_three__accepted_and_in_its_order)
{
    CHECK_OK(parse(MAP(ENTRY("\"*\"", ALL, "3"))));
    CHECK_EQ(map.count, 3);
    CHECK_TEXT(map.repositories[0].name, "director");
    CHECK_TEXT(map.repositories[1].name, "regulator");
    CHECK_TEXT(map.repositories[2].name, "images");
    CHECK_TEXT(map.repositories[2].urls, "[\"http://i\"]");
    CHECK_EQ(needs("any/image"), 7);
    CHECK_EQ(needs("image"), 7);
}

TEST(met_29__director_named_last__visited_first)
{
    CHECK_OK(parse(MAP(ENTRY("\"*\"", "\"regulator\",\"images\",\"director\"", "3"))));
    CHECK_TEXT(map.repositories[0].name, "director");
    CHECK_TEXT(map.repositories[0].urls, "[\"http://d\"]");
    CHECK_TEXT(map.repositories[1].name, "regulator");
    CHECK_TEXT(map.repositories[2].name, "images");
}

/* The first entry that covers an image decides, terminating or not. */
TEST(met_30__two_entries__the_first_that_covers_the_image)
{
    CHECK_OK(parse(MAP(ENTRY("\"maps/*\"", ALL, "3") "," ENTRY("\"*\"", TWO, "2"))));
    CHECK_EQ(map.count, 3);
    CHECK_EQ(needs("maps/x"), 7);
    CHECK_EQ(needs("maps/a/x"), 5);
    CHECK_EQ(needs("other"), 5);
}

TEST(met_30__no_entry_covers_the_image__mix_and_match)
{
    uint32_t mask = 99;
    CHECK_OK(parse(MAP(ENTRY("\"maps/*\",\"x\"", TWO, "2"))));
    CHECK_ERR(sev_map_needs(&map, SEV_LIT("other/x"), &mask), SEV_E_DISAGREE);
    CHECK_EQ(mask, 99);
    CHECK_EQ(needs("x"), 3);
}

/* REQ-VER-01 REQ-MET-29: whatever could let fewer agree than we want. */
TEST(ver_01__map_without_images__refused)
{
    CHECK_ERR(parse(MAP(ENTRY("\"*\"", "\"director\",\"regulator\"", "2"))), SEV_E_MAP);
    CHECK_ERR(parse(MAP(ENTRY("\"a\"", TWO, "2") "," ENTRY("\"*\"", "\"director\"", "1"))),
              SEV_E_MAP);
    CHECK_EQ(sev_err_class(SEV_E_MAP), SEV_CLASS_INPUT);
}

TEST(ver_01__map_without_director__refused)
{
    CHECK_ERR(parse(MAP(ENTRY("\"*\"", "\"regulator\",\"images\"", "2"))), SEV_E_MAP);
    CHECK_ERR(parse(MAP(ENTRY("\"a\"", TWO, "2") "," ENTRY("\"*\"", "\"images\"", "1"))),
              SEV_E_MAP);
}

TEST(met_29__threshold_below_the_number_of_repositories__refused)
{
    CHECK_ERR(parse(MAP(ENTRY("\"*\"", ALL, "2"))), SEV_E_MAP);
    CHECK_ERR(parse(MAP(ENTRY("\"*\"", ALL, "0"))), SEV_E_MAP);
    CHECK_ERR(parse(MAP(ENTRY("\"*\"", ALL, "4"))), SEV_E_MAP);
    CHECK_ERR(parse(MAP(ENTRY("\"*\"", TWO, "1"))), SEV_E_MAP);
    CHECK_ERR(parse(MAP(ENTRY("\"*\"", TWO, "\"2\""))), SEV_E_MAP);
}

TEST(met_29__repository_agrees_with_itself__refused)
{
    CHECK_ERR(parse(MAP(ENTRY("\"*\"", "\"director\",\"images\",\"images\"", "3"))), SEV_E_MAP);
    CHECK_ERR(parse(MAP(ENTRY("\"*\"", "\"director\",\"director\",\"images\"", "3"))), SEV_E_MAP);
}

TEST(met_29__repository_without_urls__refused)
{
    CHECK_ERR(parse(MAP(ENTRY("\"*\"", "\"director\",\"images\",\"fleet\"", "3"))), SEV_E_MAP);
    CHECK_ERR(parse("{\"mapping\":[" ENTRY("\"*\"", TWO, "2") "],\"repositories\":{\"director\":[],"
                                                              "\"images\":\"http://i\"}}"),
              SEV_E_MAP);
    CHECK_ERR(parse("{\"mapping\":[" ENTRY("\"*\"", TWO, "2") "]}"), SEV_E_MAP);
}

/* Part 5.16 TAP 4: names become folders. */
TEST(met_29__repository_name_that_is_not_clean__refused)
{
    static const char *const bad[] = {
        "",    "..",      "a/b", "A",        "a b",
        "a.b", "\\u0061", "a_",  "\xc3\xa4", "abcdefghijklmnopqrstuvwxyz-01234"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_ERR(parse(world_text("{\"mapping\":[{\"paths\":[\"*\"],\"repositories\":[" TWO
                                   ",\"%s\"],\"threshold\":3}],\"repositories\":{\"director\":[],"
                                   "\"images\":[],\"%s\":[]}}",
                                   bad[i], bad[i])),
                  SEV_E_MAP);
    CHECK_OK(parse("{\"mapping\":[{\"paths\":[\"*\"],\"repositories\":[" TWO
                   ",\"abcdefghijklmnopqrstuvwxyz-0123\"],\"threshold\":3}],\"repositories\":{"
                   "\"director\":[],\"images\":[],\"abcdefghijklmnopqrstuvwxyz-0123\":[]}}"));
}

TEST(met_29__more_repositories_than_we_visit__refused)
{
    CHECK_OK(parse("{\"mapping\":[{\"paths\":[\"*\"],\"repositories\":[" TWO
                   ",\"a\",\"b\"],\"threshold\":4}],\"repositories\":{\"director\":[],"
                   "\"images\":[],\"a\":[],\"b\":[]}}"));
    CHECK_ERR(parse("{\"mapping\":[{\"paths\":[\"*\"],\"repositories\":[" TWO
                    ",\"a\",\"b\",\"c\"],\"threshold\":5}],\"repositories\":{\"director\":[],"
                    "\"images\":[],\"a\":[],\"b\":[],\"c\":[]}}"),
              SEV_E_MAP);
}

TEST(met_29__map_of_another_shape__refused)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"mapping\":[],\"repositories\":{}}",
        "{\"mapping\":{},\"repositories\":{}}",
        "{\"mapping\":[7],\"repositories\":" REPOSITORIES "}",
        "{\"mapping\":[{\"repositories\":[" TWO "],\"threshold\":2}],\"repositories\":" REPOSITORIES
        "}",
        "{\"mapping\":[{\"paths\":[\"*\"],\"threshold\":2}],\"repositories\":" REPOSITORIES "}",
        "{\"mapping\":[{\"paths\":[\"*\"],\"repositories\":[" TWO
        "]}],\"repositories\":" REPOSITORIES "}",
        "{\"mapping\":[{\"paths\":[\"*\"],\"repositories\":[7],\"threshold\":1}],"
        "\"repositories\":" REPOSITORIES "}",
        "{\"mapping\":[{\"paths\":[\"*\"],\"repositories\":{},\"threshold\":0}],"
        "\"repositories\":" REPOSITORIES "}",
        "{\"mapping\":[],\"mapping\":[],\"repositories\":" REPOSITORIES "}",
    };
    struct sev_map before;
    CHECK_OK(parse(MAP(ENTRY("\"*\"", ALL, "3"))));
    before = map;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_ERR(parse(bad[i]), SEV_E_MAP);
        CHECK(memcmp(&before, &map, sizeof map) == 0); /* untouched */
    }
}

TEST(met_29__map_too_long__refused)
{
    sev_slice blanks = world_filled(SEV_MAP_BYTES_MAX + 1, ' ');
    const char *one = MAP(ENTRY("\"*\"", ALL, "3"));
    CHECK_OK(parse(world_text("%s%.*s", one, (int)(SEV_MAP_BYTES_MAX - strlen(one)),
                              (const char *)blanks.ptr)));
    CHECK_ERR(parse(world_text("%s%.*s", one, (int)(SEV_MAP_BYTES_MAX - strlen(one) + 1),
                               (const char *)blanks.ptr)),
              SEV_E_MAP);
}

TEST(met_29__unknown_members__ignored)
{
    CHECK_OK(
        parse("{\"more\":1,\"mapping\":[{\"comment\":[],\"paths\":[\"*\"],\"repositories\":[" TWO
              "],\"threshold\":2}],\"repositories\":{\"director\":[],\"images\":[],"
              "\"other\":[]}}"));
    CHECK_EQ(map.count, 2);
}

/* ---------------------------------------------------------- in a whole cycle */

#define CLIENT_MAP(paths)                                                                          \
    "{\"mapping\":[{\"paths\":[" paths "],\"repositories\":[" ALL "],\"threshold\":3},{\"paths\":" \
    "[\"*\"],\"repositories\":[" TWO "],\"threshold\":2}],\"repositories\":" REPOSITORIES "}"

/* REQ-MET-30: only where the map asks for it. */
TEST(met_30__third_repository_needed_for_some_images__asked_for_those_alone)
{
    struct world *w = world_begin();
    w->map = CLIENT_MAP("\"bolt/*\"");
    world_settle(w);
    world_image(w, "acme/brake-2.bin")->at[REGULATOR] = -1;
    WORLD_ACCEPTED(w);
    world_stage(w, 3);
    world_break(w);
    world_image(w, "bolt/door-3.bin")->at[REGULATOR] = -1;
    WORLD_REFUSED(w, NOT_ATTESTED, NONE, "regulator", "targets");
}

TEST(met_30__third_repository_needed_by_no_image__not_visited)
{
    struct world *w = world_begin();
    w->map = CLIENT_MAP("\"spare/*\"");
    world_settle(w);
    WORLD_ACCEPTED(w);
    CHECK(strstr(w->trace, "regulator") == NULL);
}

TEST(met_30__image_that_no_entry_covers__mix_and_match_and_nobody_else_asked)
{
    struct world *w = world_begin();
    w->map = MAP(ENTRY("\"acme/brake-1.bin\",\"bolt/*\"", ALL, "3"));
    world_settle(w);
    w->file_is_good = true;
    w->no_mending = true;
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "director", "targets");
    CHECK(strstr(w->trace, "regulator") == NULL);
    CHECK(strstr(w->trace, "images get") == NULL);
}

TEST(ver_01__refused_map__no_cycle)
{
    struct world *w = world_accepted();
    w->map = MAP(ENTRY("\"*\"", "\"director\"", "1"));
    CHECK_ERR(world_cycle(w)->err, SEV_E_MAP);
    CHECK_EQ(w->result.requests, 0);
}
