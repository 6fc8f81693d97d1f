"""test_holes - the holes of the prototype (requirements/seeds.md) that reach a vehicle, by name.
Told at length elsewhere: H07 test_modes, H08 H13 test_director, H09 H10 test_recovery, H11 H20 H33
test_root, H14 H15 H18 test_agreement, H19 test_slow. Here each once, plainly, with its honest twin.
SPDX-License-Identifier: MIT"""

import json
import os

import server
from case import ANY, UNSIGNED, Case
from keys import Key, key_id, spki_pem
from repository import Hook
from world import OTHER_VEHICLE, PRIMARY, Image, brake_image


class Holes(Case):
    def offered(self, **options):
        world = self.settled(**options)
        world.stage(2)
        return world

    def test_H07_manifest_of_another_vehicle(self):
        # REQ-H07
        world = self.offered()
        world.director.vehicle = OTHER_VEHICLE
        world.director.made.clear()
        world.publish()
        self.refused(world, "replay", "director", "timestamp")
        world.director.vehicle = world.vehicle
        world.director.made.clear()
        self.recovers(world)

    def test_H08_rollback(self):
        # REQ-H08
        world = self.settled()
        for number, good in ((9, True), (3, False), (10, True)):
            world.stage(number)
            world.publish()
            if good:
                self.accepted(world)
            else:
                self.refused(world, "rollback")

    def test_H09_same_manifest_again(self):
        # REQ-H09
        world = self.offered()
        world.publish()
        self.accepted(world)
        self.accepted(world)

    def test_H10_one_timestamp_key_for_targets_of_threshold_two(self):
        # REQ-H10
        world = self.offered(keys=3, threshold=2)
        world.director.break_role("targets", signers=world.director.roles["timestamp"].keys[:1])
        world.publish()
        self.refused(world, "arbitrary-software", "director", "targets")
        self.recovers(world)

    def test_H11_root_without_signatures(self):
        # REQ-H11
        world = self.offered()
        world.publish()
        bad = world.director.forge_root(signers=[])
        self.refused(world, "arbitrary-software", "director", "root", bad=bad)
        self.recovers(world)

    def test_H12_image_for_other_hardware(self):
        # REQ-H12
        world = self.settled()
        world.assign({PRIMARY[0]: world.add(brake_image(2, hardware=["hw-other"]))})
        world.publish()
        self.refused(world, "wrong-hardware")
        world.stage(3)
        self.recovers(world)

    def test_H13_plaintext_offered_for_an_encrypted_image(self):
        # REQ-H13
        world = self.settled()
        plaintext = {"length": 10, "hashes": {"sha256": "ab" * 32}}
        world.assign({PRIMARY[0]: world.add(brake_image(2, plaintext=plaintext))})
        world.publish()
        self.refused(world, "arbitrary-software")
        world.stage(3)
        self.recovers(world)

    def test_H14_director_key_alone(self):
        # REQ-H14
        world = self.settled()
        evil = Image("evil.img", b"evil", 99, ["hw-p"])
        world.store(evil)
        world.assign({PRIMARY[0]: evil})
        world.publish()
        self.refused(world, "mix-and-match")
        world.stage(3)
        self.recovers(world)

    def test_H15_more_bytes_than_signed(self):
        # REQ-H15
        world = self.offered()
        world.publish()
        image = world.pending()[0]
        world.store(image, image.data + b"more")
        self.refused(world, "endless-data", fetched=True)
        world.store(image)
        self.accepted(world)

    def test_H16_a_refusal_is_never_reported_as_success(self):
        """The prototype printed "IDLE (Updated)" over a bad signature."""
        # REQ-H16
        world = self.offered()
        world.director.break_role("targets", signers=[Key()])
        world.publish()
        for _ in range(3):  # and it stays refused, however often
            result = self.refused(world, "arbitrary-software", "director", "targets")
            error = result.errors[0]
            self.assertTrue(error["error"])
            self.assertEqual(len([x for x in result.stderr.splitlines() if x.startswith("{")]), 1)
            self.assertNotIn("success", result.stdout.lower())
        self.recovers(world)

    def test_H16_wrong_director_key_for_a_whole_vehicle(self):
        """Provisioned with another Director's root: nothing is ever installed."""
        world = self.blank()
        other = self.blank(keys=3, threshold=2)
        path = os.path.join(world.state, "director", "root.json")
        with open(path, "wb") as file:
            file.write(other.director.docs["root"])
        world.stage(1)
        world.publish()
        self.refused(world, "arbitrary-software", "director", "timestamp")

    def test_H17_up_to_date_is_not_an_error(self):
        # REQ-H17
        world = self.settled()
        world.assign({})
        world.publish()
        self.accepted(world)
        self.accepted(world)

    def test_H18_endless_metadata(self):
        # REQ-H18
        for name, path in (
            ("director", "timestamp.json"),
            ("images", "timestamp.json"),
            ("director", None),
            ("images", None),
        ):
            with self.subTest(repository=name, path=path):
                world = self.offered()
                world.publish()
                version = world.repository(name).versions["snapshot"]
                path = path or "%d.snapshot.json" % version
                world.override(name, path, server.endless(world, prefix=b'{"signatures":['))
                result = self.refused(world, "endless-data", name, bad=b"")
                self.assertLess(world.sent, 64 << 20, result)
                self.assertLess(result.rss, 200 << 20, result)
                world.overrides.clear()
                self.accepted(world)

    def test_H18_endless_answer_to_a_question_that_is_answered_no(self):
        """A 404 without end on N.root.json: the cycle ends, one way or the other."""
        world = self.offered()
        world.publish()
        world.override("director", "2.root.json", server.endless(world, code=404))
        result = world.cycle()
        self.assertIn(result.code, (0, 1), result)
        self.assertLess(world.sent, 64 << 20, result)
        if result.code == 1:
            world.overrides.clear()
            self.accepted(world)
        else:
            self.accepted(world, result=result)

    def test_H20_forged_signature_00(self):
        # REQ-H20
        world = self.offered()
        world.director.break_role(
            "targets", envelope=lambda envelope: envelope["signatures"][0].update(sig="00")
        )
        world.publish()
        self.refused(world, "arbitrary-software", "director", "targets")
        self.recovers(world)

    def test_H33_point_off_the_curve(self):
        # REQ-H33
        world = self.offered()
        world.publish()
        point = b"\x04" + b"\x11" * 64
        crooked = {
            "keytype": "ecdsa",
            "scheme": "ecdsa-sha2-nistp256",
            "keyval": {"public": spki_pem(point)},
        }

        def change(signed):
            signed["keys"][key_id(crooked)] = crooked
            signed["roles"]["targets"] = {"keyids": [key_id(crooked)], "threshold": 1}

        world.director.forge_root(Hook(signed=change))
        self.refused(world, UNSIGNED, "director", ("root", "timestamp", "snapshot", "targets"))


class Mistakes(Case):
    """Public mistakes (part 5) that no other file names: 12, 13 and 15 are not this command's."""

    def test_part5_1_new_root_counts_its_own_keys_once(self):
        world = self.settled(keys=3, threshold=2)
        world.stage(2)
        world.publish()
        fresh = world.director.fresh("root", 3, 2)
        old = world.director.roles["root"].signers()
        bad = world.director.forge_root(signers=old + [fresh.keys[0]] * 2, root=fresh)
        self.refused(world, "arbitrary-software", "director", "root", bad=bad)
        self.recovers(world)

    def test_part5_7_hardware_of_delegations_is_honoured(self):
        world = self.offered_for(["hw-b"])
        self.refused(world, "mix-and-match", "images")
        world.images.top.delegations[0].hardware_ids = ["hw-p"]
        self.recovers(world)

    def offered_for(self, hardware):
        world = self.settled()
        world.images.top.delegations[0].hardware_ids = hardware
        world.stage(2)
        world.publish()
        return world

    def test_part5_8_director_timestamp_and_snapshot_are_verified(self):
        for role in ("timestamp", "snapshot"):
            with self.subTest(role):
                world = self.settled()
                world.stage(2)
                world.director.break_role(role, signers=[Key()])
                world.publish()
                self.refused(world, "arbitrary-software", "director", role)
                self.recovers(world)

    def test_part5_9_release_counter_and_section_are_compared(self):
        world = self.settled()
        brake = world.stage(2)
        listed = world.images.nodes["supplier-a"].targets[brake.name]
        listed["custom"]["match"]["releaseCounter"] = 3
        world.publish()
        self.refused(world, "mix-and-match", "images")
        world.add(brake)
        self.recovers(world)

    def test_part5_11_empty_targets_raise_the_floor(self):
        """An empty file is stored: what came before it is a rollback afterwards."""
        world = self.settled()
        world.stage(2)
        old = world.director.top.targets.copy()
        self.assertTrue(old)
        world.assign({})
        world.director.break_role("targets", version=40)
        world.publish()
        self.accepted(world)
        world.director.mend()
        world.stage(3)
        world.director.break_role("targets", version=39)
        world.publish()
        self.refused(world, "rollback", "director", keeps=[("director", "targets")])
        world.director.high["targets"] = 40
        self.recovers(world)

    def test_part5_16_image_names_that_leave_the_folder(self):
        # REQ-REP-08, the client's part: agreed by all repositories, refused all the same.
        names = ["../x.img", "../../etc/x", "/x.img", "a/../../x", "a/..", "..", ".", "C:\\x"]
        names += ["a\0b", "a/./b", "a\\..\\b", "", "a//b", "a/"]
        for name in names:
            with self.subTest(name=name):
                world = self.settled(regulator=False)
                odd = Image(name, b"odd", 2, ["hw-p"])
                world.images.targets[name] = odd.listed()
                for path in world.image_paths(odd):
                    world.images.files[path] = odd.data
                world.assign({PRIMARY[0]: odd})
                world.publish()
                self.refused(world, ANY, cls=ANY, fetched=True)
                world.images.targets.pop(name)
                world.stage(3)
                self.recovers(world)

    def test_REP_09_names_must_be_in_normal_form(self):
        """The client refuses what is not NFC, though all repositories agree on it."""
        # REQ-REP-09, the client's part
        for name in ("cafe\u0301.img", "\u212bngstrom.img", "\u1100\u1161.img"):
            with self.subTest(name=name):
                world = self.settled()
                odd = Image(name, b"odd", 2, ["hw-p"])
                world.add(odd, role="targets")
                world.assign({PRIMARY[0]: odd})
                world.publish()
                self.refused(world, ANY)
                world.images.targets.pop(name)
                world.regulator.nodes["attestations"].targets.pop(name)
                world.stage(3)
                self.recovers(world)

    def test_part5_17_same_version_other_content(self):
        world = self.settled()
        world.stage(2)
        version = world.director.versions["timestamp"]
        world.director.break_role("timestamp", version=version)
        world.publish()
        self.refused(world, "equivocation", "director", "timestamp")
        self.recovers(world)

    def test_part5_20_unknown_scheme_in_an_extra_signature(self):
        """Migration: a signature of a kind we do not know fails nothing."""
        world = self.settled()
        world.stage(2)

        def more(envelope):
            envelope["signatures"].insert(0, {"keyid": "ab" * 32, "sig": "00" * 3309})
            envelope["signatures"].append({"keyid": "cd" * 32, "sig": "", "scheme": "ml-dsa-65"})

        for repository in world.repositories():
            for role in ("timestamp", "snapshot", "targets"):
                repository.break_role(role, envelope=more)
        world.publish()
        self.accepted(world)

    def test_part5_2_threshold_zero_lets_nobody_in(self):
        world = self.settled()
        world.stage(2)
        world.publish()
        change = lambda signed: signed["roles"]["targets"].update(threshold=0, keyids=[])
        bad = world.director.forge_root(Hook(signed=change))
        self.refused(world, UNSIGNED, "director", "root", bad=bad)
        self.recovers(world)

    def test_error_object_is_one_line_of_json(self):
        world = self.settled()
        world.stage(2)
        evil = 'x"\n\\\u0007'
        world.director.break_role("targets", signed=lambda s: s.update(_type=evil))
        world.publish()
        result = self.refused(world, UNSIGNED, "director", "targets")
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        objects = [line for line in lines if line.startswith("{")]
        self.assertEqual(len(objects), 1, result)
        self.assertEqual(json.loads(objects[0])["role"], "targets")
