# A second client, for testing the tests: it follows the contract in the plainest way, in this
# process, and any one of its rules can be switched off. It is not meant to be used for anything.
# SPDX-License-Identifier: MIT
import hashlib
import http.client
import json
import os
import re
import time
from datetime import datetime, timezone
from urllib.parse import quote, urlsplit

from . import keys
from .canonical import canonical

CAPS = {"root": 262144, "timestamp": 16384, "snapshot": 2 << 20, "targets": 8 << 20}
MEMBERS = {"root": ("keys", "roles"), "timestamp": ("meta",), "snapshot": ("meta",),
           "targets": ("targets",)}
OFF = None  # the rule that is switched off


class Refused(Exception):
    pass


def rule(name: str) -> bool:
    return name != OFF


def rules() -> list:
    """Every rule of this file, by name."""
    with open(__file__, encoding="utf-8") as source:
        return sorted(set(re.findall(r'rule\("([^"]+)"\)', source.read())))


def need(condition, why: str) -> None:
    if not condition:
        raise Refused(why)


# ------------------------------------------------------------------- bytes

def _members(pairs):
    if rule("duplicate-members"):
        need(len(dict(pairs)) == len(pairs), "a member is named twice")
    return dict(pairs)


def _no_number(text):
    raise Refused(f"number {text}")


def parse(data: bytes) -> dict:
    try:
        document = json.loads(data.decode(), object_pairs_hook=_members,
                              parse_float=_no_number, parse_constant=_no_number)
        canonical(document)
    except (ValueError, RecursionError) as error:
        raise Refused(f"not JSON: {error}") from error
    need(isinstance(document, dict) and isinstance(document.get("signed"), dict)
         and isinstance(document.get("signatures"), list), "not signed metadata")
    return document


def fetch(url: str, cap: int, more="too long"):
    """The body, or None if absent. The path goes out as it is."""
    parts = urlsplit(url)
    need(parts.scheme == "http" and parts.hostname, "not an URL")
    path = url[url.index(parts.netloc) + len(parts.netloc):]
    if not rule("url-verbatim"):
        path = re.sub("%2F", "/", path, flags=re.I)
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        if response.status in (403, 404):
            return None
        need(response.status == 200, f"status {response.status}")
        data = response.read(cap + 1 if rule("size-cap") else None)
        need(len(data) <= cap or not rule("size-cap"), more)
        promised = response.getheader("Content-length")
        if rule("truncated") and promised is not None:
            need(len(data) == int(promised), "ended early")
        return data
    except http.client.HTTPException as error:
        raise Refused(str(error)) from error
    finally:
        connection.close()


def check_listing(data: bytes, entry: dict) -> None:
    if rule("meta-length") and "length" in entry:
        need(entry["length"] == len(data), "length differs")
    if rule("meta-hashes"):
        for algorithm, digest in entry.get("hashes", {}).items():
            if algorithm in ("sha256", "sha512"):
                need(hashlib.new(algorithm, data).hexdigest() == digest, "hash differs")


def matches(pattern: str, path: str) -> bool:
    if not rule("case-sensitive"):
        pattern, path = pattern.lower(), path.lower()
    ends = {0}  # how much of the path the pattern so far can cover
    for character in pattern:
        if character == "*":
            for start in sorted(ends):
                while start < len(path) and (path[start] != "/"
                                             or not rule("star-stops-at-slash")):
                    start += 1
                    ends.add(start)
        elif character == "?":
            ends = {e + 1 for e in ends if e < len(path)
                    and (path[e] != "/" or not rule("mark-stops-at-slash"))}
        else:
            ends = {e + 1 for e in ends if e < len(path) and path[e] == character}
    return len(path) in ends


# ---------------------------------------------------------------- metadata

def check_signatures(document, keyring: dict, role: dict) -> None:
    threshold, listed = role["threshold"], role["keyids"]
    if rule("threshold-positive"):
        need(isinstance(threshold, int) and threshold >= 1, "threshold")
    seen, counted = set(), set()
    data = canonical(document["signed"])
    for entry in document["signatures"]:
        keyid, sig = entry["keyid"], entry["sig"]
        if rule("duplicate-signature"):
            need(keyid not in seen, "a key id signs twice")
        seen.add(keyid)
        if keyid not in keyring or (rule("keys-of-role") and keyid not in listed):
            need(rule("unknown-key-ignored"), "unknown key")
            continue
        key = keyring[keyid]
        if not rule("key-id-tolerated"):
            need(hashlib.sha256(canonical(key)).hexdigest() == keyid, "key id")
        if not keys.verify(key, sig, data):
            need(rule("bad-signature-ignored"), "bad signature")
            continue
        counted.add(keys.material(key) if rule("count-key-material") else keyid)
    need(len(counted) >= threshold, "threshold not met")


def check_form(document: dict, kind: str) -> None:
    signed = document["signed"]
    if rule("type"):
        need(signed.get("_type") == kind, "another type")
    need(type(signed.get("version")) is int and signed["version"] > 0, "version")
    for member in MEMBERS[kind]:
        need(isinstance(signed.get(member), dict), member)
    if kind == "timestamp":
        need("snapshot.json" in signed["meta"], "no snapshot listed")
    need(re.fullmatch(r"1\.0(\.\d+)?", str(signed.get("spec_version"))), "spec_version")
    expires = str(signed.get("expires"))
    try:
        need(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", expires)
             or not rule("expiry-form"), "expiry")
        datetime.fromisoformat(expires.replace("Z", "+00:00"))
    except ValueError as error:
        raise Refused("expiry") from error


class Client:
    def __init__(self, metadata_dir, metadata_url, now=None):
        self.directory = metadata_dir
        self.url = metadata_url if metadata_url.endswith("/") else metadata_url + "/"
        self.now = now if now is not None else datetime.now(timezone.utc).timestamp()
        self.loaded = {}  # delegated role -> document, in this process

    # what is on disk
    def path(self, role):
        if not rule("file-name-encoded"):
            return os.path.join(self.directory, role.replace("/", "_") + ".json")
        return os.path.join(self.directory, quote(role, safe="") + ".json")

    def local(self, role):
        try:
            with open(self.path(role), "rb") as file:
                return file.read()
        except OSError:
            return None

    def store(self, role, data):
        if not rule("bytes-as-received"):
            data = json.dumps(json.loads(data), indent=1, sort_keys=True).encode()
        replace(self.path(role), data)

    # steps
    def trusted(self, document, kind, keyring, role):
        check_form(document, kind)
        check_signatures(document, keyring, role)
        return document["signed"]

    def by_root(self, document, role):
        return self.trusted(document, role, self.root["keys"], self.root["roles"][role])

    def unexpired(self, signed):
        moment = datetime.fromisoformat(signed["expires"].replace("Z", "+00:00")).timestamp()
        now = int(self.now)
        need(now < moment if rule("expiry-at-the-second") else now <= moment, "expired")

    def kept(self, role, data=None):
        """The stored document, if it verifies under the root of now."""
        data = self.local(role) if data is None else data
        if data is None or len(data) > CAPS[role]:
            return None
        try:
            document = parse(data)
            return self.by_root(document, role) if rule("stored-reverified") \
                else document["signed"]
        except Refused:
            return None

    def check_root(self, document):
        signed = document["signed"]
        check_form(document, "root")
        for role in ("root", "timestamp", "snapshot", "targets"):
            need(role in signed["roles"], f"no {role} role")
        return signed

    def walk_roots(self):
        data = self.local("root")
        need(data is not None, "no trusted root")
        document = parse(data)
        self.root, newest = self.check_root(document), None
        if rule("stored-root-verified"):
            self.by_root(document, "root")
        while True:
            version = self.root["version"] + 1
            data = fetch(f"{self.url}{version}.root.json", CAPS["root"])
            if data is None:
                break
            document = parse(data)
            signed = self.check_root(document)
            if rule("root-signed-by-old"):
                self.by_root(document, "root")
            if rule("root-signed-by-new"):
                check_signatures(document, signed["keys"], signed["roles"]["root"])
            if rule("root-version-exact"):
                need(signed["version"] == version, "root version")
            if not rule("root-expiry-of-last-only"):
                self.unexpired(signed)
            self.root, newest = signed, data
            if rule("root-stored-at-once"):
                self.store("root", data)
        if rule("root-expiry"):
            self.unexpired(self.root)
        if newest is not None:
            self.store("root", newest)

    def take_timestamp(self):
        old = self.kept("timestamp")
        data = fetch(self.url + "timestamp.json", CAPS["timestamp"])
        need(data is not None, "no timestamp")
        new = self.by_root(parse(data), "timestamp")
        if old is not None:
            if rule("timestamp-rollback"):
                need(new["version"] >= old["version"], "timestamp rollback")
            if new["version"] == old["version"] and rule("timestamp-equal-kept"):
                self.unexpired(old)
                self.timestamp = old
                return
            if rule("timestamp-snapshot-rollback"):
                need(new["meta"]["snapshot.json"]["version"]
                     >= old["meta"]["snapshot.json"]["version"], "snapshot rollback")
        if rule("store-after-checks"):
            self.unexpired(new)
        self.store("timestamp", data)
        self.unexpired(new)
        self.timestamp = new

    def usable(self, role, entry):
        """The stored file, where it is the one listed and may be used without asking."""
        data = self.local(role)
        signed = self.kept(role, data)
        try:
            need(signed and signed["version"] == entry["version"], "another version")
            check_listing(data, entry)
            self.unexpired(signed)
        except Refused:
            return None
        return signed if rule("stored-used") else None

    def take_snapshot(self):
        entry = self.timestamp["meta"]["snapshot.json"]
        self.snapshot = self.usable("snapshot", entry)
        if self.snapshot is not None:
            return
        old = self.kept("snapshot")
        data = fetch(f"{self.url}{entry['version']}.snapshot.json",
                     entry.get("length", CAPS["snapshot"]))
        need(data is not None, "no snapshot")
        check_listing(data, entry)
        new = self.by_root(parse(data), "snapshot")
        if rule("version-as-listed"):
            need(new["version"] == entry["version"], "version differs")
        for name, was in (old or {"meta": {}})["meta"].items():
            if rule("snapshot-entry-vanished"):
                need(name in new["meta"], "vanished")
            if rule("snapshot-entry-rollback") and name in new["meta"]:
                need(new["meta"][name]["version"] >= was["version"], "rollback in snapshot")
        need("targets.json" in new["meta"], "targets not listed")
        self.unexpired(new)
        self.store("snapshot", data)
        self.snapshot = new

    def take_targets(self):
        entry = self.snapshot["meta"]["targets.json"]
        self.targets = self.usable("targets", entry)
        if self.targets is not None:
            return
        data = fetch(f"{self.url}{entry['version']}.targets.json",
                     entry.get("length", CAPS["targets"]))
        need(data is not None, "no targets")
        check_listing(data, entry)
        new = self.by_root(parse(data), "targets")
        if rule("version-as-listed"):
            need(new["version"] == entry["version"], "version differs")
        if not rule("targets-judged-by-snapshot-only"):
            old = self.kept("targets")
            need(old is None or new["version"] >= old["version"], "targets rollback")
        self.unexpired(new)
        self.store("targets", data)
        self.targets = new

    def refresh(self):
        self.walk_roots()
        self.take_timestamp()
        self.take_snapshot()
        self.take_targets()

    def delegated(self, name, parent):
        """The document of a role, verified for the delegator of this search."""
        if rule("reserved-names"):
            need(name not in CAPS, "a reserved name")
        delegations = parent["delegations"]
        role = next(r for r in delegations["roles"] if r["name"] == name)
        entry = self.snapshot["meta"].get(f"{name}.json")
        if entry is None:
            need(rule("not-in-snapshot-not-fetched") is False, "not in the snapshot")
            entry = {"version": 1}
        keyring = delegations["keys"] if rule("keys-of-delegator") else \
            {**self.root["keys"], **delegations["keys"]}

        def check(data):
            check_listing(data, entry)
            document = parse(data)
            signed = self.trusted(document, "targets", keyring, role)
            if rule("version-as-listed"):
                need(signed["version"] == entry["version"], "version differs")
            if rule("delegated-expiry"):
                self.unexpired(signed)
            return signed

        if name in self.loaded:
            data = self.loaded[name]
            return check(data) if rule("reverified-per-delegator") else parse(data)["signed"]
        data = self.local(name)
        if data is not None and rule("stored-delegated-used"):
            try:
                signed = check(data)
                self.loaded[name] = data
                return signed
            except Refused:
                pass
        data = fetch(f"{self.url}{entry['version']}.{quote(name, safe='')}.json",
                     entry.get("length", CAPS["targets"]))
        if data is None and not rule("absent-role-ends-search"):
            return {"targets": {}}
        need(data is not None, "no such role")
        signed = check(data)
        self.store(name, data)
        self.loaded[name] = data
        return signed

    def find(self, path):
        visited, stack = set(), [("targets", None)]
        while stack:
            name, parent = stack.pop() if rule("depth-first") else stack.pop(0)
            if name in visited:
                continue
            signed = self.targets if parent is None else self.delegated(name, parent)
            visited.add(name)
            if path in signed["targets"]:
                return signed["targets"][path]
            wanted = []
            for role in signed.get("delegations", {}).get("roles", []):
                if not any(matches(p, path) for p in role["paths"]) and rule("paths"):
                    continue
                wanted.append((role["name"], signed))
                if role["terminating"] and rule("terminating"):
                    stack.clear()
                    break
            stack.extend(reversed(wanted) if rule("in-order") else wanted)
        raise Refused("not in the metadata")

    def download(self, path, target_dir, url):
        entry = self.find(path)
        known = {a: h for a, h in entry["hashes"].items() if a in ("sha256", "sha512")}
        need(known or not rule("known-hash-needed"), "no known hash")

        def good(data):
            if rule("artifact-length") and len(data) != entry["length"]:
                return False
            return all(hashlib.new(a, data).hexdigest() == h for a, h in known.items()) \
                or not rule("artifact-hash")

        name = quote(path, safe="")
        if len(name) > 255:
            name = "%" + hashlib.sha256(path.encode()).hexdigest()
        if not rule("artifact-file-distinct"):
            name = path.rpartition("/")[2]
        place = os.path.join(target_dir, name)
        try:
            with open(place, "rb") as file:
                have = file.read()
            if rule("artifact-cache") and (good(have) or not rule("artifact-cache-checked")):
                return
        except OSError:
            pass
        folder, slash, last = path.rpartition("/")
        prefix = next(iter(entry["hashes"].values()))
        tail = quote(f"{folder}{slash}{prefix}.{last}", safe="/")
        data = fetch(url + ("" if url.endswith("/") else "/") + tail, entry["length"])
        need(data is not None, "artifact absent")
        if not rule("artifact-stored-after-check"):
            replace(place, data)
        need(good(data), "artifact differs")
        replace(place, data)


def replace(path, data):
    if not rule("no-leftovers"):
        with open(path + ".part", "wb") as file:
            file.write(data)
    folder = os.path.dirname(path)
    part = os.path.join(folder, f".{time.monotonic_ns()}.part")
    with open(part, "wb") as file:
        file.write(data)
    try:
        os.replace(part, path)
    except OSError:
        os.remove(part)
        raise


def _main(args, now):
    options = {"--metadata-dir": [], "--metadata-url": [], "--target-name": [],
               "--target-dir": [], "--target-base-url": []}
    args = list(args)
    while args and args[0].startswith("--"):
        need(len(args) > 1 and args[0] in options, "usage")
        options[args[0]].append(args[1])
        del args[:2]
    need(args, "usage")
    verb, rest = args[0], args[1:]

    def one(option):
        need(len(options[option]) == 1, "usage")
        return options[option][0]

    if verb == "init":
        need(len(rest) == 1, "usage")
        with open(rest[0], "rb") as file:
            replace(os.path.join(one("--metadata-dir"), "root.json"), file.read())
        return
    need(verb in ("refresh", "download") and not rest, "usage")
    apart = verb == "refresh" or not rule("folders-apart") or \
        os.path.realpath(one("--target-dir")) != os.path.realpath(one("--metadata-dir"))
    need(apart, "one folder for metadata and artifacts")
    client = Client(one("--metadata-dir"), one("--metadata-url"), now)
    if verb == "refresh":
        client.refresh()
        return
    target_dir, url = one("--target-dir"), one("--target-base-url")
    need(options["--target-name"], "usage")
    client.refresh()
    for name in options["--target-name"]:
        try:
            client.download(name, target_dir, url)
        except Refused:
            if rule("stop-at-first-failure"):
                raise


def main(args, now=None):
    """Exit status and what would be on standard error."""
    try:
        if list(args) == ["--help"]:
            return 0, ""
        _main(args, now)
        return 0, ""
    except (Refused, OSError) as error:
        return 1, str(error)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        return 1, f"malformed: {error!r}"
