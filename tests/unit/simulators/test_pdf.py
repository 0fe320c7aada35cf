"""Parton densities: against Pythia's own evaluation, a polynomial that the interpolation must reproduce, bad files."""

import numpy as np
import pytest
import torch

from partonic.core.errors import FileError, InputError, UnknownNameError
from partonic.core.rng import generator
from partonic.simulators import pdf

FLAVOURS = (-1, 0, 1, 2)


def cubic(lx, lq, k):
    return 5 + k + 0.3 * lx - 0.02 * lx**3 + 0.1 * lx**2 * lq - 0.01 * lq**3 * lx


def write(path, blocks=((1.0, 2.0, 3.0, 5.0), (5.0, 9.0, 20.0, 50.0, 100.0)), stop=None):
    x = np.array([1e-4, 1e-3, 1e-2, 0.1, 0.5, 1.0])
    lines = ["PdfType: central", "Format: lhagrid1", "---"]
    for q in blocks:
        lines += [" ".join(map(repr, x.tolist())), " ".join(map(repr, q)), " ".join(map(str, FLAVOURS))]
        lines += [
            " ".join(repr(float(cubic(np.log(a), np.log(b), k))) for k in range(len(FLAVOURS))) for a in x for b in q
        ]
        lines += ["---"]
    path.write_text("\n".join(lines[:stop]) + "\n")
    return path


def test_a_cubic_is_reproduced_exactly(tmp_path):
    grid = pdf.read(write(tmp_path / "toy_0000.dat"))
    rng = generator(1)
    x, q = np.exp(rng.uniform(np.log(1e-4), 0, 300)), np.exp(rng.uniform(0, np.log(100), 300))
    assert grid.flavours == (-1, 21, 1, 2)
    for k, flavour in enumerate(grid.flavours):
        np.testing.assert_allclose(grid.xf(flavour, x, q), cubic(np.log(x), np.log(q), k), rtol=1e-12)


def test_borders_hold_beyond_the_grid(tmp_path):
    grid = pdf.read(write(tmp_path / "toy_0000.dat"))
    assert grid.xf(2, 1e-6, 10.0) == pytest.approx(grid.xf(2, 1e-4, 10.0), rel=1e-12)
    assert grid.xf(2, 0.2, 1e4) == pytest.approx(grid.xf(2, 0.2, 100.0), rel=1e-12)


def test_few_knots_in_q_are_joined_by_lines(tmp_path):
    grid = pdf.read(write(tmp_path / "toy_0000.dat", blocks=((1.0, 4.0),)))
    ends = grid.xf(1, 0.1, 1.0) + grid.xf(1, 0.1, 4.0)
    assert grid.xf(1, 0.1, 2.0) == pytest.approx(0.5 * ends, rel=1e-12)


def test_the_fast_form_is_the_sum_at_one_scale(tmp_path):
    grid = pdf.read(write(tmp_path / "toy_0000.dat"))
    x = np.exp(generator(2).uniform(np.log(1e-4), 0, 200))
    fast = grid.at(7.0, [[2, 1], [-1]])(torch.from_numpy(x))
    np.testing.assert_allclose(fast[0], grid.xf(2, x, 7.0) + grid.xf(1, x, 7.0), rtol=1e-11)
    np.testing.assert_allclose(fast[1], grid.xf(-1, x, 7.0), rtol=1e-11)
    assert grid.at(7.0, [[2]])(torch.tensor([1.0, 2.0])).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize(("x", "q"), [(0.0, 10.0), (1.5, 10.0), (0.1, -1.0), (0.1, np.inf), (np.nan, 10.0)])
def test_numbers_out_of_range_are_named(tmp_path, x, q):
    with pytest.raises(InputError, match="parton densities need"):
        pdf.read(write(tmp_path / "toy_0000.dat")).xf(2, x, q)


@pytest.mark.parametrize(("stop", "said"), [(3, "no grid"), (5, "grid 1 is damaged"), (20, "grid 1 is damaged")])
def test_truncated_files_say_so(tmp_path, stop, said):
    with pytest.raises(FileError, match=said):
        pdf.read(write(tmp_path / "toy_0000.dat", stop=stop))


def test_numbers_without_a_blank_and_a_repeated_knot(tmp_path):
    """Fixed widths leave no blank before a sign or a zero; a knot that is there twice, all alike, counts once."""
    x, rows = [1e-3, 1e-3, 0.01, 0.1, 1.0], [[2.5, -3.0], [2.5, -3.0], [1.5, 0.25], [0.5, -0.125], [0.0, 0.0]]
    head = ["Format: lhagrid1", "---", " ".join(map(repr, x)), "2.0 9.0", "1 2"]

    def grid(name, rows):
        numbers = ["".join(f"{value:.8e}" for value in row) for row in rows for _ in range(2)]
        (tmp_path / name).write_text("\n".join([*head, *numbers, "---\n"]))
        return tmp_path / name

    read = pdf.read(grid("joined_0000.dat", rows))
    assert [read.xf(flavour, x[1:], 3.0).tolist() for flavour in (1, 2)] == [
        pytest.approx([row[column] for row in rows[1:]], abs=1e-14) for column in (0, 1)
    ]
    with pytest.raises(FileError, match="rising"):
        pdf.read(grid("other_0000.dat", [[2.0, -3.0], *rows[1:]]))


def test_other_files_are_refused(tmp_path):
    (tmp_path / "other.dat").write_text("hello\n")
    with pytest.raises(FileError, match="lhagrid1"):
        pdf.load(str(tmp_path / "other.dat"))
    with pytest.raises(FileError, match="cannot be read"):
        pdf.load(str(tmp_path / "none.dat"))


def test_unknown_flavours_are_named(tmp_path):
    with pytest.raises(UnknownNameError, match="flavour of toy_0000 '7'"):
        pdf.read(write(tmp_path / "toy_0000.dat")).xf(7, 0.1, 10.0)


@pytest.mark.parametrize("name", ["NNPDF23_lo_as_0130_qed", "NNPDF31_nnlo_as_0118_luxqed", "CT14qed_proton"])
def test_agrees_with_pythia(name):
    """To 1e-5 (or 1e-8 of x f) for x of 1e-8 to 0.99 and Q of 2 to 5000 GeV; Pythia takes 0 for negative values."""
    pythia8mc = pytest.importorskip("pythia8mc")
    pythia = pythia8mc.Pythia("", False)
    path = pdf.shipped()[name]
    for line in ("Print:quiet = on", "ProcessLevel:all = off", f"PDF:pSet = LHAGrid1:{path}"):
        pythia.readString(line)
    assert pythia.init()
    theirs, ours = pythia.getPDFPtr(2212), pdf.load(name)
    rng = generator(3)
    x = np.concatenate([np.exp(rng.uniform(np.log(1e-8), 0, 150)), rng.uniform(0.1, 0.99, 100)])
    q = np.exp(rng.uniform(np.log(2.0), np.log(5000.0), len(x)))
    for flavour in (-3, -2, -1, 1, 2, 3, 21):
        expected = [theirs.xf(flavour, *point) for point in zip(x.tolist(), (q * q).tolist(), strict=True)]
        np.testing.assert_allclose(np.maximum(ours.xf(flavour, x, q), 0), expected, rtol=1e-5, atol=1e-8)


def test_unknown_sets_are_named():
    pytest.importorskip("pythia8mc")
    with pytest.raises(UnknownNameError, match="did you mean 'NNPDF23_lo_as_0130_qed'"):
        pdf.load("NNPDF23_lo_as_0130_qe")
