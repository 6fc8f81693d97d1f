# Rules 1 and 2: the chain of roots.
# SPDX-License-Identifier: MIT
from tufsim import keys
from tufsim.case import NOTHING_NEW, TOP_REQUESTS, TufCase, cases, versions
from tufsim.repository import TOP, reseal, utc


def step(listed, threshold, signed):
    return listed.split(), threshold, signed.split()


# Roots 1, 2, ...: who may sign, how many must, who did. "bad" at the end: the last is refused.
ROOTS = {
    "one key, another key": [step("a", 1, "a"), step("b", 1, "a b")],
    "one key, another key, that key alone": [step("a", 1, "a"), step("b", 1, "b a"),
                                             step("b", 1, "b")],
    "strangers sign too": [step("a", 1, "x a y"), step("b", 1, "x b a y"), step("b", 1, "y b")],
    "two of three, each pair": [step("a b c", 2, "a b"), step("a b c", 2, "b c"),
                                step("a b c", 2, "c a"), step("a b c", 2, "a b c")],
    "three of five, one replaced": [step("a b c d e", 3, "a c e"),
                                    step("a b d e f", 3, "a b d f"), step("a b d e f", 3, "d e f")],
    "three of five, all replaced": [step("a b c d e", 3, "a b c"),
                                    step("f g h i j", 3, "a b c f g h"),
                                    step("f g h i j", 3, "h i j")],
    "threshold raised": [step("a b c", 1, "a"), step("a b c", 2, "a b"), step("a b c", 3, "c b a")],
    "threshold lowered": [step("a b c", 2, "a b"), step("a b c", 1, "b c"), step("a b c", 1, "c")],
    "key added and threshold raised": [step("a", 1, "a"), step("a b", 2, "b a")],
    "key added, old one removed, next": [step("a", 1, "a"), step("a b", 1, "a"),
                                         step("b", 1, "b"), step("b c", 1, "b")],
    "bad: not by the old key": [step("a", 1, "a"), step("b", 1, "b x y")],
    "bad: not by the new key": [step("a", 1, "a"), step("b", 1, "a x y")],
    "bad: by strangers": [step("a", 1, "a"), step("a", 1, "b c d")],
    "bad: by nobody": [step("a", 1, "a"), step("a", 1, "")],
    "bad: one of two": [step("a b", 2, "a b"), step("a b", 2, "b")],
    "bad: old threshold met, new not": [step("a b c d e", 3, "a c e"),
                                        step("a b d e f", 3, "a b c")],
    "bad: new threshold met, old not": [step("a b c d e", 3, "a c e"),
                                        step("a b d e f", 3, "a b f")],
    "bad: raised threshold not met": [step("a b c", 1, "a"), step("a b c", 2, "b")],
    "bad: old threshold not met though lowered": [step("a b c", 2, "a b"), step("a b c", 1, "a")],
    "bad: old and new add up to it": [step("a b", 2, "a b"), step("c d", 2, "a b c")],
    "bad: third by the first's key": [step("a", 1, "a"), step("b", 1, "a b"), step("b", 1, "a")],
}


class Rotation(TufCase):
    @cases({f"{name} ({kind.__name__})": (name, history, kind) for name, history in ROOTS.items()
            for kind in (keys.ecdsa, keys.eddsa)})
    def test_root_keys(self, name, history, kind):
        ring = {}
        for number, (listed, threshold, signed) in enumerate(history):
            for letter in [*listed, *signed]:
                ring.setdefault(letter, kind())
            self.repo.root["keys"].clear()
            for role in TOP[1:]:
                self.repo.set_keys(role, self.repo.signers[role])
            self.repo.set_keys("root", [ring[x] for x in listed], threshold,
                               [ring[x] for x in signed])
            self.repo.publish("root", bump=number > 0)
        self.init()
        asked = " ".join(f"{n}.root.json" for n in range(2, len(history) + 1))
        if name.startswith("bad"):
            self.refresh(1, asked, versions(len(history) - 1))
        else:
            self.refresh(0, f"{asked} {len(history) + 1}.root.json timestamp.json "
                         "1.snapshot.json 1.targets.json", versions(len(history), 1, 1, 1))


class Chain(TufCase):
    def test_several_new__walked_in_one_refresh(self):
        self.start()
        for _ in range(4):
            self.repo.rotate("timestamp")
            self.repo.publish("root")
        self.repo.publish("timestamp")
        self.refresh(0, "2.root.json 3.root.json 4.root.json 5.root.json 6.root.json "
                     "timestamp.json", versions(5, 2, 1, 1))

    def test_second_of_three_refused__first_stays_and_nothing_else_is_asked(self):
        self.start()
        self.repo.publish("root")
        good = self.repo.signers["root"]
        self.repo.signers["root"] = [keys.ecdsa()]
        self.repo.publish("root")
        self.repo.signers["root"] = good
        self.repo.publish("root")
        self.refresh(1, "2.root.json 3.root.json", versions(2, 1, 1, 1))

    def test_refused_then_mended__goes_on_where_it_was(self):
        self.test_second_of_three_refused__first_stays_and_nothing_else_is_asked()
        self.repo.root["version"] = 2
        self.repo.publish("root")
        self.repo.root["version"] = 4
        self.refresh(0, "3.root.json 4.root.json 5.root.json timestamp.json",
                     versions(4, 1, 1, 1))

    @cases({"same": 1, "lower": 0, "skipped": 3, "much higher": 100})
    def test_version_is_not_the_next__refused(self, version):
        self.start()
        self.repo.publish("root")

        def edit(envelope):
            envelope["signed"]["version"] = version
            reseal(envelope, self.repo.signers["root"])
        self.repo.publish("root", bump=False, edit=edit)
        self.refresh(1, "2.root.json", versions(1, 1, 1, 1))

    def test_one_missing_in_between__chain_ends_there(self):
        self.start()
        for _ in range(3):
            self.repo.publish("root")
        self.repo.withhold("3.root.json")
        self.refresh(0, "2.root.json 3.root.json timestamp.json", versions(2, 1, 1, 1))

    def test_starting_root_is_not_the_first(self):
        for _ in range(6):
            self.repo.publish("root")
        self.init(self.repo.bytes_of("root", 5))
        self.refresh(0, "6.root.json 7.root.json 8.root.json timestamp.json 1.snapshot.json "
                     "1.targets.json", versions(7, 1, 1, 1))

    @cases({"timestamp": "timestamp", "Root": "Root", "targets": "targets", "mirrors": "mirrors"})
    def test_another_type__refused(self, kind):
        self.start()

        def edit(envelope):
            envelope["signed"]["_type"] = kind
            reseal(envelope, self.repo.signers["root"])
        self.repo.publish("root", edit=edit)
        self.refresh(1, "2.root.json", versions(1, 1, 1, 1))


class Roles(TufCase):
    """What a root may say about roles."""

    @cases(TOP)
    def test_role_missing__nothing_of_it_is_believed(self, role):
        self.start()
        del self.repo.root["roles"][role]
        self.repo.publish("root", "targets", "snapshot", "timestamp")
        self.refresh(1)
        stored = self.client.metadata()
        for name in TOP[max(1, TOP.index(role)):]:
            self.assertEqual(stored[f"{name}.json"], self.repo.bytes_of(name, 1))

    @cases({f"{role} {threshold!r}": (role, threshold) for role in TOP
            for threshold in (0, -1, "1", None)})
    def test_threshold_that_is_no_positive_integer__unsigned_files_are_not_believed(
            self, role, threshold):
        self.start()
        self.repo.root["roles"][role]["threshold"] = threshold
        if role != "root":
            self.repo.signers[role] = []
        self.repo.publish("root", "targets", "snapshot", "timestamp")
        self.refresh(1)
        stored = self.client.metadata()
        changed = TOP[TOP.index(role):]
        for name in changed if role != "root" else TOP:
            self.assertEqual(stored[f"{name}.json"], self.repo.bytes_of(name, 1))

    def test_more_signatures_asked_than_the_role_has_keys__root_stored_role_refused(self):
        """Only that role can never be signed; the root itself is in order."""
        self.start()
        five = [keys.ecdsa() for _ in range(5)]
        self.repo.set_keys("snapshot", five, threshold=6)
        self.repo.publish("root", "snapshot", "timestamp")
        self.refresh(1, "2.root.json 3.root.json timestamp.json 2.snapshot.json",
                     versions(2, 2, 1, 1))

    def test_role_lists_an_id_without_a_key__others_suffice(self):
        self.start()
        self.repo.root["roles"]["snapshot"]["keyids"].append("ab" * 32)
        self.repo.publish("root", "snapshot", "timestamp")
        self.refresh(0, trusted=versions(2, 2, 2, 1))

    def test_role_lists_one_id_many_times__counts_once_at_most(self):
        self.start()
        signer = keys.ecdsa()
        self.repo.set_keys("snapshot", [signer], threshold=2)
        self.repo.root["roles"]["snapshot"]["keyids"] *= 9
        self.repo.publish("root", "snapshot", "timestamp")
        self.refresh(1)
        self.assertEqual(self.client.metadata()["snapshot.json"], self.repo.bytes_of("snapshot", 1))

    def test_role_lists_one_id_many_times_and_it_signs_many_times__refused(self):
        self.start()
        signer = keys.ecdsa()
        self.repo.set_keys("snapshot", [signer], threshold=6)
        self.repo.root["roles"]["snapshot"]["keyids"] *= 10

        def edit(envelope):
            envelope["signatures"] *= 9
        self.repo.publish("root")
        self.repo.publish("snapshot", edit=edit)
        self.repo.publish("timestamp")
        self.refresh(1)
        self.assertEqual(self.client.metadata()["snapshot.json"], self.repo.bytes_of("snapshot", 1))

    def test_one_key_for_all_roles__accepted(self):
        self.start()
        only = self.repo.signers["root"]
        for role in TOP:
            self.repo.set_keys(role, only)
        self.repo.publish("root", "targets", "snapshot", "timestamp")
        self.refresh(0, trusted=versions(2, 2, 2, 2))


class Expiry(TufCase):
    def test_last_root_expired__stored_and_then_refused(self):
        self.start()
        self.repo.expire("root", utc(-1))
        self.repo.publish("root", "timestamp")
        self.refresh(1, "2.root.json 3.root.json", versions(2, 1, 1, 1))
        self.refresh(1, "3.root.json", versions(2, 1, 1, 1))
        self.repo.expire("root", utc(1))
        self.repo.publish("root")
        self.refresh(0, "3.root.json 4.root.json timestamp.json", versions(3, 2, 1, 1))

    def test_roots_in_between_expired__passed_through(self):
        self.init()
        self.repo.expire("root", utc(-1))
        self.repo.publish("root", "root")
        self.repo.expire("root", utc(1))
        self.repo.publish("root")
        self.refresh(0, "2.root.json 3.root.json 4.root.json 5.root.json timestamp.json "
                     "1.snapshot.json 1.targets.json", versions(4, 1, 1, 1))

    def test_trusted_root_expired_and_none_newer__refused_before_the_timestamp(self):
        self.repo.expire("root", utc(-1))
        self.repo.publish("root", bump=False)
        self.init()
        self.refresh(1, "2.root.json", versions(1))

    def test_last_root_expired_on_download__refused(self):
        self.repo.add("targets", "file", b"content")
        self.repo.expire("root", utc(-1))
        self.repo.publish("root", "targets", "snapshot", "timestamp")
        self.init()
        self.download("file", status=1, asked="2.root.json 3.root.json", trusted=versions(2),
                      have=[])


class KeyChange(TufCase):
    """What is stored was signed by keys that the new root no longer lists."""

    @cases({"timestamp": ("timestamp", NOTHING_NEW),
            "snapshot": ("snapshot", NOTHING_NEW + " 1.snapshot.json"),
            "targets": ("targets", NOTHING_NEW + " 1.targets.json")})
    def test_key_revoked_and_file_not_signed_again__stored_one_is_not_used(self, role, asked):
        self.start()
        self.repo.rotate(role)
        self.repo.publish("root")
        self.refresh(1, asked.replace("timestamp", "3.root.json timestamp", 1))
        self.refresh(1, asked.replace("2.root", "3.root"))

    @cases(["timestamp", "snapshot", "targets"])
    def test_key_revoked_and_file_signed_again__fetched_and_stored(self, role):
        self.start()
        self.repo.rotate(role)
        self.repo.publish("root", *TOP[:0:-1])
        self.refresh(0, "2.root.json 3.root.json timestamp.json 2.snapshot.json 2.targets.json",
                     versions(2, 2, 2, 2))

    @cases({"timestamp": ("timestamp", NOTHING_NEW),
            "snapshot": ("snapshot", NOTHING_NEW + " 1.snapshot.json"),
            "targets": ("targets", NOTHING_NEW + " 1.targets.json")})
    def test_key_revoked_and_same_version_signed_again__fetched_and_stored(self, role, asked):
        self.start()
        self.repo.rotate(role)
        self.repo.publish("root")
        self.repo.publish(role, bump=False)
        self.refresh(0, asked.replace("timestamp", "3.root.json timestamp", 1),
                     versions(2, 1, 1, 1))

    def test_threshold_raised_above_the_stored_files__they_are_not_used(self):
        self.start()
        more = [*self.repo.signers["targets"], keys.ecdsa()]
        self.repo.set_keys("targets", more, threshold=2)
        self.repo.publish("root")
        self.refresh(1, "2.root.json 3.root.json timestamp.json 1.targets.json")
        self.repo.publish("targets", "snapshot", "timestamp")
        self.refresh(0, "3.root.json timestamp.json 2.snapshot.json 2.targets.json",
                     versions(2, 2, 2, 2))


class Requests(TufCase):
    def test_first_refresh(self):
        self.init()
        self.refresh(0, TOP_REQUESTS)
