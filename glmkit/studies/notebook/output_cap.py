"""Limits of the output that a notebook keeps; the log keeps all of it.

A cell that prints a gigabyte would make a notebook that no browser opens. Each cell keeps the beginning and the end of its text.
The size of a single figure or table is limited, and so is the size of all of them together.
"""

import json
import re
from collections import deque
from typing import IO, Any

import nbformat
from nbclient import NotebookClient

from glmkit.studies.files.secrets import redact

HEAD, TAIL = 500_000, 50_000  # characters of text kept at the beginning and the end of a cell's output
LARGEST, TOTAL = 10_000_000, 40_000_000  # characters of one rich output, and of all outputs together
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class CappedClient(NotebookClient):
    """A notebook client whose outputs are capped and logged.

    Parameters
    ----------
    nb
        The notebook.
    log_file
        Open text file for all text; None for none.
    **options
        Options of ``nbclient.NotebookClient``.
    """

    km: Any  # nbclient sets these to None when there is no kernel
    kc: Any
    nb_man: Any  # papermill's manager, set by the subclass

    def __init__(self, nb: Any, log_file: IO[str] | None = None, **options: Any) -> None:
        super().__init__(nb, iopub_timeout=120, raise_on_iopub_timeout=False, **options)
        self.log_file = log_file
        self._total = 0  # characters kept in cells that have ended
        self._text, self._rich = 0, 0  # characters kept in this cell
        self._tail: deque[str] = deque()
        self._cut = 0

    def write_log(self, text: str) -> None:
        """Append `text` to the log."""
        if self.log_file and text:
            self.log_file.write(_ANSI.sub("", text))
            self.log_file.flush()

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Keep an output within the caps; all of its text goes to the log."""
        kind, content = msg["msg_type"], msg["content"]
        if kind == "stream":
            text = content["text"] = redact(content["text"])
            self.write_log(text)
            if self.output_hook_stack[msg["parent_header"].get("msg_id")]:
                return super().output(outs, msg, display_id, cell_index)
            kept = text[: max(0, min(HEAD - self._text, TOTAL - self._total - self._rich - self._text))]
            if len(kept) < len(text):
                self._cut += len(text) - len(kept)
                self._tail.append(text[len(kept) :][-TAIL:])
                while sum(map(len, self._tail)) - len(self._tail[0]) > TAIL:
                    self._tail.popleft()
            if not kept:
                return None
            self._text += len(kept)
            if (
                outs
                and outs[-1].output_type == "stream"
                and outs[-1].name == content["name"]
                and not self.clear_before_next_output
            ):
                outs[-1].setdefault("pieces", []).append(kept)  # joined by end_of_cell: a string that grows is quadratic
                return None
            content["text"] = kept
        elif kind == "error":
            content |= redact({"evalue": content.get("evalue", ""), "traceback": content.get("traceback", [])})
            self.write_log("\n".join(content["traceback"]) + "\n")
        elif "data" in content:
            content["data"] = redact(content["data"])
        if "data" in content and not self._fits(content):
            content["data"] = {"text/plain": "[an output too large for a notebook was left out]"}
        out = super().output(outs, msg, display_id, cell_index)
        self.nb_man.autosave_cell()
        return out

    def _fits(self, content: dict[str, Any]) -> bool:
        size = len(json.dumps(content["data"], default=str))
        if size > LARGEST or self._total + self._text + self._rich + size > TOTAL:
            return False
        self._rich += size
        return True

    def _update_display_id(self, display_id: str, msg: dict[str, Any]) -> None:
        if len(json.dumps(msg["content"]["data"], default=str)) <= LARGEST:
            super()._update_display_id(display_id, msg)

    def clear_output(self, outs: list[Any], msg: dict[str, Any], cell_index: int) -> None:
        """Clear a cell's outputs and their counts."""
        self._text = self._rich = self._cut = 0
        self._tail.clear()
        super().clear_output(outs, msg, cell_index)

    def join_streams(self, cell: Any) -> None:
        """Join the pieces of each stream as a terminal shows them: of ``a\\rb`` only ``b`` is visible."""
        for out in cell.get("outputs", []):
            if out.output_type == "stream":
                text = "".join([out.text, *out.pop("pieces", [])])
                out.text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))

    def end_of_cell(self, cell: Any) -> None:
        """Note in the cell how much was cut, add the end of the text, and reset the counts."""
        self.join_streams(cell)
        if self._cut:
            tail = "".join(self._tail)[-TAIL:]
            note = f"\n[{self._cut - len(tail):,} characters left out here; the whole text is in log.txt]\n"
            cell.outputs.append(nbformat.v4.new_output("stream", name="stdout", text=note + tail))
        self._total += self._text + self._rich + min(self._cut, TAIL)
        self._text = self._rich = self._cut = 0
        self._tail.clear()

    def set_widgets_metadata(self) -> None:
        """Keep the state of the widgets, unless it is too large."""
        super().set_widgets_metadata()
        state = self.nb.metadata.get("widgets")
        if state and len(json.dumps(state, default=str)) > LARGEST:
            del self.nb.metadata["widgets"]
            self.write_log("[the widgets' state was too large for a notebook and was left out]\n")
