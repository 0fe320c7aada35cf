"""An integral that cannot be believed ends the command with an exit code and its reason; the page says it too."""

import json


def test_a_failed_integral_is_an_exit_code(partonic, tmp_path):
    few = ("--calls", 2_000, "--final", 2_000, "--method", "grid")
    left = partonic("run", "neural-integration", "--preset", "tiny", "--integrals", "camel", *few)
    assert left.code == 2
    reason = "camel: there were too few calls to look for separate peaks"
    assert left.err.splitlines()[-1].startswith(f"partonic: these integrals cannot be believed: {reason}")
    assert "Traceback" not in left.err
    (run,) = (tmp_path / "runs").iterdir()
    (row,) = json.loads((run / "tables" / "integrals.json").read_text())["rows"]
    assert row["status"] == "failed"
    assert "too few calls to look for separate peaks" in (run / "report.html").read_text()
    assert not list(run.glob("figures/*"))  # and no events
