"""A program written for Keras 3, unedited but for its first line: engines side by side, which Keras has not."""

import numpy as np
from sklearn.datasets import load_digits

import kfront as keras
from kfront import layers


def make_model() -> keras.Model:
    """A small network for 8 x 8 digits."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )


def main() -> float:
    """Train, save, reload; the accuracy on digits not seen."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    model = make_model()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5, restore_best_weights=True)
    model.fit(x[:1400], y[:1400], epochs=40, batch_size=32, validation_split=0.1, callbacks=[stop], verbose=0)
    _, accuracy = model.evaluate(x[1400:], y[1400:], verbose=0)
    print(f"test accuracy {accuracy:.3f}")

    on_numpy = keras.convert(model, "numpy")  # this is kfront's own
    rows = x[1400:1410]
    assert np.allclose(on_numpy.predict(rows, verbose=0), model.predict(rows, verbose=0), atol=1e-5)
    return accuracy


if __name__ == "__main__":
    main()
