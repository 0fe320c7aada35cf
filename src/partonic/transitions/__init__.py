"""Phase transitions: effective potentials, tunnelling between their minima, bubbles and gravitational waves."""
