import matplotlib as mpl
import numpy as np
import pytest
import report_samples

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.report import plots, plots_jets
from partonic.report.palette import SERIES
from partonic.report.style import RC, canvas, histogram, plain, save_figure


@pytest.fixture(scope="module")
def jets():
    return report_samples.make_jets(2000)


@pytest.fixture(scope="module")
def figures(jets):
    return report_samples.draw_figures(jets)


def test_every_axis_has_a_label_and_every_figure_the_common_look(figures):
    for name, figure in figures.items():
        labelled = [ax for ax in figure.axes if ax.get_xlabel() or ax.get_ylabel()]
        assert labelled, name
        for ax in figure.axes:
            assert ax.xaxis.get_ticks_position() in ("both", "unknown", "bottom", "top", "default"), name
            for text in (ax.xaxis.label, ax.yaxis.label, ax.title, ax._left_title):
                assert mpl.colors.to_hex(text.get_color()) == RC["text.color"], name


def shown_texts(figure):
    """Axis labels, titles and the labels of the ticks that are in view, with their boxes."""
    texts = []
    for ax in figure.axes:
        texts += [ax.xaxis.label, ax.yaxis.label, ax.title, ax._left_title]
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text.get_visible()]
    return [(text, box.shrunk(0.9, 0.7)) for text, box in boxes if text and box.width]


def test_no_labels_overlap(figures):
    for name, figure in figures.items():
        figure.draw_without_rendering()
        texts = shown_texts(figure)
        assert len(texts) > 8, name
        for i, (text, box) in enumerate(texts):
            for other, its in texts[i + 1 :]:
                assert not box.overlaps(its), f"{name}: {text} and {other}"


def test_roc_draws_what_it_is_given():
    x = np.linspace(0.01, 1, 2000)
    curve = plots.Curve("pfn", x, 1 / x**3, 0.8 / x**3, 1.2 / x**3, 0.9 / x**3, 1.1 / x**3, note="AUC 0.9")
    truth = plots.Curve("exact", x, 2 / x**3)
    ax = plots.roc([curve], truth=truth, signal="top").axes[0]
    line, best = (next(one for one in ax.lines if one.get_label().startswith(name)) for name in ("pfn", "exact"))
    assert line.get_label() == "pfn  AUC 0.9"
    assert len(line.get_xdata()) <= plots.POINTS
    np.testing.assert_allclose(line.get_ydata(), np.asarray(line.get_xdata()) ** -3.0)
    np.testing.assert_allclose(best.get_ydata(), 2 * np.asarray(best.get_xdata()) ** -3.0)
    assert ax.get_yscale() == "log"
    assert [text.get_text() for text in ax.get_legend().get_texts()][-2:] == ["statistical, 68 %", "seeds, 16 to 84 %"]
    assert len(ax.collections) == 2  # the two bands


def test_roc_leaves_out_where_nothing_passes():
    curve = plots.Curve("pfn", np.array([0.1, 0.2, 0.3, 1.0]), np.array([np.inf, np.nan, 50.0, 1.0]))
    line = plots.roc([curve]).axes[0].lines[0]
    assert list(line.get_xdata()) == [0.3, 1.0]


def test_score_histograms_are_densities_with_errors():
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.5, 2, 5000)
    edges = np.linspace(0, 1, 11)
    density, error = histogram(rng.random(5000), weights, edges)
    assert (density * 0.1).sum() == pytest.approx(1)
    assert density == pytest.approx(np.ones(10), abs=5 * error.max())
    assert error == pytest.approx(np.sqrt(density * 0.1 * 5000 * 1.12) / 5000 / 0.1, rel=0.05)  # <w^2>/<w>^2
    none, _ = histogram(np.zeros(0), None, edges)
    assert not none.any()


def test_reliability_shows_difference_and_error(jets):
    found = report_samples.reliability_of(jets.scores["pfn"], jets.labels)
    curve = plots.Reliability("pfn", **vars(found), error=Estimate.symmetric(0.0061, 0.0012, "bootstrap"))
    figure = plots.calibration([curve])
    _, below = figure.axes
    assert "pfn  ECE 0.0061 ± 0.0012" in [t.get_text() for t in figure.legends[0].get_texts()]
    np.testing.assert_allclose(below.containers[0].lines[0].get_ydata(), found.observed - found.predicted)


def test_importance_is_sorted_and_cut():
    values = {f"f{i}": Estimate.symmetric(i / 100, 0.001, "x") for i in range(20)}
    values["none"] = Estimate(np.nan, np.nan, np.nan, "x")
    ax = plots.importance(values, "AUC lost", most=5).axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["f19", "f18", "f17", "f16", "f15"]
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.19, 0.18, 0.17, 0.16, 0.15])


def test_history_marks_the_epoch_that_was_kept():
    ax = plots.history([plots.Training("cnn", [3, 2, 1, 0.5], [3.0, 2.5, 2.4, 2.6], 3)]).axes[0]
    assert any(list(line.get_xdata()) == [3] and list(line.get_ydata()) == [2.4] for line in ax.lines)


def test_a_model_keeps_its_colour_in_figures_that_not_all_models_are_in():
    training = plots.Training("pfn", [3, 2], [3, 2], 1)
    models = ("trees", "cnn", "pfn")
    colours = {line.get_color() for line in plots.history([training], models=models).axes[0].lines}
    importance = plots.importance({"a": Estimate.symmetric(1, 0.1, "x")}, "loss", model=2)
    colours.add(importance.axes[0].containers[-1].lines[0].get_color())
    assert colours == {SERIES[2]}


def test_open_errors_are_left_out():
    values = {"a": Estimate(0.9, 0.8, 1.0, "x"), "b": Estimate(0.8, -np.inf, 1.0, "x")}
    ax = plots.importance(values, "loss").axes[0]
    segments = ax.containers[-1].lines[2][0].get_segments()
    assert [s[0][0] for s in segments] == pytest.approx([0.8, 0.8])


def test_images_share_one_scale():
    images = {"QCD": np.eye(4) * 0.5, "top": np.full((4, 4), 0.001)}
    figure = plots_jets.jet_images(images, 0.8)
    shown = [image for ax in figure.axes for image in ax.images]
    assert len(shown) == 2
    assert {image.norm.vmax for image in shown} == {0.5}
    assert shown[0].get_array().mask.sum() == 12


def test_mass_before_and_after_the_cut(jets):
    mass = jets.mass[jets.labels == 0]
    figure = plots_jets.mass_sculpting(mass, {"cut": mass > 100, "all": np.ones(len(mass), bool)})
    _, below = figure.axes
    ratios = below.containers[1].lines[0].get_ydata()
    assert ratios == pytest.approx(np.ones(len(ratios)))
    assert below.containers[0].lines[0].get_xdata().min() > 80
    assert [t.get_text() for t in figure.legends[0].get_texts()] == [
        "all QCD jets",
        f"passes cut ({(mass > 100).sum()} jets)",
        f"passes all ({len(mass):,} jets)",
    ]


def test_every_figure_says_what_is_wrong_with_its_input():
    curve = plots.Curve("x", np.zeros(3), np.zeros(2))
    for draw in (
        lambda: plots.roc([]),
        lambda: plots.roc([curve]),
        lambda: plots.calibration([]),
        lambda: plots.history([plots.Training("x", [])]),
        lambda: plots.importance({"a": Estimate(np.nan, 0, 1, "x")}, "loss"),
        lambda: plots_jets.scores({}, np.zeros(2)),
        lambda: plots_jets.scores({"x": np.zeros(3)}, np.zeros(2)),
        lambda: plots_jets.jet_images({"x": np.zeros((3, 3))}, 0.8),
        lambda: plots_jets.jet_summary([], np.zeros(2)),
        lambda: plots_jets.jet_summary([plots_jets.Observable("pT", np.full(2, np.nan))], np.zeros(2)),
        lambda: plots_jets.mass_sculpting(np.zeros(3), {"x": np.zeros(2, bool)}),
    ):
        with pytest.raises(InputError):
            draw()


def test_names_from_outside_are_text_not_mathematics():
    assert plain("a $x$ b") == r"a \$x\$ b"
    assert plain("_hidden") == " _hidden"
    assert plain("x" * 100).endswith("…")
    assert len(plain("x" * 100)) == 28
    assert plain("two\nlines") == "two lines"


def test_saving_writes_three_files_that_are_the_same_each_time(tmp_path):
    result = report_samples.new_run(tmp_path / "run", "x", {}, "x")
    contents = []
    for _ in range(2):
        curve = plots.Curve(report_samples.NASTY[3], np.array([0.1, 1.0]), np.array([10.0, 1.0]))
        entry = save_figure(result, "roc", plots.roc([curve]), "caption", "alt")
        contents.append([result.figure_path("roc", ending).read_bytes() for ending in ("svg", "png", "pdf")])
    assert contents[0] == contents[1]
    assert result.figures == {"roc": entry}
    assert contents[0][1].startswith(b"\x89PNG")
    assert contents[0][2].startswith(b"%PDF")
    assert sorted(p.name for p in (tmp_path / "run" / "figures").iterdir()) == ["roc.pdf", "roc.png", "roc.svg"]


def test_saving_refuses_bad_names_and_figures_without_a_text_alternative(tmp_path):
    result = report_samples.new_run(tmp_path / "run", "x", {}, "x")
    figure, _ = canvas()
    for name in ("../x", "a/b", "", ".hidden", "<i>"):
        with pytest.raises(InputError, match="file name"):
            save_figure(result, name, figure, "caption", "alt")
    with pytest.raises(InputError, match="text alternative"):
        save_figure(result, "x", figure, "caption", " ")


def test_the_users_own_settings_change_nothing():
    with mpl.rc_context({"axes.labelcolor": "#ff0000", "axes.grid": True}):
        figure = plots.history([plots.Training("cnn", [3, 2], [3, 2], 1)])
        assert mpl.rcParams["axes.labelcolor"] == "#ff0000"
    assert figure.axes[0].xaxis.label.get_color() == RC["axes.labelcolor"]


def test_bins_follow_the_values():
    rng = np.random.default_rng(2)
    assert len(plots_jets.Observable("pT", rng.random(100)).binning()) == 11
    assert len(plots_jets.Observable("pT", rng.random(10000)).binning()) == 41
    edges = plots_jets.Observable("n", rng.poisson(50, 10000)).binning()
    assert set(np.diff(edges)) == {np.diff(edges)[0]}
    assert np.diff(edges)[0] == round(np.diff(edges)[0])
    assert edges[0] % 1 == 0.5
    assert len(plots_jets.Observable("n", np.full(5, 3)).binning()) >= 2
