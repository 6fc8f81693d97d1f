"""test_agreement - Director, Regulator and Images must say the same: VER-06 to VER-08, MET-09 to
MET-11, MET-30, not_attested and withdrawn, order of the visits, image bytes (ECU-14, ECU-23).
SPDX-License-Identifier: MIT"""

import copy
import datetime

import server
from case import ANY, UNSIGNED, Case
from repository import digests
from world import DOOR, PRIMARY, Image, brake_image

VOUCHERS = {"images": "supplier-a", "regulator": "attestations"}


class Match(Case):
    def differs(self, change, attack="mix-and-match", where=("images", "regulator")):
        """`change` edits the entry of one repository; the others stay."""
        for name in where:
            with self.subTest(differs=name):
                world = self.settled()
                brake = world.stage(2)
                node = world.repository(name).nodes[VOUCHERS[name]]
                entry = copy.deepcopy(node.targets[brake.name])
                change(entry)
                node.targets[brake.name] = entry
                world.publish()
                self.refused(world, attack)
                world.add(brake)
                self.recovers(world)

    def test_VER_06_name_differs_in_case(self):
        # REQ-VER-06
        for name in VOUCHERS:
            with self.subTest(name):
                world = self.settled()
                brake = world.stage(2)
                node = world.repository(name).nodes[VOUCHERS[name]]
                node.targets["supplier-a/Brake-2.img"] = node.targets.pop(brake.name)
                world.publish()
                if name == "images":
                    self.refused(world, "mix-and-match")
                else:  # the Regulator's search ended without the name
                    self.retried(world, error="not_attested")
                world.add(brake)
                self.recovers(world)

    def test_VER_06_name_in_another_normal_form(self):
        world = self.settled()
        composed, decomposed = "supplier-a/caf\u00e9.img", "supplier-a/cafe\u0301.img"
        wanted = Image(composed, b"coffee", 2, ["hw-p"])
        other = Image(decomposed, b"coffee", 2, ["hw-p"])
        world.add(other)
        world.assign({PRIMARY[0]: wanted})
        world.publish()
        self.refused(world, ANY)
        world.images.nodes["supplier-a"].targets.pop(decomposed)
        world.regulator.nodes["attestations"].targets.pop(decomposed)
        world.add(wanted)
        self.recovers(world)

    def test_VER_07_length(self):
        # REQ-VER-07
        self.differs(lambda entry: entry.update(length=entry["length"] + 1))
        self.differs(lambda entry: entry.update(length=entry["length"] - 1))

    def test_VER_07_digest(self):
        self.differs(lambda entry: entry.update(hashes={"sha256": "12" * 32}))

    def test_part5_10_one_common_hash_is_not_enough(self):
        # The *sets* of (algorithm, digest) must be equal: ALG-1 10.2a.
        self.differs(lambda entry: entry["hashes"].update(sha512="34" * 64))

    def test_VER_08_MET_11_section_differs(self):
        # REQ-VER-08 REQ-MET-11: any extra, missing or different member
        changes = {
            "extra": lambda match: match.update(group="brakes"),
            "missing": lambda match: match.pop("version"),
            "different": lambda match: match.update(version="2.1"),
            "counter": lambda match: match.update(releaseCounter=7),
            "type": lambda match: match.update(releaseCounter="2"),
            "unknown member": lambda match: match.update({"x-note": 1}),
            "chunks": lambda match: match.update(chunks={"bytes": 16384, "root": "ab" * 32}),
            "plaintext": lambda match: match.update(
                plaintext={"length": 1, "hashes": {"sha256": "ab" * 32}}
            ),
        }
        for label, change in changes.items():
            with self.subTest(label):
                attacks = ("mix-and-match", "arbitrary-software") if label == "plaintext" else (
                    ("mix-and-match", None) if label in ("type", "missing") else ("mix-and-match",)
                )
                self.differs(lambda entry: change(entry["custom"]["match"]) and None, attacks)

    def test_MET_09_release_counters_differ(self):
        # REQ-MET-09
        self.differs(lambda entry: entry["custom"]["match"].update(releaseCounter=8))

    def test_MET_10_hardware_differs(self):
        # REQ-MET-10: both the section and Images' own list say hw-y.
        def change(entry):
            entry["custom"]["hardwareIds"] = ["hw-y"]
            entry["custom"]["match"]["hardwareIds"] = ["hw-y"]

        self.differs(change, ("mix-and-match",))

    def test_match_absent_on_one_side(self):
        self.differs(lambda entry: entry["custom"].pop("match") and None)

    def test_match_absent_at_the_director(self):
        world = self.settled()
        brake = world.stage(2)
        world.director.targets[brake.name]["custom"].pop("match")
        world.publish()
        self.refused(world, ("mix-and-match", None))
        world.stage(3)
        self.recovers(world)

    def test_match_absent_everywhere(self):
        """Every native target has it: DESIGN 4."""
        world = self.settled()
        brake = world.stage(2)
        for entries in (
            world.director.targets,
            world.images.nodes["supplier-a"].targets,
            world.regulator.nodes["attestations"].targets,
        ):
            entries[brake.name]["custom"].pop("match")
        world.publish()
        self.refused(world, ("mix-and-match", None))
        world.stage(3)
        self.recovers(world)

    def test_hardware_ids_differ_from_match(self):
        """Images and Regulator: custom.hardwareIds equal, as a set, to match.hardwareIds."""
        for label, hardware in {"more": ["hw-p", "hw-q"], "other": ["hw-q"], "none": []}.items():
            with self.subTest(label):
                self.differs(lambda entry: entry["custom"].update(hardwareIds=hardware), ANY)
        with self.subTest("absent"):
            self.differs(lambda entry: entry["custom"].pop("hardwareIds") and None, ANY)

    def test_hardware_ids_are_a_set(self):
        world = self.settled()
        brake = world.add(brake_image(2, hardware=["hw-p", "hw-q"]))
        world.assign({PRIMARY[0]: brake})
        listed = world.images.nodes["supplier-a"].targets[brake.name]
        listed["custom"]["hardwareIds"] = ["hw-q", "hw-p"]
        world.publish()
        self.accepted(world)

    def test_members_in_another_order_are_the_same(self):
        world = self.settled()
        brake = world.stage(2, format="raw", group="brakes")
        listed = world.images.nodes["supplier-a"].targets[brake.name]["custom"]
        listed["match"] = dict(reversed(list(listed["match"].items())))
        world.publish()
        self.accepted(world)

    def test_richer_match_section(self):
        world = self.settled()
        world.stage(
            2,
            format="raw",
            group="brakes",
            chunks={"bytes": 16384, "root": "ab" * 32},
            preconditions=["parked"],
            **{"x-note": {"deep": [1, None, True, "é"]}}
        )
        world.publish()
        self.accepted(world)

    def test_custom_beside_match_need_not_agree(self):
        world = self.settled()
        brake = world.stage(2)
        world.images.nodes["supplier-a"].targets[brake.name]["custom"]["note"] = "ours"
        world.director.targets[brake.name]["custom"]["preconditions"] = ["parked"]
        world.publish()
        self.accepted(world)


class Repositories(Case):
    """DESIGN 3.1: the compromise of any one repository installs nothing."""

    def test_ATK_10_director_alone(self):
        """H14: only the Director lists it."""
        # REQ-ATK-10 REQ-H14
        world = self.settled()
        evil = Image("supplier-a/evil.img", b"evil", 99, ["hw-p"])
        world.store(evil)
        world.assign({PRIMARY[0]: evil})
        world.publish()
        self.refused(world, "mix-and-match")
        world.stage(2)
        self.recovers(world)

    def test_H14_every_repository_is_asked(self):
        world = self.settled()
        world.stage(2)
        world.publish()
        result = self.accepted(world)
        for name in ("director", "images", "regulator"):
            with self.subTest(name):
                asked = result.requests(name)
                self.assertEqual(asked[0], "2.root.json", result)
                self.assertIn("timestamp.json", asked, result)
                repository = world.repository(name)
                for role in ("snapshot",) if name != "director" else ("snapshot", "targets"):
                    path = "%d.%s.json" % (repository.versions[role], role)
                    self.assertIn(path, asked, result)

    def test_ATK_09_director_and_regulator_without_images(self):
        # REQ-ATK-09
        world = self.settled()
        brake = world.stage(2)
        del world.images.nodes["supplier-a"].targets[brake.name]
        world.publish()
        self.refused(world, "mix-and-match", "images")
        world.add(brake)
        self.recovers(world)

    def test_images_alone_installs_nothing(self):
        world = self.settled()
        world.add(brake_image(2))
        world.publish()
        self.accepted(world)

    def test_H14_two_repositories_without_regulator(self):
        world = self.settled(regulator=False)
        evil = Image("supplier-a/evil.img", b"evil", 99, ["hw-p"])
        world.store(evil)
        world.assign({PRIMARY[0]: evil})
        world.publish()
        self.refused(world, "mix-and-match", "images")
        world.stage(2)
        self.recovers(world)

    def test_order_director_regulator_images_then_bytes(self):
        """DESIGN 3.1: no request for an image leaves before all agree."""
        world = self.settled()
        world.stage(2, both=True)
        world.publish()
        result = self.accepted(world)
        first = [repository for repository, _ in result.log]
        at = {name: first.index(name) for name in ("director", "regulator", "images")}
        self.assertLess(at["director"], at["regulator"], result)
        self.assertLess(at["regulator"], at["images"], result)
        names = [path for _, path in result.log]
        bytes_at = [i for i, path in enumerate(names) if path.startswith("targets/")]
        files_at = [i for i, path in enumerate(names) if not path.startswith("targets/")]
        self.assertLess(max(files_at), min(bytes_at), result)
        self.assertEqual(len(bytes_at), 2, "each image once\n    %s" % result)
        self.assertEqual(result.requests("director", "targets/"), [], result)
        self.assertEqual(result.requests("regulator", "targets/"), [], result)


class Attested(Case):
    """not_attested is RETRY, without attack, and nothing is downloaded: DESIGN 3.1."""

    def withdraw(self, world, image, **custom):
        entry = image.entry()
        entry["custom"] = {"hardwareIds": list(image.hardware), **custom}
        world.regulator.nodes["withdrawals"].targets[image.name] = entry

    def test_MET_30_two_of_three_agree(self):
        # REQ-MET-30
        world = self.settled()
        brake = world.add(brake_image(2), attest=False)
        world.assign({PRIMARY[0]: brake})
        world.publish()
        self.retried(world, "regulator", error="not_attested")
        world.add(brake)
        world.publish()
        self.accepted(world)

    def test_one_of_a_bundle_not_attested(self):
        world = self.settled()
        world.stage(2, both=True)
        door = world.assignment[DOOR[0]]
        del world.regulator.nodes["attestations"].targets[door.name]
        world.publish()
        self.retried(world, "regulator", error="not_attested")
        world.add(door)
        world.publish()
        self.accepted(world)

    def test_withdrawn(self):
        world = self.settled()
        brake = world.stage(2)
        self.withdraw(world, brake)
        world.publish()
        self.retried(world, "regulator", error="not_attested")
        # Granted again: out of both, into the attestations.
        del world.regulator.nodes["withdrawals"].targets[brake.name]
        world.publish()
        self.accepted(world)

    def test_withdrawn_with_a_match_section(self):
        """A withdrawal never has `match`; one that does is still a withdrawal."""
        world = self.settled()
        brake = world.stage(2)
        self.withdraw(world, brake, match=brake.match())
        world.publish()
        self.refused(world, ANY, cls=ANY)

    def test_withdrawn_whatever_the_entry_says(self):
        """The name in `withdrawals` is enough; length and hashes of another build do not help."""
        world = self.settled()
        brake = world.stage(2)
        other = {"length": 1, "hashes": {"sha256": "ab" * 32}}
        world.regulator.nodes["withdrawals"].targets[brake.name] = other
        world.publish()
        self.retried(world, "regulator", error="not_attested")
        del world.regulator.nodes["withdrawals"].targets[brake.name]
        world.publish()
        self.accepted(world)

    def test_regulator_without_any_role(self):
        """A repository that vouches for nothing yet: nothing is attested."""
        world = self.blank()
        world.regulator.top.delegations.clear()
        world.stage(1)
        world.publish()
        self.retried(world, "regulator", error="not_attested")

    def test_attested_in_a_role_of_another_name(self):
        world = self.settled()
        brake = world.add(brake_image(2), attest=False)
        world.regulator.delegate("brakes-board", ["supplier-a/*"])
        world.regulator.nodes["brakes-board"].targets[brake.name] = brake.listed()
        world.assign({PRIMARY[0]: brake})
        world.publish()
        self.accepted(world)

    def test_withdrawn_after_an_interrupted_download(self):
        """DESIGN 3.7: an accepted bundle ends when a verified file no longer vouches for it."""
        world = self.settled()
        brake = world.stage(2)
        world.publish()
        world.override("images", "targets/*", server.close())
        self.retried(world, fetched=True)
        world.overrides.clear()
        self.withdraw(world, brake)
        world.publish()
        self.retried(world, "regulator", error="not_attested")
        del world.regulator.nodes["withdrawals"].targets[brake.name]
        world.publish()
        self.accepted(world)

    def test_attestation_taken_away_after_an_interrupted_download(self):
        world = self.settled()
        brake = world.stage(2)
        world.publish()
        world.override("images", "targets/*", server.close())
        self.retried(world, fetched=True)
        world.overrides.clear()
        kept = world.regulator.nodes["attestations"].targets.pop(brake.name)
        world.publish()
        self.retried(world, "regulator", error="not_attested")
        world.regulator.nodes["attestations"].targets[brake.name] = kept
        world.publish()
        self.accepted(world)

    def test_withdrawn_needs_one_reviewer_only(self):
        world = self.settled()
        brake = world.stage(2)
        self.withdraw(world, brake)
        reviewers = world.regulator.role_of("withdrawals").keys
        world.regulator.role_of("withdrawals").signing = [reviewers[2]]
        world.publish()
        self.retried(world, "regulator", error="not_attested")

    def test_not_attested_and_images_differ(self):
        """Only if all others agree is it `not_attested`."""
        world = self.settled()
        brake = world.add(brake_image(2), attest=False)
        world.assign({PRIMARY[0]: brake})
        world.images.nodes["supplier-a"].targets[brake.name]["length"] += 1
        world.publish()
        self.refused(world, "mix-and-match")

    def test_not_attested_and_images_lacks_it(self):
        world = self.settled()
        brake = brake_image(2)
        world.store(brake)
        world.assign({PRIMARY[0]: brake})
        world.publish()
        self.refused(world, "mix-and-match")

    def test_attested_with_another_hash(self):
        world = self.settled()
        brake = world.stage(2)
        entry = world.regulator.nodes["attestations"].targets[brake.name]
        entry["hashes"] = {"sha256": "ab" * 32}
        world.publish()
        self.refused(world, "mix-and-match")
        world.add(brake)
        self.recovers(world)

    def test_expired_attestations_keep_their_own_name(self):
        """Not not_attested: the role is expired, whether or not it lists the image."""
        for attest in (True, False):
            with self.subTest(listed=attest):
                world = self.settled()
                brake = world.add(brake_image(2), attest=attest)
                world.assign({PRIMARY[0]: brake})
                world.regulator.expires["attestations"] = world.now
                world.publish()
                self.refused(world, "freeze", "regulator", "attestations")
                del world.regulator.expires["attestations"]
                world.add(brake)
                self.recovers(world)

    def test_withdrawals_not_in_the_snapshot(self):
        """The role that could say no is hidden: never a success."""
        world = self.settled()
        world.stage(2)
        world.regulator.unlisted.add("withdrawals")
        world.publish()
        self.refused(world, "rollback", "regulator")  # it was listed before: vanished
        world.regulator.unlisted.clear()
        self.recovers(world)

    def test_withdrawals_never_listed(self):
        world = self.blank()
        world.regulator.unlisted.add("withdrawals")
        world.stage(1)
        world.publish()
        attacks = UNSIGNED + ("mix-and-match", "rollback", "freeze")
        self.refused(world, attacks, "regulator", cls=ANY)
        world.regulator.unlisted.clear()
        self.recovers(world)

    def test_listed_in_the_top_level_targets(self):
        """DESIGN 4: found by ALG-7 from the top, in whichever role it lies."""
        world = self.settled()
        brake = world.add(brake_image(2), attest=False)
        world.regulator.targets[brake.name] = brake.listed()
        world.assign({PRIMARY[0]: brake})
        world.publish()
        self.accepted(world)

    def test_attestation_member_may_be_absent(self):
        world = self.settled()
        brake = world.stage(2)
        del world.regulator.nodes["attestations"].targets[brake.name]["custom"]["attestation"]
        world.publish()
        self.accepted(world)

    def test_attestation_by_too_few_reviewers(self):
        world = self.settled()
        world.stage(2)
        reviewers = world.regulator.role_of("attestations").keys
        world.regulator.break_role("attestations", signers=reviewers[:1])
        world.publish()
        self.refused(world, "arbitrary-software", "regulator", "attestations")
        self.recovers(world)


class Bytes(Case):
    """The image itself: ALG-10, ECU-14, ECU-23, ECU-24, H15, H18."""

    def offered(self, **extra):
        world = self.settled()
        image = world.stage(2, **extra)
        world.publish()
        return world, image

    def wrong(self, body, attack, cls="REFUSE"):
        world, image = self.offered()
        world.store(image, body(image.data))
        self.refused(world, attack, fetched=True, cls=cls)
        world.store(image)
        self.accepted(world)

    def test_ALG_10_ECU_23_one_bit(self):
        # REQ-ALG-10
        self.wrong(lambda data: bytes([data[0] ^ 1]) + data[1:], "arbitrary-software")
        self.wrong(lambda data: data[:-1] + bytes([data[-1] ^ 0x80]), "arbitrary-software")

    def test_ECU_14_one_byte_more(self):
        # REQ-ECU-14 REQ-H15
        self.wrong(lambda data: data + b"x", "endless-data")

    def test_ECU_24_one_byte_less(self):
        # Whole by HTTP, short by the signed length: wrong image bytes.
        self.wrong(lambda data: data[:-1], ("arbitrary-software", None), ("REFUSE", "RETRY"))

    def test_empty_body(self):
        self.wrong(lambda data: b"", ("arbitrary-software", None), ("REFUSE", "RETRY"))

    def test_ECU_23_all_hashes_count(self):
        # REQ-ECU-23: SHA-256 right, SHA-512 wrong, all repositories agree.
        world = self.settled()
        image = brake_image(2)
        image.hashes = dict(digests(image.data), sha512="56" * 64)
        world.add(image)
        world.assign({PRIMARY[0]: image})
        world.publish()
        self.refused(world, "arbitrary-software", fetched=True)
        world.stage(3)
        self.recovers(world)

    def test_ECU_23_first_hash_wrong_second_right(self):
        world = self.settled()
        image = brake_image(2)
        image.hashes = dict(digests(image.data, ["sha512"]), sha256="56" * 32)
        world.add(image)
        world.assign({PRIMARY[0]: image})
        world.publish()
        self.refused(world, "arbitrary-software", fetched=True)
        world.stage(3)
        self.recovers(world)

    def test_ECU_24_signed_length_is_wrong(self):
        # REQ-ECU-24: the hash list is right, the length is one off, all agree.
        for delta, attacks in ((1, ("arbitrary-software", None)), (-1, ("endless-data",))):
            with self.subTest(delta=delta):
                world = self.settled()
                image = brake_image(2)
                image.length += delta
                world.add(image)
                world.assign({PRIMARY[0]: image})
                world.publish()
                classes = ("REFUSE",) if delta < 0 else ("REFUSE", "RETRY")
                self.refused(world, attacks, fetched=True, cls=classes)
                world.stage(3)
                self.recovers(world)

    def test_both_hashes_right(self):
        world, _ = self.offered(algorithms=("sha256", "sha512"))
        self.accepted(world)

    def test_sha512_only(self):
        world, image = self.offered(algorithms=("sha512",))
        result = self.accepted(world)
        self.assertEqual(result.images(), world.image_paths(image), result)

    def test_unknown_algorithm_only(self):
        world = self.settled()
        image = brake_image(2)
        image.hashes = {"blake9": "ab" * 32}
        world.add(image)
        world.assign({PRIMARY[0]: image})
        world.publish()
        self.refused(world, ANY, cls=ANY, fetched=True)
        world.stage(3)
        self.recovers(world)

    def test_unknown_algorithm_beside_a_known_one(self):
        """ECU-23, P: a listed algorithm that the ECU cannot compute refuses the image."""
        world = self.settled()
        image = brake_image(2)
        image.hashes = dict(image.hashes, blake9="ab" * 32)
        world.add(image)
        world.assign({PRIMARY[0]: image})
        world.publish()
        self.refused(world, ANY, fetched=True)
        world.stage(3)
        self.recovers(world)

    def test_another_image_of_the_repository(self):
        """Signed bytes, but of another release."""
        world, image = self.offered()
        world.store(image, brake_image(1).data)
        self.refused(world, ("arbitrary-software", "endless-data"), fetched=True, cls=ANY)
        world.store(image)
        self.accepted(world)

    def test_H18_ATK_08_endless_image(self):
        # REQ-H18 REQ-ATK-08
        for announce in (False, True):
            with self.subTest(content_length=announce):
                world, image = self.offered()
                path = world.image_paths(image)[0]
                world.override("images", path, server.endless(world, announce=announce))
                result = self.refused(world, "endless-data", fetched=True)
                self.assertLess(world.sent, 64 << 20, "taken without bound\n    %s" % result)
                self.assertLess(result.rss, 200 << 20, result)
                world.overrides.clear()
                self.accepted(world)

    def test_H18_endless_after_the_right_bytes(self):
        world, image = self.offered()
        path = world.image_paths(image)[0]
        world.override("images", path, server.endless(world, prefix=image.data))
        self.refused(world, "endless-data", fetched=True)
        world.overrides.clear()
        self.accepted(world)

    def test_large_image(self):
        world = self.settled()
        data = bytes(range(256)) * 4 * 8192  # 8 MiB
        large = world.add(Image("supplier-a/large.img", data, 2, ["hw-p"]))
        world.assign({PRIMARY[0]: large})
        world.publish()
        result = self.accepted(world)
        self.assertLess(result.rss, 200 << 20, result)

    def test_image_absent(self):
        for code in (404, 403, 500, 503):
            with self.subTest(code):
                world, image = self.offered()
                world.override("images", "targets/*", server.status(code, b"sorry"))
                self.retried(world, fetched=True)
                world.overrides.clear()
                self.accepted(world)

    def test_image_cut(self):
        world, image = self.offered()
        world.override("images", "targets/*", server.truncate(10))
        self.refused(world, (None, "arbitrary-software"), fetched=True, cls=("RETRY", "REFUSE"))
        world.overrides.clear()
        self.accepted(world)

    def test_bundle_expired_between_cycles(self):
        """A bundle not yet fetched is judged again: DESIGN 3.7."""
        world, image = self.offered()
        world.override("images", "targets/*", server.status(404))
        self.retried(world, fetched=True)
        world.overrides.clear()
        self.refused(world, "freeze", now=world.now + datetime.timedelta(days=400))
