"""A hook of mkdocs: links of notebooks lead to pages of the site, as those of Markdown do.

In the repository they lead to the files, so that they work wherever notebooks are shown.
"""

from __future__ import annotations

import re
from typing import Any

SOURCE = re.compile(r'href="((?!\w+:)[^"#]*)\.(?:md|ipynb)(["#])')


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """The content of a page, with links to pages instead of links to sources."""
    if page.file.src_uri.endswith(".ipynb"):
        return SOURCE.sub(r'href="\1.html\2', html)
    return html
