"""The phase-space basis in N-subjettiness against its definition, sums in plain Python."""

import numpy as np
import pytest
from toy_jets import boosted, from_cylinder, mirrored, permuted, pythia_jets, toy_jets, turned

from partonic.core.errors import InputError
from partonic.represent import representation
from partonic.represent.clustering import cluster
from partonic.represent.constituents import constituents
from partonic.represent.subjettiness import JetSubjettiness
from partonic.represent.substructure import subjettiness, subjettinesses


def axes_of(history, jet, n):
    """(pt, y, phi) of the n exclusive subjets: undo the merges from the last one."""
    nodes = [history.offsets[jet + 1] - 1 - history.offsets[jet]]
    while len(nodes) < n:
        last = max(nodes)
        nodes.remove(last)
        nodes += list(history.children[history.offsets[jet] + last])
    return history.cylinder[history.offsets[jet] + np.array(nodes)]


def by_hand(history, jet, n, beta, radius):
    count = (history.offsets[jet + 1] - history.offsets[jet] + 1) // 2
    if count <= n:
        return 0.0
    items = history.cylinder[history.offsets[jet] : history.offsets[jet] + count]
    total = 0.0
    for pt, y, phi in items:
        apart = [np.hypot(y - a[1], np.angle(np.exp(1j * (phi - a[2])))) for a in axes_of(history, jet, n)]
        total += pt * (min(apart) / radius) ** beta
    return total / items[:, 0].sum()


@pytest.mark.parametrize("bodies", [2, 3, 6, 8])
def test_the_basis_is_what_the_paper_lists(bodies):
    events = toy_jets(12, smallest=1)
    history = cluster(constituents(events), "kt")
    wanted = [(n, beta) for n in range(1, bodies - 1) for beta in (0.5, 1.0, 2.0)] + [(bodies - 1, 1.0)]
    wanted.append((bodies - 1, 2.0))
    represent = JetSubjettiness(bodies, radius=0.7)
    values = represent(events).values.numpy()
    assert values.shape == (12, represent.width) == (12, len(wanted) + 2)
    assert len(wanted) == 3 * bodies - 4
    for jet in range(12):
        expected = [max(by_hand(history, jet, n, beta, 0.7), 1e-8) for n, beta in wanted]
        np.testing.assert_allclose(values[jet, :-2], np.log(expected), rtol=1e-4, atol=1e-5)
    p = [np.add.reduceat(part, constituents(events).offsets[:-1]) for part in constituents(events).arrays]
    np.testing.assert_allclose(values[:, -1], np.log(np.hypot(p[0], p[1])), rtol=1e-5)
    square = p[3] ** 2 - p[0] ** 2 - p[1] ** 2 - p[2] ** 2
    heavy = square > 1e-6
    np.testing.assert_allclose(values[heavy, -2], 0.5 * np.log(square[heavy]), rtol=1e-4)


def test_one_power_is_a_part_of_several():
    history = cluster(constituents(toy_jets(30)), "kt")
    together = subjettinesses(history, (0.5, 1.0, 2.0), 5, 0.6)
    for k, beta in enumerate((0.5, 1.0, 2.0)):
        np.testing.assert_array_equal(together[:, k], subjettiness(history, 5, 0.6, beta))
    # distances within the radius: higher powers of what is below 1 are smaller
    inside = np.abs(together[:, 1, 0]) < 0.3
    assert np.all(together[inside, 0, 1:] >= together[inside, 1, 1:])


@pytest.mark.parametrize(
    "change",
    [lambda events: turned(events, 2.5), lambda events: boosted(events, 0.7), mirrored, permuted],
    ids=["azimuth", "boost", "mirror", "permutation"],
)
def test_it_does_not_know_where_the_jet_points(change):
    events = toy_jets(100, smallest=12)
    before, after = (JetSubjettiness()(sample).values.numpy() for sample in (events, change(events)))
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-3)


def test_tops_are_less_two_pronged():
    events = pythia_jets()
    values = JetSubjettiness()(events).values.numpy()
    ratio = values[:, 7] - values[:, 4]  # ln tau_3 / tau_2 for beta = 1
    top = events.column("label") == 1
    assert np.median(ratio[top]) < np.median(ratio[~top]) - 0.1


def test_few_constituents_and_bad_options():
    values = representation("subjettiness")(from_cylinder([1, 2], [50, 60, 40], [0.1, 0, 0.2], [0, 0.1, 0.3])).values
    assert np.isfinite(values.numpy()).all()
    assert values[0, 0] == pytest.approx(np.log(1e-8))
    with pytest.raises(InputError, match="2 bodies or more"):
        JetSubjettiness(bodies=1)
    with pytest.raises(InputError, match="radius above 0"):
        JetSubjettiness(radius=0)
