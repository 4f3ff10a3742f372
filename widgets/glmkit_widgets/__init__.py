"""Widgets for glmkit's notebooks: one folder a widget, each an :class:`anywidget.AnyWidget`.

They stand on top of glmkit and know none of its science: a widget is fed by callables that a notebook passes on.
"""
