"""Compiled passes over padded rows beside NumPy's own functions."""

import numpy as np
import pytest

from partonic.events import Ragged, kinematics
from partonic.io import slots
from partonic.io.padded import by_falling_pt, cartesian, polar, relative, taken


def rows(kind, seed=3):
    """Rows (40, 12, 4) with gaps, empty ones and full ones."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, (40, 12, 4)).astype(kind)
    values[rng.random((40, 12)) < 0.4] = 0
    values[rng.random((40, 12, 4)) < 0.2] = 0
    values[0], values[1] = 0, 1
    return values


@pytest.mark.parametrize("kind", ["f4", "f8", "f2", "i4", ">f8"])
@pytest.mark.parametrize("rule", slots.RULES)
def test_items_are_those_of_a_mask(kind, rule):
    values = rows(kind)
    mask = {"first": values[:, :, 0] != 0, "any": np.any(values != 0, axis=2), "last": values[:, :, 3] > 0}[rule]
    offsets, items = taken(values.reshape(40, 48), 4, rule)
    np.testing.assert_array_equal(np.diff(offsets), mask.sum(axis=1))
    np.testing.assert_array_equal(items, values[mask].T)


def test_columns_of_a_table_are_taken_out_of_its_rows():
    values = rows("f4")
    table = np.zeros(50, [("index", "i8"), ("values", "f4", (50,))])
    table["values"][5:45, 1:49] = values.reshape(40, 48)
    offsets, items = taken(table[5:45]["values"][:, 1:49], 4, "any")
    expected, same = taken(values.reshape(40, 48), 4, "any")
    np.testing.assert_array_equal(offsets, expected)
    np.testing.assert_array_equal(items, same)


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("sorted_before", [True, False])
def test_four_momenta_and_their_sums(kind, sorted_before):
    slots = rows(kind)
    if sorted_before:
        order = np.argsort(-np.hypot(slots[:, :, 1], slots[:, :, 2]).astype("f4"), axis=1, kind="stable")
        slots = np.take_along_axis(slots, order[:, :, None], axis=1)
    jets, sums = cartesian(np.concatenate([slots.reshape(40, 48), np.ones((40, 3), kind)], axis=1)[:, :48])
    there = np.any(slots != 0, axis=2)
    items = slots[there].astype("f4")
    expected = by_falling_pt(
        Ragged.from_counts(there.sum(axis=1), dict(zip(("e", "px", "py", "pz"), items.T, strict=True)))
    )
    np.testing.assert_array_equal(jets.offsets, expected.offsets)
    for name, total in zip(("px", "py", "pz", "e"), sums, strict=True):
        np.testing.assert_array_equal(jets[name], expected[name])
        added = [jets[name][a:b].astype(float).sum() for a, b in zip(jets.offsets[:-1], jets.offsets[1:], strict=True)]
        np.testing.assert_allclose(total, added, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("slots", [12, 700])
@pytest.mark.parametrize(("components", "rule"), [(3, "first"), (3, "any"), (4, "last")])
def test_particles_of_jets_beside_a_stable_sort(slots, components, rule):
    rng = np.random.default_rng(slots)
    values = rng.normal(0, 1, (60, slots, components))
    values[:, :, 0] = np.round(rng.exponential(5, (60, slots)), 1)  # some are equal
    values[rng.random((60, slots)) < 0.3] = -0.0
    values[np.arange(slots) >= rng.integers(0, slots + 1, 60)[:, None]] = 0
    values[:30, :, 0] = -np.sort(-values[:30, :, 0], axis=1)
    scale, shift = rng.uniform(1, 900, 60), rng.normal(0, 1, 60)
    counts, (px, py, pz, e, pt, eta, phi) = relative(
        values.reshape(60, -1), components, rule, (0, 1, 2), (scale, shift)
    )
    mask = {"first": values[:, :, 0] != 0, "any": np.any(values != 0, axis=2), "last": values[:, :, -1] > 0}[rule]
    np.testing.assert_array_equal(counts, mask.sum(axis=1))
    row, items = np.nonzero(mask)[0], values[mask]
    place = np.lexsort((np.arange(len(row)), -(scale[row] * items[:, 0]).astype("f4"), row))
    for ours, expected in zip((pt, eta, phi), items[place].T[:3], strict=True):
        np.testing.assert_array_equal(ours, expected.astype("f4"))
    t, h, f = scale[row] * items[place, 0], shift[row] + items[place, 1], items[place, 2]
    for ours, expected in zip(
        (px, py, pz, e), (t * np.cos(f), t * np.sin(f), t * np.sinh(h), t * np.cosh(h)), strict=True
    ):
        np.testing.assert_allclose(ours, expected.astype("f4"), rtol=2e-7, atol=1e-12)


def test_momenta_are_those_of_the_formulas():
    rng = np.random.default_rng(4)
    pt, phi = rng.exponential(20, 5000), rng.uniform(-7, 7, 5000)
    eta, mass = rng.normal(0, 3, 5000), rng.exponential(1, 5000)
    eta[:5], phi[:2] = (0, 1e-9, -80, 710, -710), (1e7, -2e9)
    pt[3:5] = 1e-290  # so that it is finite
    with np.errstate(over="ignore"):
        expected = kinematics.from_pt_eta_phi_mass(pt, eta, phi, np.zeros(5000))
        for given, value in zip(polar(pt, eta, phi).values(), expected, strict=True):
            np.testing.assert_allclose(given, value.astype(np.float32), rtol=1.3e-7, atol=1e-13)
        heavy = polar(pt, eta, phi, mass)
        np.testing.assert_allclose(heavy["e"], (np.hypot(pt, mass) * np.cosh(eta)).astype("f4"), rtol=1.3e-7)


def test_what_is_not_finite_stays_so():
    odd = np.array([np.nan, np.inf, -np.inf, 1e300, -1e300])
    one = np.ones(5)
    with np.errstate(all="ignore"):
        for given in ((odd, one, one), (one, odd, one), (one, one, odd)):
            p = polar(*given)
            assert not np.any(np.isfinite(p["px"][:3]) & np.isfinite(p["pz"][:3]))
        np.testing.assert_array_equal(polar(one, odd, one)["pz"], np.array([np.nan, np.inf, -np.inf, np.inf, -np.inf]))


@pytest.mark.parametrize("longest", [5, 40, 60, 400, 3000])
def test_rows_are_sorted_as_by_a_stable_sort(longest):
    rng = np.random.default_rng(longest)
    counts = rng.integers(0, longest, 30)
    counts[0] = longest
    n = counts.sum()
    pt = np.round(rng.exponential(20, n), 1).astype("f4")  # many are equal
    pt[: longest // 2] = 3.5
    jets = Ragged.from_counts(counts, {"pt": pt, "number": np.arange(n)})
    expected = np.lexsort((np.arange(n), -pt, jets.rows))
    np.testing.assert_array_equal(by_falling_pt(jets)["number"], expected)
    assert by_falling_pt(by_falling_pt(jets)) is not jets
    again = by_falling_pt(jets)
    assert by_falling_pt(again) is again
