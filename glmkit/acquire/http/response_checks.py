"""Detection of responses with status 200 that are not data: a login page, an error in JSON or XML, an empty body.

Only the first bytes and the expected file name are examined, so that files that are meant to be HTML, JSON or XML are
accepted.
"""

import re

HEAD = 4096  # bytes examined
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_XML_ERROR = re.compile(rb"<(?:ERROR|Error|error)>\s*([^<]{0,200})")
_JSON_ERROR = re.compile(rb'\s*\{[^{}\[\]]{0,500}?"(?:error|errors|message|messages|ERROR)"\s*:\s*(.{0,200})', re.DOTALL)
_MEANT = {b"html": (".html", ".htm"), b"json": (".json", ".jsonl", ".ipynb"), b"xml": (".xml", ".xml.gz", ".svg")}


def what_is_wrong(head: bytes, name: str = "") -> str:
    """Describe why the beginning of a response cannot be the requested data.

    Parameters
    ----------
    head
        First `HEAD` bytes of the response, or all if shorter.
    name
        Requested file name, whose suffix states whether HTML, JSON or XML is expected; without a suffix none is.

    Returns
    -------
    str
        Short description such as ``"an HTML page"``; empty if the response may be data.
    """
    name = name.lower()
    if not head.strip():
        return "an empty response"
    if _HTML.match(head) and not name.endswith(_MEANT[b"html"]):
        return "an HTML page (a login or error page?)"
    if head.lstrip()[:1] == b"{" and not name.endswith(_MEANT[b"json"]) and (found := _JSON_ERROR.match(head)):
        return f"an error in JSON ({_words(found[1])})"
    if head.lstrip()[:1] == b"<" and not name.endswith(_MEANT[b"xml"]) and (found := _XML_ERROR.search(head)):
        return f"an error in XML ({_words(found[1])})"
    if head.lstrip()[:6].lower() == b"error:":
        return f"an error ({_words(head.lstrip()[6:])})"
    return ""


def _words(text: bytes) -> str:
    """The first words of the text of an error, on one line."""
    line = " ".join(text.decode("utf-8", "replace").strip(' \t\r\n"}]').split())
    return line[:120] or "no text"
