# Contract section 5: what the documents look like, and what must not disturb a client.
# SPDX-License-Identifier: MIT
import json
import os

from tufsim import keys
from tufsim.canonical import compact, pretty
from tufsim.case import TOP_REQUESTS, TufCase, cases, versions
from tufsim.repository import TOP, reseal, utc

TRICKY = {
    "quote and backslash": 'a"b\\c\\"',
    "control characters": "\x00\x01\x08\t\n\x0b\f\r\x1f\x7f",
    "slash": "a/b",
    "non-ASCII": "\u00e9\u00df\u4e2d",
    "beyond the basic plane": "\U0001f512\U0010ffff",
    "looks like an escape": "\\u0041\\n",
    "separators": "\u2028\u2029\u0085\ufeff",
    "not normalised": "e\u0301 \u00e9",
    "empty": "",
    "small": -9007199254740991,
    "large": 9007199254740991,
    "zero": 0,
    "true": True,
    "false": False,
    "null": None,
    "empty object": {},
    "empty array": [],
    "nested": [[[{"z": [], "a": {"": [None, True, 1]}}]]],
    "order by code point": {"\U0001f512": 1, "\uffee": 2, "\u00e9": 3, "z": 4, "a": 5, "Z": 6,
                            "": 7, "a\"": 8, "a\\": 9, "a!": 10, "\n": 11, "a": 12},
}


def bump(repo, role) -> dict:
    """Publish a new version of one role and what vouches for it; what is then trusted."""
    after = {"root": (), "timestamp": (), "snapshot": ("timestamp",),
             "targets": ("snapshot", "timestamp")}[role]
    repo.publish(role, *after)
    return {r: repo.signed[r]["version"] for r in TOP}


class Canonical(TufCase):
    """Signatures cover the canonical form, whatever the bytes look like."""

    @cases({name: (value,) for name, value in TRICKY.items()})
    def test_value_in_an_unknown_member__signature_holds(self, value):
        self.start()
        for serialise in (pretty, compact):
            self.repo.serialise = serialise
            for role in TOP:
                self.repo.signed[role]["x-unknown"] = {"value": value, "list": [value]}
            self.repo.publish("root", "targets", "snapshot", "timestamp")
            self.refresh(0, trusted={r: self.repo.signed[r]["version"] for r in TOP})

    @cases({"solidus": ('a/b', '"a\\/b"'), "letters": ("abc", '"\\u0061b\\u0063"'),
            "upper-case hex": ("\u00ef", '"\\u00EF"'), "pair": ("\U0001f512", '"\\ud83d\\udd12"'),
            "short forms": ("\b\f\n\r\t", '"\\b\\f\\n\\r\\t"'),
            "long forms": ("\b\f\n\r\t", '"\\u0008\\u000c\\u000A\\u000d\\u0009"'),
            "quote": ('"', '"\\u0022"'), "backslash": ("\\", '"\\u005c"')})
    def test_string_spelled_otherwise__signature_holds(self, text, spelled):
        self.init()
        self.repo.timestamp["x-unknown"] = "PLACE"

        def edit(envelope):
            envelope["signed"]["x-unknown"] = text
            reseal(envelope, self.repo.signers["timestamp"])
            envelope["signed"]["x-unknown"] = "PLACE"
        self.repo.publish("timestamp", edit=edit,
                          raw=lambda data: data.replace(b'"PLACE"', spelled.encode()))
        self.refresh(0, trusted=versions(1, 2, 1, 1))

    def test_member_names_spelled_with_escapes__understood(self):
        self.init()
        self.repo.publish("timestamp", raw=lambda data: data.replace(
            b'"version"', b'"\\u0076ersion"').replace(b'"signed"', b'"s\\u0069gned"'))
        self.refresh(0, trusted=versions(1, 2, 1, 1))

    def test_value_changed_after_signing__refused(self):
        for role in TOP[1:]:
            self.new_repository(f"{self._testMethodName} {role}")
            self.repo.signed[role]["x-unknown"] = "as signed"

            def edit(envelope):
                envelope["signed"]["x-unknown"] = "as served"
            self.repo.publish(role, bump=False, edit=edit)
            with self.subTest(role):
                self.init()
                self.refresh(1)
                self.assertNotIn(f"{role}.json", self.client.metadata())
            for name in self.client.metadata():
                os.remove(os.path.join(self.client.metadata_dir, name))


class Unknown(TufCase):
    """Members that nobody defined are signed and otherwise ignored."""

    def test_everywhere_in_root__accepted(self):
        self.start()
        root = self.repo.root
        root["x-root"] = {"a": 1}
        keyid = root["roles"]["root"]["keyids"][0]
        root["roles"]["root"]["x-role"] = "value"
        signer = self.repo.signers["root"][0].variant(**{"x-key": {"a": 1, "b": [2]}})
        root["keys"][signer.keyid] = signer.public
        root["roles"]["root"]["keyids"].append(signer.keyid)
        self.assertNotEqual(keyid, signer.keyid)

        def edit(envelope):
            envelope["x-envelope"] = [1]
            envelope["signatures"][0]["x-signature"] = {"c": None}
        self.repo.publish("root", edit=edit)
        self.refresh(0, trusted=versions(2, 1, 1, 1))

    def test_everywhere_else__accepted(self):
        self.repo.delegate("targets", "A")
        self.repo.add("A", "file", b"content")["x-entry"] = 1
        self.repo.targets["delegations"]["x-delegations"] = 1
        self.repo.targets["delegations"]["roles"][0]["x-role"] = {"x": []}
        self.repo.publish("A", "targets")
        self.repo.snapshot["meta"]["A.json"]["x-meta"] = [{}]
        self.repo.snapshot["meta"]["unrelated.bin"] = {"version": 7}
        self.repo.publish("snapshot")
        self.repo.timestamp["meta"]["snapshot.json"]["x-meta"] = "x"

        def edit(envelope):
            envelope["x-envelope"] = {}
        self.repo.publish("timestamp", edit=edit)
        self.init()
        self.download("file", trusted=versions(1, 2, 2, 2, A=1), have=[b"content"])

    def test_further_roles_in_root__ignored(self):
        self.start()
        for name in ("publish", "time", "kem", "mirrors"):
            self.repo.set_keys(name, [keys.ecdsa()])
        self.repo.publish("root")
        self.refresh(0, trusted=versions(2, 1, 1, 1))

    @cases({"another type": {"keytype": "ml-dsa", "scheme": "ml-dsa-65",
                             "keyval": {"public": "AAAA"}},
            "x25519": {"keytype": "x25519", "scheme": "hpke-x25519",
                       "keyval": {"public": "00" * 32}},
            "another scheme": {"keytype": "rsa", "scheme": "rsa-pkcs1v15-sha1",
                               "keyval": {"public": "-----BEGIN PUBLIC KEY-----"}},
            "other members": {"keytype": "sigstore-oidc", "scheme": "Fulcio",
                              "keyval": {"identity": "a@example.org", "issuer": "x"}}})
    def test_key_of_unknown_kind__kept_and_never_counted(self, public):
        self.start()
        stranger = keys.Signer(None, public)
        signer = self.repo.signers["root"][0]
        for role in TOP:
            self.repo.set_keys(role, [signer, stranger], sign_with=[signer])

        def edit(envelope):
            envelope["signatures"].insert(0, {"keyid": stranger.keyid, "sig": "00" * 64})
        self.repo.publish("root", "targets", "snapshot", "timestamp", edit=edit)
        self.refresh(0, trusted=versions(2, 2, 2, 2))
        for role in TOP[1:]:
            self.repo.set_keys(role, [signer, stranger], threshold=2, sign_with=[signer])
        self.repo.publish("root", "timestamp")
        self.refresh(1, trusted=versions(3, 2, 2, 2))


class Keys(TufCase):
    @cases({"ecdsa": (keys.ecdsa,), "rsa": (keys.rsa_pss,), "ed25519": (keys.eddsa,),
            "rsa 2048": (lambda: keys.rsa_pss(2048),),
            "rsa salt 0": (lambda: keys.rsa_pss(2048, 0),),
            "rsa salt as long as it can be": (lambda: keys.rsa_pss(2048, 222),)})
    def test_key_type_needed_for_the_root__verifies_and_only_right_ones(self, make):
        self.start()
        pair = [*self.repo.signers["root"], make()]
        self.repo.set_keys("root", pair, threshold=2)
        self.repo.publish("root")
        self.refresh(0, trusted=versions(2, 1, 1, 1))
        wrong = pair[1].sign(b"another message")

        def edit(envelope):
            envelope["signatures"][1]["sig"] = wrong
        self.repo.publish("root", edit=edit)
        self.refresh(1, "3.root.json", versions(2, 1, 1, 1))

    @cases({"rsa": (lambda: keys.rsa_pss(2048),), "ed25519": (keys.eddsa,)})
    def test_key_type_used_for_every_role__accepted(self, make):
        self.start()
        old = self.repo.signers["root"]
        for role in TOP:
            self.repo.set_keys(role, [make()])
        self.repo.signers["root"] += old
        self.repo.delegate("targets", "A", signers=[make()])
        self.repo.add("A", "file", b"content")
        self.repo.publish("root", "A", "targets", "snapshot", "timestamp")
        self.download("file", trusted=versions(2, 2, 2, 2, A=1), have=[b"content"])

    @cases({"as text": "md5", "as list": ["md5"], "real ones": ["sha256", "sha512"]})
    def test_keyid_hash_algorithms_in_a_key__ignored(self, value):
        self.start()
        signer = keys.ecdsa().variant(keyid_hash_algorithms=value)
        self.repo.set_keys("snapshot", [signer])
        self.repo.publish("root", "snapshot", "timestamp")
        self.refresh(0, trusted=versions(2, 2, 2, 1))

    @cases({"of another hash": "ab" * 32, "short": "1", "no hex": "my key", "empty": ""})
    def test_key_id_that_is_not_the_hash_of_its_key__does_not_spoil_the_root(self, keyid):
        """Whether such a key counts is left open; here others meet the threshold."""
        self.start()
        for role in ("timestamp", "snapshot", "targets"):
            good = keys.ecdsa()
            self.repo.set_keys(role, [keys.ecdsa().variant(keyid=keyid), good])
        self.repo.publish("root", "targets", "snapshot", "timestamp")
        self.refresh(0, trusted=versions(2, 2, 2, 2))

    def test_key_id_that_is_not_the_hash_of_its_key__does_not_spoil_delegations(self):
        self.repo.delegate("targets", "A", signers=[keys.ecdsa().variant(keyid="ab" * 32),
                                                    keys.ecdsa()])
        self.repo.delegate("targets", "B", signers=[keys.ecdsa().variant(keyid="cd" * 32)])
        self.repo.add("A", "file", b"content")
        self.repo.release("B", "A", "targets")
        self.init()
        self.download("file", have=[b"content"])

    def test_key_id_of_one_key_on_another__does_not_let_that_one_sign(self):
        """The id is the hash of the listed key's victim; only its real owner may count."""
        self.start()
        victim, thief = keys.ecdsa(), keys.ecdsa()
        self.repo.set_keys("timestamp", [victim], threshold=1, sign_with=[])
        self.repo.publish("root")

        def edit(envelope):
            reseal(envelope, [thief.variant(keyid=victim.keyid)])
        self.repo.publish("timestamp", edit=edit)
        self.refresh(1, "2.root.json 3.root.json timestamp.json", versions(2, 1, 1, 1))


class Members(TufCase):
    @cases({f"{role} {version}": (role, version) for role in TOP
            for version in ("1.0", "1.0.0", "1.0.31", "1.0.99")})
    def test_spec_version__any_1_0_accepted(self, role, version):
        self.start()
        self.repo.signed[role]["spec_version"] = version
        self.refresh_new(role)

    def refresh_new(self, role, status=0):
        before = {r: self.repo.signed[r]["version"] for r in TOP}
        after = bump(self.repo, role)
        if status == 0:
            self.refresh(0, trusted=after)
        else:
            keep = {"root": before, "timestamp": before,
                    "snapshot": {**after, "snapshot": before["snapshot"]},
                    "targets": {**after, "targets": before["targets"]}}[role]
            self.refresh(1, trusted=keep)

    @cases({f"{role} {text or 'empty'}": (role, text) for role in TOP for text in (
        "2999-01-01T00:00:00", "2999-01-01T00:00:00+00:00", "2999-01-01T00:00:00.5Z",
        "2999-01-01", "", "never", "2999-13-01T00:00:00Z", "2999-02-30T00:00:00Z",
        "2999-01-01T25:00:00Z", 32472144000, None)[:: 1 if role == "timestamp" else 3]})
    def test_expiry_of_another_form__refused(self, role, text):
        self.start()
        self.repo.signed[role]["expires"] = text
        self.refresh_new(role, status=1)

    def test_expiry_on_a_leap_day_and_far_away__accepted(self):
        self.start()
        for text in ("2028-02-29T23:59:59Z", "9999-12-31T23:59:59Z"):
            if text > utc().strftime("%Y"):
                self.repo.timestamp["expires"] = text
                self.refresh_new("timestamp")

    @cases({f"{role} without {name}": (role, name) for role, names in {
        "root": "_type version expires keys roles",
        "timestamp": "_type version expires meta",
        "snapshot": "_type version expires meta",
        "targets": "_type version expires targets"}.items()
        for name in names.split()})
    def test_member_missing__refused(self, role, name):
        self.start()

        def edit(envelope):
            del envelope["signed"][name]
            reseal(envelope, self.repo.signers[role])
        self.check_edit(role, edit)

    def check_edit(self, role, edit):
        before = {r: 1 for r in TOP}
        self.repo.publish(role, edit=edit)
        if role in ("snapshot", "targets"):
            self.repo.publish(*(["snapshot"] if role == "targets" else []), "timestamp")
        after = {r: self.repo.signed[r]["version"] for r in TOP}
        keep = {"root": before, "timestamp": before, "snapshot": {**after, "snapshot": 1},
                "targets": {**after, "targets": 1}}[role]
        self.refresh(1, trusted=keep)

    @cases({f"{role} {value!r}": (role, value) for role in TOP
            for value in (0, -1, "2", True, None, [2])})
    def test_version_that_is_no_positive_integer__refused(self, role, value):
        self.start()

        def edit(envelope):
            envelope["signed"]["version"] = value
            reseal(envelope, self.repo.signers[role])
        self.check_edit(role, edit)

    @cases({"no signatures member": lambda e: e.pop("signatures"),
            "signatures no array": lambda e: e.update(signatures={}),
            "signed no object": lambda e: e.update(signed=[]),
            "no signed member": lambda e: e.pop("signed")})
    def test_envelope_broken__refused(self, damage):
        self.start()
        self.check_edit("timestamp", damage)

    def test_snapshot_that_does_not_list_targets__refused(self):
        self.init()
        del self.repo.snapshot["meta"]["targets.json"]
        self.repo.publish("snapshot", "timestamp")
        self.refresh(1, "2.root.json timestamp.json 2.snapshot.json")
        self.assertNotIn("targets.json", self.client.metadata())

    def test_timestamp_that_does_not_list_a_snapshot__refused(self):
        self.init()
        self.repo.timestamp["meta"] = {}
        self.repo.publish("timestamp")
        self.refresh(1, "2.root.json timestamp.json", versions(1))


def twice(text: bytes, times=1):
    """Put `text` a second time right after where it stands."""
    def raw(data):
        if text not in data:
            raise AssertionError(f"{text!r} is not in the document")
        return data.replace(text, text + b", " + text, times)
    return raw


class Json(TufCase):
    """A reader that takes the first of two members and one that takes the last see two files."""

    @cases({f"{role}: {text}": (role, text) for role in TOP for text in (
        '"version": 2', f'"_type": "{role}"', '"spec_version": "1.0.31"')})
    def test_member_twice_with_the_same_value__refused(self, role, text):
        self.start()
        self.repo.publish(role, raw=twice(text.encode()))
        self.check_refused(role)

    def check_refused(self, role):
        if role in ("snapshot", "targets"):
            self.repo.publish(*(["snapshot"] if role == "targets" else []), "timestamp")
        after = {r: self.repo.signed[r]["version"] for r in TOP}
        before = {r: 1 for r in TOP}
        self.refresh(1, trusted={"root": before, "timestamp": before,
                                 "snapshot": {**after, "snapshot": 1},
                                 "targets": {**after, "targets": 1}}[role])

    @cases({"in meta": '"version": 1', "unknown": '"x": 5', "unknown, empty": '"": 0',
            "deep": '"deep": 1'})
    def test_member_twice_further_down__refused(self, text):
        self.start()
        self.repo.timestamp["x-unknown"] = {"x": 5, "": 0, "list": [[{"deep": 1}]]}
        self.repo.publish("timestamp", raw=twice(text.encode()))
        self.check_refused("timestamp")

    def test_member_twice_in_the_envelope__refused(self):
        self.start()
        self.repo.publish("timestamp", raw=lambda d: d.rstrip()[:-1] + b', "signatures": []}')
        self.check_refused("timestamp")
        self.repo.publish("timestamp", raw=lambda d: d.rstrip()[:-1] + b', "signed": {}}')
        self.check_refused("timestamp")

    def test_member_twice_in_an_unknown_part_of_the_envelope__refused(self):
        self.start()
        self.repo.publish("timestamp", raw=lambda d: d.rstrip()[:-1] + b', "x": {"a":1,"a":1}}')
        self.check_refused("timestamp")

    def test_member_twice_with_another_spelling__refused(self):
        self.start()
        self.repo.publish("timestamp", raw=lambda d: d.replace(
            b'"version": 2', b'"version": 2, "\\u0076ersion": 2'))
        self.check_refused("timestamp")

    def test_target_named_twice__refused(self):
        self.start()
        self.repo.add("targets", "file", b"content")
        self.repo.add("targets", "other", b"content")
        self.repo.publish("targets", raw=lambda d: d.replace(b'"other"', b'"file"'))
        self.check_refused("targets")

    def test_key_named_twice_in_the_root__refused(self):
        self.start()
        keyid = self.repo.signers["root"][0].keyid
        body = json.dumps(self.repo.signers["root"][0].public).encode()
        text = f'"{keyid}": '.encode()
        self.repo.publish("root", raw=lambda d: d.replace(text, text + body + b", " + text, 1))
        self.check_refused("root")

    @cases({"blank line only": b"\n", "second value": b"{}", "comma": b",", "NUL": b"\0",
            "comment": b"// end", "half a value": b"{"})
    def test_bytes_after_the_document__refused_unless_blank(self, tail):
        self.start()
        self.repo.publish("timestamp", raw=lambda d: d + tail)
        if tail == b"\n":
            self.refresh(0, trusted=versions(1, 2, 1, 1))
        else:
            self.check_refused("timestamp")

    @cases({"fraction": b"1.5", "whole fraction": b"1.0", "exponent": b"1e3", "NaN": b"NaN",
            "infinity": b"Infinity", "leading zero": b"01", "plus": b"+1", "hex": b"0x10",
            "single quotes": b"'a'", "bare word": b"yes", "trailing comma": b"[1,]",
            "raw line feed": b'"a\nb"', "bad escape": b'"\\x41"', "lone surrogate": b'"\\ud800"',
            "not UTF-8": b'"\xff"', "overlong UTF-8": b'"\xc0\xaf"', "comment": b"/* */ 1"})
    def test_value_that_is_not_json_or_not_allowed__refused(self, text):
        self.start()
        self.repo.timestamp["x-unknown"] = "PLACE"
        self.repo.publish("timestamp", raw=lambda d: d.replace(b'"PLACE"', text))
        self.check_refused("timestamp")

    def test_byte_order_mark__refused(self):
        self.start()
        self.repo.publish("timestamp", raw=lambda d: b"\xef\xbb\xbf" + d)
        self.check_refused("timestamp")

    def test_nested_beyond_reason__refused(self):
        self.start()
        self.repo.publish("timestamp", raw=lambda d: b"[" * 5000 + d)
        self.check_refused("timestamp")


class Large(TufCase):
    """Large but honest."""

    def test_snapshot_with_thousands_of_roles__accepted(self):
        for i in range(4000):
            self.repo.snapshot["meta"][f"vendor/{i:05}/role.json"] = {"version": i + 1}
        self.repo.release()
        self.init()
        self.refresh(0, trusted=versions(1, 2, 2, 1))
        self.repo.release()
        self.refresh(0, trusted=versions(1, 3, 3, 1))

    def test_targets_with_thousands_of_files__accepted_and_found(self):
        for i in range(5000):
            self.repo.targets["targets"][f"dir/{i:05}"] = {
                "length": i, "hashes": {"sha256": f"{i:064x}"}}
        self.repo.add("targets", "dir/wanted", b"content")
        self.repo.release("targets")
        self.init()
        self.download("dir/wanted", have=[b"content"], trusted=versions(1, 2, 2, 2))

    def test_root_of_a_hundred_kilobytes__accepted(self):
        self.start()
        self.repo.root["x-history"] = "x" * 100000
        self.repo.publish("root")
        self.refresh(0, trusted=versions(2, 1, 1, 1))

    def test_delegations_to_fifty_roles__all_searched(self):
        for i in range(50):
            self.repo.delegate("targets", f"role{i}")
        self.repo.add("role49", "file", b"content")
        self.repo.release(*[f"role{i}" for i in range(50)], "targets")
        self.init()
        asked = ["+", *[f"1.role{i}.json" for i in range(50)], self.artifact("file", "role49")]
        self.download("file", asked=asked, have=[b"content"])


class Listed(TufCase):
    """length and hashes in timestamp and snapshot, where given, cover the bytes as served."""

    @cases({"sha256": (("sha256",), False), "sha512": (("sha512",), False),
            "both": (("sha256", "sha512"), False), "length": ((), True),
            "all": (("sha256", "sha512"), True)})
    def test_right__accepted_and_used_from_disk(self, algorithms, length):
        self.repo.list_hashes, self.repo.list_length = algorithms, length
        self.repo.delegate("targets", "A")
        self.repo.add("A", "file", b"content")
        self.repo.release("A", "targets")
        self.init()
        self.refresh(0, trusted=versions(1, 2, 2, 2))
        self.refresh(0, "2.root.json timestamp.json", versions(1, 2, 2, 2))
        self.download("file", have=[b"content"], trusted=versions(1, 2, 2, 2, A=1))
        self.repo.publish("timestamp")
        self.download("file", asked="2.root.json timestamp.json")

    @cases({f"{role} {what}": (role, what) for role in ("snapshot", "targets", "A") for what in (
        "sha256", "sha512", "shorter", "longer", "sha512 of two", "sha256 of two")})
    def test_wrong__refused_and_not_stored(self, role, what):
        self.repo.list_hashes = ("sha256", "sha512") if "of two" in what else \
            (what,) if what.startswith("sha") else ()
        self.repo.list_length = not what.startswith("sha")
        self.repo.delegate("targets", "A")
        self.repo.publish("A", "targets")
        wrong = what.split()[0]

        def spoil(entry):
            if wrong.startswith("sha"):
                entry["hashes"][wrong] = "00" * (32 if wrong == "sha256" else 64)
            else:
                entry["length"] += 1 if wrong == "longer" else -1
        if role != "snapshot":
            spoil(self.repo.listed(role))
        self.repo.publish("snapshot")
        if role == "snapshot":
            spoil(self.repo.listed(role))
        self.repo.publish("timestamp")
        self.init()
        self.download("nothing", status=1, trusted={
            "snapshot": versions(1, 2), "targets": versions(1, 2, 2),
            "A": versions(1, 2, 2, 2)}[role])

    @cases(["snapshot", "targets", "A"])
    def test_bytes_changed_without_meaning__refused(self, role):
        """One more blank: the signature still holds, the hash does not."""
        self.repo.list_hashes = ("sha256",)
        self.repo.delegate("targets", "A")
        self.repo.release("A", "targets")
        self.repo.files["metadata/" + self.repo.file_name(role)] += b" "
        self.init()
        self.download("nothing", status=1, trusted={
            "snapshot": versions(1, 2), "targets": versions(1, 2, 2),
            "A": versions(1, 2, 2, 2)}[role])

    def test_new_targets_with_wrong_hash__old_ones_stay(self):
        self.repo.list_hashes = ("sha256",)
        self.repo.release("targets")
        self.init()
        self.refresh(0, trusted=versions(1, 2, 2, 2))
        self.repo.publish("targets")
        self.repo.listed("targets")["hashes"]["sha256"] = "00" * 32
        self.repo.publish("snapshot", "timestamp")
        self.refresh(1, trusted=versions(1, 3, 3, 2))
        self.refresh(1, trusted=versions(1, 3, 3, 2))


class FirstRequests(TufCase):
    def test_hashes_do_not_change_the_requests(self):
        self.repo.list_hashes, self.repo.list_length = ("sha256",), True
        self.repo.publish("targets", "snapshot", "timestamp", bump=False)
        self.init()
        self.refresh(0, TOP_REQUESTS, versions(1, 1, 1, 1))
