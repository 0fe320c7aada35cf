"""A training of a few seconds with everything that a resumed one must take up; its directory is the argument."""

import sys
from dataclasses import replace

import torch
import torch._dynamo  # optimisers need it: imported beforehand for lives that are forked
from toy_jets import toy_jets

import partonic as pn
from partonic.fit.batches import Batches
from partonic.models.pfn import PFN
from partonic.objectives.supervised import cross_entropy
from partonic.represent import representation


class Noisy(PFN):
    """With dropout and batch normalisation, so that random numbers and buffers matter."""

    def __init__(self):
        super().__init__(width=32)
        self.norm = torch.nn.BatchNorm1d(7)
        self.drop = torch.nn.Dropout(0.2)

    def forward(self, jets):
        """Logits, (jets,)."""
        return super().forward(replace(jets, features=self.drop(self.norm(jets.features))))


def main(directory):
    """Train."""
    jets, represent = toy_jets(400), representation("packed")
    torch.manual_seed(3)
    train = Batches(jets[:320], represent, size=10, seed=2)
    held_out = Batches(jets[320:], represent, shuffle=False)
    options = {"epochs": 3, "averaging": 0.9, "patience": 4, "save_every": 0.1, "threads": 1}
    pn.fit(Noisy(), cross_entropy, train, held_out, directory, **options)


if __name__ == "__main__":
    main(sys.argv[1])
