"""The report in a real browser: it plays, switches, sorts and searches, and asks for nothing else.

Needs Chromium and the package playwright (extra `dev`); without them the tests are skipped.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cadenza.audiogram import Audiogram
from cadenza.haaqi import haaqi
from cadenza.report import build, build_pair
from tests.recipes.conftest import SONGS, call, edit_json
from tests.recipes.report_pages import evaluated

playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is missing")

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


class Browser:
    """Opens pages from files and notes what must not happen."""

    def __init__(self, context) -> None:
        self.page = context.pages[0]
        self.troubles: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        context.on("request", self._request)

    def _console(self, message) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(message.text)

    def _request(self, request) -> None:
        if not request.url.startswith(("file:", "data:")):
            self.troubles.append(request.url)

    def open(self, path: Path, *, width: int = 1280):
        self.page.set_viewport_size({"width": width, "height": 800})
        self.page.goto(path.absolute().as_uri())
        return self.page


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> Iterator:
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=CHROMIUM,
            headless=True,
            args=list(FLAGS),
        )
        yield found
        found.close()


@pytest.fixture
def browser(context) -> Iterator[Browser]:
    opened = Browser(context)
    yield opened
    assert opened.troubles == []
    opened.page.remove_listener("console", opened._console)
    context.remove_listener("request", opened._request)


@pytest.fixture(scope="module")
def report(finished_root, tmp_path_factory) -> Path:
    """A comparison, whose `a.html` is the overview of the first run."""
    folder = tmp_path_factory.mktemp("browser")
    shutil.copytree(finished_root, folder / "root")
    for name in ("spectral", "oracle"):
        where = (f"path.root={folder / 'root'}", f"path.exp_folder={folder / name}")
        for script in ("enhance", "evaluate"):
            assert call(f"baseline.{script}", *where, f"separator={name}") == 0
    build(folder / "spectral", folder / "oracle", to=folder / "report", items="worst:2", jobs=1)
    return folder / "report"


@pytest.fixture(scope="module")
def long_pair(tmp_path_factory) -> Path:
    """The page of a pair that is long enough to listen for a while."""
    rng = np.random.default_rng(3)
    time_s = np.arange(6 * 24000) / 24000
    music = 0.2 * np.sin(2 * np.pi * 440 * time_s) + 0.05 * rng.standard_normal(time_s.size)
    ears = {"left ear": Audiogram([20] * 8), "right ear": Audiogram([40] * 8)}
    processed = {"clipped": np.clip(music, -0.15, 0.15), "soft": 0.25 * music}
    scores = {
        name: {
            ear: haaqi(
                music, signal, sample_rate=24000, audiogram=audiogram, equalisation="nalr",
                level_db_spl=85, details=True,
            )
            for ear, audiogram in ears.items()
        }
        for name, signal in processed.items()
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("pair") / "report"
    both = {name: np.stack([signal, signal]) for name, signal in processed.items()}
    return build_pair(
        folder, np.stack([music, music]), both, scores, ears=ears, sample_rate=24000, title="<Pair>"
    )


def playing(page) -> None:
    """Click on play, and wait until the music moves."""
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("cadenzaPlayer.isPlaying() && cadenzaPlayer.position() > 0.1")


def first_item(report: Path) -> Path:
    return sorted((report / "item").glob("*/index.html"))[0]


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("name", ["index.html", "a.html", "b.html", "item"])
def test_every_kind_of_page_opens_and_fits(browser, report, name, width):
    page = browser.open(first_item(report) if name == "item" else report / name, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    unnamed = "[...document.querySelectorAll('button, input')].filter(e => !(e.textContent.trim()"
    unnamed += " || e.getAttribute('aria-label') || e.closest('label'))).length"
    assert page.evaluate(unnamed) == 0, "controls without a label"
    missing = "[...document.images].forEach(i => { i.loading = 'eager'; })"
    page.evaluate(missing)
    page.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth > 0)")


def test_a_click_plays_sound(browser, report):
    page = browser.open(first_item(report))
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("cadenzaPlayer.position() > 0.1")
    peaks = page.evaluate("cadenzaPlayer.peaks()")
    assert set(peaks) >= {"mixture", "reference", "enhanced_by_spectral", "enhanced_by_oracle"}
    assert min(peaks.values()) > 0.01, "nothing is silent"


def test_switching_keeps_the_place_and_lets_one_signal_through(browser, long_pair):
    page = browser.open(long_pair)
    playing(page)
    measured = page.evaluate(
        """async () => {
          const wait = (s) => new Promise((done) => setTimeout(done, 1000 * s));
          const jumps = [];
          for (const name of ["reference", "clipped", "soft", "reference"]) {
            const before = cadenzaPlayer.position();
            document.querySelector(`[data-sound=${name}]`).click();
            jumps.push(Math.abs(cadenzaPlayer.position() - before));
            await wait(0.1);
            const levels = cadenzaPlayer.levels();
            const heard = Object.keys(levels).filter((key) => levels[key] > 0.01);
            if (heard.join() !== name) throw new Error(`${heard} instead of ${name}`);
          }
          return jumps;
        }"""
    )
    assert max(measured) < 0.02
    assert page.evaluate("cadenzaPlayer.isPlaying()")


def test_the_signals_stay_in_step(browser, long_pair):
    """Where two signals are the same music, what is heard goes on without a jump."""
    page = browser.open(long_pair)
    playing(page)
    start, clock = page.evaluate("[cadenzaPlayer.position(), performance.now()]")
    for digit in "1231":
        page.keyboard.press(digit)
        page.wait_for_timeout(100)
    end, later = page.evaluate("[cadenzaPlayer.position(), performance.now()]")
    assert end - start == pytest.approx((later - clock) / 1000, abs=0.1)


def test_keys_play_move_and_choose(browser, long_pair):
    page = browser.open(long_pair)
    page.keyboard.press("ArrowRight")
    assert page.evaluate("cadenzaPlayer.position()") == pytest.approx(1)
    page.keyboard.press("1")
    assert page.evaluate("cadenzaPlayer.current()") == "reference"
    page.keyboard.press(" ")
    page.wait_for_function("cadenzaPlayer.position() > 1.1")
    page.keyboard.press(" ")
    assert not page.evaluate("cadenzaPlayer.isPlaying()")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("cadenzaPlayer.position()") < 1


def test_a_marked_part_is_played_again_and_again(browser, long_pair):
    page = browser.open(long_pair)
    plane = page.locator(".plane").first
    plane.scroll_into_view_if_needed()
    box = plane.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.55, y, steps=4)
    page.mouse.up()
    assert "Loop: 3.0" in page.locator("#loop-shown").inner_text()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("cadenzaPlayer.isPlaying()")
    page.wait_for_timeout(900)
    seen = [page.evaluate("cadenzaPlayer.position()") for _ in range(8)]
    assert 2.9 < min(seen) <= max(seen) < 3.4
    page.get_by_role("button", name="No loop").click()
    page.wait_for_function("cadenzaPlayer.position() > 3.4")


def test_signals_can_be_brought_to_one_loudness(browser, long_pair):
    page = browser.open(long_pair)
    button = page.get_by_role("button", name="Same loudness")
    assert "soft 0 dB" in button.inner_text(), "the softest one stays"
    playing(page)
    page.keyboard.press("1")
    button.click()
    page.wait_for_function("cadenzaPlayer.levels().reference < 0.5")
    assert button.get_attribute("aria-pressed") == "true"
    assert page.evaluate("cadenzaPlayer.levels().reference") == pytest.approx(0.25, abs=0.02)


def test_stems_join_at_the_same_place(browser, report):
    page = browser.open(first_item(report))
    page.locator("details.stems summary").click()
    page.get_by_role("button", name="vocals, true").click()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("(cadenzaPlayer.levels().vocals_true || 0) > 0.9")
    assert page.evaluate("cadenzaPlayer.peaks().vocals_true") > 0.001


def column(page, number: int) -> list[str]:
    rows = "[...document.querySelectorAll('table.data tbody tr')].filter(r => !r.hidden)"
    return page.evaluate(f"{rows}.map(r => r.cells[{number}].textContent)")


def test_the_table_sorts(browser, report):
    page = browser.open(report / "a.html")
    scores = column(page, 1)
    assert scores == sorted(scores, key=float), "the worst first"
    page.get_by_role("button", name="HAAQI").click()
    assert column(page, 1) == scores[::-1]
    page.get_by_role("button", name="item", exact=False).first.click()
    assert column(page, 0) == sorted(column(page, 0))


def test_the_table_is_searched(browser, report):
    page = browser.open(report / "a.html")
    everything = column(page, 0)
    page.get_by_label("Search").fill(everything[0].lower())
    assert column(page, 0) == [everything[0]]
    assert page.locator(".count").inner_text() == f"1 of {len(everything)} items"
    page.get_by_label("Search").fill("no such thing")
    assert column(page, 0) == []
    page.get_by_label("Search").fill("")
    assert column(page, 0) == everything


def test_a_click_on_a_point_or_row_opens_its_item(browser, report):
    page = browser.open(report / "index.html")
    page.locator("use[data-i]").last.click()
    page.wait_for_url("**/item/*/index.html")
    page = browser.open(report / "a.html")
    page.locator("tr[data-href] td.num").first.click()
    page.wait_for_url("**/item/*/index.html")
    page.get_by_role("link", name="Overview").click()
    page.wait_for_url("**/report/index.html")


ODD_SONG = "<img src=x onerror=hacked=1><script>hacked=1</script>'\"&"
ODD_LISTENER = "'\"><svg onload=hacked=1>"


def renamed(content):
    """Keys and texts of a JSON file with odd names of songs and listeners; paths stay."""
    if isinstance(content, dict):
        return {renamed(key): renamed(value) for key, value in content.items()}
    if isinstance(content, list):
        return [renamed(value) for value in content]
    if isinstance(content, str) and "/" not in content:
        return content.replace(SONGS[0], ODD_SONG).replace("L0001", ODD_LISTENER)
    return content


@pytest.mark.slow
def test_names_are_shown_and_do_nothing(browser, finished_root, tmp_path):
    """The browser also notes any request and any error on the console."""
    root = tmp_path / "root"
    shutil.copytree(finished_root, root)
    for name in ("at_mic_music", "scenes", "scene_listeners", "listeners"):
        edit_json(root / "metadata" / f"{name}.train.json", renamed)
    build(evaluated(root, "exp", "oracle"), to=tmp_path / "report", jobs=1)
    pages = sorted((tmp_path / "report").rglob("index.html"))
    assert len(pages) > 1
    shown = ""
    for path in pages:
        page = browser.open(path)
        page.wait_for_timeout(100)  # for what would be loaded
        assert page.evaluate("typeof hacked") == "undefined", path
        shown += page.inner_text("body")
    assert ODD_SONG in shown
    assert ODD_LISTENER in shown
