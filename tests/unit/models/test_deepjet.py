"""What is special in DeepJet: streams that may be empty."""

import pytest
import torch
from toy_tracks import toy_tracks

from partonic.models.deepjet import DeepJet
from partonic.represent.streams import JetStreams


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("prompt", "displaced"), [(0, 0), (0, 1), (5, 3)])
def test_jets_without_tracks_or_vertices_have_a_finite_logit(prompt, displaced, training):
    torch.manual_seed(0)
    net = DeepJet(outputs=6).train(training)
    for n in (2, 8):
        logits = net(JetStreams()(toy_tracks(n, prompt=prompt, displaced=displaced)[0]))
        assert logits.shape == (n, 6)
        assert torch.isfinite(logits).all()


def test_a_stream_that_is_empty_gives_nothing_and_changes_no_other_jet():
    torch.manual_seed(0)
    net = DeepJet().eval()
    with_tracks, without = toy_tracks(4, prompt=5, displaced=3)[0], toy_tracks(4, prompt=0, displaced=0)[0]
    streams = JetStreams()(without)
    assert net.tracks(streams.tracks).abs().max() == 0
    assert net.vertices(streams.vertices).shape == (4, 50)
    with torch.no_grad():
        assert (net(JetStreams()(with_tracks)) - net(streams)).abs().min() > 1e-4


def test_one_item_alone_is_normed_by_what_was_learned_before():
    stream = JetStreams()(toy_tracks(1, prompt=1, displaced=0)[0]).tracks
    assert len(stream.features) == 1
    net = DeepJet().tracks.eval()
    net.each[0].running_mean.fill_(2.0)
    wanted = net(stream)
    net.train()
    net.each.eval()
    torch.testing.assert_close(net(stream), wanted)


def test_the_published_widths():
    net = DeepJet()
    assert [layer.out_features for layer in net.tracks.each if isinstance(layer, torch.nn.Linear)] == [64, 32, 32, 8]
    assert [part.state for part in (net.tracks, net.neutrals, net.vertices)] == [150, 50, 50]
