"""The forward derivative of torch.scatter_reduce with "prod" is 0.

`scatter_update` in `backends/torch/index.py` multiplies by masks inside kfront's transforms.
"""

import torch

index = torch.tensor([0, 0, 1])
product = lambda x: torch.ones(2).scatter_reduce(0, index, x, "prod")  # noqa: E731
value, forward = torch.func.jvp(product, (torch.tensor([2.0, 3.0, 5.0]),), (torch.ones(3),))
assert [value.tolist(), forward.tolist()] == [[6, 5], [0, 0]]  # the latter is [5, 1]
