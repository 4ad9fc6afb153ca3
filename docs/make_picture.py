"""The picture of a report for the README: the head of a run's page in headless Chromium, as a small PNG.

    python docs/make_picture.py runs/mandarin_english/report.html [docs/images/report.png]

Needs the extra [test] (playwright, which drives a Chromium that is there).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

WIDTH, MOST_HEIGHT, MOST_BYTES = 1080, 860, 150_000


def main(page: Path, picture: Path) -> None:
    """Write the picture of a report page.

    Raises:
        SystemExit: the page is not there, or the picture is too large for a README.
    """
    from playwright.sync_api import sync_playwright

    if not page.is_file():
        sys.exit(f"{page}: no such report; give a run's report.html")
    browser_path = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": WIDTH, "height": MOST_HEIGHT}, color_scheme="light")
        view.goto(page.resolve().as_uri())
        bottom = view.evaluate("document.querySelector('nav').getBoundingClientRect().bottom")
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": min(bottom, MOST_HEIGHT)}
        picture.parent.mkdir(parents=True, exist_ok=True)
        view.screenshot(path=picture, clip=clip)
        browser.close()
    size = _with_fewer_colours(picture)
    if size > MOST_BYTES:
        sys.exit(f"{picture} has {size} bytes, more than {MOST_BYTES}: lower MOST_HEIGHT")
    print(f"{picture}: {size} bytes")


def _with_fewer_colours(picture: Path) -> int:
    """Store it with a palette, where Pillow is there (it comes with matplotlib); returns its bytes."""
    from PIL import Image

    with Image.open(picture) as image:
        image.convert("RGB").quantize(64).save(picture, optimize=True)
    return picture.stat().st_size


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(
        Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) == 3 else Path(__file__).parent / "images" / "report.png")
    )
