"""backend - the servers as processes of their own, a CA, and a vehicle of two ECUs written after
docs/POUF.md (no vehicle program exists yet that could take its part): for tests and the demo.
SPDX-License-Identifier: MIT"""

import datetime
import hashlib
import http.client
import http.server
import ipaddress
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BIN = os.environ["SEV_BIN"]
VEHICLE = "did:secureev:car-1"
OTHER = "did:secureev:car-2"
OLD = "device-ec-0001"  # speaks aktualizr's dialect: recorded from the real program


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def pem_of(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


class Authority:
    """A CA of our own, as identity will bring it."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")])
        self.certificate = self.issue(self.name, self.key.public_key(), ca=True)
        self.path = self.write("ca.pem",
                               self.certificate.public_bytes(serialization.Encoding.PEM))

    def write(self, name, data):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        return path

    def issue(self, subject, key, ca=False, names=(), days_ago=0):
        start = datetime.datetime.utcnow() - datetime.timedelta(hours=1, days=days_ago)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name)
                   .public_key(key).serial_number(x509.random_serial_number())
                   .not_valid_before(start)
                   .not_valid_after(start + datetime.timedelta(days=10))
                   .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(names)),
                                            critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def give(self, name, common_name, names=(), days_ago=0):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        certificate = self.issue(subject, key.public_key(), names=names, days_ago=days_ago)
        return (self.write(name + ".pem",
                           certificate.public_bytes(serialization.Encoding.PEM)),
                self.write(name + ".key", pem_of(key)))


class Postgres:
    """A PostgreSQL server of our own: tests/lib/postgres."""

    def __init__(self):
        script = os.path.join(os.path.dirname(__file__), "..", "lib", "postgres")
        self.process = subprocess.Popen([script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        host, port = self.process.stdout.readline().split()
        self.url = f"postgresql://secureev@/postgres?host={host}&port={port}"

    def tell(self, command):
        """restart (as after a loss of power), stop, start"""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ok\n"

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Asking:
    """Requests to servers, of whom `ca.path` and `cars` (name -> certificate, key) know."""

    def connection(self, port, who):
        context = ssl.create_default_context(cafile=self.ca.path)
        if who is not None:
            context.load_cert_chain(*self.cars[who])
        return http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=30)

    def ask(self, who, method, path, body=None, port=None):
        connection = self.connection(port or self.director_port, who)
        connection.request(method, path, body)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, data


class World(Asking):
    """Keys, repositories and processes, made once."""

    more_keys = ""  # sections of the signer
    enrolment = "foreign"  # certificates of the Authority above, which no registry gave

    def __init__(self, database=None):
        self.dir = tempfile.mkdtemp(prefix="sev-d-")
        self.database = database or self.dir + "/director.db"
        self.processes = []
        self.access_log = "yes"
        self.threads = 4
        self.listener = ""  # more lines of the Director's section
        self.traced = False  # by strace, when set before they start
        self.env = dict(os.environ, HOME=self.dir, XDG_DATA_HOME=self.dir + "/data")
        self.write("pass", b"correct horse\n")
        self.ca = Authority(self.dir)
        server = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        self.server = self.ca.give("server", "director", server)
        self.cars = {
            VEHICLE: self.ca.give("car-1", "car-1", [x509.UniformResourceIdentifier(VEHICLE)]),
            OTHER: self.ca.give("car-2", "car-2", [x509.UniformResourceIdentifier(OTHER)]),
            "old-car": self.ca.give("old", "old-car"),
            "poser": self.ca.give("poser", VEHICLE),
            OLD: self.ca.give("device", OLD)}
        self.images_repository()
        self.director_root()

    def write(self, name, data):
        path = os.path.join(self.dir, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        return path

    def secureev(self, *arguments, code=0):
        run = subprocess.run([os.path.join(BIN, "secureev"), *arguments], cwd=self.dir,
                             env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             check=False)
        assert run.returncode == code, (arguments, run.returncode, run.stderr)
        return run.stdout

    def person(self, name, kind="p256", keystore=None):
        folder = f"{self.dir}/keys/{keystore or name}"
        self.secureev("key", "generate", "--keystore", folder, "--name", name, "--type", kind,
                      "--passphrase-file", "pass")
        self.secureev("key", "export", name, "--keystore", folder, "--public", "--out",
                      name + ".json")

    def people(self, offline, online):
        """Two keystores, each with a key for either dialect."""
        for name in (offline, online):
            self.person(name)
            self.person(name + "-a", "ed25519", name)

    def roles(self, **owners):
        for role, name in owners.items():
            yield from ("--role", f"{role}=1:{name}.json",
                        "--aktualizr-role", f"{role}=1:{name}-a.json")

    def sign(self, repo, who, mine):
        """What is staged for these roles, in both dialects."""
        desk = tempfile.mkdtemp(dir=self.dir)
        for dialect, key in (("native", who), ("aktualizr", who + "-a")):
            files = [f"{repo}/staged/{f}" for f in os.listdir(f"{self.dir}/{repo}/staged")
                     if re.fullmatch(rf"{dialect}\.\d+\.({mine})\.tbs", f)]
            if files:
                self.secureev("repo", "sign", *files, "--key", key, "--keystore",
                              f"{self.dir}/keys/{who}", "--passphrase-file", "pass", "--out", desk)
        return [os.path.join(desk, f) for f in os.listdir(desk)]

    def ceremony(self, repo, who, online, mine="root|targets"):
        self.secureev("repo", "stage", "--repo", repo)
        signed = self.sign(repo, who, mine)
        if signed:
            self.secureev("repo", "assemble", "--repo", repo, *signed)
        self.secureev("repo", "publish", "--repo", repo, "--keystore", f"{self.dir}/keys/{online}",
                      "--passphrase-file", "pass")

    def images_repository(self):
        self.people("iris", "iris-online")
        self.secureev("repo", "init", "--repo", "images", "--kind", "images", "--with-aktualizr",
                      *self.roles(root="iris", targets="iris", snapshot="iris-online",
                                  timestamp="iris-online"))
        self.write("brake-2.img", os.urandom(300000))
        self.secureev("repo", "add", "brakes/brake-2.img", "brake-2.img", "--repo", "images",
                      "--hardware-id", "brake-7", "--release-counter", "2", "--version", "2")
        self.write("primary-2.img", os.urandom(200000))
        self.secureev("repo", "add", "primary/fw-2.bin", "primary-2.img", "--repo", "images",
                      "--hardware-id", "primary_hw", "--release-counter", "2", "--version", "2")
        self.more_images()
        self.ceremony("images", "iris", "iris-online")

    def more_images(self):
        """For those who need others than these two."""

    def director_root(self):
        self.people("dirk", "online")
        self.secureev("repo", "init", "--repo", "director", "--kind", "director", "--vehicle",
                      VEHICLE, "--with-aktualizr",
                      *self.roles(root="dirk", targets="online", snapshot="online",
                                  timestamp="online"), "--role", "time=1:online.json")
        self.publish_root(1)

    def publish_root(self, version):
        """To the folder that the Director serves roots from."""
        self.ceremony("director", "dirk", "online", "root")
        for dialect in ("", "aktualizr/"):
            os.makedirs(f"{self.dir}/roots/{dialect}", exist_ok=True)
            path = f"{self.dir}/director/public/{dialect}{version}.root.json"
            if os.path.exists(path):
                shutil.copy(path, f"{self.dir}/roots/{dialect}")

    # ------------------------------------------------------------ processes

    def start(self, program, config, user=None):
        """`user`: another than ours, which needs root."""
        log = f"{config}.log"
        command = [os.path.join(BIN, program), config]
        if self.traced:
            command = ["strace", "-f", "-qq", "-o", config + ".strace", *command]
        with open(log, "ab") as out:
            process = subprocess.Popen(
                command, stdout=out, stderr=out, cwd=self.dir, env=self.env,
                **({} if user is None else {"user": user, "group": user, "extra_groups": []}))
        self.processes.append(process)
        for _ in range(3000):
            started = [e for e in self.log(config) if e["event"] == "started"]
            if started or process.poll() is not None:
                break
            time.sleep(0.01)
        assert process.poll() is None and started, self.raw_log(config)
        return process, {e.get("role"): e.get("port") for e in started}

    def signal(self, process, name):
        """Also to one that is traced, whose parent we started."""
        number = getattr(signal, "SIG" + name)
        if self.traced:
            with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
                for child in file.read().split():
                    os.kill(int(child), number)
        else:
            process.send_signal(number)

    def raw_log(self, config):
        with open(f"{config}.log", "rb") as file:
            return file.read()

    def log(self, config):
        lines = self.raw_log(config).splitlines()
        return [json.loads(line) for line in lines if line.startswith(b"{")]

    def up(self):
        me = os.getuid()
        keys = "".join(f"[key director-{role}]\nkey = online\nrepository = director\n"
                       f"sign = {sign}\nusers = {me}\n"
                       for role, sign in (("targets", "targets"), ("snapshot", "snapshot"),
                                          ("timestamp", "timestamp status-reply")))
        keys += (f"[key time]\nkey = online\nrepository = director\nsign = time\nusers = {me}\n")
        keys += (f"[key director-old]\nkey = online-a\nrepository = director\n"
                 f"profile = aktualizr\nsign = targets\nusers = {me}\n")
        self.signer_config = self.write("signer.conf", (
            f"[signer]\nsocket = {self.dir}/signer.sock\nkeystore = {self.dir}/keys/online\n"
            f"passphrase_file = {self.dir}/pass\nlog = json\n{keys}{self.more_keys}").encode())
        tls = (f"certificate = {self.server[0]}\ncertificate_key = {self.server[1]}\n"
               f"clients = {self.ca.path}\n")
        self.director_config = self.write("director.conf", (
            f"[server]\nlog = json\naccess_log = {self.access_log}\n"
            "[director]\nlisten = 127.0.0.1:0\n"
            f"{tls}{self.listener}database = {self.database}\nmetadata = {self.dir}/roots\n"
            f"signer = {self.dir}/signer.sock\nthreads = {self.threads}\npoll_interval = 10m\n"
            f"enrolment = {self.enrolment}\n"
            "aktualizr_key = director-old\n[health]\nlisten = 127.0.0.1:0\n").encode())
        self.images_config = self.write("images.conf", (
            f"[server]\nlog = json\n[images]\nlisten = 127.0.0.1:0\n{tls}"
            f"folder = {self.dir}/images/public\n").encode())
        self.time_config = self.write("time.conf", (
            f"[server]\nlog = json\n[time]\nlisten = 127.0.0.1:0\n{tls}"
            f"signer = {self.dir}/signer.sock\n").encode())
        self.signer, _ = self.start("secureev-signer", self.signer_config)
        self.director, ports = self.start("secureevd", self.director_config)
        self.director_port, self.health_port = ports["director"], ports["health"]
        self.images, ports = self.start("secureevd", self.images_config)
        self.images_port = ports["images"]
        self.time, ports = self.start("secureevd", self.time_config)
        self.time_port = ports["time"]

    def down(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        shutil.rmtree(self.dir)


class Car:
    """A vehicle of two ECUs, written after docs/POUF.md."""

    def __init__(self, world, vehicle):
        self.world, self.vehicle = world, vehicle
        self.keys = {"tcu-1": ec.generate_private_key(ec.SECP256R1()),
                     "brake-1": ec.generate_private_key(ec.SECP256R1())}
        self.hardware = {"tcu-1": "gateway", "brake-1": "brake-7"}
        self.counter = 0
        self.reports = {"tcu-1": 0, "brake-1": 0}
        self.installed = {"tcu-1": ("tcu/a", 1, b"a"), "brake-1": ("brakes/old", 1, b"b")}
        self.held = {"root": 1, "statusVersion": 0, "timestamp": 0}
        self.boots = {"tcu-1": 1, "brake-1": 1}
        self.results = {}  # of the last installation that an ECU tried

    def key_object(self, serial):
        pem = self.keys[serial].public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
        return {"keytype": "ecdsa", "keyval": {"public": pem}, "scheme": "ecdsa-sha2-nistp256"}

    def sign(self, serial, body):
        keyid = hashlib.sha256(
            json.dumps(self.key_object(serial), sort_keys=True, separators=(",", ":"))
            .replace("\\n", "\n").encode()).hexdigest()
        signature = self.keys[serial].sign(canonical(body), ec.ECDSA(hashes.SHA256()))
        return {"signatures": [{"keyid": keyid, "sig": signature.hex()}], "signed": body}

    def register(self):
        form = {"ecus": [{"clientKey": self.key_object(s), "ecu_serial": s,
                          "hardware_identifier": self.hardware[s]} for s in ("tcu-1", "brake-1")],
                "primary_ecu_serial": "tcu-1"}
        return self.world.ask(self.vehicle, "POST", "/ecus", json.dumps(form))

    def image(self, serial):
        name, _, data = self.installed[serial]
        return {"fileinfo": {"hashes": {"sha256": hashlib.sha256(data).hexdigest()},
                             "length": len(data)}, "filepath": name}

    def report(self, serial):
        self.reports[serial] += 1
        body = {
            "_type": "report", "attacks_detected": "", "bootCount": self.boots[serial],
            "counter": self.reports[serial], "ecu_serial": serial,
            "installed_image": self.image(serial), "previous_timeserver_time": now(),
            "releaseCounter": self.installed[serial][1], "time": now(), "timeserver_time": now(),
            "vehicle": self.vehicle}
        if serial in self.results:
            body["result"] = self.results[serial]
        return self.sign(serial, body)

    def base(self):
        whole = [[s, self.image(s)["filepath"], self.image(s)["fileinfo"]["length"],
                  self.image(s)["fileinfo"]["hashes"], self.installed[s][1]]
                 for s in sorted(self.installed)]
        return hashlib.sha256(canonical(whole)).hexdigest()

    def status(self, reports=(), **changes):
        self.counter += 1
        body = {"_type": "status", "base": self.base(), "counter": self.counter, "held": self.held,
                "nonce": os.urandom(16).hex(), "primary": "tcu-1", "time": now(),
                "vehicle": self.vehicle}
        if reports:
            body["reports"] = [self.report(s) for s in reports]
        body.update(changes)
        return self.sign("tcu-1", body)

    def send(self, status, who=None):
        code, data = self.world.ask(who or self.vehicle, "POST", "/status", canonical(status))
        return code, json.loads(data)


class Proxy:
    """Plain HTTP for `secureev uptane`, which speaks no TLS; with the car's certificate behind."""

    def __init__(self, world, who, port):
        outer = self
        self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                try:
                    status, data = world.ask(who, "GET", self.path, port=port)
                except (OSError, http.client.HTTPException):
                    status, data = 503, b""
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
