"""The second derivative of torch.sinc at 0 is NaN.

`sinc` of kfront is composed, with a series next to 0.
"""

import torch

x = torch.tensor(0.0, requires_grad=True)
(slope,) = torch.autograd.grad(torch.sinc(x), x, create_graph=True)
assert torch.autograd.grad(slope, x)[0].isnan()  # it is -pi^2 / 3
