"""One training step, line by line: forward, loss, zero_grad, backward, step."""
