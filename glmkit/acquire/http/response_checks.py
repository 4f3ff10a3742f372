"""What services send with status 200 that is not data: a login page, an error in JSON or XML, nothing at all.

The rule is narrow on purpose: it looks at the first bytes only, and at what was asked for, so that a file which is meant to be
HTML, JSON or XML passes.
"""

import re

HEAD = 4096  # bytes that are looked at
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_XML_ERROR = re.compile(rb"<(?:ERROR|Error|error)>\s*([^<]{0,200})")
_JSON_ERROR = re.compile(rb'\s*\{[^{}\[\]]{0,500}?"(?:error|errors|message|messages|ERROR)"\s*:\s*(.{0,200})', re.DOTALL)
_MEANT = {b"html": (".html", ".htm"), b"json": (".json", ".jsonl", ".ipynb"), b"xml": (".xml", ".xml.gz", ".svg")}


def what_is_wrong(head: bytes, name: str = "") -> str:
    """Say why the beginning of an answer cannot be the data that was asked for.

    Parameters
    ----------
    head
        The answer's first bytes, `HEAD` of them or all.
    name
        File name that was asked for; its ending says whether HTML, JSON or XML is expected. A name without one expects none.

    Returns
    -------
    str
        A few words such as ``"an HTML page"``, or nothing if the answer may be data.
    """
    name = name.lower()
    if not head.strip():
        return "an empty answer"
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
    """The first words of an error's text, in one line."""
    line = " ".join(text.decode("utf-8", "replace").strip(' \t\r\n"}]').split())
    return line[:120] or "without a word"
