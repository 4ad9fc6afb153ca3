"""The picture of a report for the README: the head of a run's page in headless Chromium, as a small PNG.

    python docs/make_picture.py runs/mandarin_english/report.html [docs/images/report.png]

Needs the extra [test]: playwright, which drives a Chromium that is there.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
PICTURE = Path(__file__).parent / "images" / "report.png"
WIDTH, MOST_HEIGHT, MOST_BYTES = 1080, 860, 150_000
COLOURS = 64
BELOW = "document.querySelector('nav').getBoundingClientRect().top"


def main(page: Path, picture: Path) -> None:
    """Write the picture of a report page.

    Raises:
        SystemExit: the page is not there, or the picture is too large for a README.
    """
    from PIL import Image
    from playwright.sync_api import sync_playwright

    if not page.is_file():
        sys.exit(f"{page}: no such report; give a run's report.html")
    here = (path for name in CHROMIUMS if (path := shutil.which(name)))
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    picture.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=next(here, None), args=["--no-sandbox"] if root else [])
        view = browser.new_page(viewport={"width": WIDTH, "height": MOST_HEIGHT}, color_scheme="light")
        view.goto(page.resolve().as_uri())
        height = min(view.evaluate(BELOW), MOST_HEIGHT)
        view.screenshot(path=picture, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
        browser.close()
    with Image.open(picture) as image:  # a palette makes it a third as large
        image.convert("RGB").quantize(COLOURS).save(picture, optimize=True)
    size = picture.stat().st_size
    if size > MOST_BYTES:
        sys.exit(f"{picture} has {size} bytes, more than {MOST_BYTES}: lower MOST_HEIGHT")
    print(f"{picture}: {size} bytes")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else PICTURE)
