# Rules 9 to 11 and ALG-0: whose signatures count, how often, and what a bad one means.
# SPDX-License-Identifier: MIT
import base64

from cryptography.hazmat.primitives import serialization

from tufsim import keys
from tufsim.canonical import canonical
from tufsim.case import TufCase, cases, versions
from tufsim.repository import TOP, reseal

ROLES = ("root", "timestamp", "snapshot", "targets", "A")

# Who may sign, how many must, who did; "bad" if that is too little.
STEPS = {
    "one of one": ("a", 1, "a"),
    "one of one and strangers": ("a", 1, "x a y"),
    "one of three, the last": ("a b c", 1, "c"),
    "two of two": ("a b", 2, "b a"),
    "two of three": ("a b c", 2, "c a"),
    "three of five": ("a b c d e", 3, "e a c"),
    "three of five, all": ("a b c d e", 3, "a b c d e"),
    "bad: nobody": ("a", 1, ""),
    "bad: stranger": ("a", 1, "x"),
    "bad: one of two": ("a b", 2, "b"),
    "bad: one and a stranger": ("a b", 2, "a x"),
    "bad: two of five for three": ("a b c d e", 3, "a e"),
    "bad: two and strangers for three": ("a b c d e", 3, "a x y e z"),
}


class SignatureCase(TufCase):
    """Each test is made for every role: root 2, or version 2 of another, is what is judged."""

    def begin(self, role, listed, threshold=1, sign_with=None, edit=None):
        """First an honest repository at version 1, then version 2 of `role` by these keys."""
        self.role = role
        if role == "A":
            old = self.repo.delegate("targets", "A")
            self.repo.add("A", "file", b"content")
            self.repo.publish("A", "targets", "snapshot", "timestamp", bump=False)
            self.init()
            self.download("file", trusted=versions(1, 1, 1, 1, A=1))
            del self.repo.targets["delegations"]
            self.repo.signers["A"].clear()
            self.repo.delegate("targets", "A", signers=listed, threshold=threshold)
            self.repo.signers["A"] = list(listed if sign_with is None else sign_with)
            self.assertNotIn(old[0], self.repo.signers["A"])
            self.repo.publish("A", edit=edit)
            self.repo.release("targets")
            return
        self.start()
        if role == "root":
            # the chain's old key has its say in tests of the chain; here it stays in force
            old = self.repo.signers["root"]
            self.repo.set_keys("root", listed, threshold,
                               [*(listed if sign_with is None else sign_with), *old])
            self.repo.publish("root", edit=edit)
            return
        self.repo.set_keys(role, listed, threshold, sign_with)
        self.repo.publish("root")
        self.repo.publish(role, edit=edit)
        self.repo.publish(*{"timestamp": (), "snapshot": ("timestamp",),
                            "targets": ("snapshot", "timestamp")}[role])

    def accepted(self):
        now = {role: self.repo.signed[role]["version"] for role in self.repo.signed}
        if self.role == "A":
            self.download("file", trusted=now)
        else:
            self.refresh(0, trusted=now)

    def refused(self):
        now = {role: self.repo.signed[role]["version"] for role in self.repo.signed}
        for role in {"root": TOP, "timestamp": TOP[1:], "snapshot": TOP[2:], "targets": TOP[3:],
                     "A": ("A",)}[self.role]:
            now[role] = 1
        if self.role == "A":
            self.download("file", status=1, trusted=now)
        else:
            self.refresh(1, trusted=now)


def every_role(table):
    return cases({f"{role}: {name}": (role, *(args if isinstance(args, tuple) else (args,)))
                  for name, args in table.items() for role in ROLES})


class Threshold(SignatureCase):
    @every_role({name: (name, *rest) for name, rest in STEPS.items()})
    def test_signed_by(self, role, name, listed, threshold, signed):
        ring = {x: keys.ecdsa() for x in "abcdexyz"}
        self.begin(role, [ring[x] for x in listed.split()], threshold,
                   [ring[x] for x in signed.split()])
        if name.startswith("bad"):
            self.refused()
        else:
            self.accepted()

    @every_role({"the other top-level keys": ()})
    def test_signed_by_keys_of_other_roles__refused(self, role):
        others = [s for r in TOP if r != role for s in self.repo.signers[r]]
        self.begin(role, [keys.ecdsa()], 1, others)
        self.refused()

    def test_delegated_signed_by_a_key_of_its_sibling__refused(self):
        self.repo.delegate("targets", "A")
        sibling = self.repo.delegate("targets", "B")
        self.repo.signers["A"] = sibling
        self.repo.add("A", "file", b"content")
        self.repo.release("A", "B", "targets")
        self.init()
        self.download("file", status=1, asked="+ 1.A.json", trusted=versions(1, 2, 2, 2), have=[])

    def test_delegated_signed_by_a_key_that_only_the_root_lists__refused(self):
        stranger = keys.ecdsa()
        self.repo.set_keys("snapshot", [stranger, *self.repo.signers["snapshot"]])
        self.repo.publish("root", "snapshot", "timestamp", bump=False)
        self.repo.delegate("targets", "A", signers=[keys.ecdsa()])
        self.repo.signers["A"] = [stranger]
        self.repo.targets["delegations"]["roles"][0]["keyids"].append(stranger.keyid)
        self.repo.add("A", "file", b"content")
        self.repo.release("A", "targets")
        self.init()
        self.download("file", status=1, trusted=versions(1, 2, 2, 2), have=[])

    def test_child_signed_by_a_key_of_its_grandparent__refused(self):
        self.repo.delegate("targets", "A")
        self.repo.delegate("A", "B")
        self.repo.signers["B"] = self.repo.signers["A"]
        self.repo.add("B", "file", b"content")
        self.repo.release("B", "A", "targets")
        self.init()
        self.download("file", status=1, trusted=versions(1, 2, 2, 2, A=1), have=[])


class Repeated(SignatureCase):
    """Rule 10: a key id may sign once in a file."""

    @every_role({"the same signature": False, "another signature by the same key": True})
    def test_key_id_twice_though_threshold_is_met__refused(self, role, fresh):
        one, two = keys.ecdsa(), keys.ecdsa()

        def edit(envelope):
            again = dict(envelope["signatures"][0])
            if fresh:
                again["sig"] = one.sign(canonical(envelope["signed"]))
            envelope["signatures"].append(again)
        self.begin(role, [one, two], 1, [one, two], edit)
        self.refused()

    @every_role({"twice": 2, "six times": 6})
    def test_key_id_repeated_to_reach_the_threshold__refused(self, role, times):
        one, two = keys.ecdsa(), keys.ecdsa()

        def edit(envelope):
            data = canonical(envelope["signed"])
            envelope["signatures"] += [{"keyid": one.keyid, "sig": one.sign(data)}
                                       for _ in range(times - 1)]
        self.begin(role, [one, two], 2, [one], edit)
        self.refused()

    @every_role({"threshold met all the same": ()})
    def test_unknown_key_id_twice__refused(self, role):
        def edit(envelope):
            stranger = keys.ecdsa()
            sig = stranger.sign(canonical(envelope["signed"]))
            envelope["signatures"] += [{"keyid": stranger.keyid, "sig": sig}] * 2
        self.begin(role, [keys.ecdsa()], 1, None, edit)
        self.refused()

    @every_role({"good then bad": True, "bad then good": False})
    def test_key_id_twice_and_one_signature_is_wrong__refused(self, role, good_first):
        one = keys.ecdsa()

        def edit(envelope):
            wrong = {"keyid": one.keyid, "sig": one.sign(b"other")}
            envelope["signatures"].insert(1 if good_first else 0, wrong)
        self.begin(role, [one], 1, None, edit)
        self.refused()


def spelled(signer, kind):
    """The same key under another id."""
    text = signer.text()
    if kind == "another member":
        return signer.variant(**{"x-owner": "somebody"})
    if kind == "no line feed at the end":
        return signer.variant(text=text.rstrip("\n"))
    if kind == "blank lines":
        return signer.variant(text=text + "\n\n")
    if kind == "CR LF":
        return signer.variant(text=text.replace("\n", "\r\n"))
    if kind == "upper case":
        return signer.variant(text=text.upper())
    if kind == "another id":
        return signer.variant(keyid="ab" * 32)
    der = signer.private.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    body = base64.b64encode(head + der).decode()
    return signer.variant(text="-----BEGIN PUBLIC KEY-----\n"
                          f"{body[:64]}\n{body[64:]}\n-----END PUBLIC KEY-----\n")


SPELLINGS = {
    "ecdsa, another member": (keys.ecdsa, "another member"),
    "ecdsa, no line feed at the end": (keys.ecdsa, "no line feed at the end"),
    "ecdsa, blank lines": (keys.ecdsa, "blank lines"),
    "ecdsa, CR LF": (keys.ecdsa, "CR LF"),
    "ecdsa, compressed point": (keys.ecdsa, "compressed"),
    "ecdsa, another id": (keys.ecdsa, "another id"),
    "ed25519, another member": (keys.eddsa, "another member"),
    "ed25519, upper case": (keys.eddsa, "upper case"),
}


class OneKeyManyIds(SignatureCase):
    """ALG-0.4: a key counts once, whatever it is called."""

    @every_role(SPELLINGS)
    def test_one_key_under_two_ids__does_not_make_two(self, role, make, kind):
        one = make()
        pair = [one, spelled(one, kind)]
        self.assertNotEqual(pair[0].keyid, pair[1].keyid)
        self.begin(role, [*pair, make()], 2, pair)
        self.refused()

    @every_role({"ten ids, threshold three": ()})
    def test_one_key_under_ten_ids__counts_once(self, role):
        one = keys.ecdsa()
        many = [one.variant(**{"x-number": i}) for i in range(10)]
        self.begin(role, many, 3, many)
        self.refused()

    @every_role({"threshold one": ()})
    def test_one_key_under_two_ids__still_counts_once(self, role):
        one = keys.ecdsa()
        pair = [one, one.variant(**{"x-owner": "somebody"})]
        self.begin(role, pair, 1, pair)
        self.accepted()

    @every_role({"threshold two": ()})
    def test_one_key_under_two_ids_beside_another__two_keys_count(self, role):
        one, two = keys.ecdsa(), keys.ecdsa()
        pair = [one, one.variant(**{"x-owner": "somebody"})]
        self.begin(role, [*pair, two], 2, [*pair, two])
        self.accepted()


def der(signature, change):
    """A change to the DER of an ECDSA signature."""
    raw = bytearray.fromhex(signature)
    change(raw)
    return raw.hex()


BAD_SIGNATURES = {
    "empty": lambda s: "",
    "of something else": lambda s: keys.ecdsa().sign(b"something else"),
    "no hex": lambda s: "this is not hex",
    "half a byte": lambda s: s[:-1],
    "one byte": lambda s: "30",
    "cut": lambda s: s[:-2],
    "two bytes more": lambda s: s + "0000",
    "zeros": lambda s: "00" * (len(s) // 2),
    "r and s zero": lambda s: "3006020100020100",
    "wrong tag": lambda s: "31" + s[2:],
    "length lies": lambda s: s[:2] + "ff" + s[4:],
    "very long": lambda s: s + "00" * 2000,
    "blank inside": lambda s: s[:10] + " " + s[10:],
    "non-ASCII": lambda s: "\u00e9" * 70,
    "one bit": lambda s: der(s, lambda raw: raw.__setitem__(-1, raw[-1] ^ 1)),
}


class Bad(SignatureCase):
    """Rule 11: a signature that is not one is not counted, and that is all."""

    @every_role(BAD_SIGNATURES)
    def test_bad_signature_beside_enough_good_ones__accepted(self, role, spoil):
        bad, good = keys.ecdsa(), keys.ecdsa()

        def edit(envelope):
            envelope["signatures"][0]["sig"] = spoil(envelope["signatures"][0]["sig"])
        self.begin(role, [bad, good], 1, None, edit)
        self.accepted()

    @every_role(BAD_SIGNATURES)
    def test_bad_signature_that_would_be_needed__refused(self, role, spoil):
        bad, good = keys.ecdsa(), keys.ecdsa()

        def edit(envelope):
            envelope["signatures"][0]["sig"] = spoil(envelope["signatures"][0]["sig"])
        self.begin(role, [bad, good], 2, None, edit)
        self.refused()

    @every_role({"hash of nothing": "ab" * 32, "short": "1", "empty": "", "no hex": "somebody",
                 "long": "ab" * 300, "like a path": "../../root", "non-ASCII": "\u00e9"})
    def test_signature_by_an_unknown_id__ignored(self, role, keyid):
        def edit(envelope):
            sig = keys.ecdsa().sign(canonical(envelope["signed"]))
            envelope["signatures"].insert(0, {"keyid": keyid, "sig": sig})
        self.begin(role, [keys.ecdsa()], 1, None, edit)
        self.accepted()

    @every_role({"ed25519": (keys.eddsa,), "rsa": (lambda: keys.rsa_pss(2048),)})
    def test_key_of_one_type_and_signature_of_another__not_counted(self, role, make):
        listed, good, other = make(), keys.ecdsa(), keys.ecdsa()

        def edit(envelope):
            envelope["signatures"][0]["sig"] = other.sign(canonical(envelope["signed"]))
        self.begin(role, [listed, good], 2, None, edit)
        self.refused()

    @every_role({"ed25519 named ecdsa": (keys.eddsa, "ecdsa", "ecdsa-sha2-nistp256"),
                 "ecdsa named ed25519": (keys.ecdsa, "ed25519", "ed25519"),
                 "ecdsa named rsa": (keys.ecdsa, "rsa", "rsassa-pss-sha256")})
    def test_key_whose_type_is_not_what_it_says__not_counted_and_not_fatal(
            self, role, make, keytype, scheme):
        liar, good = make().variant(keytype=keytype, scheme=scheme), keys.ecdsa()
        self.begin(role, [liar, good], 1, [liar, good])
        self.accepted()

    @every_role({"garbage in the PEM": "-----BEGIN PUBLIC KEY-----\n????\n",
                 "point not on the curve": "off", "empty": ""})
    def test_key_that_is_no_key__not_counted_and_not_fatal(self, role, text):
        if text == "off":
            text = keys.ecdsa().text()
            text = text[:100] + ("A" if text[100] != "A" else "B") + text[101:]
        broken, good = keys.ecdsa().variant(text=text), keys.ecdsa()
        self.begin(role, [broken, good], 1, [broken, good])
        self.accepted()


class Type(SignatureCase):
    """Rule 9: a document serves only as what it says it is."""

    @cases({f"{role} as {kind}": (role, kind) for role in ROLES
            for kind in (*TOP, "Targets", "snapshots", "", "delegated")
            if kind != ("targets" if role == "A" else role)})
    def test_another_type__refused_though_well_signed(self, role, kind):
        signer = keys.ecdsa()

        def edit(envelope):
            envelope["signed"]["_type"] = kind
            envelope["signed"].setdefault("meta", {"snapshot.json": {"version": 1},
                                                   "targets.json": {"version": 1}})
            envelope["signed"].setdefault("targets", {})
            reseal(envelope, [signer, *self.repo.signers["root"]])
        self.begin(role, [signer], 1, None, edit)
        self.refused()

    def test_snapshot_that_is_a_timestamp_signed_by_the_timestamp_key__refused(self):
        self.start()
        both = self.repo.signers["timestamp"]
        self.repo.set_keys("snapshot", both)
        self.repo.publish("root", "snapshot")

        def edit(envelope):
            envelope["signed"]["meta"]["targets.json"] = {"version": 1}
            reseal(envelope, both)
        self.repo.publish("timestamp", edit=edit)
        self.repo.files["metadata/2.snapshot.json"] = self.repo.bytes_of("timestamp")
        self.refresh(1, "2.root.json 3.root.json timestamp.json 2.snapshot.json",
                     versions(2, 2, 1, 1))

    def test_timestamp_that_is_a_snapshot_signed_by_the_snapshot_key__refused(self):
        self.start()
        self.repo.set_keys("timestamp", self.repo.signers["snapshot"])

        def edit(envelope):
            envelope["signed"]["meta"]["snapshot.json"] = {"version": 1}
            reseal(envelope, self.repo.signers["snapshot"])
        self.repo.publish("root")
        self.repo.publish("snapshot", edit=edit)
        self.repo.files["metadata/timestamp.json"] = self.repo.bytes_of("snapshot")
        self.refresh(1, "2.root.json 3.root.json timestamp.json", versions(2, 1, 1, 1))

    def test_delegated_file_of_another_role__refused_by_its_keys(self):
        self.repo.delegate("targets", "A")
        self.repo.delegate("targets", "B")
        self.repo.add("B", "file", b"content")
        self.repo.release("A", "B", "targets")
        self.repo.files["metadata/1.A.json"] = self.repo.bytes_of("B")
        self.init()
        self.download("file", status=1, asked="+ 1.A.json", have=[])
