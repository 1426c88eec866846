"""Arguments at the edge of what ops take: wrong axes and shapes, sizes that are not reached."""

import keras
import numpy as np
from common import show
from keras import ops

IMAGE = np.arange(9.0).reshape(3, 3)
WHOLE = {"return_index": True, "return_inverse": True, "return_counts": True}


def spec(*shape, dtype="float32"):
    return keras.KerasTensor(shape, dtype)


def unique(x, **options):
    values, index, inverse, counts = ops.unique(np.array(x), **WHOLE, **options)
    found = int(ops.sum(counts > 0))
    # positions are int64 in Keras on torch; which ones follow those that are found differs among its engines
    return [values, *(ops.cast(x, "int32") for x in (index[:found], inverse, counts))]


REFUSED = {
    "unstack": lambda: ops.unstack(spec(2, 3), axis=10),
    "swapaxes": lambda: ops.swapaxes(spec(2, 3), 0, 5),
    "moveaxis": lambda: ops.moveaxis(spec(2, 3), 0, 5),
    "coordinates": lambda: ops.image.map_coordinates(IMAGE, np.ones((2,)), order=1),
    "order of a norm": lambda: ops.normalize(np.ones((3, 2), "float32"), order=2.5),
    "segment_max": lambda: ops.segment_max(np.ones((4, 2)), np.zeros((2, 2), "int32"), 2),
    "segment_sum": lambda: ops.segment_sum(np.ones((4, 2)), np.zeros((2, 2), "int32"), 2),
    "branches of two shapes": lambda: ops.cond(spec(dtype="bool"), lambda: spec(2), lambda: spec(3)),
    "branches of two forms": lambda: ops.cond(spec(dtype="bool"), lambda: spec(2), lambda: (spec(2),)),
    "branches of two dtypes": lambda: ops.cond(spec(dtype="bool"), lambda: spec(2), lambda: spec(2, dtype="int32")),
    "one branch without a result": lambda: ops.cond(spec(dtype="bool"), lambda: spec(2), lambda: None),
    "no output": lambda: keras.Model(keras.Input((3,)), []),
    "another last axis": lambda: keras.Function(x := spec(None, 3), x + 1)(np.ones((2, 4))),
}
for name, call in REFUSED.items():
    try:
        show(name, call())
    except ValueError:
        print(name, "ValueError")
for name, call in {
    "size of patches": lambda: ops.image.extract_patches_3d(np.ones((1, 8, 8, 8, 1)), (4, 4)),
}.items():
    try:
        show(name, call())
    except TypeError:
        print(name, "TypeError")
if keras.backend.backend() == "torch":
    try:
        ops.cholesky(-np.eye(2, dtype="float32"))
    except ValueError:
        print("cholesky ValueError")

show("unique, cut off", unique([3, 1, 1, 4, 3], size=2))
show("unique, filled up", unique([3, 1, 1, 4, 3], size=5, fill_value=-1))
if keras.backend.backend() != "jax":  # documented is 0, Keras on JAX takes the least
    show("unique, more than there are", unique([3, 1, 1, 4, 3], size=6))
    show("unique, slices", unique([[2, 1], [2, 1], [0, 2]], size=4, axis=0))
show("negative strides", ops.convert_to_tensor(np.ones((3, 1))[:, ::-1]))
show("deviation", ops.layer_normalization(np.array([[1.0, 2, 4]], "float32"), rms_scaling=True))

a = spec(None, 3)
b = a**2
c = b + 1
d = c * 2
for inputs, outputs in ((a, d), (b, d), ([a, b], [d, c]), (c, c)):
    function = keras.Function(inputs, outputs)
    print(sorted(type(o).__name__ for o in function.operations))
show("from the middle", keras.Function(b, d)(np.ones((2, 3))))
scope, caller = keras.name_scope("scope"), object()
with scope, keras.name_scope("own", caller=caller), keras.name_scope("own", caller=caller):
    print(keras.Variable([1.0], name="v").path)
    with keras.name_scope("own", caller=caller, deduplicate=False), keras.name_scope("other", caller=caller):
        print(keras.Variable([1.0], name="v").path)
    with keras.name_scope("last", override_parent="a/b"), keras.name_scope("inner"):
        print(keras.Variable([1.0], name="v").path)
print(keras.Variable([1.0], name="v").path)

# symbolic tensors in lists, and what an operation or a layer without `get_config` was made with
x, y = keras.Input((3,)), keras.Input((3,))
z = x + 1
print(z in [x, y, z], [x, y, z].index(z), x == y, x == x, len({x, y, z}), isinstance(x != y, keras.KerasTensor))


class Scaled(keras.Operation):
    def __init__(self, alpha, *, beta=1.0):
        super().__init__()
        self.alpha, self.beta = alpha, beta

    def call(self, inputs):
        return inputs * self.alpha + self.beta


class Several(Scaled):
    def __init__(self, *alphas):
        super().__init__(sum(alphas))


class Tail(keras.layers.Layer):
    def __init__(self, *sizes):
        super().__init__()


class Holder(keras.layers.Layer):
    def __init__(self, held, **kwargs):
        super().__init__(**kwargs)


class Dropped:
    pass


print(Scaled(0.2).get_config(), type(Scaled.from_config(Scaled(0.2).get_config())).__name__)
for made in (Several(1, 2), Tail(1), Holder(Dropped())):
    try:
        print(made.get_config())
    except NotImplementedError:
        print(type(made).__name__, "NotImplementedError")
show("nothing", [ops.unique(np.zeros((0,), "int32")), ops.argsort(np.array(3.0))])
show("no slices", [list(x.shape) for x in ops.unique(np.zeros((0, 3), "int32"), axis=0, return_counts=True)])


class Same(keras.layers.Layer):
    def call(self, left, right):
        return ops.cast(left == right, "float32")


same = keras.Model([x, y], Same()(x, y))
show("within a call", [same.output, same.predict([np.eye(2, 3), np.ones((2, 3))], verbose=0)])

# an axis whose length is not known when the model is made
open_axis = keras.Input((None, 4))
halves = keras.Model(open_axis, ops.array_split(open_axis, 2, axis=1))
show("unequal parts", halves.predict(np.ones((3, 5, 4), "float32"), verbose=0))
