"""Attribution page: an HTML file of its own that shows words in the colours of their shares."""

from __future__ import annotations

from html import escape
from pathlib import Path

from probekit import html
from probekit.errors import StoreError
from probekit.harmless import as_xml, harmless
from probekit.reports.coloured import lines_of
from probekit.results.folder import cannot_write
from probekit.usage.attribution import Attribution
from probekit.whole import written_whole

MOST = 500  # decisions
_STYLE = (
    "body{font:16px/2 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;font-size:14px;line-height:1.4}td,th{padding:0 .6em;"
    "text-align:left}p{margin:.3em 0}.w{padding:.1em .25em;border-radius:.2em}"
    ".w small{opacity:.8;margin-left:.3em}.about{font-weight:bold;margin-right:.6em}"
)


def attribution_page(found: Attribution) -> str:
    """The page as HTML; texts, labels and names are escaped."""
    parts = [f"<h1>{_text(_title(found))}</h1>"]
    parts += [f"<p>{_text(sentence)}</p>" for sentence in (*found.sentences, *found.warnings)]
    parts.append(
        "<p>Blue words speak for the label and orange ones against it; the number is the share in "
        "percent of all that is attributed. The span that is labelled stands in brackets.</p>"
    )
    assert found.positions is not None
    if len(found.positions):
        parts.append(html.page("Mean shares by label and place", found.positions))
    for line in lines_of(found, MOST):
        words = []
        for word in line.words:
            style = f"background:{word.background};color:{word.foreground}"
            words.append(
                f'<span class="w" style="{style}">{_text(word.text)}'
                f"<small>{word.share}</small></span>"
            )
        about = f'<span class="about">{_text(line.about)} → {_text(line.label)}</span>'
        parts.append(f"<p>{about}{' '.join(words)}</p>")
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{_text(_title(found))}</title><style>{_STYLE}</style></head>"
    )
    body = "\n".join(parts)
    return f"{head}\n<body>\n{body}\n</body></html>\n"


def write_attribution_page(found: Attribution, path: Path) -> None:
    """Write the page. Raises StoreError where that fails."""
    try:
        with written_whole(path) as file:
            file.write(attribution_page(found).encode())
    except OSError as error:
        raise StoreError(cannot_write(path, error)) from error


def _title(found: Attribution) -> str:
    first = found.decisions.iloc[0]
    return f"Attribution: {first['task']}, {first['model']}, layer {first['layer']}"


def _text(text: object) -> str:
    return escape(as_xml(harmless(text)))
