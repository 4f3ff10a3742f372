"""What papermill finds under the name ``glmkit``: a door to the engine that opens only when a notebook is executed.

Papermill loads its entry points while it is itself being imported. The engine subclasses papermill's, so if the entry point
named it directly, importing the engine before papermill would meet itself half-made.
"""

from typing import Any


class _Door(type):
    """Looks every attribute up on the engine, which is imported at the first look."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        from glmkit.studies.notebook.engine import GlmkitEngine as Engine

        return getattr(Engine, name)


class GlmkitEngine(metaclass=_Door):
    """Papermill's view of :class:`glmkit.studies.notebook.engine.GlmkitEngine`."""
