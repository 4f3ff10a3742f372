"""Joining of several ES modules into one, so that the code of a widget can be split into files.

anywidget sends the JavaScript of a widget to the browser as *one* module, in which relative imports cannot be resolved. A
bundler would solve this, but would need a build step and add generated code to the repository. The widgets consist of a few files
without dependencies, for which :func:`join_modules` suffices. The files are ES modules that import each other by relative path, so
that node can test each of them. They are joined when Python loads the widget. All files share one scope; a top-level name must
therefore be unique among them.
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

    The keyword ``export`` is removed from the declarations of every file except the last. The last file, the view, keeps its
    ``export default``. Imports of earlier files are removed, because their names are in scope.

    Parameters
    ----------
    folder : Path
        Folder of the files.
    *names : str
        File names, each after the files that it imports; the view is last.

    Returns
    -------
    str
        Text of the joined module, for ``_esm``.

    Raises
    ------
    BadInput
        If a file imports anything other than an earlier file, because a widget must not load code from the network. Also if a
        file other than the last has an export that cannot be joined.
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
    """Remove the imports of the files `before` from `source`; any other import is an error."""
    known = {f"./{name}" for name in before}
    left = _IMPORT.sub(lambda match: "" if match["source"] in known else match.group(), source)
    if found := _ANY_IMPORT.search(left):
        raise BadInput(
            f"{path}: expected imports only of files joined before it ({', '.join(sorted(known)) or 'none'}), got "
            f"{found.group().strip()!r}; a widget loads no external code, add the file to the folder instead"
        )
    return left
