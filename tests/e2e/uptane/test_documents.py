"""test_documents - every role file of every repository, broken in every generic way, one at a time.
Named by the requirement's row: test_VER_23_... is row VER-23 of requirements/uptane.md.
SPDX-License-Identifier: MIT"""

import datetime
import json

import server
from case import ANY, UNSIGNED, Case
from keys import Key
from repository import rfc3339
from world import OTHER_VEHICLE

DIRECTOR = ["timestamp", "snapshot", "targets"]
IMAGES = ["timestamp", "snapshot", "targets", "supplier-a"]
REGULATOR = ["timestamp", "snapshot", "targets", "withdrawals", "attestations"]
ALL = (
    [("director", role) for role in DIRECTOR]
    + [("images", role) for role in IMAGES]
    + [("regulator", role) for role in REGULATOR]
)
LISTED = [(name, role) for name, role in ALL if role != "timestamp"]
SECOND = datetime.timedelta(seconds=1)


def number(role, timestamp, snapshot, targets):
    """The row that speaks of this kind of file."""
    return {"timestamp": timestamp, "snapshot": snapshot}.get(role, targets)


def parents(role):
    """Who may be named where the file itself or what lists it can be blamed."""
    if role == "timestamp":
        return ("timestamp",)
    if role == "snapshot":
        return ("snapshot", "timestamp")
    return (role, "snapshot", "timestamp")


def flip(text):
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def drop(member):
    def act(signed):
        signed.pop(member, None)

    return act


def put(**members):
    def act(signed):
        signed.update(members)

    return act


def custom(**members):
    def act(signed):
        signed.setdefault("custom", {}).update(members)
        signed["custom"] = {k: v for k, v in signed["custom"].items() if v is not None}

    return act


def flip_signature(envelope):
    entry = envelope["signatures"][0]
    entry["sig"] = flip(entry["sig"])


def set_version(number_text):
    """Write another JSON text for the version: signatures cannot be right, nor need they."""

    def act(raw):
        version = json.loads(raw)["signed"]["version"]
        return raw.replace(b'"version":%d}' % version, b'"version":' + number_text + b"}", 1)

    return act


def pad(size):
    return lambda raw: raw[:-1] + b" " * size + b"}"


class Documents(Case):
    """Filled below: one method per break and file."""

    def broken(self, name, role, attack, where=None, world=None, **edits):
        """Release 2 is offered, this one file of it is broken: refused; then mended: installed."""
        world = world or self.settled()
        world.stage(2)
        repository = world.repository(name)
        repository.break_role(role, **edits)
        world.publish()
        exact = where is None
        keeps = () if exact else [(name, role)]
        self.refused(world, attack, name, role if exact else where, keeps=keeps)
        self.recovers(world)


def add(identifier, files, act):
    for name, role in files:
        row = identifier(name, role) if callable(identifier) else identifier

        def method(self, name=name, role=role):
            act(self, name, role)

        method.__name__ = "test_%s__%s_%s" % (row, name, role.replace("-", "_"))
        assert not hasattr(Documents, method.__name__), method.__name__
        setattr(Documents, method.__name__, method)


def row(timestamp, snapshot, targets, what):
    return lambda name, role: "VER_%02d_%s" % (number(role, timestamp, snapshot, targets), what)


# REQ-VER-18 REQ-VER-23 REQ-VER-30: threshold of good signatures by this role's keys
add(
    row(18, 23, 30, "no_signature"),
    ALL,
    lambda self, name, role: self.broken(name, role, "arbitrary-software", signers=[]),
)
add(
    row(18, 23, 30, "signed_by_a_foreign_key"),
    ALL,
    lambda self, name, role: self.broken(name, role, "arbitrary-software", signers=[Key()]),
)
add(
    row(18, 23, 30, "signature_flipped"),
    ALL,
    lambda self, name, role: self.broken(
        name, role, "arbitrary-software", envelope=flip_signature
    ),
)


def threshold_world(self):
    return self.settled(keys=3, threshold=2)


def one_short(self, name, role):
    world = threshold_world(self)
    signers = world.repository(name).role_of(role).signers()
    self.broken(name, role, "arbitrary-software", world=world, signers=signers[:-1])


def same_twice(self, name, role):
    world = threshold_world(self)
    key = world.repository(name).role_of(role).signers()[0]
    self.broken(name, role, "arbitrary-software", world=world, signers=[key, key])


def other_pair(self, name, role):
    """The honest twin: any two of the three will do."""
    world = threshold_world(self)
    world.stage(2)
    keys = world.repository(name).role_of(role).keys
    world.repository(name).break_role(role, signers=[keys[2], keys[0]])
    world.publish()
    self.accepted(world)


add(row(18, 23, 30, "one_signature_short_of_the_threshold"), ALL, one_short)
# REQ-ALG-0: one key counts once
add("ALG_0_one_key_signs_twice", ALL, same_twice)
add("ALG_0_any_keys_of_the_role_meet_the_threshold", ALL, other_pair)

# REQ-VER-19 REQ-VER-24 REQ-VER-25 REQ-VER-31: never below what is stored


def lower(self, name, role):
    world = self.settled()
    version = world.repository(name).versions[role] - 1
    self.broken(name, role, "rollback", parents(role), world=world, version=version)


add(row(19, 24, 31, "version_lower_than_stored"), ALL, lower)

# REQ-ATK-14: equal version, other bytes


def equal(self, name, role):
    world = self.settled()
    version = world.repository(name).versions[role]
    self.broken(name, role, "equivocation", parents(role), world=world, version=version)


add("ATK_14_same_version_other_bytes", ALL, equal)

# REQ-VER-20 REQ-VER-27 REQ-VER-32: now = expires is too late, one second before is not


def expired(self, name, role):
    world = self.settled()
    edit = put(expires=rfc3339(world.now))
    self.broken(name, role, "freeze", world=world, signed=edit)


def last_second(self, name, role):
    world = self.settled()
    world.stage(2)
    edit = put(expires=rfc3339(world.now + SECOND))
    world.repository(name).break_role(role, signed=edit)
    world.publish()
    self.accepted(world)


add(row(20, 27, 32, "expires_now"), ALL, expired)
add(row(20, 27, 32, "expires_in_one_second"), ALL, last_second)

# REQ-MET-02 REQ-MET-03 REQ-MET-04: structure
add(
    "MET_02_no_signatures_member",
    ALL,
    lambda self, name, role: self.broken(
        name, role, UNSIGNED, envelope=lambda envelope: {"signed": envelope["signed"]}
    ),
)


def members(self, name, role):
    body = "targets" if role not in ("timestamp", "snapshot") else "meta"
    for member in ("_type", "version", "expires", body):
        with self.subTest(missing=member):
            self.broken(name, role, UNSIGNED, signed=drop(member))


add("MET_03_member_missing", ALL, members)


def wrong_type(self, name, role):
    other = "targets" if role in ("timestamp", "snapshot") else "snapshot"
    self.broken(name, role, UNSIGNED, signed=put(_type=other))


add("MET_04_type_of_another_role", ALL, wrong_type)
# REQ-MET-31
add(
    "MET_31_unknown_major_format",
    ALL,
    lambda self, name, role: self.broken(name, role, (None,), signed=put(spec_version="99.0.0")),
)


def critical(self, name, role):
    """DESIGN 4: members named in signed.custom.critical, at the top of `signed`, of
    `signed.custom` or of a target's `custom`, must be known; others are not looked at."""

    def at_the_top(signed):
        custom(critical=["x-brakes"])(signed)
        signed["x-brakes"] = 1

    self.broken(name, role, (None,), signed=at_the_top)
    edit = custom(critical=["vehicle", "x-brakes"], **{"x-brakes": 1})
    self.broken(name, role, (None,), signed=edit)


add("MET_critical_member_unknown", ALL, critical)

# REQ-MET-32 REQ-ATK-13: a Director file names this vehicle, checked before anything is kept
DIRECTOR_FILES = [("director", role) for role in DIRECTOR]
add(
    "MET_32_no_vehicle",
    DIRECTOR_FILES,
    lambda self, name, role: self.broken(name, role, ("replay", None), signed=custom(vehicle=None)),
)
add(
    "ATK_13_other_vehicle",
    DIRECTOR_FILES,
    lambda self, name, role: self.broken(
        name, role, "replay", signed=custom(vehicle=OTHER_VEHICLE)
    ),
)
add(
    "MET_32_subscriber_instead_of_vehicle",  # DESIGN 3.5: a broker's file
    DIRECTOR_FILES,
    lambda self, name, role: self.broken(
        name, role, ("replay", None), signed=custom(vehicle=None, subscriber="did:secureev:broker")
    ),
)

# REQ-VER-22 REQ-VER-29: hash and version against what lists the file


def in_transit(self, name, role):
    other = lambda raw: raw.replace(b'"sig":"30', b'"sig":"31', 1)
    self.broken(name, role, "mix-and-match", wire=other)


def shorter(self, name, role):
    self.broken(name, role, "mix-and-match", wire=lambda raw: raw[:-1])


def second_hash(self, name, role):
    def edit(says):
        says["hashes"] = dict(says["hashes"], sha512="ab" * 64)

    self.broken(name, role, "mix-and-match", parents(role), listed=edit)


def other_version(step):
    def act(self, name, role):
        def edit(signed):
            signed["version"] += step

        self.broken(name, role, "mix-and-match", parents(role), signed=edit)

    return act


add(row(0, 22, 29, "bytes_differ_from_the_listed_hash"), LISTED, in_transit)
add(row(0, 22, 29, "shorter_than_listed"), LISTED, shorter)
add(row(0, 22, 29, "second_of_two_hashes_wrong"), LISTED, second_hash)
add(row(0, 22, 29, "version_above_the_listed_one"), LISTED, other_version(1))

# REQ-VER-17 REQ-VER-21 REQ-VER-28 REQ-ATK-08: bounded before it is believed
add(
    row(0, 21, 28, "one_byte_more_than_listed"),
    LISTED,
    lambda self, name, role: self.broken(name, role, "endless-data", wire=lambda raw: raw + b" "),
)


def too_large(self, name, role):
    # Signed and listed honestly, but beyond any bound of the limits table (16 KiB, 2 MiB, 8 MiB).
    size = 1 << 20 if role == "timestamp" else 12 << 20
    self.broken(name, role, "endless-data", parents(role), document=pad(size))


add(row(17, 21, 28, "larger_than_the_limit"), ALL, too_large)

# REQ-MET-03: strict JSON. What parents list are the broken bytes, so only the reader can refuse.
JSON_BREAKS = {
    "empty": lambda raw: b"",
    "not_json": lambda raw: b"<html>" + raw,
    "trailing_bytes": lambda raw: raw + b"{}",
    "cut": lambda raw: raw[:-1],
    "duplicate_signed": lambda raw: raw[:-1] + b',"signed":{}}',
    "duplicate_expires": lambda raw: raw.replace(
        b'"expires":', b'"expires":"2099-01-01T00:00:00Z","expires":', 1
    ),
    "invalid_utf8": lambda raw: raw.replace(b'"signed":{', b'"signed":{"a":"\xff\xfe",', 1),
    "lone_surrogate": lambda raw: raw.replace(b'"signed":{', b'"signed":{"a":"\\ud800",', 1),
    "float_version": set_version(b"9.0"),
    "exponent_version": set_version(b"1e3"),
    "huge_version": set_version(b"9007199254740993"),
    "negative_version": set_version(b"-1"),
    "text_version": set_version(b'"9"'),
    "byte_order_mark": lambda raw: b"\xef\xbb\xbf" + raw,
    "comment": lambda raw: raw[:-1] + b"/* */}",
    "array": lambda raw: b"[" + raw + b"]",
    "deep": lambda raw: raw.replace(
        b'"signed":{', b'"signed":{"a":' + b"[" * 5000 + b"]" * 5000 + b",", 1
    ),
}


def strict_json(broken_bytes):
    def act(self, name, role):
        # The length or hash a parent lists of an empty or odd file may itself be refused.
        self.broken(name, role, ANY, parents(role), document=broken_bytes)

    return act


for label, broken_bytes in JSON_BREAKS.items():
    add(
        "MET_03_json_" + label,
        [("director", "timestamp"), ("director", "targets"), ("images", "supplier-a")],
        strict_json(broken_bytes),
    )

# The same outside what is signed: every signature stays good, so a lax reader would accept.
DEEP = b"[" * 1500 + b"]" * 1500
UNSIGNED_BREAKS = {
    "not_utf8": b'"\xff"',
    "overlong_utf8": b'"\xc0\xaf"',
    "utf8_without_its_end": b'"\xe2\x82"',
    "utf8_with_a_stranger_inside": b'"\xe2A\xac"',
    "utf8_surrogate": b'"\xed\xa0\x80"',
    "utf8_beyond_unicode": b'"\xf5\x80\x80\x80"',
    "lone_high_surrogate": b'"\\ud800"',
    "lone_low_surrogate": b'"\\udc00"',
    "high_surrogate_before_a_letter": b'"\\ud800\\u0041"',
    "unknown_escape": b'"\\x41"',
    "short_escape": b'"\\u00"',
    "escape_that_is_no_number": b'"\\u00zz"',
    "control_character": b'"a\nb"',
    "nul_character": b'"a\x00b"',
    "open_string": b'"a',
    "fraction": b"1.0",
    "exponent": b"1e3",
    "beyond_2_53": b"9007199254740992",
    "below_2_53": b"-9007199254740992",
    "many_digits": b"1" * 400,
    "minus_zero": b"-0",
    "leading_zero": b"01",
    "plus": b"+1",
    "hexadecimal": b"0x10",
    "minus_alone": b"-",
    "word": b"nil",
    "capital_word": b"True",
    "not_a_number": b"NaN",
    "cut_word": b"tru",
    "single_quotes": b"'a'",
    "comma_at_the_end": b"[1,]",
    "comma_missing": b"[1 2]",
    "wrong_bracket": b"[1}",
    "colon_missing": b'{"b" 1}',
    "name_without_quotes": b"{b:1}",
    "number_as_name": b"{1:1}",
    "member_twice": b'{"b":1,"c":2,"b":1}',
    "member_twice_by_an_escape": b'{"b":1,"\\u0062":1}',
    "member_twice_out_of_order": b'{"z":1,"b":{"q":1},"a":3,"z":1}',
    "nothing": b"",
    "deep": DEEP,
    "deep_objects": b'{"a":' * 1500 + b"1" + b"}" * 1500,
}


def around(fault):
    return lambda raw: raw.replace(b'{"signatures"', b'{"a":' + fault + b',"signatures"', 1)


def signatures_twice(raw):
    end = raw.index(b'],"signed"') + 1
    return b"{" + raw[1:end] + b"," + raw[1:]


for label, fault in UNSIGNED_BREAKS.items():
    add(
        "MET_03_json_unsigned_" + label,
        [("director", "timestamp"), ("images", "supplier-a")],
        lambda self, name, role, fault=fault: self.broken(
            name, role, (None,), document=around(fault)
        ),
    )
add(
    "MET_03_json_signatures_twice",
    [("director", "timestamp"), ("images", "targets")],
    lambda self, name, role: self.broken(name, role, (None,), document=signatures_twice),
)


def first_version(version):
    """The very first file: nothing stored that it could be below."""

    def act(self, name, role):
        world = self.blank()
        world.stage(1)
        repository = world.repository(name)
        repository.break_role(role, signed=put(version=version))
        world.publish()
        attacks = UNSIGNED + ("rollback", "mix-and-match")
        self.refused(world, attacks, name, parents(role))
        self.recovers(world)

    return act


for label, version in (("zero", 0), ("negative", -7), ("text", "5"), ("true", True)):
    add("MET_03_first_version_" + label, DIRECTOR_FILES, first_version(version))

# REQ-MET-03: dates that are none
for label, text in {
    "date_only": "2031-01-01",
    "fraction": "2031-01-01T00:00:00.5Z",
    "offset": "2031-01-01T00:00:00+00:00",
    "february_30": "2031-02-30T00:00:00Z",
    "month_13": "2031-13-01T00:00:00Z",
    "hour_24": "2031-01-01T24:00:00Z",
    "empty": "",
    "lower_case": "2031-01-01t00:00:00z",
}.items():
    add(
        "MET_03_expires_" + label,
        [("director", "timestamp"), ("images", "supplier-a")],
        lambda self, name, role, text=text: self.broken(
            name, role, (None, "freeze"), signed=put(expires=text)
        ),
    )

# REQ-ATK-02: withheld is not an attack by name, and never a success


def withheld(answer, classes):
    def act(self, name, role):
        world = self.settled()
        world.stage(2)
        world.publish()
        repository = world.repository(name)
        if role not in ("timestamp", "snapshot"):  # a stored one must not do
            repository.made.pop(role)
            world.publish()
        path = "%d.%s.json" % (repository.versions[role], role)
        if role == "timestamp":
            path = "timestamp.json"
        world.override(name, path, answer())
        # DESIGN 4 names withheld messages `freeze`; the issue says RETRY for an absent server.
        attacks = (None, "freeze", "mix-and-match")
        self.refused(world, attacks, name, parents(role), cls=classes, keeps=[(name, role)])
        world.overrides.clear()
        self.accepted(world)

    return act


add("ATK_02_server_error", ALL, withheld(lambda: server.status(500), ("RETRY",)))
add("ATK_02_closed_without_answer", ALL, withheld(server.close, ("RETRY",)))
add("ATK_02_cut_short", ALL, withheld(lambda: server.truncate(40), ("RETRY",)))
add("ATK_02_not_found", ALL, withheld(lambda: server.status(404), ("RETRY", "REFUSE")))
