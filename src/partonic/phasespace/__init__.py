"""Phase space: maps of single variables, the VEGAS grid, flat momenta of n particles, unweighting."""
