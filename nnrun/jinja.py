"""Jinja, the template language of the pages."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateSyntaxError
from markupsafe import Markup

from nnrun.text import shown

NAME = re.compile(r"[\w][\w.-]*\.md\.j2")
"""What a study's template is called."""

LAYOUT: dict[str, Any] = {
    "undefined": StrictUndefined,
    "trim_blocks": True,
    "lstrip_blocks": True,
}
"""What all templates have in common: no name is missed, and a line of its own leaves none."""


def environment(folder: Path) -> Environment:
    """Return what reads nnrun's own templates; `nnrun.report.study_language` reads others.

    Args:
        folder: Of the templates; all text in them is escaped for HTML.
    """
    how: dict[str, Any] = {"autoescape": True, "finalize": _seen, **LAYOUT}
    return Environment(loader=FileSystemLoader(folder), **how)


def script(*paths: Path) -> dict[str, Markup]:
    """Return the script of a page, which is ours alone, and the hash by which alone it may run.

    Returns:
        ``script``, the text, and ``script_hash``, for the page's content security policy.
    """
    text = "\n".join(path.read_text(encoding="utf-8").rstrip("\n") for path in paths)
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return {"script": Markup(text), "script_hash": Markup(f"sha256-{digest}")}


def _seen(value: Any) -> Any:
    """Escape the control characters of text; markup is ours."""
    return shown(value, lines=True) if type(value) is str else value


def mistake(path: Path) -> str:
    """Say what is wrong with a study's template: its name or its grammar; empty if nothing is."""
    if not NAME.fullmatch(path.name):
        return "is no name of a study's template, which is NAME.md.j2"
    try:
        Environment(**LAYOUT).parse(path.read_text(encoding="utf-8"))
    except TemplateSyntaxError as error:
        return f"cannot be read as a template: line {error.lineno}: {error.message}"
    except UnicodeDecodeError:
        return "cannot be read as a template: it is not UTF-8 text"
    except RecursionError:
        return "cannot be read as a template: its brackets or blocks stand too deep in each other"
    return ""
