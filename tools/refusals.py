"""refusals - test cases, the requirements they are tagged with, and whether they try a refusal.

In C a case counts in tests/attack when it reaches world_check_refused (tests/lib/world.h), itself
or through its file's functions and macros, and in tests/unit when it reaches CHECK_ERR and names
an error; in tests/e2e/uptane when it reaches self.refused with an attack that is not left open.
SPDX-License-Identifier: MIT
"""
import collections
import re

import tree

Case = collections.namedtuple("Case", "path name tags refuses")
TAG = re.compile(r"\bREQ-([A-Z]+-\d+(?:\.\d+)*[a-z]?)(?![\w-])")
C_PART = re.compile(r"^(?:#define (\w+)\(((?:[^\n]*\\\n)*[^\n]*)"
                    r"|(?:(TEST)\((\w+)\)|[a-z][\w *]*?(\w+)\([^;{}]*?\))\n\{\n(.*?)^\})",
                    re.M | re.S)
PYTHON_PART = re.compile(r"^    def (\w+)\(self(.*?)(?=^    def |^\S|\Z)", re.M | re.S)
PYTHON_COMMENT = re.compile(r"(?:^ *#[^\n]*\n|^\n)+\Z", re.M)
ERROR = re.compile(r"\bSEV_E_[A-Z]")


def reaching(parts, names, call):
    """A pattern of the calls of `names`, and of whatever in `parts` [(name, body)] calls them,
    through any number of others."""
    before = None
    while names != before:
        before = names
        pattern = re.compile(call % "|".join(sorted(names)))
        names = names | {name for name, body in parts if pattern.search(body)}
    return pattern


def comment_above(text, at):
    """The comment that ends on the line before."""
    above = text[:at]
    return above[above.rfind("/*"):] if above.endswith("*/\n") else ""


def c_cases(path, text):
    code = tree.blank(text)
    unit = path.startswith("tests/unit/")
    parts, cases = [], []
    for m in C_PART.finditer(code):
        if m[3]:
            cases.append((m[4], m.start(), m.end(), m[6]))
        else:
            parts.append((m[1] or m[5], m[2] or m[6]))
    checks = {"CHECK_ERR"} if unit else {"WORLD_REFUSED", "world_check_refused"}
    refusing = reaching(parts, checks, r"\b(?:%s)\(")
    for name, begin, end, body in cases:
        tags = TAG.findall(comment_above(text, begin) + text[begin:end])
        refuses = bool(refusing.search(body)) and (not unit or bool(ERROR.search(body)))
        yield Case(path, name, tags, refuses)


def python_parts(text):
    """Methods, each with the comment above it: -> [(name, body without it, all)]."""
    above = ""
    for m in PYTHON_PART.finditer(text):
        ahead = PYTHON_COMMENT.search(m[2])
        body = m[2][:ahead.start()] if ahead else m[2]
        yield m[1], body, above + body
        above = ahead[0] if ahead else ""


def python_cases(path, text):
    parts = list(python_parts(text))
    closed = [(name, body) for name, body, _ in parts
              if name[:4] != "test" and not re.search(r"\bANY\b", body)]
    refusing = reaching(closed, {"refused", "retried"}, r"\bself\.(?:%s)\(")
    for name, body, whole in parts:
        if name.startswith("test"):
            refuses = bool(refusing.search(body)) and not re.search(r"\bANY\b", body)
            yield Case(path, name, TAG.findall(whole), refuses)


def cases(sources):
    """sources: [(path, text)] -> [Case]."""
    found = []
    for path, text in sources:
        if re.match(r"tests/(attack|unit)/\w+\.c$", path):
            found += c_cases(path, text)
        elif re.match(r"tests/e2e/uptane/test_\w+\.py$", path):
            found += python_cases(path, text)
    return found
