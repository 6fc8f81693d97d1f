"""server - one HTTP server on 127.0.0.1 for all repositories of a process, as hostile as asked.
A world registers under a prefix of its own; every request is logged there.
SPDX-License-Identifier: MIT"""

import http.server
import threading
import time
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        started = time.monotonic()
        path = urllib.parse.urlsplit(self.path).path
        parts = path.split("/", 3)  # "", world, repository, rest
        world = SERVER.worlds.get(parts[1]) if len(parts) == 4 else None
        if world is None:
            return self.answer(404, b"no such world")
        repository, name = parts[2], urllib.parse.unquote(parts[3])
        world.log.append((repository, name))
        override = world.override_for(repository, name)
        try:
            if override is not None:
                return override(self, world.lookup(repository, name))
            body = world.lookup(repository, name)
            if body is None:
                return self.answer(404, b"<html>not here</html>")
            return self.answer(200, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            world.times.append((repository, name, time.monotonic() - started))

    def do_HEAD(self):
        self.answer(501, b"")

    def answer(self, code, body, length=None, headers=()):
        self.send_response(code)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format, *arguments):
        pass


# ---------------------------------------------------------------- overrides


def status(code, body=b"", headers=()):
    return lambda handler, honest: handler.answer(code, body, headers=headers)


def serve(body):
    """Other bytes than the honest ones."""
    return lambda handler, honest: handler.answer(200, body)


def edit(change):
    return lambda handler, honest: handler.answer(200, change(honest))


def close():
    """Hang up without an answer."""

    def act(handler, honest):
        handler.close_connection = True
        handler.connection.close()

    return act


def truncate(keep):
    """Announce the whole, send a part, hang up."""

    def act(handler, honest):
        handler.answer(200, honest[:keep], length=len(honest))
        handler.close_connection = True

    return act


def content_length(delta):
    """The whole body under a wrong Content-Length."""

    def act(handler, honest):
        handler.answer(200, honest, length=max(0, len(honest) + delta))
        handler.close_connection = True

    return act


def endless(world, code=200, announce=False, prefix=b"", bound=600 << 20):
    """Bytes without end; world.sent counts what the client took (a socket's buffers more)."""

    def act(handler, honest):
        handler.send_response(code)
        if announce:
            handler.send_header("Content-Length", str(bound))
        handler.end_headers()
        handler.close_connection = True
        block = b" " * 65536
        handler.wfile.write(prefix)
        while world.sent < bound:
            handler.wfile.write(block)
            world.sent += len(block)

    return act


def drip(seconds=1.0, size=1, patience=120):
    """One byte, then a pause, and so on."""

    def act(handler, honest):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(honest)))
        handler.end_headers()
        handler.close_connection = True
        stop = time.monotonic() + patience
        for at in range(0, len(honest), size):
            if time.monotonic() > stop:
                return
            handler.wfile.write(honest[at : at + size])
            handler.wfile.flush()
            time.sleep(seconds)

    return act


def stall(reached, patience=30):
    """Say that the request came, then never answer."""

    def act(handler, honest):
        reached.set()
        handler.close_connection = True
        time.sleep(patience)

    return act


def chunked(size=700):
    """HTTP/1.1 without a length."""

    def act(handler, honest):
        if honest is None:
            return handler.answer(404, b"")
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for at in range(0, len(honest), size):
            part = honest[at : at + size]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        handler.wfile.write(b"0\r\n\r\n")
        handler.wfile.flush()
        return None

    return act


def times(count, override):
    """The override for the first `count` requests, honest afterwards."""
    left = [count]

    def act(handler, honest):
        left[0] -= 1
        if left[0] >= 0:
            return override(handler, honest)
        if honest is None:
            return handler.answer(404, b"")
        return handler.answer(200, honest)

    return act


# ---------------------------------------------------------------- the server


class Modern(Handler):
    """The same, kept alive."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True


class Server:
    def __init__(self, handler=Handler):
        self.handler = handler
        self.worlds = {}
        self.count = 0
        self.http = None

    def start(self):
        class Threading(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request, client_address):
                pass  # hanging up is what some overrides are for

        self.http = Threading(("127.0.0.1", 0), self.handler)
        loop = lambda: self.http.serve_forever(poll_interval=0.02)
        threading.Thread(target=loop, daemon=True).start()

    def register(self, world):
        self.count += 1
        prefix = "w%d" % self.count
        self.worlds[prefix] = world
        return prefix, self.address() + prefix

    def address(self):
        if self.http is None:
            self.start()
        return "http://127.0.0.1:%d/" % self.http.server_address[1]

    def forget(self, prefix):
        self.worlds.pop(prefix, None)


SERVER = Server()
MODERN = Server(Modern)
MODERN.worlds = SERVER.worlds
