"""Where a forward pass broke: shapes, memory, NaN and infinity."""
