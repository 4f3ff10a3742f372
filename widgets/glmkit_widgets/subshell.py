"""A click must reach Python while a cell runs.

A running cell holds the kernel's main thread. JupyterLab (4.4 and later) therefore addresses the messages of widgets to a
*subshell*, a thread of the kernel (ipykernel 7 and later). ipykernel 7.4 overrides that address: it hands a message to the
shell that last wrote to the widget, so that an async cell can wait for the browser's answer. A widget that a running
cell keeps updating is always last written to by the busy main shell, and its clicks would wait for the cell's end.
:func:`listen_on_subshell` gives one widget the plain rule back: a message goes where it is addressed.
"""

from ipywidgets import Widget


def listen_on_subshell(widget: Widget) -> None:
    """Have the kernel hand the widget's messages to the subshell that they are addressed to.

    Call it once, at the end of the widget's ``__init__``. Its handlers then run on a thread of the kernel while a cell runs: let
    them set flags (`threading.Event`) and leave the traits to the thread of the cell.

    The attribute is ipykernel's own and not promised by it; where it does not exist, setting it changes nothing. The
    browser test of the training monitor fails if a later version routes differently.

    Parameters
    ----------
    widget : Widget
        A widget whose comm is open; without a kernel there is nothing to do.
    """
    if hasattr(widget.comm, "_reply_subshell_for"):
        widget.comm._reply_subshell_for = None
