# Runs the client under test: a fresh process for each call, and nothing kept but its folders.
# SPDX-License-Identifier: MIT
import os
import shutil
import subprocess
from datetime import datetime, timezone

from . import reference

FAKETIME = shutil.which("faketime")
REFERENCE = "reference"


class Client:
    def __init__(self, binary: str, folder: str):
        self.binary = binary
        self.folder = folder
        self.metadata_dir = os.path.join(folder, "metadata")
        self.target_dir = os.path.join(folder, "targets")
        os.mkdir(self.metadata_dir)
        os.mkdir(self.target_dir)
        self.output = ""

    def run(self, *args, at=None, cwd=None) -> int:
        """Exit status; anything but 0 and 1 is a failure of the test, as is taking 30 seconds."""
        if self.binary == REFERENCE:
            now = None if at is None else at.timestamp()
            before = os.getcwd() if cwd else None
            if cwd:
                os.chdir(cwd)
            try:
                status, self.output = reference.main(args, now)
            finally:
                if before:
                    os.chdir(before)
            return status
        command = [self.binary, "tuf", *args]
        environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        if at is not None:
            moment = at.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f+00:00")
            command = [FAKETIME, moment, *command]
            environment["ASAN_OPTIONS"] = "verify_asan_link_order=0"
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=30, cwd=cwd,
                                  env=environment, check=False)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"still running after 30 s: {' '.join(command)}") from error
        self.output = done.stdout.decode(errors="replace")
        if done.returncode not in (0, 1):
            raise AssertionError(f"exit status {done.returncode} of {' '.join(command)}\n"
                                 f"{self.output}")
        return done.returncode

    # ------------------------------------------------------------ what it left

    def metadata(self) -> dict:
        """File name -> bytes of every *.json in the metadata directory itself."""
        found = {}
        for name in os.listdir(self.metadata_dir):
            path = os.path.join(self.metadata_dir, name)
            if name.endswith(".json") and os.path.isfile(path):
                with open(path, "rb") as file:
                    found[name] = file.read()
        return found

    def target_files(self) -> dict:
        """Path below the target directory -> (mtime in ns, bytes), hidden files included."""
        found = {}
        for folder, _, names in os.walk(self.target_dir):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    relative = os.path.relpath(path, self.target_dir)
                    found[relative] = (os.stat(path).st_mtime_ns, file.read())
        return found

    def put_metadata(self, name: str, data: bytes) -> None:
        with open(os.path.join(self.metadata_dir, name), "wb") as file:
            file.write(data)


def past(year, month, day) -> datetime:
    return datetime(year, month, day, 12, tzinfo=timezone.utc)
