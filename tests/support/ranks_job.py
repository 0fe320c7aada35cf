"""What the tests of several processes start with torchrun: small trainings whose losses are written to a file."""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from toy_jets import toy_jets

from partonic.core.errors import PartonicError
from partonic.core.rank import rank
from partonic.fit.batches import Batches
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions
from partonic.models.pfn import PFN
from partonic.objectives.supervised import cross_entropy
from partonic.represent import representation

KINDS = ("pfn", "norm", "list", "dropout")


def network(kind):
    """A small network, unequal in each process at the start: the weights of the first one count."""
    torch.manual_seed(10 + rank())
    model = PFN(width=16)
    if kind == "norm":
        model.phi.insert(0, nn.BatchNorm1d(7))
        model.rho.insert(1, nn.BatchNorm1d(100, momentum=None))
    if kind == "dropout":
        model.rho.insert(0, nn.Dropout(0.2))
    return model


class Lists:
    """Batches that cannot be shared, as those of a plain list."""

    def __init__(self, batches):
        self.batches = list(batches.epoch(0))

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return iter(self.batches)


def train(kind, folder):
    """Train on jets with weights of both signs, in batches whose rows are not a multiple of two."""
    jets = toy_jets(203, seed=3)
    jets = jets.with_weights({"nominal": np.random.default_rng(1).normal(1.0, 0.7, len(jets))})
    data = Batches(jets[:150], representation("packed"), size=13, seed=2)
    held_out = Batches(jets[150:], representation("packed"), size=13, shuffle=False)
    # Adam makes a step of rounding errors where a gradient is zero, as that of a bias before a normalisation
    optimiser = "sgd" if kind == "norm" else "adamw"
    options = FitOptions(epochs=3, seed=4, patience=2, averaging=0.9, l1=1e-5, threads=1, optimiser=optimiser)
    model = network(kind)
    training = Lists(data) if kind == "list" else data
    result = fit(model, cross_entropy, training, held_out, options, folder / f"{kind}.fit")
    state = {name: values.tolist() for name, values in model.state_dict().items()}
    return {"history": result.history, "best_epoch": result.best_epoch, "state": state}


class Killing:
    """Cross entropy whose second process is killed, or both interrupted at different steps."""

    def __init__(self, how):
        self.how, self.calls = how, 0

    def __call__(self, model, batch):
        self.calls += 1
        if self.how == "kill" and rank() == 1 and self.calls == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "interrupt" and self.calls == 5 + rank():
            os.kill(os.getpid(), signal.SIGINT)
        return cross_entropy(model, batch)


def main(how, output):
    """Do it and write what came of it as ``RANK.json``."""
    folder = Path(output)
    if how == "train":
        told = {kind: train(kind, folder) for kind in KINDS}
    else:
        told = {"ended": "whole"}
        jets = toy_jets(150, seed=3)
        data = Batches(jets, representation("packed"), size=13)
        try:
            fit(network("pfn"), Killing(how), data, None, FitOptions(epochs=3, threads=1), folder / "fit")
        except (PartonicError, KeyboardInterrupt) as error:
            told = {"ended": type(error).__name__, "message": str(error)}
    (folder / f"{rank()}.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
