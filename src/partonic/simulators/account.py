"""The account of a run: how many events it took, what part was accepted, the cross section, and who made it."""

from __future__ import annotations

import importlib.metadata
import math
import platform
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from partonic.core.config import to_tree
from partonic.io import lhe
from partonic.simulators.options import CHUNK, SimulationOptions, plan, settings
from partonic.simulators.pythia import ALWAYS
from partonic.simulators.simulator import ChunkFacts
from partonic.version import __version__

ADDED = ("cells", "medium", "medium_loss", "medium_kick", "alpha_s")
"""Options that did not always exist; None or off by default."""


@dataclass
class Account:
    """Adds up the chunks that a sample is made of.

    Args:
        chunks: their facts, in order.
    """

    chunks: list[ChunkFacts] = field(default_factory=list)

    @property
    def generated(self) -> int:
        """Events generated."""
        return sum(facts.generated for facts in self.chunks)

    @property
    def accepted(self) -> int:
        """Rows accepted, before the last chunk was cut to the number asked for."""
        return sum(facts.accepted for facts in self.chunks)

    def summary(self) -> dict[str, Any]:
        """Plain data: generated, accepted, acceptance (rows an event), cross section and its error in pb, weights.

        The estimates of the chunks are averaged by the phase-space points that each tried, which undoes the small bias
        of stopping each at a fixed number of events.
        """
        tried = np.array([facts.tried for facts in self.chunks], dtype=float)
        share = tried / tried.sum() if tried.sum() > 0 else tried
        section = float(share @ [facts.cross_section for facts in self.chunks])
        error = math.sqrt(float(share**2 @ [facts.cross_section_error**2 for facts in self.chunks]))
        return {
            "generated": self.generated,
            "accepted": self.accepted,
            "acceptance": self.accepted / self.generated if self.generated else 0.0,
            "cross_section_pb": section,
            "cross_section_error_pb": error,
            "sum_of_weights": math.fsum(facts.sum_of_weights for facts in self.chunks),
            "sum_of_squared_weights": math.fsum(facts.sum_of_squared_weights for facts in self.chunks),
        }


def versions() -> dict[str, str]:
    """Versions of everything that has a say in the numbers."""
    packages = {"pythia": "pythia8mc", "fastjet": "fastjet", "numpy": "numpy"}
    found = {name: importlib.metadata.version(package) for name, package in packages.items()}
    return {"partonic": __version__, **found, "python": platform.python_version()}


def provenance(options: SimulationOptions) -> dict[str, Any]:
    """What a simulated sample says of its origin, but for what only the run itself can tell.

    The number of workers is left out: it does not change the events. So are the options of :data:`ADDED` where they
    are not used: samples that were made or begun when these could not be asked for say the same.
    """
    filled = plan(options)
    of_file = {"lhe": lhe.header(filled.process.lhe)["lhe"]} if filled.process.lhe else {}
    silent = {"workers", *(name for name in ADDED if getattr(options, name) is None or getattr(options, name) is False)}
    return {
        "process": options.process,
        "description": filled.process.description,
        "level": filled.level,
        "detector": options.detector,
        "seed": options.seed,
        "options": {name: value for name, value in to_tree(options).items() if name not in silent},
        "energy_gev": filled.energy,
        "jet_algorithm": "anti-kT",
        "jet_radius": filled.radius,
        "jet_pt_min_gev": filled.pt_min,
        "jet_pt_max_gev": filled.pt_max if math.isfinite(filled.pt_max) else None,
        "jet_eta_max": filled.eta_max,
        "pythia_settings": [*ALWAYS, *settings(options)],
        "events_a_chunk": CHUNK,
        "versions": versions(),
        **of_file,
    }
