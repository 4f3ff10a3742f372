"""NCBI's E-utilities on loopback: a search kept on a history that can expire, and records by history or by accession."""

import json
import random
from typing import Any

from tests.services.base import Server


def records(number: int, seed: int = 0) -> dict[str, str]:
    """Made-up FASTA records by accession."""
    source = random.Random(seed)
    out = {}
    for index in range(number):
        name = f"AB{100001 + index}.{1 + index % 3}"
        sequence = "".join(source.choices("ACGT", k=source.randrange(130, 290)))
        lines = "\n".join(sequence[start : start + 70] for start in range(0, len(sequence), 70))
        out[name] = f">{name} made-up sequence {index}\n{lines}\n"
    return out


class Eutils(Server):
    """Its records, and the histories it remembers."""

    def __init__(self, content: dict[str, str]) -> None:
        super().__init__()
        self.content = content
        self.searches = 0
        self.valid: set[str] = set()

    def expire(self, body: bytes) -> bytes:
        """A fault: forget all histories, and say so with status 200."""
        self.valid.clear()
        return b'<?xml version="1.0"?>\n<eFetchResult>\n<ERROR>Unable to obtain query #1</ERROR>\n</eFetchResult>\n'

    def answer(self, path: str, fields: dict[str, str], headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        ids = list(self.content)
        start, most = int(fields.get("retstart", 0)), int(fields.get("retmax", 20))
        if path.endswith("esearch.fcgi"):
            if fields["term"] == "nothing":
                ids = []
            unknown = {"phrasesnotfound": [word for word in fields["term"].split() if word == "xyzzy"], "fieldsnotfound": []}
            result: dict[str, Any] = {"count": str(len(ids)), "retstart": str(start), "idlist": ids[start : start + most]}
            result |= {"errorlist": unknown} if unknown["phrasesnotfound"] else {}
            if ids:
                with self.guard:
                    self.searches += 1
                    self.valid.add(f"MCID_{self.searches}")
                    result |= {"querykey": "1", "webenv": f"MCID_{self.searches}"}
            return (
                200,
                json.dumps({"header": {"type": "esearch"}, "esearchresult": result}).encode(),
                {"Content-Type": "application/json"},
            )
        if not path.endswith("efetch.fcgi"):
            return 404, b"no such utility", {}
        if "id" in fields:
            wanted = fields["id"].split(",")
            wanted = [next((name for name in ids if name in (asked, f"{asked}.1")), "") for asked in wanted]
        elif fields.get("WebEnv") not in self.valid:
            return 400, b'{"error":"Error: Search Backend failed: Cannot retrieve history data. query_key: 1"}', {}
        else:
            wanted = ids[start : start + most]
        if not any(wanted):
            return 400, b"Failed to retrieve sequence", {}
        return 200, "\n".join(self.content[name] for name in wanted if name).encode(), {"Content-Type": "text/plain"}
