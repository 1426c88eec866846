"""torch.nn.functional.gelu loses all digits below -4 in float32: it adds 1 and a number next to -1.

None: it is one fused kernel, and the absolute error is small (docs/accuracy.md).
"""

import torch

x = torch.tensor(-5.5)
exact = torch.nn.functional.gelu(x.double())
assert abs(torch.nn.functional.gelu(x) / exact - 1) > 0.5
assert torch.nn.functional.gelu(x, approximate="tanh") == 0  # it is -5.9e-9
