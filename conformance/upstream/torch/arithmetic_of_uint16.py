"""torch has the dtypes uint16, uint32 and uint64, but neither adds nor compares nor sorts them.

The adapter computes in a wider type and casts back.
"""

import pytest
import torch

x = torch.tensor([1, 2], dtype=torch.uint16)
for function in (torch.add, torch.maximum, torch.lt):
    with pytest.raises(NotImplementedError):
        function(x, x)
