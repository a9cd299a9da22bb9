"""The source of `forward`, expression by expression, as it ran."""
