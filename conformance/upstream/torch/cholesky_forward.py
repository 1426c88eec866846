"""The forward derivative of torch.linalg.cholesky along a change that is not symmetric is not that of its gradient.

`cholesky` in `backends/torch/linalg.py` takes the symmetric part inside kfront's transforms.
"""

import torch

x, change = torch.tensor([[4.0, 2.0], [2.0, 10.0]]), torch.tensor([[0.0, 0.0], [1.0, 0.0]])
_, forward = torch.func.jvp(torch.linalg.cholesky, (x,), (change,))
slope = torch.func.jacrev(torch.linalg.cholesky)(x)
assert [forward[1, 0], (slope[1, 0] * change).sum()] == [0.5, 0.25]
