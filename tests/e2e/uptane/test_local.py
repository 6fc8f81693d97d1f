"""test_local - what lies in --state is not as we left it: a torn disk, a meddler, a run that was
killed. Metadata that cannot be used is fetched anew; what cannot be had again is said to be damaged
and left as it is. SPDX-License-Identifier: MIT"""

import os
import random

from case import ANY, Case

LASTING = ("root.json", "vehicle.state", ".secureev.lock")


def damages(honest, others, rng):
    """Everything that may have become of a file."""
    yield "empty", b""
    yield "half", honest[: len(honest) // 2]
    yield "one byte less", honest[:-1]
    yield "one byte more", honest + b"\0"
    yield "zeros", bytes(len(honest))
    yield "a bit", flipped(honest, rng)
    yield "longer than any may be", honest + b" " * (9 << 20)
    yield "JSON of another kind", b"[]"
    yield "no names", b'{"signatures":[],"signed":{}}'
    yield "deep", b"[" * 100000
    yield "another file", rng.choice(others)


def flipped(data, rng):
    at = rng.randrange(len(data) * 8)
    out = bytearray(data)
    out[at // 8] ^= 1 << at % 8
    return bytes(out)


class Local(Case):
    def offered(self):
        world = self.settled()
        world.stage(2)
        world.publish()
        return world

    def put(self, world, path, data):
        with open(os.path.join(world.state, path), "wb") as file:
            file.write(data)

    def test_metadata_damaged_in_any_way(self):
        # REQ-ECU-30
        template = self.offered()
        files = template.state_files()
        rng = random.Random(1)
        for path, honest in sorted(files.items()):
            if os.path.basename(path) in LASTING:
                continue
            others = [data for name, data in files.items() if name != path and data]
            for label, data in damages(honest, others, rng):
                with self.subTest(path, damage=label):
                    world = self.adopt(template)
                    self.put(world, path, data)
                    self.accepted(world)

    def test_what_cannot_be_had_again(self):
        """A root or the vehicle's own record: refused, left as it is, and mended it is fine."""
        template = self.offered()
        files = template.state_files()
        rng = random.Random(2)
        for path, honest in sorted(files.items()):
            if os.path.basename(path) not in ("root.json", "vehicle.state"):
                continue
            others = [data for name, data in files.items() if name != path and data]
            for label, data in damages(honest, others, rng):
                if label in ("a bit", "empty") and path == "vehicle.state":
                    continue  # may say something else that is well-formed; says nothing
                with self.subTest(path, damage=label):
                    world = self.adopt(template)
                    self.put(world, path, data)
                    result = world.cycle()
                    if result.code == 0:  # a blank or a byte outside of what is signed
                        self.accepted(world, result=result)
                        continue
                    self.refused(world, ANY, cls=ANY, result=result, before={}, forgiven=True)
                    self.assertEqual(world.state_files()[path], data, "left as it is")
                    self.put(world, path, honest)
                    self.accepted(world)

    def test_what_a_killed_run_left(self):
        """Temporary files go, or every loss of power would cost their room for ever."""
        world = self.offered()
        left = ".secureev-tmp-0123456789abcdef"
        for folder in ("", "director", "images", "regulator"):
            self.put(world, os.path.join(folder, left), b"half a file")
        self.accepted(world)
        for folder in ("", "director", "images", "regulator"):
            self.assertFalse(os.path.exists(os.path.join(world.state, folder, left)), folder)
