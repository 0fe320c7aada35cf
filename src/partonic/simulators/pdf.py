"""Parton densities from files in the format of LHAPDF 6 (arXiv:1412.7420), by our own reader and interpolation."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from partonic.core.errors import FileError, InputError, MissingPackageError, unknown

Floats = NDArray[np.float64]
DEFAULT = "NNPDF23_lo_as_0130_qed"
GLUON = 21
JOINED = re.compile(r"(?<=[eE][-+]\d\d)(?=[-+]?\d?\.\d)")  # between numbers of fixed width that have no blank


@dataclass(frozen=True)
class Block:
    """One grid of a file; a file has one, or several that meet at the masses of the quarks.

    Args:
        log_x: logarithms of the knots in x, rising, (nx,).
        log_q: logarithms of the knots in Q / GeV, rising, (nq,).
        xf: flavour (PDG number, 21 for the gluon) -> x f(x, Q), (nx, nq).
    """

    log_x: Floats
    log_q: Floats
    xf: Mapping[int, Floats]


def lagrange(knots: Floats, at: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Weights of the four knots about each point (two knots where there are fewer than four in all).

    Args:
        knots: rising, (k,).
        at: points within the knots, (n,).

    Returns:
        The first of the knots that count, (n,), and the weights, (n, 4) or (n, 2).
    """
    width = 4 if len(knots) >= 4 else 2
    cell = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(knots) - 2)
    first = np.clip(cell - (width // 2 - 1), 0, len(knots) - width)
    near = knots[first[:, None] + np.arange(width)]
    weights = np.ones((len(at), width))
    for i in range(width):
        for j in range(width):
            if i != j:
                weights[:, i] *= (at - near[:, j]) / (near[:, i] - near[:, j])
    return first, weights


class PDF:
    """Parton densities x f(x, Q): cubic through the four nearest knots in ln x and in ln Q, as Pythia does it.

    Beyond the grid the values at its border hold. Where a block has fewer than four knots in Q, it is linear in ln Q.

    Args:
        blocks: by rising Q.
        name: for messages and provenance.
    """

    def __init__(self, blocks: Sequence[Block], name: str = "") -> None:
        if not blocks:
            raise InputError("parton densities need at least one grid")
        self.blocks = tuple(blocks)
        self.name = name

    @property
    def flavours(self) -> tuple[int, ...]:
        """PDG numbers of what the file holds."""
        return tuple(self.blocks[0].xf)

    def xf(self, flavour: int, x: Floats | float, q: Floats | float) -> Floats:
        """Density x f(x, Q) of one flavour; negative where the file says so (Pythia then takes 0).

        Args:
            flavour: PDG number, 21 for the gluon.
            x: momentum fractions above 0, at most 1.
            q: scales Q in GeV; broadcasts with ``x``.

        Raises:
            InputError: x or Q out of range.
            UnknownNameError: the file lacks the flavour.
        """
        if flavour not in self.blocks[0].xf:
            raise unknown(f"flavour of {self.name or 'the parton densities'}", str(flavour), map(str, self.flavours))
        xs, qs = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(q, dtype=np.float64))
        if not (np.all(xs > 0) and np.all(xs <= 1)):
            raise InputError("parton densities need x above 0 and at most 1")
        if not (np.all(qs > 0) and np.all(np.isfinite(qs))):
            raise InputError("parton densities need a finite scale Q above 0 GeV")
        log_x, log_q = np.log(xs).ravel(), np.log(qs).ravel()
        starts = np.array([block.log_q[0] for block in self.blocks[1:]])
        chosen = np.searchsorted(starts, log_q, side="right")
        result = np.empty(log_x.shape)
        for number, block in enumerate(self.blocks):
            here = chosen == number
            if here.any():
                result[here] = _inside(block, flavour, log_x[here], log_q[here])
        return result.reshape(xs.shape)

    def at(self, q: float, sums: Sequence[Sequence[int]]) -> Densities:
        """The densities at one scale, summed over flavours, as a fast function of x.

        Args:
            q: the scale Q in GeV.
            sums: for each row of the result the flavours that it adds up, as ``[[2, 4], [1, 3]]``.
        """
        log_x = self.blocks[0].log_x
        x = np.minimum(np.exp(log_x), 1.0)
        return Densities(log_x, np.stack([sum(self.xf(f, x, q) for f in row) for row in sums]))


def _inside(block: Block, flavour: int, log_x: Floats, log_q: Floats) -> Floats:
    """The interpolation within one block, clipped to its borders."""
    i, wx = lagrange(block.log_x, np.clip(log_x, block.log_x[0], block.log_x[-1]))
    j, wq = lagrange(block.log_q, np.clip(log_q, block.log_q[0], block.log_q[-1]))
    rows = i[:, None, None] + np.arange(wx.shape[1])[:, None]
    near = block.xf[flavour][rows, j[:, None, None] + np.arange(wq.shape[1])]
    result: Floats = np.einsum("nij,ni,nj->n", near, wx, wq)
    return result


class Densities:
    """Sums of x f(x) at one scale: one cubic in ln x for each cell between knots, evaluated on tensors.

    Args:
        log_x: logarithms of the knots, rising, (nx,), nx at least 4.
        xf: values at the knots, (rows, nx).
    """

    def __init__(self, log_x: Floats, xf: Floats) -> None:
        if len(log_x) < 4 or xf.shape[1:] != log_x.shape:
            raise InputError(f"densities need 4 or more knots and a value for each, not {log_x.shape} and {xf.shape}")
        cells = np.arange(len(log_x) - 1)
        first = np.clip(cells - 1, 0, len(log_x) - 4)
        widths = np.diff(log_x)
        places = (log_x[first[:, None] + np.arange(4)] - log_x[cells, None]) / widths[:, None]
        powers = np.linalg.inv(places[..., None] ** np.arange(4))  # (cells, power, knot)
        near = xf[:, first[:, None] + np.arange(4)]  # (rows, cells, knot)
        table = np.einsum("cpk,rck->pcr", powers, near)
        if not np.all(np.isfinite(table)):
            raise InputError("densities need finite values at rising knots")
        self._knots = torch.from_numpy(np.ascontiguousarray(log_x))
        self._inner = self._knots[1:-1].contiguous()
        self._inverse = torch.from_numpy(1 / widths)
        self._powers = [torch.from_numpy(np.ascontiguousarray(part)) for part in table]
        self.rows = len(xf)

    @property
    def content(self) -> bytes:
        """All its numbers: the same for densities that are the same everywhere."""
        return b"".join(part.numpy().tobytes() for part in (self._knots, *self._powers))

    def __call__(self, x: Tensor) -> Tensor:
        """The sums of x f(x), (rows, n), for momentum fractions x, (n,); never negative, 0 for x of 1 or above."""
        log_x = torch.log(x).clamp_(self._knots[0], self._knots[-1])
        cell = torch.bucketize(log_x, self._inner, right=True)
        t = (log_x - self._knots[cell]).mul_(self._inverse[cell])[:, None]
        value, *lower = (torch.index_select(part, 0, cell) for part in reversed(self._powers))  # (n, rows) each
        for part in lower:
            value = torch.addcmul(part, value, t)
        return value.clamp_min_(0.0).mul_((x < 1)[:, None]).T.contiguous()


def read(path: Path | str) -> PDF:
    """Read one member of a set: a ``.dat`` file of format ``lhagrid1``.

    Numbers of a fixed width may stand without a blank between them, and a knot in x may be there twice, as in CT14qed.

    Raises:
        FileError: the file cannot be read, or is of another format.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path}: cannot be read as parton densities ({error})") from error
    head, *bodies = text.split("---\n")
    if "lhagrid1" not in head.lower():
        raise FileError(f"{path}: not a file of parton densities in the format lhagrid1 of LHAPDF 6")
    blocks = [_block(path, number, body) for number, body in enumerate(bodies, 1) if body.strip()]
    if not blocks:
        raise FileError(f"{path}: has a header but no grid; the file is truncated")
    if any(list(block.xf) != list(blocks[0].xf) for block in blocks):
        raise FileError(f"{path}: its grids hold different flavours")
    return PDF(blocks, path.stem)


def _block(path: Path, number: int, body: str) -> Block:
    lines = body.splitlines()
    try:
        x, q = (np.array(line.split(), dtype=np.float64) for line in lines[:2])
        flavours = [GLUON if word == "0" else int(word) for word in lines[2].split()]
        words = JOINED.sub(" ", " ".join(lines[3:])).split()
        values: Any = np.array(words, dtype=np.float64).reshape(len(x), len(q), len(flavours))
    except (ValueError, IndexError) as error:
        raise FileError(f"{path}: grid {number} is damaged or truncated ({error})") from error
    x, values = _once(x, values)
    if len(x) < 4 or len(q) < 2 or not (np.all(np.diff(x) > 0) and np.all(np.diff(q) > 0) and x[0] > 0 and q[0] > 0):
        raise FileError(f"{path}: grid {number} needs at least 4 knots in x and 2 in Q, above 0 and rising")
    return Block(np.log(x), np.log(q), {f: np.ascontiguousarray(values[..., i]) for i, f in enumerate(flavours)})


def _once(x: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Knots in x without those that repeat the one before them together with all its densities."""
    again = (np.diff(x) == 0) & (np.diff(values, axis=0) == 0).all(axis=(1, 2))
    kept = np.concatenate([[True], ~again])
    return x[kept], values[kept]


def shipped() -> dict[str, Path]:
    """The sets that come with Pythia: name -> file, as ``NNPDF23_lo_as_0130_qed``; empty without pythia8mc."""
    try:
        files = importlib.metadata.files("pythia8mc") or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    ending = "_0000.dat"
    grids = [file for file in files if file.parent.name == "pdfdata" and file.name.endswith(ending)]
    return {file.name.removesuffix(ending): Path(str(file.locate())).resolve() for file in grids}


def load(name: str = DEFAULT) -> PDF:
    """Parton densities by the name of a set that ships with Pythia, or from a file.

    Raises:
        MissingPackageError: a name, and pythia8mc is not installed.
        UnknownNameError: no such set.
        FileError: the file is no such grid.
    """
    if name.endswith(".dat"):
        return read(name)
    sets = shipped()
    if not sets:
        raise MissingPackageError(
            f"the parton densities '{name}' come with the package 'pythia8mc', which is not installed; "
            "install it with: pip install 'partonic[simulate]', or give the path of a .dat file of LHAPDF"
        )
    if name not in sets:
        raise unknown("set of parton densities", name, sets)
    return read(sets[name])
