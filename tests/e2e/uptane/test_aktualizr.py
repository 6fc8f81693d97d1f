"""test_aktualizr - --profile aktualizr: repositories made for the existing client, and what its
laxness must not bring with it (contracts/aktualizr.md 7, 8 and 13; part 5 of uptane.md).
SPDX-License-Identifier: MIT"""

import base64
import glob
import hashlib
import json
import os

import server
from canonical import ascii_escaped, olpc, pretty
from case import ANY, UNSIGNED, Case
from keys import Key
from repository import Hook, Role, digests
from test_generator import SAMPLES
from world import DAY, DOOR, PRIMARY, Image, World, brake_image, door_image, settled

FILES = [
    ("director", "targets"),
    ("images", "timestamp"),
    ("images", "snapshot"),
    ("images", "targets"),
]


class Aktualizr(Case):
    def settled(self, **options):
        return super().settled(profile="aktualizr", **options)

    def blank(self, **options):
        return super().blank(profile="aktualizr", **options)

    def offered(self):
        world = self.settled()
        world.stage(2)
        return world


class Layout(Aktualizr):
    def test_first_cycle_and_the_next(self):
        world = self.settled()
        world.stage(2)
        world.publish()
        self.accepted(world)
        self.accepted(world)

    def test_urls_are_those_of_the_contract(self):
        world = self.offered()
        world.publish()
        result = self.accepted(world)
        self.assertEqual(result.requests("director"), ["2.root.json", "targets.json"], result)
        wanted = ["2.root.json", "timestamp.json", "snapshot.json", "targets.json"]
        wanted.append("targets/supplier-a/brake-2.img")
        self.assertEqual(result.requests("images"), wanted, result)

    def test_nothing_new_leaves_images_alone(self):
        world = self.settled()
        result = self.accepted(world)
        self.assertEqual(result.requests("images"), [], result)

    def test_percent_encoding_of_target_names(self):
        world = self.offered()
        image = Image("primary/fw v2+\u00e9.bin", b"odd", 2, ["hw-p"])
        world.add(image)
        world.assign({PRIMARY[0]: image})
        world.publish()
        self.accepted(world)

    def test_uri_is_not_followed(self):
        """Image bytes always come from --images."""
        world = self.offered()
        for entry in world.director.targets.values():
            entry["custom"]["uri"] = world.url + "/bait/x"
        world.publish()
        result = self.accepted(world)
        self.assertEqual(result.requests("bait"), [], result)

    def test_delegation_under_delegations(self):
        world = self.settled()
        world.images.delegate("supplier", ["parts/*"])
        image = Image("parts/x.bin", b"x", 2, ["hw-p"])
        world.add(image, role="supplier")
        world.assign({PRIMARY[0]: image})
        world.publish()
        result = self.accepted(world)
        self.assertIn("delegations/supplier.json", result.requests("images"), result)

    def test_non_ascii_is_signed_escaped_and_served_raw(self):
        """7.1: signing raw UTF-8 is wrong; serving it while signing the escaped form is fine."""
        world = self.settled()
        image = Image("caf\u00e9\U0001f697.bin", b"coffee", 2, ["hw-p"])
        world.add(image)
        world.assign({PRIMARY[0]: image})
        world.publish()
        self.assertIn("\u00e9".encode(), world.director.docs["targets"])
        self.accepted(world)

    def test_pretty_printed_with_hashes_over_the_canonical_text(self):
        world = self.settled()
        world.images.style = pretty
        world.director.style = pretty
        world.stage(2)

        def over_canonical(says):
            text = ascii_escaped(json.loads(world.images_raw))
            says["hashes"] = {"sha256": hashlib.sha256(text).hexdigest()}

        def keep(raw):
            world.images_raw = raw

        world.images.break_role("snapshot", document=keep, listed=over_canonical)
        world.publish()
        self.accepted(world)

    def test_rsa_keys(self):
        world = self.settled()
        for repository in (world.director, world.images):
            repository.rotate(
                root=Role([Key("rsa")]), targets=Role([Key("rsa")]), timestamp=Role([Key("rsa")])
            )
        world.stage(2)
        world.publish()
        self.accepted(world)

    def test_lower_case_root_type(self):
        world = self.offered()
        world.director.root_extra = {"_type": "root"}
        world.director.rotate()
        world.publish()
        self.accepted(world)

    def test_both_hashes_and_lengths(self):
        world = self.settled()
        world.stage(2, algorithms=("sha256", "sha512"))
        world.publish()
        self.accepted(world)

    def test_upper_case_digests(self):
        """[X V16]: hex of either case."""
        world = self.offered()
        for entry in world.director.targets.values():
            entry["hashes"] = {"sha256": entry["hashes"]["sha256"].upper()}
        world.publish()
        self.accepted(world)

    def test_delegations_present_but_empty(self):
        """[X V26]: tolerated in this profile."""
        world = self.offered()
        world.director.top.emit_empty_delegations = True
        world.publish()
        self.accepted(world)

    def test_version_zero(self):
        """8.3: a Director may begin to count at 0."""
        world = self.blank()
        world.stage(1)
        world.director.break_role("targets", version=0)
        world.publish()
        self.accepted(world)

    def test_keys_as_other_tools_write_them(self):
        """7.2: either case of type and digits; further members are ignored; ids are opaque."""

        class Plain(Key):
            def object(self, profile="native"):
                public = self.public_text()
                value = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public}}
                return dict(value, keyid_hash_algorithms=["sha256"])

            def id(self, profile="native"):
                return "key-of-a-tool"

        world = self.settled()
        world.director.rotate(targets=Role([Plain("ed25519")]))
        world.stage(2)
        world.publish()
        self.accepted(world)

    def test_no_vehicle_in_this_profile(self):
        world = self.offered()
        world.publish()
        self.accepted(world, vehicle=None)

    def test_full_and_partial_modes(self):
        for mode in ("full", "partial"):
            with self.subTest(mode):
                world = self.blank()
                world.stage(1, both=True)
                world.publish()
                result = self.accepted(world, mode=mode)
                if mode == "partial":
                    own = world.assignment[PRIMARY[0]]
                    self.assertEqual(result.requests("images"), ["targets/" + own.name], result)

    def test_empty_targets(self):
        world = self.settled()
        world.assign({})
        world.publish()
        self.accepted(world)

    def test_director_may_downgrade(self):
        """No release counters here: a Director may go back, in new files."""
        world = self.settled()
        world.stage(9)
        world.publish()
        self.accepted(world)
        world.stage(3)
        world.publish()
        self.accepted(world)

    def test_recorded_vehicle_of_three_ecus(self):
        """Bytes that the real client accepted. The images were not recorded, so the cycle ends with
        the request for one: everything before that was verified."""
        folder = os.path.join(SAMPLES, "ed25519-three-ecus")
        served = {
            "director": {"targets.json": "008"},
            "images": {"timestamp.json": "011", "snapshot.json": "012", "targets.json": "013"},
        }
        self.replay(folder, served, "006", "009")

    def test_recorded_rsa_vehicle(self):
        folder = os.path.join(SAMPLES, "rsa-first-update")
        served = {
            "director": {"targets.json": "008"},
            "images": {"timestamp.json": "011", "snapshot.json": "012", "targets.json": "013"},
        }
        self.replay(folder, served, "006", "009")

    def replay(self, folder, served, director_root, images_root):
        if not glob.glob(os.path.join(folder, "*.resp")):
            self.skipTest("no recording at " + folder)

        def body(number):
            with open(os.path.join(folder, number + ".resp"), "rb") as file:
                return file.read().partition(b"\r\n\r\n")[2]

        world = World("aktualizr", regulator=False)
        self.addCleanup(world.close)
        for name, root in (("director", director_root), ("images", images_root)):
            repository = world.repository(name)
            repository.docs = {"root": body(root)}
            repository.files = {path: body(number) for path, number in served[name].items()}
        world.provision()
        world.ecus = []
        targets = json.loads(body(served["director"]["targets.json"]))["signed"]["targets"]
        for entry in targets.values():
            for serial, what in entry["custom"]["ecuIdentifiers"].items():
                world.ecus.append((serial, what["hardwareId"]))
        result = self.retried(world, fetched=True, now="2027-01-01T00:00:00Z")
        self.assertTrue(result.images(), "verified up to the image\n    %s" % result)


class Refused(Aktualizr):
    """Native strictness where it costs no compatibility."""

    def broken(self, name, role, attack, where=None, **edits):
        world = self.offered()
        world.repository(name).break_role(role, **edits)
        world.publish()
        self.refused(world, attack, name, where or role, keeps=[(name, role)])
        self.recovers(world)

    def each(self, attack, **edits):
        for name, role in FILES:
            with self.subTest(repository=name, role=role):
                self.broken(name, role, attack, **edits)

    def test_signature_by_a_foreign_key(self):
        self.each("arbitrary-software", signers=[Key("ed25519")])

    def test_no_signatures(self):
        self.each("arbitrary-software", signers=[])

    def test_signed_over_raw_utf8(self):
        """[X V10b]: the OLPC form is not what this profile signs."""
        world = self.settled()
        image = Image("caf\u00e9.bin", b"coffee", 2, ["hw-p"])
        world.add(image)
        world.assign({PRIMARY[0]: image})
        def resign(envelope):
            key = world.director.roles["targets"].keys[0]
            envelope["signatures"] = [key.signature(olpc(envelope["signed"]), "aktualizr")]

        world.director.break_role("targets", envelope=resign)
        world.publish()
        self.refused(world, "arbitrary-software", "director", "targets")
        self.recovers(world)

    def test_expired(self):
        for name, role in FILES:
            with self.subTest(repository=name, role=role):
                world = self.offered()
                world.repository(name).expires[role] = world.now
                world.publish()
                self.refused(world, "freeze", name, role)
                del world.repository(name).expires[role]
                self.recovers(world)

    def test_part5_4_lower_versions(self):
        """aktualizr 50, 50b: rollback of snapshot and targets under a newer timestamp."""
        for name, role in FILES:
            with self.subTest(repository=name, role=role):
                world = self.offered()
                repository = world.repository(name)
                repository.break_role(role, version=repository.versions[role] - 1)
                world.publish()
                where = (role, "snapshot", "timestamp")
                self.refused(world, "rollback", name, where, keeps=[(name, role)])
                self.recovers(world)

    def test_part5_17_same_version_other_bytes(self):
        """aktualizr V49: a livelock there, equivocation here."""
        for name, role in FILES:
            with self.subTest(repository=name, role=role):
                world = self.offered()
                repository = world.repository(name)
                repository.break_role(role, version=repository.versions[role])
                world.publish()
                # The snapshot lists versions only: under an unchanged one the other targets file
                # is never asked for, and the image is simply not listed.
                attacks = ("equivocation",)
                if (name, role) == ("images", "targets"):
                    attacks += ("mix-and-match",)
                self.refused(world, attacks, name, keeps=[(name, role)])
                self.recovers(world)

    def test_part5_4_role_vanishes(self):
        world = self.settled()
        world.images.delegate("supplier", ["parts/*"])
        world.stage(2)
        world.publish()
        self.accepted(world)
        world.images.unlisted.add("supplier")
        world.stage(3)
        world.publish()
        self.refused(world, "rollback", "images", keeps=[("images", "snapshot")])
        world.images.unlisted.clear()
        self.recovers(world)

    def test_part5_18_new_root_forgives_nothing(self):
        world = self.settled()
        old = world.director.docs["targets"]
        world.stage(2)
        world.publish()
        self.accepted(world)
        world.director.rotate()
        world.director.files["targets.json"] = old
        self.refused(world, "rollback", "director", "targets", bad=old)
        world.director.files["targets.json"] = world.director.docs["targets"]
        self.accepted(world)

    def test_snapshot_differs_from_the_timestamp(self):
        wrong = lambda says: says.update(hashes={"sha256": "ab" * 32})
        self.broken("images", "snapshot", "mix-and-match", listed=wrong)

    def test_snapshot_longer_than_announced(self):
        self.broken("images", "snapshot", "endless-data", wire=lambda raw: raw + b" " * 4000)

    def test_targets_version_differs_from_the_snapshot(self):
        def higher(signed):
            signed["version"] += 1

        self.broken("images", "targets", "mix-and-match", signed=higher)

    def test_wrong_type(self):
        for name, role in FILES:
            with self.subTest(repository=name, role=role):
                self.broken(name, role, UNSIGNED, signed=lambda s: s.update(_type="Mirrors"))

    def test_strict_json(self):
        """Trailing bytes, comments, repeated members: aktualizr takes them, we do not."""
        for label, change in {
            "trailing": lambda raw: raw + b"x",
            "comment": lambda raw: raw[:-1] + b"/* c */}",
            "comma": lambda raw: raw[:-1] + b",}",
            "duplicate": lambda raw: raw[:-1] + b',"signed":{}}',
        }.items():
            with self.subTest(label):
                self.broken("director", "targets", ANY, document=change)

    def test_too_large(self):
        large = lambda raw: raw[:-1] + b" " * (12 << 20) + b"}"
        self.broken("director", "targets", "endless-data", document=large)

    def test_director_delegates(self):
        world = self.offered()
        world.director.delegate("helper", ["*"])
        del world.director.nodes["helper"]
        world.publish()
        self.refused(world, "arbitrary-software", "director", "targets")
        world.director.top.delegations.clear()
        self.recovers(world)

    def test_ecu_in_two_images(self):
        world = self.offered()
        other = Image("other.bin", b"other", 9, ["hw-p"])
        world.add(other)
        world.director.targets[other.name] = other.assigned([PRIMARY], "aktualizr")
        world.publish()
        self.refused(world, "arbitrary-software", "director", "targets")
        world.stage(3)
        self.recovers(world)

    def test_foreign_ecu(self):
        world = self.offered()
        other = Image("other.bin", b"other", 9, ["hw-z"])
        world.add(other)
        world.director.targets[other.name] = other.assigned([("ecu-z", "hw-z")], "aktualizr")
        world.publish()
        self.refused(world, "arbitrary-software", "director", "targets")
        world.stage(3)
        self.recovers(world)

    def test_hardware_of_the_ecu(self):
        world = self.offered()
        for entry in world.director.targets.values():
            for ecu in entry["custom"]["ecuIdentifiers"].values():
                ecu["hardwareId"] = "hw-z"
        world.publish()
        self.refused(world, "wrong-hardware")
        world.stage(3)
        self.recovers(world)

    def test_hardware_of_the_image(self):
        """[X V13, V13b]: absent, or without the ECU's."""
        for hardware in (["hw-z"], [], None):
            with self.subTest(hardware=hardware):
                world = self.offered()
                custom = world.images.targets["supplier-a/brake-2.img"]["custom"]
                custom.pop("hardwareIds")
                if hardware is not None:
                    custom["hardwareIds"] = hardware
                world.publish()
                self.refused(world, UNSIGNED + ("wrong-hardware", "mix-and-match"))
                world.stage(3)
                self.recovers(world)

    def test_director_target_with_hardware_ids(self):
        """[X V12]"""
        world = self.offered()
        for entry in world.director.targets.values():
            entry["custom"]["hardwareIds"] = ["hw-p"]
        world.publish()
        self.refused(world, ANY)
        world.stage(3)
        self.recovers(world)

    def test_disagreement(self):
        changes = {
            "length": lambda entry: entry.update(length=entry["length"] + 1),
            "hash": lambda entry: entry.update(hashes={"sha256": "ab" * 32}),
            "one of two hashes": lambda entry: entry["hashes"].update(sha512="ab" * 64),
        }
        for label, change in changes.items():
            with self.subTest(label):
                world = self.settled()
                world.stage(2, algorithms=("sha256", "sha512"))
                change(world.images.targets["supplier-a/brake-2.img"])
                world.publish()
                self.refused(world, "mix-and-match")
                world.stage(3)
                self.recovers(world)

    def test_not_listed_by_images(self):
        world = self.offered()
        world.images.targets.pop("supplier-a/brake-2.img")
        world.publish()
        self.refused(world, "mix-and-match", "images")
        world.stage(3)
        self.recovers(world)

    def test_image_bytes(self):
        world = self.offered()
        world.publish()
        image = world.pending()[0]
        for body, attack in (
            (b"X" + image.data[1:], "arbitrary-software"),
            (image.data + b"x", "endless-data"),
        ):
            world.store(image, body)
            self.refused(world, attack, fetched=True)
        world.store(image)
        self.accepted(world)

    def test_body_of_an_error_is_not_the_image(self):
        """[X V36]: aktualizr writes a 404's body into the image file."""
        world = self.offered()
        world.publish()
        image = world.pending()[0]
        world.override("images", "targets/*", server.status(404, image.data))
        self.retried(world, fetched=True)
        world.overrides.clear()
        self.accepted(world)

    def test_part5_19_bundle(self):
        world = self.settled()
        world.stage(2, both=True)
        world.publish()
        door = world.assignment[DOOR[0]]
        world.images.files.pop("targets/" + door.name)
        self.retried(world, fetched=True)
        world.store(door)
        self.accepted(world)

    def test_expired_delegated_role_is_not_skipped(self):
        """Part 5, 6: aktualizr skips it and lets a lower role speak."""
        world = self.settled()
        world.images.delegate("a", ["parts/*"])
        world.images.delegate("b", ["parts/*"])
        image = Image("parts/x.bin", b"x", 2, ["hw-p"])
        world.add(image, role="b")
        world.assign({PRIMARY[0]: image})
        world.images.expires["a"] = world.now
        world.publish()
        self.refused(world, "freeze", "images", "a")
        world.images.expires["a"] = world.now + DAY
        self.recovers(world)

    def test_one_key_under_two_ids(self):
        """7.3: aktualizr counts ids; a key is its material."""
        world = self.settled()
        key = Key("ed25519")

        class Alias(Key):
            def id(self, profile="native"):
                return "ab" * 32

        pair = [key, Alias("ed25519", key.private)]
        world.director.rotate(targets=Role(pair, 2))
        world.stage(2)
        world.publish()
        self.refused(world, UNSIGNED, "director", ("root", "targets"))

    def test_root_chain(self):
        for label, attack, signers in (
            ("old only", "arbitrary-software", lambda r, fresh: r.roles["root"].signers()),
            ("new only", "arbitrary-software", lambda r, fresh: fresh.signers()),
            ("nobody", "arbitrary-software", lambda r, fresh: []),
        ):
            for name in ("director", "images"):
                with self.subTest(label, repository=name):
                    world = self.offered()
                    world.publish()
                    repository = world.repository(name)
                    fresh = repository.fresh("root")
                    bad = repository.forge_root(signers=signers(repository, fresh), root=fresh)
                    self.refused(world, attack, name, "root", bad=bad)
                    self.recovers(world)

    def test_root_served_latest_instead_of_absent(self):
        """[X V30]: an older root, {} or nothing under the next name fails the cycle."""
        for body in (b"{}", b"", b"<html>"):
            with self.subTest(body=body):
                world = self.offered()
                world.publish()
                world.override("director", "2.root.json", server.serve(body))
                self.refused(world, UNSIGNED, "director", "root", bad=b"")
                world.overrides.clear()
                self.accepted(world)


class Apart(Case):
    """The laxness of one profile never reaches the other: DESIGN 4."""

    def mixed(self, template, profile, attack=ANY):
        world = self.adopt(template)
        world.stage(2)
        world.publish()
        world.profile, kept = profile, world.profile
        result = world.cycle()
        world.profile = kept
        self.assertNotEqual(result.code, 0, result)
        self.assertEqual(result.out, {}, result)
        self.accepted(world)

    def test_native_repository_under_the_other_profile(self):
        self.mixed(settled(), "aktualizr")

    def test_aktualizr_repository_under_native(self):
        self.mixed(settled(profile="aktualizr"), "native")

    def lax(self, edit, attack=UNSIGNED):
        world = self.settled()
        world.stage(2)
        world.director.break_role("timestamp", **edit)
        world.publish()
        self.refused(world, attack, "director", "timestamp")
        self.recovers(world)

    def test_capital_type_in_native(self):
        self.lax({"signed": lambda s: s.update(_type="Timestamp")})

    def test_base64_signature_in_native(self):
        def change(envelope):
            entry = envelope["signatures"][0]
            entry["sig"] = base64.b64encode(bytes.fromhex(entry["sig"])).decode()
            entry["method"] = "ecdsa"

        self.lax({"envelope": change})

    def test_opaque_key_id_in_native(self):
        world = self.settled()
        world.stage(2)
        world.publish()

        def change(signed):
            role = signed["roles"]["timestamp"]
            signed["keys"]["opaque"] = signed["keys"].pop(role["keyids"][0])
            role["keyids"] = ["opaque"]

        world.director.forge_root(Hook(signed=change))

        def resign(envelope):
            envelope["signatures"][0]["keyid"] = "opaque"

        world.director.break_role("timestamp", envelope=resign)
        world.director.publish()
        self.refused(world, UNSIGNED, "director", ("root", "timestamp"))

    def test_director_without_timestamp_in_native(self):
        world = self.settled()
        world.stage(2)
        world.publish()
        world.director.files.pop("timestamp.json")
        world.director.files["targets.json"] = world.director.docs["targets"]
        self.refused(world, (None, "freeze"), "director", cls=ANY)

    def test_hash_over_the_canonical_text_in_native(self):
        """The fallback of the other profile: here only the bytes as received are hashed."""
        world = self.settled()
        world.stage(2)
        spread = lambda raw: json.dumps(json.loads(raw), indent=1).encode()
        held = {}

        def keep(raw):
            held["canonical"] = raw
            return spread(raw)

        def canonical(says):
            says["hashes"] = digests(held["canonical"])

        world.director.break_role("snapshot", document=keep, listed=canonical)
        world.publish()
        self.refused(world, "mix-and-match", "director", ("snapshot", "timestamp"))
        self.recovers(world)

    def test_release_counter_counts_in_native_only(self):
        world = self.settled()
        world.assign({PRIMARY[0]: world.add(brake_image(9)), DOOR[0]: world.add(door_image(9))})
        world.publish()
        self.accepted(world)
        world.assign({PRIMARY[0]: world.add(brake_image(3))})
        world.publish()
        self.refused(world, "rollback")
