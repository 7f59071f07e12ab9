"""The gate that every request passes: who asks, what they may, and whether they themselves asked for it."""
