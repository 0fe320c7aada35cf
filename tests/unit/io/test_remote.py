"""Remote names: a local web server with ranges, fsspec's memory, and what is said where there is no handler."""

import functools
import http.server
import os
import shutil
import threading
import time
from pathlib import Path

import fsspec
import numpy as np
import pytest
from format_samples import SAMPLES

import partonic as pn
from partonic.core.errors import FileError, InputError, MissingPackageError
from partonic.io import formats, remote
from partonic.io.convert import convert
from partonic.io.mapping import Map
from partonic.io.places import file_and_tree, is_remote, name_of, place
from partonic.io.splits import split_files


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, with single ranges of bytes."""

    asked: list = []  # noqa: RUF012  (paths and ranges, for all)
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and content in one packet

    def do_GET(self):
        span = self.headers.get("Range")
        self.asked.append((self.path, span))
        file = Path(self.translate_path(self.path))
        if not file.is_file():
            return self.send_error(404)
        content = file.read_bytes()
        first, last = 0, len(content) - 1
        if span and "," not in span:
            first, last = (int(part) for part in span.removeprefix("bytes=").split("-"))
            last = min(last, len(content) - 1)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Last-Modified", self.date_time_string(file.stat().st_mtime))
        self.end_headers()
        self.wfile.write(content[first : last + 1])
        return None

    def log_message(self, *_):
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """Takes many connections at once, as a reader of many branches makes them."""

    request_queue_size = 128


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("PARTONIC_CACHE", str(tmp_path / "cache"))
    Ranges.asked.clear()
    server = Server(("127.0.0.1", 0), functools.partial(Ranges, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("name", ["root", "nanoaod", "jetclass", "parquet", "lhe"])
def test_files_on_a_server_are_read_as_local_ones(served, assert_same, tmp_path, name):
    folder, address = served
    file = SAMPLES[name](folder)
    url = f"{address}/{file.name}"
    assert formats.recognise(url).name == name
    assert formats.count(url) == formats.count(file)
    whole = pn.read(file)
    assert_same(whole, pn.read(url))
    assert_same(whole, pn.read(Path(url)))  # a path loses a slash, which is put back
    assert pn.read(url).provenance.get("source") == whole.provenance.get("source")
    report = convert(url, tmp_path / "a.parquet")
    assert report.events == len(whole)
    assert url in str(report)


def test_root_files_are_read_in_place_and_others_copied_once(served, tmp_path):
    folder, address = served
    for name in ("root", "parquet"):
        SAMPLES[name](folder)
    formats.read(f"{address}/sample.root")
    assert all(span for _, span in Ranges.asked)
    assert not (tmp_path / "cache" / "remote").exists()
    for _ in range(2):
        formats.read(f"{address}/sample.parquet")
    copies = list((tmp_path / "cache" / "remote").glob("*/*"))
    assert [copy.name for copy in copies] == ["sample.parquet"]
    assert copies[0].read_bytes() == (folder / "sample.parquet").read_bytes()


def test_training_samples_of_remote_files(served, assert_same):
    folder, address = served
    file = SAMPLES["parquet"](folder)
    url = f"{address}/{file.name}"
    assert_same(formats.cached(url), formats.cached(file))
    parts, expected = split_files([url], 3), split_files([file], 3)
    for name, part in expected.items():
        assert_same(parts[name], part)
    asked = len(Ranges.asked)
    copy = remote.local(url)
    changed = copy.stat().st_mtime_ns
    assert remote.local(url).stat().st_mtime_ns == changed  # or the caches made of it would be made again
    assert len(Ranges.asked) == asked + 2
    assert remote.local(file) == file.resolve()


def test_copies_used_longest_ago_make_room(served, tmp_path, monkeypatch):
    folder, address = served
    names = [f"{name}.csv" for name in "abcd"]
    for name in names:
        (folder / name).write_text("x,y\n" + "1.5,2\n" * 500)  # 3,004 bytes
    monkeypatch.setenv(remote.LIMIT_VARIABLE, "8e-6")
    copies = {name: remote.fetched(f"{address}/{name}") for name in names[:3]}
    assert all(copy.exists() for copy in copies.values())  # all were used just now
    for age, name in ((5, "a.csv"), (9, "b.csv"), (7, "c.csv")):
        old = time.time() - age * remote.IN_USE
        os.utime(copies[name], (old, old))
    remote.fetched(f"{address}/b.csv")  # the oldest is used again
    remote.fetched(f"{address}/d.csv")
    assert [name for name in names if list((tmp_path / "cache" / "remote").glob(f"*/{name}"))] == ["b.csv", "d.csv"]
    assert len(list((tmp_path / "cache" / "remote").iterdir())) == 2
    monkeypatch.setenv(remote.LIMIT_VARIABLE, "many")
    with pytest.raises(InputError, match="must be a number of GB above 0, as 50, not 'many'"):
        remote.fetched(f"{address}/a.csv")


def test_trees_and_maps_of_remote_files(served):
    folder, address = served
    SAMPLES["root"](folder)
    assert formats.count(f"{address}/sample.root:jets") == 40
    with pytest.raises(FileError, match=r"unknown tree of http.* 'jetz'; did you mean 'jets'"):
        formats.read(f"{address}/sample.root:jetz")
    events = formats.read(f"{address}/sample.root", map=Map(columns={"pt": "jet_pt"}))
    np.testing.assert_array_equal(events.columns["pt"], formats.read(folder / "sample.root").columns["jet_pt"])


def test_what_cannot_be_reached(served):
    _, address = served
    with pytest.raises(FileError, match=r"http.*none\.root cannot be reached \(404"):
        formats.read(f"{address}/none.root")
    with pytest.raises(FileError, match=r"http://127\.0\.0\.1:1/a\.root cannot be reached \(.*refused"):
        formats.read("http://127.0.0.1:1/a.root")


@pytest.mark.parametrize("name", ["root", "parquet"])
def test_other_handlers_of_fsspec(tmp_path, assert_same, monkeypatch, name):
    monkeypatch.setenv("PARTONIC_CACHE", str(tmp_path / "cache"))
    file = SAMPLES[name](tmp_path)
    url = f"memory://{file.name}"
    with fsspec.open(url, "wb") as target, file.open("rb") as source:
        shutil.copyfileobj(source, target)
    assert formats.recognise(url).name == name
    assert_same(formats.read(file), formats.read(url))
    with pytest.raises(FileError, match="memory://none"):
        formats.read("memory://none")


def test_a_missing_handler_says_what_to_install():
    with pytest.raises(MissingPackageError, match=r"root://.*names with root:// need another package; .*fsspec-xrootd"):
        formats.read("root://host.cern.ch//store/a.root")


def test_unknown_schemes():
    with pytest.raises(FileError, match=r"nosuch://a/b\.root cannot be reached \(.*nosuch"):
        formats.read("nosuch://a/b.root")


def test_names(tmp_path):
    assert place(Path("https://a.b/c.root")) == "https://a.b/c.root"
    assert is_remote("root://host//path/a.root")
    assert not is_remote("folder/a.root")
    assert not is_remote("a:b")
    assert file_and_tree("root://host:1094//a.root:dir/t") == ("root://host:1094//a.root", "dir/t")
    assert file_and_tree("http://host:80/a.root") == ("http://host:80/a.root", None)
    assert file_and_tree(tmp_path / "a.root:t") == (tmp_path / "a.root", "t")
    assert name_of("https://a.b/c.root:t") == "c.root"
