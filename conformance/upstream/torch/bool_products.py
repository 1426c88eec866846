"""torch.matmul has no bool operands.

`matmul` and `einsum` in `backends/torch/linalg.py` go by way of uint8.
"""

import pytest
import torch

x = torch.ones(2, 2, dtype=torch.bool)
with pytest.raises(RuntimeError, match="not implemented"):
    x @ x
