"""The packed networks on padded arrays, one function each, for export."""
