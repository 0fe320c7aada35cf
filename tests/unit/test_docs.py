"""What the README and the documentation show works: Python snippets run, commands have the options they are given."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

import partonic as pn
from partonic import cli
from partonic.core.registry import simulators
from partonic.core.result import Result
from partonic.recipes import launch

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    *(f"docs/{name}.md" for name in ("index", "python", "cli", "physics", "formats", "cluster", "extending")),
    *(f"docs/{name}.md" for name in ("recipes", "taggers", "inference")),
]
FENCE = re.compile(r"^(`{3,}|:{3,})(?:\{[\w-]+\} )?(\w*)[^\n]*\n(.*?)^\1", re.MULTILINE | re.DOTALL)
VERB = re.compile(r"^(?:\$ )?partonic (.*)$", re.MULTILINE)


def blocks(page, *languages):
    """Fenced blocks of a page in some languages."""
    found = FENCE.findall((ROOT / page).read_text(encoding="utf-8"))
    return [text for _, language, text in found if language in languages]


def test_blocks_are_found():
    assert len(blocks("docs/python.md", "python")) > 8
    assert len(blocks("README.md", "", "sh")) > 2


@pytest.fixture
def workplace(tiny_run, tmp_path, monkeypatch):
    """A folder with a finished run in which simulations are small and runs are only configured."""
    pytest.importorskip("pythia8mc")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_run, "runs/top-tagging-1")
    shutil.copy(next((tiny_run.parent / "cache" / "samples").glob("top-*.parquet")), "top.parquet")
    simulate = pn.simulate

    def run(recipe, preset="default", output=None, workers=None, device="cpu", **options):
        launch.configure(launch.find(recipe), preset, None, options)
        return Result.load("runs/top-tagging-1")

    monkeypatch.setattr(pn, "simulate", lambda process, n, **options: simulate(process, min(n, 40), **options))
    monkeypatch.setattr(pn, "run", run)


@pytest.mark.slow
@pytest.mark.xdist_group("tiny-run")
@pytest.mark.parametrize("page", ["README.md", "docs/python.md", "docs/formats.md", "docs/taggers.md"])
def test_python_snippets_run(page, workplace, capsys):
    code = "\n".join(blocks(page, "python"))
    exec(compile(code, page, "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.count("\n") >= code.count("print(")


def commands(page):
    """Commands of a page, comments and the alternatives of a synopsis aside."""
    for text in blocks(page, "", "sh", "console"):
        for line in VERB.findall(text.replace("\\\n", " ")):
            yield shlex.split(line.partition(" # ")[0].partition(" | ")[0])


ALL = [pytest.param(tokens, id=f"{page}: {' '.join(tokens)}") for page in PAGES for tokens in commands(page)]


@pytest.mark.parametrize("tokens", ALL)
def test_commands_have_their_options(tokens, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    words = [token for token in tokens if not token.startswith("-")]
    known = {"run": launch.recipes.names(), "simulate": simulators.names()}
    recipe = words[1:2] if words[1:2] and words[1] in known.get(words[0], ()) else []
    with pytest.raises(SystemExit) as left:
        cli.main([*words[:1], *recipe, "--help"])
    assert not left.value.code
    text = capsys.readouterr().out
    given = {token.partition("=")[0] for token in tokens if re.match(r"--?[a-z]", token)}
    if words[:1] == ["run"] and not recipe:  # a user's own recipe has options of its own
        given = set()
    assert {flag for flag in given if not re.search(rf"(?<!\S){flag}(?!\S)", text)} == set()
