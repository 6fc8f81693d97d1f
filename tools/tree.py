"""tree - what the checks in tools/ share: which files there are, and C without its comments.
SPDX-License-Identifier: MIT
"""
import os
import re
import subprocess

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
_BUILT = ("build", "corpus", ".git")


def files(*suffixes, root=ROOT):
    """Paths relative to the root, sorted, of what is or could be committed."""
    git = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if git.returncode == 0:
        names = [n for n in git.stdout.decode().split("\0") if n]
    else:  # an unpacked archive
        names = [os.path.relpath(os.path.join(d, f), root) for d, _, fs in os.walk(root)
                 for f in fs if os.path.relpath(d, root).split(os.sep)[0] not in _BUILT]
    return sorted(n for n in set(names)
                  if (not suffixes or n.endswith(suffixes)) and os.path.isfile(f"{root}/{n}"))


def read(path, root=ROOT):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace", newline="") as f:
        return f.read()


_TOKEN = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)


def blank(text, keep_strings=False):
    """C with comments, and strings unless kept, replaced by blanks: lines and columns stay."""
    def replace(m):
        if m[0][0] in "\"'":
            return m[0] if keep_strings else m[0][0] + " " * (len(m[0]) - 2) + m[0][0]
        return re.sub(r"[^\n]", " ", m[0])
    return _TOKEN.sub(replace, text)
