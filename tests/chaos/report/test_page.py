"""The page of a run, opened in a real headless browser."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from chaos.experiment.dump import dump
from chaos.experiment.load import load
from chaos.judging import judge_run
from tests.chaos.history_of import Told

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")


def run_dir(folder: Path, told: Told, experiment: str = "az-kill") -> Path:
    """A judged run."""
    folder.mkdir(exist_ok=True)
    (folder / "experiment.yaml").write_text(dump(load(experiment)))
    told.write(folder / "history")
    judge_run(folder)
    return folder


def eventful() -> Told:
    """A run with a fault in it."""
    told = Told().whole(400)
    for at_s, isr in ((5, [1, 2, 3]), (21, [2, 3]), (31, [1, 2, 3])):
        told.told(at_s, "isr", partition=0, leader=isr[0], epoch=at_s, isr=isr)
    told.end_s = 50
    return told.fault(20, 30)


def test_the_page_is_one_file_that_fetches_nothing(tmp_path: Path) -> None:
    """No script, no address, and what it says is escaped."""
    told = eventful().told(40, "aborted", why="<script>alert(1)</script>")
    text = (run_dir(tmp_path / "run", told) / "report.html").read_text()
    assert "<script" not in text
    assert "src=" not in text
    assert "@import" not in text
    assert "&lt;script&gt;" in text


def test_the_page_of_an_unreadable_run_says_why(tmp_path: Path) -> None:
    """INCONCLUSIVE, with the file named."""
    folder = run_dir(tmp_path / "run", eventful())
    (folder / "history" / "manifest.json").unlink()
    judge_run(folder)
    text = (folder / "report.html").read_text()
    assert "INCONCLUSIVE" in text
    assert "manifest.json" in text


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """A headless Chromium that remembers every request and every line on its console."""
    if not BROWSER or not DRIVER:
        pytest.skip("no chromium with chromedriver on this machine")
    options = Options()
    options.binary_location = BROWSER
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def show(
    browser: webdriver.Chrome, path: Path, width: int, height: int, scheme: str = "light"
) -> None:
    """Open a page in a window of a size, light or dark."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get((path / "report.html").as_uri())


def log(browser: webdriver.Chrome, kind: str) -> list[dict[str, str]]:
    """What the browser logged since it was last asked."""
    return list(browser.execute("getLog", {"type": kind})["value"])


@pytest.mark.browser
def test_the_browser_has_nothing_to_complain_of(browser: webdriver.Chrome, tmp_path: Path) -> None:
    """No console error, no request but for the page itself."""
    folder = run_dir(tmp_path / "run", eventful())
    log(browser, "performance")
    log(browser, "browser")
    show(browser, folder, 1280, 800)
    sent = [json.loads(line["message"])["message"] for line in log(browser, "performance")]
    urls = [
        m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"
    ]
    assert {url for url in urls if not url.startswith("data:")} == {
        (folder / "report.html").as_uri()
    }
    assert not log(browser, "browser")
    # A second document in the page would show as ids that stand twice.
    twice = (
        "const ids=[...document.querySelectorAll('[id]')].map(e=>e.id);"
        "return ids.length-new Set(ids).size"
    )
    assert browser.execute_script(twice) == 0


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_verdict_is_seen_without_scrolling(
    browser: webdriver.Chrome, tmp_path: Path, scheme: str
) -> None:
    """At 1280x800, in both schemes, with enough contrast to be read."""
    show(browser, run_dir(tmp_path / "run", eventful()), 1280, 800, scheme)
    outcome = browser.find_element("id", "outcome")
    assert outcome.text == "FAIL"
    assert 0 <= outcome.rect["y"] < outcome.rect["y"] + outcome.rect["height"] <= 800
    color = "return getComputedStyle(arguments[0]).color"
    paper = "return getComputedStyle(document.body).backgroundColor"
    ratio = _contrast(browser.execute_script(color, outcome), browser.execute_script(paper))
    assert ratio >= 4.5


@pytest.mark.browser
def test_the_page_can_be_read_on_a_telephone(browser: webdriver.Chrome, tmp_path: Path) -> None:
    """390 px wide: nothing sticks out, the narrow picture is the one that is shown."""
    show(browser, run_dir(tmp_path / "run", eventful()), 390, 844)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    shown = {name: browser.find_element("class name", name) for name in ("wide", "narrow")}
    assert (shown["wide"].is_displayed(), shown["narrow"].is_displayed()) == (False, True)
    small = (
        "return [...document.querySelectorAll('.narrow text')]"
        ".map(t=>t.getBoundingClientRect().height).filter(h=>h<8).length"
    )
    assert browser.execute_script(small) == 0


def _contrast(one: str, other: str) -> float:
    """The WCAG contrast ratio of two colours as the browser writes them."""

    def luminance(color: str) -> float:
        parts = [float(n) / 255 for n in color[color.index("(") + 1 : -1].split(",")[:3]]
        linear = [n / 12.92 if n <= 0.03928 else ((n + 0.055) / 1.055) ** 2.4 for n in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
