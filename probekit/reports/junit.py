"""JUnit: the verdicts of a gate as an XML file that CI systems show."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from probekit import doors
from probekit.errors import StoreError
from probekit.forgetting.gate.gated import Gated
from probekit.harmless import as_xml, harmless
from probekit.paths import path_of
from probekit.reports.tables.gate import changed_texts, flip_lines, needed_text
from probekit.results.folder import cannot_write
from probekit.whole import written_whole


def junit(gated: Gated, path: str | Path) -> None:
    """Write the verdicts as JUnit XML: a criterion is a test case, FAIL a failure, and CANNOT TELL
    an error, since CI systems take anything else for a pass.

    Args:
        gated: what `gate` returned.
        path: of the file; the folder is made if it does not exist.

    Raises StoreError where it cannot be written.
    """
    doors.of_type("gated", gated, Gated)
    place = path_of(doors.of_type("path", path, (str, Path)))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(place) as file:
            file.write(as_junit(gated).encode())
    except OSError as error:
        raise StoreError(cannot_write(place, error)) from error


def as_junit(gated: Gated) -> str:
    """The same as a text."""
    verdicts = gated.table["verdict"]
    counts = {
        "tests": str(len(verdicts)),
        "failures": str(int((verdicts == "FAIL").sum())),
        "errors": str(int((verdicts == "CANNOT TELL").sum())),
        "skipped": "0",
    }
    suites = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "probekit gate", **counts})
    for _, row in gated.table.iterrows():
        name = f"{row['criterion']} {row['limit']}"
        about = {"classname": f"probekit.gate.{row['corpus'] or 'file'}", "name": _text(name)}
        case = ElementTree.SubElement(suite, "testcase", {**about, "time": "0"})
        change, interval = changed_texts(row)
        message = f"{row['verdict']}: change {change}, interval {interval}"
        if row["verdict"] == "PASS":
            continue
        kind = "failure" if row["verdict"] == "FAIL" else "error"
        needed = needed_text(row)
        message += f"; needed: {needed}" if needed else ""
        found = ElementTree.SubElement(case, kind, {"message": _text(message), "type": kind})
        found.text = _text(message)
    output = ElementTree.SubElement(suite, "system-out")
    output.text = _text("\n".join([gated.sentence, *gated.remedy_lines, *flip_lines(gated)]))
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _text(text: str) -> str:
    """A text that XML can hold; ElementTree escapes its marks."""
    return as_xml(harmless(text))
