"""A file server on loopback: bytes by path, with ETag, date and ranges as long as it is told to have them."""

import hashlib

from tests.services.base import Server


class Files(Server):
    """Its files; `ranges`, `etag` and `length` say what it supports."""

    def __init__(self, content: dict[str, bytes] | None = None) -> None:
        super().__init__()
        self.content = content or {}
        self.ranges = self.etag = self.length = True

    def answer(self, path: str, fields: dict[str, str], headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        if path not in self.content:
            return 404, b"Not Found", {}
        body = self.content[path]
        extra = {"Last-Modified": "Mon, 03 Feb 2025 10:00:00 GMT"}
        if self.etag:
            extra["ETag"] = f'"{hashlib.md5(body).hexdigest()}"'
        if self.ranges:
            extra["Accept-Ranges"] = "bytes"
        if not self.length:
            extra["X-No-Length"] = "1"
        return 200, body, extra
