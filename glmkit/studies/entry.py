"""What papermill finds under the name ``glmkit``: a door to the engine that opens only when a notebook is executed.

Papermill loads its entry points while it is itself being imported. The engine subclasses papermill's, so if the entry point
named it directly, importing the engine before papermill would meet itself half-made.
"""

from typing import Any


class GlmkitEngine:
    """Papermill's view of :class:`glmkit.studies.engine.GlmkitEngine`."""

    @classmethod
    def execute_notebook(cls, *arguments: Any, **options: Any) -> Any:
        """Execute a notebook with the engine; arguments and result are the engine's."""
        from glmkit.studies.engine import GlmkitEngine as Engine

        return Engine.execute_notebook(*arguments, **options)
