import numpy as np

from partonic.core.compiled import compiled

SOURCE = """
def total(values):
    s = 0.0
    for i in range(len(values)):
        s += values[i]
    return s
"""


def test_a_kernel_is_compiled_where_nothing_can_be_kept_on_disk():
    """Code without a file has no place for its copy, as an installation in a read-only folder."""
    scope = {}
    exec(SOURCE, scope)  # the only way to a function without a file
    kernel = compiled(scope["total"])
    assert kernel(np.arange(5.0)) == 10
    assert kernel.nopython_signatures


def test_a_kernel_divides_as_numpy_does():
    @compiled
    def quotient(a, b):
        return a / b

    assert quotient(1.0, 0.0) == np.inf
