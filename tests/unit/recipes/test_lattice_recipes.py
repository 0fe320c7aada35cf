"""Options of lattice-phi4 and lattice-u1, what their pages say, and the figures and numbers that they share."""

import numpy as np
import pytest

from partonic.core.errors import InputError, PartonicError
from partonic.core.estimate import Estimate
from partonic.core.result import Result
from partonic.lattice.chains import Accepted
from partonic.recipes.lattice_common import Drawn, chain_curve, chain_mean, chain_time, deviation
from partonic.recipes.lattice_phi4 import LatticePhi4
from partonic.recipes.lattice_u1 import LatticeU1, rectangles
from partonic.report.plots_lattice import histories, losses, measured_beside_truth


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: LatticePhi4(side=5), "even number of sites"),
        (lambda: LatticePhi4(coupling=-1.0), "no minimum"),
        (lambda: LatticePhi4(draws=10), "draws must be 100 or more"),
        (lambda: LatticeU1(side=6), "side is a multiple of 4"),
        (lambda: LatticeU1(betas=()), "from the smallest to the largest"),
        (lambda: LatticeU1(betas=(2.0, 1.0)), "from the smallest to the largest"),
        (lambda: LatticeU1(layers=4), "layers must be 8 or more"),
    ],
)
def test_what_makes_no_sense_is_told_at_once(make, said):
    with pytest.raises(PartonicError, match=said):
        make()


def test_the_gauge_theory_stands_beside_exact_sums(tiny_runs):
    run = tiny_runs("lattice-u1")
    result = Result.load(run)
    assert result.summary["beta = 1: acceptance"].value > 0.2
    rows = result.tables["means"].rows
    samplers = ("flow", "hybrid Monte Carlo")
    assert {(row["quantity"], row["sampler"]) for row in rows} == {
        (q, s) for q in ("Q^2", "plaquette") for s in samplers
    }
    assert max(abs(row["errors off"]) for row in rows) < 5
    (flow,) = result.tables["flows"].rows
    assert flow["log Z"].value == pytest.approx(flow["exact log Z"], abs=5 * flow["log Z"].error)
    names = {path.stem for path in (run / "figures").glob("*.svg")}
    assert names == {"training", "charges-1", "history-1", "loops-1", "two-point-1"}


def test_the_scalar_theory_stands_beside_hybrid_monte_carlo(tiny_runs):
    result = Result.load(tiny_runs("lattice-phi4"))
    rows = {row["quantity"]: row for row in result.tables["means"].rows}
    assert set(rows) == {"phi^2", "|M|", "share with M > 0"}
    assert max(abs(row["errors apart"]) for row in rows.values()) < 5
    assert result.summary["share of draws with M > 0"].value == pytest.approx(0.5, abs=0.1)


def test_a_chain_that_never_changes_has_no_known_error():
    still = np.zeros((3, 20))
    assert chain_mean(still).value == 0
    assert np.isinf(chain_mean(still).error)
    assert "constant" in chain_mean(still).note
    assert chain_time(still).value == chain_time(still).low == 10
    values, errors = chain_curve(np.stack([still, np.random.default_rng(1).normal(size=(3, 20))], axis=-1))
    assert values[0] == 0
    assert errors[0] == pytest.approx(1 / 60)
    assert errors[1] == pytest.approx(1 / np.sqrt(60), rel=0.5)


def test_a_heavy_draw_is_warned_of():
    number = Estimate.symmetric(1.0, 0.1, "test")
    light, heavy = (Accepted(np.arange(100), 1.0, np.eye(1, 100)[0] * log) for log in (0.0, 3.0))
    assert Drawn(None, light, number, number, number).warnings() == []
    (said,) = Drawn(None, heavy, number, number, number).warnings("beta = 4: ")
    assert said.startswith("beta = 4: One draw has 17 %")


def test_deviations_count_both_errors():
    found, truth = Estimate.symmetric(1.0, 0.3, "test"), Estimate.symmetric(2.0, 0.4, "test")
    assert deviation(found, truth) == pytest.approx(-2)
    assert deviation(found, 0.7) == pytest.approx(1)


def test_rectangles_fit_half_of_the_lattice():
    assert rectangles(4) == [(1, 1), (2, 1), (2, 2)]
    assert rectangles(8)[-1] == (3, 3)


def test_figures_refuse_what_does_not_fit():
    x, good = np.arange(3.0), (np.ones(3), np.ones(3))
    with pytest.raises(InputError, match="one length"):
        measured_beside_truth(x, good, "exact", {"found": (np.ones(2), np.ones(2))}, "x", "y")
    below = measured_beside_truth(x, (np.zeros(3), np.zeros(3)), "exact", {"found": good}, "x", "y").axes[1]
    assert below.lines[0].get_ydata() == pytest.approx([1.0, 1.0, 1.0])
    with pytest.raises(InputError, match="no chain"):
        histories({}, "Q")
    with pytest.raises(InputError, match="no training"):
        losses({})
