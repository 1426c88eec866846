"""torch.nn.functional.softplus is x from 20 on, which costs float64 its last five digits.

`softplus` in `backends/torch/nn.py` sets the threshold at 40.
"""

import torch

x = torch.tensor(25.0, dtype=torch.float64)
assert torch.nn.functional.softplus(x) == x  # it is x + 1.4e-11
