"""test_out - --out holds the verified images of a cycle that succeeded, and nothing else: whatever
their names, whatever lies there, and when the very last step fails.
SPDX-License-Identifier: MIT"""

import os

import server
from case import ANY, Case
from world import DOOR, PRIMARY, Image, read_tree, run


class Out(Case):
    def offered(self, **options):
        world = self.settled(**options)
        world.stage(2, both=True)
        world.publish()
        return world

    def folder(self, world, files=()):
        out = os.path.join(world.directory, "there")
        os.mkdir(out)
        for name in files:
            with open(os.path.join(out, name), "wb") as file:
                file.write(b"left behind")
        return out

    def test_state_cannot_be_written_at_the_end(self):
        """The images are verified and in place, but that they are installed cannot be stored: none
        of them stays, and the next cycle brings them again."""
        world = self.offered()
        state = os.path.join(world.state, "vehicle.state")
        with open(state, "rb") as file:
            honest = file.read()

        def act(handler, body):
            if os.path.isfile(state):  # loaded already: from now on it cannot be replaced
                os.unlink(state)
                os.mkdir(state)
            handler.answer(200, body)

        world.override("images", "targets/*", act)
        result = world.cycle()
        self.assertEqual(result.code, 1, result)
        self.assertEqual(result.out, {}, "nothing in --out\n    %s" % result)
        self.assertEqual(self.error_of(result)["class"], "RETRY", result)
        world.overrides.clear()
        os.rmdir(state)
        with open(state, "wb") as file:
            file.write(honest)
        self.accepted(world)

    def test_names_longer_than_a_file_name(self):
        """Encoded they have more than 255 bytes: each image has a file all the same, its own."""
        world = self.settled(regulator=False)
        folder = "supplier-a/" + "\u00e9" * 100
        one = Image(folder + "/one.img", b"the first", 2, ["hw-p"])
        two = Image(folder + "/two.img", b"the second", 2, ["hw-b"])
        for image in (one, two):
            world.add(image, role="targets")
        world.assign({PRIMARY[0]: one, DOOR[0]: two})
        world.publish()
        result = self.accepted(world)
        self.assertEqual(sorted(result.out.values()), [b"the first", b"the second"], result)

    def test_name_like_our_own_temporary_files(self):
        world = self.settled(regulator=False)
        image = Image(".secureev-tmp-0123456789abcdef", b"odd", 2, ["hw-p"])
        world.add(image, role="targets")
        world.assign({PRIMARY[0]: image})
        world.publish()
        out = self.folder(world)
        result = self.accepted(world, result=world.cycle(out=out))
        self.assertEqual(list(result.out.values()), [b"odd"], result)
        self.accepted(world, result=world.cycle(out=out))

    def test_what_an_interrupted_cycle_left_goes(self):
        world = self.offered()
        left = ("old.img", ".secureev-tmp-0123456789abcdef", ".hidden")
        self.accepted(world, result=world.cycle(out=self.folder(world, left)))

    def test_folder_that_holds_more_than_images(self):
        """Somebody's home is not emptied, and a link in it is not followed."""
        world = self.offered()
        precious = os.path.join(world.directory, "precious")
        with open(precious, "wb") as file:
            file.write(b"mine")
        for make in (
            lambda out: os.mkdir(os.path.join(out, "folder")),
            lambda out: os.symlink(precious, os.path.join(out, "link")),
            lambda out: os.symlink("nowhere", os.path.join(out, "link")),
            lambda out: os.mkfifo(os.path.join(out, "pipe")),
        ):
            out = self.folder(world, ["letter"])
            make(out)
            before = sorted(os.listdir(out))
            result = run(world.command(out=out), 30, world)
            self.assertEqual(result.code, 1, result)
            self.assertEqual(result.log, [], "nobody was asked\n    %s" % result)
            self.assertEqual(sorted(os.listdir(out)), before, "all is there\n    %s" % result)
            self.assertTrue(os.path.exists(precious))
            for name in before:
                path = os.path.join(out, name)
                (os.rmdir if os.path.isdir(path) else os.unlink)(path)
            os.rmdir(out)
        self.accepted(world)

    def test_link_to_a_folder(self):
        """As a place it is fine."""
        world = self.offered()
        out = self.folder(world)
        link = os.path.join(world.directory, "link")
        os.symlink(out, link)
        result = run(world.command(out=link), 30, world)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(len(os.listdir(out)), 2, result)

    def test_folder_of_the_state(self):
        """Emptying that would take the trusted roots with it."""
        world = self.offered()
        before = read_tree(world.state)
        link = os.path.join(world.directory, "link")
        os.symlink(os.path.join(world.state, "director"), link)
        for out in ("", "director", "images", "director/."):
            with self.subTest(out):
                result = run(world.command(out=os.path.join(world.state, out)), 30, world)
                self.assertIn(result.code, (1, 2), result)
                self.assertEqual(read_tree(world.state), before, result)
        result = run(world.command(out=link), 30, world)
        self.assertIn(result.code, (1, 2), result)
        self.assertEqual(read_tree(world.state), before, result)
        inside = run(world.command(out=os.path.join(world.state, "out")), 30, world)
        self.assertEqual(inside.code, 0, "a folder of its own is fine there\n    %s" % inside)

    def test_disk_full_in_the_middle_of_an_image(self):
        """The second image is cut off: the first does not stay either."""
        world = self.offered()
        world.override("images", "targets/*", server.times(1, server.truncate(3)))
        self.refused(world, ANY, cls=("RETRY", "REFUSE"), fetched=True)
        world.overrides.clear()
        self.accepted(world)
