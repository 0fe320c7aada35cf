import torch
from toy_jets import toy_jets

from partonic.models.pfn import PARTICLES, PFN
from partonic.represent.packed import Packed


def test_size_is_the_published_one():
    assert sum(weight.numel() for weight in PFN().parameters()) == 82_757


def test_equals_the_padded_form():
    """The same network on zero-padded clouds with a mask, as others write it."""
    torch.manual_seed(0)
    net, batch = PFN().eval(), Packed()(toy_jets(20, smallest=1))
    counts = batch.offsets.diff()
    padded = torch.zeros(len(batch), int(counts.max()), 7)
    mask = torch.zeros(len(batch), int(counts.max()), 1)
    for jet, (a, b) in enumerate(zip(batch.offsets[:-1], batch.offsets[1:], strict=True)):
        padded[jet, : b - a], mask[jet, : b - a] = batch.features[a:b], 1
    with torch.inference_mode():
        expected = net.rho((net.phi(padded * net.scales) * mask).sum(1) / PARTICLES).squeeze(-1)
        torch.testing.assert_close(net(batch), expected, rtol=1e-5, atol=1e-6)
