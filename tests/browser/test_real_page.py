"""The pages of real runs in a real browser."""

import pytest

from partonic.core.registry import recipes


@pytest.mark.parametrize("name", recipes.names()[::-1])  # the laws make the same runs from the other end
def test_page_of_a_real_run(name, tiny_runs, check_page):
    check_page(tiny_runs(name) / "report.html")
