"""Simulating to memory and to files: seeds, workers, weights by name, interruptions, silence."""

import gzip
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

from partonic.core.errors import FileError, InputError, MissingPackageError, SimulationError
from partonic.core.progress import Progress
from partonic.events import Events, concatenate
from partonic.inference.benchmarks import with_components
from partonic.io import lhe, parquet
from partonic.simulators import simulator as simulator_module
from partonic.simulators.simulate import SimulationOptions, manifest_path, simulate, simulate_chunks, simulate_to_file
from partonic.simulators.store import chunk_folder

LHE = Path(__file__).parents[2] / "data" / "smeftsim_vbfh_200.lhe.gz"


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of 40 events: quick, in this process only."""
    monkeypatch.setattr(simulator_module, "CHUNK", 40)


def same(a: Events, b: Events) -> None:
    """Equal to the bit."""
    for one, other in ((a.columns, b.columns), (a.weights, b.weights)):
        assert list(one) == list(other)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    assert list(a.collections) == list(b.collections)
    for name, ragged in a.collections.items():
        np.testing.assert_array_equal(ragged.offsets, b.collections[name].offsets)
        for field in ragged.fields:
            np.testing.assert_array_equal(ragged[field], b.collections[name][field], err_msg=f"{name}.{field}")
        for link in ragged.links:
            np.testing.assert_array_equal(ragged.links[link].index, b.collections[name].links[link].index)


def test_workers_do_not_change_the_events():
    options = {"process": "drell-yan", "n": 600, "seed": 11, "detector": "truth"}
    one = simulate(SimulationOptions(**options))
    two = simulate(SimulationOptions(**options, workers=2))
    same(one, two)
    assert one.provenance == two.provenance
    assert len(one) == 600
    assert one.provenance["generated"] == 1000
    assert not multiprocessing.active_children()


def test_seeds_give_different_events_and_chunks_are_independent(small_chunks):
    first = simulate(SimulationOptions("drell-yan", 80, seed=1))
    again = simulate(SimulationOptions("drell-yan", 80, seed=1))
    other = simulate(SimulationOptions("drell-yan", 80, seed=2))
    same(first, again)
    met = first.columns["met_pt"]
    assert not np.array_equal(met, other.columns["met_pt"])
    assert not np.array_equal(met[:40], met[40:])
    # The second chunk does not depend on the first having been simulated by the same generator.
    lone = simulator_module.Simulator(SimulationOptions("drell-yan", 80, seed=1))(1)
    same(first[40:], lone)


def test_cells_stand_beside_jets_that_are_the_same_without_them(small_chunks):
    plain = simulate(SimulationOptions("qcd", 12, seed=4))
    rich = simulate(SimulationOptions("qcd", 12, seed=4, cells=True))
    same(plain, rich.select(collections=["constituents"]))
    cells, constituents = rich.collection("cells"), rich.collection("constituents")
    assert sorted(cells.fields) == ["energy", "eta", "layer", "phi"]
    share = [np.bincount(c.rows, c[e], 12) for c, e in ((cells, "energy"), (constituents, "e"))]
    assert np.median(share[0] / share[1]) == pytest.approx(1.0, abs=0.05)
    assert set(np.unique(cells["layer"])) == set(range(6))
    assert rich.provenance["options"]["cells"] is True
    assert "cells" not in plain.provenance["options"]  # as in samples of before


def test_chunks_come_in_order_and_the_last_is_cut(small_chunks):
    options = SimulationOptions("drell-yan", 100, detector="truth")
    parts = list(simulate_chunks(options))
    assert [len(part) for part in parts] == [40, 40, 20]
    same(concatenate(parts), simulate(options))


def test_provenance_says_how_it_was_made(small_chunks):
    facts = simulate(SimulationOptions("h-4l", 30, seed=5)).provenance
    assert facts["process"] == "h-4l"
    assert facts["seed"] == 5
    assert facts["generated"] == facts["accepted"] == 40
    assert facts["acceptance"] == 1.0
    assert facts["cross_section_pb"] == pytest.approx(0.0031, rel=0.5)  # leading order, gluon fusion to ZZ to 4l
    assert 0 < facts["cross_section_error_pb"] < facts["cross_section_pb"]
    assert "HiggsSM:gg2H=on" in facts["pythia_settings"]
    assert "ParticleDecays:limitTau0=on" in facts["pythia_settings"]
    assert set(facts["versions"]) == {"partonic", "pythia", "fastjet", "numpy", "python"}
    json.dumps(facts, allow_nan=False)


def weights_in(text: str) -> dict[str, np.ndarray]:
    """Weights of an LHE file, read the simple way."""
    found: dict[str, list[float]] = {}
    for name, value in re.findall(r"<wgt id='(.*?)'>(.*?)</wgt>", text):
        found.setdefault(name, []).append(float(value))
    return {name: np.array(values) for name, values in found.items()}


def test_weights_of_a_file_survive_by_name():
    events = simulate(SimulationOptions(f"lhe:{LHE}", 200, detector="truth"))
    expected = weights_in(gzip.decompress(LHE.read_bytes()).decode())
    assert len(expected) == 21
    assert list(events.weights) == ["nominal", *expected]
    for name, values in expected.items():
        np.testing.assert_allclose(events.weights[name], values, rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(events.weights["nominal"], expected["SM"], rtol=1e-6)
    assert events.provenance["cross_section_pb"] == pytest.approx(3.343, rel=1e-3)
    read = lhe.read(LHE).provenance["lhe"]
    assert events.provenance["lhe"] == read
    assert read["parameters"]["smeft 7"] == {"name": "chw", "value": 0.0}
    (ours, morphing), (theirs, _) = with_components(events), with_components(lhe.read(LHE))
    assert morphing.parameters == ("cHbox", "cHDD", "cHW", "cHB", "cHWB")
    scale = theirs.provenance["cross_section_pb"] / events.provenance["cross_section_pb"]
    np.testing.assert_allclose(ours.gold["components"] * scale, theirs.gold["components"], rtol=1e-4, atol=1e-3)
    higgs = events.collections["truth"]
    assert np.all(np.bincount(higgs.rows[higgs["pid"] == 25], minlength=200) >= 1)


def edited(path: Path, change) -> Path:
    """A plain-text copy of the file of parton-level events, changed."""
    path.write_text(change(gzip.decompress(LHE.read_bytes()).decode()))
    return path


def test_negative_weights_are_kept(tmp_path):
    signs = iter([1, -1] * 100)

    def negate(text: str) -> str:
        return re.sub(r"(<event>\n\s*\d+\s+1 )\+", lambda m: m[1] + ("+" if next(signs) > 0 else "-"), text)

    path = edited(tmp_path / "negative.lhe", negate)
    events = simulate(SimulationOptions(f"lhe:{path}", 200, detector="truth"))
    np.testing.assert_array_equal(np.sign(events.weights["nominal"]), [1, -1] * 100)
    assert abs(events.provenance["sum_of_weights"]) < 1e-6


def test_weights_relative_to_the_nominal_where_events_are_unweighted(tmp_path):
    path = edited(tmp_path / "unweighted.lhe", lambda text: text.replace("247000 247000 -4 1", "247000 247000 3 1"))
    events = simulate(SimulationOptions(f"lhe:{path}", 200, detector="truth"))
    np.testing.assert_array_equal(events.weights["nominal"], np.ones(200))
    expected = weights_in(path.read_text())
    np.testing.assert_allclose(events.weights["cHW_0p2"], expected["cHW_0p2"] / expected["SM"], rtol=1e-6)


def test_chunks_of_a_file_are_showered_independently(small_chunks):
    options = SimulationOptions(f"lhe:{LHE}", 200, detector="truth")
    whole = simulate(options)
    same(whole[80:120], simulator_module.Simulator(options)(2))
    beyond = simulator_module.Simulator(options)(7)
    assert len(beyond) == 0
    assert beyond.provenance["last"]


def test_variations_join_the_weights_of_a_file(small_chunks):
    events = simulate(SimulationOptions(f"lhe:{LHE}", 80, detector="truth", variations=True))
    assert len(events.weights) == 22 + 8
    ratio = events.weights["isr_mur_1.414"] / events.weights["nominal"]
    assert ratio.std() > 0.01
    assert ratio.mean() == pytest.approx(1.0, abs=5 * ratio.std() / np.sqrt(80) + 0.05)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "no file"),
        (b"", "is empty"),
        (b"nothing of the kind\n" * 200, "is not a file of parton-level events"),
        ("half", "is truncated"),
        ("no events", "holds no event"),
        ("half gz", "truncated or damaged"),
    ],
)
def test_bad_files_of_events(tmp_path, content, sentence: str):
    path = tmp_path / "bad.lhe"
    text = gzip.decompress(LHE.read_bytes())
    if content == "half":
        content = text[: len(text) // 2]
    elif content == "no events":
        content = text[: text.index(b"<event>")] + b"</LesHouchesEvents>\n"
    elif content == "half gz":
        content = LHE.read_bytes()[:30_000]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileError, match=sentence):
        simulate(SimulationOptions(f"lhe:{path}", 10))


def test_a_file_with_too_few_events():
    with pytest.raises(InputError, match="holds 200 events, fewer than the 201 asked for"):
        simulate(SimulationOptions(f"lhe:{LHE}", 201))
    jets = {"level": "jets", "pt_min": 100.0, "pt_max": 200.0, "detector": "truth"}
    with pytest.raises(SimulationError, match=r"its 200 events gave \d+ rows"):
        simulate(SimulationOptions(f"lhe:{LHE}", 201, **jets))


def test_pythia_refusing_is_one_clear_error():
    with pytest.raises(SimulationError, match="vanishing cross sections") as error:
        simulate(SimulationOptions("g-hh", 10, energy=100.0))
    assert "\n" not in str(error.value)


def test_nothing_accepted_is_an_error(small_chunks, monkeypatch):
    monkeypatch.setattr("partonic.simulators.simulate.GIVE_UP", 2)
    with pytest.raises(SimulationError, match="nothing of the last 80 events was accepted"):
        simulate(SimulationOptions("drell-yan", 10, level="jets", pt_min=3000.0, pt_max=3001.0, detector="truth"))


def test_a_missing_package_is_found_first(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "fastjet", None)
    with pytest.raises(MissingPackageError, match=r"partonic\[simulate\]"):
        simulate_to_file(SimulationOptions("top", 10), tmp_path / "x.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_file_holds_the_same_as_memory(small_chunks, tmp_path):
    options = SimulationOptions("drell-yan", 90, seed=4)
    done = simulate_to_file(options, tmp_path / "a.parquet")
    events = parquet.read(tmp_path / "a.parquet")
    memory = simulate(options)
    same(events, memory)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "a.parquet.manifest.json"]
    manifest = json.loads(manifest_path(done.path).read_text())
    assert manifest == done.manifest == dict(events.provenance)
    assert {**memory.provenance, "rows": 90} == manifest
    assert "90 events of drell-yan" in str(done)


def test_killed_twice_in_its_last_moments_it_leaves_nothing_behind(small_chunks, tmp_path):
    options, path = SimulationOptions("drell-yan", 30, seed=4), tmp_path / "a.parquet"
    done = simulate_to_file(options, path)
    whole = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    names = ", ".join(repr(str(name)) for name in (path, manifest_path(path)))
    code = "from pathlib import Path; from partonic.core.leftovers import unfinished\n"
    code += f"for name in ({names}): unfinished(Path(name)).write_text('half')"
    subprocess.run([sys.executable, "-c", code], check=True)
    manifest_path(path).unlink()
    chunk_folder(path).mkdir()
    assert len(list(tmp_path.glob(".*.part.*"))) == 2
    assert simulate_to_file(options, path).manifest == done.manifest
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == whole
    with pytest.raises(FileError, match="exists"):
        simulate_to_file(options, path)


class Stop(Progress):
    """Interrupts as Ctrl-C would, while the third chunk comes."""

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        self.done += amount
        if self.done > 80:
            raise KeyboardInterrupt


def test_an_interrupted_run_goes_on_where_it_stopped(small_chunks, tmp_path, monkeypatch):
    from contextlib import contextmanager

    options = SimulationOptions("drell-yan", 150, seed=4)
    simulate_to_file(options, tmp_path / "whole.parquet")
    path = tmp_path / "broken.parquet"

    @contextmanager
    def stopping(*arguments):
        yield Stop(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("partonic.simulators.simulate.progress", stopping)
        with pytest.raises(KeyboardInterrupt):
            simulate_to_file(options, path)
    assert not path.exists()
    assert not manifest_path(path).exists()
    kept = chunk_folder(path)
    assert sorted(file.name for file in kept.glob("*.parquet")) == [f"{i:06d}.parquet" for i in range(3)]

    with pytest.raises(FileError, match=r"other settings \(seed\)"):
        simulate_to_file(SimulationOptions("drell-yan", 150, seed=5), path)
    (kept / "000001.parquet").write_bytes(b"half a chunk")
    simulated = []
    original = simulator_module.Simulator.__call__
    monkeypatch.setattr(
        simulator_module.Simulator, "__call__", lambda self, chunk: simulated.append(chunk) or original(self, chunk)
    )
    simulate_to_file(options, path)
    assert simulated == [1, 3]
    assert path.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert not kept.exists()


def test_existing_outputs_are_safe(small_chunks, tmp_path):
    options = SimulationOptions("drell-yan", 5)
    path = tmp_path / "there.parquet"
    path.write_text("precious")
    with pytest.raises(FileError, match="exists; choose another name"):
        simulate_to_file(options, path)
    assert path.read_text() == "precious"
    with pytest.raises(FileError, match="does not exist"):
        simulate_to_file(options, tmp_path / "nowhere" / "x.parquet")
    with pytest.raises(FileError, match=r"ends in \.parquet"):
        simulate_to_file(options, tmp_path / "x.h5")
    simulate_to_file(options, path, overwrite=True)
    assert len(parquet.read(path)) == 5


def test_a_failed_run_leaves_nothing(tmp_path):
    with pytest.raises(SimulationError):
        simulate_to_file(SimulationOptions("g-hh", 10, energy=100.0), tmp_path / "x.parquet")
    assert list(tmp_path.iterdir()) == []


def test_two_runs_cannot_write_one_file(small_chunks, tmp_path):
    from partonic.simulators.store import chunk_store

    path = tmp_path / "x.parquet"
    with chunk_store(path, {"seed": 1}, discard=False), pytest.raises(FileError, match="another process is writing"):
        simulate_to_file(SimulationOptions("drell-yan", 5), path)


def script(path: Path, process: str, n: int, workers: int) -> list[str]:
    """A user's program that simulates to a file."""
    file = path.with_suffix(".py")
    file.write_text(
        "from partonic.simulators.simulate import SimulationOptions, simulate_to_file\n"
        "if __name__ == '__main__':\n"
        f"    options = SimulationOptions({process!r}, {n}, workers={workers}, detector='truth')\n"
        f"    simulate_to_file(options, {str(path)!r})\n"
    )
    return [sys.executable, str(file)]


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_nothing_reaches_standard_output(tmp_path, workers: int):
    command = script(tmp_path / "x.parquet", f"lhe:{LHE}", 20, workers)
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == b""
    for banner in (b"FastJet", b"PYTHIA", b"SUSY"):
        assert banner not in done.stderr


def group_ends(group: int) -> bool:
    """Whether no process of a group is left after some seconds (Python's resource tracker is the last to go)."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
def test_ctrl_c_stops_the_workers_and_keeps_their_chunks(tmp_path):
    path = tmp_path / "x.parquet"
    command = script(path, "drell-yan", 50_000, 2)
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        for _ in range(600):
            if any(chunk_folder(path).glob("[0-9]*.parquet")):
                break
            time.sleep(0.1)
        os.killpg(running.pid, signal.SIGINT)
        _, errors = running.communicate(timeout=30)
    finally:
        running.kill()
    assert running.returncode != 0
    assert errors.decode().count("Traceback") == 1  # the parent's own, none from a worker
    assert "KeyboardInterrupt" in errors.decode()
    assert group_ends(running.pid)
    assert not path.exists()
    assert any(chunk_folder(path).glob("[0-9]*.parquet"))
