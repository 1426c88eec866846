"""torch.nn.functional.avg_pool3d has no float16 and bfloat16 on CPU, avg_pool2d has.

`average_pool` in `backends/torch/pool.py` computes in float32.
"""

import pytest
import torch

with pytest.raises(NotImplementedError):
    torch.nn.functional.avg_pool3d(torch.ones(1, 1, 2, 2, 2, dtype=torch.bfloat16), 2)
