"""The coupling flow: inverse, Jacobian against autograd, identity at start, which variable steers which, bounds."""

import pytest
import torch

from partonic.core.errors import InputError
from partonic.models.flows.coupling import CouplingFlow


def rough(dim, context=0, seed=0):
    """A flow far from the identity."""
    torch.manual_seed(seed)
    flow = CouplingFlow(dim, bins=6, hidden=(16, 16), context=context)
    with torch.no_grad():
        for layer in flow.layers:
            layer.network[-1].weight.normal_(0, 0.5)
            layer.network[-1].bias.normal_(0, 1)
    return flow


def points(n, dim, seed=1):
    return torch.rand(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("dim", [1, 2, 3, 5, 8])
def test_inverse_and_density(dim):
    flow, z = rough(dim), points(500, dim)
    with torch.no_grad():
        x, log = flow(z)
        again, back = flow.inverse(x)
    assert (again - z).abs().max() < 1e-10
    assert (log + back).abs().max() < 1e-7
    assert bool(((x >= 0) & (x <= 1)).all())
    assert (x - z).abs().max() > 0.05
    assert torch.equal(flow.log_prob(x), flow.inverse(x)[1])


@pytest.mark.parametrize("dim", [1, 3, 4])
def test_the_jacobian_is_autograds(dim):
    flow = rough(dim)
    for z in points(5, dim):
        matrix = torch.autograd.functional.jacobian(lambda one: flow(one[None])[0][0], z)
        assert float(flow(z[None])[1].detach()) == pytest.approx(float(torch.linalg.slogdet(matrix)[1]), abs=1e-8)


@pytest.mark.parametrize("dim", [2, 3, 5, 8])
def test_every_variable_steers_every_other(dim):
    flow = rough(dim)
    matrix = torch.autograd.functional.jacobian(lambda one: flow(one[None])[0][0], points(1, dim)[0])
    assert bool((matrix != 0).all())


def test_it_starts_as_the_identity():
    x, log = CouplingFlow(5)(points(100, 5))
    assert (x - points(100, 5)).abs().max() < 1e-13
    assert log.abs().max() < 1e-12


def test_context_changes_the_map_and_keeps_its_inverse():
    flow, z = rough(3, context=2), points(200, 3)
    given, other = points(200, 2, 5), points(200, 2, 6)
    with torch.no_grad():
        x = flow(z, given)[0]
        assert (flow.inverse(x, given)[0] - z).abs().max() < 1e-10
        assert (flow(z, other)[0] - x).abs().max() > 1e-3


def test_the_density_integrates_to_one():
    flow, x = rough(2), points(40_000, 2)
    with torch.no_grad():
        density = flow.log_prob(x).exp()
    assert abs(float(density.mean()) - 1) < 4 * float(density.std()) / 200


def test_maximum_likelihood_learns_a_peak():
    torch.manual_seed(0)
    flow = CouplingFlow(2)
    x = (0.5 + 0.05 * torch.randn(512, 2, dtype=torch.float64)).clamp(0.01, 0.99)
    x[:, 1] = 0.9 * x[:, 0] + 0.1 * x[:, 1]
    steps = torch.optim.Adam(flow.parameters(), lr=1e-2)
    for _ in range(60):
        steps.zero_grad()
        loss = -flow.log_prob(x).mean()
        loss.backward()
        steps.step()
    assert -float(loss.detach()) > 2.0  # nats above uniform


def test_single_precision_and_saved_states():
    flow, copy = rough(4).float(), CouplingFlow(4, bins=6, hidden=(16, 16)).float()
    copy.load_state_dict(flow.state_dict())
    z = points(50, 4).float()
    with torch.no_grad():
        assert torch.equal(flow(z)[0], copy(z)[0])
        assert (flow.inverse(flow(z)[0])[0] - z).abs().max() < 1e-3


@pytest.mark.parametrize(
    "sizes", [{"dim": 0}, {"dim": 2, "bins": 1}, {"dim": 2, "hidden": ()}, {"dim": 2, "rounds": 0}]
)
def test_sizes_out_of_range(sizes):
    with pytest.raises(InputError, match="coupling flow needs"):
        CouplingFlow(**sizes)


def test_wrong_points_are_refused():
    with pytest.raises(InputError, match=r"shape \(n, 3\)"):
        CouplingFlow(3)(points(5, 4))
    with pytest.raises(InputError, match="2 given values a point, not 0"):
        CouplingFlow(3, context=2)(points(5, 3))


def turning(seed=0):
    """A rough flow of an angle, a line and an angle."""
    torch.manual_seed(seed)
    flow = CouplingFlow(3, bins=6, hidden=(16,), circular=(True, False, True))
    with torch.no_grad():
        for layer in flow.layers:
            layer.network[-1].weight.normal_(0, 0.5)
            layer.network[-1].bias.normal_(0, 1)
    return flow


def test_angles_keep_inverse_and_jacobian():
    flow, z = turning(), points(300, 3)
    with torch.no_grad():
        x, log = flow(z)
        again, back = flow.inverse(x)
    gap = (again - z).abs()
    assert torch.minimum(gap, 1 - gap).max() < 1e-9
    assert (log + back).abs().max() < 1e-7
    for one in points(5, 3, seed=2):
        matrix = torch.autograd.functional.jacobian(lambda at: flow(at[None])[0][0], one)
        assert float(flow(one[None])[1].detach()) == pytest.approx(float(torch.linalg.slogdet(matrix)[1]), abs=1e-8)


def test_the_density_of_an_angle_goes_on_over_the_ends():
    flow, x = turning(), points(200, 3)
    for angle in (0, 2):
        first, last = x.clone(), x.clone()
        first[:, angle], last[:, angle] = 1e-9, 1 - 1e-9
        with torch.no_grad():
            assert (flow.log_prob(first) - flow.log_prob(last)).abs().max() < 1e-5
    line = x.clone()
    line[:, 1] = 1e-9
    other = x.clone()
    other[:, 1] = 1 - 1e-9
    with torch.no_grad():
        assert (flow.log_prob(line) - flow.log_prob(other)).abs().max() > 0.1


def test_angles_must_be_told_for_each_variable():
    with pytest.raises(InputError, match="each of 3 variables"):
        CouplingFlow(3, circular=(True,))
