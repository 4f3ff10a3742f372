"""Ensembl on loopback: REST for sequences by id, and a release's files with their CHECKSUMS."""

import json
from pathlib import Path
from subprocess import run

from tests.services.base import Server


class Ensembl(Server):
    """Sequences by stable id, files by path below ``/pub``, and one release."""

    def __init__(self, sequences: dict[str, str], files: dict[str, bytes], folder: Path) -> None:
        super().__init__()
        self.sequences, self.files, self.release = sequences, files, 115
        self.checksums: dict[str, bytes] = {}
        for path, content in files.items():
            folder.mkdir(exist_ok=True)
            copy = folder / path.rpartition("/")[2]
            copy.write_bytes(content)
            done = run(["sum", copy], capture_output=True, text=True, check=True).stdout.split()
            line = f"{done[0]} {done[1]} {copy.name}\n".encode()
            place = f"{path.rpartition('/')[0]}/CHECKSUMS"
            self.checksums[place] = self.checksums.get(place, b"") + line

    def answer(self, path: str, fields: dict[str, str], headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        if path.startswith("/pub/"):
            body = self.files.get(path) or self.checksums.get(path)
            return (200, body, {"ETag": f'"{len(body)}"', "Accept-Ranges": "bytes"}) if body else (404, b"Not Found", {})
        extra = {"Content-Type": "application/json", "X-RateLimit-Remaining": "54999", "X-RateLimit-Reset": "1200"}
        if path == "/info/data":
            return 200, json.dumps({"releases": [self.release]}).encode(), extra
        ids = json.loads(fields["json"])["ids"]
        if len(ids) > 50:
            return 400, b'{"error":"POST message too large"}', extra
        if path == "/lookup/id":
            known = {name: {"id": name, "species": "homo_sapiens"} if name in self.sequences else None for name in ids}
            return 200, json.dumps(known).encode(), extra
        if path == "/sequence/id":
            found = [
                {"query": name, "id": name, "version": 3, "molecule": "dna", "desc": None, "seq": self.sequences[name]}
                for name in ids
            ]
            return 200, json.dumps(found).encode(), extra
        return 404, b'{"error":"page not found"}', extra
