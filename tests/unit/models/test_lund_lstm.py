"""The Lund path: the primary declusterings in their order, and jets without any."""

import numpy as np
import torch
from toy_jets import toy_jets

from partonic.models.lund_lstm import LundLSTM
from partonic.represent import representation
from partonic.represent.clustering import cluster
from partonic.represent.constituents import constituents
from partonic.represent.lund import decluster


def test_the_path_is_the_primary_plane_from_wide_to_small_angles():
    events = toy_jets(60, seed=2)
    jets = representation("lund")(events)
    found = decluster(cluster(constituents(events), "cambridge-aachen"))
    path, numbers = LundLSTM(steps=200).paths(jets)
    primary = torch.from_numpy(found.primary)
    assert (numbers >= primary).all()
    assert (numbers == primary).float().mean() > 0.6
    for jet, length in enumerate(numbers.tolist()):
        first = int(jets.offsets[jet])
        torch.testing.assert_close(path[jet, :length], jets.features[first : first + length])
        assert not path[jet, length:].any()
    rises = torch.cat([path[jet, : numbers[jet], 0].diff() > 0 for jet in range(60)])
    assert rises.float().mean() > 0.8, "ln 1 / delta rises along the path, but for axes that move as they recombine"


def test_a_path_is_cut_and_jets_without_splittings_are_scored():
    events = toy_jets(20, seed=3, smallest=1)
    one = events.with_collections(constituents=events.collection("constituents").keep(first_of_each(events)))
    jets = representation("lund")(one)
    net = LundLSTM(steps=4).eval()
    assert net.paths(representation("lund")(events))[1].max() == 4
    assert torch.isfinite(net(jets)).all()
    assert net(jets).unique().numel() == 1


def first_of_each(events):
    """A mask of the first constituent of each jet."""
    offsets = events.collection("constituents").offsets
    mask = np.zeros(offsets[-1], dtype=bool)
    mask[offsets[:-1]] = True
    return mask
