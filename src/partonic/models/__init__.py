"""Models: plain torch modules over a representation, and boosted trees beside them; one file an architecture."""
