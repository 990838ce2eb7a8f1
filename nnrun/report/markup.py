"""Parts of a page: Markdown text that stays text, and SVG in the colours of the page."""

import re

from markupsafe import Markup, escape

from nnrun.plot.style import GRID, INK, LINE_STYLES, MUTED, PAPER
from nnrun.text import shown

THEME = {INK: "currentColor", MUTED: "var(--muted)", GRID: "var(--grid)", "#ffffff": "none"}
THEME |= {PAPER: "var(--card)"}
THEME |= {style.color: f"var(--s{i})" for i, style in enumerate(LINE_STYLES)}


def inline(svg: str, prefix: str, title: str) -> Markup:
    """Make an SVG file part of a page: themed by the page's colours, its ids unique there."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.DOTALL)
    head, rest = body.split(">", 1)
    view = re.search(r'viewBox="[^"]*"', head)
    named = f'role="img" aria-labelledby="{prefix}title"'
    used = set(re.findall(r"(?:url\(#|href=\"#)([^\")]+)", rest))
    rest = re.sub(r' id="([^"]*)"', lambda m: f' id="{prefix}{m[1]}"' if m[1] in used else "", rest)
    rest = re.sub(r'(url\(#|href="#)', rf"\g<1>{prefix}", rest.replace("xlink:href", "href"))
    # Only inside style attributes: a label may well hold the name of a colour.
    colours = re.compile("|".join(map(re.escape, THEME)))
    rest = re.sub(
        r'style="[^"]*"', lambda m: colours.sub(lambda colour: THEME[colour[0]], m[0]), rest
    )
    heading = f'<title id="{prefix}title">{escape(shown(title))}</title>'
    return Markup(f"<svg {view[0] if view else ''} {named}>{heading}{rest}")


SPECIAL = re.compile(r"([\\`*_\[\]|~$])")


def md(text: object) -> Markup:
    r"""Escape what Markdown, or HTML inside it, would take for more than text.

    Example:
        >>> md("a|b <i>*x*</i>")
        Markup('a\\|b &lt;i&gt;\\*x\\*&lt;/i&gt;')
    """
    line = shown(" ".join(str(text).split()))
    # a name after @ would be told of the report
    return Markup(SPECIAL.sub(r"\\\1", str(escape(line))).replace("@", "&#64;"))
