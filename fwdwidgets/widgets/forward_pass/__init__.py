"""One sample through a network: the input, any layer, the answer, right or wrong."""
