"""The command line: thin verbs over the library; every user error is one sentence and exit code 2."""

from __future__ import annotations

import dataclasses
import inspect
import os
import sys
import typing
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter
from docstring_parser import parse as parse_docstring

from partonic.core.errors import InputError, PartonicError, TrainingError, WorkerError, nearest
from partonic.core.rank import rank
from partonic.core.registry import models, recipes, simulators
from partonic.version import __version__

app = App(
    name="partonic",
    help="Machine learning for particle physics, from collisions to measurements with honest uncertainties.",
    version=__version__,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
)

Output = Annotated[Path, Parameter(name=("--output", "-o"), help="Where to write.")]
OutputRun = Annotated[Path | None, Parameter(name=("--output", "-o"), help="Run directory (default runs/NAME-1, ...).")]
Workers = Annotated[int | None, Parameter(help="Processes for simulation, trainings and scans (default: all cores).")]
Cluster = Annotated[str | None, Parameter(help="Dask scheduler for work that splits: tcp://HOST:PORT, or file:PATH.")]
Device = Annotated[str, Parameter(help="Where networks train: cpu, cuda, cuda:1, ...")]


@app.command
def demo(*, output: OutputRun = None, workers: Workers = None, device: Device = "cpu") -> None:
    """Simulate proton collisions, train three top taggers on their jets and write the report page (a few minutes)."""
    from partonic.recipes import launch

    entry = recipes.get("top-tagging")
    recipe = launch.configure(entry, "quick", None, {})
    _finish(launch.start(entry.name, recipe, output, workers=workers, device=device).path)


@app.command(name="list")
def list_() -> None:
    """List recipes, models, processes, simulators, detectors and file formats; imports none of them."""
    from partonic.io.formats import FORMATS
    from partonic.simulators.processes import PROCESSES

    print("recipes   ", ", ".join(recipes.names()))
    print("models    ", ", ".join(models.names()))
    print("processes ", ", ".join([*PROCESSES, "lhe:FILE"]))
    print("simulators", ", ".join(simulators.names()))
    print("detectors  atlas, cms, truth")
    print("formats   ", ", ".join(form.name for form in FORMATS))


def _with_flags(cls: type, call: Callable[..., Any], positional: Sequence[str] = ()) -> Callable[..., Any]:
    """A function whose parameters are the fields of an options dataclass, for the command line to bind.

    What was given reaches ``call`` as ``changes``, beside the keywords that ``call`` has itself.

    Args:
        cls: the dataclass; its docstring's ``Args`` are the help.
        call: what to do.
        positional: fields that are given by place, and must be.
    """
    hints = typing.get_type_hints(cls)
    described = parse_docstring(cls.__doc__ or "").params
    notes = {p.arg_name: " ".join((p.description or "").replace("``", "").split()) for p in described}
    parameters = []
    for field in sorted(dataclasses.fields(cls), key=lambda f: f.name not in positional):
        hint, help_ = hints[field.name], notes.get(field.name, "")
        by_place = field.name in positional
        kind = inspect.Parameter.POSITIONAL_ONLY if by_place else inspect.Parameter.KEYWORD_ONLY
        default = inspect.Parameter.empty if by_place else None
        flag = Parameter(help=help_, consume_multiple=True, negative_none=(), negative_iterable=())
        annotation: Any = Annotated[hint if by_place else hint | None, flag]
        parameters.append(inspect.Parameter(field.name, kind, default=default, annotation=annotation))
    own = [p for p in inspect.signature(call, eval_str=True).parameters.values() if p.name != "changes"]
    signature = inspect.Signature(
        [*(p for p in parameters if p.name in positional), *own, *(p for p in parameters if p.name not in positional)]
    )

    def bound(*args: Any, **keywords: Any) -> Any:
        """Tell the options from the command's own keywords."""
        given = signature.bind(*args, **keywords).arguments
        names = {parameter.name for parameter in parameters}
        changes = {key: value for key, value in given.items() if key in names and value is not None}
        return call(changes=changes, **{key: value for key, value in given.items() if key not in names})

    bound.__doc__ = (call.__doc__ or "").split("\n\n")[0]
    bound.__signature__ = signature  # type: ignore[attr-defined]
    bound.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return bound


def _subcommand(name: str, function: Callable[..., Any], tokens: Sequence[str]) -> int:
    """Parse the tokens of a verb whose flags are made from a dataclass."""
    sub = App(name=f"partonic {name}", help_format="plaintext", version_flags=(), suppress_keyboard_interrupt=False)
    sub.default(function)
    return _dispatch(sub, tokens)


Tokens = Annotated[str, Parameter(allow_leading_hyphen=True, show=False)]


@app.command(help_flags=())
def run(*tokens: Tokens) -> int:
    """Run a recipe: partonic run RECIPE [options]; `partonic run RECIPE --help` lists them."""
    from partonic.recipes import launch

    if not tokens or tokens[0].startswith("-"):
        print(f"Usage: partonic run RECIPE [--preset NAME] [options]\nRecipes: {', '.join(recipes.names())}")
        print("The options of one: partonic run RECIPE --help")
        return 0 if tokens and tokens[0] in ("--help", "-h") else 2
    recipe, given = tokens[0], list(tokens[1:])
    entry = launch.find(recipe)
    if "argument" in entry.facts and given and not given[0].startswith("-"):
        given.insert(0, f"--{entry.facts['argument']}")

    def call(
        *,
        changes: dict[str, Any],
        preset: Annotated[str, Parameter(help="tiny, quick, default or benchmark.")] = "default",
        config: Annotated[Path | None, Parameter(help="YAML file of options, as a run directory holds it.")] = None,
        output: OutputRun = None,
        workers: Workers = None,
        device: Device = "cpu",
        cluster: Cluster = None,
    ) -> None:
        """Configure and start."""
        options = launch.configure(entry, preset, config, changes)
        _finish(launch.start(entry.name, options, output, workers=workers, device=device, cluster=cluster).path)

    call.__doc__ = (entry.cls.__doc__ or "").split("\n\n")[0]
    return _subcommand(f"run {recipe}", _with_flags(entry.cls, call), given)


@app.command
def resume(run: Path, *, workers: Workers = None, device: Device = "cpu", cluster: Cluster = None) -> None:
    """Go on with an interrupted run.

    Args:
        run: its directory.
    """
    from partonic.recipes import launch

    _finish(launch.resume(run, workers=workers, device=device, cluster=cluster).path)


def _finish(path: Path) -> None:
    if rank() > 0:
        return
    from partonic.core.result import Result

    result = Result.load(path)
    for table in list(result.tables.values())[:1]:
        print(table.to_markdown())
    print(f"report: {path / 'report.html'}")


@app.command
def report(run: Path) -> None:
    """Write the report page of a run anew from its stored results.

    Args:
        run: its directory.
    """
    from partonic.report.page import rebuild

    print(f"report: {rebuild(run)}")


@app.command
def compare(
    *runs: Path,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"), help="Page to write too, as both.html.")] = None,
) -> None:
    """Show runs side by side: headline numbers, the significance of their differences, options that differ.

    Args:
        runs: two or more run directories.
    """
    from partonic.core.files import check_writable
    from partonic.core.result import Result
    from partonic.report.compare import compare as compare_runs
    from partonic.report.compare import write_comparison

    if len(runs) < 2:
        raise InputError("compare needs two or more run directories")
    page = check_writable(output) if output is not None else None
    comparison = compare_runs([Result.load(path) for path in runs])
    print(comparison)
    if page is not None:
        print(f"page: {write_comparison(comparison, page)}")


@app.command(help_flags=())
def simulate(*tokens: Tokens) -> int:
    """Simulate collisions: partonic simulate PROCESS N -o FILE [options]; `partonic simulate --help` lists them."""
    if tokens and tokens[0] in simulators.names():
        return _simulate_known(tokens[0], tokens[1:])
    from partonic.core.cluster import connect
    from partonic.simulators.simulate import SimulationOptions, simulate_to_file

    def call(
        *,
        changes: dict[str, Any],
        output: Output,
        overwrite: Annotated[bool, Parameter(help="Replace an existing output.")] = False,
        cluster: Cluster = None,
    ) -> None:
        """Write N jets (or events) of Pythia 8 and a detector as Parquet; simulators have a help of their own."""
        options = SimulationOptions(**changes)
        with connect(cluster) if cluster else nullcontext() as executor:
            print(simulate_to_file(options, output, overwrite=overwrite, executor=executor))

    function = _with_flags(SimulationOptions, call, positional=("process", "n"))
    return _subcommand("simulate", function, tokens)


def _simulate_known(name: str, tokens: Sequence[str]) -> int:
    """Draw events of a registered simulator; its options are flags."""
    from partonic.simulators.known import draw_to_file

    def call(
        n: Annotated[int, Parameter(help="Number of events.")],
        *,
        changes: dict[str, Any],
        output: Output,
        theta: Annotated[
            list[float] | None,
            Parameter(help="Where to draw events.", consume_multiple=True, negative_iterable=()),
        ] = None,
        seed: Annotated[int, Parameter(help="Of the random numbers.")] = 1,
        overwrite: Annotated[bool, Parameter(help="Replace an existing output.")] = False,
    ) -> None:
        """Draw N events of a simulator whose likelihood is known, with their gold, and write them as Parquet."""
        print(draw_to_file(name, n, output, theta, seed, overwrite=overwrite, **changes))

    return _subcommand(f"simulate {name}", _with_flags(simulators.get(name).cls, call), tokens)


@app.command
def convert(
    source: str,
    target: Path,
    *,
    to: str | None = None,
    bad: str = "stop",
    map: Path | None = None,  # noqa: A002
    overwrite: bool = False,
) -> None:
    """Convert a file; its format is recognised by content, the target's by its ending.

    Args:
        source: a file of any format of `partonic list`, also https://... or root://...; FILE.root:TREE is one tree.
        target: its ending chooses the format: .parquet, .h5, .lhe, ...
        to: short name of the target's format, where several share an ending.
        bad: events with momenta or weights that are not finite: stop, keep, drop (keeps what a damaged file gives).
        map: YAML file that says what goes where, for ROOT trees, Parquet and csv of any layout.
        overwrite: replace an existing target.
    """
    from partonic.io.convert import convert as convert_file

    done = convert_file(source, target, overwrite=overwrite, to=to, bad=bad, map=map)  # type: ignore[arg-type]
    print(done)


@app.command
def predict(
    model: Path,
    file: str,
    *,
    output: Output,
    tree: str = "scores",
    map: Path | None = None,  # noqa: A002
    batch_size: int = 128,
    device: Device = "cpu",
    precision: str = "float32",
    compile: bool = False,  # noqa: A002
    overwrite: bool = False,
) -> None:
    """Score the jets of a file: .parquet gets them with a column `score`, .root a friend tree of scores alone.

    A model that estimates targets too, as the mass, gives `estimated_TARGET` beside each score.

    Args:
        model: a checkpoint of a run, as runs/top-tagging-1/checkpoints/pfn-1.pt.
        file: jets in any format that can be read, also https://... or root://...; FILE.root:TREE is one tree.
        tree: name of the friend tree.
        map: YAML file that says what goes where, for ROOT trees, Parquet and csv of any layout.
        batch_size: jets at once; more on a GPU.
        precision: float32, bfloat16 (where the processor has it) or bfloat16-emulated.
        compile: whether torch compiles the network first (needs a C++ compiler, takes up to minutes).
        overwrite: replace an existing output.
    """
    from partonic.models.prediction import predict_file

    options: dict[str, Any] = {"batch_size": batch_size, "device": device, "overwrite": overwrite}
    options |= {"precision": precision, "compile": compile}
    print(predict_file(model, file, output, tree=tree, map=map, **options))


@app.command
def export(model: Path, *, output: Output, overwrite: bool = False) -> None:
    """Write a trained model as ONNX, for other programs, with a description of its inputs in a JSON file beside it.

    Args:
        model: a checkpoint of a run, as runs/top-tagging-1/checkpoints/pfn-1.pt.
        overwrite: replace existing outputs.
    """
    from partonic.models.export import export as export_model

    print(export_model(model, output, overwrite=overwrite))


@app.command
def submit(
    system: str,
    *command: Tokens,
    output: Annotated[Path, Parameter(name=("--output", "-o"), help="Folder for the job files.")] = Path("jobs"),
    workers: int = 10,
    hours: int = 8,
    memory: str = "4GB",
    queue: str | None = None,
) -> None:
    """Write the job files that run a command on a batch system: partonic submit slurm -- simulate top 1000000 -o FILE.

    Args:
        system: slurm or htcondor.
        command: of partonic, behind --: simulate, run or resume with their options.
        workers: jobs of one core each that share the work.
        hours: longest time of each.
        memory: of each, as 4GB.
        queue: partition of Slurm.
    """
    from partonic.core.submit import Job, write_jobs

    print(write_jobs(Job(system, command, workers, hours, memory, queue), output))  # type: ignore[arg-type]


@app.command
def cite(run: Path) -> None:
    """Print the BibTeX of what a run used.

    Args:
        run: its directory.
    """
    from partonic.core.citations import bibtex
    from partonic.core.result import Result

    print(bibtex(Result.load(run).facts.get("citations", ["partonic"])))


@app.command
def doctor() -> int:
    """Check this installation: packages, cores, memory, cache folder, GPU; exit code 1 where something is amiss."""
    from partonic.core.doctor import checks

    found = checks()
    for check in found:
        print(f"{'ok  ' if check.ok else 'FAIL'} {check.name:<12} {check.detail}")
    return 0 if all(check.ok for check in found) else 1


def _dispatch(application: App, tokens: Sequence[str]) -> int:
    """Call the verb; cyclopts' own complaints become our one sentence."""
    try:
        code = application(
            list(tokens), exit_on_error=False, print_error=False, result_action="return_value", verbose=False
        )
    except CycloptsError as error:
        sentence = " ".join(str(error).split())
        if tokens and application is app and not tokens[0].startswith("-"):
            verbs = [name for name in app if not name.startswith("-")]
            if tokens[0] not in verbs:
                sentence = f"unknown command '{tokens[0]}'{nearest(tokens[0], verbs)}"
        raise InputError(sentence or "the command line cannot be understood; see partonic --help") from error
    return code if isinstance(code, int) else 0


def main(tokens: Sequence[str] | None = None) -> None:
    """Entry point of the ``partonic`` command."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait starve a busy machine
    try:
        code = _dispatch(app, sys.argv[1:] if tokens is None else tokens)
        sys.stdout.flush()
    except PartonicError as error:
        if rank() == 0 or not isinstance(error, TrainingError | WorkerError):  # these reach all ranks
            sys.stderr.write(f"partonic: {error}\n")
        code = 2
    except KeyboardInterrupt:
        if rank() == 0:
            sys.stderr.write("partonic: interrupted; what was written is complete\n")
        code = 130
    except BrokenPipeError:
        code = 0
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"partonic: {place}{error.strerror or error}\n")
        code = 2
    sys.exit(code)


if __name__ == "__main__":
    main()
