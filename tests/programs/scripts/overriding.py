"""Methods that subclasses override to change what training, layers, optimizers and saving do."""

import keras
import numpy as np
from common import show

X = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
Y = X[:, :2] * 2
ENGINE = keras.backend.backend()
keras.utils.set_random_seed(1)


def dense():
    return keras.layers.Dense(2, kernel_initializer="ones", bias_initializer="zeros")


# ---- the functions that run a batch


class Counted(keras.Sequential):
    """Wraps the functions that run a batch, once for each `compile`."""

    def make_train_function(self, force=False):
        if self.train_function is None or force:
            super().make_train_function(force)
            self.train_function = self.counting("train", self.train_function)
        return self.train_function

    def make_test_function(self, force=False):
        if self.test_function is None or force:
            super().make_test_function(force)
            self.test_function = self.counting("test", self.test_function)
        return self.test_function

    def make_predict_function(self, force=False):
        if self.predict_function is None or force:
            super().make_predict_function(force)
            self.predict_function = self.counting("predict", self.predict_function)
        return self.predict_function

    def counting(self, kind, function):
        def run(*given):
            COUNTS[kind] = COUNTS.get(kind, 0) + 1
            return function(*given)

        return run


COUNTS = {}
model = Counted([keras.Input((3,)), dense()])
model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
show("before", [model.train_function, model.test_function, model.predict_function])
history = model.fit(X, Y, batch_size=3, epochs=2, shuffle=False, validation_data=(X, Y), verbose=0)
show("fit", [COUNTS, history.history])
show("evaluate", [model.evaluate(X, Y, batch_size=4, verbose=0), COUNTS])
show("predict", [model.predict(X, batch_size=4, verbose=0), COUNTS])
show("batches", [model.train_on_batch(X, Y), model.test_on_batch(X, Y), model.predict_on_batch(X), COUNTS])
model.compile("sgd", "mse")
show("compiled anew", model.train_function)


class Whole(keras.Sequential):
    """Has a function of its own, in the form that each engine has."""

    def make_train_function(self, force=False):
        def of_list(batches):
            return self.train_step(batches[0])

        def of_iterator(iterator):
            return self.train_step(next(iterator))

        def with_state(state, iterator):
            return self.train_step(state, next(iterator))

        self.train_function = {"jax": with_state, "tensorflow": of_iterator}.get(ENGINE, of_list)
        return self.train_function


model = Whole([keras.Input((3,)), dense()])
model.compile(keras.optimizers.SGD(0.1), "mse")
model.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
show("own function", [model.evaluate(X, Y, verbose=0), model.get_weights()])

model = keras.Sequential([keras.Input((3,)), dense()])
model.compile(keras.optimizers.SGD(0.1), "mse")
model.make_train_function()
show("made by hand", callable(model.train_function))
model.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
show("then trained", model.get_weights())


class Judged(keras.Sequential):
    """Adds a result to each evaluation."""

    def evaluate(self, *args, **kwargs):
        return {**super().evaluate(*args, **kwargs), "judged": 3.0}


model = Judged([keras.Input((3,)), dense()])
model.compile(keras.optimizers.SGD(0.1), "mse")
history = model.fit(X, Y, batch_size=4, epochs=3, shuffle=False, validation_split=0.5, validation_freq=2, verbose=0)
show("own evaluate", [sorted(history.history), history.history["val_judged"], history.history["val_loss"]])


# ---- optimizers


class Louder(keras.optimizers.SGD):
    """Scales the loss, and halves what is learned."""

    def scale_loss(self, loss):
        return loss * 3.0

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient * 0.5, variable, learning_rate)


model = keras.Sequential([keras.Input((3,)), dense()])
model.compile(Louder(0.1, momentum=0.9), "mse")
model.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
show("own scale and update", model.get_weights())


# ---- layers


class Doubled(keras.layers.Add):
    def _merge_function(self, inputs):
        return 2 * super()._merge_function(inputs)


class Weighted(keras.layers.Multiply):
    def build(self, input_shape):
        super().build(input_shape)
        self.scale = self.add_weight(shape=(len(input_shape),), initializer="ones", name="scale")

    def _merge_function(self, inputs):
        return super()._merge_function([x * self.scale[i] * (i + 2) for i, x in enumerate(inputs)])


a, b = keras.Input((3,)), keras.Input((3,))
model = keras.Model([a, b], [Doubled()([a, b]), Weighted()([a, b])])
show("merged", [model.output_shape, model([X, X + 1]), len(model.weights)])


class Told(keras.layers.Activation):
    """Overrides both methods that tell what comes out."""

    def compute_output_shape(self, input_shape):
        return super().compute_output_shape(input_shape)

    def compute_output_spec(self, *args, **kwargs):
        return super().compute_output_spec(*args, **kwargs)


show("told", [Told("relu")(keras.Input((4, 3))).shape, Told("relu").compute_output_shape((2, 3))])


class Warm(keras.layers.ConvLSTM1D):
    def get_initial_state(self, *args, **kwargs):
        return [s + 1.0 for s in super().get_initial_state(*args, **kwargs)]


options = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
show("warm", Warm(2, 2, **options)(X.reshape(1, 2, 4, 3)))


class Noted(keras.layers.StringLookup):
    def build(self, input_shape=None):
        BUILT.append(type(self).__name__)
        super().build(input_shape)


BUILT = []
layer = Noted(vocabulary=["a", "b"])
show("built", [layer(np.array([["a"], ["c"]])), layer(np.array([["b"], ["a"]])), BUILT])
