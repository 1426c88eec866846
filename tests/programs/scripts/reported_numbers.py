"""Numbers that were once found to differ: initial weights, masks, weighted metrics, loss scaling, half precision."""

import keras
import numpy as np
from common import data, fill, refused, show
from keras import layers, metrics, ops, optimizers

ENGINE = keras.backend.backend()
X, Y = data(8, 4), data(8, 2, seed=5)


def ready(layer, *inputs):
    layer(*inputs)
    return fill(layer)


# ---- weights before training

show("variable by name", keras.Variable("ones", shape=(2, 3)))
show("variable by call", keras.Variable(lambda shape, dtype: ops.ones(shape, dtype) * 3, shape=(2,)))


def spread(weight):
    """The deviation of many drawn numbers: to one digit the same however they were drawn."""
    return round(float(np.std(ops.convert_to_numpy(weight))), 2)


wide = data(2, 5, 48)
keras.utils.set_random_seed(3)
attention = layers.MultiHeadAttention(4, 64)
attention(wide, wide)
show("attention's first weights", {w.path.split("/", 1)[1]: spread(w) for w in attention.weights})
grouped = layers.GroupQueryAttention(64, 4, 2)
grouped(wide, wide)
show("grouped attention's first weights", {w.path.split("/", 1)[1]: spread(w) for w in grouped.weights})
for equation, shape in [("abc,cd->abd", (None, 400)), ("abc,cde->abde", (None, 20, 40)), ("ab,bc->ac", 300)]:
    dense = layers.EinsumDense(equation, shape, bias_axes=equation[-1])
    dense(data(2, *([5] * (len(equation.split(",")[0]) - 2)), 100))
    show(f"einsum {equation}", [spread(dense.kernel), spread(dense.bias)])


class Grown(layers.Dropout):
    """A layer without weights that gets one."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
        super().build(input_shape)

    def call(self, inputs, training=False):
        return super().call(inputs * self.scale * 2, training=training)


for base in (layers.ReLU, layers.Activation, layers.MaxPooling1D, layers.Flatten, layers.Softmax, layers.Permute):

    class Sub(base):
        def build(self, input_shape):
            self.extra = self.add_weight(shape=(1,), initializer="ones", name="extra")
            super().build(input_shape)

        def call(self, inputs):
            return super().call(inputs + self.extra)

    given = {"Activation": ["relu"], "Permute": [(2, 1)]}.get(base.__name__, [])
    layer = Sub(*given)
    before = layer.built
    show(f"a weight in {base.__name__}", [before, layer(data(2, 4, 3)), layer.built, len(layer.weights)])
layer = Grown(0.5)
show("a weight in Dropout", [layer.built, layer(X), len(layer.weights)])

# ---- masks

tokens = np.array([[1, 2, 0, 0], [3, 1, 2, 0]])
embedding = layers.Embedding(5, 8, mask_zero=True)
ready(embedding, tokens)


def embedded():
    """Anew for each call: on Keras, attention takes the mask off what it is given by position."""
    return embedding(tokens)


e = embedded()
q = data(2, 4, 8)
attention = ready(layers.MultiHeadAttention(2, 4), q, q)
show("attention by keyword", attention(query=q, value=embedded()))
show("key by keyword", attention(query=q, value=q, key=embedded()))
show("scores by keyword", attention(query=q, value=embedded(), return_attention_scores=True)[1])
lstm = ready(layers.LSTM(3), e)
show("lstm by keyword", lstm(sequences=e))
show("lstm with a mask", lstm(sequences=data(2, 4, 8), mask=np.array([[1, 0, 0, 1], [1, 1, 1, 0]], bool)))
show("bidirectional by keyword", ready(layers.Bidirectional(layers.GRU(2, return_sequences=True)), e)(e))
show("pooled by keyword", layers.GlobalAveragePooling1D()(inputs=e))


class Told(layers.Layer):
    """Tells the mask that it was given."""

    supports_masking = True

    def call(self, x, mask=None):
        return x if mask is None else x * ops.expand_dims(ops.cast(mask, x.dtype), -1)


given = np.array([[True, False, True, False], [True, True, False, False]])
show("an explicit mask goes on", Told()(Told()(data(2, 4, 3), mask=given)))
by_hand = ops.convert_to_tensor(data(2, 4, 3))
Told()(e)
by_hand._keras_mask = ops.convert_to_tensor(given)
show("a mask set by hand", Told()(by_hand))
show("a mask set by hand, pooled", layers.GlobalAveragePooling1D()(by_hand))
show("softmax with a mask", layers.Softmax()(data(2, 4), mask=given))
wrong = np.ones((3, 7), bool)
show("a softmax mask that does not fit", refused(lambda: layers.Softmax()(data(2, 4), mask=wrong), Exception))
normalized = layers.BatchNormalization()
ready(normalized, data(2, 4, 3))
show("batch norm, mask", [normalized(data(2, 4, 3), mask=given, training=True), normalized.moving_mean])
show(
    "a batch norm mask that does not fit",
    refused(lambda: normalized(data(2, 4, 3), mask=wrong, training=True), Exception),
)
none = np.zeros((2, 4), bool)
show("batch norm of a masked batch", [normalized(data(2, 4, 3), mask=none, training=True), normalized.moving_variance])
spread_out = layers.TimeDistributed(layers.Dense(2, kernel_initializer="ones"))
show("time distributed, mask", spread_out(data(2, 4, 3), mask=given))

# ---- metrics with weights

m = metrics.Mean()
m.update_state([[1.0, 3.0], [5.0, 7.0]], sample_weight=[[1.0, 0.0]])
show("weights of a row", m.result())
m.update_state([[1.0, 3.0], [5.0, 7.0]], sample_weight=[[1.0], [0.0]])
show("weights of a column", m.result())
for name in (
    "MeanSquaredError",
    "MeanAbsoluteError",
    "CosineSimilarity",
    "RootMeanSquaredError",
    "BinaryAccuracy",
    "Hinge",
):
    m = getattr(metrics, name)()
    show(name, m(X[:, :2], Y, sample_weight=np.arange(8, dtype="float32")))
m = metrics.SparseCategoricalCrossentropy(ignore_class=0)
p = ops.softmax(data(4, 3))
show("ignored class", m(np.array([0, 1, 2, 0]), p))
show("ignored class, weights", m(np.array([0, 1, 2, 0]), p, sample_weight=[1.0, 2.0, 3.0, 4.0]))


class Pair(metrics.Metric):
    """Holds a metric and a variable as attributes."""

    def __init__(self, name="pair", **options):
        super().__init__(name=name, **options)
        self.mean = metrics.Mean()
        self.free = keras.Variable(0.0)
        self.own = self.add_variable((), "zeros", name="own")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.mean.update_state(y_pred)
        self.own.assign_add(1.0)

    def result(self):
        return self.mean.result() + self.own


m = Pair()
m.update_state(X, X + 1)
show("metric in a metric", [m.result(), len(m.variables), len(m.metrics) if hasattr(m, "metrics") else None])
m.reset_state()
show("metric in a metric, reset", m.result())
show("f1 of classes", metrics.F1Score()(np.eye(3, dtype="float32")[[0, 1, 2, 1]], p))
model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax")])
fill(model)
model.compile("sgd", "categorical_crossentropy", metrics=[metrics.F1Score()])
history = model.fit(X, np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]], shuffle=False, verbose=0)
show("f1 in fit", history.history)

# ---- loss scaling and optimizers of several


def net():
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    return fill(model)


def weights_after(optimizer, steps=2, **options):
    model = net()
    model.compile(optimizer, "mse", **options)
    for _ in range(steps):
        model.train_on_batch(X, Y)
    return [model.weights[0], int(optimizer.iterations)]


show("sgd with a factor", weights_after(optimizers.SGD(0.1, loss_scale_factor=8.0)))
show("scaled", weights_after(optimizers.LossScaleOptimizer(optimizers.SGD(0.1), initial_scale=16.0)))
both = optimizers.LossScaleOptimizer(optimizers.SGD(0.1, loss_scale_factor=4.0), initial_scale=16.0)
show("scaled, with a factor", [both.loss_scale_factor, both.scale_loss(1.0)])
grown = optimizers.LossScaleOptimizer(optimizers.SGD(0.1), initial_scale=16.0, dynamic_growth_steps=2)
show("scale grows", [weights_after(grown, 3), grown.dynamic_scale, int(grown.step_counter)])


def two_rates(**options):
    """An optimizer for kernels and one for biases."""
    return optimizers.MultiOptimizer(
        lambda v: (
            optimizers.SGD(0.2, name="one") if "kernel" in v.path else optimizers.SGD(0.05, momentum=0.9, name="two")
        ),
        **options,
    )


def trained(optimizer, **options):
    model = net()
    model.compile(optimizer, "mse", **options)
    history = model.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    return [history.history, model.weights]


show("two optimizers", trained(two_rates()))
show("two optimizers, a factor", trained(two_rates(loss_scale_factor=4.0)))
show("two optimizers, scaled", trained(optimizers.LossScaleOptimizer(two_rates(), initial_scale=8.0)))
show("accumulated", weights_after(optimizers.SGD(0.1, gradient_accumulation_steps=2), 4))

# ---- calls that build, states, half precision


class Counter(layers.Layer):
    """Counts its calls."""

    def __init__(self):
        super().__init__()
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.dense = layers.Dense(2, kernel_initializer="ones")

    def call(self, x):
        self.count.assign_add(1.0)
        return self.dense(x)


counter = Counter()
counter(X)
show("one call counts once", counter.count)
model = keras.Sequential([counter])
model.compile("sgd", "mse")
model.train_on_batch(X, Y)
show("one batch counts once", counter.count)

stateful = ready(layers.LSTM(2, stateful=True), data(2, 3, 4))
show("stateful, another batch", refused(lambda: stateful(data(4, 3, 4)), Exception))
large = (data(2, 6) * 3e4 + 2e4).astype("float16")
for layer in (layers.LayerNormalization(dtype="mixed_float16"), layers.GroupNormalization(2, dtype="mixed_float16")):
    show(f"{type(layer).__name__} of large halves", layer(large))
show("rms scaling", ready(layers.LayerNormalization(rms_scaling=True), X)(X))
show("rms normalization", ready(layers.RMSNormalization(), X)(X))
penalized = layers.Dense(2, activity_regularizer="l2", kernel_initializer="ones")
penalized(X)
show("penalty", penalized.losses)
penalized(np.zeros((0, 4), "float32"))
show("penalty of nothing", penalized.losses)
inputs = np.linspace(-3, 3, 12, dtype="float32").reshape(3, 4)
for dtype in ("float16", "bfloat16", "float32"):
    x = ops.cast(inputs, dtype)
    show(f"fake quant {dtype}", keras.quantizers.fake_quant_with_min_max_vars(x, -2.5, 2.0, num_bits=4))
show(
    "fake quant per axis",
    keras.quantizers.fake_quant_with_min_max_vars(inputs, [-1.0] * 4, [1.0, 2.0, 3.0, 1.5], axis=1),
)
renorm = layers.BatchNormalization(renorm=True, renorm_clipping={"rmin": 0.3, "rmax": 3.0, "dmax": 5.0})
renorm(X)
show("renorm", {w.name: w for w in renorm.weights})
show("renorm in training", [renorm(X, training=True), renorm(X)])
show("rescaled by channel", layers.Rescaling([1.0, 2.0, 0.5], [0.0, 1.0, 2.0])(data(1, 2, 2, 3)))
first = layers.Rescaling([1.0, 2.0, 0.5], [0.0, 1.0, 2.0])
show("rescaled by last axis", first(data(1, 3, 2, 3)))
logits = data(2, 5, 4)
show("ctc", ops.ctc_loss(np.array([[1, 2], [3, 1]]), logits, np.array([2, 1]), np.array([5, 4]), mask_index=0))
show(
    "ctc of the mask",
    ops.ctc_loss(np.array([[1, 0], [3, 1]]), logits, np.array([2, 2]), np.array([5, 5]), mask_index=0),
)
show("ctc loss", keras.losses.CTC()(np.array([[1, 2, 0], [3, 0, 0]]), logits))
z = ops.view_as_complex(data(2, 2))
show("complex", [keras.backend.standardize_dtype(z.dtype), ops.real(z), ops.imag(z)])
show("moments of halves", ops.moments(ops.cast([60000.0, 60000.0, 100.0], "float16"), [0]))
show("rate zero", keras.random.dropout(ops.ones((2, 2)), 0.0))
scaled = optimizers.SGD(0.1, loss_scale_factor=3.0)
show("scaled number", float(scaled.scale_loss(2.0)))
array = ops.convert_to_numpy(ops.ones((2,)))
array[0] = 5.0
show("written to", array)

model = keras.Sequential(
    [keras.Input((4,)), layers.Dense(6, "relu"), layers.EinsumDense("ab,bc->ac", 2, bias_axes="c")]
)
fill(model)
model.quantize("float8")
model.compile(keras.optimizers.Adam(0.02), "mse")
history = model.fit(X, Y, batch_size=4, epochs=4, shuffle=False, verbose=0)
scales = {v.path.split("/", 1)[1]: v for v in model.weights if v.name.endswith("_scale") and "grad" not in v.name}
show("float8 in training", [history.history, scales, model.predict(X, verbose=0)])

# ---- training

model = net()
model.compile("sgd", "mse")
show(
    "both weights",
    refused(lambda: model.fit(X, Y, class_weight={0: 1.0}, sample_weight=np.ones(8), verbose=0), Exception),
)
stop = keras.callbacks.EarlyStopping(monitor="val_mae", patience=1)
model.compile("sgd", "mse", metrics=["mae"])
history = model.fit(X, Y, validation_data=(X, Y), epochs=3, callbacks=[stop], shuffle=False, verbose=0)
show("stopping", history.history)


class Optional(layers.Layer):
    """Takes an input that may be absent."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2, kernel_initializer="ones")

    def call(self, inputs):
        first, second = inputs
        return self.dense(first if second is None else first + second)


a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b", optional=True)
model = keras.Model({"a": a, "b": b}, Optional()([a, b]))
model.compile("sgd", "mse")
show("nothing for an optional input", model.predict({"a": X, "b": None}, verbose=0))
show("training without it", model.fit({"a": X, "b": None}, Y, shuffle=False, verbose=0).history)
