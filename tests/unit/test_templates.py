"""Pages from templates: text is escaped, a missing value is an error, and a template includes its neighbours."""

from pathlib import Path

import pytest
from jinja2 import TemplateNotFound, UndefinedError
from markupsafe import Markup

from glmkit.templates import render


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.html.j2"
    (tmp_path / "page.css").write_text("p { color: red; }\n")
    path.write_text('<style>\n{% include "page.css" %}\n</style>\n{% for name in names %}\n  <p>{{ name }}</p>\n{% endfor %}\n')
    return path


def test_text_is_escaped_and_markup_is_kept(page: Path) -> None:
    text = render(page, names=["<script>x</script> & co", Markup("<b>x</b>")])
    assert "<p>&lt;script&gt;x&lt;/script&gt; &amp; co</p>" in text
    assert "<p><b>x</b></p>" in text


def test_a_neighbour_is_included_and_lines_of_blocks_leave_no_blanks(page: Path) -> None:
    assert render(str(page), names=["a"]) == "<style>\np { color: red; }</style>\n  <p>a</p>\n"


def test_a_missing_value_is_an_error(page: Path) -> None:
    with pytest.raises(UndefinedError, match="'names' is undefined"):
        render(page)


def test_a_missing_template_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TemplateNotFound, match=r"absent\.html\.j2"):
        render(tmp_path / "absent.html.j2")
