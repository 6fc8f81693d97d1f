"""canonical - the two canonical JSON forms, written from the documents, sharing nothing with core/.
OLPC is what native metadata signs, ASCII what contracts/aktualizr.md 7.1 signs.
SPDX-License-Identifier: MIT"""

import json


def olpc(value):
    """Sorted members, no blanks, only quote and backslash escaped, integers only; as bytes."""
    if value is None:
        return b"null"
    if value is True:
        return b"true"
    if value is False:
        return b"false"
    if isinstance(value, int):
        return str(value).encode()
    if isinstance(value, str):
        return b'"' + value.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    if isinstance(value, (list, tuple)):
        return b"[" + b",".join(olpc(item) for item in value) + b"]"
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda item: item[0].encode())
        return b"{" + b",".join(olpc(name) + b":" + olpc(item) for name, item in members) + b"}"
    raise TypeError("no canonical form for %r" % type(value))


def ascii_escaped(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def wire(value):
    """What honest servers send: valid JSON in canonical order, raw UTF-8, line feeds escaped."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def pretty(value):
    """The same value, as far from canonical as a document may be."""
    return json.dumps(value, indent=2, ensure_ascii=True).encode() + b"\n"
