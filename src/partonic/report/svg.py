"""Figures inside the page: only drawing elements, identifiers of their own, colours that follow the page's scheme."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from markupsafe import Markup

from partonic.core.errors import FileError
from partonic.report.palette import LIGHT

XLINK = "{http://www.w3.org/1999/xlink}href"
ELEMENTS = frozenset(
    re.findall(
        r"\w+",
        """svg g defs path use clipPath rect circle ellipse line polyline polygon image text tspan linearGradient
        radialGradient stop pattern mask marker symbol""",
    )
)
ATTRIBUTES = frozenset(
    re.findall(
        r"[\w-]+",
        """id d x y x1 x2 y1 y2 cx cy r rx ry width height points viewBox transform style clip-path clip-rule fill
        fill-rule fill-opacity stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-dasharray
        stroke-dashoffset opacity offset stop-color stop-opacity preserveAspectRatio gradientUnits patternUnits refX
        refY markerWidth markerHeight orient font-size font-family text-anchor""",
    )
)
_PICTURE = re.compile(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=\s]*")
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_COLOURS = {value: f"var(--{name})" for name, value in LIGHT.items()} | {"#000000": "var(--ink)"}
_COLOUR = re.compile("|".join(map(re.escape, _COLOURS)))


@dataclass(frozen=True)
class Drawing:
    """A figure as markup.

    Args:
        markup: one ``<svg>`` element.
        width: in points.
    """

    markup: Markup
    width: float


def inline_svg(path: Path, prefix: str, alt: str) -> Drawing:
    """The drawing of an SVG file as markup for an HTML page.

    Scripts, links, styles of its own and references outside the file are left out, so that a file from a stranger can
    do no harm; every identifier gets the prefix, as two figures of one page must not share any.

    Args:
        path: the file.
        prefix: of identifiers, unique on the page.
        alt: text alternative.

    Raises:
        FileError: it is missing or not SVG.
    """
    try:
        root = ET.fromstring(path.read_bytes())  # noqa: S314  (expat bounds entity expansion itself)
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error
    except ET.ParseError as error:
        raise FileError(f"{path} is not an SVG file: {error}") from error
    if _local(root.tag) != "svg":
        raise FileError(f"{path} is not an SVG file: it holds <{_local(root.tag)}>")
    width, height = _size(root)
    _clean(root, prefix)
    _drop_unused(root)
    root.attrib.pop("width", None)
    root.attrib.pop("height", None)
    root.set("viewBox", root.get("viewBox", f"0 0 {width:g} {height:g}"))
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}alt")
    description = ET.Element("desc", {"id": f"{prefix}alt"})
    description.text = alt
    root.insert(0, description)
    return Drawing(Markup(ET.tostring(root, encoding="unicode")), width)  # noqa: S704  (cleaned, text is escaped)


def _local(tag: object) -> str:
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _size(root: ET.Element) -> tuple[float, float]:
    """Width and height in points."""
    numbers = re.findall(r"-?[\d.]+(?:e-?\d+)?", root.get("viewBox", ""))
    if len(numbers) == 4:
        return float(numbers[2]), float(numbers[3])
    return 400.0, 300.0


def _clean(element: ET.Element, prefix: str) -> None:
    element.tag = _local(element.tag)
    element.text = (element.text or "").strip() if element.tag in ("text", "tspan") else None
    element.tail = None
    _clean_attributes(element, prefix)
    for child in list(element):
        if _local(child.tag) in ELEMENTS:
            _clean(child, prefix)
        else:
            element.remove(child)


def _drop_unused(root: ET.Element) -> None:
    """Identifiers that nothing refers to (most of them) only make the page larger."""
    text = " ".join(value for element in root.iter() for key, value in element.attrib.items() if key != "id")
    used = set(re.findall(r"#([\w.-]+)", text))
    for element in root.iter():
        if element.get("id") not in used:
            element.attrib.pop("id", None)


def _clean_attributes(element: ET.Element, prefix: str) -> None:
    target = element.attrib.pop(XLINK, None) or element.attrib.pop("href", None)
    for key, value in list(element.attrib.items()):
        if key not in ATTRIBUTES or _reaches_out(value):
            del element.attrib[key]
        else:
            element.set(key, _rewrite(key, value, prefix))
    if target is None:
        return
    if target.startswith("#"):
        element.set("href", f"#{prefix}{target[1:]}")
    elif element.tag == "image" and _PICTURE.fullmatch(target):
        element.set("href", re.sub(r"\s", "", target))


def _reaches_out(value: str) -> bool:
    """Whether an attribute could load something: any url() but of an identifier, or escapes that hide one."""
    return bool(re.search(r"url\(\s*(?!#)|@import|\\|javascript:", value, re.IGNORECASE))


def _rewrite(key: str, value: str, prefix: str) -> str:
    if key == "id":
        return prefix + value
    if key in ("d", "x", "y", "points"):
        return _NUMBER.sub(lambda match: f"{float(match[0]):.2f}", value)
    value = re.sub(r"url\(\s*#", f"url(#{prefix}", value)
    return _COLOUR.sub(lambda match: _COLOURS[match[0]], value) if key in ("style", "fill", "stroke") else value
