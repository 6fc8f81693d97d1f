"""pty_passphrase - types passphrases at a terminal of its own: no echo, twice on creation, and the
echo comes back after Ctrl-C. usage: pty_passphrase.py SECUREEV KEYSTORE; called by test_cli_key.
SPDX-License-Identifier: MIT"""
import os
import pty
import select
import signal
import sys
import termios
import time

program, keystore = sys.argv[1:3]
failed = False


def check(name, good, detail=""):
    global failed
    print(("PASS: " if good else "FAIL: ") + name)
    if not good:
        print("  " + repr(detail))
        failed = True


def echo_is_on(fd):
    return bool(termios.tcgetattr(fd)[3] & termios.ECHO)


def session(args, dialogue):
    """Run the program at a new terminal; for each (prompt, answer): wait for it, type it."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(program, [program, "key", *args, "--keystore", keystore])
    seen = b""
    silent = []

    def read_some(timeout):
        nonlocal seen
        if not select.select([fd], [], [], timeout)[0]:
            return False
        try:
            data = os.read(fd, 4096)
        except OSError:  # the other side has closed
            return False
        seen += data
        return bool(data)

    start = 0
    for prompt, answer in dialogue:
        end = time.monotonic() + 60
        while prompt not in seen[start:] and time.monotonic() < end:
            read_some(1)
        start = len(seen)
        silent.append(not echo_is_on(fd))
        os.write(fd, answer)
    while read_some(60):
        pass
    status = os.waitpid(pid, 0)[1]
    on = echo_is_on(fd)
    os.close(fd)
    return status, seen, silent, on


def main():
    two = [(b"new key: ", b"typed words\n"), (b"once more: ", b"typed words\n")]
    status, seen, silent, on = session(["generate", "--name", "typed"], two)
    check("a passphrase typed twice makes a key", status == 0 and b"made p256 typed" in seen, seen)
    check("it is not shown", b"typed words" not in seen and all(silent), seen)
    check("the echo is on again", on)

    different = [(b"new key: ", b"typed words\n"), (b"once more: ", b"typed wards\n")]
    status, seen, _, on = session(["generate", "--name", "slip"], different)
    check("two that differ make no key",
          os.WEXITSTATUS(status) == 1 and b"not the same" in seen, seen)
    check("the echo is on after a refusal", on)

    status, seen, _, _ = session(["generate", "--name", "none"], [(b"new key: ", b"\n")])
    check("an empty one makes no key", os.WEXITSTATUS(status) == 1 and b"empty" in seen, seen)

    status, seen, _, on = session(["generate", "--name", "stop"], [(b"new key: ", b"half\x03")])
    check("Ctrl-C ends it by the signal", os.WIFSIGNALED(status) and
          os.WTERMSIG(status) == signal.SIGINT, (status, seen))
    check("the echo is on after Ctrl-C", on)

    status, seen, _, _ = session(["export", "typed", "--plain"], [(b"typed (", b"typed words\n")])
    check("asked once to open a key, which is named",
          status == 0 and b"BEGIN PRIVATE" in seen, seen)

    left = sorted(n for n in os.listdir(keystore) if not n.startswith(".secureev.lock"))
    check("one key was made and nothing else is left", len(left) == 1, left)


main()
sys.exit(failed)
