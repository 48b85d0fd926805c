"""Make the pictures of the README from the report of the demo.

Run `make demo`, then `.venv/bin/python docs/images/make_images.py`. It needs Chromium, and the
packages playwright and Pillow (extra `dev`).
"""

from __future__ import annotations

import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
REPORT = HERE.parents[1] / "demo" / "report" / "cad_icassp_2024"
WIDTH = 1280
MOST_BYTES = 200_000


def save(screenshot: bytes, path: Path) -> None:
    """Write a screenshot with 256 colours, which is enough for a page and makes it small."""
    picture = Image.open(io.BytesIO(screenshot)).convert("RGB")
    picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )
    if path.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{path}: larger than {MOST_BYTES} bytes")


def main() -> None:
    """Photograph the overview of a run, and the page of its worst item that has one."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(color_scheme="light", reduced_motion="reduce")
        page.set_viewport_size({"width": WIDTH, "height": 1650})
        page.goto((REPORT / "a.html").as_uri())
        save(page.screenshot(), HERE / "report_overview.png")
        page.locator("tr[data-href] td.num").first.click()
        page.locator("section.bar").wait_for()
        page.evaluate("[...document.images].forEach(i => { i.loading = 'eager'; })")
        page.wait_for_function("[...document.images].every(i => i.complete)")
        page.wait_for_timeout(300)  # for the pictures to be drawn
        save(page.screenshot(), HERE / "report_item.png")
        browser.close()


if __name__ == "__main__":
    main()
