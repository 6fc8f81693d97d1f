"""test_recovery - what is kept between cycles and what a rotation forgives: P-a to P-d of part 1B,
VER-03 to VER-05, VER-16, fast-forward, expired stored files, nothing new, interruptions.
SPDX-License-Identifier: MIT"""

import datetime
import os
import random
import signal
import subprocess
import threading

import server
from case import ANY, UNSIGNED, Case
from keys import Key
from repository import Role
from world import DAY, DOOR, PRIMARY, brake_image, door_image

FAR = 2**31


def rotate(repository, *names):
    repository.rotate(**{name: repository.fresh(name) for name in names})


class Stored(Case):
    def test_documents_are_stored_byte_for_byte(self):
        """State per repository: the exact bytes received (part 1B)."""
        world = self.settled()
        files = world.state_files()
        for (name, role), document in world.accepted.items():
            if role in ("supplier-b", "withdrawals"):
                continue  # whether a role off the path is kept is the client's business
            with self.subTest(repository=name, role=role):
                folder = name + os.sep
                held = [p for p, data in files.items() if p.startswith(folder) and document in data]
                self.assertTrue(held, sorted(files))
        for name in ("director", "images", "regulator"):
            self.assertIn(os.path.join(name, "root.json"), files)

    def test_VER_03_unchanged_director_ends_the_cycle(self):
        # REQ-VER-03: zero further requests.
        world = self.settled()
        result = self.accepted(world)
        self.assertEqual(result.log, [("director", "2.root.json"), ("director", "timestamp.json")])

    def test_VER_03_only_the_timestamp_is_new(self):
        world = self.settled()
        world.director.expires["timestamp"] = world.now + 10 * DAY
        world.publish()
        result = self.accepted(world)
        self.assertEqual(result.log, [("director", "2.root.json"), ("director", "timestamp.json")])

    def test_VER_04_director_lists_nothing_new(self):
        # REQ-VER-04: new Director files, the same assignment: Images is not asked.
        world = self.settled()
        world.assign(world.assignment)
        world.publish()
        result = self.accepted(world)
        self.assertEqual(result.requests("images"), [], result)

    def test_VER_04_images_may_be_unreachable_when_nothing_is_new(self):
        world = self.settled()
        world.override("images", "*", server.close())
        self.accepted(world)

    def test_VER_05_images_unchanged_match_still_runs(self):
        # REQ-VER-05: cached snapshot and targets, no download of either.
        world = self.settled()
        future = world.add(brake_image(2))
        world.publish()
        world.assign({PRIMARY[0]: world.add(door_image(7, counter=7, name="supplier-b/z.img"))})
        world.assign({})
        world.publish()
        # One more honest update makes the client read Images as it now is.
        world.assign({DOOR[0]: world.add(door_image(2))})
        world.publish()
        self.accepted(world)
        world.assign({PRIMARY[0]: future})
        world.publish()
        result = self.accepted(world)
        asked = [path for path in result.requests("images") if not path.startswith("targets/")]
        for path in asked:
            self.assertNotIn("snapshot", path, result)
            self.assertNotIn(".targets.", path, result)

    def test_VER_05_images_unchanged_and_disagreeing(self):
        world = self.settled()
        world.add(brake_image(2))
        world.assign({DOOR[0]: world.add(door_image(2))})
        world.publish()
        self.accepted(world)
        # The Director assigns what Images lists under that name with other bytes.
        other = brake_image(3, name="supplier-a/brake-2.img")
        world.assign({PRIMARY[0]: other})
        world.publish()
        self.refused(world, "mix-and-match")
        world.stage(4)
        self.recovers(world)

    def test_H09_same_files_again_install_nothing(self):
        # REQ-H09
        world = self.settled()
        for _ in range(3):
            self.accepted(world)

    def test_H09_same_files_after_their_expiry(self):
        world = self.settled()
        self.refused(world, "freeze", "director", now=world.now + 400 * DAY)

    def test_part5_14_everything_stored_has_expired(self):
        """An old vehicle wakes up: what is stored and expired never blocks what is new."""
        world = self.settled()
        late = world.now + 2000 * DAY
        for repository in world.repositories():
            for role in list(repository.roles) + list(repository.nodes):
                repository.expires[role] = late + 30 * DAY
            rotate(repository, "root")
        world.stage(2)
        world.publish()
        world.now = late
        self.accepted(world)

    def test_part5_14_expired_once_then_refreshed(self):
        world = self.settled()
        late = world.now + 400 * DAY
        self.refused(world, "freeze", "director", now=late)
        for repository in world.repositories():
            for role in list(repository.roles) + list(repository.nodes):
                repository.expires[role] = late + 30 * DAY
            repository.rotate()
        world.stage(2)
        world.publish()
        world.now = late
        self.accepted(world)


class Pending(Case):
    """P-a: an early stop must not strand what was never installed."""

    def lost(self, answer):
        world = self.settled()
        world.stage(2, both=True)
        world.publish()
        world.override("images", "targets/*", answer)
        self.refused(world, ANY, cls=ANY, fetched=True)
        world.overrides.clear()
        self.accepted(world)

    def test_ALG_1_P_a_lost_download(self):
        # REQ-ALG-1
        for answer in (server.status(404), server.close(), server.serve(b"wrong")):
            self.lost(answer)

    def test_P_a_second_image_of_two_lost(self):
        world = self.settled()
        world.stage(2, both=True)
        world.publish()
        path = world.image_paths(world.pending()[1])[0]
        world.override("images", path, server.status(500))
        self.retried(world, fetched=True)
        self.retried(world, fetched=True)
        world.overrides.clear()
        self.accepted(world)

    def test_P_a_what_was_lost_is_no_longer_wanted(self):
        """An accepted bundle is ended by a newer Director file that replaces it: DESIGN 3.7."""
        world = self.settled()
        world.stage(2)
        world.publish()
        world.override("images", "targets/*", server.close())
        self.retried(world, fetched=True)
        world.overrides.clear()
        world.assign({})
        world.publish()
        self.accepted(world)
        world.stage(3)
        world.publish()
        self.accepted(world)

    def test_P_a_images_unreachable_then_back(self):
        for name in ("images", "regulator"):
            with self.subTest(name):
                world = self.settled()
                world.stage(2)
                world.publish()
                world.override(name, "*", server.close())
                self.retried(world, name)
                world.overrides.clear()
                self.accepted(world)

    def test_P_a_stored_targets_expired_under_an_unchanged_snapshot(self):
        """(i): before stopping, what is stored must still be good now."""
        for role in ("snapshot", "targets"):
            with self.subTest(role):
                world = self.settled()
                world.director.expires[role] = world.now + DAY
                world.assign(world.assignment)
                world.publish()
                self.accepted(world)
                world.director.expires["timestamp"] = world.now + 300 * DAY
                world.publish()
                self.refused(world, "freeze", "director", role, now=world.now + 2 * DAY)
                del world.director.expires[role]
                world.publish()
                self.accepted(world, now=world.now + 2 * DAY)

    def test_P_b_director_targets_by_a_revoked_key(self):
        """The Targets key is replaced in the root; the snapshot, unchanged, still lists the old
        file, which nobody may use any more."""
        world = self.settled()
        world.director.rotate(targets=world.director.fresh("targets"))
        # The timestamp stays as it is: the Director's machines are the attacker's.
        self.refused(world, "arbitrary-software", "director", "targets", bad=b"", forgiven=True)
        world.publish()
        self.accepted(world)

    def test_P_b_images_targets_by_a_revoked_key(self):
        """Cached Images targets, signed by a key that the new root revokes, must not vouch."""
        for role, name in (("targets", "targets"), ("snapshot", "snapshot")):
            with self.subTest(role):
                world = self.settled()
                flat = brake_image(2, name="flat.img")
                world.add(flat, role="targets")
                world.assign({DOOR[0]: world.add(door_image(2))})
                world.publish()
                self.accepted(world)  # Images' files that list flat.img are cached now
                world.images.rotate(**{role: world.images.fresh(role)})
                world.assign({PRIMARY[0]: flat})
                world.director.publish()
                world.regulator.publish()
                self.refused(world, "arbitrary-software", "images", name, bad=b"", forgiven=True)
                world.images.publish()
                self.accepted(world)

    def test_P_b_images_targets_expired_under_an_unchanged_snapshot(self):
        world = self.settled()
        flat = brake_image(2, name="flat.img")
        world.add(flat, role="targets")
        world.images.expires["targets"] = world.now + DAY
        world.assign({DOOR[0]: world.add(door_image(2))})
        world.publish()
        self.accepted(world)
        world.assign({PRIMARY[0]: flat})
        world.publish()
        self.refused(world, "freeze", "images", "targets", now=world.now + 2 * DAY)
        del world.images.expires["targets"]
        world.publish()
        self.accepted(world, now=world.now + 2 * DAY)

    def test_P_b_delegated_role_by_a_revoked_key(self):
        """The delegator replaced the supplier's keys; the cached file is signed by the old ones."""
        world = self.settled()
        future = world.add(brake_image(2))
        world.assign({DOOR[0]: world.add(door_image(2))})
        world.publish()
        self.accepted(world)
        entry = world.images.top.delegations[0]
        entry.keys = [Key()]
        world.assign({PRIMARY[0]: future})
        world.publish()
        self.refused(world, "arbitrary-software", "images", "supplier-a", bad=b"")
        world.images.nodes["supplier-a"].role.keys = entry.keys
        world.publish()
        self.accepted(world)


class FastForward(Case):
    """An attacker with leaked online keys publishes versions near the end of the numbers."""

    def forward(self, world, name, *roles):
        """Accepted as honest: signatures are good. Afterwards the honest versions go on."""
        repository = world.repository(name)
        honest = {role: repository.versions[role] for role in roles}
        for role in roles:
            repository.break_role(role, version=FAR)
        world.stage(2)
        world.publish()
        self.accepted(world)
        repository.mend()
        for role in roles:
            repository.high[role] = honest[role]

    def test_VER_16_ATK_11_timestamp_and_snapshot(self):
        # REQ-VER-16 REQ-ATK-11
        for name in ("director", "images", "regulator"):
            with self.subTest(name):
                world = self.settled()
                self.forward(world, name, "timestamp", "snapshot")
                world.stage(3)
                world.publish()
                self.refused(world, "rollback", name, "timestamp")
                rotate(world.repository(name), "timestamp", "snapshot")
                world.publish()
                self.accepted(world)

    def test_VER_16_one_of_the_two_keys_suffices(self):
        """Keys of TS *and/or* SN rotated: both stored files are deleted."""
        for role in ("timestamp", "snapshot"):
            with self.subTest(rotated=role):
                world = self.settled()
                self.forward(world, "images", "timestamp", "snapshot")
                rotate(world.images, role)
                world.stage(3)
                world.publish()
                self.accepted(world)

    def test_part5_18_root_without_rotation_forgives_nothing(self):
        world = self.settled()
        self.forward(world, "images", "timestamp", "snapshot")
        world.images.rotate()
        world.images.rotate(root=world.images.fresh("root"))
        world.stage(3)
        world.publish()
        self.refused(world, "rollback", "images", "timestamp")

    def test_part5_18_old_files_after_a_root_without_rotation(self):
        """No rollback window: a mere new root lets nobody replay."""
        world = self.settled()
        old = {path: body for path, body in world.images.files.items() if path == "timestamp.json"}
        world.stage(2)
        world.publish()
        self.accepted(world)
        world.images.rotate()
        world.stage(3)
        world.publish()
        world.images.files.update(old)
        self.refused(world, "rollback", "images", "timestamp", bad=b"")
        world.images.files["timestamp.json"] = world.images.docs["timestamp"]
        self.accepted(world)

    def test_P_c_targets_recover_with_targets_or_snapshot_keys(self):
        for name in ("director", "images"):
            for roles in (("timestamp", "snapshot"), ("timestamp", "snapshot", "targets")):
                with self.subTest(repository=name, rotated=roles):
                    world = self.settled()
                    self.forward(world, name, "timestamp", "snapshot", "targets")
                    rotate(world.repository(name), *roles)
                    world.stage(3)
                    world.publish()
                    self.accepted(world)

    def test_P_c_targets_floor_stays_when_only_the_timestamp_key_changes(self):
        """Stored timestamp and snapshot go; the floor of targets goes only with the Targets or
        Snapshot keys: that the file is lower is a rollback."""
        world = self.settled()
        self.forward(world, "director", "timestamp", "snapshot", "targets")
        rotate(world.director, "timestamp")
        world.stage(3)
        world.publish()
        self.refused(world, "rollback", "director", "targets")
        rotate(world.director, "targets")
        world.publish()
        self.accepted(world)

    def test_P_c_targets_key_alone_clears_only_the_targets(self):
        """The snapshot once listed a higher version, and the snapshot stays."""
        world = self.settled()
        self.forward(world, "director", "targets")
        rotate(world.director, "targets")
        world.stage(3)
        world.publish()
        self.refused(world, "rollback", "director", ("snapshot", "targets"))

    def test_P_d_delegated_role_recovers_with_its_keys(self):
        world = self.settled()
        self.forward(world, "images", "timestamp", "snapshot", "supplier-a")
        rotate(world.images, "timestamp")
        world.images.top.delegations[0].keys = [Key()]
        world.images.nodes["supplier-a"].role.keys = world.images.top.delegations[0].keys
        world.stage(3)
        world.publish()
        self.accepted(world)

    def test_P_d_delegated_role_recovers_with_the_snapshot_key(self):
        world = self.settled()
        self.forward(world, "images", "timestamp", "snapshot", "supplier-a")
        rotate(world.images, "timestamp", "snapshot")
        world.stage(3)
        world.publish()
        self.accepted(world)

    def test_P_d_delegated_floor_stays_otherwise(self):
        world = self.settled()
        self.forward(world, "images", "timestamp", "snapshot", "supplier-a")
        rotate(world.images, "timestamp")
        world.stage(3)
        world.publish()
        self.refused(world, "rollback", "images", "supplier-a")

    def test_ALG_2_rotation_in_a_cycle_that_was_cut(self):
        # REQ-ALG-2
        """Step 4: the deletion must not be lost when the cycle ends between the root and it."""
        for cut in (server.close(), server.status(500)):
            world = self.settled()
            self.forward(world, "director", "timestamp", "snapshot")
            rotate(world.director, "timestamp", "snapshot")
            world.stage(3)
            world.publish()
            world.override("director", "timestamp.json", cut)
            self.retried(world, "director")
            world.overrides.clear()
            self.accepted(world)

    def test_ALG_2_rotation_there_and_back_within_one_cycle(self):
        """Compared are the first and last root of the walk; the keys that signed the stored files
        are the same again. Whether they are forgiven is open; a lower file may be refused."""
        world = self.settled()
        self.forward(world, "director", "timestamp", "snapshot")
        old = world.director.roles["timestamp"]
        rotate(world.director, "timestamp")
        world.director.rotate(timestamp=old)
        world.stage(3)
        world.publish()
        result = world.cycle()
        if result.code == 0:
            self.accepted(world, result=result)
        else:
            self.refused(world, "rollback", "director", result=result)

    def test_versions_near_the_end(self):
        world = self.settled()
        for role in ("timestamp", "snapshot", "targets"):
            world.director.break_role(role, version=2**53 - 1)
        world.stage(2)
        world.publish()
        self.accepted(world)


class Steps(Case):
    def test_ALG_3_timestamp_lists_a_lower_snapshot(self):
        # REQ-ALG-3 step 3b
        for name in ("director", "images", "regulator"):
            with self.subTest(name):
                world = self.settled()
                world.stage(2)
                repository = world.repository(name)

                def lower(signed):
                    signed["meta"]["snapshot.json"]["version"] -= 3

                repository.break_role("timestamp", signed=lower)
                world.publish()
                self.refused(world, "rollback", name, "timestamp")
                self.recovers(world)

    def test_part5_4_lower_snapshot_than_one_never_fetched(self):
        """Stored timestamp lists snapshot 9 that never arrived; a new one lists 8."""
        world = self.settled()
        world.stage(2)
        world.images.break_role("snapshot", version=9)
        world.publish()
        world.override("images", "9.snapshot.json", server.close())
        self.retried(world, "images")
        world.overrides.clear()
        world.images.break_role("snapshot", version=8)
        world.publish()
        self.refused(world, "rollback", "images", "timestamp", bad=world.images.docs["timestamp"])
        world.images.high["snapshot"] = 9
        self.recovers(world)

    def test_part5_5_timestamp_of_a_refused_snapshot_does_not_block(self):
        """The new timestamp is committed; a good snapshot of the *same* timestamp must still do."""
        for name in ("director", "images", "regulator"):
            with self.subTest(name):
                world = self.settled()
                world.stage(2)
                world.publish()
                repository = world.repository(name)
                path = "%d.snapshot.json" % repository.versions["snapshot"]
                world.override(name, path, server.edit(lambda raw: raw[:-2] + b" }"))
                self.refused(world, UNSIGNED + ("mix-and-match",), name, "snapshot", bad=b"")
                world.overrides.clear()
                self.accepted(world)

    def test_part5_5_expired_timestamp_is_not_kept(self):
        """Refused for expiry, it must not raise the floor."""
        world = self.settled()
        world.stage(2)
        world.director.expires["timestamp"] = world.now
        world.director.break_role("timestamp", version=FAR)
        world.publish()
        self.refused(world, "freeze", "director", "timestamp")
        del world.director.expires["timestamp"]
        self.recovers(world)

    def test_part5_5_wrong_vehicle_does_not_raise_the_floor(self):
        # REQ-MET-32: vehicle B's timestamp v1000 shown to A (v10).
        world = self.settled()
        world.stage(2)
        other = lambda signed: signed["custom"].update(vehicle="did:secureev:veh-b")
        world.director.break_role("timestamp", signed=other, version=1000)
        world.publish()
        self.refused(world, "replay", "director", "timestamp")
        self.recovers(world)

    def test_part5_3_unverified_root_does_not_raise_the_floor(self):
        world = self.settled()
        world.stage(2)
        world.publish()
        world.director.forge_root(signers=[Key()], version=FAR)
        self.refused(world, ("arbitrary-software", "rollback"), "director", "root")
        self.recovers(world)

    def test_ALG_3_exactly_one_entry_named_snapshot(self):
        # REQ-ALG-3 step 5
        for label, change in {
            "none": lambda meta: meta.clear(),
            "other name": lambda meta: meta.update({"snap.json": meta.pop("snapshot.json")}),
            "two": lambda meta: meta.update({"targets.json": dict(meta["snapshot.json"])}),
        }.items():
            with self.subTest(label):
                world = self.settled()
                world.stage(2)
                edit = lambda signed: change(signed["meta"]) and None
                world.images.break_role("timestamp", signed=edit)
                world.publish()
                self.refused(world, UNSIGNED + ("mix-and-match",), "images", "timestamp")
                self.recovers(world)

    def test_MET_27_timestamp_without_hash(self):
        # REQ-MET-27
        for label, change in {
            "no hashes": lambda entry: entry.pop("hashes"),
            "empty": lambda entry: entry.update(hashes={}),
            "no version": lambda entry: entry.pop("version"),
        }.items():
            for name in ("director", "images", "regulator"):
                with self.subTest(label, repository=name):
                    world = self.settled()
                    world.stage(2)
                    edit = lambda entry: change(entry) and None
                    world.repository(name).break_role("snapshot", listed=edit)
                    world.publish()
                    where = ("timestamp", "snapshot")
                    self.refused(world, UNSIGNED + ("mix-and-match",), name, where)

    def test_MET_28_timestamp_without_length(self):
        # REQ-MET-28
        """A cap instead, or refused: the POUF says which. A huge snapshot is refused either way."""
        world = self.settled()
        world.stage(2)
        world.images.break_role(
            "snapshot",
            listed=lambda entry: entry.pop("length") and None,
            document=lambda raw: raw[:-1] + b" " * (12 << 20) + b"}",
        )
        world.publish()
        self.refused(world, UNSIGNED + ("endless-data",), "images")

    def test_VER_24_snapshot_lower_but_newly_signed(self):
        # REQ-VER-24, with a timestamp that knows nothing older: keys of the timestamp rotated.
        world = self.settled()
        world.stage(2)
        world.images.break_role("snapshot", version=1)
        world.publish()
        self.refused(world, "rollback", "images")
        self.recovers(world)

    def test_TIM_11_one_time_for_the_whole_cycle(self):
        """--now is that time: a file that expires one second later is good to the end."""
        world = self.settled()
        world.stage(2)
        for repository in world.repositories():
            for role in list(repository.roles) + list(repository.nodes):
                if role != "root":
                    repository.expires[role] = world.now + datetime.timedelta(seconds=1)
        world.publish()
        self.accepted(world)


class Interrupted(Case):
    def test_VER_44_killed_at_every_request(self):
        """kill -9 while each request in turn is open: the next honest cycle succeeds."""
        # REQ-VER-44 REQ-ECU-30
        rehearsal = self.settled()
        rehearsal.stage(2)
        rehearsal.director.rotate(timestamp=rehearsal.director.fresh("timestamp"))
        rehearsal.publish()
        steps = self.accepted(self.adopt(rehearsal)).log
        self.assertGreater(len(steps), 8)
        for name, path in steps:
            with self.subTest(killed_at=(name, path)):
                world = self.adopt(rehearsal)
                reached = threading.Event()
                world.override(name, path, server.stall(reached, patience=2))
                out = os.path.join(world.directory, "killed")
                os.mkdir(out)
                process = subprocess.Popen(
                    world.command(out=out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                self.assertTrue(reached.wait(20), "the request never came")
                process.send_signal(signal.SIGKILL)
                process.wait()
                world.overrides.clear()
                self.assertEqual([f for f in os.listdir(out) if not f.startswith(".")], [])
                self.accepted(world)

    def test_VER_44_random_rubbish_then_honest(self):
        """Forty cycles of broken answers; nothing is installed, nothing is wedged."""
        dice = random.Random(20300601)
        world = self.settled()
        world.stage(2, both=True)
        world.publish()
        honest = [image.data for image in world.pending()]
        for round_ in range(40):
            world.overrides.clear()
            for name in ("director", "images", "regulator"):
                paths = [p for p in world.repository(name).files if not p.startswith("targets/")]
                for path in dice.sample(sorted(paths), dice.randrange(1, 4)):
                    world.override(name, path, rubbish(dice))
            result = world.cycle()
            if result.code == 0:  # never "nothing new" while something is (H16, H17)
                self.assertEqual(sorted(result.out.values()), sorted(honest), result)
                world.took()
                world.stage(3 + round_, both=True)
                world.publish()
                honest = [image.data for image in world.pending()]
            else:
                self.assertEqual(result.code, 1, result)
                self.assertEqual(result.out, {}, result)
                self.error_of(result)
        # A line feed more behind a signed file is the same file signed, and other bytes under its
        # version: so the honest ones go on under new versions.
        for repository in world.repositories():
            repository.made.clear()
        self.recovers(world)

    def test_single_bit_flips_are_refused_or_irrelevant(self):
        """A flipped bit in what is served: refused, or the same honest result; never another."""
        dice = random.Random(7)
        for round_ in range(60):
            world = self.settled()
            world.stage(2)
            world.publish()
            name = dice.choice(["director", "images", "regulator"])
            repository = world.repository(name)
            paths = sorted(repository.files)
            path = dice.choice(paths)
            body = bytearray(repository.files[path])
            at = dice.randrange(len(body))
            body[at] ^= 1 << dice.randrange(8)
            world.override(name, path, server.serve(bytes(body)))
            with self.subTest(repository=name, path=path, byte=at):
                result = world.cycle()
                if result.code == 0:
                    self.accepted(world, result=result)
                else:
                    self.refused(world, ANY, cls=ANY, fetched=True, result=result)
                    world.overrides.clear()
                    self.accepted(world)


def rubbish(dice):
    kind = dice.randrange(7)
    if kind == 0:
        return server.status(dice.choice([404, 403, 500, 503, 204]))
    if kind == 1:
        return server.close()
    if kind == 2:
        return server.serve(bytes(dice.randrange(256) for _ in range(dice.randrange(200))))
    if kind == 3:
        return server.serve(b'{"signatures":[],"signed":{}}')
    if kind == 4:
        return server.edit(lambda raw: (raw or b"")[: dice.randrange(1, 500)])
    if kind == 5:
        return server.edit(lambda raw: (raw or b"{}").replace(b"e", b"f", 1))
    return server.edit(lambda raw: (raw or b"") + b"\n" * dice.randrange(1, 9))


class Hostile(Case):
    """Roles of one key used for another: H10."""

    def test_H10_timestamp_key_signs_targets_with_threshold_two(self):
        # REQ-H10
        for name in ("director", "images", "regulator"):
            with self.subTest(name):
                world = self.settled(keys=3, threshold=2)
                world.stage(2)
                repository = world.repository(name)
                key = repository.roles["timestamp"].keys[0]
                repository.break_role("targets", signers=[key])
                world.publish()
                self.refused(world, "arbitrary-software", name, "targets")
                self.recovers(world)

    def test_H10_each_online_key_signs_another_roles_file(self):
        for signer, role in (
            ("timestamp", "snapshot"),
            ("snapshot", "timestamp"),
            ("snapshot", "targets"),
            ("timestamp", "targets"),
            ("targets", "timestamp"),
        ):
            with self.subTest(signer=signer, role=role):
                world = self.settled()
                world.stage(2)
                keys = world.director.roles[signer].keys
                world.director.break_role(role, signers=keys)
                world.publish()
                self.refused(world, "arbitrary-software", "director", role)
                self.recovers(world)

    def test_H10_keys_of_another_repository(self):
        """The Director's keys sign nothing on Images, nor the other way round."""
        pairs = (("images", "director"), ("director", "images"), ("regulator", "director"))
        for name, other in pairs:
            for role in ("timestamp", "targets"):
                with self.subTest(repository=name, role=role):
                    world = self.settled()
                    world.stage(2)
                    keys = world.repository(other).roles[role].keys
                    world.repository(name).break_role(role, signers=keys)
                    world.publish()
                    self.refused(world, "arbitrary-software", name, role)
                    self.recovers(world)

    def test_H10_whole_repository_swapped(self):
        """Images' files served as the Director's."""
        world = self.settled()
        world.stage(2)
        world.publish()
        files = dict(world.director.files)
        world.director.files.clear()
        world.director.files.update(
            {p: b for p, b in world.images.files.items() if not p.endswith("root.json")}
        )
        self.refused(world, ANY, "director", bad=b"")
        world.director.files.clear()
        world.director.files.update(files)
        self.accepted(world)

    def test_extra_root_roles_sign_nothing(self):
        """`publish` and `time` of the Director's root are for other messages."""
        for extra in ("publish", "time"):
            for role in ("timestamp", "targets"):
                with self.subTest(extra=extra, role=role):
                    world = self.settled()
                    world.stage(2)
                    world.director.break_role(role, signers=world.director.extra_roles[extra].keys)
                    world.publish()
                    self.refused(world, "arbitrary-software", "director", role)
                    self.recovers(world)

    def test_revoked_key_after_a_rotation(self):
        for role in ("timestamp", "snapshot", "targets"):
            with self.subTest(role):
                world = self.settled()
                old = world.director.roles[role].keys
                rotate(world.director, role)
                world.stage(2)
                world.director.break_role(role, signers=old)
                world.publish()
                self.refused(world, "arbitrary-software", "director", role, forgiven=True)
                self.recovers(world)

    def test_threshold_raised_by_a_new_root(self):
        world = self.settled()
        key = world.director.roles["targets"].keys[0]
        world.director.rotate(targets=Role([key, Key()], 2))
        world.stage(2)
        world.director.break_role("targets", signers=[key])
        world.publish()
        self.refused(world, "arbitrary-software", "director", "targets", forgiven=True)
        self.recovers(world)
