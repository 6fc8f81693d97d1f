# A TUF repository that a test can bend: documents are kept as plain dictionaries, signed when
# published, and served from memory exactly as published. Consistent snapshots only.
# SPDX-License-Identifier: MIT
import copy
import hashlib
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

from . import keys
from .canonical import canonical, pretty

TOP = ("root", "timestamp", "snapshot", "targets")
WRONG_HASH = "5e" * 32


def utc(days=0, **more) -> datetime:
    now = datetime.now(timezone.utc).replace(microsecond=0)
    return now + timedelta(days=days, **more)


def stamp(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def digests(data: bytes, algorithms=("sha256",)) -> dict:
    return {a: hashlib.new(a, data).hexdigest() for a in algorithms}


def reseal(envelope, signers) -> None:
    """Sign again what was edited after the first signature."""
    data = canonical(envelope["signed"])
    envelope["signatures"] = [{"keyid": s.keyid, "sig": s.sign(data)} for s in signers]


class Repository:
    def __init__(self, name: str):
        self.name = name
        self.prefix = quote(name, safe="")
        self.files = {}      # path below the prefix -> bytes, HTTP status, or callable(handler)
        self.requests = []   # paths below the prefix, as they came
        self.headers = []    # what each request said
        self.history = {}    # role -> {version: bytes published last under it}
        self.published = {}  # role -> every document ever published
        self.artifacts = []  # every artifact ever put into the metadata
        self.list_hashes = ()
        self.list_length = False
        self.serialise = pretty
        self.signed = {
            "root": self._new("root", consistent_snapshot=True, keys={}, roles={}),
            "timestamp": self._new("timestamp", meta={}),
            "snapshot": self._new("snapshot", meta={}),
            "targets": self._new("targets", targets={}),
        }
        self.signers = {}
        for role in TOP:
            self.set_keys(role, [keys.ecdsa()])
        self.publish("targets", "snapshot", "timestamp", "root")

    @staticmethod
    def _new(kind, **members):
        return {"_type": kind, "spec_version": "1.0.31", "version": 1,
                "expires": stamp(utc(30)), **members}

    # ------------------------------------------------------------ documents

    root = property(lambda self: self.signed["root"])
    timestamp = property(lambda self: self.signed["timestamp"])
    snapshot = property(lambda self: self.signed["snapshot"])
    targets = property(lambda self: self.signed["targets"])

    def listed(self, role: str) -> dict:
        """Where timestamp or snapshot lists a file."""
        if role == "snapshot":
            return self.timestamp["meta"]["snapshot.json"]
        return self.snapshot["meta"][f"{role}.json"]

    def expire(self, role: str, moment: datetime) -> None:
        self.signed[role]["expires"] = stamp(moment)

    def file_name(self, role: str, version=None) -> str:
        if role == "timestamp":
            return "timestamp.json"
        return f"{version or self.signed[role]['version']}.{quote(role, safe='')}.json"

    def bytes_of(self, role: str, version=None) -> bytes:
        return self.history[role][version or self.signed[role]["version"]]

    # ----------------------------------------------------------------- keys

    def set_keys(self, role, listed, threshold=1, sign_with=None) -> None:
        """Who the root says may sign `role`, and who will."""
        for signer in listed:
            self.root["keys"][signer.keyid] = copy.deepcopy(signer.public)
        self.root["roles"][role] = {"keyids": [s.keyid for s in listed], "threshold": threshold}
        self.signers[role] = list(listed if sign_with is None else sign_with)

    def rotate(self, *roles) -> None:
        for role in roles:
            self.set_keys(role, [keys.ecdsa()])

    def delegate(self, parent, name, paths=("*",), terminating=False, signers=None,
                 threshold=1) -> list:
        """Append a delegation; a key that signs `name` for nobody else unless given."""
        signers = [keys.ecdsa()] if signers is None else signers
        delegations = self.signed[parent].setdefault("delegations", {"keys": {}, "roles": []})
        for signer in signers:
            delegations["keys"][signer.keyid] = copy.deepcopy(signer.public)
        delegations["roles"].append({
            "name": name, "keyids": [s.keyid for s in signers], "threshold": threshold,
            "terminating": terminating, "paths": list(paths)})
        if name not in self.signed:
            self.signed[name] = self._new("targets", targets={})
        known = self.signers.setdefault(name, [])
        known.extend(s for s in signers if s not in known)
        return signers

    # ------------------------------------------------------------ publishing

    def publish(self, *roles, bump=True, edit=None, raw=None) -> None:
        """Sign and serve, in the order given; versions rise except the first time.
        `edit` may change the signed envelope, `raw` the bytes that are served."""
        for role in roles:
            signed = self.signed[role]
            if bump and role in self.history:
                signed["version"] += 1
            envelope = {"signatures": [], "signed": copy.deepcopy(signed)}
            reseal(envelope, self.signers[role])
            if edit is not None:
                edit(envelope)
            data = self.serialise(envelope)
            if raw is not None:
                data = raw(data)
            self._serve(role, signed["version"], data)

    def _serve(self, role, version, data) -> None:
        self.files["metadata/" + self.file_name(role, version)] = data
        self.history.setdefault(role, {})[version] = data
        self.published.setdefault(role, []).append(data)
        if role in ("root", "timestamp"):
            return
        entry = {"version": version}
        if self.list_length:
            entry["length"] = len(data)
        if self.list_hashes:
            entry["hashes"] = digests(data, self.list_hashes)
        parent = self.timestamp if role == "snapshot" else self.snapshot
        parent["meta"][f"{role}.json"] = entry

    def release(self, *roles) -> None:
        """Publish roles and what vouches for them."""
        self.publish(*roles, "snapshot", "timestamp")

    def add(self, role, path, data: bytes, algorithms=("sha256",)) -> dict:
        """List an artifact in `role` and serve it; its entry may be edited before publishing."""
        entry = {"length": len(data), "hashes": digests(data, algorithms)}
        self.signed[role]["targets"][path] = entry
        self.artifacts.append(data)
        for digest in entry["hashes"].values():
            self.put(path, digest, data)
        return entry

    @staticmethod
    def artifact_path(path: str, digest: str) -> str:
        folder, slash, name = path.rpartition("/")
        return "targets/" + quote(f"{folder}{slash}{digest}.{name}", safe="/")

    def put(self, path, digest, content) -> None:
        self.files[self.artifact_path(path, digest)] = content

    def replace_artifact(self, role, path, content) -> None:
        """Serve something else where the metadata still vouches for the old bytes."""
        for digest in self.signed[role]["targets"][path]["hashes"].values():
            self.put(path, digest, content)

    def withhold(self, name, status=404) -> None:
        self.files["metadata/" + name] = status
