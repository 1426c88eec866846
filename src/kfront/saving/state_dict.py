"""Weights as a flat dict, with the names that models written for torch give them, and back.

A name map pairs the names here with the others: a dict, a function, or pairs of a pattern and a replacement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from kfront.core.dtypes import numpy_dtype
from kfront.core.errors import SavingError
from kfront.saving.safetensors import named_values
from kfront.saving.weights_h5 import compare, report

if TYPE_CHECKING:
    from kfront.models.model import Model

NameMap = Mapping[str, str] | Callable[[str], str] | Iterable[tuple[str, str]] | None
# Keras's name of a variable -> torch's
TORCH_NAMES = {"kernel": "weight", "gamma": "weight", "beta": "bias", "embeddings": "weight"}
TORCH_NAMES.update({"moving_mean": "running_mean", "moving_variance": "running_var"})


def torch_names(name: str) -> str:
    """The name that a variable has in torch's style: ``layers/dense/kernel`` is ``layers.dense.weight``.

    Args:
        name: the variable's place in the model, as in a safetensors file.

    Example:

    >>> torch_names("layers/batch_normalization/moving_mean")
    'layers.batch_normalization.running_mean'
    """
    *path, last = name.split("/")
    return ".".join([*path, TORCH_NAMES.get(last, last)])


def _mapping(name_map: NameMap) -> Callable[[str], str]:
    if name_map is None:
        return lambda name: name
    if callable(name_map):
        return name_map
    if isinstance(name_map, Mapping):
        table: dict[Any, Any] = {**name_map}
        return lambda name: table.get(name, name)
    rules = [(re.compile(pattern), new) for pattern, new in name_map]

    def replaced(name: str) -> str:
        for pattern, new in rules:
            name = pattern.sub(new, name)
        return name

    return replaced


def _swapped(name: str, value: np.ndarray, back: bool) -> np.ndarray:
    """A kernel with its axes in torch's order (outputs, inputs, places), or `back` in Keras's."""
    if not name.endswith("kernel") or value.ndim < 2:
        return value
    if value.ndim == 2:
        return value.T
    places = list(range(value.ndim - 2))
    order = [p + 2 for p in places] + [1, 0] if back else [value.ndim - 1, value.ndim - 2, *places]
    return value.transpose(order)


def export_state_dict(model: Model, name_map: NameMap = torch_names, transpose: bool = True) -> dict[str, np.ndarray]:
    """The weights of a model, as `torch.nn.Module.load_state_dict` takes them once they are tensors.

    Args:
        model: a built model or layer.
        name_map: from names here (``layers/dense/kernel``) to those of the dict: a function, a dict, or pairs of a
            regular expression and its replacement, applied one after another. None leaves names as they are.
        transpose: whether kernels get torch's order of axes (outputs, inputs, places).

    Returns:
        Name -> array.

    Raises:
        SavingError: two variables get the same name.

    Example:

    >>> import kfront
    >>> model = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(2)])
    >>> {k: v.shape for k, v in export_state_dict(model, [("layers/dense/kernel", "fc.weight"), ("/", ".")]).items()}
    {'fc.weight': (2, 4), 'layers.dense.bias': (2,)}
    """
    rename = _mapping(name_map)
    out: dict[str, np.ndarray] = {}
    for name, variable in named_values(model):
        new, value = rename(name), variable.numpy()
        if new in out:
            raise SavingError(f"[export_state_dict] expected different names, got {new!r} twice; change `name_map`.")
        out[new] = np.ascontiguousarray(_swapped(name, value, False)) if transpose else value
    return out


def import_state_dict(
    model: Model,
    state_dict: Mapping[str, object],
    name_map: NameMap = torch_names,
    transpose: bool = True,
    skip_mismatch: bool = False,
) -> None:
    """Set the weights of a model from a dict such as `torch.nn.Module.state_dict` gives; all, or none if one differs.

    Args:
        model: a built model or layer.
        state_dict: name -> array or tensor.
        name_map: from names here to those of the dict, see `export_state_dict`.
        transpose: whether kernels in the dict have torch's order of axes.
        skip_mismatch: whether variables that do not fit are passed over, with a warning that lists them.

    Raises:
        SavingError: the dict does not fit; the message lists names and shapes.

    Example:

    >>> import kfront
    >>> one, two = (kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(2)]) for _ in range(2))
    >>> import_state_dict(two, export_state_dict(one))
    >>> bool((one.get_weights()[0] == two.get_weights()[0]).all())
    True
    """
    rename = _mapping(name_map)
    problems, pairs, used = [], [], set()
    for name, variable in named_values(model):
        theirs = rename(name)
        given = state_dict.get(theirs)
        used.add(theirs)
        value = None if given is None else as_host_array(given)
        if value is not None and transpose:
            value = _swapped(name, value, True)
        found = None if value is None else _Array(value)
        problem = compare(theirs, variable, found)
        if problem is not None:
            problems.append(problem)
        else:
            pairs.append((variable, value))
    unused = [n for n in state_dict if n not in used and not n.endswith("num_batches_tracked")]
    report(model, "the dict", problems, [], unused, skip_mismatch, strict_optimizer=False)
    for variable, value in pairs:
        variable.assign(np.asarray(value, dtype=numpy_dtype(variable._dtype)))


def as_host_array(value: Any) -> np.ndarray:
    """An array or tensor, of torch too, as a NumPy array; it shares memory where it can."""
    value = value.detach().cpu() if hasattr(value, "detach") else value
    if str(getattr(value, "dtype", "")).endswith("bfloat16") and hasattr(value, "float"):
        value = value.float()
    return np.asarray(value)


class _Array:
    """Shape and dtype of an array, as `compare` looks at them."""

    def __init__(self, value: np.ndarray) -> None:
        self.shape, self.dtype = value.shape, value.dtype.name
