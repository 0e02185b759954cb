"""Pages for tests: what a page holds, read back from its HTML."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class ReadTable:
    """A table of a page.

    Attributes:
        source: the file that it says it is from.
        folder: of that file.
        columns: names.
        rows: by their number in the file; each cell its text, and a number's digits.
        same: columns with one value in all rows.
    """

    source: str
    folder: str
    columns: list[str] = field(default_factory=list)
    rows: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)


class PageReader(HTMLParser):
    """Tables, tags and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[ReadTable] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.headings: list[int] = []
        self._row = -1
        self._value: str | None = None
        self._cell: list[str] = []
        self._same: str | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag == "table":
            self.tables.append(ReadTable(given["data-source"], given["data-folder"]))
        elif tag in ("h1", "h2", "h3", "h4"):
            self.headings.append(int(tag[1]))
        elif "data-column" in given:
            self.tables[-1].columns.append(given["data-column"])
        elif "data-row" in given:
            self._row = int(given["data-row"])
            self.tables[-1].rows[self._row] = []
        elif "data-value" in given:
            self._value, self._cell = given["data-value"], []
        elif "data-same" in given:
            self._same, self._cell = given["data-same"], []

    def handle_endtag(self, tag: str) -> None:
        said = "".join(self._cell)
        if tag in ("td", "th") and self._value is not None:
            self.tables[-1].rows[self._row].append((said.strip(), self._value))
            self._value = None
        elif tag == "span" and self._same is not None:
            shown = self._same.replace("_", " ")
            self.tables[-1].same[self._same] = said.removeprefix(f"{shown} ")
            self._same = None

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        self._cell.append(data)

    def named(self, tag: str) -> list[dict[str, str]]:
        """The attributes of each element of a name."""
        return [given for name, given in self.tags if name == tag]
