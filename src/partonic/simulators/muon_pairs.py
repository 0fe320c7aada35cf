"""Muon pairs from photon and Z boson by Pythia, with radiation off quarks and muons and nothing else; made fast."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from partonic.core.cachedir import cache_folder
from partonic.core.errors import FileError, InputError, SimulationError
from partonic.core.parallel import ordered
from partonic.core.progress import progress
from partonic.core.rng import chunk_seed
from partonic.events.events import Events, concatenate
from partonic.events.ragged import Ragged
from partonic.io import parquet
from partonic.simulators.pythia import Generator
from partonic.version import __version__

NAMES = ("pt1", "eta1", "pt2", "eta2", "dphi")
MUON = 13
MASS, WIDTH = 91.19, 2.5  # GeV, of the Z boson without Pythia
CHUNK = 2_000  # collisions
GIVE_UP = 20  # chunks without a pair


@dataclass(frozen=True)
class MuonPairOptions:
    """Muon pairs within cuts.

    Args:
        pt_min: smallest transverse momentum of each muon in GeV.
        eta_max: largest absolute pseudorapidity of each.
        low: smallest mass of the pair in GeV.
        high: largest, in GeV.
        energy: of the collisions in GeV.

    Raises:
        InputError: a number is out of range.
    """

    pt_min: float = 20.0
    eta_max: float = 2.4
    low: float = 60.0
    high: float = 120.0
    energy: float = 13_000.0

    def __post_init__(self) -> None:
        if not (self.pt_min > 0 and self.eta_max > 0 and 0 < self.low < self.high < self.energy):
            raise InputError(
                f"muon pairs need cuts above 0 and masses that rise, not {self.pt_min} GeV, {self.eta_max}, "
                f"{self.low} to {self.high} GeV at {self.energy} GeV"
            )


def muon_pairs(
    n: int,
    seed: int = 1,
    options: MuonPairOptions | None = None,
    *,
    workers: int = 1,
    folder: Path | None = None,
    executor: Executor | None = None,
) -> Events:
    r"""Pairs of muons: columns ``pt1 eta1 pt2 eta2`` (the negative one first; GeV), ``dphi`` and ``mass`` (GeV).

    A muon has what it has after its radiation. The sample is kept in the cache.

    Args:
        n: number of pairs, 1 or more.
        seed: 0 to 899,999,999.
        options: the cuts; those of :class:`MuonPairOptions` if None.
        workers: processes.
        folder: where samples are kept; ``samples`` in the cache folder if None.
        executor: where to work instead of local processes.

    Raises:
        InputError: n is below 1.
        MissingPackageError: pythia8mc is not installed.
        FileError: the folder cannot be written.
        SimulationError: Pythia refuses, or no pair is within the cuts.
    """
    if n < 1:
        raise InputError(f"the number of muon pairs must be 1 or more, not {n}")
    chosen = options or MuonPairOptions()
    facts = {"process": "muon-pairs", "seed": seed, "settings": asdict(chosen), "version": __version__}
    place = folder if folder is not None else cache_folder() / "samples"
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:10]
    path = place / f"muon-pairs-{n}-seed{seed}-{digest}.parquet"
    if not path.exists():
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"cannot keep samples in {place} ({error.strerror}); set PARTONIC_CACHE") from error
        parquet.write(path, _enough(n, partial(_Maker, chosen, seed), workers, executor), facts)
    return parquet.read(path)


def toy_muon_pairs(n: int, rng: np.random.Generator, options: MuonPairOptions | None = None) -> Events:
    r"""Muon pairs without Pythia, columns as of :func:`muon_pairs`: a Z boson that decays evenly in all directions.

    Its squared mass follows a Breit-Wigner (91.19 and 2.5 GeV) within the limits, its transverse momentum an
    exponential of 12 GeV, its rapidity a Gaussian of 1.5.

    Args:
        n: number of pairs, 1 or more.
        rng: source of randomness.
        options: the cuts; those of :class:`MuonPairOptions` if None.

    Raises:
        InputError: n is below 1, or hardly a pair is within the cuts.
    """
    if n < 1:
        raise InputError(f"the number of muon pairs must be 1 or more, not {n}")
    chosen = options or MuonPairOptions()
    parts: list[Events] = []
    for _ in range(GIVE_UP):
        parts.append(_within(_toy(2 * n, rng, chosen), chosen))
        if sum(map(len, parts)) >= n:
            return concatenate(parts)[:n]
    raise InputError(f"hardly a muon pair is within the cuts: {sum(map(len, parts)):,} of {2 * n * GIVE_UP:,}")


def _toy(n: int, rng: np.random.Generator, options: MuonPairOptions) -> dict[str, NDArray[np.float64]]:
    low, high = (np.arctan((mass**2 - MASS**2) / (MASS * WIDTH)) for mass in (options.low, options.high))
    mass = np.sqrt(MASS**2 + MASS * WIDTH * np.tan(rng.uniform(low, high, n)))
    pt, rapidity, azimuth = rng.exponential(12.0, n), rng.normal(0.0, 1.5, n), rng.uniform(-np.pi, np.pi, n)
    across = np.hypot(mass, pt)
    flight = np.stack([pt * np.cos(azimuth), pt * np.sin(azimuth), across * np.sinh(rapidity)], axis=1)
    energy = across * np.cosh(rapidity)
    cosine, around = rng.uniform(-1, 1, n), rng.uniform(-np.pi, np.pi, n)
    sine = np.sqrt(1 - cosine**2)
    own = 0.5 * mass[:, None] * np.stack([sine * np.cos(around), sine * np.sin(around), cosine], axis=1)
    along = (own * flight).sum(axis=1) / (energy + mass)
    one = own + flight * ((0.5 * mass + along) / mass)[:, None]
    return pair_columns(one, flight - one)


def _within(columns: dict[str, NDArray[np.float64]], o: MuonPairOptions) -> Events:
    """The pairs inside the cuts."""
    momenta = np.minimum(columns["pt1"], columns["pt2"])
    angles = np.maximum(abs(columns["eta1"]), abs(columns["eta2"]))
    mass = columns["mass"]
    inside = (momenta > o.pt_min) & (angles < o.eta_max) & (mass > o.low) & (mass < o.high)
    return Events({name: values[inside] for name, values in columns.items()})


def _enough(n: int, make: partial[_Maker], workers: int, executor: Executor | None) -> Iterator[Events]:
    """Chunks until there are n pairs."""
    done = empty = 0
    with closing(ordered(make, count(), workers, executor)) as chunks, progress("muon pairs", n, "pairs") as bar:
        for chunk in chunks:
            empty = 0 if len(chunk) else empty + 1
            if empty >= GIVE_UP:
                raise SimulationError(f"none of {empty * CHUNK:,} collisions gave a muon pair within the cuts")
            part = chunk[: n - done]
            done += len(part)
            bar.advance(len(part))
            if len(part):
                yield part
            if done >= n:
                return


class _Maker:
    """Simulates chunks of collisions, each with its own random numbers."""

    def __init__(self, options: MuonPairOptions, seed: int) -> None:
        self.options, self.seed = options, seed
        settings = (
            *("WeakSingleBoson:ffbar2gmZ=on", "23:onMode=off", f"23:onIfAny={MUON}", f"Beams:eCM={options.energy}"),
            *(f"PhaseSpace:mHatMin={options.low}", "PartonLevel:MPI=off", "HadronLevel:all=off"),
        )
        self.generator = Generator(settings)

    def __call__(self, chunk: int) -> Events:
        """The pairs of a chunk that are within the cuts."""
        self.generator.begin(chunk_seed(self.seed, chunk))
        final = self.generator.final(self.generator.generate(CHUNK))
        first, second = _hardest(final, MUON), _hardest(final, -MUON)
        both = np.isfinite(first + second).all(axis=1)
        return _within(pair_columns(first[both], second[both]), self.options)


def pair_columns(one: NDArray[np.float64], two: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    r"""Columns of pairs of light particles: momenta, angles, :math:`\Delta\phi` in [-pi, pi) and the mass.

    Args:
        one: momenta px py pz in GeV, (n, 3).
        two: of the other, (n, 3).
    """
    pt1, pt2 = np.hypot(one[:, 0], one[:, 1]), np.hypot(two[:, 0], two[:, 1])
    eta1, eta2 = np.arcsinh(one[:, 2] / pt1), np.arcsinh(two[:, 2] / pt2)
    turn = np.arctan2(one[:, 1], one[:, 0]) - np.arctan2(two[:, 1], two[:, 0])
    mass = np.sqrt(2 * pt1 * pt2 * (np.cosh(eta1 - eta2) - np.cos(turn)))
    values = (pt1, eta1, pt2, eta2, (turn + np.pi) % (2 * np.pi) - np.pi, mass)
    return dict(zip((*NAMES, "mass"), values, strict=True))


def _hardest(final: Ragged, pid: int) -> NDArray[np.float64]:
    """Momentum of each event's particle of a kind with the largest transverse momentum, (n, 3); NaN without one."""
    which = np.flatnonzero(final["pid"] == pid)
    momenta = np.stack([final[name][which] for name in ("px", "py", "pz")], axis=1).astype(np.float64)
    rising = np.argsort(np.hypot(momenta[:, 0], momenta[:, 1]), kind="stable")
    result = np.full((len(final), 3), np.nan)
    result[final.rows[which][rising]] = momenta[rising]  # the last one that is written to an event stays
    return result
