"""A function as a graph: computed node by node, and back by the chain rule."""
