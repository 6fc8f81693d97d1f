# Contract section 4: which requests leave, exactly as which bytes, and what answers mean.
# SPDX-License-Identifier: MIT
from tufsim.case import NOTHING_NEW, TOP_REQUESTS, TufCase, cases, versions
from tufsim.server import endless, truncated

PREFIXES = ["test[a b]", "../x", "..%2Fx", "a/b", "?q=1", "#f", "%", "a%20b", "..", "\u00e9",
            "a;b,c:d@e", "test_unusual_role_name[../delegatedrole]"]


class Prefix(TufCase):
    """The base URL is used as it is given: never decoded, encoded again or normalised."""

    @cases(PREFIXES)
    def test_odd_base_url__kept_verbatim(self, name):
        self.new_repository(name)
        self.repo.delegate("targets", "../A", ["*/*"])
        self.repo.add("../A", "a/file", b"content")
        self.repo.release("../A", "targets")
        self.init()
        self.refresh(0, "2.root.json timestamp.json 2.snapshot.json 2.targets.json")
        self.download("a/file", asked=["2.root.json", "timestamp.json", "1...%2FA.json",
                                       self.artifact("a/file", "../A")], have=[b"content"])

    def test_lower_case_escapes_in_the_base_url__kept(self):
        self.repo.prefix = "%5b%2f..%2e%5d"
        self.url = self.server.add(self.repo)
        self.init()
        self.refresh(0, TOP_REQUESTS, versions(1, 1, 1, 1))


class Requests(TufCase):
    def test_only_plain_get(self):
        self.repo.add("targets", "file", b"content")
        self.repo.release("targets")
        self.init()
        self.refresh(0)
        self.download("file")
        for request in self.repo.requests:
            self.assertNotIn(" ", request, "a method other than GET")
        self.assertEqual(len(self.repo.headers), len(self.repo.requests))
        for headers in self.repo.headers:
            self.assertFalse({"range", "if-range", "if-modified-since", "if-none-match"}
                             & {name.lower() for name in headers})
            self.assertTrue(any(name.lower() == "host" for name in headers))

    @cases([403, 404])
    def test_next_root_answered_so__end_of_the_chain(self, status):
        self.init()
        self.repo.withhold("2.root.json", status)
        self.refresh(0, TOP_REQUESTS, versions(1, 1, 1, 1))

    @cases({f"{role} {status}": (role, status) for role in ("timestamp", "snapshot", "targets")
            for status in (403, 404, 500, 503)})
    def test_file_not_served__fails_at_once_without_a_retry(self, role, status):
        self.init()
        name = self.repo.file_name(role)
        self.repo.withhold(name, status)
        self.refresh(1, TOP_REQUESTS[:TOP_REQUESTS.index(name) + len(name)])

    @cases(["timestamp", "snapshot", "targets"])
    def test_file_ends_early__refused_and_not_stored(self, role):
        self.init()
        name = self.repo.file_name(role)
        self.repo.files["metadata/" + name] = truncated(self.repo.bytes_of(role), 7)
        upto = TOP_REQUESTS[:TOP_REQUESTS.index(name) + len(name)]
        stored = ["root", "timestamp", "snapshot", "targets"]
        stored = stored[:stored.index(role)]
        self.refresh(1, upto, {r: 1 for r in stored})

    def test_connection_closed_without_an_answer__fails(self):
        self.init()
        self.repo.files["metadata/timestamp.json"] = lambda handler: None
        self.refresh(1, "2.root.json timestamp.json", versions(1))

    @cases(["timestamp", "snapshot", "targets", "2.root"])
    def test_never_ending_file__cut_off(self, role):
        self.init()
        body = endless()
        name = "2.root.json" if role == "2.root" else self.repo.file_name(role)
        self.repo.files["metadata/" + name] = body
        self.refresh(1)
        self.assertGreaterEqual(body.sent, 0)
        self.assertLess(body.sent, body.most)

    @cases({"timestamp": ("timestamp", 1 << 20), "root": ("root", 2 << 20),
            "snapshot": ("snapshot", 16 << 20)})
    def test_file_larger_than_any_sensible_cap__refused(self, role, size):
        self.init()
        self.repo.signed[role]["custom"] = "x" * size
        self.repo.publish(role)
        if role == "snapshot":
            self.repo.publish("timestamp")
        before = {"timestamp": versions(1), "root": versions(1), "snapshot": versions(1, 2)}
        self.refresh(1, trusted=before[role])

    def test_delegated_role_used_for_several_names__asked_once(self):
        self.repo.delegate("targets", "A")
        self.repo.add("A", "one", b"content 1")
        self.repo.add("A", "two", b"content 2")
        self.repo.release("A", "targets")
        self.init()
        self.download("one", "two", asked=["+", "1.A.json", self.artifact("one", "A"),
                                           self.artifact("two", "A")])
        self.download("two", "one", asked=NOTHING_NEW)

    def test_delegated_role_with_new_version__asked_again(self):
        self.repo.delegate("targets", "A")
        self.repo.add("A", "one", b"content 1")
        self.repo.release("A", "targets")
        self.init()
        self.download("one")
        self.repo.add("A", "two", b"content 2")
        self.repo.release("A")
        self.download("two", asked=["2.root.json", "timestamp.json", "3.snapshot.json",
                                    "2.A.json", self.artifact("two", "A")],
                      trusted=versions(1, 3, 3, 2, A=2), have=[b"content 1", b"content 2"])

    def test_refresh__does_not_fetch_delegated_roles(self):
        self.repo.delegate("targets", "A")
        self.repo.release("A", "targets")
        self.init()
        self.refresh(0, "2.root.json timestamp.json 2.snapshot.json 2.targets.json",
                     versions(1, 2, 2, 2))
