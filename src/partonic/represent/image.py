"""Jet images by the full published chain: centre, rotate, flip, pixelate, normalise (arXiv:1701.08784, 1803.00107).

The geometry is done on the constituents before they fall into pixels, so that nothing is interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from partonic.core.compiled import compiled
from partonic.core.errors import InputError, unknown
from partonic.represent.batch import Images
from partonic.represent.constituents import constituents, fields

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.events.events import Events


CHANNELS = {"kinematic": 1, "kinds": 3}


@dataclass(frozen=True)
class JetImage:
    """Representation of jets as images of transverse momentum.

    The pt-weighted centroid in rapidity and azimuth is put into the middle, the principal axis upright (along the
    rows), the half with more pt to higher rows and to higher columns; the pixels of an image
    (those of the momenta, those of the numbers) sum to 1. What falls
    outside is lost; an image into which nothing falls is all zero. The default is 40 x 40 pixels over the whole of an
    R = 0.8 jet.

    Args:
        size: pixels a side.
        side: length of a side in rapidity and azimuth.
        inputs: ``kinematic`` for one channel of all constituents; ``kinds`` for three, of charged hadrons and leptons,
            of photons and neutral hadrons, and of the number of charged constituents (arXiv:1612.01551).
        upright: whether images are turned and mirrored; otherwise they are only centred, rapidity along the rows.

    Raises:
        UnknownNameError: there is no such set of inputs.
        InputError: the size is below 1 or the width not above 0.
    """

    size: int = 40
    side: float = 1.6
    inputs: str = "kinematic"
    upright: bool = True

    def __post_init__(self) -> None:
        if self.size < 1 or not self.side > 0:
            raise InputError(f"an image needs a size of 1 or more and a side above 0, not {self.size}, {self.side}")
        if self.inputs not in CHANNELS:
            raise unknown("set of inputs", self.inputs, CHANNELS)

    @property
    def width(self) -> int:
        """Number of channels."""
        return CHANNELS[self.inputs]

    def __call__(self, events: Events) -> Images:
        """Draw the jets of a sample.

        Raises:
            BadJetError: a jet has no constituent or one that is not usable.
            InputError: the constituents lack a field that the inputs need.
        """
        jets = constituents(events)
        pixels = np.empty((len(jets), self.width, self.size, self.size), dtype=np.float32)
        charged = None if self.inputs == "kinematic" else fields(events, self.inputs, ("charge",))[0] != 0
        _draw(jets.offsets, *jets.arrays, charged, self.side, self.upright, pixels)
        return Images(torch.from_numpy(pixels))


@compiled
def _place(
    px: NDArray[np.float64], py: NDArray[np.float64], pz: NDArray[np.float64], e: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Transverse momentum, rapidity and azimuth of one jet's constituents, the latter two from its pt centroid."""
    pt, y, phi = np.empty_like(px), np.empty_like(px), np.empty_like(px)
    hardest = 0
    for i in range(len(pt)):
        pt[i] = np.sqrt(px[i] * px[i] + py[i] * py[i])
        hardest = i if pt[i] > pt[hardest] else hardest
    ahead, aside = px[hardest], py[hardest]
    total, mean_y, mean_phi = 0.0, 0.0, 0.0
    for i in range(len(pt)):
        square = pt[i] * pt[i]
        square += max((e[i] - pz[i]) * (e[i] + pz[i]) - square, 0.0)
        forward = e[i] + abs(pz[i])
        y[i] = np.copysign(0.5 * np.log(forward * forward / square), pz[i])
        phi[i] = np.arctan2(py[i] * ahead - px[i] * aside, px[i] * ahead + py[i] * aside)
        total += pt[i]
        mean_y += pt[i] * y[i]
        mean_phi += pt[i] * phi[i]
    y -= mean_y / total
    phi -= mean_phi / total
    return pt, y, phi


@compiled
def _upright(
    pt: NDArray[np.float64], y: NDArray[np.float64], phi: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates along and across the principal axis, more pt on the positive sides."""
    angle = 0.5 * np.arctan2(2 * (pt * y * phi).sum(), (pt * (y * y - phi * phi)).sum())
    along = np.cos(angle) * y + np.sin(angle) * phi
    across = np.cos(angle) * phi - np.sin(angle) * y
    if (pt * np.sign(along)).sum() < 0:
        along = -along
    if (pt * np.sign(across)).sum() < 0:
        across = -across
    return along, across


@compiled
def _draw(
    offsets: NDArray[np.int64],
    px: NDArray[np.float64],
    py: NDArray[np.float64],
    pz: NDArray[np.float64],
    e: NDArray[np.float64],
    charged: NDArray[np.bool_] | None,
    side: float,
    upright: bool,
    pixels: NDArray[np.float32],
) -> None:
    """Fill the images, (jets, 1 or 3, size, size)."""
    size = pixels.shape[2]
    per_unit = size / side
    for jet in range(len(offsets) - 1):
        a, b = offsets[jet], offsets[jet + 1]
        pt, y, phi = _place(px[a:b], py[a:b], pz[a:b], e[a:b])
        along, across = _upright(pt, y, phi) if upright else (y, phi)
        image = pixels[jet]
        image[:] = 0  # one image at a time, which stays in the processor's cache
        inside, number = 0.0, 0
        for i in range(len(pt)):
            # A hair above the edge, so that what lies on an edge falls to one side whatever its rounding.
            row = int(np.floor(along[i] * per_unit + 0.5 * size + 1e-9))
            column = int(np.floor(across[i] * per_unit + 0.5 * size + 1e-9))
            if 0 <= row < size and 0 <= column < size:
                inside += pt[i]
                if charged is not None and charged[a + i]:
                    number += 1
                    image[2, row, column] += 1
                image[1 if charged is not None and not charged[a + i] else 0, row, column] += pt[i]
        if inside > 0:
            image[:2] *= np.float32(1 / inside)
        if number > 0:
            image[2:] *= np.float32(1 / number)
