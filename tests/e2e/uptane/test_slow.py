"""test_slow - H19, ECU-04, ATK-03: a server that drips one byte a second. These wait more than they
work; the runner gives them a worker of their own.
SPDX-License-Identifier: MIT"""

import threading

import server
from case import Case

PATIENCE = 55  # seconds until a cycle that never ends is called one (H19 hung on after 40)


class SlowRetrieval(Case):
    def test_H19_ATK_03_one_byte_a_second(self):
        # REQ-H19 REQ-ATK-03 REQ-ECU-04: metadata, delegated metadata and image, side by side.
        cases = {
            "director timestamp": ("director", "timestamp"),
            "images snapshot": ("images", "snapshot"),
            "images delegated": ("images", "supplier-a"),
            "image": ("images", None),
        }
        results, threads = {}, []
        for label, (name, role) in cases.items():
            world = self.settled()
            world.stage(2)
            world.publish()
            path = "%d.%s.json" % (world.repository(name).versions.get(role, 0), role)
            path = {"timestamp": "timestamp.json", None: "targets/*"}.get(role, path)
            world.override(name, path, server.drip())
            before = world.state_files()

            def go(label=label, world=world):
                results[label] = world.cycle(timeout=PATIENCE)

            thread = threading.Thread(target=go)
            thread.start()
            threads.append((label, thread, world, name, role, before))
        for label, thread, world, name, role, before in threads:
            thread.join()
            with self.subTest(label):
                result = results[label]
                late = "still open after %d s\n    %s" % (PATIENCE, result)
                self.assertIsNotNone(result.code, late)
                where = (None, None) if role is None else (name, role)
                done = {"result": result, "before": before, "fetched": role is None}
                self.refused(world, "slow-retrieval", *where, **done)
                world.overrides.clear()
                self.accepted(world)
        took = ", ".join("%s %.0f s" % (label, r.seconds) for label, r in results.items())
        print("slow retrieval ended: " + took)

    def test_H19_no_answer_at_all(self):
        """A server that takes the request and says nothing: given up, RETRY or slow-retrieval."""
        world = self.settled()
        world.stage(2)
        world.publish()
        reached = threading.Event()
        world.override("images", "timestamp.json", server.stall(reached, patience=PATIENCE + 10))
        result = world.cycle(timeout=PATIENCE)
        self.assertTrue(reached.is_set())
        self.assertIsNotNone(result.code, "still open\n    %s" % result)
        self.refused(
            world,
            (None, "slow-retrieval", "freeze"),
            "images",
            cls=("RETRY", "REFUSE"),
            result=result,
        )
        world.overrides.clear()
        self.accepted(world)

    def test_ALG_2_more_rotations_than_one_cycle_walks(self):
        """At most about a thousand a cycle (part 1B: 256 to 1024), and the next goes on."""
        world = self.settled()
        for _ in range(1100):
            world.director.rotate(root=world.director.fresh("root"))
        world.stage(2)
        world.publish()
        for _ in range(5):
            result = world.cycle(timeout=PATIENCE)
            self.assertLessEqual(len(result.log), 1100, "one cycle, one bound")
            if result.code == 0:
                break
            self.retried(world, "director", result=result, attack=(None,))
        self.accepted(world, result=result)

    def test_H19_slow_but_fast_enough(self):
        """The honest twin: a poor line is no attack."""
        world = self.settled()
        world.stage(2)
        world.publish()
        world.override("images", "targets/*", server.drip(seconds=0.1, size=600))
        self.accepted(world)
