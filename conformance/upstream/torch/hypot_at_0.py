"""The gradient of torch.hypot at the origin is NaN.

`hypot` of kfront is composed, with the gradient 0 there.
"""

import torch

x, y = torch.zeros(2, 1, requires_grad=True)
assert torch.autograd.grad(torch.hypot(x, y), (x, y))[0].isnan()
