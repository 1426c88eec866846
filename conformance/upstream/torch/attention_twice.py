"""torch.nn.functional.scaled_dot_product_attention on CPU cannot be differentiated twice.

None: the suite expects it to fail (`conformance/xfail/torch.txt`).
"""

import pytest
import torch

x = torch.randn(1, 1, 3, 4, requires_grad=True)
out = torch.nn.functional.scaled_dot_product_attention(x, x, x).sum()
(slope,) = torch.autograd.grad(out, x, create_graph=True)
with pytest.raises(RuntimeError, match="not implemented"):
    torch.autograd.grad(slope.sum(), x)
