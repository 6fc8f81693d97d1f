# Rules 12 and 13: how delegated roles are searched.
# SPDX-License-Identifier: MIT
from tufsim import keys
from tufsim.case import NOTHING_NEW, TufCase, cases, versions

# Delegations as "parent>child", in order; a "!" makes one terminating; ":pattern" restricts it.
# Then the roles that a search for "wanted" visits, in order, when nobody lists it.
GRAPHS = {
    "one": ("targets>A", "A"),
    "two": ("targets>A targets>B", "A B"),
    "order is that of appearance": ("targets>C targets>A targets>B", "C A B"),
    "child of the second": ("targets>A targets>B B>C", "A B C"),
    "children before siblings": ("targets>A targets>B A>C A>D", "A C D B"),
    "grandchildren before siblings": ("targets>A targets>B A>C C>D", "A C D B"),
    "deep and wide": ("targets>A targets>B A>C A>D C>E C>F D>G B>H", "A C E F D G B H"),
    "chain": ("targets>A A>B B>C C>D D>E", "A B C D E"),
    "terminating, first": ("targets>A! targets>B", "A"),
    "terminating, last": ("targets>A targets>B!", "A B"),
    "terminating below: siblings of its parent neither": ("targets>A targets>B A>C! A>D", "A C"),
    "terminating below: its own children still": ("targets>A targets>B A>C! C>D C>E", "A C D E"),
    "terminating: its own children still": ("targets>A! A>C A>D targets>B", "A C D"),
    "terminating that does not match": ("targets>A!:*.py targets>B", "B"),
    "terminating in a branch that does not match": ("targets>A:*.py A>C! targets>B", "B"),
    "terminating in the last child": ("targets>A targets>B A>C A>D!", "A C D"),
    "branch that does not match": ("targets>A:*.py targets>B A>C", "B"),
    "grandchild that does not match": ("targets>A targets>B A>C:*.py C>D", "A B"),
    "cycle of three": ("targets>A targets>B B>C C>D D>B", "A B C D"),
    "cycle of two": ("targets>A A>B B>A", "A B"),
    "cycle of one": ("targets>A A>A targets>B", "A B"),
    "cycle through a terminating one": ("targets>A A>B! B>A targets>C", "A B"),
    "diamond": ("targets>A targets>B A>C B>C", "A C B"),
    "diamond whose second arm comes first in the file": ("targets>A targets>B B>C A>C", "A C B"),
    "diamond with one arm that does not match": ("targets>A targets>B B>C A>C:*.py", "A B C"),
    "child and grandchild": ("targets>A A>B targets>B", "A B"),
    "grandchild listed first": ("targets>B targets>A A>B", "B A"),
    "many arms": ("targets>A targets>B targets>C A>D B>D C>D D>E", "A D E B C"),
    "nothing matches": ("targets>A:*.py targets>B:w/*", ""),
}


def build(repo, text):
    for item in text.split():
        edge, _, pattern = item.partition(":")
        parent, _, child = edge.rstrip("!").partition(">")
        repo.delegate(parent, child, [pattern or "*"], edge.endswith("!"))
    roles = [role for role in repo.signed if role not in
             ("root", "timestamp", "snapshot", "targets")]
    repo.release(*roles, "targets")
    return roles


class Search(TufCase):
    @cases({name: graph for name, graph in GRAPHS.items()})
    def test_order_of_visits(self, graph, visited):
        build(self.repo, graph)
        self.init()
        visited = visited.split()
        self.download("wanted", status=1, asked=["+", *[f"1.{role}.json" for role in visited]],
                      trusted={**versions(1, 2, 2, 2), **{role: 1 for role in visited}}, have=[])
        self.download("wanted", status=1, asked=NOTHING_NEW)

    @cases({name: graph for name, graph in GRAPHS.items() if graph[1]})
    def test_found_in_the_last_one_visited(self, graph, visited):
        last = visited.split()[-1]
        build(self.repo, graph)
        self.repo.add(last, "wanted", b"content")
        self.repo.release(last)
        self.init()
        self.download("wanted", have=[b"content"])

    @cases({name: graph for name, graph in GRAPHS.items() if len(graph[1].split()) > 1})
    def test_found_in_the_first_one_visited__the_others_are_not_asked_for(self, graph, visited):
        first = visited.split()[0]
        build(self.repo, graph)
        self.repo.add(first, "wanted", b"content")
        self.repo.publish(first, bump=False)
        self.repo.publish("snapshot", "timestamp")
        self.init()
        self.download("wanted", asked=["+", f"1.{first}.json", self.artifact("wanted", first)],
                      have=[b"content"])

    @cases({"terminating first": ("targets>A! targets>B", "B"),
            "terminating below": ("targets>A A>C! A>D targets>B", "D"),
            "terminating below, uncle": ("targets>A A>C! A>D targets>B", "B"),
            "pattern of the parent": ("targets>A:*.py A>B", "B"),
            "pattern": ("targets>A:*.py", "A"),
            "not delegated": ("targets>A A>B", "Z")})
    def test_listed_where_the_search_does_not_come__not_found(self, graph, where):
        build(self.repo, graph)
        if where == "Z":
            self.repo.signed["Z"] = {**self.repo.signed["A"], "targets": {}}
            self.repo.signers["Z"] = self.repo.signers["A"]
        self.repo.add(where, "wanted", b"content")
        self.repo.release(where)
        self.init()
        self.download("wanted", status=1, have=[])

    def test_top_level_targets_come_first(self):
        self.repo.delegate("targets", "A")
        self.repo.add("A", "wanted", b"by A")
        self.repo.add("targets", "wanted", b"by targets")
        self.repo.release("A", "targets")
        self.init()
        self.download("wanted", asked=["+", self.artifact("wanted")], have=[b"by targets"],
                      trusted=versions(1, 2, 2, 2))

    @cases({"sibling": ("targets>A targets>B", "A", "B"),
            "parent before child": ("targets>A A>B", "A", "B"),
            "nephew before uncle": ("targets>A targets>B A>C", "C", "B")})
    def test_listed_twice__the_first_visited_wins(self, graph, winner, other):
        build(self.repo, graph)
        self.repo.add(winner, "wanted", b"by the first")
        self.repo.add(other, "wanted", b"by the other")
        self.repo.release(winner, other)
        self.init()
        self.download("wanted", have=[b"by the first"])

    def test_each_name_is_searched_from_the_top(self):
        self.repo.delegate("targets", "A", ["a/*"])
        self.repo.delegate("targets", "B", ["b/*"])
        self.repo.delegate("B", "C", ["b/*"])
        self.repo.add("A", "a/1", b"a1")
        self.repo.add("C", "b/1", b"b1")
        self.repo.add("B", "b/2", b"b2")
        self.repo.release("A", "B", "C", "targets")
        self.init()
        self.download("b/1", "a/1", "b/2", asked=[
            "+", "1.B.json", "1.C.json", self.artifact("b/1", "C"), "1.A.json",
            self.artifact("a/1", "A"), self.artifact("b/2", "B")], have=[b"b1", b"a1", b"b2"])

    def test_deep_chain_of_eight__found(self):
        names = "ABCDEFGH"
        build(self.repo, " ".join(f"{p}>{c}" for p, c in zip(["targets", *names], names)))
        self.repo.add("H", "wanted", b"content")
        self.repo.release("H")
        self.init()
        self.download("wanted", have=[b"content"])

    def test_delegation_back_to_targets__no_endless_search_and_nothing_lost(self):
        self.repo.delegate("targets", "A")
        self.repo.delegate("A", "targets", signers=[])
        self.repo.release("A", "targets")
        self.init()
        before = len(self.repo.requests)
        self.download("wanted", status=1)
        self.assertLessEqual(len(self.repo.requests) - before, 5)
        self.assertEqual(self.client.metadata()["targets.json"], self.repo.bytes_of("targets"))


# pattern, path, does it match?
PATTERNS = [
    ("*", "wanted", True), ("*", "a/wanted", False), ("*/*", "a/wanted", True),
    ("*/*", "wanted", False), ("*/*", "a/b/wanted", False), ("*/*/*", "a/b/wanted", True),
    ("wanted", "wanted", True), ("wanted", "wanted2", False), ("want", "wanted", False),
    ("Wanted", "wanted", False), ("wanted", "WANTED", False), ("A/*", "a/wanted", False),
    ("*.txt", "file.txt", True), ("*.txt", "file.TXT", False), ("*.txt", "a/file.txt", False),
    ("*.txt", ".txt", True), ("*.txt", "file.txt.bin", False), ("*.*", "a.b.c", True),
    ("file?.bin", "file1.bin", True), ("file?.bin", "file.bin", False),
    ("file?.bin", "file12.bin", False), ("a?b", "a/b", False), ("a*b", "a/b", False),
    ("a*b", "axxb", True), ("a*b", "ab", True), ("??", "ab", True), ("??", "a", False),
    ("a/*", "a/b", True), ("a/*", "a/b/c", False), ("a/*/c", "a/b/c", True),
    ("a/*/c", "a/c", False), ("*/b", "a/b", True),
    ("releases/x/*", "releases/x/x_v1", True), ("releases/y/*.zip", "releases/y/y_v1.zip", True),
    ("releases/y/*.zip", "releases/z/y_v1.zip", False), ("**", "ab", True), ("**", "a/b", False),
    ("*a*b*c*", "xaxbxcx", True), ("*a*b*c*", "xaxcxbx", False),
    ("*a*a*a*a*a*a*a*a*b", "a" * 60, False),
    ("[ab]", "a", False), ("[ab]", "[ab]", True), ("[!a]", "b", False), ("{a,b}", "a", False),
    ("a.c", "abc", False), ("a+", "aa", False), ("^a$", "a", False), ("(a)", "a", False),
    ("\\*", "*", False), ("\u00e9*", "\u00e9t\u00e9", True),
    ("/wanted", "wanted", False), ("", "wanted", False),
]


class Patterns(TufCase):
    @cases({f"{p!r} {'~' if m else '!~'} {t[:20]!r}": (p, t, m)
            for p, t, m in PATTERNS})
    def test_pattern(self, pattern, path, match):
        self.repo.delegate("targets", "A", [pattern])
        self.repo.add("A", path, b"content")
        self.repo.release("A", "targets")
        self.init()
        if match:
            self.download(path, have=[b"content"])
        else:
            self.download(path, status=1, asked="+", trusted=versions(1, 2, 2, 2), have=[])

    @cases({"none": ([], False), "second": (["*.py", "want*"], True),
            "no one": (["*.py", "a/*", "WANTED"], False)})
    def test_several_patterns__any_of_them(self, patterns, match):
        self.repo.delegate("targets", "A", patterns)
        self.repo.add("A", "wanted", b"content")
        self.repo.release("A", "targets")
        self.init()
        self.download("wanted", status=0 if match else 1, have=[b"content"] if match else [])

    def test_every_delegation_on_the_way_must_match(self):
        self.repo.delegate("targets", "A", ["a/*"])
        self.repo.delegate("A", "B", ["b/*", "a/x*"])
        self.repo.add("B", "b/1", b"not delegated by targets")
        self.repo.add("B", "a/y", b"not delegated by A")
        self.repo.add("B", "a/x1", b"content")
        self.repo.release("A", "B", "targets")
        self.init()
        self.download("b/1", status=1, asked="+", have=[])
        self.download("a/y", status=1, asked="2.root.json timestamp.json 1.A.json", have=[])
        self.download("a/x1", have=[b"content"])


class Trouble(TufCase):
    """A role that cannot be had ends the search: those after it might not be meant."""

    def two(self):
        self.repo.delegate("targets", "A")
        self.repo.delegate("targets", "B")
        self.repo.add("B", "wanted", b"content")
        self.repo.release("A", "B", "targets")
        self.init()

    def test_role_not_in_the_snapshot__not_asked_for_and_search_ends(self):
        self.two()
        del self.repo.snapshot["meta"]["A.json"]
        self.repo.publish("snapshot", "timestamp")
        self.download("wanted", status=1, asked="+", trusted=versions(1, 3, 3, 2), have=[])

    def test_role_not_served__search_ends(self):
        self.two()
        self.repo.withhold("1.A.json")
        self.download("wanted", status=1, asked="+ 1.A.json", trusted=versions(1, 2, 2, 2),
                      have=[])

    def test_role_not_signed__search_ends_and_it_is_not_stored(self):
        self.repo.signers["A"] = []
        self.repo.delegate("targets", "A")
        self.repo.signers["A"] = []
        self.repo.delegate("targets", "B")
        self.repo.add("B", "wanted", b"content")
        self.repo.release("A", "B", "targets")
        self.init()
        self.download("wanted", status=1, asked="+ 1.A.json", trusted=versions(1, 2, 2, 2),
                      have=[])

    def test_role_is_garbage__search_ends_and_it_is_not_stored(self):
        self.two()
        self.repo.files["metadata/1.A.json"] = b"not metadata"
        self.download("wanted", status=1, asked="+ 1.A.json", trusted=versions(1, 2, 2, 2),
                      have=[])

    def test_trouble_below_a_branch_that_does_not_match__no_matter(self):
        self.repo.delegate("targets", "A", ["*.py"])
        self.repo.delegate("targets", "B")
        self.repo.add("B", "wanted", b"content")
        self.repo.release("A", "B", "targets")
        self.repo.withhold("1.A.json")
        self.init()
        self.download("wanted", asked=["+", "1.B.json", self.artifact("wanted", "B")])

    def test_mended__found(self):
        self.two()
        there = self.repo.files["metadata/1.A.json"]
        self.repo.withhold("1.A.json")
        self.download("wanted", status=1)
        self.repo.files["metadata/1.A.json"] = there
        self.download("wanted", asked=["2.root.json", "timestamp.json", "1.A.json", "1.B.json",
                                       self.artifact("wanted", "B")], have=[b"content"])

    @cases([0, -1])
    def test_threshold_of_a_delegation_is_no_positive_number__unsigned_role_not_believed(self, n):
        self.repo.delegate("targets", "A")
        self.repo.targets["delegations"]["roles"][0]["threshold"] = n
        self.repo.signers["A"] = []
        self.repo.add("A", "wanted", b"content")
        self.repo.release("A", "targets")
        self.init()
        self.download("wanted", status=1, have=[])
        self.assertNotIn("A.json", self.client.metadata())

    @cases({"keys": "keys", "roles": "roles"})
    def test_delegations_without_a_member__no_crash_and_nothing_found(self, member):
        self.repo.delegate("targets", "A")
        self.repo.add("A", "wanted", b"content")
        del self.repo.targets["delegations"][member]
        self.repo.release("A", "targets")
        self.init()
        self.download("wanted", status=1, have=[])


class TwoDelegators(TufCase):
    """Rule 13: a role is judged by the keys of whoever delegated to it in this search."""

    def diamond(self, keys_a, keys_b, sign_with, threshold_a=1, threshold_b=1):
        self.repo.delegate("targets", "A", ["a/*"])
        self.repo.delegate("targets", "B", ["b/*"])
        self.repo.delegate("A", "C", ["a/*"], signers=keys_a, threshold=threshold_a)
        self.repo.delegate("B", "C", ["b/*"], signers=keys_b, threshold=threshold_b)
        self.repo.signers["C"] = sign_with
        self.repo.add("C", "a/1", b"by way of A")
        self.repo.add("C", "b/1", b"by way of B")
        self.repo.release("A", "B", "C", "targets")
        self.init()

    def test_both_trust_its_keys__one_request_serves_both(self):
        a, b = keys.ecdsa(), keys.ecdsa()
        self.diamond([a], [b], [a, b])
        self.download("a/1", "b/1", asked=["+", "1.A.json", "1.C.json", self.artifact("a/1", "C"),
                                           "1.B.json", self.artifact("b/1", "C")],
                      have=[b"by way of A", b"by way of B"])

    @cases({"in one process": True, "in two": False})
    def test_only_the_first_trusts_its_key__second_refused(self, together):
        a, b = keys.ecdsa(), keys.ecdsa()
        self.diamond([a], [b], [a])
        if together:
            self.download("a/1", "b/1", status=1, have=[b"by way of A"])
        else:
            self.download("a/1", have=[b"by way of A"])
            self.download("b/1", status=1, have=[b"by way of A"])
            self.download("a/1", have=[b"by way of A"])

    @cases({"in one process": True, "in two": False})
    def test_only_the_second_trusts_its_key__it_is_still_served(self, together):
        a, b = keys.ecdsa(), keys.ecdsa()
        self.diamond([a], [b], [b])
        if together:
            self.download("b/1", "a/1", status=1, have=[b"by way of B"])
        else:
            self.download("a/1", status=1, have=[])
            self.download("b/1", have=[b"by way of B"])
            self.download("a/1", status=1, have=[b"by way of B"])

    def test_second_asks_for_more_signatures__refused(self):
        a, b = keys.ecdsa(), keys.ecdsa()
        self.diamond([a], [a, b], [a], threshold_b=2)
        self.download("a/1", "b/1", status=1, have=[b"by way of A"])

    def test_second_lists_the_key_but_not_for_this_role__refused(self):
        a, b = keys.ecdsa(), keys.ecdsa()
        self.diamond([a], [b], [a])
        self.repo.signed["B"]["delegations"]["keys"][a.keyid] = a.public
        self.repo.release("B")
        self.download("a/1", "b/1", status=1, have=[b"by way of A"])

    def test_delegator_changes_its_keys__stored_role_no_longer_used(self):
        self.repo.delegate("targets", "A")
        self.repo.add("A", "wanted", b"content")
        self.repo.release("A", "targets")
        self.init()
        self.download("wanted", have=[b"content"])
        self.repo.targets["delegations"] = {"keys": {}, "roles": []}
        self.repo.signers["A"] = []
        self.repo.delegate("targets", "A")
        self.repo.release("targets")
        self.download("wanted", status=1)
        self.repo.release("A")
        self.download("wanted", trusted=versions(1, 4, 4, 3, A=2))

    def test_search_passes_it_twice__only_the_first_way_counts(self):
        """A finds C first and C, well signed for A, lacks the name: B's way is not tried."""
        a, b = keys.ecdsa(), keys.ecdsa()
        self.repo.delegate("targets", "A")
        self.repo.delegate("targets", "B")
        self.repo.delegate("A", "C", signers=[a])
        self.repo.delegate("B", "C", signers=[b])
        self.repo.signers["C"] = [a]
        self.repo.release("A", "B", "C", "targets")
        self.init()
        self.download("wanted", status=1, asked="+ 1.A.json 1.C.json 1.B.json",
                      trusted=versions(1, 2, 2, 2, A=1, B=1, C=1))
