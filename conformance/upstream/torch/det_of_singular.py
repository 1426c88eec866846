"""The gradient of torch.linalg.det at a singular matrix is 0, not the matrix of cofactors.

`det` in `backends/torch/linalg.py` has a gradient of its own there.
"""

import torch

x = torch.tensor([[1.0, 2.0], [2.0, 4.0]], requires_grad=True)
torch.linalg.det(x).backward()
assert x.grad.abs().max() == 0  # it is [[4, -2], [-2, 1]]
