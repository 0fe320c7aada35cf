import json
import re

import pytest
import report_samples

from partonic.core.errors import FileError, UnknownNameError
from partonic.core.estimate import Estimate
from partonic.core.result import Figure, Result
from partonic.report.page import Section, rebuild, write_page
from partonic.report.tables import title_of

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 360 200"><path d="M 0 0"/></svg>'


@pytest.fixture
def run(tmp_path):
    """A finished run with one figure and two tables."""
    result = report_samples.new_run(
        tmp_path / "run-1", "top-tagging", {"jets": 400, "fit": {"epochs": None}}, "partonic run <x>"
    )
    for ending in ("svg", "png"):
        result.figure_path("roc", ending).write_text(SVG)
    result.figures["roc"] = Figure("roc", "ROC curves, arXiv:1902.09914 <x>.", "They fall.")
    few = Estimate(811, 650, 1040, "binomial", "rests on 11 background jets")
    result.add_table("taggers", "Taggers.", [
        {"model": "pfn", "R30": few, "jets_per_second": 12345},
        {"model": "LorentzNet", "R30": Estimate.symmetric(2195, 173, "seeds"), "source": "arXiv:2201.08187"},
    ])  # fmt: skip
    result.add_table("other", "Another.", [{"a": 1}])
    result.summary = {"auc_pfn": Estimate.symmetric(0.98, 0.001, "bootstrap")}
    result.status = "done"
    return result


SECTIONS = [Section("How well", "First.\n\nSecond, arXiv:1810.05165.", ("roc",), ("taggers",))]


def test_the_page_holds_everything(run):
    run.facts |= {"warnings": ["Few jets."], "data": {"test": 1200}, "timings": {"training": "4 min"}}
    run.facts |= {"started": "2026-03-02T14:02:11+0000", "finished": "2026-03-02T14:09:40+0000"}
    text = write_page(run, SECTIONS).read_text()
    for part in (
        "Top tagging", ">done<", "2 March 2026, 14:02 UTC", "took 7 min", "Few jets.", "auc pfn", "0.9800 ± 0.0010",
        "<p>First.</p>", "arxiv.org/abs/1810.05165", "They fall.",
        'arxiv.org/abs/1902.09914">arXiv:1902.09914</a> &lt;x', 'href="figures/roc.png"',
        'href="tables/taggers.csv"', 'href="tables/taggers.json"', "rests on 11 background jets", "12,345",
        "jets per second", "partonic run &lt;x&gt;", "fit.epochs", "1,200", "4 min", "@software{partonic",
    ):  # fmt: skip
        assert part in text, part
    assert 'href="figures/roc.pdf"' not in text  # it was not written
    assert "R30: binomial" in text


def test_published_rows_stand_apart(run):
    text = write_page(run, SECTIONS).read_text()
    own, published = text.split('<tbody class="references">')
    assert "LorentzNet" not in own
    assert "LorentzNet" in published
    assert "pfn" in own


def test_what_no_section_shows_comes_last(run):
    text = write_page(run, SECTIONS).read_text()
    assert text.index("Further results") < text.index("Another.")
    assert "Further results" not in write_page(run, [*SECTIONS, Section("Rest", tables=("other",))]).read_text()


def test_rebuilding_gives_the_same_page_from_the_directory_alone(run, tmp_path):
    page = write_page(run, SECTIONS)
    before = page.read_text()
    page.unlink()
    assert rebuild(run.path).read_text() == before
    assert json.loads((run.path / "result.json").read_text())["facts"]["sections"][0]["figures"] == ["roc"]


def test_a_run_without_sections_shows_all_it_has(run):
    run.save()
    text = rebuild(run.path).read_text()
    assert "Results</a>" in text
    assert "ROC curves, " in text
    assert "Taggers." in text


def test_a_missing_figure_is_named_on_the_page(run):
    write_page(run, SECTIONS)
    run.figure_path("roc", "svg").unlink()
    assert "This figure cannot be shown: cannot read" in rebuild(run.path).read_text()


def test_sections_must_name_what_there_is(run):
    with pytest.raises(UnknownNameError, match="figure in the section 'How': 'rok'; did you mean 'roc'"):
        write_page(run, [Section("How", figures=("rok",))])
    with pytest.raises(UnknownNameError, match="table in the section 'How': 'tagers'; did you mean 'taggers'"):
        write_page(run, [Section("How", tables=("tagers",))])


def test_sections_that_a_stranger_broke(run):
    write_page(run, SECTIONS)
    file = run.path / "result.json"
    file.write_text(file.read_text().replace('"title": "How well"', '"heading": "How well"'))
    with pytest.raises(FileError, match=r"sections in .*result.json cannot be read"):
        rebuild(run.path)


def test_hostile_names_are_escaped(tmp_path):
    result = report_samples.new_run(tmp_path / "r", report_samples.NASTY[0], {report_samples.NASTY[0]: "<i>"}, "<b>")
    result.add_table("t", "<i>", [{report_samples.NASTY[0]: name, "<i>": 1} for name in report_samples.NASTY])
    result.summary = dict.fromkeys(report_samples.NASTY, 1)
    result.facts = {"title": "<script>", "abstract": "<i>", "citations": ["<i>"], "versions": {"<i>": "<i>"}}
    text = write_page(result, [Section(name, name, (), ("t",)) for name in report_samples.NASTY]).read_text()
    assert "<script" not in text
    assert "<i>" not in text
    assert not re.search(r"<[^>]+ onmouseover=", text)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{ 7 * 7 }}" in text


def test_the_page_allows_nothing_active_and_prints_light(run):
    text = write_page(run, SECTIONS).read_text()
    assert "default-src 'none'" in text
    assert "<script" not in text
    assert "@media screen and (prefers-color-scheme: dark)" in text
    assert not re.search(
        r'(src|href)="(?!https://(arxiv|doi)\.org|figures/|tables/|#|data:,|config\.yaml|result\.json)', text
    )


def test_the_time_of_a_real_run_is_recorded(tmp_path):
    class Options:
        """No options."""

    from dataclasses import dataclass

    result = Result.create(tmp_path / "run", "x", dataclass(Options)(), "partonic run x")
    result.close("done")
    text = rebuild(result.path).read_text()
    assert "started" in text
    assert "took 0 s" in text or "took 1 s" in text


@pytest.mark.parametrize(
    ("key", "shown"),
    [("jets_per_second", "jets per second"), ("error of f_WW", "error of f_WW"), ("m_W_reco", "m W reco")],
)
def test_keys_are_shown_as_words_and_symbols_as_they_are(key, shown):
    assert title_of(key) == shown
