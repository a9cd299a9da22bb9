"""Jupyter widgets that let a learner put a hand on the forward pass of a PyTorch network."""
