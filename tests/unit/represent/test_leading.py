"""The hardest constituents as dense arrays."""

import numpy as np
import torch
from toy_jets import permuted, toy_jets

from partonic.represent.leading import leading
from partonic.represent.packed import Packed


def test_by_falling_pt_and_zero_behind():
    events = toy_jets(20, smallest=1)
    given = leading(Packed()(events), 12)
    constituents = events.collection("constituents")
    for jet in range(20):
        rows = slice(constituents.offsets[jet], constituents.offsets[jet + 1])
        pt = np.sort(np.hypot(constituents["px"][rows], constituents["py"][rows]))[::-1][:12]
        found = given.p4[jet, :, 1:3].norm(dim=1)
        np.testing.assert_allclose(found[: len(pt)], pt, rtol=1e-6)
        assert given.numbers[jet] == len(pt)
        assert not given.p4[jet, len(pt) :].any()
        assert not given.features[jet, len(pt) :].any()
        assert given.features[jet, : len(pt)].any(dim=1).all()


def test_the_order_of_the_constituents_has_no_influence():
    events = toy_jets(20)
    first, second = (leading(Packed()(sample), 30) for sample in (events, permuted(events)))
    torch.testing.assert_close(first.p4, second.p4)
    torch.testing.assert_close(first.features, second.features)


def test_in_the_given_order_the_same_constituents_stay_where_they_are():
    batch = Packed()(permuted(toy_jets(20, smallest=1)))
    sorted_, given = (leading(batch, 12, order) for order in ("pt", "given"))
    torch.testing.assert_close(given.numbers, sorted_.numbers)
    for jet in range(20):
        rows = batch.p4[batch.offsets[jet] : batch.offsets[jet + 1]]
        chosen = {tuple(row) for row in sorted_.p4[jet, : sorted_.numbers[jet]].tolist()}
        expected = [row for row in rows.tolist() if tuple(row) in chosen]
        assert given.p4[jet, : given.numbers[jet]].tolist() == expected
        assert not given.p4[jet, given.numbers[jet] :].any()
