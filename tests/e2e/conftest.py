"""Debian's Chromium, without anything that reaches for the network by itself."""

import os
import shutil
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
OPTIONS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for one module; the tests are skipped where there is none, unless STAITHE_TEST_BROWSER asks for it."""
    if CHROMIUM is None:
        if os.environ.get("STAITHE_TEST_BROWSER"):
            raise AssertionError("STAITHE_TEST_BROWSER is set and there is no Chromium")
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        yield launched
        launched.close()
