"""The density of the primary Lund plane against a walk along the harder branch in plain Python."""

import numpy as np
import pytest
from toy_jets import boosted, from_cylinder, mirrored, permuted, toy_jets, turned

from partonic.core.errors import InputError
from partonic.represent import representation
from partonic.represent.clustering import cluster
from partonic.represent.constituents import constituents


def by_hand(history, jet, angles, momenta, radius):
    start, stop = history.offsets[jet], history.offsets[jet + 1]
    count = np.zeros((angles, momenta))
    node = stop - start - 1
    while history.children[start + node, 0] >= 0:
        a, b = history.children[start + node]
        if history.cylinder[start + a, 0] < history.cylinder[start + b, 0]:
            a, b = b, a
        one, other = history.cylinder[start + a], history.cylinder[start + b]
        delta = np.hypot(one[1] - other[1], np.angle(np.exp(1j * (one[2] - other[2]))))
        column = np.clip(np.log(radius / delta) / 6 * angles, 0, angles - 1)
        row = np.clip((np.log(other[0] * delta) + 2) / 8 * momenta, 0, momenta - 1)
        count[int(column), int(row)] += 1
        node = a
    return count.ravel()


def test_each_cell_counts_the_emissions_in_it():
    events = toy_jets(40, smallest=1)
    history = cluster(constituents(events), "cambridge-aachen")
    for angles, momenta, radius in ((6, 8, 0.8), (3, 5, 1.0)):
        represent = representation("lund-density", angles=angles, momenta=momenta, radius=radius)
        values = represent(events).values.numpy()
        assert values.shape == (40, represent.width) == (40, angles * momenta)
        np.testing.assert_array_equal(values, [by_hand(history, jet, angles, momenta, radius) for jet in range(40)])
        assert (values.sum(axis=0) > 0).sum() > 8


@pytest.mark.parametrize(
    "change",
    [lambda events: turned(events, 2.5), lambda events: boosted(events, 0.7), mirrored, permuted],
    ids=["azimuth", "boost", "mirror", "permutation"],
)
def test_it_does_not_know_where_the_jet_points(change):
    events = toy_jets(100)
    before, after = (representation("lund-density")(sample).values.numpy() for sample in (events, change(events)))
    assert (before != after).any(axis=1).mean() < 0.02  # an emission on the edge of two cells


def test_one_constituent_and_bad_options():
    values = representation("lund-density")(from_cylinder([1, 2], [50, 60, 40], [0.1, 0, 0.2], [0, 0.1, 0.3])).values
    assert values.sum(dim=1).tolist() == [0, 1]
    with pytest.raises(InputError, match="1 cell or more"):
        representation("lund-density", angles=0)
    with pytest.raises(InputError, match="radius above 0"):
        representation("lund-density", radius=-1)
