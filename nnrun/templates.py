"""The template language of the pages."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateSyntaxError


def environment(folder: Path, escape: bool = True) -> Environment:
    """Return what reads the templates of a folder and misses no name.

    Args:
        folder: Of the templates.
        escape: Whether all text is escaped for HTML.
    """
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def mistake(path: Path) -> str:
    """Say what is wrong with the grammar of a template, and where; empty if nothing is."""
    try:
        environment(path.parent).parse(path.read_text(encoding="utf-8"))
    except TemplateSyntaxError as error:
        return f"cannot be read as a template: line {error.lineno}: {error.message}"
    return ""
