"""Recurrent networks read constituents in the order that they are told."""

import pytest
import torch
from toy_jets import permuted, toy_jets

from partonic.core.errors import UnknownNameError
from partonic.models.gru import GRU
from partonic.models.lstm import LSTM
from partonic.represent.packed import Packed


@pytest.mark.parametrize("model", [LSTM, GRU])
def test_the_given_order_is_read_last_constituent_first(model):
    torch.manual_seed(1)
    network = model(order="given").eval()
    jets = Packed(order="kt")(toy_jets(5, smallest=1))
    with torch.no_grad():
        for jet, logit in enumerate(network(jets)):
            rows = jets.features[jets.offsets[jet] : jets.offsets[jet + 1]].flip(0)
            states, _ = network.recurrent(network.embed(rows).relu()[None])
            torch.testing.assert_close(network.head(states[0, -1])[0], logit, rtol=1e-4, atol=1e-6)


def test_orders_differ_and_clustering_does_not_know_that_of_the_sample():
    torch.manual_seed(1)
    networks = LSTM(order="given").eval(), LSTM().eval()
    networks[1].load_state_dict(networks[0].state_dict())
    events = toy_jets(20, smallest=30)
    kt, again, angular = (
        Packed(order=order)(sample)
        for order, sample in (("kt", events), ("kt", permuted(events)), ("cambridge-aachen", events))
    )
    with torch.no_grad():
        torch.testing.assert_close(networks[0](again), networks[0](kt))
        torch.testing.assert_close(networks[1](angular), networks[1](kt))
        assert ((networks[0](angular) - networks[0](kt)).abs() > 1e-4).float().mean() > 0.8
        assert ((networks[1](kt) - networks[0](kt)).abs() > 1e-4).float().mean() > 0.8


def test_unknown_orders_say_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown order of constituents 'gven'; did you mean 'given'"):
        LSTM(order="gven")
