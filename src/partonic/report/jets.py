"""The sections of a page that show the jets themselves: average images, distributions, where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partonic.core.result import Result
from partonic.events import kinematics
from partonic.events.events import Events
from partonic.report import plots_jets
from partonic.report.page import Section
from partonic.report.style import save_figure
from partonic.represent.constituents import constituents
from partonic.represent.image import JetImage

MOST = 10_000  # jets that averages and distributions are made of


def jet_momentum(jets: Events) -> dict[str, NDArray[np.float64]]:
    """Transverse momentum, pseudorapidity and mass (GeV) of jets from their constituents' sum, (jets,) each."""
    found = constituents(jets)
    px, py, pz, e = (np.add.reduceat(values, found.offsets[:-1]) for values in found.arrays)
    return {
        "pt": kinematics.pt(px, py),
        "eta": kinematics.eta(px, py, pz),
        "mass": kinematics.mass(px, py, pz, e),
    }


def images_section(result: Result, jets: Events, labels: NDArray[np.int64], classes: tuple[str, str]) -> Section:
    """Average jet images of both classes."""
    draw = JetImage()
    few = [np.flatnonzero(labels == label)[: MOST // 2] for label in (0, 1)]
    images = {
        name: draw(jets[rows]).pixels.mean(dim=0).sum(dim=0).numpy() for name, rows in zip(classes, few, strict=True)
    }
    widths = {name: _width(image, draw.width) for name, image in images.items()}
    save_figure(
        result,
        "images",
        plots_jets.jet_images(images, draw.width / 2),
        f"Average image of {len(few[0]):,} {classes[0]} and {len(few[1]):,} {classes[1]} jets: centred, turned so that "
        "the principal axis is vertical, mirrored so that the harder halves lie up and right, the pixels of each jet "
        "adding up to one.",
        "Two average jet images on one logarithmic scale; the root mean square distance from the centre is "
        + " and ".join(f"{width:.3f} for {name}" for name, width in widths.items())
        + " jets.",
    )
    return Section("What a jet looks like", "", ("images",))


def data_section(
    result: Result, parts: Mapping[str, Events], labels: Mapping[str, NDArray[np.int64]], classes: tuple[str, str]
) -> Section:
    """Distributions of the test jets, and how many jets of each class each sample has."""
    test = parts["test"]
    rows = np.sort(np.random.default_rng(0).permutation(len(test))[:MOST])
    chosen = test[rows]
    momentum = jet_momentum(chosen)
    counts = chosen.collection("constituents").counts
    save_figure(
        result,
        "jets",
        plots_jets.jet_summary(
            [
                plots_jets.Observable("Jet $p_T$ [GeV]", momentum["pt"]),
                plots_jets.Observable("Jet mass [GeV]", momentum["mass"], np.linspace(0, 300, 41)),
                plots_jets.Observable("Constituents", counts.astype(float)),
            ],
            labels["test"][rows],
            chosen.weight(),
            classes=classes,
        ),
        f"Transverse momentum, mass and number of constituents of {len(rows):,} test jets.",
        "Histograms of both classes: the median mass is "
        + " and ".join(
            f"{np.median(momentum['mass'][labels['test'][rows] == label]):.0f} GeV for {name}"
            for label, name in enumerate(classes)
        )
        + f" jets; they have {counts.mean():.0f} constituents on average.",
    )
    table: list[dict[str, Any]] = []
    for name, part in parts.items():
        weight = part.weight()
        for label, title in enumerate(classes):
            mask = labels[name] == label
            table.append(
                {
                    "sample": name,
                    "class": title,
                    "jets": int(mask.sum()),
                    "sum of weights": float(weight[mask].sum()),
                    "of negative weight": int((weight[mask] < 0).sum()),
                }
            )
    result.add_table("samples", "Jets of each class in each sample.", table)
    return Section("The jets", "", ("jets",), ("samples",))


def _width(image: NDArray[np.float32], side: float) -> float:
    """Root mean square distance from the centre of an image."""
    places = (np.arange(len(image)) + 0.5) / len(image) * side - side / 2
    square = places[:, None] ** 2 + places[None, :] ** 2
    return float(np.sqrt((image * square).sum() / image.sum()))
