"""test_root - the chain of roots: ALG-2, VER-11 to VER-15, MET-01, MET-05, MET-06, provisioning.
SPDX-License-Identifier: MIT"""

import datetime
import json
import os

from cryptography.hazmat.primitives.asymmetric import rsa

import server
from canonical import wire
from case import ANY, UNSIGNED, Case
from keys import Key, key_id, spki_pem
from repository import ForeignKey, Hook, Role
from server import endless

NAMES = ("director", "images", "regulator")


def for_each(cls, row, act):
    """The same test for the root of each repository."""
    for name in NAMES:

        def method(self, name=name):
            act(self, name)

        method.__name__ = "test_%s__%s" % (row, name)
        assert not hasattr(cls, method.__name__), method.__name__
        setattr(cls, method.__name__, method)


class Roots(Case):
    def forged(self, name, attack, hook=None, signers=None, world=None, version=None, **roles):
        """A broken next root: refused, the stored one kept; withdrawn: the cycle succeeds."""
        world = world or self.settled()
        repository = world.repository(name)
        repository.rotate()
        repository.rotate()
        self.accepted(self.update(world))
        world.stage(3)
        world.publish()
        made = {role: make(repository) for role, make in roles.items()}
        if signers is not None:
            signers = signers(repository, made)
        if version is not None:
            version = version(repository.root_version)
        bad = repository.forge_root(hook, signers, version, **made)
        result = self.refused(world, attack, name, "root", bad=bad)
        # The root comes before everything else of its repository.
        self.assertNotIn("timestamp.json", result.requests(name), result)
        self.recovers(world)

    def update(self, world):
        world.stage(2)
        world.publish()
        return world

    def useless(self, name, hook):
        """The root names keys that cannot count. Refuse it, or store it and let nothing be signed
        by them: DESIGN leaves that open. Nothing is installed either way."""
        world = self.update(self.settled())
        repository = world.repository(name)
        bad = repository.forge_root(hook)
        self.refused(world, UNSIGNED, name, ("root", "timestamp"))
        if world.state_files()[os.path.join(name, "root.json")] == bad:
            repository.root_version += 1  # the honest successor comes after it
            repository.rotate()
        self.recovers(world)

    def rotated(self, name, change):
        """An honest rotation is followed, and the next update installed."""
        world = self.settled()
        repository = world.repository(name)
        repository.rotate(**change(repository))
        world.stage(2)
        world.publish()
        self.accepted(world)
        self.stored_root_is(world, name, repository.docs["root"])
        world.stage(3)
        world.publish()
        self.accepted(world)

    def stored_root_is(self, world, name, document):
        files = world.state_files()
        self.assertEqual(files.get(os.path.join(name, "root.json")), document)


def new_root_keys(count=1, threshold=1):
    return lambda repository: repository.fresh("root", count, threshold)


def old_keys(repository, made):
    return repository.roles["root"].signers()


def new_keys(repository, made):
    return made["root"].signers()


# REQ-VER-12: enough different keys of the old root and of the new one
for_each(
    Roots,
    "VER_12_signed_by_the_old_root_only",
    lambda self, name: self.forged(
        name, "arbitrary-software", signers=old_keys, root=new_root_keys()
    ),
)
for_each(
    Roots,
    "VER_12_signed_by_the_new_root_only",
    lambda self, name: self.forged(
        name, "arbitrary-software", signers=new_keys, root=new_root_keys()
    ),
)
for_each(
    Roots,
    "VER_12_signed_by_nobody",
    lambda self, name: self.forged(name, "arbitrary-software", signers=lambda r, made: []),
)
for_each(
    Roots,
    "VER_12_old_threshold_short_by_one",
    lambda self, name: self.forged(
        name,
        "arbitrary-software",
        world=self.settled(keys=3, threshold=2),
        signers=lambda r, made: r.roles["root"].keys[:1] + made["root"].signers(),
        root=new_root_keys(3, 2),
    ),
)
for_each(
    Roots,
    "VER_12_new_threshold_short_by_one",
    lambda self, name: self.forged(
        name,
        "arbitrary-software",
        world=self.settled(keys=3, threshold=2),
        signers=lambda r, made: r.roles["root"].signers() + made["root"].keys[:1],
        root=new_root_keys(3, 2),
    ),
)
for_each(
    Roots,
    "VER_12_one_old_key_signs_twice",
    lambda self, name: self.forged(
        name,
        "arbitrary-software",
        world=self.settled(keys=3, threshold=2),
        signers=lambda r, made: r.roles["root"].keys[:1] * 2 + made["root"].signers(),
        root=new_root_keys(3, 2),
    ),
)


def one_key_under_two_ids(repository):
    key = Key()
    return Role([key, key.same_material()], 2)


# REQ-ALG-0: a key is its material, not its id
for_each(
    Roots,
    "ALG_0_new_root_counts_one_key_under_two_ids",
    lambda self, name: self.forged(
        name,
        "arbitrary-software",
        signers=lambda r, made: r.roles["root"].signers() + made["root"].keys,
        root=one_key_under_two_ids,
    ),
)
for_each(Roots, "VER_12_rotated_root_keys_accepted", lambda self, name: self.rotated(
    name, lambda repository: {"root": repository.fresh("root", 3, 2)}
))

# REQ-VER-13: exactly the next version
for label, version, attacks in (
    ("next_but_one", lambda stored: stored + 2, "rollback"),
    # Version N again with other bytes may also be told as equivocation.
    ("the_stored", lambda stored: stored, ("rollback", "equivocation")),
    ("an_older", lambda stored: stored - 1, "rollback"),
):
    for_each(
        Roots,
        "VER_13_properly_signed_root_of_%s_version" % label,
        lambda self, name, version=version, attacks=attacks: self.forged(
            name, attacks, version=version
        ),
    )
for_each(
    Roots,
    "VER_13_the_stored_root_served_as_the_next",
    lambda self, name: stored_again(self, name),
)


def stored_again(self, name):
    world = self.settled()
    world.stage(2)
    world.publish()
    repository = world.repository(name)
    path = "%d.root.json" % (repository.root_version + 1)
    repository.files[path] = repository.docs["root"]
    self.refused(world, ("rollback", "equivocation"), name, "root")
    self.recovers(world)


# REQ-VER-14: every intermediate root


def five(self, name):
    world = self.settled()
    repository = world.repository(name)
    for _ in range(4):
        repository.rotate(root=repository.fresh("root"), targets=repository.fresh("targets"))
    world.stage(2)
    world.publish()
    result = self.accepted(world)
    wanted = ["%d.root.json" % n for n in range(2, 7)]
    self.assertEqual([p for p in result.requests(name) if p.endswith("root.json")], wanted, result)
    self.stored_root_is(world, name, repository.docs["root"])


def gap(self, name):
    """Without root 3 the client knows root 2 only; what root 5's keys sign means nothing to it."""
    world = self.settled()
    repository = world.repository(name)
    for _ in range(4):
        repository.rotate(root=repository.fresh("root"), timestamp=repository.fresh("timestamp"))
    second = repository.files["2.root.json"]
    hidden = repository.files.pop("3.root.json")
    world.stage(2)
    world.publish()
    self.refused(world, "arbitrary-software", name, "timestamp", forgiven=True)
    self.stored_root_is(world, name, second)
    repository.files["3.root.json"] = hidden
    self.accepted(world)
    self.stored_root_is(world, name, repository.docs["root"])


for_each(Roots, "VER_14_chain_of_five", five)
for_each(Roots, "VER_14_gap_in_the_chain", gap)


# REQ-VER-15: the last root must be unexpired, the others need not


def expired_between(self, name):
    world = self.settled()
    repository = world.repository(name)
    repository.expires["root"] = world.now - datetime.timedelta(days=30)
    repository.rotate(root=repository.fresh("root"))
    del repository.expires["root"]
    repository.rotate()
    world.stage(2)
    world.publish()
    self.accepted(world)


def expired_last(self, name):
    world = self.settled()
    repository = world.repository(name)
    world.stage(2)
    world.publish()
    repository.expires["root"] = world.now
    document = repository.rotate()
    result = self.refused(world, "freeze", name, None, bad=b"")
    self.assertEqual(result.errors[0]["role"], "root")
    # The one exception: an expired last root is stored, then refused.
    self.stored_root_is(world, name, document)
    self.refused(world, "freeze", name, None, bad=b"")
    del repository.expires["root"]
    repository.rotate()
    self.recovers(world)


for_each(Roots, "VER_15_expired_intermediate_root", expired_between)
for_each(Roots, "VER_15_expired_last_root_is_stored_then_refused", expired_last)


# REQ-VER-11: N+1 by name, bounded; absent means that N is the last


def absent(code):
    def act(self, name):
        world = self.settled()
        world.stage(2)
        world.publish()
        world.override(name, "2.root.json", server.status(code, b"no"))
        self.accepted(world)

    return act


def never_unnumbered(self, name):
    world = self.settled()
    world.stage(2)
    world.publish()
    result = self.accepted(world)
    self.assertEqual(result.requests(name)[0], "2.root.json", result)
    self.assertNotIn("root.json", result.requests(name), result)


def oversize(self, name):
    """VER-11 says endless-data; ALG-2 2.1 also allows to go on with the stored root and to log it.
    Either way no more than a bound is read, and the stored root stays."""
    world = self.settled()
    world.stage(2)
    world.publish()
    before = world.state_files()
    world.override(name, "2.root.json", endless(world, prefix=b"{"))
    result = world.cycle()
    self.assertLess(world.sent, 64 << 20, "read without bound\n    %s" % result)
    self.assertLess(result.rss, 200 << 20, result)
    path = os.path.join(name, "root.json")
    self.assertEqual(world.state_files()[path], before[path])
    world.overrides.clear()
    if result.code == 0:
        self.accepted(world, result=result)
        return
    self.refused(world, "endless-data", name, "root", result=result, before=before)
    self.accepted(world)


def unreachable(answer):
    """A transport error is not `absent`: RETRY, or the cycle goes on with the stored root."""

    def act(self, name):
        world = self.settled()
        world.stage(2)
        world.publish()
        world.override(name, "2.root.json", answer())
        result = world.cycle()
        world.overrides.clear()
        if result.code == 0:
            self.accepted(world, result=result)
            return
        self.refused(world, None, name, "root", cls="RETRY", result=result)
        self.accepted(world)

    return act


for_each(Roots, "VER_11_not_found_ends_the_chain", absent(404))
for_each(Roots, "VER_11_forbidden_ends_the_chain", absent(403))
for_each(Roots, "VER_11_versioned_name_only", never_unnumbered)
for_each(Roots, "VER_11_endless_root", oversize)
for_each(Roots, "VER_11_server_error_is_not_absent", unreachable(lambda: server.status(500)))
for_each(Roots, "VER_11_closed_is_not_absent", unreachable(server.close))


# REQ-MET-01 REQ-MET-05 REQ-MET-06 and the like: what a root must not say


def second_key(signed):
    role = signed["roles"]["timestamp"]
    role["threshold"] = len(role["keyids"]) + 1


def rename_key(signed):
    """The timestamp key under an id that is not its hash."""
    role = signed["roles"]["timestamp"]
    signed["keys"]["ab" * 32] = signed["keys"].pop(role["keyids"][0])
    role["keyids"] = ["ab" * 32]


def scheme_changed(signed):
    """MET-01: only the scheme differs, so the id must differ too, and it does not."""
    for i in signed["roles"]["timestamp"]["keyids"]:
        signed["keys"][i]["scheme"] = "ed25519"


def set_threshold(role, value):
    def act(signed):
        signed["roles"][role]["threshold"] = value

    return act


ILLEGAL = {
    "MET_06_threshold_zero": set_threshold("timestamp", 0),
    "MET_06_threshold_zero_of_the_root_role": set_threshold("root", 0),
    "MET_06_threshold_negative": set_threshold("targets", -1),
    "MET_06_threshold_text": set_threshold("targets", "1"),
    "MET_06_threshold_true": set_threshold("targets", True),
    "MET_06_threshold_above_the_number_of_keys": second_key,
    "MET_06_role_missing": lambda signed: signed["roles"].pop("snapshot") and None,
    "MET_06_root_role_missing": lambda signed: signed["roles"].pop("root") and None,
    "MET_06_key_id_not_in_the_key_list": lambda signed: signed["roles"]["snapshot"].update(
        keyids=["cd" * 32]
    ),
    "MET_05_no_keys": lambda signed: signed.pop("keys") and None,
    "MET_03_no_expiry": lambda signed: signed.pop("expires") and None,
    "MET_04_type_timestamp": lambda signed: signed.update(_type="timestamp"),
    "MET_31_unknown_major_format": lambda signed: signed.update(spec_version="99.0.0"),
    "MET_critical_member_unknown": lambda signed: signed.update(custom={"critical": ["x"]}, x=1),
}


def illegal(change):
    def act(self, name):
        attacks = UNSIGNED + ("rollback",)
        self.forged(name, attacks, hook=Hook(signed=change))

    return act


for label, change in ILLEGAL.items():
    for_each(Roots, label, illegal(change))


def same_id_twice(self, name):
    """REQ-MET-05: a key id listed twice is one key; two of one cannot be met by it."""

    def change(signed):
        role = signed["roles"]["timestamp"]
        signed["roles"]["timestamp"] = {"keyids": role["keyids"] * 2, "threshold": 2}

    self.useless(name, Hook(signed=change))


def duplicate_key_member(self, name):
    """REQ-MET-05: two entries of one identifier are a repeated member: no JSON of ours."""
    world = self.update(self.settled())

    def twice(raw):
        identifier, value = sorted(json.loads(raw)["signed"]["keys"].items())[0]
        at = raw.index(b'"keys":{') + len(b'"keys":{')
        return raw[:at] + wire({identifier: value})[1:-1] + b"," + raw[at:]

    bad = world.repository(name).forge_root(Hook(wire=twice))
    self.refused(world, UNSIGNED, name, "root", bad=bad)
    self.recovers(world)


# REQ-MET-01: ids are recomputed
for label, change in {
    "MET_01_key_id_is_not_the_hash_of_its_key": rename_key,
    "MET_01_scheme_changed_under_the_same_id": scheme_changed,
}.items():
    for_each(
        Roots,
        label,
        lambda self, name, change=change: self.useless(name, Hook(signed=change)),
    )
for_each(Roots, "MET_05_same_id_twice_in_a_role", same_id_twice)
for_each(Roots, "MET_05_identifier_repeated_in_the_key_list", duplicate_key_member)


class Provisioning(Case):
    """What lies in DIR before the first request. Exit 1 or 2 is open where DIR itself is unusable;
    that nothing is fetched or installed is not."""

    def unusable(self, world, name):
        before = world.state_files()
        result = world.cycle()
        self.assertIn(result.code, (1, 2), result)
        self.assertEqual(result.out, {}, result)
        self.assertEqual(result.images(), [], result)
        self.assertEqual(result.requests(name), [], "no request before trust\n    %s" % result)
        self.assertEqual(world.state_files().get(self.path(name)), before.get(self.path(name)))

    def path(self, name):
        return os.path.join(name, "root.json")

    def write(self, world, name, document):
        with open(os.path.join(world.state, self.path(name)), "wb") as file:
            file.write(document)

    def test_no_root_no_trust_on_first_use(self):
        for name in NAMES:
            with self.subTest(repository=name):
                world = self.blank()
                world.stage(1)
                world.publish()
                os.unlink(os.path.join(world.state, self.path(name)))
                self.unusable(world, name)

    # REQ-H11
    def test_H11_stored_root_without_signatures(self):
        for name in NAMES:
            with self.subTest(repository=name):
                world = self.blank()
                world.stage(1)
                world.publish()
                envelope = json.loads(world.repository(name).docs["root"])
                envelope["signatures"] = []
                self.write(world, name, json.dumps(envelope).encode())
                self.unusable(world, name)

    def test_stored_root_damaged(self):
        for label, damage in {
            "cut": lambda raw: raw[:-20],
            "empty": lambda raw: b"",
            "flipped": lambda raw: raw.replace(b'"version":1', b'"version":2'),
        }.items():
            with self.subTest(damage=label):
                world = self.settled()
                world.stage(2)
                world.publish()
                self.write(world, "director", damage(world.director.docs["root"]))
                self.unusable(world, "director")

    def test_root_of_a_repository_that_is_not_given_is_ignored(self):
        world = self.blank(regulator=False)
        os.makedirs(os.path.join(world.state, "regulator"))
        self.write(world, "regulator", b"rubbish")
        world.stage(1)
        world.publish()
        self.accepted(world)

    def test_provisioned_root_may_be_any_version(self):
        world = self.blank()
        for repository in world.repositories():
            for _ in range(3):
                repository.rotate(root=repository.fresh("root"))
            self.write(world, repository.name, repository.docs["root"])
        world.stage(1)
        world.publish()
        result = self.accepted(world)
        self.assertEqual(result.requests("director")[0], "5.root.json", result)

    def test_REP_11_forty_roots_behind(self):
        world = self.settled()
        for _ in range(40):
            world.images.rotate(root=world.images.fresh("root"))
        world.stage(2)
        world.publish()
        self.accepted(world)

    def test_chain_is_walked_in_every_cycle(self):
        """DESIGN 7: `secureev uptane` walks every chain it visits in every cycle."""
        world = self.settled()
        document = world.director.rotate()
        self.accepted(world)
        path = os.path.join(world.state, "director", "root.json")
        with open(path, "rb") as file:
            self.assertEqual(file.read(), document)


class Keys(Case):
    """Which keys count, and which are only kept."""

    def twin(self, kind, name="images"):
        """All roles of a repository with keys of this kind."""
        world = self.settled()
        repository = world.repository(name)
        repository.rotate(
            root=Role([Key(kind)]),
            timestamp=Role([Key(kind)]),
            snapshot=Role([Key(kind)]),
            targets=Role([Key(kind)]),
        )
        world.stage(2)
        world.publish()
        self.accepted(world)

    def test_ed25519_keys_accepted(self):
        self.twin("ed25519")

    def test_rsa_pss_keys_accepted(self):
        self.twin("rsa")

    def test_mixed_keys_of_one_role_accepted(self):
        world = self.settled()
        mixed = Role([Key("rsa"), Key("ed25519"), Key()], 3)
        world.director.rotate(timestamp=mixed, targets=Role([Key("ed25519"), Key("rsa")], 2))
        world.stage(2)
        world.publish()
        self.accepted(world)

    def test_unknown_key_type_is_kept_and_never_counts(self):
        world = self.settled()
        future = {"keytype": "ml-dsa-65", "scheme": "ml-dsa-65", "keyval": {"public": "00" * 99}}
        known = world.director.roles["timestamp"].keys[0]
        world.director.rotate(timestamp=Role([known, ForeignKey(future)]))
        world.stage(2)
        world.publish()
        self.accepted(world)

    def test_unknown_key_type_alone_signs_nothing(self):
        world = self.settled()
        world.stage(2)
        world.publish()
        future = {"keytype": "ml-dsa-65", "scheme": "ml-dsa-65", "keyval": {"public": "00" * 99}}
        bad = Role([ForeignKey(future)], 1, signers=[])
        world.director.rotate(timestamp=bad)
        world.publish()
        # Refused at the root (a threshold that no key we know can meet) or at the timestamp.
        self.refused(world, UNSIGNED, "director", ("root", "timestamp"))

    def useless(self, **members):
        """The timestamp's key object is no key of its kind, its id is right: nothing it signs
        counts. Refused at the root or at the timestamp."""
        world = self.settled()
        world.stage(2)
        world.publish()
        key = world.director.roles["timestamp"].keys[0]
        odd = {**key.object(), **members}
        odd = {name: value for name, value in odd.items() if value is not None}

        def change(signed):
            signed["keys"][key_id(odd)] = odd
            signed["roles"]["timestamp"] = {"keyids": [key_id(odd)], "threshold": 1}

        def claim(envelope):
            envelope["signatures"][0]["keyid"] = key_id(odd)

        world.director.forge_root(Hook(signed=change))
        world.director.break_role("timestamp", envelope=claim)
        world.director.publish()
        self.refused(world, UNSIGNED, "director", ("root", "timestamp"))

    def test_VER_12_key_objects_that_are_no_keys(self):
        pem = Key().public_text()
        for label, members in {
            "announced as RSA": {"keytype": "rsa", "scheme": "rsassa-pss-sha256"},
            "announced as Ed25519": {"keytype": "ed25519", "scheme": "ed25519"},
            "announced as P-384": {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp384"},
            "PKCS#1 v1.5": {"keytype": "rsa", "scheme": "rsa-pkcs1v15-sha256"},
            "type of one, scheme of another": {"scheme": "ed25519"},
            "no type": {"keytype": None},
            "no scheme": {"scheme": None},
            "no value": {"keyval": None},
            "empty value": {"keyval": {}},
            "no text": {"keyval": {"public": 7}},
            "empty text": {"keyval": {"public": ""}},
            "two keys in one": {"keyval": {"public": pem + pem}},
            "words around": {"keyval": {"public": "key: " + pem}},
            "cut": {"keyval": {"public": pem[:-40]}},
            "private": {"keyval": {"public": pem.replace("PUBLIC", "PRIVATE")}},
        }.items():
            with self.subTest(label):
                self.useless(**members)

    def test_VER_12_rsa_key_too_short(self):
        short = Key("rsa", rsa.generate_private_key(public_exponent=65537, key_size=1024))
        world = self.settled()
        world.stage(2)
        world.publish()
        world.director.rotate(timestamp=Role([short]))
        world.publish()
        self.refused(world, UNSIGNED, "director", ("root", "timestamp"), forgiven=True)

    def test_ALG_0_a_flood_of_signatures(self):
        """Bounded work: refused or counted, but soon."""
        world = self.settled()
        world.stage(2)

        def flood(envelope):
            good = envelope["signatures"][0]
            more = [{"keyid": "%064x" % n, "sig": good["sig"]} for n in range(20000)]
            envelope["signatures"] = more + [good]

        world.images.break_role("targets", envelope=flood)
        world.publish()
        result = world.cycle()
        self.assertLess(result.seconds, 10, result)
        if result.code == 0:
            self.accepted(world, result=result)
        else:
            self.refused(world, ANY, "images", "targets", result=result)
            self.recovers(world)

    # REQ-H33: a point off the curve is no key
    def test_H33_key_off_the_curve(self):
        points = {
            "off_the_curve": b"\x04" + bytes(31) + b"\x05" + bytes(31) + b"\x07",
            "zero": b"\x04" + bytes(64),
            "beyond_the_field": b"\x04" + b"\xff" * 64,
            "infinity": b"\x00" + bytes(64),
        }
        for label, point in points.items():
            with self.subTest(point=label):
                world = self.settled()
                world.stage(2)
                world.publish()
                crooked = {
                    "keytype": "ecdsa",
                    "scheme": "ecdsa-sha2-nistp256",
                    "keyval": {"public": spki_pem(point)},
                }
                for name in ("root", "timestamp"):
                    with self.subTest(point=label, role=name):
                        fresh = self.adopt(world)
                        forge = fresh.director.roles["timestamp"].keys[0]

                        def change(signed, name=name):
                            identifier = key_id(crooked)
                            signed["keys"][identifier] = crooked
                            signed["roles"][name] = {"keyids": [identifier], "threshold": 1}

                        def resign(envelope):
                            envelope["signatures"].append(
                                {"keyid": key_id(crooked), "sig": forge.sign_bytes(b"x").hex()}
                            )

                        fresh.director.forge_root(Hook(signed=change, envelope=resign))

                        def timestamp(envelope):
                            envelope["signatures"][0]["keyid"] = key_id(crooked)

                        fresh.director.break_role("timestamp", envelope=timestamp)
                        fresh.director.publish()
                        self.refused(fresh, UNSIGNED, "director", ("root", "timestamp"))

    # REQ-H33 REQ-H20: signatures that are no signatures
    def test_H20_forged_signature_texts(self):
        zero = bytes.fromhex("3006020100020100").hex()
        for text in ("00", "", "zz", "0", "30", zero, "3006020101020101", "00" * 64, "ff" * 72):
            with self.subTest(sig=text):
                world = self.settled()
                world.stage(2)
                for name, role in (("director", "targets"), ("images", "supplier-a")):
                    twin = self.adopt(world)

                    def forge(envelope, text=text):
                        envelope["signatures"][0]["sig"] = text

                    twin.repository(name).break_role(role, envelope=forge)
                    twin.publish()
                    self.refused(twin, "arbitrary-software", name, role)
                    self.recovers(twin)

    def test_scheme_comes_from_the_key_not_from_the_signature(self):
        """REQ-ALG-0.5: what a signature entry claims changes nothing."""
        world = self.settled()
        world.stage(2)

        def claim(envelope):
            envelope["signatures"][0]["method"] = "none"
            envelope["signatures"][0]["scheme"] = "ed25519"

        world.director.break_role("targets", envelope=claim)
        world.publish()
        self.accepted(world)
