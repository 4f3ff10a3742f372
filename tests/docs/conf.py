"""Sphinx configuration of the site. ``python -m tests.docs`` collects the pages and starts the build."""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

import glmkit
from tests.docs.api import canonical_names, opened

project = "glmkit"
author = "the glmkit authors"
project_copyright = "the glmkit authors, Apache-2.0"
version = release = glmkit.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
root_doc = "index"
suppress_warnings: list[str] = []

# Pages. Notebooks are shown as they are committed, without outputs; nothing is executed and nothing is fetched.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
myst_enable_extensions = ["html_image"]
myst_heading_anchors = 3

# The API reference. A word in single backticks links to the object of that name, if there is one, and is set as code if not.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autosummary_generate = False
python_maximum_signature_line_length = 90
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

html_theme = "pydata_sphinx_theme"
html_title = "glmkit"
html_static_path = [str(Path(__file__).parent / "static")]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "glmkit"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark",
}
html_sidebars = {"index": [], "CHANGELOG": []}

_LOG = logging.getLogger(__name__)
_CANONICAL = canonical_names()
_ROLES = {"func", "class", "meth", "attr", "data", "mod", "exc"}


def link_by_any_name(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement) -> nodes.Element | None:
    """Resolve a Python reference that is not written by its documented name.

    Docstrings refer to an object by the module that defines it, by a subpackage, or by its bare name. All lead to the one entry
    of that object. A reference with an explicit role to a name that does not exist is a warning, and so fails the build.
    """
    if node.get("refdomain") != "py":
        return None
    target, explicit = node["reftarget"].lstrip("."), node.get("reftype") != "obj"
    name = _CANONICAL.get(target) if explicit or "." in target or target[:1].isupper() else None
    if name is None and explicit and target.startswith("glmkit.") and node.get("reftype") in _ROLES and opened(target) is None:
        _LOG.warning("%s does not exist", target, location=node, type="ref", subtype="python")
    if name is None:
        return None
    return env.domains["py"].resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, content)


def without_signature_of_protocols(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, given: str | None, returns: Any
) -> Any:
    """Leave out the signature of a protocol, which is never constructed."""
    return ("", "") if given and what == "class" and getattr(thing, "_is_protocol", False) else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the two functions above."""
    app.connect("missing-reference", link_by_any_name)
    app.connect("autodoc-process-signature", without_signature_of_protocols)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
