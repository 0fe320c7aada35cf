import re
from xml.etree import ElementTree as ET

import pytest

from partonic.core.errors import FileError
from partonic.report.palette import DARK, LIGHT, contrast
from partonic.report.svg import inline_svg

HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'width="100pt" height="50pt" viewBox="0 0 100 50">'
)


@pytest.fixture
def inline(tmp_path):
    """Function (body of an SVG file, prefix) -> what stands on the page."""

    def run(body, prefix="f-", alt="two bars"):
        file = tmp_path / "figure.svg"
        file.write_text(HEAD + body + "</svg>")
        return inline_svg(file, prefix, alt)

    return run


def test_text_alternative_and_size(inline):
    drawing = inline('<path d="M 0 0"/>', alt='2 < 3 & "so"')
    root = ET.fromstring(drawing.markup)
    assert drawing.width == 100
    assert root.get("role") == "img"
    assert root.find("desc").get("id") == root.get("aria-labelledby")
    assert root.find("desc").text == '2 < 3 & "so"'
    assert root.get("viewBox") == "0 0 100 50"
    assert root.get("width") is None


def test_identifiers_of_two_figures_never_meet_and_references_follow(inline):
    body = (
        '<defs><path id="glyph" d="M0 0"/><clipPath id="clip"><rect width="1" height="1"/></clipPath></defs>'
        '<g id="unused"><use xlink:href="#glyph" clip-path="url(#clip)"/></g>'
    )
    one, two = inline(body, "a-").markup, inline(body, "b-").markup
    ids = [set(re.findall(r'id="([^"]+)"', text)) for text in (one, two)]
    assert ids[0] == {"a-glyph", "a-clip", "a-alt"}
    assert not ids[0] & ids[1]
    assert 'href="#a-glyph"' in one
    assert "url(#a-clip)" in one


@pytest.mark.parametrize(
    "body",
    [
        "<script>alert(1)</script>",
        '<path onload="alert(1)" d="M0 0"/>',
        '<a href="javascript:alert(1)"><path d="M0 0"/></a>',
        '<image xlink:href="https://example.org/x.png"/>',
        '<image href="data:image/svg+xml;base64,PHN2Zz4="/>',
        '<use href="https://example.org/x.svg#a"/>',
        "<style>@import url(https://example.org/x.css)</style>",
        '<path style="fill: url(https://example.org/x)" d="M0 0"/>',
        '<path style="fill: u\\72l(https://example.org/x)" d="M0 0"/>',
        "<foreignObject><iframe src='https://example.org'/></foreignObject>",
        "<animate attributeName='href' to='javascript:alert(1)'/>",
        "<path d='M0 0'>&lt;script&gt;alert(1)&lt;/script&gt;</path>",
    ],
)
def test_what_a_stranger_put_into_a_figure_stays_out(inline, body):
    markup = inline(body).markup
    for word in ("script", "onload", "javascript", "example.org", "svg+xml", "iframe", "import", "style="):
        assert word not in markup


def test_pictures_inside_the_file_stay(inline):
    assert (
        'href="data:image/png;base64,iVBOR="' in inline('<image xlink:href="data:image/png;base64,iVBO\nR="/>').markup
    )


def test_colours_follow_the_scheme_of_the_page(inline):
    markup = inline(f'<path style="stroke: {LIGHT["series-1"]}; fill: #000000" d="M0 0"/>').markup
    assert "stroke: var(--series-1); fill: var(--ink)" in markup


def test_coordinates_are_rounded_to_what_can_be_seen(inline):
    assert 'd="M 1.23 -4.57 L 3 4"' in inline('<path d="M 1.234567 -4.5678 L 3 4"/>').markup


def test_files_that_are_no_figures(tmp_path):
    with pytest.raises(FileError, match="cannot read"):
        inline_svg(tmp_path / "none.svg", "", "")
    for text in ("", "not xml", "<html/>"):
        file = tmp_path / "x.svg"
        file.write_text(text)
        with pytest.raises(FileError, match="not an SVG file"):
            inline_svg(file, "", "")


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_every_colour_can_be_seen_on_its_paper(scheme):
    assert set(scheme) == set(LIGHT)
    for name in ("ink", "muted", "link", "series-2", "series-3"):  # used as text
        assert contrast(scheme[name], scheme["paper"]) >= 4.5, name
        assert contrast(scheme[name], scheme["card"]) >= 4.5 or name.startswith("series"), name
    for name, colour in scheme.items():
        if name.startswith("series") or name in ("signal", "background"):
            assert contrast(colour, scheme["paper"]) >= 3, name


def test_contrast_of_known_colours():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
