"""test_rows - rows of ATK and VER that are about a whole attack or about all refusals together.
Not this command's: ATK-01, ATK-06, ATK-12, ATK-15, VER-02, ALG-11, ALG-12 (no time attestation, no
reports, no servers of ours); MET-23 is the repository tool's.
SPDX-License-Identifier: MIT"""

import server
from case import Case
from keys import Key
from world import DAY, OTHER_VEHICLE, PRIMARY, Image, brake_image


class Attacks(Case):
    def frozen(self, world):
        """The three repositories as they are now, for an attacker who goes on serving them."""
        return {r.name: dict(r.files) for r in world.repositories()}

    def serve(self, world, files):
        for repository in world.repositories():
            repository.files = dict(files[repository.name])

    def test_ATK_04_freeze_until_expiry(self):
        # REQ-ATK-04: the old view is served for ever; it ends with the first expiry.
        for name in ("director", "images", "regulator"):
            with self.subTest(expires_first=name):
                world = self.settled()
                world.repository(name).expires["timestamp"] = world.now + DAY
                world.stage(2)
                world.publish()
                world.override("images", "targets/*", server.status(404))
                self.retried(world, fetched=True)
                world.overrides.clear()
                self.refused(world, "freeze", name, "timestamp", now=world.now + DAY, bad=b"")
                del world.repository(name).expires["timestamp"]
                world.publish()
                self.accepted(world, now=world.now + DAY)

    def test_ATK_04_director_frozen_while_nothing_is_new(self):
        """Up to date is a statement too: an expired timestamp does not make it."""
        world = self.settled()
        world.director.expires["timestamp"] = world.now + DAY
        world.director.publish()
        self.accepted(world)
        self.refused(world, "freeze", "director", "timestamp", now=world.now + DAY, bad=b"")
        del world.director.expires["timestamp"]
        world.publish()
        self.accepted(world, now=world.now + DAY)

    def test_ATK_07_a_whole_repository_goes_back(self):
        # REQ-ATK-07: every file genuine, signed, unexpired, and old.
        for name in ("director", "images", "regulator"):
            with self.subTest(name):
                world = self.settled()
                old = self.frozen(world)[name]
                world.stage(2)
                world.publish()
                self.accepted(world)
                world.stage(3)
                world.publish()
                newest = world.repository(name).files
                world.repository(name).files = old
                document = old["timestamp.json"]
                self.refused(world, "rollback", name, "timestamp", bad=document)
                world.repository(name).files = newest
                self.accepted(world)

    def test_ATK_07_all_repositories_go_back(self):
        world = self.settled()
        old = self.frozen(world)
        world.stage(2)
        world.publish()
        self.accepted(world)
        newest = self.frozen(world)
        self.serve(world, old)
        document = old["director"]["timestamp.json"]
        self.refused(world, "rollback", "director", "timestamp", bad=document)
        self.serve(world, newest)
        self.accepted(world)

    def test_ATK_09_snapshot_of_one_day_targets_of_another(self):
        # REQ-ATK-09
        files = (("director", "targets"), ("images", "supplier-a"), ("images", "targets"))
        for name, role in files:
            with self.subTest(repository=name, role=role):
                world = self.settled()
                repository = world.repository(name)
                old = repository.docs[role]
                repository.made.pop(role)
                world.stage(2)
                world.publish()
                path = "%d.%s.json" % (repository.versions[role], role)
                world.override(name, path, server.serve(old))
                attacks = ("mix-and-match", "endless-data")  # by length or by hash, whichever first
                self.refused(world, attacks, name, role, bad=repository.docs[role])
                world.overrides.clear()
                self.accepted(world)

    def test_ATK_10_no_repository_alone(self):
        """An image that one repository made up, under every name it could take."""
        # REQ-ATK-10
        evil = Image("supplier-a/evil.img", b"evil", 99, ["hw-p"])
        for liars in (("director",), ("director", "regulator"), ("director", "images")):
            with self.subTest(liars=liars):
                world = self.settled()
                world.store(evil)
                world.assign({PRIMARY[0]: evil})
                if "regulator" in liars:
                    world.regulator.nodes["attestations"].targets[evil.name] = evil.listed()
                if "images" in liars:
                    world.images.nodes["supplier-a"].targets[evil.name] = evil.listed()
                    world.publish()
                    self.retried(world, "regulator", error="not_attested")
                else:
                    world.publish()
                    self.refused(world, "mix-and-match")

    def test_ATK_13_other_vehicle_file_by_file(self):
        # REQ-ATK-13: genuine files of vehicle B, one at a time among A's.
        for role in ("timestamp", "snapshot", "targets"):
            with self.subTest(role):
                world = self.settled()
                world.stage(2)
                named = lambda signed: signed["custom"].update(vehicle=OTHER_VEHICLE)
                world.director.break_role(role, signed=named)
                world.publish()
                self.refused(world, "replay", "director", role)
                self.recovers(world)


class Reasons(Case):
    def test_VER_10_each_refusal_has_its_own_reason(self):
        # REQ-VER-10: table-driven; one id per kind, and none of them empty.
        def run(prepare, **options):
            world = self.settled()
            world.stage(2)
            prepare(world)
            world.publish()
            result = world.cycle(**options)
            self.assertEqual(result.code, 1, result)
            error = self.error_of(result)
            return error["error"], error["class"], error["attack"]

        def hardware(world):
            world.assign({PRIMARY[0]: world.add(brake_image(2, hardware=["hw-x"]))})

        def absent(world):
            world.override("images", "timestamp.json", server.status(404))

        def unattested(world):
            world.regulator.nodes["attestations"].targets.clear()

        director = lambda **edits: lambda world: world.director.break_role("targets", **edits)
        late = {"now": "2032-01-01T00:00:00Z"}
        told = {
            "signature": run(director(signers=[Key()])),
            "expired": run(lambda world: None, **late),
            "version": run(director(version=1)),
            "equal version": run(director(version=self.settled().director.versions["targets"])),
            "hash": run(director(wire=lambda raw: raw.replace(b'"sig":"30', b'"sig":"31', 1))),
            "vehicle": run(director(signed=lambda s: s["custom"].update(vehicle="x"))),
            "json": run(director(document=lambda raw: b"{")),
            "delegation": run(director(signed=lambda s: s.update(delegations={}))),
            "hardware": run(hardware),
            "not attested": run(unattested),
            "absent": run(absent),
            "too long": run(director(wire=lambda raw: raw + b"  ")),
        }
        ids = [error for error, _, _ in told.values()]
        self.assertEqual(len(set(ids)), len(ids), told)
        self.assertEqual(told["absent"][1], "RETRY", told)
        self.assertEqual(told["not attested"][1], "RETRY", told)
        attacks = {name: attack for name, (_, _, attack) in told.items()}
        self.assertEqual(attacks["signature"], "arbitrary-software")
        self.assertEqual(attacks["expired"], "freeze")
        self.assertEqual(attacks["version"], "rollback")
        self.assertEqual(attacks["equal version"], "equivocation")
        self.assertEqual(attacks["hash"], "mix-and-match")
        self.assertEqual(attacks["vehicle"], "replay")
        self.assertEqual(attacks["delegation"], "arbitrary-software")
        self.assertEqual(attacks["hardware"], "wrong-hardware")
        self.assertEqual(attacks["too long"], "endless-data")
        self.assertIsNone(attacks["not attested"])

    def test_VER_44_every_refusal_is_followed_by_success(self):
        # REQ-VER-44: twelve different refusals in a row on one vehicle, then an honest cycle.
        world = self.settled()
        for role in ("timestamp", "snapshot", "targets"):
            for edits in (
                {"signers": [Key()]},
                {"signed": lambda s: s.update(expires="2030-01-01T00:00:00Z")},
                {"document": lambda raw: b"[]"},
                {"version": 1},
            ):
                world.stage(2)
                world.director.break_role(role, **edits)
                world.publish()
                self.refused(world, (None, "arbitrary-software", "freeze", "rollback"), "director")
                world.director.mend()
        self.recovers(world)
