"""test_map - --map: which maps are accepted, and that they decide who must agree (DESIGN 3.1).
SPDX-License-Identifier: MIT"""

import json
import os

from case import Case
from world import DOOR, EVERY_PATH, PRIMARY, Image, brake_image

ALL = ["director", "images", "regulator"]
TWO = ["director", "images"]


def entry(repositories, paths=EVERY_PATH, threshold=None, terminating=True):
    return {
        "paths": list(paths),
        "repositories": list(repositories),
        "threshold": len(repositories) if threshold is None else threshold,
        "terminating": terminating,
    }


class Map(Case):
    def write(self, world, mapping, names=None, raw=None):
        names = names if names is not None else [r.name for r in world.repositories()]
        value = {
            "repositories": {name: ["%s/%s/" % (world.url, name)] for name in names},
            "mapping": mapping,
        }
        path = os.path.join(world.directory, "map.json")
        with open(path, "wb") as file:
            file.write(json.dumps(value).encode() if raw is None else raw)
        return ["--map", path]

    def test_three_must_agree(self):
        world = self.settled()
        world.stage(2)
        world.publish()
        self.accepted(world, extra=self.write(world, [entry(ALL)]))

    def test_MET_30_three_must_agree_and_two_do(self):
        world = self.settled()
        world.assign({PRIMARY[0]: world.add(brake_image(2), attest=False)})
        world.publish()
        extra = self.write(world, [entry(ALL)])
        self.retried(world, "regulator", error="not_attested", extra=extra)

    def test_market_without_a_regulator(self):
        world = self.settled(regulator=False)
        world.stage(2)
        world.publish()
        self.accepted(world, extra=self.write(world, [entry(TWO)]))

    def test_regulator_given_but_not_in_the_map(self):
        """The map says who must agree."""
        world = self.settled()
        world.assign({PRIMARY[0]: world.add(brake_image(2), attest=False)})
        world.publish()
        self.accepted(world, extra=self.write(world, [entry(TWO)]))

    def test_MET_30_by_path(self):
        """Other paths, other repositories; the first entry that matches decides."""
        mapping = [entry(ALL, ["safety/*"]), entry(TWO)]
        for name, attested, good in (
            ("safety/x.img", False, False),
            ("safety/x.img", True, True),
            ("comfort/x.img", False, True),
        ):
            with self.subTest(name=name, attested=attested):
                world = self.settled()
                image = Image(name, b"x", 2, ["hw-p"])
                world.add(image, role="targets", attest=attested)
                world.assign({PRIMARY[0]: image})
                world.publish()
                extra = self.write(world, mapping)
                if good:
                    self.accepted(world, extra=extra)
                else:
                    self.retried(world, "regulator", error="not_attested", extra=extra)

    def test_path_that_no_entry_names(self):
        world = self.settled()
        world.stage(2)
        world.publish()
        extra = self.write(world, [entry(ALL, ["safety/*"])])
        result = world.cycle(extra=extra)
        self.assertIn(result.code, (1, 2), result)
        self.assertEqual(result.out, {}, result)
        self.assertEqual(result.images(), [], result)

    def test_visits_follow_the_maps_order(self):
        # DESIGN 3.1: after the Director the client visits the others in the map's order.
        for order in (["director", "images", "regulator"], ["director", "regulator", "images"]):
            with self.subTest(order=order):
                world = self.settled()
                world.stage(2)
                world.publish()
                result = self.accepted(world, extra=self.write(world, [entry(order)]))
                first = []
                for name, _ in result.log:
                    if name not in first:
                        first.append(name)
                self.assertEqual(first, order, result)

    def unacceptable(self, mapping, names=None, raw=None, regulator=True):
        """Refused before anything is fetched; exit 1 or 2 is open, it is configuration."""
        world = self.settled(regulator=regulator)
        world.stage(2)
        world.publish()
        before = world.state_files()
        result = world.cycle(extra=self.write(world, mapping, names, raw))
        self.assertIn(result.code, (1, 2), result)
        self.assertEqual(result.out, {}, result)
        self.assertEqual(result.log, [], "consulted before anything is fetched\n    %s" % result)
        self.assertEqual(world.state_files(), before)
        self.assertNotEqual(result.stderr, "", result)

    def test_MET_29_VER_01_map_without_images(self):
        # REQ-MET-29 REQ-VER-01
        self.unacceptable([entry(["director", "regulator"])])
        self.unacceptable([entry(["director"])])

    def test_MET_29_map_without_director(self):
        self.unacceptable([entry(["images", "regulator"])])
        self.unacceptable([entry(["images"])])

    def test_one_bad_entry_among_good_ones(self):
        self.unacceptable([entry(ALL, ["safety/*"]), entry(["images"], ["other/*"]), entry(ALL)])

    def test_threshold_below_the_number(self):
        self.unacceptable([entry(ALL, threshold=2)])
        self.unacceptable([entry(ALL, threshold=1)])
        self.unacceptable([entry(TWO, threshold=1)])

    def test_threshold_nonsense(self):
        for threshold in (0, -1, 4, "3", True, None):
            with self.subTest(threshold=threshold):
                bad = entry(ALL)
                bad["threshold"] = threshold
                self.unacceptable([bad])

    def test_repository_that_is_not_declared(self):
        self.unacceptable([entry(ALL + ["fleet"])])
        self.unacceptable([entry(ALL)], names=["director", "images"])

    def test_repository_named_twice(self):
        """Two of three by naming one twice."""
        self.unacceptable([entry(["director", "images", "images"])])

    def test_names_that_leave_the_folder(self):
        names = ["director", "images", "../x"]
        self.unacceptable([entry(names)], names=names)

    def test_no_entries(self):
        self.unacceptable([])

    def test_not_a_map(self):
        for raw in (b"", b"[]", b"{}", b"rubbish", b'{"mapping":[]}', b'{"repositories":{}}'):
            with self.subTest(raw=raw):
                self.unacceptable(None, raw=raw)

    def test_duplicate_members(self):
        world = self.settled()
        good = json.dumps({"repositories": {n: [world.url] for n in ALL}, "mapping": [entry(TWO)]})
        raw = good[:-1] + ', "mapping": [%s]}' % json.dumps(entry(ALL))
        self.unacceptable(None, raw=raw.encode())

    def test_map_that_does_not_exist(self):
        world = self.settled()
        result = world.cycle(extra=["--map", os.path.join(world.directory, "none.json")])
        self.assertIn(result.code, (1, 2), result)
        self.assertEqual(result.log, [], result)

    def test_map_names_a_regulator_that_is_not_given(self):
        """Without --regulator and without a root for it nothing can agree: never an install."""
        world = self.settled(regulator=False)
        world.stage(2)
        world.publish()
        extra = self.write(world, [entry(ALL)], names=ALL)
        result = world.cycle(extra=extra)
        self.assertIn(result.code, (1, 2), result)
        self.assertEqual(result.out, {}, result)
        self.assertEqual(result.images(), [], result)

    def test_two_ecus_under_two_entries(self):
        """One bundle, one image that the regulator must see and one that it need not."""
        world = self.settled()
        safe = Image("safety/x.img", b"x", 2, ["hw-p"])
        easy = Image("comfort/y.img", b"y", 2, ["hw-b"])
        world.add(safe, role="targets")
        world.add(easy, role="targets", attest=False)
        world.assign({PRIMARY[0]: safe, DOOR[0]: easy})
        world.publish()
        extra = self.write(world, [entry(ALL, ["safety/*"]), entry(TWO)])
        self.accepted(world, extra=extra)
