"""What every page that partonic writes must hold in a real browser."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NARROW = 400  # pixels of the smallest screen

CONTRAST = """
() => {
  const rgb = text => { const m = text.match(/rgba?\\(([^)]+)\\)/); if (!m) return null;
    const c = m[1].split(/[ ,/]+/).map(Number); return {c: c.slice(0, 3), a: c.length > 3 ? c[3] : 1}; };
  const linear = x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  const luminance = c => { const l = c.map(x => linear(x / 255));
    return 0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2]; };
  const behind = element => { for (let e = element; e; e = e.parentElement) {
      const b = rgb(getComputedStyle(e).backgroundColor); if (b && b.a === 1) return b.c; } return [255, 255, 255]; };
  const ratio = (a, b) => { const [x, y] = [luminance(a), luminance(b)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05); };
  const low = [];
  for (const e of document.body.querySelectorAll("*")) {
    const style = getComputedStyle(e);
    if (style.visibility === "hidden" || !e.getClientRects().length) continue;
    let colour = null, needed = 4.5;
    if (e instanceof SVGElement) {
      if (e.tagName === "text" || (e.tagName === "use" && /DejaVu|Cmr|STIX/.test(e.getAttribute("href") || "")))
        colour = style.fill;
    } else if ([...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) {
      colour = style.color;
      const size = parseFloat(style.fontSize);
      if (size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700)) needed = 3;
    }
    const found = colour && rgb(colour);
    if (!found) continue;
    const value = ratio(found.c, behind(e));
    if (value < needed) low.push(`${e.tagName} "${(e.textContent || "").trim().slice(0, 30)}": ${value.toFixed(2)}`);
  }
  return [...new Set(low)].slice(0, 5);
}
"""
UNNAMED = """
() => [...document.querySelectorAll("figure, svg, img")].filter(e => {
  const by = e.getAttribute("aria-labelledby");
  const told = e.getAttribute("aria-label") || e.getAttribute("alt")
    || (by && by.split(" ").map(id => document.getElementById(id)?.textContent || "").join(""));
  if (e.tagName === "FIGURE") return !e.querySelector("figcaption")?.textContent.trim();
  if (e.tagName === "svg" && e.getAttribute("role") !== "img") return true;
  return !told || !told.trim();
}).map(e => e.outerHTML.slice(0, 80))
"""
ACTIVE = """
() => [...document.querySelectorAll("*")].flatMap(e => [
  ...(e.tagName.toLowerCase() === "script" ? ["a script"] : []),
  ...[...e.attributes].filter(a => a.name.startsWith("on") || /^\\s*javascript:/i.test(a.value))
    .map(a => `${e.tagName} ${a.name}`)])
"""
TWICE = """
() => { const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  return [...new Set(ids.filter((id, i) => ids.indexOf(id) !== i))]; }
"""
LINKS = '() => [...document.querySelectorAll("a[href]")].map(a => a.getAttribute("href"))'
UNNAMED_LINKS = """
() => [...document.querySelectorAll("a[href]")].filter(a => !(a.getAttribute("aria-label") || a.textContent).trim())
  .map(a => a.outerHTML)
"""


def find_browser() -> str:
    """Path of a Chromium; without one the test is skipped, or fails where ``PARTONIC_REQUIRE_BROWSER=1`` is set."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        reason = f"no browser: none of {', '.join(NAMES)} is on the PATH"
        if os.environ.get("PARTONIC_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextmanager
def open_browser() -> Iterator:
    """A headless Chromium of the system, driven by playwright."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = find_browser()
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


def problems_of(browser, path: Path) -> list[str]:
    """Everything that is wrong with a page, in words; empty for a good one."""
    path = Path(path).resolve()
    found: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page.on("console", lambda message: found.append(f"console: {message.text}") if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (found.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: found.extend(_foreign(request.url, path)))
    page.goto(path.as_uri(), wait_until="load")
    found += [f"no text alternative: {element}" for element in page.evaluate(UNNAMED)]
    found += [f"active content: {thing}" for thing in page.evaluate(ACTIVE)]
    found += [f"identifier used twice: {name}" for name in page.evaluate(TWICE)]
    found += [f"link without a name: {link}" for link in page.evaluate(UNNAMED_LINKS)]
    for link in page.evaluate(LINKS):
        found += _broken(page, link, path)
    for media, scheme in (("screen", "light"), ("screen", "dark"), ("print", "dark")):
        page.emulate_media(media=media, color_scheme=scheme)
        found += [f"contrast, {media} {scheme}: {told}" for told in page.evaluate(CONTRAST)]
    page.emulate_media(media="screen", color_scheme="light")
    for width in (NARROW, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        wide, view = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        if wide > view:
            found.append(f"scrolls sideways: {wide} pixels of content on a screen of {view}")
    page.close()
    return found


def check_page(browser, path: Path) -> None:
    """Fail with the list of everything that is wrong with a page."""
    found = problems_of(browser, path)
    assert not found, f"{path}:\n" + "\n".join(found)


def _foreign(url: str, page: Path) -> list[str]:
    """A page may load itself and what it carries inside, nothing else."""
    if url.startswith("data:") or url == page.as_uri():
        return []
    return [f"request: {url}"]


def _broken(page, link: str, path: Path) -> list[str]:
    parts = urlsplit(link)
    if parts.scheme == "https":
        return []
    if parts.scheme or parts.netloc:
        return [f"link of a kind that a page must not have: {link}"]
    target = path.parent / unquote(parts.path) if parts.path else path
    if not target.is_file():
        return [f"link to a file that is not there: {link}"]
    if not parts.path and not page.evaluate("id => !!document.getElementById(id)", unquote(parts.fragment)):
        return [f"link to an anchor that is not there: {link}"]
    return []
