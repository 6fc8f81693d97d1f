"""test_modes - primary, full and partial: what each asks for, matches and puts out; --vehicle.
SPDX-License-Identifier: MIT"""

import server
from case import Case
from keys import Key
from repository import Delegation
from world import DOOR, OTHER_VEHICLE, PRIMARY, VEHICLE, Image, brake_image, door_image


class Full(Case):
    """--mode full: a Secondary that verifies everything, for its own image."""

    def fresh(self):
        world = self.blank()
        world.stage(1, both=True)
        world.publish()
        return world

    def test_own_image_only(self):
        world = self.fresh()
        result = self.accepted(world, mode="full")
        self.assertEqual(result.images(), world.image_paths(world.assignment[PRIMARY[0]]), result)

    def test_own_image_of_the_other_ecu(self):
        world = self.fresh()
        world.ecus = [DOOR, PRIMARY]
        self.accepted(world, mode="full")

    def test_foreign_serials_are_no_fault(self):
        world = self.fresh()
        world.ecus.append(("ecu-z", "hw-z"))
        stranger = world.add(Image("supplier-a/z.img", b"z", 1, ["hw-z"]))
        world.assign(dict(world.assignment, **{"ecu-z": stranger}))
        world.publish()
        self.accepted(world, mode="full")

    def test_no_entry_for_me_is_nothing_new(self):
        world = self.fresh()
        world.assign({DOOR[0]: door_image(1)})
        world.publish()
        self.accepted(world, mode="full")

    def test_SFV_02_foreign_image_mismatched(self):
        """Own image matches, the foreign one does not: the Secondary may proceed."""
        world = self.fresh()
        for entry in world.images.nodes["supplier-b"].targets.values():
            entry["hashes"] = {"sha256": "ab" * 32}
        world.publish()
        self.accepted(world, mode="full")

    def test_own_image_mismatched(self):
        for name, role in (("images", "supplier-a"), ("regulator", "attestations")):
            with self.subTest(name):
                world = self.fresh()
                own = world.assignment[PRIMARY[0]]
                world.repository(name).nodes[role].targets[own.name]["length"] += 1
                world.publish()
                self.refused(world, "mix-and-match", mode="full")

    def test_not_attested(self):
        world = self.fresh()
        own = world.assignment[PRIMARY[0]]
        del world.regulator.nodes["attestations"].targets[own.name]
        world.publish()
        self.retried(world, "regulator", error="not_attested", mode="full")
        world.add(own)
        world.publish()
        self.accepted(world, mode="full")

    def test_own_hardware_is_wrong(self):
        world = self.fresh()
        world.ecus = [(PRIMARY[0], "hw-other")]
        self.refused(world, "wrong-hardware", mode="full")

    def test_VER_34_foreign_duplicate_refuses_the_file(self):
        """No ECUID twice, across all images (ALG-6 step 7), whoever looks."""
        world = self.fresh()
        other = Image("supplier-b/other.img", b"other", 3, ["hw-b"])
        world.director.targets[other.name] = other.assigned([DOOR])
        world.publish()
        self.refused(world, "arbitrary-software", "director", "targets", mode="full")

    def test_delegating_director(self):
        world = self.fresh()
        world.director.top.delegations.append(Delegation("x", [Key()], 1, ["*"]))
        world.publish()
        self.refused(world, "arbitrary-software", "director", "targets", mode="full")

    def test_counter(self):
        world = self.fresh()
        world.stage(9)
        world.publish()
        self.accepted(world, mode="full")
        world.assign({PRIMARY[0]: world.add(brake_image(3))})
        world.publish()
        self.refused(world, "rollback", mode="full")
        world.stage(10)
        world.publish()
        self.accepted(world, mode="full")

    def test_nothing_new(self):
        world = self.fresh()
        self.accepted(world, mode="full")
        result = self.accepted(world, mode="full")
        self.assertEqual(result.requests("images"), [], result)


class Partial(Case):
    """--mode partial: the Director's root chain and targets; Images serves bytes and no more."""

    def fresh(self):
        world = self.blank()
        world.stage(1, both=True)
        world.publish()
        return world

    def edited(self, change, attack, **expect):
        world = self.fresh()
        world.director.break_role("targets", signed=change)
        world.publish()
        self.refused(world, attack, "director", mode="partial", **expect)
        self.recovers(world, mode="partial")

    def test_only_the_director_is_read(self):
        world = self.fresh()
        world.override("regulator", "*", server.close())
        result = self.accepted(world, mode="partial")
        own = world.assignment[PRIMARY[0]]
        self.assertEqual(result.requests("images"), world.image_paths(own), result)
        self.assertEqual(result.requests("regulator"), [], result)

    def test_images_metadata_may_be_anything(self):
        world = self.fresh()
        for path in list(world.images.files):
            if not path.startswith("targets/"):
                world.images.files[path] = b"rubbish"
        self.accepted(world, mode="partial")

    def test_without_regulator_option(self):
        world = self.fresh()
        self.accepted(world, mode="partial", regulator=False)

    def test_timestamp_and_snapshot_may_be_unverified(self):
        """`N` comes from them, verified or not: their signatures may be refused or not looked at,
        what is installed is what the Targets key signed."""
        for role in ("timestamp", "snapshot"):
            with self.subTest(role):
                world = self.fresh()
                world.director.break_role(role, signers=[Key()])
                world.publish()
                result = world.cycle(mode="partial")
                if result.code == 0:
                    self.accepted(world, mode="partial", result=result)
                else:
                    self.refused(world, "arbitrary-software", "director", role, result=result)

    def test_VER_43_ALG_9_SPV_03_signature(self):
        # REQ-VER-43 REQ-ALG-9
        world = self.fresh()
        world.director.break_role("targets", signers=[Key()])
        world.publish()
        self.refused(world, "arbitrary-software", "director", "targets", mode="partial")
        self.recovers(world, mode="partial")

    def test_SPV_03_targets_signed_by_the_timestamp_key(self):
        world = self.fresh()
        world.director.break_role("targets", signers=world.director.roles["timestamp"].keys)
        world.publish()
        self.refused(world, "arbitrary-software", "director", "targets", mode="partial")

    def test_VER_31_lower_version(self):
        # REQ-VER-31: timestamp and snapshot rise, targets fall.
        world = self.fresh()
        world.director.break_role("targets", version=50)
        world.publish()
        self.accepted(world, mode="partial")
        world.director.mend()
        world.stage(2)
        world.director.break_role("targets", version=49)
        world.publish()
        self.refused(world, "rollback", "director", mode="partial", keeps=[("director", "targets")])
        world.director.high["targets"] = 50
        self.recovers(world, mode="partial")

    def test_ATK_14_same_version_other_bytes(self):
        world = self.fresh()
        self.accepted(world, mode="partial")
        world.stage(2)
        world.director.break_role("targets", version=world.director.versions["targets"])
        world.publish()
        before = world.state_files()
        result = world.cycle(mode="partial")
        if result.code == 0:
            # The stored file has the version that is named, so it need not be asked for again:
            # open. Nothing of the other bytes is taken.
            self.assertEqual(result.out, {}, result)
            keep = (world, before, "director", "targets", None, result)
            self.kept(*keep)
        else:
            self.refused(world, "equivocation", "director", result=result, before=before)
        self.recovers(world, mode="partial")

    def test_SPV_03_expired(self):
        world = self.fresh()
        world.director.expires["targets"] = world.now
        world.publish()
        self.refused(world, "freeze", "director", "targets", mode="partial")
        del world.director.expires["targets"]
        self.recovers(world, mode="partial")

    def test_expired_root(self):
        world = self.fresh()
        world.director.expires["root"] = world.now
        world.director.rotate()
        result = self.refused(world, "freeze", "director", mode="partial")
        # That there is no root after it is in order, and not what is wrong.
        self.assertNotIn("404", self.error_of(result)["detail"], result)
        del world.director.expires["root"]
        world.director.rotate()
        self.accepted(world, mode="partial")

    def test_SPV_03_delegation(self):
        self.edited(
            lambda s: s.update(delegations={"keys": {}, "roles": []}), "arbitrary-software"
        )

    def test_SPV_03_duplicate_ecu(self):
        other = Image("supplier-a/other.img", b"other", 3, ["hw-p"])
        change = lambda s: s["targets"].update({other.name: other.assigned([PRIMARY])})
        self.edited(change, "arbitrary-software")

    def test_SPV_06_other_vehicle(self):
        # REQ-ATK-13
        self.edited(lambda s: s["custom"].update(vehicle=OTHER_VEHICLE), "replay")

    def test_SPV_06_no_vehicle(self):
        self.edited(lambda s: s["custom"].pop("vehicle") and None, ("replay", None))

    def test_SPV_06_wrong_hardware(self):
        world = self.fresh()
        world.ecus = [(PRIMARY[0], "hw-other")]
        self.refused(world, "wrong-hardware", mode="partial")

    def test_SPV_06_hardware_not_in_match(self):
        world = self.fresh()
        wrong = world.add(brake_image(2, hardware=["hw-x"]))
        world.assign({PRIMARY[0]: wrong})
        world.publish()
        self.refused(world, "wrong-hardware", mode="partial")
        world.stage(3)
        self.recovers(world, mode="partial")

    def test_SPV_06_counter(self):
        world = self.fresh()
        world.stage(9)
        world.publish()
        self.accepted(world, mode="partial")
        world.assign({})
        world.publish()
        self.accepted(world, mode="partial")
        world.assign({PRIMARY[0]: world.add(brake_image(3))})
        world.publish()
        self.refused(world, "rollback", mode="partial")
        world.stage(10)
        self.recovers(world, mode="partial")

    def test_foreign_entries_are_no_fault(self):
        world = self.fresh()
        world.ecus.append(("ecu-z", "hw-z"))
        stranger = world.add(Image("supplier-a/z.img", b"z", 1, ["hw-z"]))
        world.assign(dict(world.assignment, **{"ecu-z": stranger}))
        world.publish()
        self.accepted(world, mode="partial")

    def test_SPV_04_director_key_rotated(self):
        world = self.fresh()
        self.accepted(world, mode="partial")
        world.director.rotate(
            root=world.director.fresh("root"), targets=world.director.fresh("targets")
        )
        world.stage(2)
        world.publish()
        self.accepted(world, mode="partial")

    def test_root_badly_signed(self):
        world = self.fresh()
        bad = world.director.forge_root(signers=[Key()])
        self.refused(world, "arbitrary-software", "director", "root", bad=bad, mode="partial")
        self.recovers(world, mode="partial")

    def test_image_bytes(self):
        world = self.fresh()
        own = world.assignment[PRIMARY[0]]
        for body, attack in (
            (own.data + b"x", "endless-data"),
            (b"X" + own.data[1:], "arbitrary-software"),
        ):
            world.store(own, body)
            self.refused(world, attack, mode="partial", fetched=True)
        world.store(own)
        self.accepted(world, mode="partial")

    def test_part5_19b_director_decides_not_images(self):
        """What Images lists beyond that is nothing to a partial verifier."""
        world = self.fresh()
        self.accepted(world, mode="partial")
        world.add(brake_image(7))
        world.publish()
        self.accepted(world, mode="partial")

    def test_H13_downgrade_in_partial_mode(self):
        world = self.fresh()
        plaintext = {"length": 9, "hashes": {"sha256": "ab" * 32}}
        world.assign({PRIMARY[0]: world.add(brake_image(2, plaintext=plaintext))})
        world.publish()
        self.refused(world, "arbitrary-software", mode="partial")

    def test_nothing_new(self):
        world = self.fresh()
        self.accepted(world, mode="partial")
        self.accepted(world, mode="partial")


class Vehicle(Case):
    """--vehicle, and the binding by the first accepted Director file when it is not given."""

    def first(self, vehicle):
        world = self.blank()
        world.director.vehicle = vehicle
        world.stage(1)
        world.director.made.clear()
        world.publish()
        return world

    def test_given_and_right(self):
        self.accepted(self.first("did:secureev:x"), vehicle="did:secureev:x")

    def test_H07_given_and_another(self):
        # REQ-H07 REQ-ATK-13
        world = self.first(OTHER_VEHICLE)
        self.refused(world, "replay", "director", "timestamp")

    def test_prefix_is_another_vehicle(self):
        for other in (VEHICLE + "x", VEHICLE[:-1], VEHICLE.upper(), ""):
            with self.subTest(vehicle=other):
                self.refused(self.first(other), ("replay", None), "director", "timestamp")

    def test_first_accepted_file_binds(self):
        world = self.first("did:secureev:first")
        self.accepted(world, vehicle=None)
        world.director.vehicle = OTHER_VEHICLE
        world.stage(2)
        world.director.made.clear()
        world.publish()
        self.refused(world, "replay", "director", "timestamp", vehicle=None)
        world.director.vehicle = "did:secureev:first"
        world.director.made.clear()
        world.publish()
        self.accepted(world, vehicle=None)

    def test_unbound_still_needs_a_name(self):
        for role in ("timestamp", "snapshot", "targets"):
            with self.subTest(role):
                world = self.first("did:secureev:first")
                unnamed = lambda signed: signed["custom"].pop("vehicle") and None
                world.director.break_role(role, signed=unnamed)
                world.publish()
                self.refused(world, ("replay", None), "director", role, vehicle=None)

    def test_timestamp_binds_the_snapshot_of_the_same_cycle(self):
        world = self.first("did:secureev:first")
        other = lambda signed: signed["custom"].update(vehicle=OTHER_VEHICLE)
        world.director.break_role("snapshot", signed=other)
        world.publish()
        self.refused(world, "replay", "director", "snapshot", vehicle=None)

    def test_refused_file_binds_nothing(self):
        """Another vehicle's file with a bad signature comes first."""
        world = self.first(OTHER_VEHICLE)
        world.director.break_role("timestamp", signers=[Key()])
        world.publish()
        self.refused(world, "arbitrary-software", "director", "timestamp", vehicle=None)
        world.director.vehicle = "did:secureev:first"
        world.director.made.clear()
        self.recovers(world, vehicle=None)

    def test_binding_holds_in_partial_mode_too(self):
        world = self.first("did:secureev:first")
        self.accepted(world, vehicle=None, mode="partial")
        world.director.vehicle = OTHER_VEHICLE
        world.stage(2)
        world.director.made.clear()
        world.publish()
        self.refused(world, "replay", "director", vehicle=None, mode="partial")

    def test_another_name_for_a_bound_vehicle(self):
        """DIR belongs to the first vehicle; --vehicle of another one does not move it, even when
        the files are that other vehicle's. Refused: as replay or as configuration."""
        world = self.first("did:secureev:first")
        self.accepted(world, vehicle=None)
        world.director.vehicle = OTHER_VEHICLE
        world.stage(2)
        world.director.made.clear()
        world.publish()
        result = world.cycle(vehicle=OTHER_VEHICLE)
        self.assertIn(result.code, (1, 2), result)
        self.assertEqual(result.out, {}, result)
        self.assertEqual(result.images(), [], result)
        world.director.vehicle = "did:secureev:first"
        world.director.made.clear()
        world.publish()
        self.accepted(world, vehicle="did:secureev:first")

    def test_H07_whole_directory_of_another_vehicle(self):
        """Everything of vehicle B is genuine: its timestamp, snapshot and targets."""
        world = self.settled()
        stolen = self.settled()  # the same Director's keys, another vehicle
        stolen.director.vehicle = OTHER_VEHICLE
        stolen.director.made.clear()
        for _ in range(3):
            stolen.stage(5)
            stolen.publish()
        world.director.files.update(stolen.director.files)
        world.images.files.update(stolen.images.files)
        theirs = stolen.director.docs["timestamp"]
        self.refused(world, "replay", "director", "timestamp", bad=theirs)
        world.director.files["timestamp.json"] = world.director.docs["timestamp"]
        world.stage(2)
        self.recovers(world)

    def test_vehicle_in_other_repositories_is_not_looked_at(self):
        world = self.settled()
        world.stage(2)
        for repository in (world.images, world.regulator):
            for role in ("timestamp", "snapshot", "targets"):
                named = lambda signed: signed.update(custom={"vehicle": OTHER_VEHICLE})
                repository.break_role(role, signed=named)
        world.publish()
        self.accepted(world)

    def test_vehicle_names_are_opaque(self):
        for name in ("WVWZZZ1KZAW000001", "vehicle with spaces", "did:web:example.org%3A8080", "é"):
            with self.subTest(name):
                self.accepted(self.first(name), vehicle=name, ecus=None)

    def test_ecu_of_every_name(self):
        """Serials and hardware ids are opaque too; SERIAL/trust is the map's own ECU."""
        world = self.blank()
        world.ecus = [("ecu 1/trust", "secureev-trust"), ("é-2", "hw.ä_1")]
        one = world.add(Image("config/trust-1", b"{}", 1, ["secureev-trust"]))
        two = world.add(Image("supplier-a/two.img", b"two", 1, ["hw.ä_1"]))
        world.assign({"ecu 1/trust": one, "é-2": two})
        world.publish()
        self.accepted(world)
