"""The colours of figures and pages: one name a role, with a value for light and one for dark surroundings.

Every colour has a contrast of at least 3 against its background (text: 4.5), and neighbours in the series differ for
the common forms of colour blindness too; figures tell curves apart by line style as well.
"""

from __future__ import annotations

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1a1d21",
    "muted": "#59626d",
    "rule": "#c9ced4",
    "card": "#f3f5f7",
    "link": "#005ea6",
    "series-1": "#0069b4",
    "series-2": "#c64a06",
    "series-3": "#007f66",
    "series-4": "#b870dc",
    "series-5": "#6b5200",
    "series-6": "#54616f",
    "series-7": "#5b8400",
    "background": "#5d6b7c",
    "signal": "#c2185b",
}
DARK = {
    "paper": "#15181d",
    "ink": "#e8eaed",
    "muted": "#a2abb6",
    "rule": "#454c56",
    "card": "#1e232a",
    "link": "#6cbcf7",
    "series-1": "#5cb3f2",
    "series-2": "#ff9457",
    "series-3": "#3ecfa8",
    "series-4": "#d9b3f5",
    "series-5": "#b39a2e",
    "series-6": "#b4bfcc",
    "series-7": "#a9d153",
    "background": "#a3b1c2",
    "signal": "#ff7fae",
}
SERIES = tuple(LIGHT[f"series-{i}"] for i in range(1, 8))
DASHES = (
    "-",
    (0, (6, 2)),
    (0, (7, 2, 1.5, 2)),
    (0, (2, 1.5)),
    (0, (9, 2, 1.5, 2, 1.5, 2)),
    (0, (4, 1, 1, 1)),
    (0, (1, 1)),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def css_variables(colours: dict[str, str]) -> str:
    """The colours as CSS custom properties, as ``--ink: #1a1d21;``."""
    return " ".join(f"--{name}: {value};" for name, value in colours.items())


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours ``#rrggbb``, 1 to 21 (WCAG 2.2)."""
    bright, dim = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
