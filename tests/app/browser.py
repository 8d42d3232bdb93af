"""A server of its own process, and Debian's Chromium that looks at it."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).parents[2]
_CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextlib.contextmanager
def served(port=0, **options):
    """Runs a server; gives `(process, address, address for raters)`."""
    code = (
        "from keras_synth import app\n"
        "def ready(served):\n"
        "    print(served.address, served.rating, flush=True)\n"
        f"app.serve(port={port}, no_browser=True, on_ready=ready, "
        f"**{options!r})\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        line = process.stdout.readline().split()
        assert line, "the server did not start"
        yield process, *line
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def opened_browser(**options):
    """A context of Chromium; skips where it is missing.

    Args:
        **options: Options of Playwright's context, such as `viewport`.
    """
    api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed"
    )
    if not os.path.exists(_CHROMIUM):
        pytest.skip("Chromium is missing: apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_CHROMIUM, args=list(_OPTIONS)
        )
        context = browser.new_context(locale="en-US", **options)
        context.set_default_timeout(180_000)
        yield context
        browser.close()


def wait_until(condition, seconds=90.0):
    """Waits until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)
