"""Top quark pairs that decay to six quarks, by Pythia's leading-order matrix elements, without radiation or hadrons.

A pair has no transverse momentum; masses of top quarks and W bosons follow their Breit-Wigner distributions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError, SimulationError
from partonic.core.progress import progress
from partonic.core.rng import chunk_seed
from partonic.simulators.pythia import Generator

QUARKS = ("b", "u", "dbar", "bbar", "d", "ubar")
"""Of an event: the three of the top quark, then those of its antiquark."""
MASSES = (4.8, 0.0, 0.0, 4.8, 0.0, 0.0)
"""Of these quarks in GeV; that of the b quark is Pythia's."""
TOP, ANTITOP = (0, 1, 2), (3, 4, 5)
W_PLUS, W_MINUS = (1, 2), (4, 5)
TOP_MASS, TOP_WIDTH = 171.0, 1.40
W_MASS, W_WIDTH = 80.385, 2.085

CHUNK = 2_000  # events
_PIDS = (5, 2, -1, -5, 1, -2)
_SETTINGS = (
    *("Top:gg2ttbar=on", "Top:qqbar2ttbar=on", "24:onMode=off", "24:onIfMatch=1 2", "6:onMode=off", "6:onIfAny=5"),
    *(
        "1:m0=0",
        "2:m0=0",
        "5:m0=4.8",
        f"6:m0={TOP_MASS}",
        "6:doForceWidth=on",
        f"6:mWidth={TOP_WIDTH}",
        f"24:m0={W_MASS}",
        f"24:mWidth={W_WIDTH}",
    ),
    *("24:doForceWidth=on", "PartonLevel:ISR=off", "PartonLevel:FSR=off", "PartonLevel:MPI=off"),
    *("PartonLevel:Remnants=off", "Check:event=off", "HadronLevel:all=off"),
)


def top_pairs(n: int, seed: int = 1, energy: float = 14_000.0) -> NDArray[np.float64]:
    """Momenta (E, px, py, pz) in GeV of the :data:`QUARKS` of n events, (n, 6, 4); all have the same weight.

    Args:
        n: number of events, 1 or more.
        seed: 0 to 899,999,999; a sample of more events begins with those of a smaller one.
        energy: of the proton collisions in GeV.

    Raises:
        InputError: n is below 1, or the energy does not make top quarks.
        MissingPackageError: pythia8mc is not installed.
        SimulationError: Pythia refuses.
    """
    if n < 1:
        raise InputError(f"the number of top quark pairs must be 1 or more, not {n}")
    if not energy > 4 * TOP_MASS:
        raise InputError(f"collisions of {energy:g} GeV make no top quark pairs; give {4 * TOP_MASS:g} GeV or more")
    generator = Generator((*_SETTINGS, f"Beams:eCM={energy:g}"))
    parts: list[NDArray[np.float64]] = []
    done = 0
    with progress("top quark pairs", n, "pairs") as bar:
        while done < n:
            generator.begin(chunk_seed(seed, len(parts)))
            part = _quarks(generator)[: n - done]
            parts.append(part)
            done += len(part)
            bar.advance(len(part))
    return np.concatenate(parts)


def _quarks(generator: Generator) -> NDArray[np.float64]:
    """Momenta of the six quarks of a chunk of events, (CHUNK, 6, 4)."""
    record = generator.generate(CHUNK).record
    outgoing = record["status"] == 23
    result = np.empty((len(record), len(_PIDS), 4))
    for column, pid in enumerate(_PIDS):
        which = np.flatnonzero(outgoing & (record["pid"] == pid))
        if not np.array_equal(record.rows[which], np.arange(len(record))):
            raise SimulationError(f"Pythia's top quark pairs do not all have one outgoing quark of the kind {pid}")
        result[:, column] = np.stack([record[name][which] for name in ("e", "px", "py", "pz")], axis=1)
    return result
