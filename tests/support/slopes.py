"""Derivatives of fields against finite differences."""

import torch

STEP = 1e-5


def assert_derivatives(fields, x):
    """First and second derivatives of fields at points (dimensions, n) are those of finite differences."""
    _, du, d2u = fields.jets(x)
    for axis in range(len(x)):
        move = torch.zeros_like(x)
        move[axis] = STEP
        up, down = fields.jets(x + move), fields.jets(x - move)
        assert torch.allclose(du[:, axis], (up[0] - down[0]) / (2 * STEP), rtol=1e-6, atol=1e-7)
        assert torch.allclose(d2u[:, axis], (up[1] - down[1]) / (2 * STEP), rtol=1e-6, atol=1e-6)
