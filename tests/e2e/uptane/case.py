"""case - what every test asserts: refused for the right reason and nothing kept, or accepted.
Each test starts from an honest vehicle, breaks one thing, and ends with an honest cycle.
SPDX-License-Identifier: MIT"""

import os
import unittest

import world as worlds
from world import program

ANY = object()  # DESIGN leaves the attack's name open here; the refusal itself is asserted
UNSIGNED = (None, "arbitrary-software")  # malformed: DESIGN 4 maps no attack, MET-02 names one
MEMBERS = {"error", "class", "attack", "repository", "role", "detail"}


class Case(unittest.TestCase):
    longMessage = True

    def setUp(self):
        if not os.path.exists(program()):
            self.skipTest("no program at %s: build it or set SECUREEV" % program())

    def settled(self, **options):
        return self.adopt(worlds.settled(**options))

    def blank(self, **options):
        return self.adopt(worlds.blank(**options))

    def adopt(self, template):
        twin = template.clone()
        self.addCleanup(twin.close)
        return twin

    # ---------------------------------------------------------------- outcomes

    def error_of(self, result):
        self.assertEqual(len(result.errors), 1, "one error object on stderr\n    %s" % result)
        error = result.errors[0]
        self.assertLessEqual(MEMBERS, set(error), "members of the error object\n    %s" % result)
        self.assertIsInstance(error["error"], str)
        self.assertNotEqual(error["error"], "", result)
        return error

    def refused(
        self,
        world,
        attack,
        repository=None,
        role=None,
        cls="REFUSE",
        error=None,
        fetched=False,
        keeps=(),
        bad=None,
        code=1,
        before=None,
        result=None,
        forgiven=False,
        **options
    ):
        """Run a cycle that must be refused for this reason, with nothing of it kept. `forgiven`:
        a root has just replaced keys, so that stored files may be gone (ALG-2 step 4, P-c)."""
        before = before or world.state_files()
        result = result or world.cycle(**options)
        self.assertEqual(result.code, code, "must be refused\n    %s" % result)
        self.assertEqual(result.out, {}, "nothing in --out\n    %s" % result)
        self.assertEqual(result.escaped, [], "no file elsewhere\n    %s" % result)
        said = self.error_of(result)
        if cls is not ANY:
            allowed = cls if isinstance(cls, tuple) else (cls,)
            self.assertIn(said["class"], allowed, result)
        if attack is not ANY:
            allowed = attack if isinstance(attack, tuple) else (attack,)
            self.assertIn(said["attack"], allowed, result)
        if repository is not None:
            allowed = repository if isinstance(repository, tuple) else (repository,)
            self.assertIn(said["repository"], allowed, result)
        if role is not None:
            allowed = role if isinstance(role, tuple) else (role,)
            self.assertIn(said["role"], allowed, result)
        if error is not None:
            self.assertIn(error, said["error"], result)
        if not fetched:
            self.assertEqual(result.images(), [], "no request for an image\n    %s" % result)
        kept = list(keeps)
        if isinstance(role, str) and isinstance(repository, str):
            kept.append((repository, role))
        for name, failing in kept:
            self.kept(world, {} if forgiven else before, name, failing, bad, result)
        return result

    def kept(self, world, before, repository, role, bad, result):
        """The stored file of this role is byte-identical, and the refused one is nowhere."""
        after = world.state_files()
        if role == "root" and before:
            path = os.path.join(repository, "root.json")
            self.assertEqual(after.get(path), before.get(path), "stored root\n    %s" % result)
        old = world.accepted.get((repository, role))
        if old is not None and holds(before, repository, old):
            lost = "stored %s %s lost\n    %s" % (repository, role, result)
            self.assertTrue(holds(after, repository, old), lost)
        if bad is None:
            bad = world.repository(repository).docs.get(role)
        if bad and bad != old and len(bad) > 40:
            taken = "refused %s %s kept\n    %s" % (repository, role, result)
            self.assertFalse(holds(after, repository, bad), taken)

    def retried(self, world, repository=None, role=None, attack=None, **options):
        """No attack, not possible now: exit 1, class RETRY, nothing taken."""
        return self.refused(world, attack, repository, role, cls="RETRY", **options)

    def accepted(self, world, mode=None, images=None, result=None, **options):
        """An honest cycle: exit 0, exactly the images that are new, byte for byte."""
        result = result or world.cycle(mode=mode, **options)
        self.assertEqual(result.code, 0, "must be accepted\n    %s" % result)
        self.assertEqual(result.errors, [], "no error\n    %s" % result)
        self.assertEqual(result.escaped, [], "no file elsewhere\n    %s" % result)
        needed = world.pending(mode or "primary") if images is None else images
        got = sorted(result.out.values())
        relevant = world.relevant(mode or "primary").values()
        allowed = [image.data for image in worlds.unique_images(relevant)]
        # An image of the bundle that is installed already may be put out again: DESIGN leaves it
        # open. With nothing new the folder is empty.
        if needed:
            for image in needed:
                self.assertIn(image.data, got, "%s byte for byte\n    %s" % (image.name, result))
            for data in got:
                self.assertIn(data, allowed, "an image nobody assigned\n    %s" % result)
            self.assertLessEqual(len(got), len(allowed), result)
        else:
            self.assertEqual(got, [], "empty when nothing is new\n    %s" % result)
            self.assertEqual(result.images(), [], "no request for an image\n    %s" % result)
        world.took(mode or "primary")
        return result

    def recovers(self, world, **options):
        """Everything is honest again, under new versions: the next cycle succeeds."""
        world.overrides.clear()
        for repository in world.repositories():
            repository.mend()
        world.publish()
        return self.accepted(world, **options)


def holds(files, repository, document):
    """Is this document stored, byte for byte, in the folder of its repository?"""
    folder = repository + os.sep
    return any(document in data for path, data in files.items() if path.startswith(folder))
