"""Files are whole or not there, and what cannot be read or written is named before the work."""

import json
import math
import os

import pytest

from partonic.core.errors import FileError
from partonic.core.files import atomic, check_readable, check_writable, read_json, write_json, write_text


def listing(folder):
    return [file.name for file in folder.iterdir()]


def write_half(path, failure):
    with atomic(path) as aside:
        aside.write_text("half")
        raise failure


def test_a_finished_file_takes_its_place(tmp_path):
    with atomic(tmp_path / "jets.parquet") as aside:
        assert aside.parent == tmp_path
        assert aside.suffix == ".parquet"
        aside.write_text("new")
        assert not (tmp_path / "jets.parquet").exists()
    assert (tmp_path / "jets.parquet").read_text() == "new"
    assert listing(tmp_path) == ["jets.parquet"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, OSError, FileError])
def test_a_failure_leaves_the_old_file_and_nothing_aside(tmp_path, failure):
    (tmp_path / "jets.parquet").write_text("old")
    expected = FileError if issubclass(failure, OSError) else failure
    with pytest.raises(expected):
        write_half(tmp_path / "jets.parquet", failure("stop"))
    assert (tmp_path / "jets.parquet").read_text() == "old"
    assert listing(tmp_path) == ["jets.parquet"]


def test_a_file_error_keeps_its_words(tmp_path):
    with pytest.raises(FileError, match=r"^row 3 is broken$"):
        write_half(tmp_path / "a", FileError("row 3 is broken"))


def test_two_writers_do_not_share_a_file_aside(tmp_path):
    with atomic(tmp_path / "a") as one, atomic(tmp_path / "a") as two:
        assert one != two
        one.write_text("1")
        two.write_text("2")
    assert listing(tmp_path) == ["a"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileError, match=r"cannot write .*nowhere.*No such file or directory"):
        write_text(tmp_path / "nowhere" / "a.txt", "x")


def test_json_round_trip(tmp_path):
    tree = {"a": [1, 2.5, None], "größe": "ü"}
    write_json(tmp_path / "a.json", tree)
    assert read_json(tmp_path / "a.json") == tree
    assert "größe" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_json_that_is_not_json_is_never_written(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"a": math.nan})
    assert json.loads((tmp_path / "a.json").read_text()) == {}
    assert listing(tmp_path) == ["a.json"]


@pytest.mark.parametrize("content", [b'{"a": ', b"", b"\xff\xfe\x00", None])
def test_unreadable_json_names_the_file(tmp_path, content):
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(FileError, match=r"cannot read .*a\.json"):
        read_json(tmp_path / "a.json")


def test_a_file_with_content_is_readable(tmp_path):
    (tmp_path / "jets.h5").write_text("x")
    assert check_readable(str(tmp_path / "jets.h5")) == tmp_path / "jets.h5"


def test_what_cannot_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "jets.h5").touch()
    with pytest.raises(FileError, match=r"jets\.h5 is empty"):
        check_readable(tmp_path / "jets.h5")
    with pytest.raises(FileError, match="is a folder, not a file"):
        check_readable(tmp_path)
    with pytest.raises(FileError, match=r"no file .*jest\.h5; did you mean 'jets\.h5'\?"):
        check_readable(tmp_path / "jest.h5")
    with pytest.raises(FileError, match=r"no file .*zzzzzzz$"):
        check_readable(tmp_path / "zzzzzzz")
    with pytest.raises(FileError, match="no file"):
        check_readable(tmp_path / "nowhere" / "jets.h5")
    (tmp_path / "jets.h5").write_text("x")
    monkeypatch.setattr(os, "access", lambda *arguments: False)
    with pytest.raises(FileError, match=r"cannot be read \(permissions\)"):
        check_readable(tmp_path / "jets.h5")


def test_a_new_file_is_writable_and_an_old_one_on_request(tmp_path):
    assert check_writable(tmp_path / "out.parquet") == tmp_path / "out.parquet"
    assert not (tmp_path / "out.parquet").exists(), "checking writes nothing"
    (tmp_path / "out.parquet").write_text("x")
    assert check_writable(tmp_path / "out.parquet", overwrite=True) == tmp_path / "out.parquet"


def test_what_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "out.parquet").write_text("x")
    with pytest.raises(FileError, match="exists; choose another name, remove it, or add --overwrite"):
        check_writable(tmp_path / "out.parquet")
    with pytest.raises(FileError, match="is a folder; give the name of a file"):
        check_writable(tmp_path, overwrite=True)
    with pytest.raises(FileError, match=r"the folder .*nowhere does not exist"):
        check_writable(tmp_path / "nowhere" / "out.parquet")
    with pytest.raises(FileError, match=r"the folder .*out\.parquet does not exist"):
        check_writable(tmp_path / "out.parquet" / "more.parquet")
    monkeypatch.setattr(os, "access", lambda *arguments: False)
    with pytest.raises(FileError, match=r"cannot be written \(permissions\)"):
        check_writable(tmp_path / "new.parquet")
