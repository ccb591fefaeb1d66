"""Take the README's picture of the demo page: ``make demo``, then ``make picture``.

Needs Chromium or Chrome on the PATH. The picture is cut to the page's first screens and reduced
to a palette, so that it stays under 300 kB.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "demo" / "index.html"
WIDTH, HEIGHT = 1280, 2540
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
)


def main() -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
    if browser is None or not PAGE.is_file():
        sys.exit("a picture needs Chromium on the PATH and demo/index.html; run `make demo` first")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        options = [f"--user-data-dir={folder}/profile", f"--screenshot={shot}"]
        size = f"--window-size={WIDTH},{HEIGHT}"
        command = [browser, *QUIET, *options, size, "--virtual-time-budget=3000", PAGE.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        picture = Image.open(shot).convert("RGB")
    target = Path(__file__).with_name("demo.png")
    picture.quantize(128, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
