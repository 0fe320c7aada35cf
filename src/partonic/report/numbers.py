"""Numbers as people read them: rounded to their error, with how the error was found beside them."""

from __future__ import annotations

import math
import re
from numbers import Real
from typing import Any

from markupsafe import Markup, escape

from partonic.core.estimate import Estimate

NOT_THERE, MINUS, TIMES = "\N{EN DASH}", "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"


def number(value: float) -> str:
    """A number without an error: integers in full, others to four digits."""
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return NOT_THERE
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if 1e4 <= abs(value) < 1e7:
        return f"{value:,.0f}"
    digits = f"{value:.4g}"
    mantissa, e, exponent = digits.partition("e")
    if not e:
        return digits
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa} {TIMES} 10{raised}"


def estimate(value: Estimate) -> str:
    """``0.9812 ± 0.0011`` as plain text."""
    text = str(value).replace("+-", "±").replace("(> ", "(above ").replace("(< ", "(below ")
    return re.sub(r"(?<![.\d])\d{5,}", lambda digits: f"{int(digits[0]):,}", text)


def estimate_markup(value: Estimate) -> Markup:
    """An estimate for the page: uneven errors above each other, interval and method on hover, its note below."""
    text = estimate(value)
    uneven = re.fullmatch(r"(\S+) \+(\S+) -(\S+)", text)
    if uneven:
        shown = Markup('{}<span class="uneven"><span>+{}</span><span>{}{}</span></span>').format(
            uneven[1].replace("-", MINUS), uneven[2], MINUS, uneven[3]
        )
    else:
        shown = escape(text.replace("-", MINUS))
    told = explained(value)
    note = Markup('<small class="note">{}</small>').format(value.note) if value.note else Markup()
    return Markup('<span class="estimate" title="{}">{}</span>{}').format(told, shown, note)


def explained(value: Estimate) -> str:
    """The interval and how it was found, in words."""
    ends = [f"{end:.5g}" if math.isfinite(end) else "open" for end in (value.low, value.high)]
    return f"68.3 % interval {ends[0]} to {ends[1]}, {value.method}" if value.method else ""


def cell(value: Any) -> Markup:
    """Any value of a table as escaped markup; arXiv numbers and DOIs become links."""
    if value is None:
        return escape(NOT_THERE)
    if isinstance(value, Estimate):
        return estimate_markup(value)
    if isinstance(value, bool):
        return escape("yes" if value else "no")
    if isinstance(value, Real):
        plain: Any = value.item() if hasattr(value, "item") else value  # of numpy's scalars
        return escape(number(plain).replace("-", MINUS))
    return linked(str(value))


_PAPER = re.compile(r"arXiv:(?P<arxiv>\d{4}\.\d{4,5}|[a-z-]+/\d{7})|doi:(?P<doi>10\.\d{4,9}/[\w.()/:;-]+)")


def linked(text: str) -> Markup:
    """Escaped text whose arXiv numbers and DOIs are links."""
    parts, end = [], 0
    for match in _PAPER.finditer(text):
        kind = "https://arxiv.org/abs/" if match["arxiv"] else "https://doi.org/"
        parts.append(escape(text[end : match.start()]))
        parts.append(Markup('<a href="{}">{}</a>').format(kind + (match["arxiv"] or match["doi"]), match[0]))
        end = match.end()
    return Markup().join([*parts, escape(text[end:])])


def is_number(value: Any) -> bool:
    """Whether a column of such values is aligned to the right."""
    return isinstance(value, Real | Estimate) and not isinstance(value, bool)
