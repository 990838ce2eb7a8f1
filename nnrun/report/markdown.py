"""Text that stays text in Markdown, whatever it holds."""

import re

from markupsafe import Markup, escape

from nnrun.words import shown

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
