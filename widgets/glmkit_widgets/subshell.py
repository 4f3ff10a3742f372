"""Delivery of clicks to Python while a cell runs.

A running cell occupies the kernel's main thread. JupyterLab (4.4 and later) therefore addresses the messages of widgets to a
*subshell*, a thread of the kernel (ipykernel 7 and later). ipykernel 7.4 overrides that address. It passes a message to the shell
that last wrote to the widget, so that an async cell can wait for the browser's reply. A widget that a running cell updates was
always last written to by the busy main shell. Its clicks would wait for the end of the cell. :func:`listen_on_subshell` restores
the plain rule for one widget: a message goes to the shell to which it is addressed.
"""

from ipywidgets import Widget


def listen_on_subshell(widget: Widget) -> None:
    """Make the kernel deliver the widget's messages to the subshell to which they are addressed.

    Call it once, at the end of the widget's ``__init__``. The widget's handlers then run on a thread of the kernel while a cell
    runs. They should only set flags (`threading.Event`) and leave the traits to the thread of the cell.

    The attribute is a private one of ipykernel; without it, nothing is changed. The browser test of the training monitor fails
    if a later version routes messages differently.

    Parameters
    ----------
    widget : Widget
        Widget with an open comm; without a kernel, nothing is done.
    """
    if hasattr(widget.comm, "_reply_subshell_for"):
        widget.comm._reply_subshell_for = None
