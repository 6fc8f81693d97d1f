"""test_wire - HTTP as whoever sits on the wire may bend it: no body is taken that is not a whole
200, no answer costs unbounded time or memory.
SPDX-License-Identifier: MIT"""

import gzip
import time

import server
from case import ANY, Case

EITHER = ("RETRY", "REFUSE")
OK = b"HTTP/1.1 200 OK\r\n"
HEADER_BYTES_MAX = 4 << 20  # of what the server could send: sockets buffer more than is taken


def raw(world, chunks, bound=64 << 20):
    """Write these pieces as they are, as long as somebody reads; world.sent counts."""

    def act(handler, honest):
        handler.close_connection = True
        for chunk in chunks(honest):
            if world.sent > bound:
                return
            handler.wfile.write(chunk)
            world.sent += len(chunk)
        handler.wfile.flush()

    return act


def forever(head, again):
    def chunks(honest):
        yield head
        while True:
            yield again

    return chunks


class Wire(Case):
    places = (("director", "timestamp.json"), ("images", "targets/*"))

    def offered(self):
        world = self.settled()
        world.stage(2)
        world.publish()
        return world

    def answered(self, label, chunks, seconds=25, cls=EITHER, attack=ANY):
        """Metadata and an image answered like this: refused in time, nothing taken; each world."""
        for name, path in self.places:
            with self.subTest(label, path=path):
                world = self.offered()
                world.override(name, path, raw(world, chunks))
                started = time.monotonic()
                result = world.cycle()
                self.refused(world, attack, cls=cls, fetched=name == "images", result=result)
                self.assertLess(time.monotonic() - started, seconds, result)
                self.assertLess(result.rss, 200 << 20, result)
                world.overrides.clear()
                self.accepted(world)
                yield world

    def bounded(self, label, chunks, attack="endless-data", cls="REFUSE"):
        for world in self.answered(label, chunks, attack=attack, cls=cls):
            self.assertLess(world.sent, HEADER_BYTES_MAX, label)

    def test_headers_without_end(self):
        self.bounded("many", forever(OK, b"X-A: " + b"a" * 4000 + b"\r\n"))
        self.bounded("one", forever(OK + b"X-A: ", b"a" * 65536), attack=None, cls="RETRY")
        self.bounded("many short ones", forever(OK, b"A:\r\n" * 1000))

    def test_interim_answers_without_end(self):
        self.bounded("100", forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100))
        self.bounded("103", forever(b"", b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" * 100))

    def test_trailers_without_end(self):
        head = OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
        self.bounded("trailers", forever(head, b"X-A: " + b"a" * 4000 + b"\r\n"))

    def test_no_http_at_all(self):
        """HTTP/0.9, a broken status line, another protocol, a body that ends too early."""
        for label, chunks in (
            ("0.9", lambda honest: [honest]),
            ("status", lambda honest: [b"HTTP/1.1 2OO OK\r\n\r\n", honest]),
            ("ssh", lambda honest: [b"SSH-2.0-x\r\n"]),
            ("short", lambda honest: [OK + b"Content-Length: 9999\r\n\r\n", honest]),
            ("negative", lambda honest: [OK + b"Content-Length: -1\r\n\r\n"]),
            ("chunk", lambda h: [OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", h]),
            ("nothing", lambda honest: []),
        ):
            for _ in self.answered(label, chunks):
                pass

    def test_part_of_a_file(self):
        """206 was not asked for; what it brings is not the file."""
        for _ in self.answered(
            "206",
            lambda h: [b"HTTP/1.1 206 Partial Content\r\nContent-Length: %d\r\n\r\n" % len(h), h],
        ):
            pass

    def test_success_without_a_body(self):
        for _ in self.answered("empty", lambda honest: [OK + b"Content-Length: 0\r\n\r\n"]):
            pass

    def test_compressed_without_being_asked(self):
        """What arrives is what counts: nothing is unpacked, so no bomb goes off."""
        head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
        bomb = gzip.compress(b" " * (64 << 20))
        for label, make in (("body", gzip.compress), ("bomb", lambda honest: bomb)):

            def chunks(honest, make=make):
                packed = make(honest)
                return [head % len(packed), packed]

            for _ in self.answered(label, chunks):
                pass
        world = self.offered()  # the same header over the honest bytes is a lie that harms nobody
        for name, path in self.places:
            world.override(name, path, raw(world, lambda h: [head % len(h), h]))
        self.accepted(world)

    def test_error_page_without_end(self):
        world = self.offered()
        world.override("director", "timestamp.json", server.endless(world, code=500))
        self.retried(world, "director", attack=(None,))
        self.assertLess(world.sent, HEADER_BYTES_MAX)
        world.overrides.clear()
        self.accepted(world)
