"""audited - a Director whose decisions go to an audit log with a witness, each a process of its
own; and what everybody can check of a log, after RFC 6962 and C2SP's pages, not after our code.
SPDX-License-Identifier: MIT"""

import base64
import hashlib
import http.client
import http.server
import ipaddress
import json
import os
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from backend import VEHICLE, Authority, World

ORIGIN = "log.example/ev"
WITNESS = "witness.example/w1"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ------------------------------------------------------------------ RFC 6962


def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()


def tree_hash(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + tree_hash(leaves[:k]) + tree_hash(leaves[k:])).digest()


# --------------------------------------------------------------------- notes


def key_id(name, kind, key):
    if kind == 2:
        return hashlib.sha256(key).digest()[:4]
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:4]


def verifier_key(name, kind, key):
    """`key`: 32 bytes of Ed25519, or SubjectPublicKeyInfo."""
    return (f"{name}+{key_id(name, kind, key).hex()}+"
            f"{base64.b64encode(bytes([kind]) + key).decode()}")


class Note:
    def __init__(self, data):
        self.data = data
        self.text, _, lines = data.rpartition(b"\n\n")
        self.text += b"\n"
        self.lines = []
        for line in lines.decode().splitlines():
            dash, name, signature = line.split(" ")
            assert dash == "\u2014"
            signature = base64.b64decode(signature)
            self.lines.append((name, signature[:4], signature[4:]))
        origin, size, root = self.text.decode().splitlines()
        self.origin, self.size, self.root = origin, int(size), base64.b64decode(root)

    def signed_by(self, name, kind, key):
        """Does a line of that key stand there? Then it must verify."""
        found = [s for n, i, s in self.lines if (n, i) == (name, key_id(name, kind, key))]
        for signature in found:
            if kind == 4:
                when = int.from_bytes(signature[:8], "big")
                ed25519.Ed25519PublicKey.from_public_bytes(key).verify(
                    signature[8:], b"cosignature/v1\ntime %d\n" % when + self.text)
            elif kind == 1:
                ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, self.text)
            else:
                serialization.load_der_public_key(key).verify(signature, self.text,
                                                              ec.ECDSA(hashes.SHA256()))
        return bool(found)


def tile_path(level, index, width):
    parts = [f"{index % 1000:03}"]
    index //= 1000
    while index:
        parts.insert(0, f"x{index % 1000:03}")
        index //= 1000
    return f"/tile/{level}/" + "/".join(parts) + (f".p/{width}" if width < 256 else "")


# --------------------------------------------------------------------- world


class Sqlite:
    """Databases as files of a folder."""

    def __init__(self, folder):
        self.folder = folder

    def place(self, name):
        return f"{self.folder}/{name}.db"

    def decided(self):
        with sqlite3.connect(f"file:{self.place('director')}?mode=ro", uri=True) as db:
            rows = db.execute("SELECT key, what FROM decision ORDER BY key")
            return {key: what.decode() for key, what in rows}

    def crash(self):
        """There is no server whose power could fail."""

    def stop(self):
        pass


class Postgres:
    """A server of its own, with a schema for each database."""

    def __init__(self, _):
        here = os.path.dirname(os.path.abspath(__file__))
        self.process = subprocess.Popen([f"{here}/../lib/postgres"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.host, self.port = self.process.stdout.readline().split()
        for name in ("director", "log"):
            self.sql(f"CREATE SCHEMA {name}")

    def sql(self, text):
        return subprocess.run(["psql", "-XAtq", "-h", self.host, "-p", self.port, "-U", "secureev",
                               "-d", "postgres", "-c", text], stdout=subprocess.PIPE, check=True,
                              text=True).stdout.splitlines()

    def place(self, name):
        if name == "witness":
            raise ValueError("it has a file of its own")
        return (f"postgresql://secureev@/postgres?host={self.host}&port={self.port}"
                f"&options=-csearch_path%3D{name}")

    def decided(self):
        rows = self.sql("SELECT key || ' ' || convert_from(what, 'UTF8') FROM director.decision "
                        "ORDER BY key")
        return {int(key): what for key, what in (row.split() for row in rows)}

    def crash(self):
        """As after a loss of power."""
        self.process.stdin.write("restart\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ok\n"

    def stop(self):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


class Audited(World):
    """Director, log, witness and their signers. Nothing else of World's is made."""

    count_period = "1d"  # so that no test meets the turn of an hour

    def __init__(self, databases=Sqlite):
        self.dir = tempfile.mkdtemp(prefix="sev-a-")
        self.databases = databases(self.dir)
        self.processes, self.traced = [], False
        self.env = dict(os.environ, HOME=self.dir, XDG_DATA_HOME=self.dir + "/data")
        self.write("pass", b"correct horse\n")
        self.write("salt", os.urandom(32))
        self.ca = Authority(self.dir)
        here = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        self.server = self.ca.give("server", "director", here)
        self.cars = {VEHICLE: self.ca.give("car-1", "car-1",
                                           [x509.UniformResourceIdentifier(VEHICLE)]),
                     "auditor": self.ca.give("auditor", "auditor"),
                     "director": self.server}
        for name, kind in (("dirk", "p256"), ("online", "p256")):
            self.person(name, kind)
        for name, kind in (("log", "ed25519"), ("log-p256", "p256"), ("witness", "ed25519")):
            self.person(name, kind, keystore="witness" if name == "witness" else "online")
        self.secureev("repo", "init", "--repo", "director", "--kind", "director", "--vehicle",
                      VEHICLE, "--role", "root=1:dirk.json", "--role", "targets=1:online.json",
                      "--role", "snapshot=1:online.json", "--role", "timestamp=1:online.json")
        self.publish_root(1)
        self.log_key = self.public("log")
        self.witness_key = self.public("witness")
        self.log_vkey = verifier_key(ORIGIN, 1, self.log_key)
        self.witness_vkey = verifier_key(WITNESS, 4, self.witness_key)
        self.configure()

    def public(self, name):
        with open(f"{self.dir}/{name}.json", "rb") as file:
            return bytes.fromhex(json.load(file)["keyval"]["public"])

    def signer_conf(self, name, keystore, keys):
        return self.write(f"{name}.conf", (
            f"[signer]\nsocket = {self.dir}/{name}.sock\nkeystore = {self.dir}/keys/{keystore}\n"
            f"passphrase_file = {self.dir}/pass\nlog = json\n{keys}").encode())

    def configure(self):
        me = os.getuid()
        self.log_port, self.witness_port = free_port(), free_port()
        keys = "".join(f"[key director-{role}]\nkey = online\nrepository = director\n"
                       f"sign = {sign}\nusers = {me}\n"
                       for role, sign in (("targets", "targets"), ("snapshot", "snapshot"),
                                          ("timestamp", "timestamp status-reply")))
        keys += "".join(f"[key {name}]\nrepository = log\nsign = checkpoint\norigins = {ORIGIN}\n"
                        f"users = {me}\n" for name in ("log", "log-p256"))
        self.signer_config = self.signer_conf("signer", "online", keys)
        self.witness_signer_config = self.signer_conf(
            "witness-signer", "witness",
            f"[key witness]\nrepository = witness\nsign = cosignature\norigins = {ORIGIN}\n"
            f"name = {WITNESS}\nusers = {me}\n")
        tls = (f"certificate = {self.server[0]}\ncertificate_key = {self.server[1]}\n"
               f"clients = {self.ca.path}\n")
        peer = (f"ca = {self.ca.path}\ncertificate = {self.server[0]}\n"
                f"certificate_key = {self.server[1]}\n")
        self.director_config = self.write("director.conf", (
            f"[server]\nlog = json\n[director]\nlisten = 127.0.0.1:0\n{tls}"
            f"database = {self.databases.place('director')}\n"
            f"metadata = {self.dir}/roots\n"
            f"signer = {self.dir}/signer.sock\nthreads = 4\nenrolment = foreign\n"
            f"[audit]\nserver = https://127.0.0.1:{self.log_port}\n{peer}"
            f"salt_file = {self.dir}/salt\ncount_period = {self.count_period}\n").encode())
        self.log_config = self.write("log.conf", (
            f"[server]\nlog = json\n[log]\nlisten = 127.0.0.1:{self.log_port}\n{tls}"
            f"database = {self.databases.place('log')}\n"
            f"signer = {self.dir}/signer.sock\norigin = {ORIGIN}\n"
            f"keys = log log-p256\nshippers = director\n"
            f"[cosigner one]\nserver = https://127.0.0.1:{self.witness_port}\n{peer}"
            f"key = {self.witness_vkey}\n").encode())
        self.witness_config = self.write("witness.conf", (
            f"[server]\nlog = json\n[witness]\nlisten = 127.0.0.1:{self.witness_port}\n{tls}"
            f"database = {self.dir}/witness.db\nsigner = {self.dir}/witness-signer.sock\n"
            f"[witnessed ev]\norigin = {ORIGIN}\nkeys = {self.log_vkey}\n").encode())

    def up(self):
        self.signer, _ = self.start("secureev-signer", self.signer_config)
        self.witness_signer, _ = self.start("secureev-signer", self.witness_signer_config)
        self.witness, _ = self.start("secureevd", self.witness_config)
        self.audit_log, _ = self.start("secureevd", self.log_config)
        self.start_director()

    def down(self):
        super().down()
        self.databases.stop()

    def start_director(self):
        self.director, ports = self.start("secureevd", self.director_config)
        self.director_port = ports["director"]

    # ------------------------------------------------------------------ the log

    def get(self, path, who="auditor"):
        return self.ask(who, "GET", path, port=self.log_port)

    def checkpoint(self):
        code, data = self.get("/checkpoint")
        return Note(data) if code == 200 else None

    def leaves(self, note):
        """All leaves up to the checkpoint, each checked against tile and root."""
        found = []
        context = ssl.create_default_context(cafile=self.ca.path)
        context.load_cert_chain(*self.cars["auditor"])
        connection = http.client.HTTPSConnection("127.0.0.1", self.log_port, context=context,
                                                 timeout=30)
        for index in range((note.size + 255) // 256):
            width = min(256, note.size - 256 * index)
            connection.request("GET", tile_path("entries", index, width))
            answer = connection.getresponse()
            bundle = answer.read()
            assert answer.status == 200, bundle
            connection.request("GET", tile_path(0, index, width))
            tile = connection.getresponse().read()
            at = 0
            for i in range(width):
                size = int.from_bytes(bundle[at:at + 2], "big")
                leaf = bundle[at + 2:at + 2 + size]
                at += 2 + size
                assert leaf_hash(leaf) == tile[32 * i:32 * i + 32]
                found.append(leaf)
            assert at == len(bundle)
        connection.close()
        assert tree_hash([leaf_hash(leaf) for leaf in found]) == note.root
        return [json.loads(leaf) for leaf in found]


class Proxy:
    """Stands between somebody and the log and changes what it is told to: path -> function."""

    def __init__(self, world, changes):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                code, data = world.get(self.path)
                if self.path in changes:
                    data = changes[self.path](data)
                self.send_response(code)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*world.server)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
