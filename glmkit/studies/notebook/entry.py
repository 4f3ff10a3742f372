"""Papermill's entry point ``glmkit``, which imports the engine when a notebook is executed.

Papermill loads its entry points while it is being imported. The engine is a subclass of papermill's. If the entry point named it
directly, importing the engine before papermill would be a circular import.
"""

from typing import Any


class _Lazy(type):
    """Metaclass that takes every attribute from the engine, which is imported at the first access."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        from glmkit.studies.notebook.engine import GlmkitEngine as Engine

        return getattr(Engine, name)


class GlmkitEngine(metaclass=_Lazy):
    """Stand-in for :class:`glmkit.studies.notebook.engine.GlmkitEngine`."""
