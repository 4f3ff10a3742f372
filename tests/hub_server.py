"""A model hub on loopback: the index, the file tree, and files with hashes, ranges and a redirect for the large ones.

It misbehaves on request: `faults` maps a part of a path to what happens at the next requests for such a path, one after
another: a number is that status, ``"cut"`` closes the connection half-way, ``"html"`` and ``"json"`` answer something else.
"""

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".bin")


@dataclass
class Model:
    """One model of the hub: files, the commit of each revision, what the index adds."""

    files: dict[str, bytes]
    revisions: dict[str, str]
    error: tuple[int, str] | None = None
    tags: list[str] = field(default_factory=lambda: ["license:apache-2.0"])

    def blobs(self) -> dict[str, dict[str, Any]]:
        out = {}
        for name, content in self.files.items():
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            out[name] = {"size": len(content), "oid": blob}
            if name.endswith(LARGE):
                out[name]["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
        return out


class Hub:
    """The server, its models, its faults and its log of ``(method, path, headers)``."""

    def __init__(self) -> None:
        self.models: dict[str, Model] = {}
        self.faults: dict[str, list[Any]] = {}
        self.log: list[tuple[str, str, dict[str, str]]] = []
        handler = type("Handler", (_Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.store = f"http://localhost:{self.server.server_port}"  # another host's name, as large files have
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def asked(self, part: str, method: str = "GET") -> int:
        """How many requests of a method had `part` in their path."""
        return sum(part in path for verb, path, _ in self.log if verb == method)


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.log.append((self.command, path, dict(self.headers)))
        fault = next((queue.pop(0) for part, queue in self.hub.faults.items() if part in path and queue), None)
        if isinstance(fault, tuple):
            return self.send(fault[0], b"later", fault[1])
        if isinstance(fault, int):
            return self.send(fault, b"broken")
        if fault == "html":
            return self.send(200, b"<html><body>Please log in to the guest network</body></html>", {"Content-Type": "text/html"})
        if fault == "json":
            return self.send(200, b'["not", "an", "index"]', {"Content-Type": "application/json"})
        if path.startswith("/cdn/"):
            return self.send_file(self.large(path.rsplit("/", 1)[-1]), {}, fault == "cut")
        api = path.startswith("/api/models/")
        parts = path.removeprefix("/api/models/" if api else "/").split("/")
        model = self.hub.models.get("/".join(parts[:2]))
        if model is None:
            return self.send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if model.error:
            return self.send(model.error[0], b"{}", {"X-Error-Code": model.error[1]})
        commit = model.revisions.get(parts[3], parts[3] if parts[3] in model.revisions.values() else None)
        if commit is None:
            return self.send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        if api:
            return self.send_index("/".join(parts[:2]), model, parts[2], commit)
        return self.send_resolved(model, "/".join(parts[4:]), commit, fault == "cut")

    def send_index(self, name: str, model: Model, kind: str, commit: str) -> None:
        blobs = model.blobs()
        if kind == "tree":
            value: Any = [{"type": "file", "path": path, **blob} for path, blob in blobs.items()]
        else:
            siblings = [
                {
                    "rfilename": path,
                    "size": blob["size"],
                    "blobId": blob["oid"],
                    **(
                        {"lfs": {"sha256": blob["lfs"]["oid"], "size": blob["size"], "pointerSize": 134}} if "lfs" in blob else {}
                    ),
                }
                for path, blob in blobs.items()
            ]
            value = {"id": name, "modelId": name, "sha": commit, "private": False, "tags": model.tags, "siblings": siblings}
        self.send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def send_resolved(self, model: Model, file: str, commit: str, cut: bool) -> None:
        if file not in model.files:
            return self.send(404, b"", {"X-Error-Code": "EntryNotFound"})
        blob = model.blobs()[file]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{blob["oid"]}"', "Accept-Ranges": "bytes"}
        if "lfs" in blob:
            digest = blob["lfs"]["oid"]
            headers |= {"X-Linked-ETag": f'"{digest}"', "X-Linked-Size": str(blob["size"])}
            return self.send(302, b"", headers | {"Location": f"{self.hub.store}/cdn/{digest}"})
        return self.send_file(model.files[file], headers, cut)

    def large(self, digest: str) -> bytes:
        contents = (content for model in self.hub.models.values() for content in model.files.values())
        return next(content for content in contents if hashlib.sha256(content).hexdigest() == digest)

    def send_file(self, content: bytes, headers: dict[str, str], cut: bool) -> None:
        status, asked = 200, self.headers.get("Range", "")
        if asked.startswith("bytes="):
            start = int(asked.removeprefix("bytes=").split("-")[0])
            headers, status = headers | {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}, 206
            content = content[start:]
        self.send(status, content, headers, cut)

    def send(self, status: int, content: bytes, headers: dict[str, str] | None = None, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.close_connection = True
