"""Components from the weights of a real file: points, span, positivity, what stands in for missing or wrong weights."""

from pathlib import Path

import numpy as np
import pytest

from partonic.core.errors import InputError, UnknownNameError
from partonic.core.rng import generator
from partonic.events.events import Events
from partonic.inference.benchmarks import (
    Benchmarks,
    benchmarks_of,
    components_of,
    smallest_eigenvalues,
    with_components,
)
from partonic.inference.morphing import Morphing
from partonic.io import lhe, parquet

LHE = Path(__file__).parents[2] / "data" / "smeftsim_vbfh_200.lhe.gz"
PARAMETERS = ("cHbox", "cHDD", "cHW", "cHB", "cHWB")


@pytest.fixture(scope="module")
def events():
    return lhe.read(LHE)


@pytest.fixture(scope="module")
def benchmarks(events):
    return benchmarks_of(events)


def test_the_header_places_the_weights(benchmarks):
    """The names of the weights say the same, in another way."""
    assert benchmarks.parameters == PARAMETERS
    assert len(benchmarks) == 21
    for name, point in zip(benchmarks.names, benchmarks.points, strict=True):
        words = [] if name == "SM" else name.split("_")
        said = dict(zip(words[::2], [float(word.replace("p", ".")) for word in words[1::2]], strict=True))
        np.testing.assert_array_equal(point, [said.get(parameter, 0.0) for parameter in PARAMETERS])


def test_the_real_weights_span_the_form(benchmarks):
    morphing = benchmarks.morphing()
    assert len(morphing) == np.linalg.matrix_rank(morphing.basis(benchmarks.points)) == 21
    assert morphing.condition(benchmarks.points) == pytest.approx(2121, rel=1e-3)
    assert morphing.condition(benchmarks.points / 0.1) == pytest.approx(45.3, rel=1e-3)


def test_the_components_give_the_weights_back(events, benchmarks):
    morphing = benchmarks.morphing()
    components = components_of(events, benchmarks)
    for name, point in zip(benchmarks.names, benchmarks.points, strict=True):
        weight = events.weight(name) / events.weight() * 3.343019
        np.testing.assert_allclose(components @ morphing.basis(point), weight, rtol=1e-10)
    assert smallest_eigenvalues(components, morphing).min() > -1e-5


def test_any_weight_dropped_leaves_a_singular_basis(events, benchmarks):
    for name in benchmarks.names:
        with pytest.raises(
            InputError, match=r"singular basis: the 20 points have rank 20 and .* 21 monomials; open stay"
        ):
            components_of(events, benchmarks.without(name))
        left = {key: values for key, values in events.weights.items() if key != name}
        fewer = Events(events.columns, left, events.collections, {}, events.provenance)
        assert name not in benchmarks_of(fewer).names
    with pytest.raises(InputError, match=r"open stay cHW cHWB;"):
        components_of(events, benchmarks.without("cHW_0p1_cHWB_0p1"))
    with pytest.raises(UnknownNameError, match="'cHW_0p3'; did you mean"):
        benchmarks.without("cHW_0p3")


def test_fewer_parameters_are_held_at_the_origin(events, benchmarks):
    names = [n for n, point in zip(benchmarks.names, benchmarks.points, strict=True) if not point[[0, 1, 3]].any()]
    two = Benchmarks(
        tuple(names),
        np.array([benchmarks.points[benchmarks.names.index(name)][[2, 4]] for name in names]),
        ("cHW", "cHWB"),
    )
    whole, part = components_of(events, benchmarks), components_of(events, two)
    theta = np.array([0.3, -0.7])
    expected = whole @ benchmarks.morphing().basis(np.array([0, 0, 0.3, 0, -0.7]))
    np.testing.assert_allclose(part @ two.morphing().basis(theta), expected, rtol=1e-6)


def test_gold_survives_a_file_with_its_morphing(events, tmp_path):
    done, morphing = with_components(events)
    parquet.write(tmp_path / "gold.parquet", done)
    again = parquet.read(tmp_path / "gold.parquet")
    np.testing.assert_array_equal(again.gold["components"], done.gold["components"])
    stored = again.provenance["morphing"]
    assert Morphing(stored["powers"], tuple(stored["parameters"])) == morphing


def test_the_mean_over_weighted_events_is_the_cross_section():
    rng = generator(1)
    morphing = Morphing.polynomial(1)
    nominal = rng.uniform(0.5, 2, 500)
    points = np.array([[0.0], [1.0], [-1.0]])
    truth = np.stack([np.ones(500), rng.uniform(-1, 1, 500), np.ones(500)], axis=-1)
    weights = {str(i): nominal * (truth @ morphing.basis(point)) for i, point in enumerate(points)}
    sample = Events({}, {"nominal": nominal, **weights}, provenance={"cross_section_pb": 7.0})
    found = components_of(sample, Benchmarks(("0", "1", "2"), points, ("t",)))
    np.testing.assert_allclose(found, 7 * truth, rtol=1e-9)
    assert (nominal @ found)[0] / nominal.sum() == pytest.approx(7)


def _changed(events, name, value, row=6):
    values = np.array(events.weight(name))
    values[row] = value
    return events.with_weights({name: values})


@pytest.mark.parametrize(("value", "said"), [(-1.5, "-1.5"), (0.0, "0"), (np.nan, "nan"), (np.inf, "inf")])
@pytest.mark.parametrize("name", ["cHW_0p1", "nominal"])
def test_weights_that_are_not_above_0_are_named(events, benchmarks, value, said, name):
    with pytest.raises(InputError, match=f"1 of 200 .*'{name}' .* is event 7 with {said}\\)"):
        components_of(_changed(events, name, value), benchmarks)


def test_other_impossible_input_is_refused(events, benchmarks):
    bare = Events(events.columns, events.weights)
    with pytest.raises(InputError, match="places none of its weights in parameter space"):
        benchmarks_of(bare)
    with pytest.raises(InputError, match="cross section; give it in pb"):
        components_of(bare, benchmarks)
    np.testing.assert_allclose(
        components_of(bare, benchmarks, cross_section=2.0),
        components_of(events, benchmarks) * 2 / 3.343019,
    )
    with pytest.raises(UnknownNameError, match="unknown weight 'SMM'"):
        components_of(events, Benchmarks(("SMM",), np.zeros((1, 1)), ("a",)))
    with pytest.raises(InputError, match=r"1 weights and 2 parameters .* shape \(1, 1\)"):
        Benchmarks(("SM",), np.zeros((1, 1)), ("a", "b"))
    with pytest.raises(InputError, match=r"no polynomial of degree 1 in cHbox, .* event \d+ is .* away"):
        components_of(events, benchmarks, benchmarks.morphing(1))


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("set param_card smeft 7 0.3", (0.3, 0.5)),
        ("set param_card SMEFT 7 -1e-1 # orig: 0.2\nset param_card smeft 9 2", (-0.1, 2.0)),
        ("", (0.2, 0.5)),
    ],
)
def test_points_start_from_the_card(text, point):
    """What a weight does not set stays as the card, or the line that sets it elsewhere, says."""
    other = "set param_card smeft 7 1.0 # orig: 0.2\nset param_card smeft 9 1.0"
    declared = [{"id": name, "group": "a", "text": t} for name, t in (("x", text), ("y", other))]
    declared.append({"id": "scale", "group": "b", "text": ""})
    facts = {"weights": declared, "parameters": {"smeft 9": {"name": "CHWB", "value": 0.5}}}
    sample = Events({}, {name: np.ones(2) for name in ("x", "y", "scale")}, provenance={"lhe": facts})
    found = benchmarks_of(sample)
    assert found.names == ("x", "y")
    assert found.parameters == ("smeft 7", "CHWB")
    np.testing.assert_array_equal(found.points, [point, (1.0, 1.0)])


def test_a_value_that_is_no_number_is_named():
    facts = {"weights": [{"id": "x", "group": "", "text": "set param_card smeft 7 much"}]}
    with pytest.raises(InputError, match="'x' sets smeft 7 to 'much'"):
        benchmarks_of(Events({}, {"x": np.ones(2)}, provenance={"lhe": facts}))
