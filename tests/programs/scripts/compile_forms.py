"""Models with `compute_loss`, `compute_metrics`, several optimizers' state, multi-step execution, `self.metrics`."""

import keras
from common import data, fill, show
from keras import ops


class Contrast(keras.Model):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.distance = keras.metrics.Mean(name="distance")

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = ops.mean(ops.abs(y_pred - y)) + sum(self.losses)
        self.distance.update_state(loss * 2.0)
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        logs = super().compute_metrics(x, y, y_pred, sample_weight)
        logs["extra"] = ops.mean(ops.square(y_pred)) * 0.0 + 3.0
        return logs


def new_model(cls=Contrast):
    inputs = keras.Input((3,))
    return fill(cls(inputs, keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(0.01))(inputs)))


x, y = data(8, 3), data(8, 1, seed=1)
model = new_model()
model.compile(keras.optimizers.SGD(0.1), metrics=["mae"])
show("own", model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0).history)
show("evaluate", model.evaluate(x, y, verbose=0, return_dict=True))
show("metrics", [m.name in [n.name for n in model.metrics] for m in (model.distance,)])
model = new_model(keras.Model)
model.compile(
    keras.optimizers.SGD(0.1),
    loss="mse",
    steps_per_execution=1 if keras.backend.backend() == "torch" else 2,
    jit_compile=False,
)
show("steps", model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0).history)
model = new_model(keras.Model)
model.compile(keras.optimizers.SGD(0.1), loss="mse", run_eagerly=True)
show("eager", model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0).history)
model = new_model(keras.Model)
model.compile(loss=["mse"], loss_weights=[0.5], optimizer=keras.optimizers.SGD(0.1, gradient_accumulation_steps=2))
show("accumulated", model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0).history)
show("config", sorted(set(model.get_compile_config()) - {"auto_scale_loss"}))
