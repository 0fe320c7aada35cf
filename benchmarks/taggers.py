"""Our networks beside their authors' code: the same weights, equal outputs, then the speed of both in turns.

Each case copies the peer's weights into our network (or ours into a plain padded reference), asserts that both give the
same in evaluation mode for jets of 1 to 128 particles with the multiplicities of simulated top and QCD jets, and times
both in turns in one process on one thread (processor time, medians). Ours starts from packed jets: the index of pairs,
neighbours and lengths of each batch is built inside the timing. The peers' padding is outside it.

``gflops`` is what our training step does to its own matrix products, counted from their sizes, over its time, and
``share_of_peak`` that over the rate of one large matrix product in the same run.

``part-bf16`` is our Particle Transformer in bfloat16 beside itself in float32, scoring 512 jets and in training, there
also beside weaver's in bfloat16, whose speed is no bar. No peer have
``lorentznet-light`` and ``pelican-1k``, whose pairs go through compiled passes: beside them stand torch's steps.

    python benchmarks/taggers.py [--quick] [--case NAME]

It needs the packages of ``pip install 'partonic[peers]'`` for ParT, ParticleNet and PELICAN, and says so.
"""

from __future__ import annotations

import copy
import logging
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from harness import run
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from partonic.core.errors import InputError
from partonic.core.registry import models
from partonic.events import Events, Ragged
from partonic.models import deep_sets, norm_relu
from partonic.models import lorentznet as lorentznets
from partonic.models import pelican as pelicans
from partonic.models.folding import LinearNorm
from partonic.models.lorentznet import LorentzNet
from partonic.models.lorentznet_light import LorentzNetLight
from partonic.models.part import ParT
from partonic.models.part_light import ParTLight
from partonic.models.particlenet import ParticleNet
from partonic.models.pelican import PELICAN
from partonic.models.pelican_1k import PELICAN1k
from partonic.models.pfn import PARTICLES, PFN
from partonic.models.precision import check_precision, computing
from partonic.models.weaver import RENAMED, renamed
from partonic.represent.batch import PackedJets
from partonic.represent.edges import edges
from partonic.represent.image import JetImage
from partonic.represent.packed import POSITION, Packed
from partonic.represent.references import dot, squeeze
from partonic.represent.segments import lengths

LENGTH, FEATURES = 128, 7
CHECKED = 256  # jets on which outputs are compared
TOGETHER = 32  # of them in memory where gradients are compared
BATCH = 48
CLASSES = 2
OPERATORS = {  # of torch in a training step of ParT, by what they do
    "matrix products": ("mm", "addmm", "bmm", "baddbmm"),
    "GELU": ("gelu", "gelu_backward"),
    "batch norm of pairs": ("native_batch_norm", "native_batch_norm_backward"),
    "layer norm": ("native_layer_norm", "native_layer_norm_backward"),
    "softmax": ("_softmax", "_softmax_backward_data"),
    "dropout": ("_Masked", "_MaskedBackward"),
    "copies": ("copy_", "cat", "index_copy_", "index", "index_select", "_index_put_impl_"),
    "sums and products": ("sum", "mul", "add", "add_"),
}
Step = Callable[[], Any]


@dataclass(frozen=True)
class Sample:
    """The same jets packed and padded.

    Args:
        packed: as our networks take them.
        features: (jets, 7, 128).
        p4: (jets, 4, 128) as (px, py, pz, E).
        mask: (jets, 1, 128).
        label: (jets,).
    """

    packed: PackedJets
    features: Tensor
    p4: Tensor
    mask: Tensor
    label: Tensor


def jets(n: int, seed: int = 1) -> Events:
    """Jets of random numbers with the multiplicities of simulated ones, the first of 1, 2, 5, 16, 17, 128 particles."""
    rng = np.random.default_rng(seed)
    with np.load(Path(__file__).parents[1] / "tests" / "data" / "pythia_jets.npz") as real:
        counts = np.minimum(rng.choice(real["counts"], n), LENGTH)
    counts[:6] = (1, 2, 5, 16, 17, LENGTH)
    row = np.repeat(np.arange(n), counts)
    prong = rng.normal(0, 0.3, (n, 3, 2)) * (np.arange(n) % 2)[:, None, None]
    place = prong[row, rng.integers(0, 3, len(row))] + rng.standard_t(3, (len(row), 2)) * 0.05
    eta, phi = rng.uniform(-1.5, 1.5, n)[row] + place[:, 0], rng.uniform(-3, 3, n)[row] + place[:, 1]
    pt = np.exp(rng.normal(1.5, 1.0, len(row)))
    pt = pt[np.lexsort((-pt, row))]
    fields = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta), "e": pt * np.cosh(eta) * 1.001}
    constituents = Ragged.from_counts(counts, {name: values.astype("f4") for name, values in fields.items()})
    return Events({"label": (np.arange(n) % 2).astype(np.int8)}, {}, {"constituents": constituents})


def sample(n: int, rows: slice = slice(None)) -> Sample:
    """Both forms of the same jets: of ``n`` some rows."""
    events = jets(n)[rows]
    n = len(events)
    packed = Packed()(events)
    counts = lengths(packed.offsets)
    there = torch.arange(LENGTH) < counts[:, None]
    features, p4 = torch.zeros(n, LENGTH, 7), torch.zeros(n, LENGTH, 4)
    features[there], p4[there] = packed.features, packed.p4[:, [1, 2, 3, 0]]
    padded = features.mT.contiguous(), p4.mT.contiguous(), there[:, None].float()
    return Sample(packed, *padded, torch.from_numpy(events.column("label").astype(np.int64)))


def seconds(steps: dict[str, Step], repeats: int) -> dict[str, float]:
    """Processor time of each step: median over repeats, in turns, after one that warms."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(repeats + 1):
        for name, step in steps.items():
            start = time.process_time()
            step()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def inference(forward: Callable[[Sample], Tensor], data: Sample) -> Step:
    """A step without gradients."""

    def step() -> None:
        """One pass."""
        with torch.inference_mode():
            forward(data)

    return step


def loss_of(logits: Tensor, label: Tensor) -> Tensor:
    """Cross entropy of one logit or of several."""
    if logits.ndim == 1:
        return binary_cross_entropy_with_logits(logits, label.float())
    return cross_entropy(logits, label)


def training(module: nn.Module, forward: Callable[[Sample], Tensor], data: Sample, precision: str = "float32") -> Step:
    """A whole step: forward, backward, update."""
    optimiser = torch.optim.AdamW(module.parameters(), 1e-4, fused=True)

    def step() -> None:
        """One update."""
        optimiser.zero_grad()
        with computing(precision):
            outputs = forward(data)
        loss_of(outputs.float(), data.label).backward()
        optimiser.step()

    return step


def peak() -> float:
    """Floating-point operations a second of one large matrix product."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    return 2 * 1024**3 / seconds({"mm": lambda: a @ b}, 9)["mm"]


def measure(
    ours: nn.Module,
    peer: nn.Module,
    our_forward: Callable[[nn.Module, Sample], Tensor],
    peer_forward: Callable[[nn.Module, Sample], Tensor],
    bars: tuple[float, float],
    quick: bool,
    gradients: bool = False,
    batch: int = BATCH,
) -> dict[str, Any]:
    """Compare outputs, then speeds."""
    checked, timed, repeats = sample(CHECKED), sample(batch), 5 if quick else 11
    ours.eval(), peer.eval()
    with torch.no_grad():
        mine, theirs = our_forward(ours, checked), peer_forward(peer, checked)
    largest = float((mine - theirs).abs().max() / theirs.abs().max())
    assert largest <= 1e-5, f"outputs differ by {largest:.2g} of the largest"
    measured: dict[str, Any] = {}
    if gradients:
        measured["max_gradient_diff"] = float(f"{gradient_difference(ours, peer, our_forward, peer_forward):.2g}")
        assert measured["max_gradient_diff"] <= 1e-4
    forwards = {"ours": partial(our_forward, ours), "peer": partial(peer_forward, peer)}
    infer = seconds({name: inference(forward, timed) for name, forward in forwards.items()}, repeats)
    ours.train(), peer.train()
    networks = {"ours": ours, "peer": peer}
    train = seconds({n: training(networks[n], forward, timed) for n, forward in forwards.items()}, repeats)
    with plain_steps(), FlopCounterMode(display=False) as counter:
        training(ours, forwards["ours"], timed)()
    rate = counter.get_total_flops() / train["ours"]
    measured |= {
        "infer_ratio": round(infer["peer"] / infer["ours"], 2),
        "train_ratio": round(train["peer"] / train["ours"], 2),
        "max_diff": float(f"{largest:.2g}"),
        "infer_jets_per_second": round(batch / infer["ours"], 1),
        "train_jets_per_second": round(batch / train["ours"], 1),
        "gflops": round(rate / 1e9, 1),
        "share_of_peak": round(rate / peak(), 3),
    }
    bar = {"infer_ratio": f">= {bars[0]}", "train_ratio": f">= {bars[1]}", "max_diff": "<= 1e-5"}
    holds = measured["infer_ratio"] >= bars[0] and measured["train_ratio"] >= bars[1]
    return {"measured": measured, "bar": bar, "holds": holds}


@contextmanager
def plain_steps() -> Iterator[None]:
    """Layers of particles in torch's own steps inside, whose products its counter sees."""
    with ExitStack() as stack:
        for where in (deep_sets, norm_relu):
            stack.enter_context(mock.patch.object(where, "compiles", return_value=False))
        yield


def gradient_difference(
    ours: nn.Module,
    peer: nn.Module,
    our_forward: Callable[[nn.Module, Sample], Tensor],
    peer_forward: Callable[[nn.Module, Sample], Tensor],
) -> float:
    """Largest difference of the gradients of a summed loss, relative to the largest gradient of the same tensor."""
    found = []
    for module, forward in ((ours, our_forward), (peer, peer_forward)):
        module.zero_grad()
        for start in range(0, CHECKED, TOGETHER):
            data = sample(CHECKED, slice(start, start + TOGETHER))
            loss_of(forward(module, data), data.label).backward()  # gradients add up
        found.append({name: weight.grad for name, weight in module.named_parameters()})
    names = {renamed(name, RENAMED["part"]): name for name in found[1]}
    differences = []
    for name, gradient in found[0].items():
        other = found[1][names[name]].reshape(gradient.shape)
        differences.append(float((gradient - other).abs().max() / (other.abs().max() + 1e-6)))
    return max(differences)


def without_peer(package: str) -> dict[str, Any]:
    """A case whose peer is not installed."""
    why = f"{package} is not installed: pip install 'partonic[peers]'"
    return {"measured": {}, "bar": {}, "holds": None, "why": why}


def shake(module: nn.Module) -> None:
    """Move all weights away from their start."""
    torch.manual_seed(1)
    with torch.no_grad():
        for values in module.parameters():
            values.add_(0.05 * torch.randn_like(values))


def take_weights(kind: str, ours: nn.Module, peer: nn.Module) -> None:
    """Shake the peer's weights, then copy them and its statistics into our network."""
    shake(peer)
    state = {renamed(name, RENAMED[kind]): values for name, values in peer.state_dict().items()}
    ours.load_state_dict({name: state[name].reshape(values.shape) for name, values in ours.state_dict().items()})


def packed_forward(module: nn.Module, data: Sample) -> Tensor:
    """Ours."""
    logits: Tensor = module(data.packed)
    return logits


def both_parts() -> tuple[nn.Module, nn.Module]:
    """Our Particle Transformer as published and weaver's version 1, of the same weights; ImportError without weaver."""
    from weaver.nn.model.ParticleTransformer import ParticleTransformer

    logging.disable(logging.CRITICAL)
    no_dropout = {"dropout": 0, "attn_dropout": 0, "activation_dropout": 0}
    options = {"pair_input_dim": 4, "use_pre_activation_pair": False, "fc_params": [], "cls_block_params": no_dropout}
    peer, ours = ParticleTransformer(7, CLASSES, **options), ParT(outputs=CLASSES)
    take_weights("part", ours, peer)
    return ours, peer


def weaver_forward(module: nn.Module, data: Sample) -> Tensor:
    """Theirs."""
    logits: Tensor = module(data.features, v=data.p4, mask=data.mask)
    return logits


def part(quick: bool) -> dict[str, Any]:
    """Particle Transformer as published, against weaver's version 1."""
    try:
        ours, peer = both_parts()
    except ImportError:
        return without_peer("weaver-core")
    return measure(ours, peer, packed_forward, weaver_forward, (2.0, 1.6), quick, True)


def part_profile(quick: bool) -> dict[str, Any]:
    """What the time of a training step of the Particle Transformer goes into, by torch's own profiler."""
    network = ParT(outputs=CLASSES).train()
    step = training(network, partial(packed_forward, network), sample(BATCH))
    step()
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in range(2 if quick else 5):
            step()
    spent = {event.key.removeprefix("aten::"): event.self_cpu_time_total for event in seen.key_averages()}
    whole, measured = sum(spent.values()), {}
    for kind, operators in OPERATORS.items():
        measured[kind] = sum(spent.pop(operator, 0.0) for operator in operators) / whole
    measured["all else"] = sum(spent.values()) / whole
    return {"measured": {kind: round(share, 3) for kind, share in measured.items()}, "bar": {}, "holds": None}


def part_bf16(quick: bool) -> dict[str, Any]:
    """Our Particle Transformer, published and light: scores and their speed in bfloat16 beside float32."""
    bar = {"part infer_ratio": ">= 1.0"}
    try:
        check_precision("bfloat16")
    except InputError as error:
        return {"measured": {}, "bar": bar, "holds": None, "why": str(error)}
    data, measured = sample(BATCH if quick else 512), {}
    for name, module in (("part", ParT()), ("part-light", ParTLight())):
        shake(module)
        steps = {precision: in_precision(module.eval(), precision, data) for precision in ("float32", "bfloat16")}
        exact, rounded = (step().float().sigmoid() for step in steps.values())
        spent = seconds(steps, 5)
        measured[f"{name} infer_ratio"] = round(spent["float32"] / spent["bfloat16"], 2)
        measured[f"{name} score_diff"] = round(float((exact - rounded).abs().max()), 4)
    measured |= half_training(quick)
    return {"measured": measured, "bar": bar, "holds": measured["part infer_ratio"] >= 1.0}


def half_training(quick: bool) -> dict[str, float]:
    """Training steps of the published network in bfloat16: ours beside ours in float32, and weaver's in bfloat16."""
    data, repeats = sample(BATCH), 3 if quick else 11
    steps: dict[str, Step] = {}
    try:
        ours, peer = both_parts()
        steps["weaver"] = training(peer.train(), partial(weaver_forward, peer), data, "bfloat16")
    except ImportError:
        ours = ParT(outputs=CLASSES)
    for precision in ("float32", "bfloat16"):
        module = copy.deepcopy(ours).train()
        steps[precision] = training(module, partial(packed_forward, module), data, precision)
    spent = seconds(steps, repeats)
    names = {"float32": "part train_ratio", "weaver": "part train_ratio to weaver in bfloat16"}
    return {names[other]: round(spent[other] / spent["bfloat16"], 2) for other in names if other in spent}


def in_precision(module: nn.Module, precision: str, data: Sample) -> Callable[[], Tensor]:
    """A step without gradients in a precision, which gives the logits."""

    def step() -> Tensor:
        """One pass."""
        with torch.inference_mode(), computing(precision):
            return packed_forward(module, data)

    return step


def particlenet(lite: bool, quick: bool) -> dict[str, Any]:
    """ParticleNet as published, or its small version, against weaver's."""
    try:
        from weaver.nn.model.ParticleNet import ParticleNet as Peer
    except ImportError:
        return without_peer("weaver-core")
    logging.disable(logging.CRITICAL)
    few, many = [(7, (32, 32, 32)), (7, (64, 64, 64))], [(16, (w, w, w)) for w in (64, 128, 256)]
    convolutions, dense = (few, 128) if lite else (many, 256)
    peer = Peer(7, CLASSES, conv_params=convolutions, fc_params=[(dense, 0.1)], use_fusion=False)
    ours = ParticleNet(convolutions, (dense,), outputs=CLASSES)
    take_weights("particlenet", ours, peer)

    def forward(module: nn.Module, data: Sample) -> Tensor:
        """Theirs."""
        logits: Tensor = module(data.features[:, POSITION], data.features, data.mask)
        return logits

    return measure(ours, peer, packed_forward, forward, (4.0, 3.0) if lite else (3.5, 4.0), quick)


def lorentznet(quick: bool) -> dict[str, Any]:
    """LorentzNet as published, against a plain implementation over padded jets, with the same weights."""
    ours = LorentzNet(outputs=CLASSES, beams=False, dropout=0.0)
    peer = copy.deepcopy(ours)
    return measure(ours, peer, packed_forward, padded_lorentznet, (1.0, 1.4), quick)


def padded_lorentznet(module: nn.Module, data: Sample) -> Tensor:
    """The equations of arXiv:2201.08187 over jets padded to the longest, pairs picked by their indices."""
    net: Any = module
    there = data.mask[:, 0, : int(data.mask.sum(dim=-1).max())].bool()
    size, n = there.shape
    p4 = data.p4.mT[:, :n, [3, 0, 1, 2]].reshape(-1, 4)
    pairs = there[:, :, None] & there[:, None, :] & ~torch.eye(n, dtype=torch.bool)
    which, i, j = pairs.nonzero(as_tuple=True)
    i, j = which * n + i, which * n + j
    others = torch.zeros(size * n, 1).index_add(0, i, torch.ones(len(i), 1)).clamp(min=1)
    scalars = torch.stack([squeeze(dot(p4, p4)), torch.zeros(size * n)], dim=1)
    hidden = net.embed(scalars)
    for block in net.blocks:
        difference = p4[i] - p4[j]
        invariants = squeeze(torch.stack([dot(difference, difference), dot(p4[i], p4[j])], dim=1))
        message = block.pair_norm(block.pair(torch.cat([hidden[i], hidden[j], invariants], dim=1))).relu()
        message = block.message(message).relu()
        message = message * block.gate(message).sigmoid()
        if not block.last:
            p4 = p4 + block.step * torch.zeros_like(p4).index_add(0, i, block.move(message) * difference) / others
        received = torch.zeros_like(hidden).index_add(0, i, message)
        hidden = hidden + block.update(torch.cat([hidden, received, scalars], dim=1))
    mean = (hidden.view(size, n, -1) * there[:, :, None]).sum(1) / there.sum(1, keepdim=True)
    logits: Tensor = net.decode(mean)
    return logits


def pelican(quick: bool) -> dict[str, Any]:
    """PELICAN of 5 blocks and 32 channels, against pelican-lite, on the same matrix of invariants."""
    try:
        from pelican.nets import PELICAN as Peer  # noqa: N811
        from pelican.utils import get_batch_from_ptr, get_edge_index_from_ptr
    except ImportError:
        return without_peer("pelican-lite")
    channels, blocks, maps = 32, 5, 15
    peer = Peer(1, 0, 0, 0, CLASSES, blocks, channels, dropout_prob=None)
    ours = PELICAN(blocks, channels, 0.0, beams=False, outputs=CLASSES, batch_norm=False)
    pairs = [(peer.in_aggregator_rank2, ours.enter)]
    for theirs, mine in zip(peer.blocks, ours.blocks, strict=True):
        mine.layer.load_state_dict(theirs.mlp[0].state_dict())
        mine.norm.load_state_dict(theirs.mlp[2].state_dict())
        pairs.append((theirs.aggregator, mine.mix))
    for theirs, mine in pairs:
        inputs = theirs.in_channels
        mine.weight.data = theirs.coeffs.detach().reshape(-1, inputs, maps).permute(2, 0, 1).clone()
    out = peer.out_aggregator.coeffs.detach().reshape(CLASSES, channels, 2)
    ours.leave.weight.data = out.permute(0, 2, 1).reshape(CLASSES, -1).clone()

    def our_forward(module: nn.Module, data: Sample) -> Tensor:
        """Ours, with the invariants."""
        p4, graph = data.packed.p4, edges(data.packed.offsets, loops=True)
        logits: Tensor = module.of_matrix(squeeze(dot(p4[graph.first], p4[graph.second]))[:, None], graph)
        return logits

    def peer_forward(module: nn.Module, data: Sample) -> Tensor:
        """Theirs, with the same invariants."""
        p4, offsets = data.packed.p4, data.packed.offsets
        index = get_edge_index_from_ptr(offsets, p4.shape, remove_self_loops=False)
        matrix = squeeze(dot(p4[index[0]], p4[index[1]]))[:, None]
        logits: Tensor = module(index, get_batch_from_ptr(offsets), in_rank2=matrix, num_graphs=len(data.packed))
        return logits

    return measure(ours, peer, our_forward, peer_forward, (4.0, 3.5), quick)


class PaddedPFN(nn.Module):
    """The same layers over slots, as convolutions of size 1 along (jets, features, 128): the usual form in PyTorch.

    Args:
        ours: whose weights it takes.
    """

    def __init__(self, ours: PFN) -> None:
        super().__init__()
        self.scales, self.norm, self.rho = ours.scales, copy.deepcopy(ours.norm), copy.deepcopy(ours.rho)
        layers: list[nn.Module] = []
        for layer in ours.phi:
            linear = layer.layer if isinstance(layer, LinearNorm) else layer
            if not isinstance(linear, nn.Linear):
                layers.append(nn.ReLU())
                continue
            convolution = nn.Conv1d(linear.in_features, linear.out_features, 1)
            convolution.weight.data = linear.weight.detach()[:, :, None].clone()
            convolution.bias.data = linear.bias.detach().clone()
            layers.append(convolution)
            if isinstance(layer, LinearNorm):
                layers.append(copy.deepcopy(layer.norm))
        self.phi = nn.Sequential(*layers)

    def forward(self, data: Sample) -> Tensor:
        """Logits, (jets,)."""
        latent = self.phi(self.norm(data.features * self.scales[:, None])) * data.mask
        logits: Tensor = self.rho(latent.sum(2) / PARTICLES)
        return logits[:, 0]


def in_pieces(network: Any, where: Any, quick: bool) -> dict[str, Any]:
    """A small network whose pairs go through its layers while they are in the cache, against torch's own steps."""
    ours = network(outputs=CLASSES)
    shake(ours)
    usual = where.in_one_pass

    def by_torch(module: nn.Module, data: Sample) -> Tensor:
        """The same network, layer by layer."""
        where.in_one_pass = lambda *_: False
        try:
            return packed_forward(module, data)
        finally:
            where.in_one_pass = usual

    found = measure(ours, copy.deepcopy(ours), packed_forward, by_torch, (1.0, 1.0), quick)
    for counted in ("gflops", "share_of_peak"):  # torch's counter does not see into compiled passes
        del found["measured"][counted]
    return found


def pfn(quick: bool) -> dict[str, Any]:
    """PFN with batch norms, its usual form over jets padded to 128; beside it without, and in batches as it learns."""
    torch.manual_seed(1)
    found = {}
    learned = models.get("pfn").facts["training"]["size"]
    for norms, batch in ((True, BATCH), (False, BATCH), (True, learned), (False, learned)):
        ours = PFN(norms=norms)
        for buffer in ours.buffers():
            if norms and buffer.is_floating_point() and len(buffer) > FEATURES:
                buffer.add_(0.1 * torch.rand_like(buffer))
        bars = (4.0, 4.0) if norms else (0.0, 0.0)
        forwards = packed_forward, lambda net, data: net(data)
        found[norms, batch] = measure(ours, PaddedPFN(ours), *forwards, bars, quick, batch=batch)
    first, *others = found
    beside = {
        f"{name} {'with' if norms else 'without'} norms, {batch} jets": found[norms, batch]["measured"][name]
        for norms, batch in others
        for name in ("infer_ratio", "train_ratio")
    }
    return {**found[first], "measured": found[first]["measured"] | beside}


def pixelate(quick: bool) -> dict[str, Any]:
    """Centred images of 33 x 33 pixels against a loop over jets in Python, as EnergyFlow has it.

    It starts from transverse momentum, rapidity and azimuth: for each jet arrays say into which pixels its particles
    fall, and a loop adds them. Beside it both from four-momenta, which NumPy turns for all jets at once.
    """
    n, size, width = (1000, 33, 0.8) if quick else (4000, 33, 0.8)
    events = jets(n)
    draw = JetImage(size, side=width, upright=False)
    c = events.collections["constituents"]
    px, py, pz, e = (c[name].astype(np.float64) for name in ("px", "py", "pz", "e"))

    def places() -> tuple[np.ndarray, ...]:
        """Momentum, rapidity and azimuth of all particles."""
        return np.hypot(px, py), np.arctanh(pz / e), np.arctan2(py, px)

    def plain(pt: np.ndarray, y: np.ndarray, phi: np.ndarray) -> np.ndarray:
        """Jet by jet."""
        images = np.zeros((n, size, size))
        given = np.split(np.stack([pt, y, phi], axis=1), c.offsets[1:-1])
        for jet, image in zip(given, images, strict=True):
            y, phi = (np.average(jet[:, k], weights=jet[:, 0]) for k in (1, 2))
            rows = np.floor((jet[:, 1] - y + width / 2) * (size / width)).astype(int)
            columns = np.floor((jet[:, 2] - phi + width / 2) * (size / width)).astype(int)
            inside = (rows >= 0) & (rows < size) & (columns >= 0) & (columns < size)
            for row, column, pt in zip(rows[inside], columns[inside], jet[inside, 0], strict=True):
                image[row, column] += pt
            if image.sum() > 0:
                image /= image.sum()
        return images

    known = places()
    cylinder = Events({}, {}, {"constituents": Ragged(c.offsets, dict(zip(("pt", "y", "phi"), known, strict=True)))})
    wrapped = [np.ptp(phi) < np.pi for phi in np.split(known[2], c.offsets[1:-1])]  # the loop knows no turns
    steps: dict[str, Step] = {"ours": lambda: draw.of_cylinder(cylinder), "peer": lambda: plain(*known)}
    steps |= {"ours from momenta": lambda: draw(events), "peer from momenta": lambda: plain(*places())}
    found = seconds(steps, 5 if quick else 11)
    expected = plain(*known)[wrapped]
    both = (draw.of_cylinder(cylinder), draw(events))
    largest = max(float(np.abs(images.pixels[:, 0].numpy()[wrapped] - expected).max()) for images in both)
    assert largest <= 1e-5, f"images differ by {largest:.2g}"
    measured = {"infer_ratio": round(found["peer"] / found["ours"], 1), "max_diff": float(f"{largest:.2g}")}
    measured["images_per_second"] = round(n / found["ours"])
    measured["infer_ratio from momenta"] = round(found["peer from momenta"] / found["ours from momenta"], 1)
    measured["images_per_second from momenta"] = round(n / found["ours from momenta"])
    return {"measured": measured, "bar": {"infer_ratio": ">= 30"}, "holds": measured["infer_ratio"] >= 30}


CASES = {
    "part": part,
    "part-profile": part_profile,
    "part-bf16": part_bf16,
    "particlenet": partial(particlenet, False),
    "particlenet-lite": partial(particlenet, True),
    "lorentznet": lorentznet,
    "lorentznet-light": partial(in_pieces, LorentzNetLight, lorentznets),
    "pelican": pelican,
    "pelican-1k": partial(in_pieces, PELICAN1k, pelicans),
    "pfn": pfn,
    "pixelate": pixelate,
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(run(__file__, __doc__, CASES))
