"""test_director - what a Director's targets may say to this vehicle: MET-07 to MET-16, VER-33 to
VER-35, release counters, hardware, bundles, encryption announced on one side, ALG-1 and ALG-6.
SPDX-License-Identifier: MIT"""

from case import ANY, UNSIGNED, Case
from keys import Key
from repository import Delegation
from world import DOOR, OTHER_VEHICLE, PRIMARY, Image, brake_image, door_image

BRAKE = "supplier-a/brake-2.img"


class Director(Case):
    def edited(self, change, attack, world=None, **expect):
        """Release 2 is offered; `change` edits the Director's targets before they are signed."""
        world = world or self.settled()
        world.stage(2)

        def act(signed):
            change(signed)

        world.director.break_role("targets", signed=act)
        world.publish()
        expect.setdefault("repository", "director")
        expect.setdefault("role", "targets")
        self.refused(world, attack, **expect)
        self.recovers(world)

    def test_MET_07_entry_without_length_or_hashes(self):
        # REQ-MET-07
        changes = {
            "no length": lambda entry: entry.pop("length"),
            "no hashes": lambda entry: entry.pop("hashes"),
            "empty hashes": lambda entry: entry.update(hashes={}),
            "negative length": lambda entry: entry.update(length=-1),
            "text length": lambda entry: entry.update(length="10"),
            "short digest": lambda entry: entry.update(hashes={"sha256": "abcd"}),
            "no hex": lambda entry: entry.update(hashes={"sha256": "zz" * 32}),
            "unknown algorithm only": lambda entry: entry.update(hashes={"md5": "ab" * 16}),
        }
        for label, change in changes.items():
            with self.subTest(label):
                attacks = UNSIGNED + ("mix-and-match",)
                where = {"repository": None, "role": None} if "unknown" in label else {}
                self.edited(lambda signed: change(signed["targets"][BRAKE]), attacks, **where)

    def test_MET_08_empty_targets_without_vehicle(self):
        # REQ-MET-08
        world = self.settled()
        world.assign({})

        def change(signed):
            del signed["custom"]["vehicle"]

        world.director.break_role("targets", signed=change)
        world.publish()
        self.refused(world, ("replay", None), "director", "targets")
        self.recovers(world)

    def test_MET_08_empty_targets_of_another_vehicle(self):
        world = self.settled()
        world.assign({})
        change = lambda signed: signed["custom"].update(vehicle=OTHER_VEHICLE)
        world.director.break_role("targets", signed=change)
        world.publish()
        self.refused(world, "replay", "director", "targets")
        self.recovers(world)

    def test_MET_08_empty_targets_accepted(self):
        world = self.settled()
        world.assign({})
        world.publish()
        self.accepted(world)

    def test_MET_12_image_without_ecu(self):
        # REQ-MET-12
        change = lambda signed: signed["targets"][BRAKE]["custom"].pop("ecuIdentifiers") and None
        self.edited(change, UNSIGNED + ("mix-and-match",))

    def test_MET_12_image_for_no_ecu_at_all(self):
        change = lambda signed: signed["targets"][BRAKE]["custom"].update(ecuIdentifiers={})
        self.edited(change, UNSIGNED + ("mix-and-match",))

    def test_MET_12_ecu_without_hardware(self):
        # DESIGN 4: ecuIdentifiers = {serial: {hardwareId}}
        change = lambda signed: signed["targets"][BRAKE]["custom"].update(
            ecuIdentifiers={PRIMARY[0]: {}}
        )
        self.edited(change, UNSIGNED + ("wrong-hardware", "mix-and-match"))

    def test_MET_12_one_image_for_two_ecus(self):
        world = self.settled()
        shared = Image("supplier-a/both.img", b"shared " * 99, 3, ["hw-p", "hw-b"])
        world.add(shared)
        world.assign({PRIMARY[0]: shared, DOOR[0]: shared})
        world.publish()
        result = self.accepted(world)
        self.assertEqual(len(result.out), 1, "one file per image\n    %s" % result)

    def test_MET_16_director_delegates(self):
        # REQ-MET-16 REQ-VER-33
        world = self.settled()
        key = Key()
        world.director.top.delegations.append(Delegation("helper", [key], 1, ["*", "*/*"]))
        world.stage(2)
        world.publish()
        self.refused(world, "arbitrary-software", "director", "targets")
        world.director.top.delegations.clear()
        self.recovers(world)

    def test_VER_33_delegations_present_but_empty(self):
        # MET-16: non-empty, "P: or present".
        empty = {"keys": {}, "roles": []}
        self.edited(lambda signed: signed.update(delegations=empty), "arbitrary-software")

    def test_VER_34_one_ecu_in_two_images(self):
        # REQ-VER-34
        for serial, hardware in (PRIMARY, DOOR):
            with self.subTest(serial):
                world = self.settled()
                other = world.add(Image("supplier-a/other.img", b"other", 9, ["hw-p", "hw-b"]))

                def change(signed):
                    entry = other.assigned([(serial, hardware)])
                    signed["targets"][other.name] = entry

                self.edited(change, "arbitrary-software", world)

    def test_VER_35_foreign_ecu(self):
        # REQ-VER-35
        world = self.settled()
        other = world.add(Image("supplier-a/other.img", b"other", 9, ["hw-z"]))

        def change(signed):
            signed["targets"][other.name] = other.assigned([("ecu-z", "hw-z")])

        self.edited(change, "arbitrary-software", world)

    def test_VER_35_foreign_ecu_beside_an_own_one(self):
        change = lambda signed: signed["targets"][BRAKE]["custom"]["ecuIdentifiers"].update(
            {"ecu-z": {"hardwareId": "hw-p"}}
        )
        self.edited(change, "arbitrary-software")

    def test_VER_35_serials_are_compared_byte_for_byte(self):
        def change(signed):
            custom = signed["targets"][BRAKE]["custom"]
            custom["ecuIdentifiers"] = {PRIMARY[0].upper(): {"hardwareId": PRIMARY[1]}}

        self.edited(change, "arbitrary-software")

    def test_ATK_16_ecu_named_with_other_hardware(self):
        # REQ-ATK-16
        def change(signed):
            custom = signed["targets"][BRAKE]["custom"]
            custom["ecuIdentifiers"][PRIMARY[0]]["hardwareId"] = "hw-b"

        self.edited(change, "wrong-hardware", repository=None, role=None)

    def test_ATK_16_image_for_other_hardware_agreed_by_all(self):
        """Every repository says hw-x; the ECU is hw-p. Whatever the Director calls it."""
        for claimed in ("hw-p", "hw-x"):
            with self.subTest(director_says=claimed):
                world = self.settled()
                # For this search the delegations must not be what refuses.
                wrong = world.add(brake_image(2, hardware=["hw-x"]))
                world.assign({PRIMARY[0]: wrong})
                custom = world.director.targets[wrong.name]["custom"]
                custom["ecuIdentifiers"][PRIMARY[0]]["hardwareId"] = claimed
                world.publish()
                self.refused(world, "wrong-hardware")
                world.stage(3)
                self.recovers(world)

    def test_ECU_19_hardware_id_prefix_is_not_enough(self):
        world = self.settled()
        wrong = world.add(brake_image(2, hardware=["hw-p2", "hw", "HW-P"]))
        world.assign({PRIMARY[0]: wrong})
        world.publish()
        self.refused(world, "wrong-hardware")
        world.stage(3)
        self.recovers(world)

    def test_director_target_with_hardware_ids(self):
        """DESIGN 4: a Director target never has custom.hardwareIds."""
        change = lambda signed: signed["targets"][BRAKE]["custom"].update(hardwareIds=["hw-p"])
        self.edited(change, ANY)

    def test_critical_member_of_a_target(self):
        """The list stands in signed.custom; the member may stand in a target's custom."""

        def change(signed):
            signed["custom"]["critical"] = ["x-note"]
            signed["targets"][BRAKE]["custom"]["x-note"] = 1

        self.edited(change, (None,))

    def test_critical_member_that_is_known(self):
        """The honest twin: what is critical and known is accepted."""
        world = self.settled()
        world.stage(2)

        def change(signed):
            signed["custom"]["critical"] = ["vehicle", "bundle", "match", "ecuIdentifiers"]

        world.director.break_role("targets", signed=change)
        world.publish()
        self.accepted(world)

    def test_MET_15_uri_changes_nothing(self):
        # REQ-MET-15: image bytes always come from --images.
        world = self.settled()
        brake = world.stage(2)
        bait = world.url + "/bait/firmware.img"
        world.director.targets[brake.name]["custom"]["uri"] = bait
        world.publish()
        result = self.accepted(world)
        self.assertEqual(result.requests("bait"), [], result)


class Counters(Case):
    """Release counters: VER-09, ECU-21, ECU-33. The mark rises with a successful cycle."""

    def offer(self, world, number, **extra):
        image = world.add(brake_image(number, **extra))
        world.assign({PRIMARY[0]: image})
        world.publish()
        return image

    def test_VER_09_lower_counter(self):
        # REQ-VER-09 REQ-H08
        world = self.settled()
        self.offer(world, 9)
        self.accepted(world)
        self.offer(world, 3)
        self.refused(world, "rollback")
        self.offer(world, 10)
        self.accepted(world)

    def test_H08_version_3_after_version_9(self):
        world = self.settled()
        self.offer(world, 9)
        self.accepted(world)
        # All repositories agree, every signature is good, every metadata version is new.
        self.offer(world, 3, name="supplier-a/brake-again.img")
        result = self.refused(world, "rollback")
        self.assertEqual(result.images(), [])
        world.stage(9)
        world.publish()
        self.accepted(world)

    def test_VER_09_equal_counter_is_allowed(self):
        world = self.settled()
        self.offer(world, 4)
        self.accepted(world)
        self.offer(world, 5, counter=4)
        self.accepted(world)

    def test_ECU_33_mark_survives_an_empty_assignment(self):
        # REQ-ECU-33
        world = self.settled()
        self.offer(world, 9)
        self.accepted(world)
        world.assign({})
        world.publish()
        self.accepted(world)
        self.offer(world, 3)
        self.refused(world, "rollback")
        self.offer(world, 9, name="supplier-a/brake-9b.img", counter=9)
        self.accepted(world)

    def test_mark_is_kept_per_ecu(self):
        world = self.settled()
        self.offer(world, 9)
        self.accepted(world)
        door = world.add(door_image(2))
        world.assign({DOOR[0]: door})
        world.publish()
        self.accepted(world)
        lower = world.add(door_image(3, counter=1))
        world.assign({DOOR[0]: lower})
        world.publish()
        self.refused(world, "rollback")
        world.add(door_image(4))
        world.assign({DOOR[0]: world.add(door_image(4))})
        world.publish()
        self.accepted(world)

    def test_mark_does_not_rise_with_a_failed_cycle(self):
        world = self.settled()
        image = self.offer(world, 9)
        for path in world.image_paths(image):
            world.images.files.pop(path)
        self.retried(world, fetched=True)
        self.offer(world, 5)
        self.accepted(world)

    def test_mark_survives_a_root_rotation(self):
        """P-c: floors may be dropped with the keys, the mark never."""
        world = self.settled()
        self.offer(world, 9)
        self.accepted(world)
        director = world.director
        director.rotate(
            timestamp=director.fresh("timestamp"),
            snapshot=director.fresh("snapshot"),
            targets=director.fresh("targets"),
        )
        self.offer(world, 3)
        self.refused(world, "rollback")
        self.offer(world, 10)
        self.accepted(world)

    def test_stepping_stone(self):
        """match.minReleaseCounter (uptane.md 3.4, min_prior_rc): what must be installed before.
        DESIGN names the member; its attack is open."""
        world = self.settled()
        self.offer(world, 9, minReleaseCounter=5)
        self.refused(world, ANY)
        self.offer(world, 5, minReleaseCounter=1)
        self.accepted(world)
        self.offer(world, 10, minReleaseCounter=5)
        self.accepted(world)

    def test_one_ecu_rolled_back_refuses_the_whole_bundle(self):
        world = self.settled()
        self.offer(world, 9)
        self.accepted(world)
        old = world.add(brake_image(3))
        world.assign({PRIMARY[0]: old, DOOR[0]: world.add(door_image(2))})
        world.publish()
        self.refused(world, "rollback")
        world.stage(10, both=True)
        world.publish()
        self.accepted(world)

    def test_counter_limits(self):
        world = self.settled()
        self.offer(world, 2, counter=2**53 - 1)
        self.accepted(world)

    def test_counter_that_is_no_counter(self):
        for value in (-1, "7", True, None, 2**53):
            with self.subTest(counter=value):
                world = self.settled()
                bad = self.offer(world, 2, counter=value)
                self.refused(world, ANY)
                del world.images.nodes["supplier-a"].targets[bad.name]
                del world.regulator.nodes["attestations"].targets[bad.name]
                self.offer(world, 3)
                self.accepted(world)


class Bundles(Case):
    """All or none: MET and ATK-05, public mistake 19."""

    def both(self):
        world = self.settled()
        world.stage(2, both=True)
        return world

    def test_ATK_05_one_image_absent(self):
        # REQ-ATK-05
        for absent in (0, 1):
            with self.subTest(absent=absent):
                world = self.both()
                world.publish()
                path = world.image_paths(world.pending()[absent])[0]
                body = world.images.files.pop(path)
                self.retried(world, fetched=True)
                world.images.files[path] = body
                self.accepted(world)

    def test_ATK_05_one_image_corrupt(self):
        for corrupt in (0, 1):
            with self.subTest(corrupt=corrupt):
                world = self.both()
                world.publish()
                image = world.pending()[corrupt]
                world.store(image, b"X" + image.data[1:])
                self.refused(world, "arbitrary-software", fetched=True)
                world.store(image)
                self.accepted(world)

    def test_part5_19_one_image_disagrees_rejects_all(self):
        # Bundle policy of 1.12: nothing of it is distributed.
        for name in ("supplier-a", "supplier-b"):
            with self.subTest(name):
                world = self.both()
                for entry in world.images.nodes[name].targets.values():
                    if entry["custom"]["match"]["releaseCounter"] == 2:
                        entry["hashes"] = {"sha256": "ab" * 32}
                world.publish()
                self.refused(world, "mix-and-match")
                for image in world.pending():
                    world.add(image)
                self.recovers(world)

    def test_part5_19_one_image_not_listed_rejects_all(self):
        world = self.both()
        door = world.pending()[1]
        del world.images.nodes["supplier-b"].targets[door.name]
        world.publish()
        self.refused(world, "mix-and-match")
        world.add(door)
        self.recovers(world)

    def test_bundle_group_names_an_ecu_without_an_image(self):
        """A partial bundle: DESIGN 4 maps it to mix-and-match."""
        world = self.settled()
        brake = world.add(brake_image(2))
        world.assign({PRIMARY[0]: brake}, groups=[[PRIMARY[0], DOOR[0]]])
        world.publish()
        self.refused(world, "mix-and-match", "director")
        world.assign({PRIMARY[0]: brake})
        self.recovers(world)

    def test_bundle_group_names_a_foreign_ecu(self):
        world = self.settled()
        brake = world.add(brake_image(2))
        world.assign({PRIMARY[0]: brake}, groups=[[PRIMARY[0]], ["ecu-z"]])
        world.publish()
        self.refused(world, ("mix-and-match", "arbitrary-software"), "director")
        world.assign({PRIMARY[0]: brake})
        self.recovers(world)

    def test_bundle_group_names_an_ecu_twice(self):
        world = self.settled()
        brake = world.add(brake_image(2))
        world.assign({PRIMARY[0]: brake}, groups=[[PRIMARY[0]], [PRIMARY[0]]])
        world.publish()
        result = world.cycle()  # DESIGN does not say: refused, or one ECU in one group
        if result.code == 0:
            self.accepted(world, result=result)
        else:
            self.refused(world, ANY, "director", result=result)

    def test_bundle_groups_of_several_ecus(self):
        world = self.settled()
        wanted = {PRIMARY[0]: world.add(brake_image(2)), DOOR[0]: world.add(door_image(2))}
        world.assign(wanted, groups=[[DOOR[0], PRIMARY[0]]])
        world.publish()
        self.accepted(world)

    def test_bundle_and_correlation_id_may_be_absent(self):
        # DESIGN 4: absent: all images are one group.
        world = self.both()
        world.director.top.custom = None
        world.publish()
        self.accepted(world)


ENCRYPTED = {"length": 4000, "hashes": {"sha256": "5a" * 32}}
# DESIGN 4 and 5 do not name the members of the block; these are what its text speaks of.
BLOCK = {"method": "hpke-x25519-hkdf-sha256-aes256gcm", "prekey": "ab" * 32, "wrapped": "00" * 80}


class Encryption(Case):
    """`match.plaintext` exactly when the Director has an `encryption` block: else a downgrade."""

    def offer(self, plaintext, block):
        world = self.settled()
        extra = {"plaintext": dict(ENCRYPTED)} if plaintext else {}
        brake = world.add(brake_image(2, **extra))
        custom = {"encryption": dict(BLOCK)} if block else {}
        world.assign({PRIMARY[0]: brake}, **custom)
        return world

    def again(self, world):
        world.stage(3)
        self.recovers(world)

    def test_encrypted_image_is_verified_as_listed(self):
        world = self.offer(True, True)
        world.publish()
        self.accepted(world)

    # REQ-H13 REQ-MET-13
    def test_H13_MET_13_block_removed(self):
        world = self.offer(True, False)
        world.publish()
        self.refused(world, "arbitrary-software")
        self.again(world)

    def test_H13_block_without_plaintext(self):
        world = self.offer(False, True)
        world.publish()
        self.refused(world, "arbitrary-software")
        self.again(world)

    def test_H13_plaintext_bytes_served_for_the_ciphertext(self):
        world = self.offer(True, True)
        world.publish()
        image = world.pending()[0]
        world.store(image, b"plain" + image.data[5:])
        self.refused(world, "arbitrary-software", fetched=True)
        world.store(image)
        self.accepted(world)

    def test_H13_director_says_plaintext_and_images_ciphertext(self):
        """The Director drops both; Images and Regulator still list an encrypted image."""
        world = self.offer(True, False)
        for entry in world.director.targets.values():
            del entry["custom"]["match"]["plaintext"]
        world.publish()
        self.refused(world, ("mix-and-match", "arbitrary-software"))
        self.again(world)

    def test_encryption_without_bundle(self):
        # DESIGN 5: a Director file with `encryption` must have `bundle`.
        world = self.offer(True, True)
        del world.director.top.custom["bundle"]
        world.publish()
        self.refused(world, ANY)
        self.again(world)

    # REQ-MET-14: `secureev uptane` does not decrypt; an unknown method is the ECU's business, so
    # acceptance is open here, but what is put out is the listed blob.
    def test_MET_14_unknown_method(self):
        world = self.offer(True, True)
        for entry in world.director.targets.values():
            entry["custom"]["encryption"]["method"] = "rot13"
        world.publish()
        result = world.cycle()
        if result.code == 0:
            self.accepted(world, result=result)
        else:
            self.refused(world, ANY, result=result)
