"""torch.nn.functional.hardsigmoid cannot be differentiated twice.

None: the suite expects it to fail (`conformance/xfail/torch.txt`).
"""

import pytest
import torch

x = torch.tensor(0.5, requires_grad=True)
(slope,) = torch.autograd.grad(torch.nn.functional.hardsigmoid(x), x, create_graph=True)
with pytest.raises(RuntimeError, match="not implemented"):
    torch.autograd.grad(slope, x)
