"""The script of the pages."""

import base64
import hashlib
from pathlib import Path

from markupsafe import Markup


def page_script(templates: Path) -> dict[str, Markup]:
    """Return the pages' script, which is ours alone, and the hash by which alone it may run.

    Args:
        templates: Folder of ``page.js``.

    Returns:
        ``script``, the text, and ``script_hash``, for the page's content security policy.
    """
    text = (templates / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return {"script": Markup(text), "script_hash": Markup(f"sha256-{digest}")}
