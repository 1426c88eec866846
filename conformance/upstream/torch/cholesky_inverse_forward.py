"""The forward derivative of torch.cholesky_inverse is not that of its gradient.

`cholesky_inverse` in `backends/torch/linalg.py` is composed inside kfront's transforms.
"""

import torch

x, change = torch.tensor([[2.0, 0.0], [1.0, 3.0]]), torch.tensor([[1.0, 0.0], [0.5, 2.0]])
_, forward = torch.func.jvp(torch.cholesky_inverse, (x,), (change,))
slope = (torch.func.jacrev(torch.cholesky_inverse)(x) * change).sum((-1, -2))
assert abs(slope[0, 0] + 0.2870) < 1e-4 and abs(forward[0, 0] + 0.3025) < 1e-4
