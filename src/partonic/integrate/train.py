r"""Flows learn what a grid cannot: they take the place of the uniform numbers of each grid, and share the grids' work.

The loss is the cross entropy of :math:`|f|` with the density of the whole mixture, over points of several rounds of
asking, drawn again and again in proportion to :math:`|f|/q` (q of the round that made them). As every weight holds the
density of all components, what the channels share at each point is learned with the flows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from partonic.core.rng import generator
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions
from partonic.integrate.mixture import EDGE, TINY, Component, Mixture
from partonic.integrate.pilot import Asked, effective
from partonic.models.flows.coupling import CouplingFlow

NEAR = 1e3  # a flow is not asked at points where its grid has a density so many times smaller than another's
HEAVIEST = 0.002  # largest share of an epoch that one point may have


@dataclass(frozen=True)
class FlowInputs:
    """Points in the numbers that flows see.

    Args:
        v: uniform numbers of each trained grid, (n, components, dim).
        log_base: log density of each trained grid, (n, components).
        fixed: density of the components that are not trained, times their shares, (n,).
    """

    v: Tensor
    log_base: Tensor
    fixed: Tensor

    def __len__(self) -> int:
        return len(self.fixed)

    def __getitem__(self, rows: Tensor) -> FlowInputs:
        return FlowInputs(self.v[rows], self.log_base[rows], self.fixed[rows])

    @classmethod
    def joined(cls, parts: Sequence[FlowInputs]) -> FlowInputs:
        """The points of all parts."""
        return cls(*(torch.cat([getattr(one, name) for one in parts]) for name in ("v", "log_base", "fixed")))

    def to(self, device: str) -> FlowInputs:
        """The same on a device."""
        return FlowInputs(self.v.to(device), self.log_base.to(device), self.fixed.to(device))


class Flows(nn.Module):
    """The flows of several components and the logarithms of their shares.

    Args:
        flows: one for each component.
        shares: of the components, (components,).
        trained: sum of the shares in the whole mixture.
    """

    def __init__(self, flows: Sequence[CouplingFlow], shares: Tensor, trained: float) -> None:
        super().__init__()
        self.flows = nn.ModuleList(flows)
        self.logits = nn.Parameter(torch.log(shares))
        self.trained = trained

    def log_density(self, batch: FlowInputs) -> Tensor:
        """Log density of the mixture, (n,)."""
        shares = math.log(self.trained) + torch.log_softmax(self.logits, 0)
        before = (batch.log_base + shares).detach()
        near = before > before.max(1, keepdim=True).values - math.log(NEAR)
        parts = [torch.log(batch.fixed + 1e-30)]
        for k, flow in enumerate(self.flows):
            rows = torch.nonzero(near[:, k]).squeeze(1)
            log = flow.log_prob(batch.v[rows, k]) + batch.log_base[rows, k] + shares[k]  # type: ignore[operator]
            parts.append(torch.full_like(batch.fixed, -1e30).index_copy(0, rows, log))
        return torch.logsumexp(torch.stack(parts, 1), 1)


def cross_entropy(model: Flows, batch: FlowInputs) -> Tensor:
    """Mean of minus the log density."""
    return -model.log_density(batch).mean()


class Replay:
    """Epochs of points drawn again in proportion to their weights; an epoch is a function of its number.

    Args:
        points: all that were asked for.
        weights: in proportion to which they come, (n,).
        size: points of an epoch.
        batch: of a step.
        seed: of the draws.
    """

    def __init__(self, points: FlowInputs, weights: Tensor, size: int, batch: int, seed: int) -> None:
        self.points, self.size, self.batch, self.seed = points, size, batch, seed
        self.running = torch.cumsum(weights.double() / weights.double().sum(), 0)

    def __len__(self) -> int:
        return max(1, self.size // self.batch)

    def __iter__(self) -> Iterator[FlowInputs]:
        return self.epoch(0)

    def epoch(self, number: int, skip: int = 0) -> Iterator[FlowInputs]:
        """The batches of an epoch without the first ``skip``."""
        rng = generator(self.seed, number)
        places = (torch.arange(len(self) * self.batch) + float(rng.random())) / (len(self) * self.batch)
        rows = torch.searchsorted(self.running, places.double()).clamp_(max=len(self.points) - 1)
        rows = rows[torch.from_numpy(rng.permutation(len(rows)))]
        for part in torch.split(rows, self.batch)[skip:]:
            yield self.points[part]


def seen_by(mixture: Mixture, trained: Sequence[int], y: Tensor, defence: float) -> FlowInputs:
    """Points as the flows of some components see them, in single precision.

    Args:
        mixture: without flows.
        trained: numbers of the components that get flows.
        y: points, (n, m).
        defence: share of the draws that stay with the mixture as it is.
    """
    logs = mixture.log_densities(y)
    places = mixture.located(y)
    v = torch.stack([mixture.components[k].grid.inverse(places[mixture.components[k].channel][0]) for k in trained], 1)
    fixed = torch.exp(logs) @ defending(mixture, defence).double()
    base = torch.stack([logs[:, k] for k in trained], 1).clamp_min(math.log(TINY) / 10)
    return FlowInputs(v.clamp(EDGE, 1 - EDGE).float(), base.float(), fixed.float())


def defending(pilot: Mixture, defence: float) -> Tensor:
    """Shares of the pilot's components in the defence, (components,): half to those not adapted, if there are any."""
    broad = torch.tensor([one.broad for one in pilot.components])
    if not bool(broad.any()):
        return defence * pilot.shares
    total = float(pilot.shares[broad].sum())
    return 0.5 * defence * pilot.shares / torch.where(broad, total, 1 - total)


def weights_of(rounds: Sequence[Asked]) -> Tensor:
    """How often points of several rounds should come, (n,): rounds count as their effective numbers of points."""
    parts = []
    for one in rounds:
        w = one.weights.abs()
        parts.append(w / w.sum().clamp_min(TINY) * effective(one) * len(one))
    weights = torch.cat(parts)
    return weights.clamp(max=float(weights.sum()) * HEAVIEST)


@dataclass(frozen=True)
class FlowOptions:
    """How flows learn.

    Args:
        bins: of each spline.
        hidden: widths of their networks.
        batch: points of a step.
        replay: how often each call of the integrand comes in a step, on average.
        learning_rate: the highest one.
        defence: share of the draws that stay with the grids, half of them with those that are not adapted.
    """

    bins: int = 10
    hidden: tuple[int, ...] = (32, 32)
    batch: int = 1024
    replay: float = 5.0
    learning_rate: float = 3e-3
    defence: float = 0.05


def begin(pilot: Mixture, learning: FlowOptions, seed: int) -> tuple[Flows, list[int]]:
    """Flows that change nothing yet, for the components that are not broad, and the numbers of these."""
    trained = [k for k, one in enumerate(pilot.components) if not one.broad]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        flows = [CouplingFlow(pilot.dim, learning.bins, learning.hidden).float() for _ in trained]
    shares = pilot.shares[trained]
    return Flows(flows, (shares / shares.sum()).float(), 1 - learning.defence), trained


def with_flows(pilot: Mixture, model: Flows, trained: Sequence[int]) -> Mixture:
    """The mixture of the pilot's components, at the share of the defence, and of those with flows."""
    kept = defending(pilot, 1 - model.trained).tolist()
    shares = torch.softmax(model.logits.detach().double(), 0).tolist()
    with_them = []
    for k, flow, share in zip(trained, model.flows, shares, strict=True):
        copy = CouplingFlow(**flow.sizes)  # type: ignore[arg-type]
        copy.load_state_dict({name: value.double() for name, value in flow.state_dict().items()})
        with_them.append(Component(pilot.components[k].channel, pilot.components[k].grid, model.trained * share, copy))
    fixed = [replace(one, share=share, broad=True) for one, share in zip(pilot.components, kept, strict=True)]
    components = (*fixed, *with_them)
    total = math.fsum(one.share for one in components)
    return Mixture(pilot.channels, tuple(replace(one, share=one.share / total) for one in components))


def learn(
    model: Flows,
    points: FlowInputs,
    weights: Tensor,
    learning: FlowOptions,
    steps: int,
    rate: float,
    seed: int,
    directory: Path | None = None,
) -> None:
    """Train flows in place on all points so far.

    Args:
        model: the flows.
        points: all that were asked for, as the flows see them.
        weights: how often they should come, (n,).
        learning: how.
        steps: of the gradient.
        rate: of learning, at its highest.
        seed: of the draws.
        directory: where the state of the training is kept, ``None`` for nowhere.
    """
    data = Replay(points, weights, steps * learning.batch, learning.batch, seed)
    options = FitOptions(
        epochs=1, learning_rate=rate, schedule="cosine", warmup=0.1, weight_decay=1e-4, clip=5.0, seed=seed
    )
    fit(model, cross_entropy, data, options=options, directory=directory, description="flows")
