"""A real browser for tests of pages: headless Chromium, driven by playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_MS = 60_000  # a machine may be busy with other things
NOT_THERE = "no Chromium: install Debian's `chromium`, or run `playwright install chromium`"


@contextmanager
def chromium_started(*arguments: str) -> Iterator[Any]:
    """A headless Chromium; the test is skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra [test])")
    found = next((path for name in CHROMIUMS if (path := shutil.which(name))), None)
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_api.sync_playwright() as driver:
        try:
            started = driver.chromium.launch(executable_path=found, args=[*sandbox, *arguments])
        except sync_api.Error as error:
            pytest.skip(f"{NOT_THERE} ({str(error).splitlines()[0]})")
        yield started
        started.close()


def expect(part: Any) -> Any:
    """Waits until a part of the page is as is said next."""
    from playwright.sync_api import expect as waiting

    waiting.set_options(timeout=PATIENCE_MS)
    return waiting(part)
