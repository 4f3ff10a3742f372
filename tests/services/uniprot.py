"""UniProt's REST service on loopback: a query's results page by page, with a Link to the next and the release."""

from tests.services.base import Server


class Uniprot(Server):
    """Its entries (accession to sequence), its release, and the page it serves next."""

    def __init__(self, entries: dict[str, str]) -> None:
        super().__init__()
        self.entries, self.release = entries, "2025_03"
        self.change_at = -1  # the cursor at which a new release comes

    def answer(self, path: str, fields: dict[str, str], headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        if path != "/uniprotkb/search":
            return 404, b"{}", {}
        if fields["query"] == "organism_id:":
            return 400, b'{"messages":["query parameter has an invalid syntax"]}', {}
        names = [] if fields["query"] == "nothing" else list(self.entries)
        start, size = int(fields.get("cursor", 0)), int(fields["size"])
        if start == self.change_at:
            self.release, self.change_at = "2025_04", -1
        page = names[start : start + size]
        if fields["format"] == "tsv":
            text = "Entry\tLength\n" + "".join(f"{name}\t{len(self.entries[name])}\n" for name in page)
        else:
            text = "".join(f">sp|{name}|{name}_HUMAN Protein {name}\n{self.entries[name]}\n" for name in page)
        extra = {"X-Total-Results": str(len(names)), "X-UniProt-Release": self.release, "Content-Type": "text/plain"}
        if start + size < len(names):
            query = "&".join(f"{name}={fields[name]}" for name in ("query", "format", "size"))
            extra["Link"] = f'<https://rest.uniprot.org/uniprotkb/search?{query}&cursor={start + size}>; rel="next"'
        return 200, text.encode(), extra
