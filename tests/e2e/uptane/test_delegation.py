"""test_delegation - the search through delegated roles: ALG-7, ALG-8, VER-36 to VER-42, MET-18 to
MET-25, ATK-17. Images is searched; the Regulator and the Director are honest throughout.
SPDX-License-Identifier: MIT"""

from case import ANY, UNSIGNED, Case
from keys import Key
from repository import Delegation, Node, Role
from world import DOOR, PRIMARY, Image

NAME = "parts/x.img"


def part(text=b"part x", counter=2, name=NAME, hardware=("hw-p",)):
    return Image(name, text, counter, hardware)


class Search(Case):
    def start(self, image=None, **options):
        """An Images repository without delegations; the wanted image is assigned and attested."""
        world = self.settled(**options)
        world.images.top.delegations.clear()
        self.wanted = image or part()
        world.store(self.wanted)
        attested = world.regulator.nodes["attestations"].targets
        attested[self.wanted.name] = self.wanted.listed()
        world.assign({PRIMARY[0]: self.wanted})
        return world

    def put(self, world, role, image=None):
        image = image or self.wanted
        world.images.nodes[role].targets[image.name] = image.listed()

    def chain(self, world, names, paths=("parts/*",), **options):
        """Each name delegates to the next."""
        parent = "targets"
        for name in names:
            world.images.delegate(name, paths, parent, **options)
            parent = name

    def found(self, world):
        world.publish()
        return self.accepted(world)

    def missing(self, world, attack="mix-and-match", **expect):
        world.publish()
        expect.setdefault("repository", "images")
        result = self.refused(world, attack, **expect)
        # However the search ended, an honest entry in the top-level file ends it well.
        self.put(world, "targets")
        world.images.top.delegations.clear()
        self.recovers(world)
        return result


class Order(Search):
    def test_VER_36_found_in_the_top_level_file(self):
        # REQ-VER-36
        world = self.start()
        self.put(world, "targets")
        self.found(world)

    def test_VER_36_found_in_a_delegated_role(self):
        world = self.start()
        world.images.delegate("a", ["parts/*"])
        self.put(world, "a")
        self.found(world)

    def test_MET_21_chain_of_four(self):
        # REQ-MET-21
        world = self.start()
        self.chain(world, ["a", "b", "c", "d"])
        self.put(world, "d")
        self.found(world)

    def test_top_level_entry_comes_before_delegations(self):
        world = self.start()
        world.images.delegate("a", ["parts/*"])
        self.put(world, "a", part(b"another"))
        self.put(world, "targets")
        self.found(world)

    def test_VER_39_MET_22_listed_order_first_result_wins(self):
        # REQ-VER-39 REQ-MET-17 REQ-MET-22
        for winner in ("a", "b"):
            with self.subTest(winner=winner):
                world = self.start()
                world.images.delegate("a", ["parts/*"])
                world.images.delegate("b", ["parts/*"])
                self.put(world, winner)
                self.put(world, "b" if winner == "a" else "a", part(b"another"))
                if winner == "a":
                    self.found(world)
                else:  # a's entry is the result, and it is not what the Director assigned
                    self.missing(world)

    def test_MET_17_order_is_the_lists_not_the_names(self):
        world = self.start()
        world.images.delegate("z", ["parts/*"])
        world.images.delegate("a", ["parts/*"])
        self.put(world, "z")
        self.put(world, "a", part(b"another"))
        self.found(world)

    def test_part5_6_depth_first(self):
        """a's own delegate comes before a's sibling."""
        world = self.start()
        world.images.delegate("a", ["parts/*"])
        world.images.delegate("b", ["parts/*"])
        world.images.delegate("a-child", ["parts/*"], parent="a")
        self.put(world, "a-child")
        self.put(world, "b", part(b"another"))
        self.found(world)

    def test_not_listed_anywhere(self):
        world = self.start()
        world.images.delegate("a", ["parts/*"])
        self.missing(world)


class Terminating(Search):
    def test_VER_38_terminating_role_without_the_image_ends_the_search(self):
        # REQ-VER-38
        world = self.start()
        world.images.delegate("a", ["parts/*"], terminating=True)
        world.images.delegate("b", ["parts/*"])
        self.put(world, "b")
        self.missing(world)

    def test_VER_38_not_terminating_twin(self):
        world = self.start()
        world.images.delegate("a", ["parts/*"])
        world.images.delegate("b", ["parts/*"])
        self.put(world, "b")
        self.found(world)

    def test_terminating_role_with_the_image(self):
        world = self.start()
        world.images.delegate("a", ["parts/*"], terminating=True)
        self.put(world, "a")
        self.found(world)

    def test_ALG_7_terminating_role_ends_before_its_own_delegations(self):
        """DESIGN 4: a terminating role that lacks the image ends the whole search."""
        # REQ-ALG-7
        world = self.start()
        world.images.delegate("a", ["parts/*"], terminating=True)
        world.images.delegate("a-child", ["parts/*"], parent="a")
        self.put(world, "a-child")
        self.missing(world)

    def test_part5_6_terminating_below_ends_the_parents_search_too(self):
        # aktualizr goes on with the parent's next sibling.
        world = self.start()
        world.images.delegate("a", ["parts/*"])
        world.images.delegate("a-child", ["parts/*"], parent="a", terminating=True)
        world.images.delegate("b", ["parts/*"])
        self.put(world, "b")
        self.missing(world)

    def test_terminating_for_other_paths_does_not_count(self):
        world = self.start()
        world.images.delegate("a", ["other/*"], terminating=True)
        world.images.delegate("b", ["parts/*"])
        self.put(world, "b")
        self.found(world)

    def test_terminating_for_other_hardware_does_not_count(self):
        world = self.start()
        world.images.delegate("a", ["parts/*"], terminating=True, hardware_ids=["hw-z"])
        world.images.delegate("b", ["parts/*"])
        self.put(world, "b")
        self.found(world)


class Broken(Search):
    """VER-37: a role that is missing or invalid ends the search; nobody below takes its place."""

    def two(self):
        world = self.start()
        world.images.delegate("a", ["parts/*"])
        world.images.delegate("b", ["parts/*"])
        self.put(world, "b")
        return world

    def test_VER_37_expired_role_before(self):
        # REQ-VER-37
        world = self.two()
        world.images.expires["a"] = world.now
        self.missing(world, "freeze", role="a")

    def test_VER_37_badly_signed_role_before(self):
        world = self.two()
        world.images.break_role("a", signers=[Key()])
        self.missing(world, "arbitrary-software", role="a")

    def test_VER_37_absent_role_before(self):
        world = self.two()
        world.publish()
        world.images.files.pop("%d.a.json" % world.images.versions["a"])
        self.missing(world, (None, "freeze", "mix-and-match"), cls=("RETRY", "REFUSE"))

    def test_MET_25_role_not_in_the_snapshot(self):
        # REQ-MET-25 REQ-VER-36
        world = self.start()
        world.images.delegate("a", ["parts/*"])
        self.put(world, "a")
        world.images.unlisted.add("a")
        result = self.missing(world, UNSIGNED + ("mix-and-match",), cls=("REFUSE", "RETRY"))
        asked = [path for path in result.requests("images") if path.endswith("a.json")]
        self.assertEqual(asked, [], "not listed, so not asked for\n    %s" % result)

    def test_MET_25_unlisted_role_before(self):
        world = self.two()
        world.images.unlisted.add("a")
        self.missing(world, UNSIGNED + ("mix-and-match",), cls=("REFUSE", "RETRY"))

    def test_REP_03_other_role_that_is_not_on_the_path_may_be_broken(self):
        """Roles that the search never meets are not read."""
        world = self.two()
        world.images.delegate("c", ["parts/*"])
        world.images.break_role("c", signers=[Key()])
        self.found(world)


class Authority(Search):
    def test_VER_30_key_of_supplier_a_signs_for_supplier_b(self):
        # REQ-VER-30 REQ-ATK-17
        world = self.start()
        a = world.images.delegate("a", ["others/*"])
        world.images.delegate("b", ["parts/*"])
        self.put(world, "b")
        world.images.break_role("b", signers=a.keys)
        self.missing(world, "arbitrary-software", role="b")

    def test_VER_30_top_level_keys_do_not_sign_for_a_supplier(self):
        world = self.start()
        world.images.delegate("a", ["parts/*"])
        self.put(world, "a")
        world.images.break_role("a", signers=world.images.roles["targets"].keys)
        self.missing(world, "arbitrary-software", role="a")

    def test_ATK_17_path_outside_the_delegation(self):
        # REQ-ATK-17: supplier a lists what is supplier b's.
        world = self.start()
        world.images.delegate("a", ["others/*"])
        self.put(world, "a")
        self.missing(world)

    def test_ATK_17_path_must_match_at_every_hop(self):
        world = self.start()
        world.images.delegate("a", ["others/*"])
        world.images.delegate("a-child", ["parts/*"], parent="a")
        self.put(world, "a-child")
        self.missing(world)

    def test_ATK_17_grandchild_may_not_widen(self):
        world = self.start()
        world.images.delegate("a", ["parts/*"])
        world.images.delegate("a-child", ["others/*"], parent="a")
        self.put(world, "a-child")
        self.missing(world)

    def test_VER_40_hardware_not_included(self):
        # REQ-VER-40
        world = self.start()
        world.images.delegate("a", ["parts/*"], hardware_ids=["hw-z", "hw-b"])
        self.put(world, "a")
        self.missing(world)

    def test_VER_40_hardware_included(self):
        world = self.start()
        world.images.delegate("a", ["parts/*"], hardware_ids=["hw-z", "hw-p"])
        self.put(world, "a")
        self.found(world)

    def test_VER_40_skipped_for_hardware_then_found(self):
        world = self.start()
        world.images.delegate("a", ["parts/*"], hardware_ids=["hw-z"])
        world.images.delegate("b", ["parts/*"], hardware_ids=["hw-p"])
        self.put(world, "a", part(b"another"))
        self.put(world, "b")
        self.found(world)

    def test_MET_20_empty_list_matches_none(self):
        # REQ-MET-20: absent = any, empty = none (DESIGN 4).
        world = self.start()
        world.images.delegate("a", ["parts/*"], hardware_ids=[])
        self.put(world, "a")
        self.missing(world)

    def test_VER_40_searched_for_each_ecu_that_takes_it(self):
        """One image for two ECUs; the supplier may speak for one hardware only."""
        both = part(hardware=("hw-p", "hw-b"))
        for hardware, found in ((["hw-p", "hw-b"], True), (["hw-p"], False), (["hw-b"], False)):
            with self.subTest(hardware=hardware):
                world = self.start(both)
                world.assign({PRIMARY[0]: both, DOOR[0]: both})
                world.images.delegate("a", ["parts/*"], hardware_ids=hardware)
                self.put(world, "a")
                if found:
                    self.found(world)
                else:
                    self.missing(world)

    def test_threshold_of_a_delegation(self):
        for count, found in ((1, False), (2, True)):
            with self.subTest(signatures=count):
                world = self.start()
                entry = world.images.delegate("a", ["parts/*"], keys=3, threshold=2)
                self.put(world, "a")
                world.images.break_role("a", signers=entry.keys[:count])
                if found:
                    self.found(world)
                else:
                    self.missing(world, "arbitrary-software", role="a")

    def test_part5_1_one_key_under_two_ids_in_a_delegation(self):
        # REQ-ALG-0: by material, for delegated roles too.
        world = self.start()
        key = Key()
        pair = [key, key.same_material()]
        world.images.top.delegations.append(Delegation("a", pair, 2, ["parts/*"]))
        world.images.nodes["a"] = Node("a", Role(pair, 2))
        self.put(world, "a")
        self.missing(world, "arbitrary-software", role=("a", "targets"))


def illegal(change):
    def act(self):
        world = self.start()
        world.images.delegate("a", ["parts/*"])
        self.put(world, "a")

        def edit(signed):
            change(signed["delegations"])

        world.images.break_role("targets", signed=edit)
        self.missing(world, UNSIGNED + ("mix-and-match",))

    return act


def rename(name):
    def change(delegations):
        delegations["roles"][0]["name"] = name

    return change


class Illegal(Search):
    """Delegations that no file may contain: ALG-6.10, MET-06 for delegatees."""

    # REQ-MET-18 REQ-MET-19 REQ-MET-20

    def reserved(self, name):
        """A delegation to `name` whose file, served under the obvious URL, lists the image."""
        world = self.start()
        world.images.delegate(name, ["parts/*"])
        self.put(world, name)
        world.publish()
        self.refused(world, ANY, cls=ANY)

    def test_part5_16_role_names_that_leave_the_folder(self):
        # REQ-ALG-6: no separators, no dots-dots, no NUL.
        for name in ("../a", "a/b", "..", ".", "a\\b", "a\0b", "/a", ""):
            with self.subTest(name=name):
                self.reserved(name)

    def test_ALG_6_reserved_role_names(self):
        for name in ("root", "timestamp", "snapshot"):
            with self.subTest(name=name):
                world = self.start()
                world.images.delegate("a", ["parts/*"])
                self.put(world, "a")
                edit = lambda signed: rename(name)(signed["delegations"])
                world.images.break_role("targets", signed=edit)
                self.missing(world, ANY, cls=ANY)

    def test_ALG_6_delegation_to_the_top_level_targets(self):
        world = self.start()
        world.images.delegate("a", ["parts/*"])
        self.put(world, "a")
        world.images.break_role("targets", signed=lambda s: rename("targets")(s["delegations"]))
        self.missing(world, ANY, cls=ANY)


ILLEGAL = {
    "MET_18_key_not_listed": lambda d: d["roles"][0].update(keyids=["ab" * 32]),
    "MET_18_keys_missing": lambda d: d.pop("keys"),
    "MET_20_no_name": lambda d: d["roles"][0].pop("name"),
    "MET_20_no_paths": lambda d: d["roles"][0].pop("paths"),
    "MET_20_no_threshold": lambda d: d["roles"][0].pop("threshold"),
    "MET_20_no_keyids": lambda d: d["roles"][0].pop("keyids"),
    "part5_2_threshold_zero": lambda d: d["roles"][0].update(threshold=0),
    "part5_2_threshold_negative": lambda d: d["roles"][0].update(threshold=-1),
    "part5_2_threshold_above_the_keys": lambda d: d["roles"][0].update(threshold=2),
    "part5_2_threshold_zero_and_no_keys": lambda d: d["roles"][0].update(threshold=0, keyids=[]),
    "MET_19_one_key_twice": lambda d: d["roles"][0].update(
        keyids=d["roles"][0]["keyids"] * 2, threshold=2
    ),
    "MET_20_terminating_is_no_truth_value": lambda d: d["roles"][0].update(terminating="no"),
    "MET_17_roles_as_a_map": lambda d: d.update(roles={"a": d["roles"][0]}),
}

for _label, _change in ILLEGAL.items():
    setattr(Illegal, "test_" + _label, illegal(_change))


class Bounds(Search):
    def test_ALG_7_depth_is_bounded(self):
        """DESIGN follows ALG-7: eight levels at most; twenty are never followed."""
        world = self.start()
        names = ["d%d" % n for n in range(20)]
        self.chain(world, names)
        self.put(world, names[-1])
        result = self.missing(world, ("mix-and-match", "arbitrary-software", None), cls=ANY)
        asked = [path for path in result.requests("images") if ".d" in path]
        self.assertLess(len(asked), 20, result)

    def test_ALG_7_depth_of_six_is_followed(self):
        world = self.start()
        names = ["d%d" % n for n in range(6)]
        self.chain(world, names)
        self.put(world, names[-1])
        self.found(world)

    def test_ALG_7_roles_visited_are_bounded(self):
        world = self.start()
        for n in range(150):
            world.images.delegate("r%d" % n, ["parts/*"])
        self.put(world, "r149")
        result = self.missing(world, ("mix-and-match", "arbitrary-software", None), cls=ANY)
        asked = [path for path in result.requests("images") if ".r" in path]
        self.assertLess(len(asked), 100, result)

    def test_ALG_7_thirty_roles_are_searched(self):
        world = self.start()
        for n in range(30):
            world.images.delegate("r%d" % n, ["parts/*"])
        self.put(world, "r29")
        self.found(world)

    def test_two_hundred_roles_for_other_paths(self):
        world = self.start()
        for n in range(200):
            world.images.delegate("r%d" % n, ["r%d/*" % n])
        world.images.delegate("a", ["parts/*"])
        self.put(world, "a")
        # At most 64 keys in a file is this project's own limit (limits.h): open whether 201 keys
        # are accepted, so here all roles share three.
        keys = [Key() for _ in range(3)]
        for at, entry in enumerate(world.images.top.delegations):
            entry.keys = [keys[at % 3]]
            world.images.nodes[entry.name].role.keys = entry.keys
        self.found(world)

    def test_part5_6_cycle_ends(self):
        world = self.start()
        world.images.delegate("a", ["parts/*"])
        world.images.delegate("b", ["parts/*"], parent="a")
        back = world.images.top.delegations[0]
        world.images.nodes["b"].delegations.append(back)
        self.missing(world, ("mix-and-match", "arbitrary-software", None), cls=ANY)

    def test_part5_6_cycle_is_skipped_and_the_next_role_found(self):
        world = self.start()
        world.images.delegate("a", ["parts/*"])
        world.images.delegate("b", ["parts/*"], parent="a")
        world.images.nodes["b"].delegations.append(world.images.top.delegations[0])
        world.images.delegate("c", ["parts/*"])
        self.put(world, "c")
        self.found(world)

    def test_part5_6_role_that_delegates_to_itself(self):
        world = self.start()
        entry = world.images.delegate("a", ["parts/*"])
        world.images.nodes["a"].delegations.append(entry)
        world.images.delegate("c", ["parts/*"])
        self.put(world, "c")
        self.found(world)

    def test_part5_6_diamond_is_verified_again_on_each_path(self):
        """c is signed for b's delegation only. Through b it is good, through a it is not, even if
        it was verified a moment before."""
        first = part(b"through b", name="by-b/x.img")
        second = part(b"through a", 2, "by-a/y.img", ("hw-b",))
        for order in ((PRIMARY[0], DOOR[0]), (DOOR[0], PRIMARY[0])):
            with self.subTest(order=order):
                world = self.diamond(first, second, order, signed_for_a=False)
                result = self.refused(world, "arbitrary-software", "images", "c")
                self.assertEqual(result.out, {})

    def test_diamond_good_on_both_paths(self):
        first = part(b"through b", name="by-b/x.img")
        second = part(b"through a", 2, "by-a/y.img", ("hw-b",))
        world = self.diamond(first, second, (PRIMARY[0], DOOR[0]), signed_for_a=True)
        self.accepted(world)

    def diamond(self, first, second, order, signed_for_a):
        world = self.start(first)
        world.store(second)
        world.regulator.nodes["attestations"].targets[second.name] = second.listed()
        wanted = {PRIMARY[0]: first, DOOR[0]: second}
        world.assign({serial: wanted[serial] for serial in order})
        world.images.delegate("a", ["by-a/*"])
        world.images.delegate("b", ["by-b/*"])
        for_b = world.images.delegate("c", ["by-b/*"], parent="b")
        for_a = Delegation("c", [Key()], 1, ["by-a/*"])
        world.images.nodes["a"].delegations.append(for_a)
        world.images.nodes["c"].role = Role(for_b.keys + (for_a.keys if signed_for_a else []), 1)
        world.images.nodes["c"].role.signing = world.images.nodes["c"].role.keys
        for image in (first, second):
            self.put(world, "c", image)
        world.publish()
        return world


class Patterns(Search):
    """`*` and `?` do not cross `/`; byte for byte; nothing else is special: DESIGN 4, ALG-7."""

    def tried(self, pattern, name, found):
        with self.subTest(pattern=pattern, name=name):
            world = self.start(part(name=name))
            world.images.delegate("a", [pattern])
            self.put(world, "a")
            if found:
                self.found(world)
            else:
                self.missing(world)

    def test_patterns_that_match(self):
        for pattern, name in (
            ("parts/*", "parts/x.img"),
            ("parts/x.img", "parts/x.img"),
            ("*/*.img", "parts/x.img"),
            ("parts/?.img", "parts/x.img"),
            ("p*s/x*", "parts/x.img"),
            ("*", "flat.img"),
            ("parts/*/v*/x.img", "parts/left/v2/x.img"),
            ("parts/x*.img", "parts/x.img"),
            ("parts/*a*b*.img", "parts/xaxxbx.img"),
        ):
            self.tried(pattern, name, True)

    def test_patterns_that_do_not_match(self):
        for pattern, name in (
            ("*", "parts/x.img"),
            ("parts/*", "parts/left/x.img"),
            ("parts*", "parts/x.img"),
            ("parts?x.img", "parts/x.img"),
            ("Parts/*", "parts/x.img"),
            ("parts/", "parts/x.img"),
            ("/parts/*", "parts/x.img"),
            ("parts/**", "parts/left/x.img"),
            ("**", "parts/x.img"),
            ("parts/[x].img", "parts/x.img"),
            ("parts/\\x.img", "parts/x.img"),
            ("parts/x.im", "parts/x.img"),
            ("parts/?", "parts/xy"),
            ("", "parts/x.img"),
        ):
            self.tried(pattern, name, False)

    def test_no_paths_at_all(self):
        world = self.start()
        world.images.delegate("a", [])
        self.put(world, "a")
        self.missing(world)

    def test_pattern_that_costs_nothing(self):
        """Stars upon stars against a long name must not take exponential time."""
        name = "parts/" + "a" * 200 + ".img"
        world = self.start(part(name=name))
        world.images.delegate("a", ["parts/" + "*a" * 60 + "*b"])
        self.put(world, "a")
        world.publish()
        result = self.refused(world, ANY, cls=ANY)
        self.assertLess(result.seconds, 5, result)


class MultiRole(Search):
    """ALG-8, VER-41, VER-42, MET-24: several roles must say the same."""

    def vote(self, says, minimum, terminating=False, wanted=None):
        """`says` maps each role to the image it lists, or None."""
        world = self.start(wanted)
        roles = []
        for name, image in says.items():
            key = Key()
            world.images.nodes[name] = Node(name, Role([key]))
            if image is not None:
                self.put(world, name, image)
            roles.append((name, [key], 1))
        entry = Delegation(
            None, (), 1, ["parts/*"], roles=roles, min_roles=minimum, terminating=terminating
        )
        world.images.top.delegations.append(entry)
        return world

    def test_VER_42_ALG_8_all_agree(self):
        # REQ-VER-42 REQ-ALG-8
        self.found(self.vote({"a": part(), "b": part(), "c": part()}, 3))

    def test_VER_42_two_of_three_agree(self):
        other = part(b"another")
        self.found(self.vote({"a": other, "b": part(), "c": part()}, 2))
        self.found(self.vote({"a": part(), "b": other, "c": part()}, 2))
        self.found(self.vote({"a": part(), "b": part(), "c": other}, 2))

    def test_VER_42_one_lacks_it(self):
        self.found(self.vote({"a": None, "b": part(), "c": part()}, 2))

    def test_VER_42_all_differ(self):
        self.missing(self.vote({"a": part(), "b": part(b"2"), "c": part(b"3")}, 2))

    def test_VER_42_too_few_agree(self):
        self.missing(self.vote({"a": part(), "b": part(b"2"), "c": None}, 2))
        self.missing(self.vote({"a": part(), "b": None, "c": None}, 2))

    def test_MET_24_sections_must_agree_too(self):
        # REQ-MET-24: same bytes, other release counter.
        self.missing(self.vote({"a": part(), "b": part(counter=3)}, 2))

    def test_VER_42_conflict_goes_to_the_earliest_role(self):
        other = part(b"another")
        self.found(self.vote({"a": part(), "b": other}, 1))
        self.missing(self.vote({"a": other, "b": part()}, 1))

    def test_VER_41_terminating_without_agreement_ends_the_search(self):
        # REQ-VER-41
        for terminating in (True, False):
            with self.subTest(terminating=terminating):
                says = {"a": part(), "b": part(b"2"), "c": part(b"3")}
                world = self.vote(says, 2, terminating)
                world.images.delegate("later", ["parts/*"])
                self.put(world, "later")
                if terminating:
                    self.missing(world)
                else:
                    self.found(world)

    def test_one_key_in_two_roles_of_the_agreement_is_lints_business(self):
        """ALG-8: disjoint keys are linted, not enforced; open here, but for what is installed."""
        world = self.vote({"a": part(), "b": part()}, 2)
        entry = world.images.top.delegations[0]
        key = entry.roles[0][1]
        entry.roles[1] = ("b", key, 1)
        world.images.nodes["b"].role = Role(key)
        world.publish()
        result = world.cycle()
        if result.code == 0:
            self.accepted(world, result=result)
        else:
            self.refused(world, ANY, result=result)

    def test_one_role_badly_signed(self):
        """Abort or not counted: open. With min_roles 2 of 2 it is refused either way."""
        world = self.vote({"a": part(), "b": part()}, 2)
        world.images.break_role("b", signers=[Key()])
        self.missing(world, ("arbitrary-software", "mix-and-match"))

    def test_minimum_of_zero(self):
        self.missing(self.vote({"a": None, "b": None}, 0), ANY)

    def test_minimum_above_the_roles(self):
        self.missing(self.vote({"a": part(), "b": part()}, 3), ANY)

    def test_below_a_role_of_the_agreement(self):
        """Each role of the list may delegate further: ALG-8 step 1."""
        world = self.vote({"a": None, "b": part()}, 2)
        world.images.delegate("a-child", ["parts/*"], parent="a")
        self.put(world, "a-child")
        self.found(world)

    def test_hardware_of_a_multi_role_delegation(self):
        for hardware, found in ((["hw-p"], True), (["hw-z"], False), ([], False)):
            with self.subTest(hardware=hardware):
                world = self.vote({"a": part(), "b": part()}, 2)
                world.images.top.delegations[0].hardware_ids = hardware
                if found:
                    self.found(world)
                else:
                    self.missing(world)


class Vanish(Search):
    """VER-25, VER-26: what the snapshot once listed."""

    def test_VER_25_delegated_version_lower(self):
        # REQ-VER-25: supplier-b 7 -> 6, all else up; the image is another supplier's.
        world = self.settled()
        world.images.made.pop("supplier-b")
        world.stage(2)
        world.publish()
        self.accepted(world)

        def lower(signed):
            entry = signed["meta"]["supplier-b.json"]
            entry["version"] -= 1

        world.stage(3)
        world.images.break_role("snapshot", signed=lower)
        world.publish()
        self.refused(world, "rollback", "images", keeps=[("images", "snapshot")])
        self.recovers(world)

    def test_VER_26_role_vanishes(self):
        # REQ-VER-26
        world = self.settled()
        world.stage(2)
        world.images.unlisted.add("supplier-b")
        world.publish()
        self.refused(world, "rollback", "images", keeps=[("images", "snapshot")])
        world.images.unlisted.clear()
        self.recovers(world)

    def test_VER_26_role_removed_after_timestamp_and_snapshot_keys_rotated(self):
        world = self.settled()
        images = world.images
        images.rotate(timestamp=images.fresh("timestamp"), snapshot=images.fresh("snapshot"))
        images.unlisted.add("supplier-b")
        world.assign({PRIMARY[0]: world.stage(2)})
        world.publish()
        self.accepted(world)

    def test_VER_26_ALG_4_targets_vanish(self):
        """REQ-ALG-4: `targets` must be listed."""
        for name in ("director", "images", "regulator"):
            with self.subTest(name):
                world = self.settled()
                world.stage(2)
                repository = world.repository(name)
                edit = lambda signed: signed["meta"].pop("targets.json") and None
                repository.break_role("snapshot", signed=edit)
                world.publish()
                attacks = UNSIGNED + ("rollback", "mix-and-match")
                self.refused(world, attacks, name, keeps=[(name, "snapshot")])
                self.recovers(world)

    def test_MET_26_snapshot_lists_root(self):
        # REQ-MET-26: no security weight.
        world = self.settled()
        world.stage(2)
        for repository in world.repositories():
            edit = lambda signed: signed["meta"].update({"root.json": {"version": 1}})
            repository.break_role("snapshot", signed=edit)
        world.publish()
        self.accepted(world)

    def test_new_roles_may_appear(self):
        world = self.settled()
        world.images.delegate("supplier-c", ["supplier-c/*"])
        world.stage(2)
        world.publish()
        self.accepted(world)
