"""One ES module out of several files, so that a widget's geometry can be a file of its own.

anywidget ships the JavaScript of a widget as *one* module, given as text; a relative import inside it has nothing to
resolve against in the browser. A bundler would solve that at the price of a build step and of generated code in the
tree. The widgets here need much less: a few hand-written files without dependencies. So the files are real ES modules,
which import each other by relative path and which node can test one by one, and :func:`join_modules` joins them
when Python loads the widget. The price is that all of them share one scope: two files cannot use one top-level name.
"""

import re
from pathlib import Path

from glmkit.errors import BadInput

_IMPORT = re.compile(r"^import\s[^;]*?from\s+[\"'](?P<source>[^\"']+)[\"'];[ \t]*\n", re.MULTILINE)
_ANY_IMPORT = re.compile(r"^\s*import\b.*$|\bimport\s*\(.*$", re.MULTILINE)
_EXPORT = re.compile(r"^export\s+(?=(?:async\s+)?(?:function|const|let|class)\b)", re.MULTILINE)
_ANY_EXPORT = re.compile(r"^export\b.*$", re.MULTILINE)


def join_modules(folder: Path, *names: str) -> str:
    """Join ES modules of one folder into the text of a single module without imports.

    Every file but the last loses the word ``export`` in front of its declarations; the last one, the view, keeps its
    ``export default``. Imports of the files that stand before are dropped, because their names are in scope by then.

    Parameters
    ----------
    folder : Path
        Where the files lie.
    *names : str
        File names, each after all those that it imports; the view last.

    Returns
    -------
    str
        The joined module, ready for ``_esm``.

    Raises
    ------
    BadInput
        If a file imports anything but a file named before it (a widget asks the network for nothing), or if a file
        other than the last exports in a form that cannot be joined.
    """
    parts: list[str] = []
    for position, name in enumerate(names):
        source = _without_imports((folder / name).read_text(encoding="utf-8"), folder / name, names[:position])
        if position < len(names) - 1:
            source = _EXPORT.sub("", source)
            if left := _ANY_EXPORT.search(source):
                raise BadInput(
                    f"{folder / name}: expected `export` only in front of function, const, let or class, got "
                    f"{left.group().strip()!r}; only the last file of a widget may have another export"
                )
        parts.append(f"// {name}\n{source}")
    return "\n".join(parts)


def _without_imports(source: str, path: Path, before: tuple[str, ...]) -> str:
    """Drop the imports of `before` from `source` and refuse every other one."""
    known = {f"./{name}" for name in before}
    left = _IMPORT.sub(lambda match: "" if match["source"] in known else match.group(), source)
    if found := _ANY_IMPORT.search(left):
        raise BadInput(
            f"{path}: expected imports only of files joined before it ({', '.join(sorted(known)) or 'none'}), got "
            f"{found.group().strip()!r}; a widget loads nothing from elsewhere, add the file to the folder instead"
        )
    return left
