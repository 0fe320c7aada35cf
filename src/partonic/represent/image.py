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
from partonic.represent.constituents import constituents, cylinder, fields

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.events.events import Events


CHANNELS = {"kinematic": 1, "kinds": 3}
FAR = 1.9  # rapidity from the hardest constituent, above which logarithms are taken


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
        return self._drawn(events, jets.offsets, *jets.arrays)

    def of_cylinder(self, events: Events) -> Images:
        """Draw jets whose constituents have the fields ``pt`` (GeV), ``y`` (rapidity) and ``phi`` instead.

        The azimuth may have whole turns.

        Raises:
            BadJetError: a jet has no constituent or one that is not usable.
            InputError: the constituents lack a field that the inputs need.
        """
        return self._drawn(events, *cylinder(events))

    def _drawn(self, events: Events, offsets: NDArray[np.int64], *given: NDArray[np.float64]) -> Images:
        """Images of the jets from four-momenta, or from pt, rapidity and azimuth."""
        first, second, third, *energy = given
        charged = None if self.inputs == "kinematic" else fields(events, self.inputs, ("charge",))[0] != 0
        pixels = np.empty((len(events), self.width, self.size, self.size), dtype=np.float32)
        e = energy[0] if energy else None
        _draw(offsets, first, second, third, e, charged, self.side, self.upright, pixels)
        return Images(torch.from_numpy(pixels))


@compiled
def _series(z: float) -> float:
    """The sum of z^k / (2 k + 1), to rounding for an absolute z up to 0.06, written out so that it is vectorised."""
    total = 1 / 19 + z * (1 / 21 + z * (1 / 23))
    total = 1 / 13 + z * (1 / 15 + z * (1 / 17 + z * total))
    total = 1 / 7 + z * (1 / 9 + z * (1 / 11 + z * total))
    return 1 + z * (1 / 3 + z * (1 / 5 + z * total))


@compiled
def _angle(sine: float, cosine: float, radius: float) -> float:
    """Angle of a direction, by the arc tangent of its eighth."""
    t = sine / (radius + abs(cosine))
    t = t / (1 + np.sqrt(1 + t * t))
    t = t / (1 + np.sqrt(1 + t * t))
    angle: float = 8 * t * _series(-t * t)
    opposite: float = np.copysign(np.pi, sine) - angle
    return angle if cosine >= 0 else opposite


@compiled
def _half_log(ratio: float) -> float:
    """Half the logarithm, by the inverse hyperbolic tangent of its eighth."""
    root = np.sqrt(np.sqrt(np.sqrt(ratio)))
    t: float = (root - 1) / (root + 1)
    return 8 * t * _series(t * t)


@compiled
def _forwardness(pt: float, pz: float, e: float) -> float:
    """The exponential of twice the rapidity; without mass where rounding has left less."""
    square = (e - pz) * (e + pz)
    square = square if square > pt * pt else pt * pt
    forward = (e + abs(pz)) * (e + abs(pz))
    return forward / square if pz >= 0 else square / forward


@compiled
def _place(
    px: NDArray[np.float64],
    py: NDArray[np.float64],
    pz: NDArray[np.float64],
    e: NDArray[np.float64],
    pt: NDArray[np.float64],
    y: NDArray[np.float64],
    phi: NDArray[np.float64],
) -> None:
    """Transverse momentum, rapidity and azimuth of one jet's constituents, the latter two from its pt centroid."""
    hardest = 0
    for i in range(len(pt)):
        pt[i] = np.sqrt(px[i] * px[i] + py[i] * py[i])
    for i in range(len(pt)):
        hardest = i if pt[i] > pt[hardest] else hardest
    ahead, aside = px[hardest] / pt[hardest], py[hardest] / pt[hardest]
    for i in range(len(pt)):
        phi[i] = _angle(py[i] * ahead - px[i] * aside, px[i] * ahead + py[i] * aside, pt[i])
    for i in range(len(pt)):
        y[i] = _forwardness(pt[i], pz[i], e[i])
    middle, far = y[hardest], 0
    for i in range(len(pt)):
        y[i] = _half_log(y[i] / middle)
        far += abs(y[i]) > FAR
    if far > 0:  # where the series is too short
        for i in range(len(pt)):
            y[i] = 0.5 * np.log(_forwardness(pt[i], pz[i], e[i]) / middle)
    _centre(pt, y, phi)


@compiled
def _centre(pt: NDArray[np.float64], y: NDArray[np.float64], phi: NDArray[np.float64]) -> None:
    """Take rapidity and azimuth from the pt centroid."""
    total, mean_y, mean_phi = 0.0, 0.0, 0.0
    for i in range(len(pt)):
        total += pt[i]
        mean_y += pt[i] * y[i]
        mean_phi += pt[i] * phi[i]
    mean_y, mean_phi = mean_y / total, mean_phi / total
    for i in range(len(pt)):
        y[i] -= mean_y
        phi[i] -= mean_phi


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
def _fill(
    pt: NDArray[np.float64],
    y: NDArray[np.float64],
    phi: NDArray[np.float64],
    charged: NDArray[np.bool_] | None,
    side: float,
    upright: bool,
    image: NDArray[np.float32],
) -> None:
    """Fill the image of one jet, (1 or 3, size, size), from places about its centroid, which are used up."""
    size = image.shape[1]
    per_unit = size / side
    along, across = _upright(pt, y, phi) if upright else (y, phi)
    flat = image.reshape(-1)
    for k in range(len(flat)):  # one image at a time, which stays in the processor's cache
        flat[k] = 0
    inside, number = 0.0, 0
    middle = 0.5 * size + 1e-9  # a hair above the edge: what lies on one falls to one side whatever its rounding
    for i in range(len(pt)):  # a loop of its own, which takes several at once
        along[i] = np.floor(along[i] * per_unit + middle)
        across[i] = np.floor(across[i] * per_unit + middle)
    for i in range(len(pt)):
        row, column = int(along[i]), int(across[i])
        if 0 <= row < size and 0 <= column < size:
            inside += pt[i]
            if charged is not None and charged[i]:
                number += 1
                image[2, row, column] += 1
            image[1 if charged is not None and not charged[i] else 0, row, column] += pt[i]
    scale = np.float32(1 / inside) if inside > 0 else np.float32(0)
    for k in range(min(2 * size * size, len(flat))):
        flat[k] *= scale
    scale = np.float32(1 / number) if number > 0 else np.float32(0)
    for k in range(2 * size * size, len(flat)):
        flat[k] *= scale


@compiled
def _turn(
    all_y: NDArray[np.float64],
    all_phi: NDArray[np.float64],
    pt: NDArray[np.float64],
    y: NDArray[np.float64],
    phi: NDArray[np.float64],
) -> None:
    """Rapidity and azimuth of one jet's constituents from its pt centroid, across the seam of the azimuth, too."""
    hardest = 0
    for i in range(len(pt)):
        hardest = i if pt[i] > pt[hardest] else hardest
    first_y, first_phi = all_y[hardest], all_phi[hardest]
    for i in range(len(pt)):
        turned = all_phi[i] - first_phi
        phi[i] = turned - 2 * np.pi * np.rint(turned * (0.5 / np.pi))
        y[i] = all_y[i] - first_y
    _centre(pt, y, phi)


@compiled
def _draw(
    offsets: NDArray[np.int64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    third: NDArray[np.float64],
    e: NDArray[np.float64] | None,
    charged: NDArray[np.bool_] | None,
    side: float,
    upright: bool,
    pixels: NDArray[np.float32],
) -> None:
    """Fill the images, (jets, 1 or 3, size, size), from px, py, pz and e, or from pt, y and phi where e is None."""
    most = np.diff(offsets).max() if len(offsets) > 1 else 0
    all_pt, all_y, all_phi = np.empty(most), np.empty(most), np.empty(most)
    for jet in range(len(offsets) - 1):
        a, b = offsets[jet], offsets[jet + 1]
        y, phi = all_y[: b - a], all_phi[: b - a]
        if e is None:
            pt = first[a:b]
            _turn(second[a:b], third[a:b], pt, y, phi)
        else:
            pt = all_pt[: b - a]
            _place(first[a:b], second[a:b], third[a:b], e[a:b], pt, y, phi)
        _fill(pt, y, phi, None if charged is None else charged[a:b], side, upright, pixels[jet])
