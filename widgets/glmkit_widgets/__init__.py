"""Widgets for glmkit's notebooks: each widget is an :class:`anywidget.AnyWidget` in its own folder.

The widgets depend on glmkit's base modules only, not on its models or data. A notebook passes callables and arrays to them.
"""
