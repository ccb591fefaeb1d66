"""SVG: a few marks as text, so that charts follow the page's colours and need no library.

Colours are the page's CSS variables with a fallback, so that a chart cut out of its page still
shows. Coordinates are in a viewBox about 400 wide: legible on a phone at 11 units of type.
"""

from __future__ import annotations

from html import escape

FALLBACKS = {
    "ink": "#1b1d22",
    "muted": "#5d626d",
    "line": "#d9d8d2",
    "accent": "#2458c5",
    "soft": "#b9c0cd",
    "paper": "#ffffff",
}


def colour(name: str) -> str:
    return f"var(--{name}, {FALLBACKS[name]})"


def number(value: float) -> str:
    """Two decimals at most: files stay small and equal from run to run."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def line(
    x1: float, y1: float, x2: float, y2: float, stroke: str, width: float = 1, **more: str
) -> str:
    return _element("line", stroke=colour(stroke), stroke_width=number(width),
                    x1=number(x1), y1=number(y1), x2=number(x2), y2=number(y2), **more)  # fmt: skip


def rect(x: float, y: float, width: float, height: float, fill: str, **more: str) -> str:
    return _element("rect", x=number(x), y=number(y), width=number(max(width, 0)),
                    height=number(height), fill=colour(fill), **more)  # fmt: skip


def circle(x: float, y: float, radius: float, fill: str, **more: str) -> str:
    return _element("circle", cx=number(x), cy=number(y), r=number(radius),
                    fill=colour(fill), **more)  # fmt: skip


def polyline(points: list[tuple[float, float]], stroke: str, width: float = 2) -> str:
    path = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return _element("polyline", points=path, fill="none", stroke=colour(stroke),
                    stroke_width=number(width), stroke_linejoin="round")  # fmt: skip


def text(
    x: float, y: float, words: str, fill: str = "ink", anchor: str = "start", size: float = 11,
    bold: bool = False,
) -> str:  # fmt: skip
    weight = {"font_weight": "600"} if bold else {}
    return _element("text", words, x=number(x), y=number(y), fill=colour(fill),
                    text_anchor=anchor, font_size=number(size), **weight)  # fmt: skip


def drawing(width: float, height: float, title: str, description: str, marks: list[str]) -> str:
    """The whole SVG; ``description`` tells a screen reader what the marks say."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" '
        f'role="img" font-family="inherit"><title>{escape(title)}</title>'
        f"<desc>{escape(description)}</desc>{''.join(marks)}</svg>"
    )


def _element(name: str, words: str | None = None, **attributes: str) -> str:
    body = " ".join(
        f'{key.replace("_", "-")}="{escape(value, quote=True)}"'
        for key, value in attributes.items()
    )
    return f"<{name} {body}/>" if words is None else f"<{name} {body}>{escape(words)}</{name}>"
