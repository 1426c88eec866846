"""torch.nn.functional.scaled_dot_product_attention has no forward derivative, but by its kernel "math".

`jvp` in `backends/torch/transforms.py` chooses that one.
"""

import pytest
import torch

x = torch.ones(1, 1, 3, 4)
with pytest.raises(NotImplementedError, match="forward AD"):
    torch.func.jvp(lambda q: torch.nn.functional.scaled_dot_product_attention(q, x, x), (x,), (x,))
