"""A batch through a network: a row of logits and probabilities for each sample."""
