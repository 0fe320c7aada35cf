import pytest
import torch

from partonic.core.errors import InputError
from partonic.models.drift import DriftNet
from partonic.models.variational import fix_weights, make_variational


@pytest.mark.parametrize("bayesian", [False, True])
@pytest.mark.parametrize("context", [0, 4])
def test_points_that_move_together_have_the_velocity_of_each(bayesian, context):
    torch.manual_seed(1)
    network = DriftNet(3, context, 16, 3)
    torch.nn.init.normal_(network.last.weight)
    if bayesian:
        make_variational(network)
        fix_weights(network, torch.Generator().manual_seed(2))
    network.eval()
    point, given, time = torch.randn(20, 3), torch.randn(20, context), 0.37
    with torch.inference_mode():
        together, each = network.at(given)(point, time), network(point, torch.full((20, 1), time), given)
    torch.testing.assert_close(together, each, atol=1e-5, rtol=1e-5)
    assert each.std() > 0.1


def test_a_network_without_layers_is_refused():
    with pytest.raises(InputError, match="layers and a width of 1 or more, not 2, 0 and 8"):
        DriftNet(2, 0, 8, 0)
