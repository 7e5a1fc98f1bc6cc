"""How long people wait on the page: photo shown, mask there, thumb repaired, and frames while they paint.

    python -m benchmarks.web

A server of its own with the shipped graphs, a real Chromium, and a photo of 12 megapixels, `--rounds` times. All times
are taken in the browser, from the drop or the click to the frame that shows it. The machine should do nothing else.
Needs `requirements-dev.txt` and Debian's chromium.
"""

import argparse
import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import cv2

from utils.flags import EXIT_FAILED, EXIT_USAGE, positive_int
from utils.images import read_image
from utils.options import PROVIDERS
from utils.report import format_table

ROOT = Path(__file__).resolve().parents[1]
UPLOAD_SIDES = 4000, 3000  # pixels, longer and shorter: 12 megapixels
UPLOAD_QUALITY = 92
# Milliseconds that each may take on two cores: what people wait for without wondering.
LIMITS = {"photo shown": 1500, "mask there": 3000, "thumb repaired": 1500, "longest frame while painting": 50}
STROKE_STEPS = 120  # of the mouse, in one stroke
WAIT_MS = 60_000

# Runs in the page. `until` is asked in every frame, so what it tells is on the screen in the next one.
HELPERS = """
window.until = (met) => new Promise((resolve, reject) => {
  const begun = performance.now();
  const look = () => {
    if (met()) requestAnimationFrame(resolve);
    else if (performance.now() - begun > 60000) reject(new Error("it never came"));
    else requestAnimationFrame(look);
  };
  look();
});
window.hasPhoto = () => {
  const canvas = document.getElementById("layer-photo");
  return canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data[3] > 0;
};
"""
OPEN = """async ([data, name]) => {
  const file = new File([Uint8Array.from(atob(data), c => c.charCodeAt(0))], name, { type: "image/jpeg" });
  const dropped = new DataTransfer();
  dropped.items.add(file);
  const start = performance.now();
  document.getElementById("stage").dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, bubbles: true }));
  await until(hasPhoto);
  const shown = performance.now() - start;
  await until(() => document.querySelector("#badges button") && document.getElementById("busy").hidden);
  return { "photo shown": shown, "mask there": performance.now() - start };
}"""
REPAIR = """async () => {
  const start = performance.now();
  document.getElementById("repair").click();
  await until(() => document.getElementById("mode-compare").ariaPressed === "true");
  const time = performance.now() - start;
  await until(() => document.getElementById("busy").hidden);
  return time;
}"""
COUNT_FRAMES = """() => {
  window.gaps = [];
  let last = performance.now();
  const tick = (now) => {
    if (!window.gaps) return;
    gaps.push(now - last);
    last = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}"""


def build_parser() -> argparse.ArgumentParser:
    """The flags of this benchmark."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--photo", default="test_img/test4.jpg", help="enlarged to 12 megapixels (default %(default)s)")
    parser.add_argument("--rounds", type=positive_int, default=5, help="how often (default %(default)s)")
    parser.add_argument("--provider", choices=PROVIDERS, default="auto", help="as of predict_web.py")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run it; returns the exit status: 1 where a median is over its limit."""
    args = build_parser().parse_args(argv)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        print("needs chromium (apt-get install chromium) and playwright (requirements-dev.txt)", file=sys.stderr)
        return EXIT_USAGE
    data = photo_of_12_megapixels(Path(args.photo))
    with serving(args.provider) as address, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        one_round(browser, address, data)  # the networks' first run is slower
        rounds = [one_round(browser, address, data) for _ in range(args.rounds)]
        browser.close()
    rows: list[dict[str, str | float]] = []
    for what, limit in LIMITS.items():
        times = [times[what] for times in rounds]
        verdict = "well" if median(times) <= limit else "TOO SLOW"
        rows.append(
            {"what": what, "limit_ms": limit, "median_ms": median(times), "worst_ms": max(times), "is": verdict}
        )
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end, {len(rounds)} rounds")
    print(format_table(rows))
    return EXIT_FAILED if any(row["is"] != "well" for row in rows) else 0


def photo_of_12_megapixels(path: Path) -> bytes:
    """A photo enlarged to `UPLOAD_SIDES`, as a JPEG file."""
    image = read_image(path)
    height, width = UPLOAD_SIDES if image.shape[0] >= image.shape[1] else UPLOAD_SIDES[::-1]
    enlarged = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", enlarged, [cv2.IMWRITE_JPEG_QUALITY, UPLOAD_QUALITY])[1].tobytes()


@contextmanager
def serving(provider: str) -> Iterator[str]:
    """A server of its own; gives the address that it printed."""
    command = [sys.executable, str(ROOT / "predict_web.py"), "--port", "0", "--provider", provider]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, env=environment)
        assert process.stdout is not None
        try:
            said = ""
            while not (address := re.search(r"http://\S+", said)):
                line = process.stdout.readline()
                if not line:
                    raise SystemExit(f"the server ended: {said}")
                said += line
            yield address[0]
        finally:
            process.terminate()
            process.wait()


def one_round(browser: Any, address: str, data: bytes) -> dict[str, float]:
    """Milliseconds of each step with one photo on a page of its own."""
    tab = browser.new_page(viewport={"width": 1280, "height": 800})
    tab.set_default_timeout(WAIT_MS)
    tab.goto(address)
    tab.wait_for_load_state("networkidle")
    tab.evaluate(HELPERS)
    times: dict[str, float] = tab.evaluate(OPEN, [base64.b64encode(data).decode(), "page.jpg"])
    times["thumb repaired"] = tab.evaluate(REPAIR)
    tab.locator("#mode-mask").click()
    box = tab.locator("#stage").bounding_box()
    left, top = box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"]
    tab.mouse.move(left, top)
    tab.evaluate(COUNT_FRAMES)
    tab.mouse.down()
    for step in range(STROKE_STEPS):
        tab.mouse.move(left + 3 * (step % 90), top + step)
    gaps = tab.evaluate("() => { const gaps = window.gaps; window.gaps = null; return gaps }")
    tab.mouse.up()
    times["longest frame while painting"] = max(gaps[1:])
    tab.close()
    return times


if __name__ == "__main__":
    sys.exit(main())
