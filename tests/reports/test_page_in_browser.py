"""The HTML page in a browser: it loads without errors, sorts and filters, fetches nothing, and runs
nothing but its own script."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import probekit as pk
from tests.reports.page_made import made_of, varied
from tests.reports.test_page import EVIL, evil_comparison
from tests.results import made

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="chromium and chromium-driver are not installed"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield driver
    driver.quit()


def opened(browser: webdriver.Chrome, path: Path) -> None:
    """Open a page, after what was logged before."""
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(path.as_uri())


def requests(browser: webdriver.Chrome) -> list[str]:
    """The addresses that were fetched since the page was opened, without what is in the page."""
    found = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            found.append(message["params"]["request"]["url"])
    return [address for address in found if not address.startswith("data:")]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    varied(made.scores(0.5)).write(folder / "run")
    return pk.report(folder / "run", folder / "report.html")


def test_it_loads_without_errors_and_fetches_nothing(browser: webdriver.Chrome, page: Path) -> None:
    opened(browser, page)
    assert browser.find_element(By.TAG_NAME, "h1").text == "probekit report"
    assert browser.get_log("browser") == []
    assert requests(browser) == [page.as_uri()]
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert browser.execute_script("return document.querySelectorAll('svg').length") >= 2
    background = "return getComputedStyle(document.body).maxWidth"
    assert browser.execute_script(background) != "none"  # the style is applied


def column(browser: webdriver.Chrome, name: str) -> list[float]:
    """The numbers in a column of the table of all scores, from top to bottom."""
    code = """
    const table = document.querySelector("table[data-source='scores.csv']");
    const heads = [...table.tHead.rows[0].cells];
    const at = heads.findIndex((head) => head.dataset.column === arguments[0]);
    return [...table.tBodies[0].rows].filter((row) => !row.hidden)
      .map((row) => Number(row.cells[at].dataset.value));
    """
    return list(browser.execute_script(code, name))


def test_a_table_sorts_by_mouse_and_keyboard(browser: webdriver.Chrome, page: Path) -> None:
    opened(browser, page)
    browser.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    selector = "table[data-source='scores.csv'] th[data-column='score']"
    heading = browser.find_element(By.CSS_SELECTOR, selector)
    button = heading.find_element(By.TAG_NAME, "button")
    before = column(browser, "score")
    assert heading.get_attribute("aria-sort") == "none"
    browser.execute_script("arguments[0].click()", button)
    assert heading.get_attribute("aria-sort") == "ascending"
    assert column(browser, "score") == sorted(before) != before
    button.send_keys(Keys.ENTER)
    assert heading.get_attribute("aria-sort") == "descending"
    assert column(browser, "score") == sorted(before, reverse=True)


def test_a_table_filters(browser: webdriver.Chrome, page: Path) -> None:
    opened(browser, page)
    browser.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    code = """
    const table = document.querySelector("table[data-source='scores.csv']");
    return table.closest('.grid').querySelector('input');
    """
    before = column(browser, "layer")
    selector = "table[data-source='scores.csv'] tbody td"
    text = browser.find_element(By.CSS_SELECTOR, selector).get_attribute("textContent")
    field = browser.execute_script(code)
    assert field.accessible_name.startswith("Filter rows")
    field.send_keys(text)
    after = column(browser, "layer")
    assert 0 < len(after) < len(before)
    count = browser.execute_script("return arguments[0].closest('.tools').innerText", field)
    assert f"{len(after)} of {len(before)} rows" in count
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(Keys.DELETE)
    assert column(browser, "layer") == before


def test_the_page_works_by_keyboard_from_its_first_link(
    browser: webdriver.Chrome, page: Path
) -> None:
    opened(browser, page)
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    focused = browser.switch_to.active_element
    assert focused.text == "Skip to the results" and focused.is_displayed()
    focused.send_keys(Keys.ENTER)
    assert browser.execute_script("return document.activeElement.id") == "main"


def test_a_phone_scrolls_tables_and_not_the_page(browser: webdriver.Chrome, page: Path) -> None:
    size = {"width": 375, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        opened(browser, page)
        code = "return [document.documentElement.scrollWidth, innerWidth]"
        wide, screen = browser.execute_script(code)
        assert wide <= screen == 375
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


ON_PAPER = """
const box = (one) => one.getBoundingClientRect();
const light = (one) => {
  const [red, green, blue] = getComputedStyle(one).color.match(/[\\d.]+/g).map(Number);
  return 0.3 * red + 0.6 * green + 0.1 * blue > 140;
};
const all = (selector) => [...document.querySelectorAll(selector)];
return {
  cut: all("table, figure, pre, svg")
    .filter((one) => box(one).right > (one.closest(".wide") ? arguments[1] : arguments[0]))
    .map((one) => one.dataset.source || one.tagName),
  closed: all("details > :last-child").filter((one) => !box(one).height).length,
  details: all("details:not([open])").length,
  controls: all("nav, .copy, input").filter((one) => one.offsetHeight).length,
  light: all("body *:not(svg *):not(script)").filter(light).map((one) => one.className),
};
"""
"""What of a page is wider than paper (or than paper turned), closed, a control, or in a light
colour."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", [pk.Comparison, pk.Gated])
def test_on_paper_nothing_is_cut_closed_or_light(
    browser: webdriver.Chrome, tmp_path: Path, kind: type
) -> None:
    made_of(kind).write(tmp_path / "run")
    size = {"width": 718, "height": 1047, "deviceScaleFactor": 1, "mobile": False}  # A4, 1 cm
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": dark})
    try:
        opened(browser, pk.report(tmp_path / "run", tmp_path / "report.html"))
        found = browser.execute_script(ON_PAPER, 718, 1047)
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {})
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert found["details"] > 0
    assert found == {**found, "cut": [], "closed": 0, "controls": 0, "light": []}


def test_names_that_look_like_code_do_not_run(browser: webdriver.Chrome, tmp_path: Path) -> None:
    evil_comparison().write(tmp_path / "evil")
    out = pk.report(tmp_path / "evil", tmp_path / "report.html", title=EVIL)
    opened(browser, out)
    assert browser.title == EVIL
    assert browser.execute_script("return typeof broken") == "undefined"
    assert browser.execute_script("return document.images.length") == 0
    assert browser.get_log("browser") == []
    assert requests(browser) == [out.as_uri()]


def test_the_policy_stops_what_is_put_into_a_page(
    browser: webdriver.Chrome, page: Path, tmp_path: Path
) -> None:
    added = '<script>broken=1</script><img src="https://example.org/x.png">'
    text = page.read_text(encoding="utf-8").replace("</footer>", f"</footer>{added}")
    changed = tmp_path / "changed.html"
    changed.write_text(text, encoding="utf-8")
    opened(browser, changed)
    assert browser.execute_script("return typeof broken") == "undefined"
    refused = [entry["message"] for entry in browser.get_log("browser")]
    assert len(refused) == 2 and all("Content Security Policy" in one for one in refused)
