# Contract section 2: which metadata is stored when, under which name, byte for byte.
# SPDX-License-Identifier: MIT
import json
import os

from tufsim.canonical import compact
from tufsim.case import NOTHING_NEW, TOP_REQUESTS, TufCase, cases, versions
from tufsim.repository import TOP


class Bytes(TufCase):
    """What is stored is what came, not what was understood."""

    @cases(TOP)
    def test_blank_appended__stored_with_it(self, role):
        self.init()
        self.refresh(0)
        self.repo.publish(role, raw=lambda data: data + b" ")
        after = {"root": (), "timestamp": (), "snapshot": ("timestamp",),
                 "targets": ("snapshot", "timestamp")}[role]
        self.repo.publish(*after)
        self.refresh(0)
        self.assertEqual(self.client.metadata()[f"{role}.json"], self.repo.bytes_of(role))
        self.assertTrue(self.client.metadata()[f"{role}.json"].endswith(b" "))

    def test_blank_appended_to_delegated__stored_with_it(self):
        self.repo.delegate("targets", "A")
        self.repo.publish("A", raw=lambda data: b"\t" + data + b"\r\n")
        self.repo.release("targets")
        self.init()
        self.download("nothing", status=1, trusted=versions(1, 2, 2, 2, A=1))

    @cases({
        "compact": compact,
        "four blanks": lambda d: json.dumps(d, indent=4).encode(),
        "tabs": lambda d: json.dumps(d, indent="\t").encode().replace(b"\n", b"\r\n"),
        "members backwards": lambda d: json.dumps(
            {k: dict(sorted(v.items(), reverse=True)) if isinstance(v, dict) else v
             for k, v in sorted(d.items(), reverse=True)}).encode(),
    })
    def test_layout_of_the_json__does_not_matter_and_is_kept(self, serialise):
        self.init()
        self.repo.serialise = serialise
        self.repo.publish("root", "targets", "snapshot", "timestamp")
        self.refresh(0, trusted=versions(2, 2, 2, 2))
        self.refresh(0, "3.root.json timestamp.json", versions(2, 2, 2, 2))

    def test_root_chain__each_root_stored_as_it_came(self):
        self.init()
        self.repo.publish("root", raw=lambda data: data + b"\n")
        self.repo.publish("root", raw=lambda data: data + b"\n\n")
        self.refresh(0, trusted=versions(3, 1, 1, 1))


class Order(TufCase):
    """Each role is stored when it alone has verified; a later failure does not undo that."""

    def everything_new(self):
        self.start()
        self.repo.publish("root", "targets", "snapshot", "timestamp")

    def test_timestamp_absent__new_root_stays(self):
        self.everything_new()
        self.repo.withhold("timestamp.json")
        self.refresh(1, "2.root.json 3.root.json timestamp.json", versions(2, 1, 1, 1))

    def test_snapshot_absent__new_root_and_timestamp_stay(self):
        self.everything_new()
        self.repo.withhold("2.snapshot.json")
        self.refresh(1, "2.root.json 3.root.json timestamp.json 2.snapshot.json",
                     versions(2, 2, 1, 1))

    def test_targets_absent__new_root_timestamp_and_snapshot_stay(self):
        self.everything_new()
        self.repo.withhold("2.targets.json")
        self.refresh(1, "2.root.json 3.root.json timestamp.json 2.snapshot.json 2.targets.json",
                     versions(2, 2, 2, 1))

    @cases({"timestamp": ("timestamp.json", versions(1)),
            "snapshot": ("1.snapshot.json", versions(1, 1)),
            "targets": ("1.targets.json", versions(1, 1, 1))})
    def test_first_refresh_and_one_absent__what_came_before_stays(self, name, trusted):
        self.init()
        self.repo.withhold(name)
        upto = TOP_REQUESTS[:TOP_REQUESTS.index(name) + len(name)]
        self.refresh(1, upto, trusted)

    def test_snapshot_absent_at_first__next_refresh_goes_on_with_the_same_timestamp(self):
        self.init()
        there = self.repo.files["metadata/1.snapshot.json"]
        self.repo.withhold("1.snapshot.json")
        self.refresh(1, "2.root.json timestamp.json 1.snapshot.json", versions(1, 1))
        self.repo.files["metadata/1.snapshot.json"] = there
        self.refresh(0, TOP_REQUESTS, versions(1, 1, 1, 1))

    def test_targets_absent_at_first__next_refresh_goes_on_with_the_same_snapshot(self):
        self.init()
        there = self.repo.files["metadata/1.targets.json"]
        self.repo.withhold("1.targets.json")
        self.refresh(1, TOP_REQUESTS, versions(1, 1, 1))
        self.repo.files["metadata/1.targets.json"] = there
        self.refresh(0, NOTHING_NEW + " 1.targets.json", versions(1, 1, 1, 1))

    def test_delegated_absent__those_before_it_stay(self):
        self.repo.delegate("targets", "A")
        self.repo.delegate("A", "B")
        self.repo.release("B", "A", "targets")
        self.repo.withhold("1.B.json")
        self.init()
        self.download("nothing", status=1, asked="+ 1.A.json 1.B.json",
                      trusted=versions(1, 2, 2, 2, A=1))

    def test_delegated_new_version_refused__old_one_stays(self):
        self.repo.delegate("targets", "A")
        self.repo.release("A", "targets")
        self.init()
        self.download("nothing", status=1, trusted=versions(1, 2, 2, 2, A=1))

        def unsigned(envelope):
            envelope["signatures"] = []
        self.repo.publish("A", edit=unsigned)
        self.repo.release()
        self.download("nothing", status=1, asked="+ 2.A.json",
                      trusted=versions(1, 3, 3, 2, A=1))

    @cases({"garbage": b"<html>", "empty": b"", "half": None})
    def test_new_file_is_garbage__old_one_stays(self, data):
        for role, trusted in (("timestamp", versions(1, 1, 1, 1)),
                              ("snapshot", versions(1, 2, 1, 1)),
                              ("targets", versions(1, 2, 2, 1))):
            with self.subTest(role):
                self.new_repository(f"{self._testMethodName} {role}")
                self.client = type(self.client)(self.binary, self._subfolder(role))
                self.start()
                self.repo.release("targets")
                name = "metadata/" + self.repo.file_name(role)
                whole = self.repo.files[name]
                self.repo.files[name] = whole[:len(whole) // 2] if data is None else data
                self.refresh(1, trusted=trusted)

    def _subfolder(self, name):
        path = os.path.join(self.folder, "elsewhere", name)
        os.makedirs(path)
        return path


ODD_ROLES = {
    "../delegatedrole": "..%2Fdelegatedrole",
    "/delegatedrole": "%2Fdelegatedrole",
    "?": "%3F",
    "#": "%23",
    "a b": "a%20b",
    "a%2Fb": "a%252Fb",
    "..": "..",
    ".": ".",
    "dots.and-dashes_~": "dots.and-dashes_~",
    "a\\b": "a%5Cb",
    "a+b&c=d;e:f@g": "a%2Bb%26c%3Dd%3Be%3Af%40g",
    "\"quoted'": "%22quoted%27",
    "\u00e9t\u00e9": "%C3%A9t%C3%A9",
    "\u4e2d\U0001f512": "%E4%B8%AD%F0%9F%94%92",
    "role.json": "role.json",
    "1": "1",
    "Targets": "Targets",
}


class Names(TufCase):
    """Role names in URLs and file names: one encoding, and never a way out of the directory."""

    @cases({name: (name, encoded) for name, encoded in ODD_ROLES.items()})
    def test_odd_role_name__encoded_in_request_and_file_name(self, name, encoded):
        self.repo.delegate("targets", name)
        self.repo.add(name, "file", b"content")
        self.repo.release(name, "targets")
        self.init()
        self.download("file", asked=["+", f"1.{encoded}.json", self.artifact("file", name)],
                      trusted={**versions(1, 2, 2, 2), name: 1}, have=[b"content"])
        self.assertIn(f"{encoded}.json", self.client.metadata())
        self.download("file", asked=NOTHING_NEW)

    @cases(TOP)
    def test_delegated_role_with_a_top_level_name__never_touches_that_file(self, name):
        self.start()
        before = self.client.metadata()
        signer = self.repo.delegate("targets", "A")[0]
        self.repo.signed["A"]["targets"]["file"] = {"length": 1, "hashes": {"sha256": "00" * 32}}
        self.repo.publish("A")
        self.repo.signed["targets"]["delegations"]["roles"][0]["name"] = name
        self.repo.signers["targets"].append(signer)
        self.repo.publish("targets")
        trusted = self.repo.bytes_of("targets")
        self.repo.snapshot["meta"].setdefault(f"{name}.json", {"version": 1})
        self.repo.release()
        self.repo.files["metadata/1.root.json"] = self.repo.bytes_of("A", 1)
        self.repo.files["metadata/1.timestamp.json"] = self.repo.bytes_of("A", 1)
        self.repo.files["metadata/1.snapshot.json"] = self.repo.bytes_of("A", 1)
        self.download("file", status=1, have=[])
        after = self.client.metadata()
        self.assertEqual(after["root.json"], before["root.json"])
        self.assertEqual(after["timestamp.json"], self.repo.bytes_of("timestamp"))
        self.assertEqual(after["snapshot.json"], self.repo.bytes_of("snapshot"))
        self.assertIn(after["targets.json"], (before["targets.json"], trusted))
        self.assertEqual(len(after), 4)
