# The base of every test: one repository, one client, and what must hold after any test at all.
# SPDX-License-Identifier: MIT
import os
import re
import shutil
import tempfile
import unittest
from urllib.parse import unquote

from . import client as client_module
from .client import Client
from .repository import Repository

TOP_REQUESTS = "2.root.json timestamp.json 1.snapshot.json 1.targets.json"
NOTHING_NEW = "2.root.json timestamp.json"
# The client syncs what it writes; what a crash would leave is tested elsewhere.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def cases(table):
    """Make one test per entry; the arguments follow self."""
    def mark(method):
        method.table = table if isinstance(table, dict) else {str(c): (c,) for c in table}
        return method
    return mark


def needs_faketime(method):
    method.faketime = True
    return method


def _expanded(method, args):
    def test(self):
        method(self, *args)
    test.__doc__ = method.__doc__
    test.faketime = getattr(method, "faketime", False)
    return test


def versions(root=None, timestamp=None, snapshot=None, targets=None, **delegated):
    """Role -> version of what must be in the metadata directory, and nothing else."""
    every = {"root": root, "timestamp": timestamp, "snapshot": snapshot, "targets": targets,
             **delegated}
    return {role: version for role, version in every.items() if version is not None}


class TufCase(unittest.TestCase):
    binary = None  # set by the runner
    server = None
    local_damage = False  # the test itself writes into the client's folders
    longMessage = True

    def __init_subclass__(cls):
        for name, method in list(vars(cls).items()):
            table = getattr(method, "table", None)
            if table is not None:
                delattr(cls, name)
                for case, args in table.items():
                    args = args if isinstance(args, tuple) else (args,)
                    setattr(cls, f"{name}[{case}]", _expanded(method, args))

    # ------------------------------------------------------------- life of a test

    def setUp(self):
        method = getattr(self, self._testMethodName)
        if getattr(method, "faketime", False) and self.binary != client_module.REFERENCE \
                and client_module.FAKETIME is None:
            self.skipTest("faketime is not installed")
        self.folder = tempfile.mkdtemp(prefix="tuf-", dir=MEMORY)
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.client = Client(self.binary, self.folder)
        self.repo = None
        self.new_repository(self._testMethodName)
        self.asked = []
        self.initialised = None

    def new_repository(self, name):
        if self.repo is not None:
            self.server.remove(self.repo)
        self.repo = Repository(name)
        self.url = self.server.add(self.repo)
        self.addCleanup(self.server.remove, self.repo)

    def tearDown(self):
        self.check_always()

    def check_always(self):
        """Only documents that were published, byte for byte, under their names; no other file."""
        if not self.local_damage:
            for name, data in self.client.metadata().items():
                role = unquote(name[:-len(".json")])
                known = list(self.repo.published.get(role, []))
                if role == "root" and self.initialised is not None:
                    known.append(self.initialised)
                self.assertIn(data, known, f"{name} is not what the repository published")
            for path, (_, data) in self.client.target_files().items():
                self.assertIn(data, self.repo.artifacts, f"{path} was never an artifact")
        beside = sorted(set(os.listdir(self.folder)) - {"initial_root.json", "elsewhere"})
        self.assertEqual(beside, ["metadata", "targets"], "written outside its folders")
        mine = [s for s in self.server.strays if self.repo.prefix in s]
        self.assertEqual(mine, [], "requests outside the repository")

    # ------------------------------------------------------------------ commands

    def _call(self, *args, **how) -> int:
        before = len(self.repo.requests)
        status = self.client.run(*args, **how)
        raw = self.repo.requests[before:]
        self.asked = [p[len("metadata/"):] if p.startswith("metadata/") else p for p in raw]
        self.assertEqual(len(self.asked), len(set(self.asked)), f"asked twice: {self.asked}")
        return status

    def init(self, root=None, status=0):
        """`status` None, here and below: either is allowed."""
        self.initialised = self.repo.bytes_of("root", 1) if root is None else root
        path = os.path.join(self.folder, "initial_root.json")
        with open(path, "wb") as file:
            file.write(self.initialised)
        got = self._call("--metadata-dir", self.client.metadata_dir, "init", path)
        self._check(got, status, "", None)

    def refresh(self, status=0, asked=None, trusted=None, at=None):
        got = self._call("--metadata-url", self.url + "/metadata/",
                         "--metadata-dir", self.client.metadata_dir, "refresh", at=at)
        self._check(got, status, asked, trusted)

    def download(self, *names, status=0, asked=None, trusted=None, at=None, have=None):
        """`asked`: all requests, or what follows those of a refresh if it starts with '+'."""
        wanted = [word for name in names for word in ("--target-name", name)]
        got = self._call("--metadata-url", self.url + "/metadata/",
                         "--metadata-dir", self.client.metadata_dir, *wanted,
                         "--target-dir", self.client.target_dir,
                         "--target-base-url", self.url + "/targets/", "download", at=at)
        self._check(got, status, asked, trusted)
        if have is not None:
            self.check_targets(have)

    def _check(self, got, status, asked, trusted):
        detail = f"requests {self.asked}\n{self.client.output}"
        if status is not None:
            self.assertEqual(got, status, f"exit status; {detail}")
        if asked is not None:
            want = asked.split() if isinstance(asked, str) else list(asked)
            seen = self.asked
            if want[:1] == ["+"]:
                want = want[1:]
                seen = self.asked[self._end_of_refresh():]
            self.assertEqual(seen, want, f"requests; {self.client.output}")
        if trusted is not None:
            self.check_trusted(trusted)

    def _end_of_refresh(self) -> int:
        top = [i for i, name in enumerate(self.asked)
               if name == "timestamp.json" or
               re.fullmatch(r"[0-9]+\.(root|snapshot|targets)\.json", name)]
        return top[-1] + 1 if top else 0

    # -------------------------------------------------------------------- checks

    def check_trusted(self, trusted: dict):
        """These roles at these versions, as published last, and no other *.json."""
        want = {}
        for role, version in trusted.items():
            name = self.repo.file_name(role, 1)
            name = name if role == "timestamp" else name[len("1."):]
            want[name] = self.repo.history[role][version]
        have = self.client.metadata()
        self.assertEqual(sorted(have), sorted(want), f"files stored; {self.client.output}")
        for name, data in want.items():
            self.assertEqual(have[name], data, f"{name} is another one; {self.client.output}")

    def check_targets(self, contents):
        """These contents and no others, none older than the one before it."""
        have = sorted(self.client.target_files().values())
        self.assertEqual(sorted(data for _, data in have), sorted(contents), "artifacts stored")
        for first, second in zip(contents, contents[1:]):
            oldest = min(when for when, data in have if data == first)
            newest = max(when for when, data in have if data == second)
            self.assertLessEqual(oldest, newest, "order of modification times")

    def artifact(self, path, role="targets", algorithm="sha256") -> str:
        """The request for an artifact."""
        digest = self.repo.signed[role]["targets"][path]["hashes"][algorithm]
        return self.repo.artifact_path(path, digest)

    def start(self):
        """Initialised and refreshed once: everything is at version 1."""
        self.init()
        self.refresh(0, TOP_REQUESTS, versions(1, 1, 1, 1))
