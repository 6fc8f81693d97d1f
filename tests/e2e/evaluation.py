"""evaluation - `secureev dev` for tests and for the demo. SPDX-License-Identifier: MIT"""

import json
import os
import shutil
import subprocess
import tempfile
import types

import backend


class Evaluation(backend.Asking):
    """What `secureev dev up` made, as backend.Car and backend.Proxy want to ask it."""

    def __init__(self):
        self.base = tempfile.mkdtemp()
        os.chmod(self.base, 0o755)
        self.dir = self.base + "/ev"
        self.ca = types.SimpleNamespace(path=self.dir + "/people/ca.pem")
        self.director_database = self.dir + "/servers/director.db"
        self.cars = {}

    def secureev(self, *words, code=0):
        run = subprocess.run([backend.BIN + "/secureev", *words], cwd=self.base, check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.must(run.returncode == code, f"secureev {' '.join(words)}: {run.stderr or run.stdout}")
        return run.stdout if code == 0 else run.stderr

    def must(self, condition, what):
        assert condition, what

    def up(self):
        self.secureev("dev", "up", "--dir", self.dir, "--port", "0")
        status = json.loads(self.secureev("dev", "status", "--dir", self.dir, "--json"))
        self.urls, self.processes = status["urls"], status["processes"]
        self.director_port = self.port("director")

    def port(self, role):
        return int(self.urls[role].rsplit(":", 1)[1])

    def down(self):
        subprocess.run([backend.BIN + "/secureev", "dev", "down", "--dir", self.dir], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.base)

    def people(self, name):
        return f"{self.dir}/people/{name}"

    def database(self):
        return ("--database", self.director_database)

    def at(self, role):
        return ("--server", self.urls[role], "--ca", self.ca.path)

    def operator(self, who, *words, code=0):
        return self.secureev(*words, *self.at("admin"), "--token-file",
                             self.people(who + ".token"), code=code)

    def enrol(self, name):
        """The car's DID."""
        self.secureev("inventory", "add", name, "--model", "m-1", *self.database())
        token = self.secureev("inventory", "token", name, *self.database())
        path = self.people(name + ".token")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(token)
        folder = self.people(name)
        self.secureev("enrol", "--dir", folder, *self.at("registry"), "--token-file", path)
        did = json.loads(self.secureev("identity", "show", "--dir", folder, "--json"))["did"]
        self.cars[did] = (folder + "/tls.pem", folder + "/tls.key")
        return did
