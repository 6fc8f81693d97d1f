"""world - a vehicle, its repositories, and the command under test run against them.
A template world is made once per process; tests work on clones of it, state included.
SPDX-License-Identifier: MIT"""

import atexit
import copy
import datetime
import functools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from keys import Key
from repository import BASE, ForeignKey, Repository, digests, rfc3339
from server import MODERN, SERVER

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
VEHICLE = "did:secureev:veh-a"
OTHER_VEHICLE = "did:secureev:veh-b"
PRIMARY = ("ecu-p", "hw-p")
DOOR = ("ecu-b", "hw-b")
EVERY_PATH = ["*", "*/*", "*/*/*", "*/*/*/*"]
DAY = datetime.timedelta(days=1)


def program():
    """$SECUREEV; else as CTest names the folder; else where `make` leaves it."""
    folder = os.environ.get("SEV_BIN", os.path.join(ROOT, "build/bin"))
    return os.path.abspath(os.environ.get("SECUREEV", os.path.join(folder, "secureev")))


def scratch():
    """In memory where that is possible: the suite syncs thousands of files."""
    if "TMPDIR" not in os.environ and os.access("/dev/shm", os.W_OK):
        return "/dev/shm"
    return None


class Image:
    """An image and what is said of it; `extra` are further members of `match`."""

    def __init__(
        self, name, data, counter, hardware, version="1.0", algorithms=("sha256",), **extra
    ):
        self.name = name
        self.data = data
        self.counter = counter
        self.hardware = list(hardware)
        self.version = version
        self.hashes = digests(data, algorithms)
        self.length = len(data)
        self.extra = extra

    def identity(self):
        return (self.name, self.length, tuple(sorted(self.hashes.items())))

    def match(self):
        return {
            "releaseCounter": self.counter,
            "hardwareIds": list(self.hardware),
            "version": self.version,
            **copy.deepcopy(self.extra),
        }

    def entry(self):
        return {"length": self.length, "hashes": dict(self.hashes)}

    def listed(self, profile="native", **custom):
        """As Images and Regulator list it."""
        out = self.entry()
        out["custom"] = {"hardwareIds": list(self.hardware)}
        if profile == "native":
            out["custom"]["match"] = self.match()
        else:
            out["custom"]["targetFormat"] = "BINARY"
        out["custom"].update(custom)
        return out

    def assigned(self, ecus, profile="native", **custom):
        """As the Director lists it."""
        out = self.entry()
        out["custom"] = {"ecuIdentifiers": {serial: {"hardwareId": hw} for serial, hw in ecus}}
        if profile == "native":
            out["custom"]["match"] = self.match()
        else:
            out["custom"]["targetFormat"] = "BINARY"
        out["custom"].update(custom)
        return out


class Result:
    """What one run of the command did."""

    def __init__(self):
        self.code = None  # None: killed because it took too long
        self.stdout = self.stderr = ""
        self.out = {}
        self.log = []
        self.seconds = 0.0
        self.rss = 0  # bytes, at most
        self.escaped = []

    @property
    def errors(self):
        """The JSON objects with an `error` on standard error, one per line."""
        found = []
        for line in self.stderr.splitlines():
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict) and "error" in value:
                found.append(value)
        return found

    def requests(self, repository, prefix=""):
        return [path for name, path in self.log if name == repository and path.startswith(prefix)]

    def images(self):
        return [path for _, path in self.log if path.startswith("targets/")]

    def __str__(self):
        lines = ["exit %s after %.2f s" % (self.code, self.seconds)]
        lines += ["stderr: " + line for line in self.stderr.splitlines()[:12]]
        lines += ["out: %s (%d bytes)" % (name, len(data)) for name, data in self.out.items()]
        lines += ["GET %s %s" % entry for entry in self.log[:40]]
        return "\n    ".join(lines)


class World:
    def __init__(self, profile="native", regulator=True, keys=1, threshold=1):
        self.profile = profile
        kind = "ed25519" if profile == "aktualizr" else "p256"
        self.director = Repository("director", profile, kind, keys, threshold)
        self.images = Repository("images", profile, kind, keys, threshold)
        self.regulator = None
        native = profile == "native"
        if native:
            self.director.vehicle = VEHICLE
            self.director.extra_roles = {
                "publish": self.director.fresh("publish"),
                "time": self.director.fresh("time"),
                "kem": self.director.fresh("kem"),
            }
            self.director.extra_roles["kem"].keys = [kem_key()]
            self.images.delegate("supplier-a", ["supplier-a/*"], keys=keys, threshold=threshold)
            self.images.delegate("supplier-b", ["supplier-b/*"], keys=keys, threshold=threshold)
        if native and regulator:
            self.regulator = Repository("regulator", profile, kind, keys, threshold)
            self.add_reviewers(threshold)
        for repository in self.repositories():
            repository.rotate()
        self.vehicle = VEHICLE
        self.ecus = [PRIMARY, DOOR]
        self.assignment = {}  # serial -> Image
        self.bundle_version = 0
        self.installed = {}  # serial -> identity
        self.now = BASE
        self.overrides = {}
        self.log = []
        self.times = []
        self.sent = 0
        self.accepted = {}
        self.place()

    def add_reviewers(self, threshold):
        """Attestations k of n, and the withdrawals of the same reviewers, met first, 1 of n."""
        reviewers = [Key(self.regulator.kind) for _ in range(3)]
        for name, needed in (("withdrawals", threshold), ("attestations", 2)):
            entry = self.regulator.delegate(name, EVERY_PATH)
            entry.keys, entry.threshold = reviewers, needed
            role = self.regulator.nodes[name].role
            role.keys, role.threshold = reviewers, needed

    def place(self):
        self.prefix, self.url = SERVER.register(self)
        self.directory = tempfile.mkdtemp(prefix="uptane-", dir=scratch())
        atexit.register(shutil.rmtree, self.directory, ignore_errors=True)  # of templates
        self.state = os.path.join(self.directory, "state")
        self.runs = 0

    def modern(self):
        """Served by the server that keeps connections alive."""
        self.url = MODERN.address() + self.prefix

    def provision(self):
        """The factory: trusted roots, nothing else."""
        for repository in self.repositories():
            folder = os.path.join(self.state, repository.name)
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, "root.json"), "wb") as file:
                file.write(repository.docs["root"])

    def clone(self):
        twin = copy.copy(self)
        for name in ("director", "images", "regulator"):
            setattr(twin, name, copy.deepcopy(getattr(self, name)))
        twin.assignment = dict(self.assignment)
        twin.installed = dict(self.installed)
        twin.accepted = dict(self.accepted)
        twin.ecus = list(self.ecus)
        twin.overrides, twin.log, twin.times, twin.sent = {}, [], [], 0
        twin.place()
        if os.path.isdir(self.state):
            shutil.copytree(self.state, twin.state)
        return twin

    def close(self):
        SERVER.forget(self.prefix)
        shutil.rmtree(self.directory, ignore_errors=True)

    # -- the honest side

    def repositories(self):
        return [r for r in (self.director, self.images, self.regulator) if r is not None]

    def repository(self, name):
        return {"director": self.director, "images": self.images, "regulator": self.regulator}[name]

    def add(self, image, role=None, attest=True, **custom):
        """A supplier lists it on Images and the regulator attests it."""
        if role is None:
            role = "targets"
            for name in ("supplier-a", "supplier-b"):
                if image.name.startswith(name + "/") and name in self.images.nodes:
                    role = name
        self.images.nodes[role].targets[image.name] = image.listed(self.profile, **custom)
        if self.regulator is not None and attest:
            listed = image.listed(self.profile, attestation={"decision": "granted", "report": "r1"})
            self.regulator.nodes["attestations"].targets[image.name] = listed
        self.store(image)
        return image

    def store(self, image, data=None):
        """The bytes, under every name that a client may ask for."""
        for path in self.image_paths(image):
            self.images.files[path] = image.data if data is None else data

    def image_paths(self, image):
        if self.profile == "aktualizr":
            return ["targets/" + image.name]
        folder, _, last = image.name.rpartition("/")
        folder = folder + "/" if folder else ""
        return ["targets/%s%s.%s" % (folder, digest, last) for digest in image.hashes.values()]

    def assign(self, assignment, groups=None, **custom):
        """What the Director wants: {serial: Image}; replaces what it wanted before."""
        self.assignment = dict(assignment)
        self.bundle_version += 1
        hardware = dict(self.ecus)
        self.director.targets.clear()
        for image in unique_images(assignment.values()):
            ecus = [(s, hardware[s]) for s, wanted in assignment.items() if wanted is image]
            self.director.targets[image.name] = image.assigned(ecus, self.profile, **custom)
        self.director.top.custom = {"correlationId": "urn:campaign:%d" % self.bundle_version}
        if self.profile == "native" and assignment:
            self.director.top.custom["bundle"] = {
                "id": "bundle-%d" % self.bundle_version,
                "version": self.bundle_version,
                "groups": groups if groups is not None else [[serial] for serial in assignment],
            }

    def publish(self):
        for repository in self.repositories():
            repository.publish()

    def stage(self, number=2, both=False, **extra):
        """Offer release `number` to the Primary (and the door ECU): listed, attested, assigned."""
        brake = self.add(brake_image(number, **extra))
        wanted = {PRIMARY[0]: brake}
        if both:
            wanted[DOOR[0]] = self.add(door_image(number))
        elif DOOR[0] in self.assignment:
            wanted[DOOR[0]] = self.assignment[DOOR[0]]
        self.assign(wanted)
        return brake

    def relevant(self, mode="primary"):
        """The assignments that a cycle in this mode has to care for."""
        own = [serial for serial, _ in (self.ecus if mode == "primary" else self.ecus[:1])]
        return {s: image for s, image in self.assignment.items() if s in own}

    def pending(self, mode="primary"):
        wanted = self.relevant(mode)
        fresh = [i for s, i in wanted.items() if self.installed.get(s) != i.identity()]
        return unique_images(fresh)

    # -- the server's side

    def lookup(self, repository, name):
        source = self.repository(repository) if repository in REPOSITORIES else None
        return source.files.get(name) if source is not None else None

    def override(self, repository, name, action):
        self.overrides[(repository, name)] = action

    def override_for(self, repository, name):
        action = self.overrides.get((repository, name))
        if action is None:
            action = self.overrides.get((repository, "*"))
        if action is None and name.startswith("targets/"):
            action = self.overrides.get((repository, "targets/*"))
        return action

    # -- the command

    def command(self, mode=None, now="", vehicle="", regulator=None, extra=(), out=None, ecus=None):
        line = [program(), "uptane", "--state", self.state]
        line += ["--director", self.url + "/director/", "--images", self.url + "/images/"]
        if regulator is None:
            regulator = self.regulator is not None
        if regulator:
            line += ["--regulator", self.url + "/regulator/"]
        if ecus is None:
            ecus = self.ecus if mode in (None, "primary") else self.ecus[:1]
        for serial, hardware in ecus:
            line += ["--ecu", serial, "--hardware", hardware]
        vehicle = self.vehicle if vehicle == "" else vehicle
        if vehicle is not None:
            line += ["--vehicle", vehicle]
        if mode is not None:
            line += ["--mode", mode]
        if self.profile != "native":
            line += ["--profile", self.profile]
        now = self.now if now == "" else now
        if now is not None:
            line += ["--now", now if isinstance(now, str) else rfc3339(now)]
        line += list(extra)
        if out is not False:
            line += ["--out", out]
        return line + ["cycle"]

    def cycle(self, timeout=40, out=None, argv=None, **options):
        """Run one cycle; returns its Result."""
        self.runs += 1
        if out is None:
            out = os.path.join(self.directory, "out-%d" % self.runs)
            os.mkdir(out)
        before = set(walk(self.directory))
        result = run(argv or self.command(out=out, **options), timeout, self)
        result.out = read_tree(out)
        inside = (self.state + os.sep, out + os.sep)
        result.escaped = [p for p in set(walk(self.directory)) - before if not p.startswith(inside)]
        return result

    def took(self, mode="primary"):
        """An honest cycle succeeded: what is assigned is installed, what is served is stored."""
        for serial, image in self.relevant(mode).items():
            self.installed[serial] = image.identity()
        for repository in self.repositories():
            for role, document in repository.docs.items():
                self.accepted[(repository.name, role)] = document

    def state_files(self):
        return read_tree(self.state)


REPOSITORIES = ("director", "images", "regulator")


def run(argv, timeout, world=None, environment=None):
    result = Result()
    started = time.monotonic()
    first = len(world.log) if world else 0
    clean = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": "/nonexistent", "TZ": "UTC"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "SEV_MUTANT", "SEV_MUTANT_TRACE"):
        if name in os.environ:
            clean[name] = os.environ[name]
    clean.update(environment or {})
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=clean
        )
        late = []

        def give_up():
            late.append(True)
            process.send_signal(signal.SIGKILL)

        timer = threading.Timer(timeout, give_up)
        timer.start()
        _, code, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(code)
        result.code = None if late else process.returncode
        result.rss = usage.ru_maxrss * 1024
        for file, name in ((stdout, "stdout"), (stderr, "stderr")):
            file.seek(0)
            setattr(result, name, file.read().decode("utf-8", "replace"))
    result.seconds = time.monotonic() - started
    result.log = list(world.log[first:]) if world else []
    return result


def walk(folder):
    for place, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(place, name)


def read_tree(folder):
    out = {}
    for path in walk(folder):
        with open(path, "rb") as file:
            out[os.path.relpath(path, folder)] = file.read()
    return out


def unique_images(images):
    out = []
    for image in images:
        if all(image is not other for other in out):
            out.append(image)
    return out


def kem_key():
    public = os.urandom(32).hex()
    return ForeignKey({"keytype": "x25519", "scheme": "hpke-x25519", "keyval": {"public": public}})


def brake_image(number, **extra):
    data = b"brake firmware %d\n" % number * 300
    counter = extra.pop("counter", number)
    hardware = extra.pop("hardware", ["hw-p"])
    name = extra.pop("name", "supplier-a/brake-%d.img" % number)
    return Image(name, data, counter, hardware, version="%d.0" % number, **extra)


def door_image(number, **extra):
    data = b"door firmware %d\n" % number * 200
    counter = extra.pop("counter", number)
    name = extra.pop("name", "supplier-b/door-%d.img" % number)
    return Image(name, data, counter, ["hw-b"], version="%d.0" % number, **extra)


@functools.lru_cache(maxsize=None)
def blank(profile="native", regulator=True, keys=1, threshold=1):
    """A provisioned vehicle that has seen nothing yet; repositories are empty and published."""
    world = World(profile, regulator, keys, threshold)
    world.provision()
    world.assign({})
    world.publish()
    return world


@functools.lru_cache(maxsize=None)
def settled(profile="native", regulator=True, keys=1, threshold=1):
    """A vehicle that has installed release 1 on both ECUs by one honest cycle."""
    world = blank(profile, regulator, keys, threshold).clone()
    world.stage(1, both=True)
    world.publish()
    result = world.cycle()
    if result.code != 0:
        raise AssertionError("the honest first cycle failed\n    %s" % result)
    world.took()
    return world
