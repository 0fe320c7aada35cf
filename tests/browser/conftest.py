"""One browser for all tests of this folder, and the check of a page."""

from collections.abc import Callable
from pathlib import Path

import page_checks
import pytest


@pytest.fixture(scope="session")
def browser():
    with page_checks.open_browser() as running:
        yield running


@pytest.fixture(scope="session")
def check_page(browser) -> Callable[[Path], None]:
    """Function (path of a page) that fails with everything that is wrong with it."""
    return lambda path: page_checks.check_page(browser, path)


@pytest.fixture(scope="session")
def problems_of(browser) -> Callable[[Path], list[str]]:
    """Function (path of a page) -> everything that is wrong with it."""
    return lambda path: page_checks.problems_of(browser, path)
