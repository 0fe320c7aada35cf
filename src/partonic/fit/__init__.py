"""The training loop and the batches it runs over."""
