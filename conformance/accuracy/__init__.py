"""How far floating ops are from the exact result: the largest and the mean error in ULP, by op, dtype and engine."""
