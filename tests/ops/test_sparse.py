"""Sparse operands: every documented op against the dense one, on the engines that have sparse tensors."""

from __future__ import annotations

import numpy as np
import pytest

import kfront
from kfront import backends, layers, ops
from kfront.backends import installed
from kfront.core.errors import UnsupportedError

D = np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0]], "float32")
R = D[:, ::-1].copy()
with np.errstate(divide="ignore", invalid="ignore"):
    QUOTIENT = D / R

# name -> (what is computed of sparse s, sparse r and dense d, the same in NumPy, whether the result is sparse)
CASES = {
    "absolute": (lambda s, r, d: ops.absolute(ops.negative(s)), abs(D), True),
    "relu": (lambda s, r, d: ops.relu(s), D, True),
    "sin": (lambda s, r, d: ops.sin(s), np.sin(D), True),
    "cast": (lambda s, r, d: ops.cast(s, "int32"), D, True),
    "exp": (lambda s, r, d: ops.exp(s), np.exp(D), False),
    "add": (lambda s, r, d: ops.add(s, r), D + R, True),
    "add dense": (lambda s, r, d: ops.add(s, d), D + D, False),
    "add number": (lambda s, r, d: ops.add(s, 1.0), D + 1, False),
    "add half": (lambda s, r, d: ops.add(s, ops.cast(r, "float16")), D + R, True),
    "subtract": (lambda s, r, d: ops.subtract(s, r), D - R, True),
    "maximum": (lambda s, r, d: ops.maximum(s, ops.negative(r)), np.maximum(D, -R), True),
    "minimum": (lambda s, r, d: ops.minimum(s, r), np.minimum(D, R), True),
    "multiply": (lambda s, r, d: ops.multiply(s, d), D * D, True),
    "multiply both": (lambda s, r, d: ops.multiply(s, r), D * R, True),
    "multiply row": (lambda s, r, d: ops.multiply(d[:1], s), D[:1] * D, True),
    "multiply number": (lambda s, r, d: ops.multiply(2, s), 2 * D, True),
    "divide both": (lambda s, r, d: ops.divide(s, r), QUOTIENT, False),
    "divide": (lambda s, r, d: ops.divide(s, d + 1.0), D / (D + 1), True),
    "matmul": (lambda s, r, d: ops.matmul(s, ops.transpose(d)), D @ D.T, False),
    "matmul from the left": (lambda s, r, d: ops.matmul(ops.transpose(d), s), D.T @ D, False),
    "matmul both": (lambda s, r, d: ops.matmul(s, ops.transpose(r)), D @ R.T, True),
    "sum": (lambda s, r, d: ops.sum(s), D.sum(), False),
    "sum along": (lambda s, r, d: ops.sum(s, axis=0), D.sum(0), True),
    "sum kept": (lambda s, r, d: ops.sum(s, axis=-1, keepdims=True), D.sum(1, keepdims=True), True),
    "mean": (lambda s, r, d: ops.mean(s), D.mean(), False),
    "mean along": (lambda s, r, d: ops.mean(s, axis=1), D.mean(1), True),
    "max": (lambda s, r, d: ops.max(s, axis=1), D.max(1), False),
    "any": (lambda s, r, d: ops.any(s, axis=0), D.any(0), False),
    "reshape": (lambda s, r, d: ops.reshape(s, (3, -1)), D.reshape(3, 2), True),
    "transpose": (lambda s, r, d: ops.transpose(s), D.T, True),
    "swapaxes": (lambda s, r, d: ops.swapaxes(s, 0, 1), D.T, True),
    "moveaxis": (lambda s, r, d: ops.moveaxis(s, 0, -1), D.T, True),
    "concatenate": (lambda s, r, d: ops.concatenate([s, r], 1), np.concatenate([D, R], 1), True),
    "concatenate dense": (lambda s, r, d: ops.concatenate([s, d]), np.concatenate([D, D]), False),
    "expand_dims": (lambda s, r, d: ops.expand_dims(s, 1), D[:, None], True),
    "squeeze": (lambda s, r, d: ops.squeeze(ops.expand_dims(s, 0)), D, True),
    "equal": (lambda s, r, d: ops.equal(s, d), D == D, False),
    "get_item": (lambda s, r, d: ops.get_item(s, 1), D[1], None),  # as the engine has it
}


@pytest.mark.parametrize("name", CASES)
def test_ops(trainable_backend, name):
    call, expected, sparse = CASES[name]
    b = trainable_backend
    s, r = ops.convert_to_tensor(D, sparse=True), ops.convert_to_tensor(R, sparse=True)
    assert b.is_sparse(s) and b.is_sparse(r)
    out = call(s, r, ops.array(D))
    np.testing.assert_allclose(ops.convert_to_numpy(out), expected, rtol=1e-3 if "half" in name else 1e-6)
    assert sparse is None or b.is_sparse(out) == sparse


def test_conversion(trainable_backend):
    scipy = pytest.importorskip("scipy.sparse")
    b = trainable_backend
    s = ops.convert_to_tensor(scipy.csr_matrix(D))
    assert b.is_sparse(s) and not b.is_sparse(ops.convert_to_tensor(scipy.csr_matrix(D), sparse=False))
    assert tuple(ops.shape(s)) == (2, 3)
    assert b.is_sparse(ops.convert_to_tensor(s)) and not b.is_sparse(ops.convert_to_tensor(s, sparse=False))
    np.testing.assert_array_equal(ops.convert_to_numpy(s), D)
    half = ops.convert_to_tensor(D, "float16", sparse=True)
    assert b.is_sparse(half) and kfront.backend.standardize_dtype(half.dtype) == "float16"


@pytest.mark.parametrize("engine", [*installed(), "scipy"])
def test_sparse_tensors_of_others(backend, engine):
    if engine == "scipy":
        s = pytest.importorskip("scipy.sparse").coo_matrix(([1.0, 2.0], ([1, 0], [2, 1])), (2, 3))
    else:
        with backends.backend_scope(engine):
            s = ops.convert_to_tensor([[0.0, 2.0, 0.0], [0.0, 0.0, 1.0]], sparse=True if engine != "numpy" else None)
    found = ops.convert_to_tensor(s)
    assert backend.is_sparse(found) == (backend.has_sparse and engine != "numpy")
    np.testing.assert_array_equal(ops.convert_to_numpy(found), [[0, 2, 0], [0, 0, 1]])
    half = ops.convert_to_tensor(s, "float16", sparse=False)
    assert not backend.is_sparse(half) and kfront.backend.standardize_dtype(half.dtype) == "float16"


@pytest.mark.parametrize("kind", ["csr_matrix", "jax", "tensorflow"])
def test_sparse_batches_of_a_generator(trainable_backend, kind):
    """As for dense batches."""
    if kind == "csr_matrix":
        make = getattr(pytest.importorskip("scipy.sparse"), kind)
    else:
        pytest.importorskip(kind)

        def make(rows):
            with backends.backend_scope(kind):
                return ops.convert_to_tensor(rows, sparse=True)

    x = np.eye(4, 3, dtype="float32")
    model = kfront.Sequential([kfront.Input((3,), sparse=True), layers.Dense(1)])
    model.compile(kfront.optimizers.SGD(0.1), "mse")
    before = model.get_weights()
    found = []
    for form in (np.asarray, make):
        model.set_weights(before)
        batches = lambda form=form: ((form(x[i : i + 2]), np.ones((2, 1), "float32")) for i in (0, 2))  # noqa: E731
        history = model.fit(batches(), epochs=1, verbose=0).history["loss"]
        found.append([history, model.evaluate(batches(), verbose=0), *model.predict(batches(), verbose=0).ravel()])
    np.testing.assert_allclose(*(np.hstack(one) for one in found), rtol=1e-6)


def test_what_would_fill_a_tensor_says_so(trainable_backend):
    s = ops.convert_to_tensor(D, sparse=True)
    with pytest.raises(UnsupportedError, match="sparse=False"):
        ops.conv(ops.expand_dims(s, 0), ops.ones((1, 3, 1)))
    with backends.backend_scope("numpy"), pytest.raises(UnsupportedError, match="sparse"):
        ops.convert_to_tensor(D, sparse=True)


def test_symbols_tell_what_is_sparse():
    with backends.backend_scope("numpy"):
        x = kfront.Input((3,), sparse=True)
        d = np.ones((3, 3), "float32")
        sparse = [x + x, x * 2.0, ops.relu(x), ops.reshape(x, (-1, 3, 1)), ops.sum(x, axis=0), x * d[0]]
        dense = [ops.exp(x), ops.matmul(x, d), x + 1.0, ops.sum(x), ops.softmax(x)]
        assert all(v.sparse for v in sparse) and not any(v.sparse for v in dense)


def test_a_model_that_makes_its_input_dense(trainable_backend):
    x = kfront.Input((3,), sparse=True)
    y = ops.convert_to_tensor(x, "float16", sparse=False)
    assert (y.sparse, y.dtype) == (False, "float16")
    model = kfront.Model.from_config(
        kfront.Model(x, ops.conv(y[..., None], ops.ones((2, 1, 1), "float16"))).get_config()
    )
    out = ops.convert_to_numpy(model(ops.convert_to_tensor(D, sparse=True)))
    np.testing.assert_array_equal(out[..., 0], D[:, :2] + D[:, 1:])


def test_layers_and_gradients(trainable_backend):
    b = trainable_backend
    s = ops.convert_to_tensor(D, sparse=True)
    layer = layers.Dense(2)
    layer.build((None, 3))
    np.testing.assert_allclose(ops.convert_to_numpy(layer(s)), D @ layer.kernel.numpy(), atol=1e-6)
    slope = kfront.grad(lambda: ops.sum(layer(s)), wrt=layer)()[0]
    np.testing.assert_allclose(ops.convert_to_numpy(slope), np.stack([D.sum(0)] * 2, 1), atol=1e-6)
    f = kfront.jit(lambda s: ops.multiply(layer(s), 2.0), jit_compile=False if b.name == "torch" else "auto")
    np.testing.assert_allclose(ops.convert_to_numpy(f(s)), 2 * D @ layer.kernel.numpy(), atol=1e-5)
    numbers = np.array([[1, 0, 2]], "int32")
    n = ops.convert_to_tensor(numbers, sparse=True)
    for make in (lambda: layers.Embedding(4, 2), lambda: layers.CategoryEncoding(4, "multi_hot")):
        layer = make()
        np.testing.assert_allclose(ops.convert_to_numpy(layer(n)), ops.convert_to_numpy(layer(numbers)))


def test_training_on_sparse_data(trainable_backend):
    """SciPy's matrices and the engine's own tensors train as the dense array does."""
    scipy = pytest.importorskip("scipy.sparse")
    matrix = scipy.random(40, 3, 0.5, "csr", dtype="float32", random_state=0)
    y = np.ones((40, 1), "float32")
    losses = []
    for x in (matrix.toarray(), matrix, ops.convert_to_tensor(matrix)):
        kfront.utils.set_random_seed(0)
        model = kfront.Sequential([kfront.Input((3,), sparse=True), layers.Dense(1)])
        model.compile("sgd", "mse", jit_compile=False if trainable_backend.name == "torch" else "auto")
        losses.append(model.fit(x, y, verbose=0, epochs=2).history["loss"])
        np.testing.assert_allclose(model.predict(x, verbose=0), model.predict(matrix.toarray(), verbose=0), atol=1e-6)
    np.testing.assert_allclose(losses[1:], losses[:1] * 2, rtol=1e-6)


# ---- made of class numbers -------------------------------------------------------------------------------------------

X = np.array([[2, 0, 2, 1], [3, 3, -1, 0]], "int32")
W = np.arange(8, dtype="float32").reshape(2, 4)
MADE = {
    "one_hot": lambda x, w, **k: ops.one_hot(x, 4, **k),
    "one_hot first": lambda x, w, **k: ops.one_hot(x, 3, axis=0, dtype="int32", **k),
    "one_hot of a number": lambda x, w, **k: ops.one_hot(x[0, 0], 4, dtype="bool", **k),
    "multi_hot": lambda x, w, **k: ops.multi_hot(x, 4, **k),
    "multi_hot of one": lambda x, w, **k: ops.multi_hot(x[0], 3, dtype="int32", **k),
    "bincount": lambda x, w, **k: ops.bincount(ops.abs(x[1]), **k),
    "bincount of rows": lambda x, w, **k: ops.bincount(ops.abs(x), minlength=6, **k),
    "bincount of weights": lambda x, w, **k: ops.bincount(ops.abs(x), weights=w, **k),
}


@pytest.mark.parametrize("name", MADE)
def test_made_sparse(trainable_backend, name):
    b, make = trainable_backend, MADE[name]
    x, w = ops.convert_to_tensor(X), ops.convert_to_tensor(W)
    want, got = make(x, w), make(x, w, sparse=True)
    assert not b.is_sparse(want) and b.is_sparse(got)
    assert b.dtype_name(got.dtype) == b.dtype_name(want.dtype) and tuple(got.shape) == tuple(want.shape)
    np.testing.assert_array_equal(b.to_numpy(got), b.to_numpy(want))


@pytest.mark.parametrize("name", MADE)
def test_made_sparse_symbolically(backend, name):
    make = MADE[name]
    x, w = kfront.KerasTensor((2, 4), "int32"), kfront.KerasTensor((2, 4))
    if not backend.has_sparse:
        with pytest.raises(UnsupportedError, match="sparse"):
            make(x, w, sparse=True)
        with pytest.raises(UnsupportedError, match="sparse"):
            make(ops.convert_to_tensor(X), ops.convert_to_tensor(W), sparse=True)
        return
    want, got = make(x, w), make(x, w, sparse=True)
    assert got.sparse and not want.sparse and (got.shape, got.dtype) == (want.shape, want.dtype)


def test_sparse_classes_in_a_compiled_model(trainable_backend):
    b = trainable_backend
    inputs = kfront.Input((4,), dtype="int32", batch_size=2)
    hot = ops.multi_hot(inputs, 4, sparse=True)
    model = kfront.Model(inputs, layers.Dense(2, kernel_initializer="ones")(hot))
    want = b.to_numpy(ops.multi_hot(ops.convert_to_tensor(X), 4)).sum(1)
    np.testing.assert_allclose(b.to_numpy(model(ops.convert_to_tensor(X)))[:, 0], want)
    np.testing.assert_allclose(model.predict(X, verbose=0)[:, 1], want)


def test_layers_tell_whether_their_outputs_are_sparse(backend):
    if not backend.has_sparse:
        pytest.skip("no sparse tensors")

    class Run(kfront.layers.Layer):
        def __init__(self, fn):
            super().__init__()
            self.fn = fn

        def call(self, x):
            return self.fn(x)

    x = kfront.Input((3,), sparse=True)
    for fn, expected in ((ops.negative, True), (lambda x: x * 2, True), (ops.cos, False), (lambda x: x, True)):
        assert Run(fn)(x).sparse == expected == fn(x).sparse


def test_sparse_tensors_with_rows_of_their_own() -> None:
    """Batches of rows, one row that stands for all, and padding."""
    sparse = pytest.importorskip("jax.experimental.sparse")
    dense = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]], "float32")
    row = sparse.BCOO((np.array([[1.0, 2.0]], "float32"), np.array([[[0], [2]]])), shape=(2, 3))
    places = sparse.BCOO((np.array([[1.0, 2.0], [3.0, 4.0]], "float32"), np.array([[[0], [2]]])), shape=(2, 3))
    with backends.backend_scope("jax"):
        model = kfront.Sequential([kfront.Input((3,), sparse=True), kfront.layers.Lambda(lambda x: x * 2.0)])
        for x in (sparse.BCOO.fromdense(dense, n_batch=1), sparse.BCOO.fromdense(dense, nse=6), row, places):
            want = np.asarray(x.todense())
            np.testing.assert_array_equal(ops.convert_to_numpy(ops.add(x, x)), 2 * want)
            np.testing.assert_array_equal(model.predict(x, verbose=0), 2 * want)
