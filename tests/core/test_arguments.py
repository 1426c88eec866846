"""Arguments of the wrong kind: one class of error on every engine, which each has its own way to fail at."""

from __future__ import annotations

import numpy as np
import pytest

import kfront
from kfront import errors, layers, metrics, ops, optimizers

ILL = {
    "no operand": lambda x: ops.abs(None),
    "no second operand": lambda x: ops.add(x, None),
    "nothing in a list": lambda x: ops.concatenate([x, None]),
    "text as an axis": lambda x: ops.sum(x, axis="wibble"),
    "half a class": lambda x: ops.one_hot(ops.array([0, 1]), 2.5),
    "text as strides": lambda x: ops.max_pool(ops.ones((1, 4, 4, 1)), "wibble"),
    "an array as a switch": lambda x: ops.sum(x, keepdims=np.ones(2)),
    "fractions as integers": lambda x: ops.gcd(x, 2),
    "text as an option": lambda x: metrics.MeanIoU(2, axis="wibble"),
    "a number as a name": lambda x: optimizers.schedules.CosineDecay(0.1, 10, name=3),
    "an array as a number": lambda x: layers.MelSpectrogram(top_db=np.ones(3)),
}


@pytest.mark.parametrize("call", ILL.values(), ids=ILL)
def test_it_is_a_type_error_and_a_value_error(call, backend):
    with pytest.raises(errors.KfrontError) as caught:
        call(ops.ones((2, 3)))
    assert isinstance(caught.value, TypeError) and isinstance(caught.value, ValueError)
    assert str(caught.value).startswith("[")


@pytest.mark.parametrize("switch", [1, "yes", 0, None, np.True_], ids=repr)
def test_what_counts_as_true_or_false_is_taken_as_such(switch, backend):
    assert tuple(ops.sum(ops.ones((2, 3)), 1, keepdims=switch).shape) == ((2, 1) if switch else (2,))


def test_numbers_are_taken_where_an_engine_wants_tensors(backend):
    assert ops.convert_to_numpy(ops.copy(1.5)) == 1.5
    assert ops.convert_to_numpy(ops.append(1, 2)).tolist() == [1, 2]


def test_what_fails_in_a_function_of_the_user_stays_what_it_is(backend):
    with pytest.raises(ZeroDivisionError):
        ops.cond(True, lambda: 1 / 0, lambda: 1.0)


def test_gradients_have_the_shapes_of_their_variables(trainable_backend):
    v = kfront.Variable(np.ones((2, 3), "float32"))
    for optimizer in (optimizers.Lamb(), optimizers.Adam()):
        with pytest.raises(errors.ShapeError, match=r"\(2, 3\)"):
            optimizer.apply_gradients([(ops.ones((1, 2, 3)), v)])


def test_counts_that_are_no_number_end():
    """`torch.binomial` draws for ever where a count is NaN."""
    pytest.importorskip("torch")
    with kfront.backend_scope("torch"):
        drawn = ops.convert_to_numpy(kfront.random.binomial((2,), ops.array([np.nan, 3.0]), 1.0, seed=1))
    np.testing.assert_array_equal(drawn, [np.nan, 3.0])


def test_a_cell_without_bias_steps(backend):
    out, _ = layers.GRUCell(3, use_bias=False)(ops.ones((1, 2)), [ops.ones((1, 3))])
    assert tuple(out.shape) == (1, 3)
