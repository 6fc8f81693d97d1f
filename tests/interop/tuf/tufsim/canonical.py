# OLPC canonical JSON, the form that TUF signatures cover, and the two spellings we serve.
# SPDX-License-Identifier: MIT
import json


def canonical(value) -> bytes:
    """Sorted members, no blanks, only quote and backslash escaped, integers only."""
    if value is None or isinstance(value, bool):
        return {None: b"null", True: b"true", False: b"false"}[value]
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, str):
        return b'"' + value.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    if isinstance(value, list):
        return b"[" + b",".join(canonical(v) for v in value) + b"]"
    if isinstance(value, dict):
        members = (canonical(k) + b":" + canonical(value[k]) for k in sorted(value))
        return b"{" + b",".join(members) + b"}"
    raise TypeError(f"{type(value).__name__} has no canonical form")


def pretty(document) -> bytes:
    """What repositories usually publish: one blank per level, non-ASCII escaped."""
    return json.dumps(document, indent=1, sort_keys=True).encode()


def compact(document) -> bytes:
    """No blanks, members in the order in which they were made, UTF-8 as it is."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
