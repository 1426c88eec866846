"""Functions over lists of tensors do what their formulas say on every engine, in place or not."""

from __future__ import annotations

import numpy as np
import pytest

from kfront.core.variable import StatelessScope, Variable

G = np.random.default_rng(0)
V, X, Y = ([G.uniform(0.5, 2.0, shape).astype("float32") for shape in ((3,), (2, 4))] for _ in range(3))

# name -> (arguments after the first list, the formula)
ARITHMETIC = {
    "add": ((Y,), lambda x, y: x + y),
    "sub": ((Y,), lambda x, y: x - y),
    "mul": ((Y,), lambda x, y: x * y),
    "div": ((Y,), lambda x, y: x / y),
    "add a number": ((0.25,), lambda x, y: x + y),
    "sub a number": ((0.25,), lambda x, y: x - y),
    "mul a number": ((0.25,), lambda x, y: x * y),
    "div a number": ((0.25,), lambda x, y: x / y),
    "sub a tensor": ((np.float32(0.25),), lambda x, y: x - y),
    "mul a tensor": ((np.float32(0.25),), lambda x, y: x * y),
    "sqrt": ((), np.sqrt),
}
CHANGES = {
    "add_to": ((X, 0.5), lambda v, x, f: v + f * x),
    "mul_to": ((0.5,), lambda v, f: v * f),
    "maximum_to": ((X,), np.maximum),
    "lerp_to": ((X, 0.3), lambda v, x, w: v + (x - v) * w),
    "lerp_square_to": ((X, 0.3), lambda v, x, w: v + (x * x - v) * w),
    "addcmul_to": ((X, Y, 0.5), lambda v, a, b, c: v + c * a * b),
    "addcdiv_to": ((X, Y, -0.5), lambda v, a, b, c: v + c * a / b),
}


def engine_values(b, x):
    if isinstance(x, list):
        return [b.convert(a) for a in x]
    return b.convert(x) if isinstance(x, np.float32) else x


def wanted(formula, first, args):
    return [formula(a, *(x[i] if isinstance(x, list) else x for x in args)) for i, a in enumerate(first)]


def same(b, got, want):
    for a, w in zip(got, want, strict=True):
        np.testing.assert_allclose(b.to_numpy(a), w, rtol=1e-5)


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic(backend, name):
    args, formula = ARITHMETIC[name]
    function = getattr(backend.foreach, name.split()[0])
    first, given, want = engine_values(backend, X), [engine_values(backend, a) for a in args], wanted(formula, X, args)
    with backend.no_grad():
        same(backend, function(first, *given), want)
        same(backend, first, X)  # left as they were
        same(backend, function(first, *given, donate=True), want)


@pytest.mark.parametrize("scope", ["plain", "stateless"])
@pytest.mark.parametrize("name", CHANGES)
def test_changes(backend, name, scope):
    args, formula = CHANGES[name]
    variables = [Variable(v) for v in V]
    given, want = [engine_values(backend, a) for a in args], wanted(formula, V, args)
    change = getattr(backend.foreach, name)
    with backend.no_grad():
        if scope == "plain":
            same(backend, change(variables, *given), want)
            same(backend, [v.value for v in variables], want)
        else:
            with StatelessScope(state_mapping=[(v, v.value) for v in variables]) as inside:
                same(backend, change(variables, *given), want)
            same(backend, [inside.get_current_value(v) for v in variables], want)
            same(backend, [v.value for v in variables], V)


def test_torch_uses_the_memory_of_what_is_donated():
    torch = pytest.importorskip("torch")
    from kfront.backends import get

    fe = get("torch").foreach
    xs = [torch.ones(3)]
    (y,) = fe.sqrt(fe.add(xs, 3.0, donate=True), donate=True)
    assert y.data_ptr() == xs[0].data_ptr() and y.tolist() == [2.0] * 3
