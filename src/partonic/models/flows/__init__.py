"""Invertible networks with known Jacobian: rational-quadratic splines in coupling layers."""
