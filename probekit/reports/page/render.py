"""Render: a page as HTML, from what is to be said.

Templates escape every text. Scripts and styles are the package's own: the page's policy names their
checksums, so that a browser runs and applies nothing else, and loads nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Sequence
from importlib.resources import files
from itertools import chain
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from probekit.harmless import as_xml, harmless
from probekit.reports.page.drawing import inline
from probekit.reports.page.measured import measured
from probekit.reports.page.opened import Opened
from probekit.reports.page.parts import Section
from probekit.reports.page.references import listed
from probekit.reports.page.sections import SECTIONS

TEMPLATES = "templates"
MOST_VERDICTS = 8  # of a section, in the summary


class Shown(NamedTuple):
    """A section, and the results that it is of.

    Attributes:
        key: of its anchor.
        section: what is said.
        folder: of the results.
        warnings: of them.
        command: that made them; empty where it was Python.
        settings: of the run, as JSON.
        versions: of packages.
        seconds: of the whole run; None where they are not known.
    """

    key: str
    section: Section
    folder: str
    warnings: tuple[str, ...]
    command: str
    settings: str
    versions: str
    seconds: float | None


def render(results: Sequence[Opened], title: str) -> str:
    """The page as HTML.

    Args:
        results: of any verbs, in the order of the page.
        title: of the page.
    """
    shown = [_shown(number, one) for number, one in enumerate(results, start=1)]
    methods = chain.from_iterable(one.section.methods for one in shown)
    cites = chain.from_iterable(method.cites for method in methods)
    style, script = _asset("style.css"), _asset("script.js")
    page = _environment().get_template("page.html.j2")
    return page.render(
        title=title,
        shown=shown,
        measured=measured(results),
        references=listed(cites),
        most_verdicts=MOST_VERDICTS,
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
        inline=inline,
    )


def _shown(number: int, one: Opened) -> Shown:
    run = one.found.run
    about = {"settings": dict(run.settings), "counts": dict(run.counts)}
    seconds = run.seconds.get("all")
    return Shown(
        key=f"results-{number}",
        section=SECTIONS[type(one.found)](one.found),
        folder=str(one.folder),
        warnings=one.found.warnings,
        command=shlex.join(["probekit", *run.command[1:]]) if run.command else "",
        settings=json.dumps(about, indent=1, ensure_ascii=False) if run.settings else "",
        versions=", ".join(f"{name} {version}" for name, version in run.versions.items()),
        seconds=float(seconds) if seconds is not None else None,
    )


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("probekit.reports.page", TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_safe,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _safe(value: Any) -> Any:
    """A text without characters that HTML cannot hold or that hide others; autoescape follows."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return as_xml(harmless(value))


def _asset(name: str) -> str:
    """A file of the page's own."""
    return (files("probekit.reports.page") / TEMPLATES / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """What a browser may run, apply and load: these two, and attributes of style."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_checksum(script)}",
            f"style-src-elem {_checksum(style)}",
            "style-src-attr 'unsafe-inline'",
            "img-src data:",  # bars of colours
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _checksum(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
