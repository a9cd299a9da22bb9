"""Takes the pictures of the lessons from the real pages: `scripts/pictures [NAME ...]`.

A lesson's picture is the figure of its first widget, small, light and dark. The README's
picture is the whole widget of lesson 1. `CHROMIUM=/path` names another browser.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
LESSONS, PICTURES = ROOT / "lessons", ROOT / "lessons" / "pictures"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
WIDTH, HEIGHT, SCALE = 900, 440, 0.4
"""What is cut out of a page, in pixels, and the scale of the picture."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FIGURE = ".fwd-widget :is(.fwd-figure, .fwd-picture)"
PARTS = {"07": ".fwd-widget"}
"""Where the picture of a lesson begins, by its number, if not at the figure."""
POSES = {
    "08": [("slider", "^Step$", "End")],
    "09": [("button", "^▸ ", "Enter"), ("button", "^run n steps$", "Enter")],
    "10": [("slider", "^Epoch$", "End")],
    "11": [("button", "^run again$", "Enter")] * 4,
    "16": [("slider", "^Step$", "End")],
}
"""What a user does in the first widget before the picture: a role, a name and a key each."""


def take(browser: Browser, url: str, scheme: str, target: Path) -> None:
    """Take one picture of a lesson."""
    page = browser.new_page(
        viewport={"width": WIDTH + 72, "height": 1000},
        color_scheme=scheme,
        device_scale_factor=SCALE,
    )
    open_lesson(page, url)
    number = target.name[:2]
    pose(page, number)
    part = page.locator(PARTS.get(number, FIGURE)).first
    part.evaluate(ALONE)
    box = part.bounding_box()
    assert box is not None, f"{url} shows no figure"
    clip = {"x": box["x"], "y": box["y"], "width": WIDTH, "height": HEIGHT}
    page.screenshot(path=target, clip=clip)
    page.close()


ALONE = """part => {
    let cell = part.closest('[cell-index]');
    while ((cell = cell.nextElementSibling)) cell.style.visibility = 'hidden';
    part.scrollIntoView({ block: 'start' });
}"""
"""Brings a part to the top of the window and hides the cells after it."""


def pose(page: Page, number: str) -> None:
    """Do in the first widget what a user would do, before its picture is taken."""
    widget = page.locator(".fwd-widget").first
    for role, name, key in POSES.get(number, []):
        controls = widget.get_by_role(role, name=re.compile(name)).all()  # type: ignore[arg-type]
        assert controls, f"lesson {number} has no {role} {name}"
        for control in controls:
            control.focus()
            page.keyboard.press(key)
            page.wait_for_timeout(800)  # until it is drawn


def open_lesson(page: Page, url: str) -> None:
    """Open a lesson and wait until its last cell has run and its figure is drawn."""
    page.goto(url)
    page.wait_for_function("() => window.fwdComplete === true", timeout=120_000)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    page.wait_for_selector(".fwd-widget :is(.main-svg, svg)", timeout=120_000)
    page.wait_for_timeout(1500)  # images in a figure have no event


def main(names: list[str]) -> None:
    """Take the pictures of the named lessons, or of all."""
    PICTURES.mkdir(exist_ok=True)
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    command = [sys.executable, "-m", "fwdwidgets.cli", "serve", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = server.stdout.readline().split("at ")[1].split()[0]
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            for lesson in sorted(LESSONS.glob("*.ipynb")):
                if names and lesson.stem not in names:
                    continue
                url = f"{address}voila/render/{lesson.name}"
                take(browser, url, "light", PICTURES / f"{lesson.stem}.png")
                take(browser, url, "dark", PICTURES / f"{lesson.stem}_dark.png")
                print(lesson.stem)
            if not names:
                page = browser.new_page(viewport={"width": 1120, "height": 900})
                open_lesson(page, f"{address}voila/render/01_forward_pass.ipynb")
                page.locator(".fwd-widget").first.screenshot(path=ROOT / "docs/forward_pass.png")
    finally:
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    main(sys.argv[1:])
