from itertools import pairwise

import pytest
import torch

from partonic.core.errors import InputError
from partonic.models.epic import HEAD, EPiC, Membership


@pytest.fixture(params=[0, 2])
def cloud(request):
    """A network whose output is not zero, without and with attention, and four jets of 1 to 9 particles."""
    torch.manual_seed(1)
    net = EPiC(context=2, width=12, layers=3, heads=request.param).double()
    torch.nn.init.normal_(net.leave.weight)
    offsets = torch.tensor([0, 1, 6, 15, 17])
    return net, torch.randn(17, 3).double(), offsets, torch.rand(4).double(), torch.randn(4, 2).double()


def test_particles_can_be_renumbered(cloud):
    net, values, offsets, time, context = cloud
    order = torch.cat([torch.randperm(int(b - a)) + a for a, b in pairwise(offsets)])
    before = net(values, offsets, time, context)
    torch.testing.assert_close(net(values[order], offsets, time, context), before[order], rtol=1e-12, atol=1e-12)
    assert (before[6:15] - before[6]).abs().max() > 1e-3


def test_a_jet_does_not_know_its_batch(cloud):
    net, values, offsets, time, context = cloud
    whole = net(values, offsets, time, context)
    alone = net(values[6:15], torch.tensor([0, 9]), time[2:3], context[2:3])
    torch.testing.assert_close(alone, whole[6:15], rtol=1e-12, atol=1e-12)


def test_particles_see_each_other_time_and_context(cloud):
    net, values, offsets, time, context = cloud
    before = net(values, offsets, time, context)
    moved = values.clone()
    moved[6] += 1
    after = net(moved, offsets, time, context)
    assert (after - before)[7:15].abs().min(dim=0).values.max() > 1e-6
    torch.testing.assert_close(after[:6], before[:6])
    for changed in (
        net(values, offsets, time + 0.1, context),
        net(values, offsets, time, context + 0.1),
        net(torch.cat([values[:15], values[15:], values[15:]]), torch.tensor([0, 1, 6, 15, 19]), time, context)[:17],
    ):
        assert (changed - before)[-2:].abs().max() > 1e-6


def test_attention_is_a_mean_of_values_by_likeness():
    """What particles see, against sums over the particles of each jet that are written out."""
    torch.manual_seed(2)
    offsets, asked = torch.tensor([0, 1, 4]), torch.randn(4, 3 * 2 * HEAD).double()
    seen = Membership(offsets, torch.float64).look(asked, 2).reshape(4, 2, HEAD)
    question, key, value = asked.reshape(4, 3, 2, HEAD).unbind(1)
    for first, last in pairwise(offsets.tolist()):
        for i in range(first, last):
            for head in range(2):
                share = torch.softmax(key[first:last, head] @ question[i, head] / HEAD**0.5, 0)
                torch.testing.assert_close(seen[i, head], share @ value[first:last, head])


def test_every_weight_gets_a_gradient(cloud):
    net, *rest = cloud
    net(*rest).square().sum().backward()
    assert [name for name, weight in net.named_parameters() if not weight.grad.abs().sum() > 0] == []


def test_sizes_out_of_range():
    with pytest.raises(InputError, match="width and layers of 1 or more"):
        EPiC(width=0)
    with pytest.raises(InputError, match="heads of 0 or more"):
        EPiC(heads=-1)
