"""What the loopback servers share: a log, and faults that happen to the next requests for a path, one after another.

A fault is a status; ``(status, headers)``; ``"html"``, ``"json"``, ``"xml"``, ``"empty"`` for another answer with 200; ``"cut"`` for a
connection closed half-way through the body; ``"cut chunked"`` for the same without a Content-Length, ``"cut close"`` for a body
that ends where the connection does; ``"drip"`` and ``"drip headers"`` for a byte in a while; ``"silence"``; or a function that changes the body.
"""

import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

BODIES = {
    "html": (b"<!DOCTYPE html><html><body>Please log in to the guest network</body></html>", "text/html"),
    "json": (b'{"error": "error forwarding request", "api-key": "s3cret"}', "application/json"),
    "xml": (b'<?xml version="1.0"?>\n<eFetchResult>\n\t<ERROR>Backend is busy</ERROR>\n</eFetchResult>\n', "text/xml"),
    "empty": (b"", "text/plain"),
}
DRIP = 0.1  # seconds between two bytes


class _Quiet(ThreadingHTTPServer):
    """Says nothing of clients that have gone; anything else in a handler is an error of the test's."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Server:
    """A server on loopback that answers through :meth:`answer` and misbehaves as `faults` says."""

    def __init__(self) -> None:
        self.faults: dict[str, list[Any]] = {}
        self.log: list[tuple[float, str, dict[str, str], dict[str, str]]] = []  # when, path, fields, headers
        self.guard = threading.Lock()
        self.closing = threading.Event()
        handler = type("Handler", (_Handler,), {"owner": self})
        self.server = _Quiet(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def asked(self, part: str) -> int:
        """How many requests had `part` in their path."""
        return sum(part in path for _, path, _, _ in self.log)

    def times(self) -> list[float]:
        """When requests came, in order."""
        return sorted(when for when, _, _, _ in self.log)

    def answer(self, path: str, fields: dict[str, str], headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of a sound answer."""
        raise NotImplementedError

    def next_fault(self, path: str) -> Any:
        with self.guard:
            return next((queue.pop(0) for part, queue in self.faults.items() if part in path and queue), None)


class _Handler(BaseHTTPRequestHandler):
    owner: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        """Quiet."""

    def setup(self) -> None:
        self.began = time.monotonic()
        super().setup()

    def do_GET(self) -> None:
        self.reply("")

    def do_POST(self) -> None:
        self.reply(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

    def reply(self, form: str) -> None:
        parts = urlsplit(self.path)
        fields = {name: ",".join(values) for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        if "json" in self.headers.get("Content-Type", ""):
            fields["json"] = form
        else:
            fields |= {name: values[0] for name, values in parse_qs(form).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.owner.guard:
            self.owner.log.append((self.began, parts.path, fields, headers))
        fault = self.owner.next_fault(parts.path)
        if fault == "silence":
            self.owner.closing.wait(5)
            self.close_connection = True
            return
        if fault == "drip headers":
            for byte in b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Padding: aaaaaaaaaaaaaaaaaaaaaaaaa\r\n":
                if self.owner.closing.wait(DRIP):
                    break
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
            self.close_connection = True
            return
        if isinstance(fault, int | tuple):
            status, extra = (fault, {}) if isinstance(fault, int) else fault
            self.send(status, b'{"error": "API rate limit exceeded", "api-key": "s3cret"}', extra, "")
            return
        if fault in BODIES:
            self.send(200, BODIES[fault][0], {"Content-Type": BODIES[fault][1]}, "")
            return
        status, body, extra = self.owner.answer(parts.path, fields, headers)
        if isinstance(fault, Callable):
            body, fault = fault(body), None
        if headers.get("range") and status == 200 and "Accept-Ranges" in extra:
            status, body, extra = part_of(body, extra, headers)
        self.send(status, body, extra, fault or "")

    def send(self, status: int, body: bytes, headers: dict[str, str], fault: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        chunked = fault == "cut chunked"
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif fault != "cut close" and headers.get("X-No-Length") is None:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        if fault == "drip":
            for byte in body:
                if self.owner.closing.wait(DRIP):
                    break
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
        elif fault.startswith("cut"):
            half = body[: len(body) // 2]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(half), half) if chunked else half)
        else:
            self.wfile.write(body)
        if fault or headers.get("X-No-Length") is not None:
            self.close_connection = True


def part_of(body: bytes, headers: dict[str, str], asked: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
    """The part of a file that was asked for, or all of it if it is another file by now."""
    if "if-range" in asked and asked["if-range"] not in (headers.get("ETag"), headers.get("Last-Modified")):
        return 200, body, headers
    start = int(asked["range"].removeprefix("bytes=").split("-")[0])
    if start >= len(body):
        return 416, b"", headers | {"Content-Range": f"bytes */{len(body)}"}
    return 206, body[start:], headers | {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
