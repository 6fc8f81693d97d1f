"""test_command - the command line itself: options, exit codes, --out, DIR, URLs, its HTTP.
SPDX-License-Identifier: MIT"""

import os
import socket
import threading
import time

import server
import world as worlds
from canonical import pretty
from case import ANY, Case
from keys import Key
from repository import Role, digests
from world import DOOR, PRIMARY, Image, run


class Usage(Case):
    """Exit 2, and nothing is asked of anybody."""

    def line(self, world):
        out = os.path.join(world.directory, "usage-out")
        os.makedirs(out, exist_ok=True)
        return world.command(out=out)

    def usage(self, change, regulator=True):
        world = self.settled()
        world.stage(2)
        world.publish()
        before = world.state_files()
        argv = change(self.line(world))
        result = run(argv, 20, world)
        self.assertEqual(result.code, 2, "usage\n    %s\n    %s" % (argv, result))
        self.assertEqual(result.log, [], result)
        self.assertEqual(world.state_files(), before)
        self.assertNotEqual(result.stderr, "", "a word about what is wrong\n    %s" % result)

    def without(self, option):
        def change(argv):
            at = argv.index(option)
            return argv[:at] + argv[at + 2 :]

        return change

    def test_missing_options(self):
        for option in ("--state", "--director", "--images", "--out"):
            with self.subTest(option):
                self.usage(self.without(option))

    def test_missing_ecu(self):
        def change(argv):
            argv = [a for a in argv if a not in ("--ecu", "--hardware")]
            return [a for a in argv if a not in (PRIMARY[0], PRIMARY[1], DOOR[0], DOOR[1])]

        self.usage(change)

    def test_ecu_without_hardware(self):
        self.usage(self.without("--hardware"))

    def test_hardware_without_ecu(self):
        self.usage(self.without("--ecu"))

    def test_missing_cycle(self):
        self.usage(lambda argv: argv[:-1])

    def test_another_verb(self):
        self.usage(lambda argv: argv[:-1] + ["bicycle"])

    def test_verb_twice(self):
        self.usage(lambda argv: argv + ["cycle"])

    def test_unknown_option(self):
        self.usage(lambda argv: argv[:-1] + ["--colour", "red", "cycle"])

    def test_option_without_value(self):
        self.usage(lambda argv: argv + ["--map"])

    def test_unknown_mode(self):
        self.usage(lambda argv: argv[:-1] + ["--mode", "half", "cycle"])

    def test_unknown_profile(self):
        self.usage(lambda argv: argv[:-1] + ["--profile", "nativ", "cycle"])

    def test_now_that_is_no_time(self):
        for text in ("yesterday", "2030-13-01T00:00:00Z", "2030-06-01", "", "1e9"):
            with self.subTest(now=text):

                def change(argv):
                    at = argv.index("--now")
                    return argv[: at + 1] + [text] + argv[at + 2 :]

                self.usage(change)

    def test_value_that_is_empty(self):
        """A variable of a script that is not set: not the same as an option left out."""
        for option in ("--state", "--director", "--images", "--regulator", "--vehicle", "--out"):
            with self.subTest(option):

                def change(argv):
                    argv = argv[:-1] + ([] if option in argv else [option, "x"]) + ["cycle"]
                    at = argv.index(option)
                    return argv[: at + 1] + [""] + argv[at + 2 :]

                self.usage(change)

    def test_base_that_is_no_url(self):
        for text in ("director", "127.0.0.1:8000", "file:///etc", "ftp://127.0.0.1/", "http:/x"):
            with self.subTest(text):

                def change(argv):
                    at = argv.index("--director")
                    return argv[: at + 1] + [text] + argv[at + 2 :]

                self.usage(change)

    def test_option_given_twice(self):
        for option, value in (("--mode", "primary"), ("--out", "/tmp/x"), ("--vehicle", "v")):
            with self.subTest(option):
                change = lambda argv: argv[:-1] + [option, value, option, value, "cycle"]
                self.usage(change)

    def test_two_ecus_in_the_other_modes(self):
        for mode in ("full", "partial"):
            with self.subTest(mode):
                self.usage(lambda argv: argv[:-1] + ["--mode", mode, "cycle"])

    def test_one_ecu_named_twice(self):
        """Two hardware ids for one serial."""
        more = ["--ecu", PRIMARY[0], "--hardware", "hw-x"]
        self.usage(lambda argv: argv[:-1] + more + ["cycle"])

    def test_no_arguments(self):
        result = run([worlds.program(), "uptane"], 20)
        self.assertEqual(result.code, 2, result)

    def test_help(self):
        result = run([worlds.program(), "uptane", "--help"], 20)
        self.assertEqual(result.code, 0, result)
        for word in ("--state", "--director", "--images", "--regulator", "--ecu", "--hardware"):
            self.assertIn(word, result.stdout)
        for word in ("--vehicle", "--mode", "--map", "--now", "--out", "--profile", "cycle"):
            self.assertIn(word, result.stdout)


class Options(Case):
    def offered(self, **options):
        world = self.settled(**options)
        world.stage(2)
        world.publish()
        return world

    def test_options_in_any_order(self):
        world = self.offered()
        out = os.path.join(world.directory, "any-order")
        os.mkdir(out)
        argv = world.command(out=out)
        head, pairs = argv[:2], list(zip(argv[2:-1:2], argv[3:-1:2]))
        ecus = [p for p in pairs if p[0] in ("--ecu", "--hardware")]
        rest = [p for p in pairs if p not in ecus]
        shuffled = list(reversed(rest)) + ecus
        argv = head + [word for pair in shuffled for word in pair] + ["cycle"]
        self.accepted(world, result=world.cycle(argv=argv, out=out))

    def test_ecus_before_everything(self):
        world = self.offered()
        out = os.path.join(world.directory, "ecus-first")
        os.mkdir(out)
        argv = world.command(out=out)
        pairs = list(zip(argv[2:-1:2], argv[3:-1:2]))
        pairs.sort(key=lambda pair: pair[0] not in ("--ecu", "--hardware"))
        argv = argv[:2] + [word for pair in pairs for word in pair] + ["cycle"]
        self.accepted(world, result=world.cycle(argv=argv, out=out))

    def test_missing_trailing_slash_is_added(self):
        world = self.offered()
        out = os.path.join(world.directory, "no-slash")
        os.mkdir(out)
        argv = [a[:-1] if a.startswith("http") else a for a in world.command(out=out)]
        result = world.cycle(argv=argv, out=out)
        self.accepted(world, result=result)

    def test_mode_and_profile_spelled_out(self):
        world = self.offered()
        self.accepted(world, mode="primary", extra=["--profile", "native"])

    def test_now_decides(self):
        world = self.offered()
        self.refused(world, "freeze", "director", now="2031-06-01T12:00:00Z")
        self.accepted(world, now="2031-06-01T11:59:59Z")

    def test_now_in_every_spelling_of_the_rfc(self):
        """Python's isoformat() writes +00:00 and microseconds, `date --rfc-3339` a blank."""
        world = self.offered()
        for late in ("2031-06-01T12:00:00+00:00", "2031-06-01t13:30:00.5+01:30"):
            self.refused(world, "freeze", "director", now=late)
        for early in ("2031-06-01 11:59:59.999999+00:00", "2031-05-31t22:29:59-13:30"):
            self.accepted(world, now=early)

    def test_answer_that_nobody_takes(self):
        """Exit 0 says that images are in --out: a full disk under standard output is no refusal."""
        world = self.offered()
        out = os.path.join(world.directory, "unheard")
        os.mkdir(out)
        line = world.command(out=out)
        argv = ["sh", "-c", 'exec "$@" >/dev/full', "sh"] + line
        self.accepted(world, result=world.cycle(argv=argv, out=out))

    def test_no_descriptor_open(self):
        """A closed standard descriptor is not given to a file of the state."""
        world = self.offered()
        out = os.path.join(world.directory, "deaf")
        os.mkdir(out)
        argv = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"] + world.command(out=out)
        self.accepted(world, result=world.cycle(argv=argv, out=out))
        lock = os.path.join(world.state, ".secureev.lock")
        self.assertEqual(os.path.getsize(lock), 0, "our words are in no file")
        self.accepted(world)

    def test_files_are_limited(self):
        """An image beyond `ulimit -f`: exit 1 like a full disk, and no death by a signal."""
        world = self.offered()
        line = world.command(out=os.path.join(world.directory, "limited"))
        os.mkdir(os.path.join(world.directory, "limited"))
        argv = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh"] + line
        out = os.path.join(world.directory, "limited")
        self.retried(world, result=world.cycle(argv=argv, out=out))
        self.accepted(world)

    def test_without_now_the_system_clock(self):
        """The documents expire in 2031 and the clock of this machine is not there yet."""
        world = self.blank()
        world.stage(1)
        world.publish()
        self.accepted(world, now=None)

    def test_json_flag_is_no_obstacle(self):
        """`--json` on everything that prints data; open how this command takes it."""
        world = self.offered()
        result = world.cycle(extra=["--json"])
        if result.code == 2:
            self.skipTest("this command takes no --json")
        self.accepted(world, result=result)


class Out(Case):
    def test_folder_that_does_not_exist(self):
        """Made, or refused with nothing changed: open."""
        world = self.settled()
        world.stage(2)
        world.publish()
        out = os.path.join(world.directory, "new", "out")
        result = world.cycle(out=out)
        if result.code == 0:
            self.accepted(world, result=result)
        else:
            self.assertEqual(result.out, {}, result)
            self.accepted(world)

    def test_images_of_an_earlier_cycle_are_gone(self):
        """--out holds the verified images of this cycle and nothing else."""
        world = self.settled()
        world.stage(2)
        world.publish()
        out = os.path.join(world.directory, "same")
        os.mkdir(out)
        self.accepted(world, result=world.cycle(out=out))
        self.accepted(world, result=world.cycle(out=out))  # nothing new: empty
        world.stage(3)
        world.publish()
        result = self.accepted(world, result=world.cycle(out=out))
        old = b"brake firmware 2\n"
        self.assertFalse([d for d in result.out.values() if d.startswith(old)], result)

    def test_images_of_an_earlier_cycle_are_gone_after_a_refusal(self):
        world = self.settled()
        world.stage(2)
        world.publish()
        out = os.path.join(world.directory, "same")
        os.mkdir(out)
        self.accepted(world, result=world.cycle(out=out))
        world.stage(3)
        world.director.break_role("targets", signers=[])
        world.publish()
        before = world.state_files()
        result = world.cycle(out=out)
        where = ("director", "targets")
        self.refused(world, "arbitrary-software", *where, result=result, before=before)

    def test_one_file_per_image_whatever_the_names(self):
        """Names that differ only in folder or case do not overwrite each other."""
        pairs = [
            ("supplier-a/left/x.img", "supplier-a/right/x.img"),
            ("a/b.img", "a_b.img"),
            ("a/b.img", "a%2Fb.img"),
            ("x.img", "X.img"),
        ]
        for one, two in pairs:
            with self.subTest(names=(one, two)):
                world = self.settled(regulator=False)
                first = Image(one, b"first", 2, ["hw-p"])
                second = Image(two, b"second", 2, ["hw-b"])
                for image in (first, second):
                    world.add(image, role="targets")
                world.assign({PRIMARY[0]: first, DOOR[0]: second})
                world.publish()
                result = self.accepted(world)
                self.assertEqual(sorted(result.out.values()), [b"first", b"second"], result)

    def test_same_bytes_under_two_names(self):
        world = self.settled()
        first = Image("supplier-a/one.img", b"same", 2, ["hw-p"])
        second = Image("supplier-a/two.img", b"same", 2, ["hw-b"])
        for image in (first, second):
            world.add(image)
        world.assign({PRIMARY[0]: first, DOOR[0]: second})
        world.publish()
        result = self.accepted(world)
        self.assertEqual(len(result.out), 2, "one file per image\n    %s" % result)

    def test_state_is_all_there_is(self):
        """All state lives in DIR: moved elsewhere, the vehicle knows what it knew."""
        world = self.settled()
        moved = os.path.join(world.directory, "moved")
        os.rename(world.state, moved)
        world.state = moved
        self.accepted(world)
        world.stage(2)
        world.publish()
        self.accepted(world)

    def test_out_that_cannot_be_written(self):
        """What could not be put out is not installed."""
        world = self.settled()
        world.stage(2)
        world.publish()
        blocked = os.path.join(world.directory, "blocked")
        with open(blocked, "wb") as file:
            file.write(b"a file, no folder")
        argv = world.command(out=os.path.join(blocked, "out"))
        result = run(argv, 30, world)
        self.assertIn(result.code, (1, 2), result)
        self.assertNotEqual(result.stderr, "", result)
        self.accepted(world)

    def test_two_at_once(self):
        """Two cycles on one DIR: each ends well or says RETRY, and the state is whole."""
        world = self.settled()
        world.stage(2, both=True)
        world.publish()
        results, threads = [], []
        for _ in range(3):
            thread = threading.Thread(target=lambda: results.append(world.cycle()))
            thread.start()
            threads.append(thread)
            time.sleep(0.005)
        for thread in threads:
            thread.join()
        wanted = sorted(image.data for image in world.pending())
        self.assertIn(0, [result.code for result in results])
        for result in results:
            self.assertIn(result.code, (0, 1), result)
            self.assertIn(sorted(result.out.values()), ([], wanted), result)
            if result.code == 1:
                self.assertEqual(self.error_of(result)["class"], "RETRY", result)
        world.took()
        self.accepted(world)

    def test_result_is_counted_as_installed(self):
        world = self.settled()
        world.stage(2)
        world.publish()
        self.accepted(world)
        self.accepted(world)

    def test_image_of_no_bytes(self):
        world = self.settled()
        empty = world.add(Image("supplier-a/empty.img", b"", 2, ["hw-p"]))
        world.assign({PRIMARY[0]: empty})
        world.publish()
        result = world.cycle()
        # An empty image is odd: refusing it is open, anything but its bytes is not.
        if result.code == 0:
            self.accepted(world, result=result)
        else:
            self.refused(world, ANY, cls=ANY, fetched=True, result=result)


class Transport(Case):
    def offered(self):
        world = self.settled()
        world.stage(2)
        world.publish()
        return world

    def test_nobody_listens(self):
        world = self.offered()
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))  # bound, not listening: refused
            dead = "http://127.0.0.1:%d/" % holder.getsockname()[1]
            for name in ("director", "images", "regulator"):
                with self.subTest(name):
                    out = os.path.join(world.directory, "dead-" + name)
                    os.mkdir(out)
                    argv = [
                        dead if a == "%s/%s/" % (world.url, name) else a
                        for a in world.command(out=out)
                    ]
                    before = world.state_files()
                    result = world.cycle(argv=argv, out=out)
                    self.retried(world, name, result=result, before=before)
        self.accepted(world)

    def test_server_answers(self):
        """What is not 200 is no file: RETRY, and the next cycle succeeds."""
        for code in (204, 301, 302, 400, 401, 500, 502, 503):
            with self.subTest(code):
                world = self.offered()
                headers = (("Location", world.url + "/bait/timestamp.json"),)
                answer = server.status(code, b"", headers if code in (301, 302) else ())
                world.override("director", "timestamp.json", answer)
                result = self.refused(world, (None, "freeze"), "director", cls=("RETRY", "REFUSE"))
                self.assertEqual(result.requests("bait"), [], "redirects are not followed")
                world.overrides.clear()
                self.accepted(world)

    def test_wrong_content_length(self):
        for delta in (-5, 5):
            for name, path in (("director", "timestamp.json"), ("images", "timestamp.json")):
                with self.subTest(delta=delta, repository=name):
                    world = self.offered()
                    world.override(name, path, server.content_length(delta))
                    self.refused(world, ANY, name, cls=("RETRY", "REFUSE"))
                    world.overrides.clear()
                    self.accepted(world)

    def test_wrong_content_length_of_an_image(self):
        for delta in (-5, 5):
            with self.subTest(delta=delta):
                world = self.offered()
                world.override("images", "targets/*", server.content_length(delta))
                self.refused(world, ANY, cls=("RETRY", "REFUSE"), fetched=True)
                world.overrides.clear()
                self.accepted(world)

    def test_persistent_connections(self):
        """HTTP/1.1, kept alive and chunked: what most servers speak."""
        for chunked in (False, True):
            with self.subTest(chunked=chunked):
                world = self.offered()
                world.modern()
                if chunked:
                    for repository in world.repositories():
                        world.override(repository.name, "*", server.chunked())
                self.accepted(world)

    def test_fails_once_then_answers(self):
        """A transport that stumbles: RETRY now or tried again at once, never wrong."""
        world = self.offered()
        world.override("director", "timestamp.json", server.times(1, server.close()))
        result = world.cycle()
        if result.code != 0:
            self.retried(world, "director", result=result)
            result = None
        self.accepted(world, result=result)

    def test_locale_and_time_zone_change_nothing(self):
        for variables in (
            {"LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Tokyo"},
            {"LC_ALL": "C", "TZ": "America/New_York"},
        ):
            with self.subTest(**variables):
                world = self.offered()
                out = os.path.join(world.directory, "env-out")
                os.mkdir(out)
                result = run(world.command(out=out), 30, world, variables)
                result.out = worlds.read_tree(out)
                self.accepted(world, result=result)


class Honest(Case):
    """Nothing legitimate is refused: variety that TUF and DESIGN 4 allow."""

    def test_pretty_printed_documents(self):
        world = self.blank()
        for repository in world.repositories():
            repository.style = pretty
            repository.rotate()
        world.stage(1, both=True)
        world.publish()
        self.accepted(world)
        world.stage(2)
        world.publish()
        self.accepted(world)

    def test_short_format_version(self):
        world = self.settled()
        for repository in world.repositories():
            repository.spec_version = "1.0"
            repository.made.clear()
            repository.rotate()
        world.stage(2)
        world.publish()
        self.accepted(world)

    def test_unknown_members_everywhere(self):
        def more(signed):
            signed["x-signed"] = {"é": [1, {"deep": None}], "a b": "\u2028"}
            for name in ("targets", "meta", "roles"):
                for value in signed.get(name, {}).values():
                    if isinstance(value, dict):
                        value["x-entry"] = [True, {"n": -1}]
            for entry in signed.get("delegations", {}).get("roles", []):
                entry["x-delegation"] = "kept"
            for entry in signed.get("targets", {}).values():
                entry.setdefault("custom", {})["x-custom"] = "kept"

        def outside(envelope):
            envelope["x-envelope"] = 1
            for entry in envelope["signatures"]:
                entry["x-signature"] = "kept"

        world = self.settled()
        world.stage(2)
        for repository in world.repositories():
            for role in ["timestamp", "snapshot"] + list(repository.nodes):
                repository.break_role(role, signed=more, envelope=outside)
        world.publish()
        self.accepted(world)

    def test_unknown_members_of_roots_and_keys(self):
        world = self.settled()
        for repository in world.repositories():
            repository.root_extra = {"x-root": {"a": 1}}
            key = Key(extra={"keyid_hash_algorithms": ["sha256", "sha512"], "x-note": "kept"})
            repository.rotate(timestamp=Role([key]), root=Role([Key(extra={"x-note": 1})]))
        world.stage(2)
        world.publish()
        self.accepted(world)

    def test_extra_signatures(self):
        world = self.settled()
        world.stage(2)
        for repository in world.repositories():
            for role in ["timestamp", "snapshot"] + list(repository.nodes):
                keys = repository.role_of(role).signers()
                repository.break_role(role, signers=[Key("ed25519")] + keys + [Key()])
        world.publish()
        self.accepted(world)

    def test_root_without_the_optional_roles(self):
        world = self.settled()
        world.director.extra_roles = {}
        world.director.rotate()
        world.stage(2)
        world.publish()
        self.accepted(world)

    def test_regulator_root_with_kem(self):
        world = self.settled()
        world.regulator.rotate(kem=Role([worlds.kem_key()]))
        world.stage(2)
        world.publish()
        self.accepted(world)

    def test_names_of_images(self):
        names = [
            "flat",
            "supplier-a/with space.img",
            "supplier-a/caf\u00e9 \u9f8d \U0001f697.img",
            "supplier-a/100%25.img",
            "supplier-a/plus+and&amp;=.img",
            "supplier-a/hash#question.img",
            "supplier-a/semi;colon,comma'quote.img",
            "supplier-a/...dots...img",
            "supplier-a/.hidden",
            "supplier-a/~tilde@at!(x)[y]{z}^`|$.img",
            "supplier-a/-rf",
            "supplier-a/" + "long" * 50 + ".img",
            "a/b/c/d.img",
        ]
        for name in names:
            with self.subTest(name=name):
                world = self.settled()
                image = Image(name, b"odd but clean", 2, ["hw-p"])
                world.add(image, role="targets")
                world.assign({PRIMARY[0]: image})
                world.publish()
                self.accepted(world)

    def test_names_of_roles(self):
        names = ("Supplier A (tier 1)", "role.with.dots", "lieferant-\u00e4", "a+b%20c", "x" * 100)
        for name in names:
            with self.subTest(name=name):
                world = self.settled()
                world.images.delegate(name, ["parts/*"])
                image = Image("parts/x.img", b"x", 2, ["hw-p"])
                world.add(image, role=name)
                world.assign({PRIMARY[0]: image})
                world.publish()
                self.accepted(world)

    def test_escapes_in_documents(self):
        """The same strings, written with \\u escapes where they need none."""

        def escape(raw):
            return raw.replace(b'"_type"', b'"\\u005ftype"').replace(b"supplier", b"suppl\\u0069er")

        world = self.settled()
        world.stage(2)
        for repository in world.repositories():
            for role in ["timestamp", "snapshot"] + list(repository.nodes):
                repository.break_role(role, document=escape)
        world.publish()
        self.accepted(world)

    def test_blanks_around_documents(self):
        world = self.settled()
        world.stage(2)
        for repository in world.repositories():
            for role in ["timestamp", "snapshot"] + list(repository.nodes):
                repository.break_role(role, document=lambda raw: b"\n " + raw + b"\n\n")
        world.publish()
        self.accepted(world)

    def test_many_images_beside_the_wanted_one(self):
        world = self.settled()
        for n in range(3000):
            other = Image("supplier-a/other-%d.img" % n, b"%d" % n, 1, ["hw-p"])
            world.images.nodes["supplier-a"].targets[other.name] = other.listed()
            world.regulator.nodes["attestations"].targets[other.name] = other.listed()
        world.stage(2)
        world.publish()
        self.accepted(world)

    def test_many_ecus(self):
        world = self.blank()
        world.ecus = [("ecu-%d" % n, "hw-%d" % n) for n in range(60)]
        wanted = {}
        for serial, hardware in world.ecus:
            image = Image("supplier-a/%s.img" % serial, serial.encode(), 1, [hardware])
            wanted[serial] = world.add(image)
        serials = list(wanted)
        world.assign(wanted, groups=[serials[:30], serials[30:]])
        world.publish()
        self.accepted(world)

    def test_timestamp_of_a_few_kilobytes(self):
        world = self.settled()
        world.stage(2)
        note = lambda signed: signed.update({"x-note": "n" * 8000})
        world.director.break_role("timestamp", signed=note)
        world.publish()
        self.accepted(world)

    def test_ten_updates_in_a_row(self):
        world = self.settled()
        for number in range(2, 12):
            world.stage(number, both=number % 3 == 0)
            world.publish()
            self.accepted(world)

    def test_snapshot_lists_a_second_hash(self):
        world = self.settled()
        world.stage(2)
        for repository in world.repositories():
            for role in ["snapshot"] + list(repository.nodes):
                twin = {}
                keep = lambda raw, twin=twin: twin.update(raw=raw) or raw
                both = lambda says, twin=twin: says.update(
                    hashes=digests(twin["raw"], ("sha256", "sha512"))
                )
                repository.break_role(role, document=keep, listed=both)
        world.publish()
        self.accepted(world)

    def test_reader_meets_a_repository_in_the_middle_of_a_publish(self):
        """REQ-REP-12: until the timestamp is replaced, all that it leads to is the old view."""
        world = self.settled()
        old = world.images.docs["timestamp"]
        world.stage(2)
        world.publish()
        world.images.files["timestamp.json"] = old
        self.refused(world, "mix-and-match", "images")
        world.images.files["timestamp.json"] = world.images.docs["timestamp"]
        self.accepted(world)
