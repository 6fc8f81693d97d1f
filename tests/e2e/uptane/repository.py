"""repository - a Director, Images or Regulator in memory, honest unless a hook breaks it.
Everything is built from DESIGN.md 4; a hook may edit any document at any stage of its making.
SPDX-License-Identifier: MIT"""

import copy
import datetime
import hashlib

from canonical import ascii_escaped, olpc, wire
from keys import Key

BASE = datetime.datetime(2030, 6, 1, 12, 0, 0)
FIRST_VERSION = 5  # so that "one lower" is still a version


def rfc3339(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def digests(data, algorithms=("sha256",)):
    return {name: hashlib.new(name, data).hexdigest() for name in algorithms}


class Hook:
    """Where to break a document. Only one of these is set in most tests.

    signed:    edits `signed` before it is signed, so signatures are good
    signers:   the keys that sign instead of the role's
    version:   the version to write and list instead of the next one
    envelope:  edits {signatures, signed} after signing
    document:  edits the bytes; parents list the edited ones
    wire:      edits the bytes in transit; parents list the honest ones
    listed:    edits what the parent says of it
    """

    def __init__(self, **edits):
        self.signed = edits.pop("signed", None)
        self.signers = edits.pop("signers", None)
        self.version = edits.pop("version", None)
        self.envelope = edits.pop("envelope", None)
        self.document = edits.pop("document", None)
        self.wire = edits.pop("wire", None)
        self.listed = edits.pop("listed", None)
        assert not edits, edits


def apply(edit, value):
    """An edit may change its argument (a copy of ours) in place or return a new one."""
    if edit is None:
        return value
    value = copy.deepcopy(value)
    result = edit(value)
    return value if result is None else result


class ForeignKey:
    """A key object we hold no private half of: a kind that clients need not know."""

    def __init__(self, key_object):
        self.key_object = key_object

    def __deepcopy__(self, memo):
        return self

    def object(self, profile="native"):
        return self.key_object

    def id(self, profile="native"):
        return hashlib.sha256(olpc(self.key_object)).hexdigest()


class Role:
    def __init__(self, keys, threshold=1, signers=None):
        self.keys = list(keys)
        self.threshold = threshold
        self.signing = signers

    def signers(self):
        return self.signing if self.signing is not None else self.keys[: self.threshold]

    def entry(self, profile):
        return {"keyids": [key.id(profile) for key in self.keys], "threshold": self.threshold}

    def copy(self):
        return Role(self.keys, self.threshold, self.signing)


class Delegation:
    """One entry of a delegations list; with `roles` the multi-role form of TAP 3."""

    def __init__(self, name=None, keys=(), threshold=1, paths=(), **options):
        self.name = name
        self.keys = list(keys)
        self.threshold = threshold
        self.paths = list(paths)
        self.terminating = options.pop("terminating", False)
        self.hardware_ids = options.pop("hardware_ids", None)
        self.roles = options.pop("roles", None)  # [(name, keys, threshold)]
        self.min_roles = options.pop("min_roles", None)
        self.extra = options.pop("extra", {})
        self.listed_ids = options.pop("listed_ids", None)
        assert not options, options

    def all_keys(self):
        if self.roles is not None:
            return [key for _, keys, _ in self.roles for key in keys]
        return self.keys

    def entry(self, profile):
        out = {"paths": self.paths, "terminating": self.terminating}
        if self.hardware_ids is not None:
            out["hardwareIds"] = self.hardware_ids
        if self.roles is not None:
            out["min_roles_in_agreement"] = self.min_roles
            out["roles"] = [
                {"name": name, "keyids": [k.id(profile) for k in keys], "threshold": threshold}
                for name, keys, threshold in self.roles
            ]
        else:
            out["name"] = self.name
            out["keyids"] = self.listed_ids or [key.id(profile) for key in self.keys]
            out["threshold"] = self.threshold
        out.update(self.extra)
        return out


class Node:
    """A targets file, top-level or delegated."""

    def __init__(self, name, role=None):
        self.name = name
        self.role = role  # None: the top-level one, whose keys the root names
        self.targets = {}
        self.delegations = []
        self.custom = None
        self.emit_empty_delegations = False

    def body(self, profile):
        out = {"targets": self.targets}
        if self.custom is not None:
            out["custom"] = self.custom
        if self.delegations or self.emit_empty_delegations:
            keys = {}
            for delegation in self.delegations:
                for key in delegation.all_keys():
                    keys[key.id(profile)] = key.object(profile)
            out["delegations"] = {
                "keys": keys,
                "roles": [delegation.entry(profile) for delegation in self.delegations],
            }
        return out


class Repository:
    def __init__(self, name, profile="native", kind="p256", keys=1, threshold=1):
        self.name = name
        self.profile = profile
        self.kind = kind
        self.vehicle = None  # set for a Director of the native profile
        self.spec_version = "1.0.31"
        self.style = wire
        self.roles = {
            role: Role([Key(kind) for _ in range(keys)], threshold)
            for role in ("root", "timestamp", "snapshot", "targets")
        }
        self.extra_roles = {}  # of the root: publish, time, kem
        self.root_version = 0
        self.root_extra = {}
        self.nodes = {"targets": Node("targets")}
        self.unlisted = set()  # roles that the snapshot forgets
        self.expires = {}
        self.hooks = {}
        self.files = {}
        self.high = {}  # highest version ever made, per role
        self.versions = {}
        self.made = {}  # what the current document was made from
        self.docs = {}  # the bytes served now
        self.listed = {}  # what parents say of them
        self.history = {}

    # -- helpers of the tests

    @property
    def targets(self):
        return self.nodes["targets"].targets

    @property
    def top(self):
        return self.nodes["targets"]

    def delegate(self, name, paths, parent="targets", keys=1, threshold=1, **options):
        """Create the role and its entry in the parent; returns the entry."""
        made = [Key(self.kind) for _ in range(keys)]
        entry = Delegation(name, made, threshold, paths, **options)
        self.nodes[parent].delegations.append(entry)
        if name not in self.nodes:
            self.nodes[name] = Node(name, Role(made, threshold))
        return entry

    def role_of(self, name):
        node = self.nodes.get(name)
        if node is not None and node.role is not None:
            return node.role
        return self.roles[name]

    # -- making documents

    def canonical(self, value):
        return ascii_escaped(value) if self.profile == "aktualizr" else olpc(value)

    def expiry(self, role):
        return rfc3339(self.expires.get(role, BASE + datetime.timedelta(days=365)))

    def common(self, type_name, role, version):
        if self.profile == "aktualizr":
            return {
                "_type": type_name.capitalize(),
                "expires": self.expiry(role),
                "version": version,
            }
        return {
            "_type": type_name,
            "spec_version": self.spec_version,
            "version": version,
            "expires": self.expiry(role),
        }

    def seal(self, signed, signers, hook, style=None):
        """Sign and emit; returns the bytes that parents list and those that are served."""
        message = self.canonical(signed)
        envelope = {
            "signatures": [key.signature(message, self.profile) for key in signers],
            "signed": signed,
        }
        envelope = apply(hook.envelope, envelope)
        listed = apply(hook.document, (style or self.style)(envelope))
        return listed, apply(hook.wire, listed)

    def root_body(self, roles, extra_roles):
        keys = {}
        table = {}
        for name, role in list(roles.items()) + list(extra_roles.items()):
            table[name] = role.entry(self.profile)
            for key in role.keys:
                keys[key.id(self.profile)] = key.object(self.profile)
        body = {"keys": keys, "roles": table, **self.root_extra}
        if self.profile == "native":
            body["consistent_snapshot"] = True
        return body

    def make_root(self, roles, signers, hook=None, version=None):
        hook = hook or Hook()
        if version is None:
            version = self.root_version + 1
        signed = self.common("root", "root", version)
        signed.update(self.root_body(roles, self.extra_roles))
        signed = apply(hook.signed, signed)
        _, served = self.seal(signed, hook.signers or signers, hook)
        return served

    def rotate(self, **roles):
        """The next root, honestly, signed by old and new; `targets=Role(...)` replaces a role."""
        old = self.roles["root"].signers()
        for name, role in roles.items():
            if name in self.roles:
                self.roles[name] = role
            else:
                self.extra_roles[name] = role
        signers = unique(old + self.roles["root"].signers())
        document = self.make_root(self.roles, signers)
        self.root_version += 1
        self.files["%d.root.json" % self.root_version] = document
        self.docs["root"] = document
        return document

    def fresh(self, role, keys=1, threshold=1):
        """A role with new keys, for rotate()."""
        return Role([Key(self.kind) for _ in range(keys)], threshold)

    def forge_root(self, hook=None, signers=None, version=None, **roles):
        """Serve a broken next root; the repository itself stays as it is."""
        table = {name: role.copy() for name, role in self.roles.items()}
        table.update(roles)
        if signers is None:
            signers = unique(self.roles["root"].signers() + table["root"].signers())
        document = self.make_root(table, signers, hook, version)
        self.files["%d.root.json" % (self.root_version + 1)] = document
        return document

    def withdraw_root(self):
        self.files.pop("%d.root.json" % (self.root_version + 1), None)

    def build(self, role, type_name, body, path):
        hook = self.hooks.get(role)
        signers = self.role_of(role).signers()
        recipe = repr((body, [key.id() for key in signers], self.expiry(role), self.style))
        if hook is None and self.made.get(role) == recipe:
            return
        hook = hook or Hook()
        version = hook.version
        if version is None:
            version = self.high.get(role, FIRST_VERSION - 1) + 1
            self.high[role] = version
        self.versions[role] = version
        signed = self.common(type_name, role, version)
        if self.vehicle is not None:
            signed["custom"] = {"vehicle": self.vehicle}
        for name, value in body.items():
            if name == "custom" and "custom" in signed:
                value = {**signed["custom"], **value}
            signed[name] = value
        signed = apply(hook.signed, signed)
        if hook.signers is not None:
            signers = hook.signers
        listed, served = self.seal(signed, signers, hook)
        says = {"version": version, "length": len(listed), "hashes": digests(listed)}
        self.listed[role] = apply(hook.listed, says)
        self.made[role] = "broken" if role in self.hooks else recipe
        self.docs[role] = served
        self.history.setdefault(role, []).append(served)
        self.files[path(self.listed[role].get("version", version))] = served

    def publish(self):
        """Delegated, targets, snapshot, timestamp: whatever changed gets the next version."""
        native = self.profile == "native"
        for name, node in self.nodes.items():
            if name != "targets":
                self.build(name, "targets", node.body(self.profile), self.path_of(name))
        body = self.top.body(self.profile)
        self.build("targets", "targets", body, self.path_of("targets"))
        if not native and self.name == "director":
            return
        meta = {}
        for name in self.nodes:
            if name not in self.unlisted:
                says = self.listed[name]
                meta[name + ".json"] = dict(says) if native else {"version": says["version"]}
        self.build("snapshot", "snapshot", {"meta": meta}, self.path_of("snapshot"))
        body = {"meta": {"snapshot.json": self.listed["snapshot"]}}
        self.build("timestamp", "timestamp", body, lambda version: "timestamp.json")

    def path_of(self, name):
        if self.profile == "native":
            return lambda version: "%d.%s.json" % (version, name)
        if name in ("targets", "snapshot"):
            return lambda version: name + ".json"
        return lambda version: "delegations/%s.json" % name

    def break_role(self, role, **edits):
        """Break this role's next document; it is made anew even if nothing else changed."""
        self.hooks[role] = Hook(**edits)

    def mend(self):
        """No hooks, and each broken document is replaced by an honest one with a new version."""
        for role in self.hooks:
            self.made.pop(role, None)
        self.hooks.clear()
        self.withdraw_root()


def unique(keys):
    out = []
    for key in keys:
        if key not in out:
            out.append(key)
    return out
