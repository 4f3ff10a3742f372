"""HTML pages from Jinja templates: strict about missing values, and with all inserted text escaped.

The reports of studies and the results cards show strings from data, such as FASTA headers and method names. Autoescaping
keeps markup in such a string as text. An undefined value in a template raises an error instead of leaving a gap in the page.
"""

from pathlib import Path
from typing import Any


def render(template: str | Path, **values: Any) -> str:
    """Text of a page.

    Parameters
    ----------
    template
        Path of the template; the files that it includes lie in the same folder.
    **values
        Variables of the template. Text is escaped, except for values of type ``markupsafe.Markup``.

    Returns
    -------
    str
        The rendered page.

    Raises
    ------
    jinja2.UndefinedError
        The template uses a variable or an attribute that `values` lack.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = Path(folder) / "page.html.j2"
    ...     _ = page.write_text("<p>{{ name }}</p>")
    ...     render(page, name="BRCA1 <i>exon</i>")
    '<p>BRCA1 &lt;i&gt;exon&lt;/i&gt;</p>'
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # late: glmkit without pages needs no jinja2

    path = Path(template)
    environment = Environment(
        loader=FileSystemLoader(path.parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(path.name).render(**values)
