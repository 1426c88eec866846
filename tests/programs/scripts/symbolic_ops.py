"""Ops on KerasTensors: arithmetic, slices, reductions, shapes with unknown sizes, functions, saved graphs."""

import keras
from common import data, fill, show
from keras import layers, ops

x = keras.Input((4, 3), name="x")
show("scaled", x * 2.0 + 1)
show("sliced", x[:, 0])
show("stepped", x[:, ::2, -1:])
show("mean", ops.mean(x, axis=1, keepdims=True))
show("matmul", ops.matmul(x, ops.transpose(x, (0, 2, 1))))
show("comparison", x > 0)
show("cast", ops.cast(x, "int32"))
show("einsum", ops.einsum("btc,bsc->bts", x, x))
show("concatenated", ops.concatenate([x, x], axis=-1))
show("stack", ops.stack([x, x], axis=1))
show("reshape", ops.reshape(x, (-1, 12)))
show("top", list(ops.top_k(x, 2)))
show("split", ops.split(x, 3, axis=-1))
show("one hot", ops.one_hot(ops.argmax(x, axis=-1), 3))
show("shape", [list(ops.shape(x))[1:], x.ndim, x.dtype, x.name])
unknown = keras.Input((None, None, 3))
show("conv", layers.Conv2D(5, 3, strides=2, padding="same")(unknown))
show("resize", ops.image.resize(unknown, (8, 8)))
show("sum", ops.sum(unknown, axis=(1, 2)))
y = ops.relu(x - 0.5)
y = ops.where(y > 1.0, ops.square(y), y)
out = layers.Dense(2)(ops.mean(y, axis=1) + ops.max(x, axis=1))
model = fill(keras.Model(x, [out, ops.softmax(out)]))
show("call", list(model(data(2, 4, 3))))
again = keras.Model.from_config(model.get_config())
again.set_weights(model.get_weights())
show("again", list(again(data(2, 4, 3))))
function = keras.Function(x, y)
show("function", function(data(1, 4, 3)))
show("spec", keras.ops.vectorized_map(lambda row: row * 2, ops.array(data(3, 2))))
show("scan", list(ops.scan(lambda c, v: (c + v, c * v), ops.array(1.0), ops.array([1.0, 2.0, 3.0]))))
show("loop", list(ops.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * 2.0), (0, ops.array(1.0)))))
show("cond", ops.cond(ops.array(True), lambda: ops.array(1.0), lambda: ops.array(2.0)))
show("history", [type(y._keras_history).__name__, keras.utils.get_source_inputs(y)])
show("is", [keras.backend.is_keras_tensor(x), ops.is_tensor(x), keras.utils.is_keras_tensor(data(1))])

# how graphs name each op that takes one tensor; the others are kfront's own, or take it in another form
OTHERS = "arange array bincount bitwise_not convert_to_tensor cov custom_gradient grad lgamma meshgrid ndim"
OTHERS += " sobel_edges token_positions view_as_complex where"
keras.utils.clear_session()
for space in (ops, ops.image):
    for name in sorted(n for n in dir(space) if n[0] != "_" and n not in OTHERS.split()):
        try:
            results = keras.tree.flatten(getattr(space, name)(keras.Input((4, 4))))
            made = next(t._keras_history.operation for t in results)
        except Exception:
            continue
        show(name, [type(made).__name__, made.name])
