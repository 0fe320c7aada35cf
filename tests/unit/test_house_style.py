"""The house style, held by reading the source: sizes, annotations, docstrings, import directions, nothing dangerous.

Every rule is a function of one module's name and source (or of the graph of all), so that each is shown to fail on a
small bad snippet below.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
MAX_FILE, MAX_FUNCTION = 500, 75

# From left to right; a folder imports only what stands to the right of it, and itself. "" is the package's front door.
PHYSICS = "inference anomaly integrate generation lattice equations transitions theory design"
ORDER = ["", "__main__", "cli", "recipes", "report", PHYSICS, "fit", "models objectives metrics", "represent"]
ORDER += ["simulators", "phasespace io", "events", "core", "version"]
LAYER = {folder: depth for depth, row in enumerate(ORDER) for folder in (row.split() or [""])}
SIDEWAYS = {("transitions", "equations"), ("theory", "transitions"), ("anomaly", "inference"), ("design", "inference")}
NEVER = {("models", "simulators"), ("equations", "events"), ("transitions", "events")}

FORBIDDEN_MODULES = {"dill", "cloudpickle", "joblib", "shelve", "marshal"}
UNPICKLES = {
    "pickle.load",
    "pickle.loads",
    "pickle.Unpickler",
}  # to write for others, or to name its error, is no danger
FORBIDDEN_CALLS = {"eval", "exec", "compile", "yaml.load", "yaml.unsafe_load", "yaml.full_load"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def too_long(module: str, source: str) -> Iterator[str]:
    lines = source.count("\n")
    if lines > MAX_FILE:
        yield f"{lines} lines, at most {MAX_FILE}"
    for node in functions(ast.parse(source)):
        length = node.end_lineno - node.lineno + 1
        if length > MAX_FUNCTION:
            yield f"{node.name} has {length} lines, at most {MAX_FUNCTION}"


def not_annotated(module: str, source: str) -> Iterator[str]:
    tree = ast.parse(source)
    methods = {id(f) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for f in node.body}
    for node in functions(tree):
        static = any(isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in node.decorator_list)
        given = [*node.args.posonlyargs, *node.args.args]
        given = given[1:] if id(node) in methods and not static else given
        given += [*node.args.kwonlyargs, *filter(None, [node.args.vararg, node.args.kwarg])]
        yield from (f"{node.name}: argument {arg.arg} has no annotation" for arg in given if arg.annotation is None)
        if node.returns is None:
            yield f"{node.name} has no annotation of what it returns"


def not_documented(module: str, source: str) -> Iterator[str]:
    def visit(node: ast.AST, name: str) -> Iterator[str]:
        if not ast.get_docstring(node):
            yield f"{name} has no docstring"
        if isinstance(node, Function):
            return
        for child in node.body:
            if isinstance(child, Function | ast.ClassDef) and not child.name.startswith("_"):
                yield from visit(child, child.name)

    yield from visit(ast.parse(source), "the module")


def dangerous(module: str, source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [f"{node.module}.{alias.name}" for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        names += [ast.unparse(node)] if isinstance(node, ast.Attribute) else []
        yield from (f"uses {name}" for name in names if name in UNPICKLES)
        if not isinstance(node, ast.Attribute):
            yield from (f"imports {name}" for name in names if name.split(".")[0] in FORBIDDEN_MODULES)
        if isinstance(node, ast.Call):
            yield from dangerous_call(node)


def dangerous_call(node: ast.Call) -> Iterator[str]:
    call = ast.unparse(node.func)
    options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
    if call in FORBIDDEN_CALLS:
        yield f"calls {call}"
    if call == "torch.load" and options.get("weights_only") != "True":
        yield "calls torch.load without weights_only=True"
    if options.get("allow_pickle", "False") != "False":
        yield f"calls {call} with allow_pickle"


def unfinished(module: str, source: str) -> Iterator[str]:
    yield from (f"holds {word}" for word in re.findall(r"\b(?:TODO|FIXME|XXX|NotImplementedError)\b", source))
    yield from (f"mentions {place}" for place in re.findall(r"/work/\w+|\.\./shared|issue #?\d+", source))


RULES = (too_long, not_annotated, not_documented, dangerous, unfinished)


def imported(module: str, source: str, modules: set[str], package: bool = False) -> set[str]:
    """The modules of ours that one module imports, at its top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")[: -node.level + package or None]
                base = ".".join([*parents, *base.split(".")]).rstrip(".")
            inner = {f"{base}.{alias.name}" for alias in node.names}
            found |= {name if name in modules else base for name in inner}
    return {name for name in found if name.split(".")[0] == "partonic"} - {module}


def folder(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def wrong_directions(graph: dict[str, set[str]]) -> Iterator[str]:
    for module, targets in graph.items():
        here = folder(module)
        for target in sorted(targets):
            there = folder(target)
            unknown = {here, there} - set(LAYER)
            if unknown:
                yield f"{module} -> {target}: {', '.join(unknown)} is not in the table of layers"
            elif (here, there) in NEVER:
                yield f"{module} -> {target}: {here} never imports {there}"
            elif here != there and (here, there) not in SIDEWAYS and LAYER[there] <= LAYER[here]:
                yield f"{module} -> {target}: points left"


def mutual(graph: dict[str, set[str]]) -> Iterator[str]:
    """Pairs of files that import each other, and longer rings of files."""
    reach = {module: set(targets) & set(graph) for module, targets in graph.items()}
    for middle in graph:
        for targets in reach.values():
            if middle in targets:
                targets |= reach[middle]
    ring = sorted(module for module in graph if module in reach[module])
    if ring:
        yield f"import each other: {', '.join(ring)}"


def read_package() -> dict[str, tuple[Path, str]]:
    files = sorted((SOURCE / "partonic").rglob("*.py"))
    names = [".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__") for file in files]
    return {name: (file, file.read_text(encoding="utf-8")) for name, file in zip(names, files, strict=True)}


PACKAGE = read_package()


def graph_of(package: dict[str, tuple[Path, str]]) -> dict[str, set[str]]:
    modules = set(package)
    return {
        name: imported(name, source, modules, file.name == "__init__.py") for name, (file, source) in package.items()
    }


def test_the_source_is_found():
    assert {"partonic", "partonic.cli", "partonic.core.errors", "partonic.version"} <= set(PACKAGE)


@pytest.mark.parametrize("rule", RULES)
def test_every_file_keeps_the_style(rule):
    assert [f"{name}: {wrong}" for name, (_, source) in PACKAGE.items() for wrong in rule(name, source)] == []


def test_imports_point_one_way():
    assert list(wrong_directions(graph_of(PACKAGE))) == []


def test_no_files_import_each_other():
    assert list(mutual(graph_of(PACKAGE))) == []


HEAVY = {"torch", "matplotlib", "awkward", "pythia8mc", "fastjet", "pandas", "sklearn", "numba"}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["-c", "import partonic.cli"], ""),
        (["-m", "partonic.cli", "--help"], "simulate"),
        (["-c", "import partonic"], ""),
    ],
)
def test_the_command_line_starts_without_heavy_packages(command, said):
    """``-X importtime`` lists every import on standard error."""
    timed = [sys.executable, "-X", "importtime", *command]
    done = subprocess.run(timed, capture_output=True, text=True, check=True, timeout=120)
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "partonic" in loaded
    assert said in done.stdout
    assert loaded & HEAVY == set()


GOOD = '"""A module."""\n\ndef f(x: int, *y: int, **z: int) -> int:\n    """Doc."""\n    return x\n'
METHOD = '''"""M."""
class A:
    """A."""

    def __init__(self, a: int) -> None: ...

    def f(self{}){}:{}
        return 1
'''
SAFE = '''"""M."""
import pickle
pickle.dumps(1, 0)
model.eval()
spec.loader.exec_module(module)
torch.load(path, weights_only=True)
re.compile("a")
'''
BAD = [
    (too_long, "x = 1\n" * 501, "501 lines"),
    (too_long, "def f() -> None:\n" + "    x = 1\n" * 75, "f has 76 lines"),
    (too_long, "class A:\n    async def f() -> None:\n" + "        x = 1\n" * 75, "f has 76 lines"),
    (not_annotated, "def f(x) -> int: ...", "argument x"),
    (not_annotated, "def f(x: int): ...", "returns"),
    (not_annotated, "def f(*, x) -> int: ...", "argument x"),
    (not_annotated, "def f(*x) -> int: ...", "argument x"),
    (not_annotated, "def f(**x) -> int: ...", "argument x"),
    (not_annotated, "def f(self) -> int: ...", "argument self"),
    (not_annotated, "class A:\n    @staticmethod\n    def f(x) -> int: ...", "argument x"),
    (not_annotated, "def f() -> None:\n    def g(x) -> int: ...", "argument x"),
    (not_annotated, METHOD.format(", x", " -> int", ""), "argument x"),
    (not_documented, "x = 1", "the module"),
    (not_documented, '"""M."""\ndef f() -> int: ...', "f has no docstring"),
    (not_documented, '"""M."""\nclass A: ...', "A has no docstring"),
    (not_documented, METHOD.format("", " -> int", ""), "f has no docstring"),
    (dangerous, "eval('1')", "calls eval"),
    (dangerous, "def f() -> None:\n    exec('1')", "calls exec"),
    (dangerous, "import pickle\npickle.loads(x)", "uses pickle.loads"),
    (dangerous, "from pickle import load", "uses pickle.load"),
    (dangerous, "class A(pickle.Unpickler): ...", "uses pickle.Unpickler"),
    (dangerous, "import dill", "imports dill"),
    (dangerous, "def f() -> None:\n    from joblib.hashing import x", "imports joblib"),
    (dangerous, "torch.load(path)", "torch.load"),
    (dangerous, "torch.load(path, weights_only=False)", "torch.load"),
    (dangerous, "np.load(path, allow_pickle=True)", "allow_pickle"),
    (dangerous, "yaml.load(text)", "yaml.load"),
    (unfinished, "# TODO: more", "TODO"),
    (unfinished, "raise NotImplementedError", "NotImplementedError"),
    (unfinished, '"""See ../shared/notes."""', "../shared"),
    (unfinished, "# for issue 12", "issue 12"),
]


@pytest.mark.parametrize(("rule", "source", "said"), BAD)
def test_each_rule_finds_what_is_bad(rule, source, said):
    assert any(said in wrong for wrong in rule("partonic.core.x", source))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "source",
    [
        GOOD,
        METHOD.format(", x: int", " -> int", '\n        """F."""'),
        SAFE,
        '"""M."""\ndef f() -> None:\n    """F."""\n    def g() -> None: ...\nclass _A:\n    def f(self) -> None: ...\n',
        '"""M."""\n' + "x = 1\n" * 499,
    ],
)
def test_each_rule_leaves_good_code_alone(rule, source):
    assert list(rule("partonic.core.x", source)) == []


MODULES = {"partonic", "partonic.core.files", "partonic.models.pfn", "partonic.models.mlp", "partonic.events"}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import partonic.core.files", {"partonic.core.files"}),
        ("from partonic.models import mlp", {"partonic.models.mlp"}),
        ("from partonic.events import Events", {"partonic.events"}),
        ("def f():\n    from partonic.core.files import atomic", {"partonic.core.files"}),
        ("from . import mlp", {"partonic.models.mlp"}),
        ("from .mlp import MLP", {"partonic.models.mlp"}),
        ("from ..core.files import atomic", {"partonic.core.files"}),
        ("import numpy\nfrom torch import nn\nimport partonic_other", set()),
    ],
)
def test_imports_are_found_however_written(source, found):
    assert imported("partonic.models.pfn", source, MODULES) == found


def test_relative_imports_of_a_package_start_in_it():
    assert imported("partonic.models", "from .mlp import MLP", MODULES, package=True) == {"partonic.models.mlp"}


@pytest.mark.parametrize(
    ("module", "target", "allowed"),
    [
        ("partonic", "partonic.recipes.launch", True),
        ("partonic.cli", "partonic.report.page", True),
        ("partonic.recipes.top_tagging", "partonic.report.page", True),
        ("partonic.fit.loop", "partonic.core.files", True),
        ("partonic.models.pfn", "partonic.models.mlp", True),
        ("partonic.objectives.supervised", "partonic.represent.batch", True),
        ("partonic.core.result", "partonic.version", True),
        ("partonic.design.optimal", "partonic.inference.fisher", True),
        ("partonic.theory.model", "partonic.transitions.bounce", True),
        ("partonic.recipes.top_tagging", "partonic.cli", False),
        ("partonic.fit.loop", "partonic.report.page", False),
        ("partonic.inference.fisher", "partonic.report.page", False),
        ("partonic.core.result", "partonic.events", False),
        ("partonic.io.parquet", "partonic.represent.packed", False),
        ("partonic.models.pfn", "partonic.metrics.tagging", False),
        ("partonic.io.lhe", "partonic.phasespace.rambo", False),
        ("partonic.models.flow", "partonic.simulators.pythia", False),
        ("partonic.equations.solve", "partonic.events", False),
        ("partonic.transitions.bounce", "partonic.events.events", False),
        ("partonic.inference.fisher", "partonic.design.optimal", False),
        ("partonic.core.result", "partonic", False),
        ("partonic.core.result", "partonic.newfolder.x", False),
    ],
)
def test_directions(module, target, allowed):
    assert (list(wrong_directions({module: {target}})) == []) is allowed


def test_rings_are_found():
    ring = {"partonic.a": {"partonic.b"}, "partonic.b": {"partonic.c"}, "partonic.c": {"partonic.a"}}
    line = {"partonic.a": {"partonic.b", "partonic.c"}, "partonic.b": {"partonic.c"}, "partonic.c": set()}
    pair = {"partonic.a": {"partonic.b"}, "partonic.b": {"partonic.a"}, "partonic.c": {"partonic.a"}}
    assert list(mutual(ring)) == ["import each other: partonic.a, partonic.b, partonic.c"]
    assert list(mutual(pair)) == ["import each other: partonic.a, partonic.b"]
    assert list(mutual(line)) == []
