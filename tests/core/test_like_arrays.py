"""KerasTensor and Variable used as arrays are; tensors that go from one engine to another without a copy."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import kfront
from kfront import backends, ops
from kfront.core.errors import ArgumentError, ArgumentTypeError

A = np.arange(24, dtype="float32").reshape(2, 3, 4)

# name -> expression on anything like an array
EXPRESSIONS = {
    "integer": lambda x: x[1],
    "negative": lambda x: x[-1, -2],
    "slice": lambda x: x[:, 1:3],
    "step": lambda x: x[:, ::-1, ::2],
    "ellipsis": lambda x: x[..., 0],
    "newaxis": lambda x: x[:, None, ..., None],
    "list": lambda x: x[:, [2, 0]],
    "array": lambda x: x[np.array([1, 0, 1])],
    "two arrays": lambda x: x[:, np.array([0, 2]), np.array([1, 3])],
    "arrays apart": lambda x: x[np.array([0, 1]), :, np.array([1, 3])],
    "mask": lambda x: x[np.array([True, False])],
    "mask of two axes": lambda x: x[A[..., 0] > 3],
    "mask in a list": lambda x: x[:, [True, False, True]],
    "mask of no axis": lambda x: x[True, :, [2, 0]],
    "NumPy's bool": lambda x: x[np.bool_(True)],
    "add": lambda x: 1 + x + 2,
    "sub": lambda x: 1 - (x - 2),
    "mul": lambda x: 2 * x * 0.5,
    "div": lambda x: 1 / (x + 1) / 2,
    "floordiv": lambda x: x // 2,
    "mod": lambda x: x % 3,
    "pow": lambda x: (2 ** x[0, 0]) ** 2,
    "matmul": lambda x: x @ A.transpose(0, 2, 1),
    "rmatmul": lambda x: A.transpose(0, 2, 1) @ x,
    "compare": lambda x: (x > 3) | (x <= 1) & (x != 0),
    "unary": lambda x: abs(-x),
    "divmod": lambda x: divmod(x, 3)[0] + divmod(x, 3)[1],
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_variables_and_symbols(backend, name):
    expression = EXPRESSIONS[name]
    expected = expression(A)
    out = expression(kfront.Variable(A))
    np.testing.assert_allclose(ops.convert_to_numpy(out), expected, rtol=1e-6)
    symbol = expression(kfront.KerasTensor(A.shape))
    assert symbol.dtype == kfront.backend.standardize_dtype(out.dtype)
    known = [n if n is not None else m for n, m in zip(symbol.shape, expected.shape, strict=True)]
    assert tuple(known) == expected.shape


def test_shifts(backend):
    x = np.array([1, 2, 4], "int32")
    v = kfront.Variable(x, dtype="int32")
    np.testing.assert_array_equal(ops.convert_to_numpy(v << 2), x << 2)
    np.testing.assert_array_equal(ops.convert_to_numpy(v >> 1), x >> 1)
    np.testing.assert_array_equal(ops.convert_to_numpy(1 << v), 1 << x)
    np.testing.assert_array_equal(ops.convert_to_numpy(divmod(7, v)[1]), 7 % x)
    assert (kfront.KerasTensor((3,), "int32") << 1).dtype == "int32"


def test_known_masks_give_known_sizes():
    x = kfront.KerasTensor((None, 3, 4))
    assert x[:, [True, False, True]].shape == (None, 2, 4)
    assert x[:, np.array([False, False, False])].shape == (None, 0, 4)
    assert x[x > 0].shape == (None,) and kfront.KerasTensor((2, 3))[A[..., 0] > 3].shape == (5,)


@pytest.mark.parametrize("key", [1.5, "a", (0, 2.0), np.array([0.5]), slice(0.5, 2), (slice(None), "b"), [0.0, 1.0]])
def test_no_indices(backend, key):
    for x in (kfront.Variable(A), kfront.KerasTensor(A.shape)):
        with pytest.raises(ArgumentError, match=r"\[get_item\] expected"):
            x[key]


def test_elements_are_not_assigned(backend):
    for x, name in ((kfront.Variable(A), "Variable"), (kfront.KerasTensor(A.shape), "KerasTensor")):
        with pytest.raises(ArgumentTypeError, match=rf"\[{name}\] expected no assignment"):
            x[0] = 1.0


def test_iteration(backend):
    v = kfront.Variable(A)
    np.testing.assert_array_equal(np.stack([ops.convert_to_numpy(row) for row in v]), A)
    with pytest.raises(ArgumentTypeError):
        iter(kfront.Variable(1.0))
    with pytest.raises(NotImplementedError, match="unstack"):  # as on Keras
        iter(kfront.KerasTensor((2, 5)))
    in_a_call = kfront.layers.Lambda(lambda x: ops.add(*x), output_shape=None)(kfront.KerasTensor((2, 5)))
    assert in_a_call.shape == (5,)


def test_what_a_symbolic_tensor_is_stays(backend):
    x = copy.deepcopy(pickle.loads(pickle.dumps(kfront.KerasTensor((2, 5), "int32", name="x"))))
    for name in ("shape", "dtype", "sparse", "ragged", "ndim", "ragged_rank"):  # Keras refuses the same
        with pytest.raises(AttributeError):
            setattr(x, name, getattr(x, name))
    x.name, x._of_a_program = "y", 3
    assert (x.shape, x.dtype, x.name, x._of_a_program) == ((2, 5), "int32", "y", 3)


def test_numbers_and_arrays(backend):
    assert int(kfront.Variable(3.7)) == 3 and float(kfront.Variable(2)) == 2.0
    assert np.asarray(kfront.Variable(A), "float16").dtype == "float16"
    np.testing.assert_array_equal(np.array(kfront.Variable(A)), A)
    for bad in (
        lambda: bool(kfront.Variable(True)),
        lambda: len(kfront.Variable(A)),
        lambda: float(kfront.Variable(A)),
    ):
        with pytest.raises(TypeError):
            bad()
    x = kfront.KerasTensor((2, 3))
    for bad in (bool, len, int, float, np.array):
        with pytest.raises(ArgumentTypeError):
            bad(x)


def test_ragged_symbols():
    x = kfront.KerasTensor((2, None), ragged=True, ragged_rank=1, row_splits_dtype="int32")
    assert (x.ragged, x.ragged_rank, x.row_splits_dtype) == (True, 1, "int32")
    assert kfront.KerasTensor((2,)).ragged_rank is None and kfront.KerasTensor((2,)).row_splits_dtype is None
    with pytest.raises(ArgumentError, match="both"):
        kfront.KerasTensor((2,), sparse=True, ragged=True)


def make(name):
    """A tensor whose memory is aligned as every engine likes it, and the address of the memory."""
    with backends.backend_scope(name):
        x = ops.add(np.zeros((64, 64), "float32"), np.float32(1.5))
    return x, address(x)


def address(x):
    if hasattr(x, "data_ptr"):
        return x.data_ptr()
    if hasattr(x, "unsafe_buffer_pointer"):
        return x.unsafe_buffer_pointer()
    return np.from_dlpack(x).ctypes.data


NAMES = ("torch", "jax", "tensorflow")


@pytest.mark.parametrize("target", NAMES)
@pytest.mark.parametrize("source", NAMES)
def test_exchange_between_engines(source, target):
    """Values, dtypes, and one memory where alignment allows it."""
    if not {source, target} <= set(backends.installed()):
        pytest.skip("needs both engines")
    x, pointer = make(source)
    for dtype in ("float32", "int32", "bool", "float16", "bfloat16"):
        with backends.backend_scope(source):
            given = ops.cast(ops.array([[1, 0], [3, 4]]), dtype)
        with backends.backend_scope(target) as b:
            out = ops.convert_to_tensor(given)
            assert b.is_tensor(out) and b.dtype_name(out.dtype) == dtype
            np.testing.assert_array_equal(
                ops.convert_to_numpy(ops.cast(out, "float32")),
                [[1, 0], [1 if dtype == "bool" else 3, 1 if dtype == "bool" else 4]],
            )
    with backends.backend_scope(target):
        out = ops.convert_to_tensor(x)
        assert pointer % 64 or address(out) == pointer
        kept = ops.convert_to_numpy(out)
    del x
    np.testing.assert_array_equal(kept, np.full((64, 64), 1.5, "float32"))


@pytest.mark.parametrize("source", NAMES)
def test_variables_are_exchanged(source):
    if source not in backends.installed():
        pytest.skip("needs the engine")
    with backends.backend_scope(source):
        v = kfront.Variable(A)
    np.testing.assert_array_equal(np.from_dlpack(v), A)
    assert v.__dlpack_device__()[0] == 1
    for target in NAMES:
        if target in backends.installed():
            with backends.backend_scope(target):
                np.testing.assert_array_equal(ops.convert_to_numpy(ops.convert_to_tensor(v)), A)
