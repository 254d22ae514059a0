"""The page in a browser: it draws, follows the keyboard, sorts, and fits a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fairlead.backtest.measures.statistics import statistics_of
from fairlead.backtest.report.page import write_report
from tests.backtest.browser import Browser, open_browser
from tests.backtest.runs import make_result
from tests.backtest.test_report import SERIES, sample_run

pytestmark = pytest.mark.slow

DEALS = "[...document.querySelectorAll('.deals tbody tr')]"
SPAN = "document.querySelector('.span').textContent"


@pytest.fixture(name="browser", scope="module")
def _browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(name="page", scope="module")
def _page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    result = sample_run()
    write_report(path, result, statistics_of(result), {"BTC-USDT": SERIES})
    return path


def ink(browser: Browser, name: str) -> int:
    """How many pixels of a chart are painted."""
    return int(
        browser.ask(
            f"(() => {{ const one = document.querySelector('.pane-{name} canvas');"
            " const pixels = one.getContext('2d').getImageData(0, 0, one.width, one.height).data;"
            " let count = 0; for (let i = 3; i < pixels.length; i += 4) if (pixels[i]) count++; return count; })()"
        )
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_chart_is_drawn_and_nothing_is_wider_than_the_window(
    browser: Browser, page: Path, width: int, scheme: str
) -> None:
    browser.open(page, width=width, is_dark=scheme == "dark")
    assert browser.ask("document.documentElement.dataset.state") == "ready"
    for name in ("price", "equity", "depth", "ladder"):
        assert ink(browser, name) > 2_000, name
    assert browser.ask("document.documentElement.scrollWidth") == width


def test_keys_move_and_zoom_all_charts(browser: Browser, page: Path) -> None:
    browser.open(page)
    whole = browser.ask(SPAN)
    assert whole == "2025-01-01 00:00 to 2025-05-01 00:00 UTC"
    browser.ask("document.querySelector('.pane-price canvas').focus()")
    browser.press("+")
    closer = browser.ask(SPAN)
    assert closer == "2025-01-31 00:00 to 2025-04-01 00:00 UTC"
    browser.press("End")
    assert browser.ask(SPAN) == "2025-03-02 00:00 to 2025-05-01 00:00 UTC"
    browser.press("0")
    assert browser.ask(SPAN) == whole


def test_the_pointer_tells_the_candle_below_it(browser: Browser, page: Path) -> None:
    browser.open(page, height=1400)
    x, y = browser.ask(
        "(() => { const box = document.querySelector('.pane-price canvas').getBoundingClientRect();"
        " return [box.x + 300, box.y + 30]; })()"
    )
    browser.move(x, y)
    assert "close" in browser.ask("document.querySelector('.pane-price .readout').textContent")
    assert "equity" in browser.ask("document.querySelector('.pane-equity .readout').textContent")


def test_deals_are_sorted_and_lead_to_their_place(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.ask(f"{DEALS}.length") == 50
    assert browser.ask("document.querySelector('.deals .told').textContent") == "1 to 50 of 60"
    browser.ask("document.querySelector('.deals [data-column=profit] button').click()")
    assert browser.ask("document.querySelector('[data-column=profit]').getAttribute('aria-sort')") == "descending"
    assert browser.ask(f"{DEALS}[0].cells[7].textContent") == "3.50"
    browser.ask("document.querySelector('.deals [data-column=profit] button').click()")
    assert browser.ask(f"{DEALS}[0].cells[7].textContent") == "-4.00"
    browser.ask(f"{DEALS}[0].click()")
    browser.move(5, 5)
    assert browser.ask(SPAN) != "2025-01-01 00:00 to 2025-05-01 00:00 UTC"


def test_a_line_can_be_taken_away(browser: Browser, page: Path) -> None:
    browser.open(page)
    before = ink(browser, "equity")
    browser.ask("document.querySelector('[data-line=hold]').click()")
    browser.move(5, 5)
    assert browser.ask("document.querySelector('[data-line=hold]').getAttribute('aria-pressed')") == "false"
    assert ink(browser, "equity") < before


def test_headings_and_names_are_there_for_who_cannot_see(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.ask("document.querySelectorAll('h1').length") == 1
    assert browser.ask("[...document.querySelectorAll('canvas')].every(one => one.getAttribute('aria-label'))")
    assert browser.ask("[...document.querySelectorAll('table')].every(one => one.caption || one.tHead)")
    assert browser.ask("[...document.querySelectorAll('th')].every(one => one.scope)")
    assert browser.ask("[...document.querySelectorAll('button')].every(one => one.textContent.trim())")


def test_a_run_without_fills_opens(browser: Browser, tmp_path: Path) -> None:
    result = make_result(np.full(len(SERIES), 10_000.0), SERIES.length_ms)
    path = tmp_path / "empty.html"
    write_report(path, result, statistics_of(result), {"BTC-USDT": SERIES})
    browser.open(path)
    assert browser.ask("document.documentElement.dataset.state") == "ready"
    assert "No deal was made." in browser.ask("document.querySelector('.deals').textContent")


def test_paper_has_the_colours_of_light(browser: Browser, page: Path) -> None:
    browser.open(page, is_dark=True)
    look = "getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()"
    dark = browser.ask(look)
    browser.ask("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.ask(look) == "#000"
    browser.ask("window.dispatchEvent(new Event('afterprint'))")
    assert browser.ask(look) == dark
