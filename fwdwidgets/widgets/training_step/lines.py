"""The five lines of a training step: their names, their order, their code."""

from __future__ import annotations

LINES = ("forward", "loss", "zero_grad", "backward", "step")
"""The lines in the order in which a loop runs them."""
CODE = {
    "forward": "output = model(inputs)",
    "loss": "loss = criterion(output, targets)",
    "zero_grad": "optimizer.zero_grad()",
    "backward": "loss.backward()",
    "step": "optimizer.step()",
}
SETTINGS = ("lr", "clip")
"""What a line may run under."""
INPUT = "inputs"
"""The name under which the gradient of the input is shown."""
MAX_STEPS = 1_000
"""The most steps that may be run at once."""
