"""Pages of runs in a real browser."""

import pytest
import report_samples

from partonic.core.estimate import Estimate
from partonic.report.compare import compare, write_comparison
from partonic.report.page import rebuild, write_page


@pytest.mark.slow
def test_page_of_a_study(tmp_path, check_page):
    check_page(write_page(*report_samples.realistic_run(tmp_path / "run-1")))


def test_page_full_of_hostile_names_there_and_elsewhere(tmp_path, check_page):
    page = write_page(*report_samples.nasty_run(tmp_path / "run-1"))
    check_page(page)
    page.unlink()
    moved = page.parent.rename(tmp_path / "a new place (ü)")
    check_page(rebuild(moved))


def test_page_that_compares_runs(tmp_path, check_page):
    runs = []
    for i, name in enumerate(("<b>first</b>", report_samples.NASTY[1].replace("/", ""))):
        run = report_samples.new_run(tmp_path / name.replace("/", "_"), report_samples.NASTY[0], {"jets<i>": i}, "x")
        run.summary = {word: Estimate.symmetric(0.5 + i, 0.1, word, word) for word in report_samples.NASTY}
        runs.append(run)
    check_page(write_comparison(compare(runs), tmp_path / "compare.html"))


BROKEN = {
    "console": '<img src="https://example.org/x.png" alt="x">',
    "request": '<img src="other.png" alt="x">',
    "no text alternative": '<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>',
    "active content": '<p onclick="1">text</p>',
    "identifier used twice": '<p id="a">text</p><p id="a">text</p>',
    "link to a file that is not there": '<a href="tables/none.csv">csv</a>',
    "link to an anchor that is not there": '<a href="#none">there</a>',
    "link without a name": '<a href="https://example.org"></a>',
    "contrast, screen light": '<p style="color: #bbb">text</p>',
    "contrast, screen dark": '<p style="color: #222">text</p>',
    "scrolls sideways": '<p style="width: 500px">text</p>',
}
STYLE = "@media screen and (prefers-color-scheme: dark) { body { background: #111; color: #eee } a { color: #9cf } }"


HEAD = f"<!doctype html><title>t</title><meta name=viewport content='width=device-width'><style>{STYLE}</style>"
POLICY = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'\">"


def test_the_check_passes_a_good_page(tmp_path, problems_of):
    page = tmp_path / "page.html"
    page.write_text(POLICY + HEAD + '<p id="a">good <a href="#a">text</a></p>')
    assert problems_of(page) == []


@pytest.mark.parametrize("problem", BROKEN)
def test_the_check_sees_what_is_wrong(problem, tmp_path, problems_of):
    page = tmp_path / "page.html"
    page.write_text((POLICY if problem == "console" else "") + HEAD + BROKEN[problem])
    assert any(found.startswith(problem) for found in problems_of(page))
