r"""The squared matrix element of q q' -> q q' H by the fusion of W, Z and photons, as six components in theta.

Momenta: p1 (along +z) -> p3 and p2 -> p4, massless, with q1 = p1 - p3 and q2 = p2 - p4. The currents J1 and J2 of the
quarks are conserved, so that every amplitude is a combination of S = J1.J2 and R = (q1.J2)(q2.J1). With
a = p1.p2, b = p3.p4, c = p1.p4, d = p2.p3, u1 = p1.q2, u3 = p3.q2, w2 = p2.q1, w4 = p4.q1 and Q = q1.q2, traces
give, for quarks of equal (+) and opposite (-) helicity,

.. math::
    |S|^2 &= 8\,[(ab + cd) \pm (ab - cd)], \qquad |R|^2 = (4 u_1 u_3 + t_1 t_2)(4 w_2 w_4 + t_1 t_2), \\
    \mathrm{Re}\,S R^* &= 4\,[u_3 w_4 a + u_3 w_2 c + u_1 w_4 d + u_1 w_2 b - t_1 t_2 Q / 4]
                          \pm 4\,[Q (ab - cd) - t_1 t_2 (a + b + c + d) / 4].

Each leg couples to the Z, and in the operators also to W3 = cos Z + sin A (propagators included):

.. math:: M = g m_Z / c_w\; S\,Z Z
    + \theta_1 \frac{g m_W}{2 c_w v^2} [(R - A_2 S)\, Z\,W_3 + (R - A_1 S)\, W_3 Z]
    + \theta_2 \frac{2 g m_W}{v^2} (Q S - R)\, W_3 W_3, \qquad A_i = t_i + Q,

and the fusion of W is the same with all legs W, m_W for m_Z and no cosine. The t channel only: no s channel, no
interference between exchanged quarks or between W and Z, as in Pythia's own process.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.simulators.pdf import Densities
from partonic.simulators.wbf.theory import Constants

# Rows of parton densities: up-like and down-like quarks, their antiquarks, the bottom (in neutral currents only).
ROWS = ((2, 4), (1, 3), (-2, -4), (-1, -3), (5,))
PARTONS = (1, 2, 3, 4, 5, -1, -2, -3, -4, -5)
PB_PER_GEV2 = 0.3893793721e9


def dot(p: Tensor, q: Tensor) -> Tensor:
    """Product of four-momenta (E, px, py, pz), whose components are rows: (4, n) and (4, n) to (n,)."""
    return p[0] * q[0] - p[1] * q[1] - p[2] * q[2] - p[3] * q[3]


@dataclass(frozen=True)
class Invariants:
    """What the matrix element takes from the momenta; all in GeV^2, (n,) each.

    Args:
        x1: momentum fraction of the parton along +z.
        x2: of the other.
        a: p1.p2.
        b: p3.p4.
        c: p1.p4.
        d: p2.p3.
        t1: squared momentum transfer (p1 - p3)^2.
        t2: (p2 - p4)^2.
    """

    x1: Tensor
    x2: Tensor
    a: Tensor
    b: Tensor
    c: Tensor
    d: Tensor
    t1: Tensor
    t2: Tensor

    def __getitem__(self, rows: Tensor) -> Invariants:
        """Those of the chosen points."""
        return Invariants(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def invariants(p3: Tensor, p4: Tensor, higgs: Tensor, energy: float) -> Invariants:
    """The invariants of final momenta in the rest frame of the protons.

    Args:
        p3: quark that comes from the parton along +z, (4, n) as (E, px, py, pz) in GeV.
        p4: the other quark.
        higgs: the Higgs boson.
        energy: of the protons, in GeV.
    """
    total_e, total_z = p3[0] + p4[0] + higgs[0], p3[3] + p4[3] + higgs[3]
    plus, minus = total_e + total_z, total_e - total_z
    # E - pz of a momentum along +z loses its digits; pT^2 / (E + pz) keeps them.
    plus3, minus3 = _light_cone(p3)
    plus4, minus4 = _light_cone(p4)
    return Invariants(
        x1=plus / energy,
        x2=minus / energy,
        a=0.5 * plus * minus,
        b=dot(p3, p4),
        c=0.5 * plus * minus4,
        d=0.5 * minus * plus3,
        t1=-plus * minus3,
        t2=-minus * plus4,
    )


def _light_cone(p: Tensor) -> tuple[Tensor, Tensor]:
    """E + pz and E - pz of a massless momentum, both to full precision."""
    large = p[0] + p[3].abs()
    small = (p[1] * p[1] + p[2] * p[2]) / large
    forward = p[3] > 0
    return torch.where(forward, large, small), torch.where(forward, small, large)


@dataclass(frozen=True)
class Products:
    """The ten products X Y* of S, P = R - A2 S, Q = R - A1 S and T = (q1.q2) S - R, in the order of :data:`PAIRS`.

    Args:
        even: half the sum over equal and opposite helicities, (10, n).
        odd: half the difference, (10, n).
    """

    even: Tensor
    odd: Tensor


PAIRS = ("SS", "SP", "SQ", "ST", "PP", "QQ", "PQ", "PT", "QT", "TT")
# Which pair of bosons couples to each leg in these products: 0 for Z Z, 1 for Z W3, 2 for W3 W3.
FIRST_LEG = (0, 0, 1, 1, 0, 2, 1, 1, 2, 2)
SECOND_LEG = (0, 1, 0, 1, 2, 0, 1, 2, 1, 2)
# To which component each product adds, and how often.
PLACE = (0, 1, 1, 2, 3, 3, 3, 4, 4, 5)
TIMES = (1, 2, 2, 2, 1, 1, 2, 2, 2, 1)


def products(k: Invariants) -> Products:
    """The products of the structures from the invariants."""
    u1, u3, w2, w4 = k.a - k.c, k.d - k.b, k.a - k.d, k.c - k.b
    q, tt = k.a + k.b - k.c - k.d, k.t1 * k.t2
    ab, cd = k.a * k.b, k.c * k.d
    even = 4 * (u3 * (w4 * k.a + w2 * k.c) + u1 * (w4 * k.d + w2 * k.b)) - tt * q
    odd = 4 * q * (ab - cd) - tt * (k.a + k.b + k.c + k.d)
    rr = (4 * u1 * u3 + tt) * (4 * w2 * w4 + tt)
    a1, a2 = k.t1 + q, k.t2 + q
    return Products(_bilinear(8 * (ab + cd), even, rr, q, a1, a2), _bilinear(8 * (ab - cd), odd, None, q, a1, a2))


def _bilinear(ss: Tensor, sr: Tensor, rr: Tensor | None, q: Tensor, a1: Tensor, a2: Tensor) -> Tensor:
    """The ten products from SS, SR and RR (no RR: it is zero)."""
    sp, sq, st = sr - a2 * ss, sr - a1 * ss, q * ss - sr
    rp, rq, rt = -a2 * sr, -a1 * sr, q * sr
    if rr is not None:
        rp, rq, rt = rp + rr, rq + rr, rt - rr
    tt = q * st - rt
    return torch.stack([ss, sp, sq, st, rp - a2 * sp, rq - a1 * sq, rq - a2 * sq, rt - a2 * st, rt - a1 * st, tt])


def couplings(standard: float, w: float, ww: float) -> Tensor:
    """Matrix from the ten products to the six components, (6, 10).

    Args:
        standard: coupling of S in the Standard Model.
        w: of P and Q, by O_W.
        ww: of T, by O_WW.
    """
    factor = {"S": standard, "P": w, "Q": w, "T": ww}
    matrix = torch.zeros(6, len(PAIRS), dtype=torch.float64)
    for column, pair in enumerate(PAIRS):
        matrix[PLACE[column], column] = TIMES[column] * factor[pair[0]] * factor[pair[1]]
    return matrix


class MatrixElement:
    """Components of the differential cross section of both channels.

    Args:
        constants: of the theory.
        densities: parton densities x f(x) in the rows of :data:`ROWS`, at the factorisation scale.
    """

    def __init__(self, constants: Constants, densities: Densities) -> None:
        self.constants = k = constants
        self.densities = densities
        kappa = k.weak * k.w_mass / k.vev**2
        self._charged_couplings = couplings(k.weak * k.w_mass, 0.5 * kappa, 2 * kappa)
        self._neutral_couplings = couplings(k.weak * k.z_mass / k.cos, 0.5 * kappa / k.cos, 2 * kappa)
        isospin, charge = (0.5, 0.0, -0.5, 0.0), (2 / 3, 2 / 3, -1 / 3, -1 / 3)  # u left, u right, d left, d right
        z = torch.tensor([k.weak / k.cos * (t - e * k.sin2) for t, e in zip(isospin, charge, strict=True)]).double()
        a = k.electric * torch.tensor(charge, dtype=torch.float64) * k.photons
        pairs = torch.stack([z * z, z * a, a * a]).reshape(3, 2, 2)  # bosons, up or down, left or right
        self._even, self._odd = pairs.sum(-1), pairs[..., 0] - pairs[..., 1]
        c, s = k.cos, k.sin
        self._rotation = torch.tensor([[1, 0, 0], [c, s, 0], [c * c, 2 * c * s, s * s]], dtype=torch.float64)

    def components(self, k: Invariants) -> Tensor:
        """Sum over partons of ``f f |M|^2 / (2 s)``, for charged and neutral currents.

        Args:
            k: invariants, with x1 and x2 below 1.

        Returns:
            (2, 6, n), in 1/GeV^4 before the measure of phase space.
        """
        return self._currents(k, products(k), *self._flux(k))

    def terms(self, k: Invariants, first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
        """What each pair of partons adds to the sum of :meth:`components` at one theta.

        Args:
            k: invariants, with x1 and x2 below 1.
            first: densities x f(x) of :data:`PARTONS` along +z, (10, n).
            second: of those along -z.
            weights: of the components at theta, (6,).

        Returns:
            (10, 10, 2, n): parton along +z, parton along -z, charged or neutral current.
        """
        p = products(k)
        units = [_Flux(row[:, None].expand(-1, len(k.x1))) for row in torch.eye(len(ROWS), dtype=torch.float64)[:4]]
        pairs = torch.stack([weights @ self._currents(k, p, one, two) for one in units for two in units])
        kinds = [pid % 2 + 2 * (pid < 0) for pid in PARTONS]  # the first four of ROWS
        found = pairs.reshape(4, 4, 2, -1)[kinds][:, kinds]
        bottom = [abs(pid) == 5 for pid in PARTONS]
        found[bottom, :, 0] = 0.0
        found[:, bottom, 0] = 0.0
        flux: Tensor = (first / (16 * k.a * k.x1))[:, None, None] * (second / k.x2)[:, None]
        return found * flux

    def _currents(self, k: Invariants, p: Products, f1: _Flux, f2: _Flux) -> Tensor:
        """Components of charged and neutral currents, (2, 6, n)."""
        charged_even, charged_odd = self._charged(k, f1, f2)
        charged = self._charged_couplings @ (charged_even * p.even + charged_odd * p.odd)
        one, two = self._leg(f1, k.t1), self._leg(f2, k.t2)
        even, odd = (x[list(FIRST_LEG)] * y[list(SECOND_LEG)] for x, y in zip(one, two, strict=True))
        neutral = self._neutral_couplings @ (even * p.even + odd * p.odd)
        return torch.stack([charged, neutral])

    def standard(self, k: Invariants) -> Tensor:
        """The first component of both channels, (2, n): all that the Standard Model needs, in half the time."""
        c = self.constants
        f1, f2 = self._flux(k)
        ab, cd = k.a * k.b, k.c * k.d
        even, odd = 8 * (ab + cd), 8 * (ab - cd)
        weight_even, weight_odd = self._charged(k, f1, f2)
        charged = self._charged_couplings[0, 0] * (weight_even * even + weight_odd * odd)
        (even1, odd1), (even2, odd2) = ((self._even[0] @ f.sums, self._odd[0] @ f.differences) for f in (f1, f2))
        coupling = self._neutral_couplings[0, 0] / ((k.t1 - c.z_mass**2) * (k.t2 - c.z_mass**2)) ** 2
        return torch.stack([charged, coupling * (even1 * even2 * even + odd1 * odd2 * odd)])

    def _flux(self, k: Invariants) -> tuple[_Flux, _Flux]:
        """Densities of both partons, the first with the average over spins and the flux, 1 / (8 s)."""
        return _Flux(self.densities(k.x1) / (16 * k.a * k.x1)), _Flux(self.densities(k.x2) / k.x2)

    def _charged(self, k: Invariants, f1: _Flux, f2: _Flux) -> tuple[Tensor, Tensor]:
        """Weights of the even and odd products in the fusion of W bosons, (n,) each."""
        c = self.constants
        up1, down1, antiup1, antidown1, _ = f1.flavours
        up2, down2, antiup2, antidown2, _ = f2.flavours
        plus1, minus1, plus2, minus2 = up1 + antidown1, down1 + antiup1, up2 + antidown2, down2 + antiup2
        odd1, odd2 = (up1 - antidown1, down1 - antiup1), (up2 - antidown2, down2 - antiup2)
        propagators = (0.5 * c.weak**2 / ((k.t1 - c.w_mass**2) * (k.t2 - c.w_mass**2))) ** 2
        even, odd = plus1 * minus2 + minus1 * plus2, odd1[0] * odd2[1] + odd1[1] * odd2[0]
        return propagators * even, propagators * odd

    def _leg(self, f: _Flux, t: Tensor) -> tuple[Tensor, Tensor]:
        """Densities times couplings times propagators of Z Z, Z W3 and W3 W3: over helicities, sum and difference."""
        z, a = 1 / (t - self.constants.z_mass**2), 1 / t
        propagators = torch.stack([z * z, z * a, a * a])
        even = self._rotation @ (propagators * (self._even @ f.sums))
        return even, self._rotation @ (propagators * (self._odd @ f.differences))


class _Flux:
    """Densities of a leg, and of up-like and down-like partons the sum with and the difference to the antipartons.

    An antiparton of a left-handed quark has positive helicity, hence the difference where helicities are odd.
    """

    def __init__(self, flavours: Tensor) -> None:
        self.flavours = flavours
        up, down, antiup, antidown, bottom = flavours
        self.sums = torch.stack([up + antiup, down + antidown + 2 * bottom])
        self.differences = torch.stack([up - antiup, down - antidown])
