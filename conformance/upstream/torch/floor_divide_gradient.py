"""torch.floor_divide raises when it is differentiated; torch.div with rounding_mode="floor" gives 0.

`floor_divide` in `backends/torch/elementwise.py` takes the latter.
"""

import pytest
import torch

x = torch.tensor(3.0, requires_grad=True)
assert torch.autograd.grad(torch.div(5.0, x, rounding_mode="floor"), x)[0] == 0
with pytest.raises(RuntimeError, match="not implemented"):
    torch.autograd.grad(torch.floor_divide(5.0, x), x)
