"""The pilot: grids and shares adapted to an integrand, with as many grids as it has separate modes.

Grids of several components are adapted together as in VAMP (Ohl, hep-ph/9806432): each point counts for a component in
proportion to that one's part of the density there. Points from everywhere climb, to find peaks that grids have lost;
where a large spread is left, a cooled population of points looks for separate modes; each of these gets its own grid. A
small share of the points is always spread evenly, so that no weight is without bound.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.integrate.anneal import Population, anneal
from partonic.integrate.integrand import Integrand
from partonic.integrate.mixture import TINY, Component, Mixture
from partonic.integrate.search import Places, search
from partonic.phasespace.vegas import Grid

ROUNDS, LEAST_ROUND = 6, 250
ENOUGH = 0.05  # effective share of points above which a grid has met all that there is
GOOD = 0.5  # effective share of points above which no separate modes are looked for
EVEN = 0.01  # share of points that are spread evenly, whatever is learned
BROAD = 0.03  # share of the grids that stay as they are when others follow modes: they meet a mode that is lost
PILOTED = 0.02  # least share of each component in the pilot
SEARCHES = 3  # at most, as one that finds a peak may have missed another
LOST = 0.3  # share of new grids for peaks that the others have lost
MODES, LEAST_MODE = 6, 40  # largest number of separate modes, and least points that tell them
GAIN = 2.0  # by which grids of separate modes must raise the effective share of points
APART = 0.998  # mean certainty of belonging to one mode, below which modes are not separate
DROP = 1e-3  # share of the weights below which a component is dropped, where the others reach its points:
HEAVIER = 2.0  # none of them gets heavier than so many times the heaviest of all
FOLLOWED, FOLLOWED_SHARE = 300, 0.05  # effective number, and share, of points that grids follow, at least


@dataclass(frozen=True)
class Asked:
    """Points that were asked for.

    Args:
        y: points, (n, m).
        f: values, (n,).
        q: density from which they were drawn, (n,).
        component: that made them, (n,).
        shares: of the components, (components,).
    """

    y: Tensor
    f: Tensor
    q: Tensor
    component: Tensor
    shares: Tensor

    @property
    def weights(self) -> Tensor:
        """f/q, (n,)."""
        return self.f / self.q

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Pilot:
    """What the pilot found.

    Args:
        mixture: adapted.
        rounds: of points, the last ones.
        integral: mean of the last rounds.
        error: of it.
        effective: share of points in the last round.
        cooled: integral of the absolute integrand by a cooled population of points; nan where there was none.
        cooled_error: of that.
        searched: whether separate modes were looked for, or need not be.
    """

    mixture: Mixture
    rounds: tuple[Asked, ...]
    integral: float
    error: float
    effective: float
    cooled: float
    cooled_error: float
    searched: bool


def sample(integrand: Integrand, mixture: Mixture, n: int, random: torch.Generator) -> Asked:
    """Ask an integrand at up to n points of a mixture: of each component as many as its share says, at least 2."""
    parts = []
    for number, component in enumerate(mixture.components):
        count = max(2, int(component.share * n))
        u = torch.rand(count, mixture.dim, generator=random, dtype=torch.float64)
        parts.append((*mixture.draw(number, u), torch.full((count,), number)))
    y, q, made_by = (torch.cat(part) for part in zip(*parts, strict=True))
    return Asked(y, integrand(y), q, made_by, mixture.shares)


def mean(seen: Asked) -> tuple[float, float]:
    """The integral and its error, from points with a known number of each component."""
    total, variance, unit = 0.0, 0.0, _unit(seen)
    for number, share in enumerate(seen.shares.tolist()):
        w = seen.weights[seen.component == number] / unit
        total += share * float(w.mean())
        variance += share**2 * float(w.var()) / len(w)
    return unit * total, unit * math.sqrt(variance)


def _unit(seen: Asked) -> float:
    """The largest weight, so that the squares of very small and very large ones stay numbers; 1 where all are 0."""
    return float(seen.weights.abs().max()) or 1.0


def effective(seen: Asked) -> float:
    """Kish's effective share of points, of absolute weights."""
    first = second = 0.0
    for number, share in enumerate(seen.shares.tolist()):
        w = seen.weights[seen.component == number].abs() / _unit(seen)
        first += share * float(w.mean())
        second += share * float((w * w).mean())
    return first**2 / second if second > 0 else 0.0


def adapted(mixture: Mixture, seen: Asked, damping: float = 0.7, least: float = 0.0) -> Mixture:
    """Grids and shares that follow the absolute weights, but for broad ones.

    Components hardly used are dropped where the others reach their points.

    Args:
        mixture: from which the points were drawn.
        seen: points.
        damping: of the grids.
        least: share of each of them, as one that is about to find its peak carries little for some rounds.

    Returns:
        The same one where the integrand is 0 at all points.
    """
    if not bool((seen.f != 0).any()):
        return mixture
    logs = mixture.log_densities(seen.y) + torch.log(mixture.shares)
    own = torch.softmax(logs, 1) * _tempered(seen)[:, None]  # (n, components)
    shares = own.sum(0) / own.sum()
    places = mixture.located(seen.y)
    components = []
    for number, component in enumerate(mixture.components):
        grid = component.grid
        if float(shares[number]) > DROP and not component.broad:
            cells = _cells(grid, places[component.channel][0])
            grid = grid.refined(cells, own[:, number], damping)
        components.append(replace(component, grid=grid))
    broad = torch.tensor([one.broad for one in components])
    shares = torch.where(broad, mixture.shares, (0.5 * (shares + mixture.shares)).clamp_min(least))
    each, kept = torch.exp(logs), torch.ones(len(components), dtype=torch.bool)
    for number in torch.nonzero(~broad & (shares <= DROP))[:, 0].tolist():
        kept[number] = False
        kept[number] = not _reached(each, seen.f.abs(), kept)
    return _shared(mixture, [components[n] for n in torch.nonzero(kept)[:, 0].tolist()], shares[kept])


def _tempered(seen: Asked) -> Tensor:
    """Absolute weights, (n,), to a power below 1 where a few of them would decide everything.

    A grid that follows one point of a narrow mode loses the others; one that follows a flattened integrand gets there
    in several steps.
    """
    log = torch.log(seen.weights.abs() + TINY)
    log = log - log.max()
    wanted = min(max(FOLLOWED, FOLLOWED_SHARE * len(seen)), len(seen) / 4)

    def followed(power: float) -> Tensor:
        w = torch.exp(power * log)
        return w if float(w.sum() ** 2 / (w * w).sum()) >= wanted else w[:0]

    if len(followed(1.0)):
        return followed(1.0)
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if len(followed(middle)) else (low, middle)
    return torch.exp(low * log)


def _shared(mixture: Mixture, components: list[Component], shares: Tensor) -> Mixture:
    """A mixture of these components, where broad ones keep their shares and the others divide the rest."""
    fixed = math.fsum(float(share) for one, share in zip(components, shares, strict=True) if one.broad)
    scale = (1 - fixed) / math.fsum(
        float(share) for one, share in zip(components, shares, strict=True) if not one.broad
    )
    made = [
        replace(one, share=float(share) * (1.0 if one.broad else scale))
        for one, share in zip(components, shares, strict=True)
    ]
    rest = 1 - math.fsum(one.share for one in made[1:])
    return replace(mixture, components=(replace(made[0], share=rest), *made[1:]))


def _cells(grid: Grid, x: Tensor) -> Tensor:
    return (grid.inverse(x) * grid.cells).long().clamp_(0, grid.cells - 1)


def run_pilot(
    integrand: Integrand, mixture: Mixture, calls: int, random: torch.Generator, known: Places | None = None
) -> Pilot:
    """Adapt a mixture.

    Args:
        integrand: asked about so often.
        mixture: where to begin.
        calls: of the integrand.
        random: source of randomness.
        known: places that an earlier attempt did not follow, if there are any.

    Raises:
        InputError: the integrand is 0 everywhere, or its values are no finite numbers.
    """
    asked: list[Asked] = []
    n, start = max(LEAST_ROUND, calls // (2 * ROUNDS)), mixture
    mixture, means = _rounds(integrand, mixture, n, random, asked)
    first, before = effective(asked[0]), _recent(asked)
    if first > before:  # too few points for a grid
        mixture, before = start, first
    n = max(LEAST_ROUND, calls // (4 * ROUNDS))
    for number in range(SEARCHES):
        lost = known if number == 0 else None
        lost = lost or search(integrand, mixture, start, _absolute(asked), calls // 4, random)
        if lost is None:
            break
        wider, after = _rounds(integrand, with_places(defended(mixture, start), lost), n, random, asked)
        if max(effective(one) for one in asked[-2:]) <= ENOUGH:
            break  # the integrand is more than separate peaks
        mixture, means, before = wider, after, _recent(asked)
    if before > GOOD:
        mixture = defended(needed(mixture, asked[-ROUNDS:]), start)
        mixture, after = _rounds(integrand, mixture, n, random, asked)
        return _pilot(mixture, asked, means[ROUNDS // 3 :] + after, (math.nan, math.nan), searched=True)
    population = anneal(integrand, mixture, calls // 2, before, random)
    mixture = needed(mixture, asked, population)
    searched, cooled = population is not None or before > ENOUGH, (math.nan, math.nan)
    if population is not None:
        cooled = population.integral
        whole = defended(mixture, start, BROAD)
        split = with_modes(whole, population)
        if len(split.components) > len(whole.components):
            split, after = _rounds(integrand, split, n, random, asked)
            if _recent(asked) > GAIN * before:
                return _pilot(split, asked, after[ROUNDS // 3 :], cooled, searched=searched)
    better, after = _rounds(integrand, defended(mixture, start, BROAD), n, random, asked)
    better = better if _recent(asked) > before else defended(mixture, start)
    return _pilot(better, asked, (means + after)[-ROUNDS:], cooled, searched=searched)


def _absolute(asked: list[Asked]) -> float:
    """Integral of the absolute integrand by the last round that met any of it."""
    return next(size for one in reversed(asked) if (size := float(one.weights.abs().mean())) > 0)


def _recent(asked: list[Asked]) -> float:
    """Effective share of points in the last two rounds: the lower one, as a few points can look too even."""
    return min(effective(one) for one in asked[-2:])


def needed(mixture: Mixture, rounds: Sequence[Asked], population: Population | None = None) -> Mixture:
    """The same mixture without the channels that are not needed.

    Such a channel carries less than ``DROP`` of the absolute weights of all rounds together and of a cooled population,
    and the others reach its points.

    Args:
        mixture: with its shares.
        rounds: of points, from any density.
        population: cooled, if there is one.
    """
    if not any(bool((one.f != 0).any()) for one in rounds):
        return mixture
    y = torch.cat([one.y for one in rounds])
    size, weights = (torch.cat([getattr(one, name) for one in rounds]).abs() for name in ("f", "weights"))
    each = torch.exp(mixture.log_densities(y)) * mixture.shares  # (n, components)
    channel = torch.tensor([one.channel for one in mixture.components])
    carried = weights @ (each / each.sum(1, keepdim=True)) / weights.sum()
    share = {k: float(carried[channel == k].sum()) for k in channel.tolist()}
    gone = torch.zeros(len(channel), dtype=torch.bool)
    for k in sorted(share, key=share.__getitem__):
        cooled = 0.0 if population is None else float((population.channel == k).double().mean())
        without = gone | (channel == k)
        if max(share[k], cooled) < DROP and _reached(each, size, ~without):
            gone = without
    kept = [one for one, left in zip(mixture.components, gone.tolist(), strict=True) if not left]
    total = math.fsum(one.share for one in kept)
    return replace(mixture, components=tuple(replace(one, share=one.share / total) for one in kept))


def _reached(each: Tensor, size: Tensor, kept: Tensor) -> bool:
    """Whether with some components alone no point gets heavier than ``HEAVIER`` times the heaviest one.

    Args:
        each: densities of the components times their shares, (n, components).
        size: of the integrand, (n,).
        kept: which components are left, (components,).
    """
    return bool((size <= HEAVIER * (size / each.sum(1)).max() * each[:, kept].sum(1)).all())


def defended(mixture: Mixture, start: Mixture, frozen: float = 0.0) -> Mixture:
    """The same mixture with parts that will not be adapted, in place of such parts that it has.

    Args:
        mixture: adapted.
        start: grids that were not, of which those in the mixture's channels get ``EVEN`` of the points.
        frozen: share of copies of the components as they are.
    """
    followed = [one for one in mixture.components if not one.broad]
    channels, total = {one.channel for one in followed}, math.fsum(one.share for one in followed)
    even = [one for one in start.components if one.channel in channels]
    parts = [(one, EVEN / len(even)) for one in even]
    parts += [(one, frozen * one.share / total) for one in followed] if frozen else []
    broad = [replace(one, share=share, broad=True) for one, share in parts]
    components = [*broad, *followed]
    return _shared(mixture, components, torch.tensor([one.share for one in components], dtype=torch.float64))


def _pilot(
    mixture: Mixture,
    asked: list[Asked],
    means: list[tuple[float, float]],
    cooled: tuple[float, float],
    *,
    searched: bool,
) -> Pilot:
    """Plain mean over rounds: weights by error would prefer rounds that missed a peak."""
    value = math.fsum(one for one, _ in means) / len(means)
    error = math.hypot(*(error for _, error in means)) / len(means)
    return Pilot(mixture, tuple(asked[-ROUNDS:]), value, error, effective(asked[-1]), *cooled, searched)


def _rounds(
    integrand: Integrand, mixture: Mixture, n: int, random: torch.Generator, asked: list[Asked]
) -> tuple[Mixture, list[tuple[float, float]]]:
    """Rounds of asking and adapting, with the integral that each has found.

    Raises:
        InputError: the integrand is 0 at all points of these rounds and of those before.
    """
    means = []
    for _ in range(ROUNDS):
        asked.append(sample(integrand, mixture, n, random))
        means.append(mean(asked[-1]))
        mixture = adapted(mixture, asked[-1], least=PILOTED)
    if not any(bool((one.f != 0).any()) for one in asked):
        raise InputError(
            f"the integrand is 0 at all of {sum(map(len, asked)):,} points; look for a cut that removes everything, or "
            "give channels that lead to where it is not 0"
        )
    return mixture, means


def with_modes(mixture: Mixture, population: Population) -> Mixture:
    """A mixture with a grid for each separate mode of a population, in place of the adapted ones of their channel."""
    components, shares = [], []
    for component in mixture.components:
        points = population.points[population.channel == component.channel]
        x = mixture.channels[component.channel].inverse(points)[0]
        found = [] if component.broad or len(x) < LEAST_MODE else _by_mode(x, modes(component.grid.inverse(x)))
        if len(found) > 1:
            components += [Component(component.channel, _grid_of(mine, component.grid.cells), 0.0) for mine in found]
            shares += [component.share * len(mine) / len(x) for mine in found]
        else:
            components.append(component)
            shares.append(component.share)
    return _shared(mixture, components, torch.tensor(shares, dtype=torch.float64))


def with_places(mixture: Mixture, places: Places) -> Mixture:
    """A mixture with further grids, one for each separate place that it does not follow, ``LOST`` of all together."""
    components, shares = list(mixture.components), [one.share for one in mixture.components]
    followed = math.fsum(one.share for one in components if not one.broad)
    for channel in torch.unique(places.channel).tolist():
        x = mixture.channels[channel].inverse(places.points[places.channel == channel])[0]
        for mine in _by_mode(x, modes(x)):
            components.append(Component(channel, _grid_of(mine, components[0].grid.cells), 0.0))
    new = len(components) - len(shares)
    shares += [LOST / (1 - LOST) * followed / new] * new
    return _shared(mixture, components, torch.tensor(shares, dtype=torch.float64))


def _by_mode(x: Tensor, labels: Tensor) -> list[Tensor]:
    """The points of each mode."""
    return [x[labels == label] for label in torch.unique(labels)]


def _grid_of(x: Tensor, cells: int) -> Grid:
    """A grid that follows a few points: broader than they are, to be refined later."""
    grid = Grid.uniform(x.shape[1], cells)
    for _ in range(4):
        grid = grid.refined(_cells(grid, x), torch.ones(len(x), dtype=torch.float64), 0.6)
    return grid


def modes(u: Tensor) -> Tensor:
    """Which of its separate modes each point belongs to, (n,): a Gaussian mixture, where its parts hardly overlap."""
    from sklearn.mixture import GaussianMixture

    x, best, labels = u.numpy(), math.inf, torch.zeros(len(u), dtype=torch.int64)
    for count in range(1, min(MODES, len(u) // 20) + 1):
        found = GaussianMixture(count, covariance_type="diag", n_init=2, random_state=0, reg_covar=1e-6)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the last step need not converge
            found.fit(x)
        score, certain = found.bic(x), found.predict_proba(x).max(1).mean()
        if score < best and (count == 1 or certain > APART):
            best, labels = score, torch.from_numpy(found.predict(x)).long()
    return labels
