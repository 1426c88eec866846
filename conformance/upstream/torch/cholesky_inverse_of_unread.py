"""torch.cholesky_inverse gives a gradient to the triangle that it does not read.

`cholesky_inverse` in `backends/torch/linalg.py` cuts that triangle off first.
"""

import torch

x = torch.tensor([[2.0, 5.0], [1.0, 3.0]], requires_grad=True)
torch.cholesky_inverse(x).sum().backward()
assert x.grad[0, 1] != 0
assert torch.equal(torch.cholesky_inverse(x), torch.cholesky_inverse(x.tril()))
