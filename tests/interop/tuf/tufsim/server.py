# The HTTP side: HTTP/1.0, a connection per request, GET only, paths compared as they were sent.
# SPDX-License-Identifier: MIT
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Handler(BaseHTTPRequestHandler):
    def _repository(self):
        prefix, slash, path = self.path[1:].partition("/")
        repository = self.server.repositories.get(prefix) if slash else None
        if repository is None:
            with self.server.lock:
                self.server.strays.append(f"{self.command} {self.path}")
        return repository, path

    def do_GET(self):
        repository, path = self._repository()
        content = 404
        if repository is not None:
            repository.requests.append(path)
            repository.headers.append(dict(self.headers))
            content = repository.files.get(path, 404)
        try:
            if callable(content):
                content(self)
            elif isinstance(content, int):
                self.send_error(content)
            else:
                self.answer(content)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def _refuse(self):
        repository, path = self._repository()
        if repository is not None:
            repository.requests.append(f"{self.command} {path}")
        self.send_error(501)

    do_HEAD = do_POST = do_PUT = do_OPTIONS = do_DELETE = _refuse

    def answer(self, content: bytes, length=None):
        self.send_response(200)
        self.send_header("Content-length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = {}
        self.strays = []  # requests that belong to no repository: a client changed the path
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a client that hangs up early is what some tests are about

    def add(self, repository) -> str:
        """Serve it; the base URL, without a slash at the end."""
        self.repositories[repository.prefix] = repository
        return f"http://127.0.0.1:{self.server_address[1]}/{repository.prefix}"

    def remove(self, repository) -> None:
        self.repositories.pop(repository.prefix, None)


def truncated(content: bytes, missing: int):
    """Announces more than it sends."""
    return lambda handler: handler.answer(content, len(content) + missing)


def endless(chunk=b" " * 65536, most=64 << 20):
    """Sends until the client hangs up; `sent` tells how much that was, -1 before it began."""
    def serve(handler):
        serve.sent = 0
        handler.send_response(200)
        handler.end_headers()
        while serve.sent < most:
            handler.wfile.write(chunk)
            serve.sent += len(chunk)
    serve.sent = -1
    serve.most = most
    return serve
