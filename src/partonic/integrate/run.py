"""Integrate: adapt grids, train flows where they pay, measure with a fixed density, and judge what was found."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from partonic.core.errors import FileError, InputError, TrainingError, unknown
from partonic.core.rng import generator
from partonic.integrate.channels import Cube, CubeMap, check_channels
from partonic.integrate.cost import Price, expected, paid
from partonic.integrate.integral import Integral
from partonic.integrate.integrand import Function, Integrand
from partonic.integrate.measure import LEAST, measure
from partonic.integrate.mixture import Mixture, untrained
from partonic.integrate.pilot import LEAST_ROUND, Pilot, adapted, effective, needed, run_pilot, sample
from partonic.integrate.search import WITNESS, witness
from partonic.integrate.stored import NAME, Work, load, save
from partonic.integrate.train import FlowInputs, FlowOptions, begin, learn, seen_by, weights_of, with_flows
from partonic.integrate.verdict import judge

METHODS = ("auto", "grid", "flow")
PILOT = 0.2  # share of the calls
TRIAL = 0.05
PROBES = 8  # points of each channel by which an integrand is known again
ROUNDS = 5
FALL = 0.8  # of the rate of learning from round to round
LEAST_CALLS = 2_000
SMOOTH = 0.5  # spread below which a flow has nothing to win


@dataclass(frozen=True)
class IntegrateOptions:
    """How to integrate.

    Args:
        calls: of the integrand, to adapt the density; below 7,000 the least sizes of rounds may ask up to 4,000 more.
        final: calls with the final density, from which the integral comes; 0 for as many as ``calls``. A fifth as many
            evenly spread points, half a million at most, are held against it.
        method: ``grid`` (VEGAS grids, one for each separate mode), ``flow`` (flows on top of these), or ``auto``: flows
            where the price of a call makes them pay, by processor times: near that price the same seed need not
            give the same bits.
        precision: relative, that will be wanted of integrals or events; decides with the price of a call.
        seconds_per_call: processor seconds of a call of the integrand, 0 to measure them.
        cells: of the grids, for each variable.
        restarts: further attempts from other seeds when one fails.
        flow: how flows learn.
        seed: of everything random.

    Raises:
        InputError: a number is out of range.
        UnknownNameError: there is no such method.
    """

    calls: int = 200_000
    final: int = 0
    method: str = "auto"
    precision: float = 1e-4
    seconds_per_call: float = 0.0
    cells: int = 64
    restarts: int = 1
    flow: FlowOptions = field(default_factory=FlowOptions)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise unknown("method of integration", self.method, METHODS)
        if self.calls < LEAST_CALLS:
            raise InputError(f"adapting a density needs {LEAST_CALLS:,} calls or more, not {self.calls:,}")
        if not (self.precision > 0 and self.seconds_per_call >= 0):
            raise InputError(
                f"precision must be above 0 and seconds_per_call not below, not {self.precision} and "
                f"{self.seconds_per_call}"
            )
        if self.final < 0 or self.restarts < 0 or self.seed < 0 or self.cells < 4:
            raise InputError("final, restarts and seed must be 0 or above, and cells 4 or more")


def integrate(
    function: Function,
    over: int | Sequence[CubeMap],
    options: IntegrateOptions | None = None,
    *,
    workers: int = 1,
    executor: Executor | None = None,
    directory: Path | str | None = None,
) -> Integral:
    """Integrate a function, and learn a density from which to draw its events.

    Args:
        function: vectorised, of points (n, m) in double precision; gives (n,). It may be negative. With several
            processes it must pickle.
        over: number of variables of the unit cube, or channels that map it (their points go to the function).
        options: how.
        workers: processes that ask the integrand.
        executor: where to ask it instead, as a cluster.
        directory: where the state is kept; called again with the same arguments, it goes on from there. Another
            integrand or another map is told by its values at a few points, which are not counted as calls.

    Returns:
        The integral with its status: ``"ok"``, or ``"failed"`` with reasons. A failed one is no result.

    Raises:
        InputError: the integrand is not finite somewhere, 0 everywhere, or gives another number of values than points;
            a channel is wrong; an option is out of range.
        FileError: the directory cannot be used.
    """
    options = options or IntegrateOptions()
    channels: tuple[CubeMap, ...] = (Cube(over),) if isinstance(over, int) else tuple(over)
    check_channels(channels)
    folder = None if directory is None else Path(directory)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    seen = [] if folder is None else _fingerprint(function, channels)
    found: list[Integral] = []
    for attempt in range(1 + options.restarts):
        with Integrand(function, workers, executor) as integrand:
            run = _Attempt(integrand, channels, options, attempt, folder, seen)
            try:
                found.append(run.go(found))
            except InputError:
                if not found:
                    raise
                break  # another seed has met nothing: what the first one says stands
        if found[-1].status == "ok":
            break
    return found[-1]


class _Attempt:
    """One way through, from a seed of its own."""

    def __init__(
        self,
        integrand: Integrand,
        channels: tuple[CubeMap, ...],
        options: IntegrateOptions,
        attempt: int,
        folder: Path | None,
        seen: list[str],
    ) -> None:
        self.integrand, self.channels, self.options, self.attempt = integrand, channels, options, attempt
        self.path = None if folder is None else folder / f"{attempt}-{NAME}"
        self.identity: dict[str, Any] = {**_plain(asdict(options)), "channels": len(channels), "dim": channels[0].dim}
        self.identity["integrand or maps"] = seen
        self.work = Work() if self.path is None else load(self.path, self.identity, channels)
        if self.path is not None and self.work.pilot is not None:
            _check_known(self.path, integrand.function, self.work.pilot)
        integrand.calls, integrand.seconds = self.work.calls, self.work.seconds

    def random(self, *path: int) -> torch.Generator:
        """Source of randomness for one purpose."""
        seed = int(generator(self.options.seed, self.attempt, *path).integers(2**62))
        return torch.Generator().manual_seed(seed)

    def seed(self, *path: int) -> int:
        """A seed for one purpose."""
        return int(generator(self.options.seed, self.attempt, *path).integers(2**31))

    def save(self) -> None:
        """Keep what is done."""
        self.work.calls, self.work.seconds = self.integrand.calls, self.integrand.seconds
        if self.path is not None:
            save(self.work, self.identity, self.path)

    def go(self, before: list[Integral]) -> Integral:
        """Adapt, decide, train, measure, judge; ``before`` are the results of attempts that failed."""
        work, options = self.work, self.options
        start = untrained(self.channels, options.cells)
        if work.pilot is None:
            known = before[-1].witness.places if before else None
            work.pilot = run_pilot(self.integrand, start, int(PILOT * options.calls), self.random(0), known)
            self.save()
        if not work.decided:
            work.price = asdict(self.decide(work.pilot))
            self.save()
        if not work.finished:
            if work.decided == "flow":
                self.train(work.pilot)
            else:
                self.refine(work.pilot.mixture)
            work.finished = True
            self.save()
        mixture = work.best or work.pilot.mixture
        n = options.final or options.calls
        found = measure(self.integrand, mixture, n, self.seed(4), work.repetitions, self.save)
        price = Price(**work.price)
        if work.decided == "flow":
            price = paid(price, mixture, found.spread, work.training)
        if work.witness is None:
            work.witness = witness(self.integrand, mixture, start, found.absolute, int(WITNESS * n), self.random(7))
            self.save()
        reasons = judge(work.pilot, found, work.witness, [one.measurement for one in before if not one.witness.misses])
        return Integral(
            measurement=found,
            method=work.decided,
            reasons=tuple(reasons),
            mixture=mixture,
            pilot=work.pilot,
            witness=work.witness,
            price=price,
            seconds_per_call=self.integrand.seconds_per_call,
            calls=self.integrand.calls,
            attempts=self.attempt + 1,
            learning=tuple(effective(one) for one in work.rounds),
            function=self.integrand.function,
            seed=self.seed(5),
        )

    def decide(self, pilot: Pilot) -> Price:
        """Whether flows pay, by what a trial with the grids says of their spread."""
        options, work = self.options, self.work
        trial = measure(self.integrand, pilot.mixture, max(LEAST, int(TRIAL * options.calls)), self.seed(1))
        left = max(0, options.calls - self.integrand.calls)
        price = expected(pilot.mixture, options.flow, left, trial.spread, options.precision, self.seed(2))
        if options.method == "auto":
            call = options.seconds_per_call or self.integrand.seconds_per_call
            work.decided = "flow" if trial.spread > SMOOTH and call > price.break_even else "grid"
        else:
            work.decided = options.method
        return price

    def due(self, number: int, kept: int = 0) -> int:
        """Calls of a round: what is left but for some that are kept, in equal parts for it and those to come."""
        left = self.options.calls - kept - self.integrand.calls
        return max(LEAST_ROUND, left // (ROUNDS - number))

    def refine(self, pilot: Mixture) -> None:
        """Spend the calls that are left on the grids."""
        work = self.work
        mixture = work.best or pilot
        for number in range(len(work.rounds), ROUNDS):
            work.rounds.append(sample(self.integrand, mixture, self.due(number), self.random(3, number)))
            mixture = work.best = adapted(mixture, work.rounds[-1])
            self.save()
        if effective(work.rounds[-1]) < effective(work.rounds[0]):
            work.best = pilot

    def train(self, found: Pilot) -> None:
        """Ask and train in turns, with more steps each round: few points early on would be learned by heart."""
        work, how, pilot = self.work, self.options.flow, found.mixture
        model, trained = begin(pilot, how, self.seed(2))
        if work.flows is not None:
            model.load_state_dict(work.flows)
        asked = [*found.rounds, *work.rounds]
        points = [seen_by(pilot, trained, one.y, how.defence) for one in asked]
        last = max(LEAST_ROUND, int(TRIAL * self.options.calls))
        for number in range(len(work.rounds), ROUNDS):
            n = self.due(number, last)
            current = pilot if number == 0 else with_flows(pilot, model, trained)
            new = sample(self.integrand, current, n, self.random(3, number))
            asked.append(new)
            points.append(seen_by(pilot, trained, new.y, how.defence))
            began = time.process_time()
            steps = max(1, round(n * how.replay / how.batch * 2 * (number + 1) / (ROUNDS + 1)))
            rate = how.learning_rate * FALL**number
            try:
                learn(model, FlowInputs.joined(points), weights_of(asked), how, steps, rate, self.seed(3, number))
            except TrainingError as error:
                sys.stderr.write(f"partonic: the flows could not be trained ({error}); the grids go on\n")
                work.decided = "grid"
                self.refine(pilot)
                return
            work.training += time.process_time() - began
            work.rounds.append(new)
            work.flows = {name: value.clone() for name, value in model.state_dict().items()}
            self.save()
        learned = with_flows(pilot, model, trained)
        trial = sample(self.integrand, learned, last, self.random(6))
        if effective(trial) > found.effective:
            work.best = needed(learned, [trial])
        else:  # too few calls for a flow: what it has learned is worse than nothing
            work.decided = "grid"


def _fingerprint(function: Function, channels: tuple[CubeMap, ...]) -> list[str]:
    """What tells an integrand and its channels from others: values and densities at a few points of each channel."""
    lines = []
    for number, channel in enumerate(channels):
        random = torch.Generator().manual_seed(number)
        x = torch.rand(PROBES, channel.dim, generator=random, dtype=torch.float64)
        y, density = channel.forward(x)
        lines.append(" ".join(f"{float(one):.9g}" for one in (*Integrand(function)(y), *density)))
    return lines


def _check_known(path: Path, function: Function, pilot: Pilot) -> None:
    """Hold an integrand against its largest values that are stored; a few points of the cube may all be cut away.

    Raises:
        FileError: these are not its values.
    """
    last = pilot.rounds[-1]
    rows = torch.topk(last.f.abs(), min(PROBES, len(last))).indices
    if not torch.allclose(Integrand(function)(last.y[rows]), last.f[rows], rtol=1e-9, atol=0.0):
        raise FileError(f"{path} holds another integration (it differs in the integrand); choose another directory")


def _plain(tree: dict[str, Any]) -> dict[str, Any]:
    """Options as data that a file can hold."""
    return {
        name: _plain(value) if isinstance(value, dict) else list(value) if isinstance(value, tuple) else value
        for name, value in tree.items()
    }
