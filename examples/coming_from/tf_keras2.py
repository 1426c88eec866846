"""What a program of tf.keras 2 becomes: no tf.function, no GradientTape, no session; the same calls otherwise."""

from sklearn.datasets import load_digits

import kfront
from kfront import layers, ops


class Denoiser(kfront.Model):
    """In Keras 2: tf.keras.Model with tf.random and tf.GradientTape in train_step."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = layers.Dense(24, activation="relu")
        self.decoder = layers.Dense(64)
        self.seeds = kfront.random.SeedGenerator(0)

    def call(self, x):
        """Clean digits from noisy ones."""
        return self.decoder(self.encoder(x))

    def train_step(self, data):
        """One step; `with tf.GradientTape() as tape:` was here."""
        noisy = data + 0.3 * kfront.random.normal(ops.shape(data), seed=self.seeds)

        def loss_of():
            return ops.mean(ops.square(self(noisy, training=True) - data))

        loss, gradients = kfront.value_and_grad(loss_of, wrt=self)()
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"loss": loss}


def main() -> float:
    """Train; how much nearer to the clean digits the output is than the noisy input."""
    kfront.utils.set_random_seed(0)
    x = (load_digits(return_X_y=True)[0] / 16).astype("float32")
    model = Denoiser()
    model.build((None, 64))
    model.compile(optimizer=kfront.optimizers.Adam(3e-3))
    model.fit(x[:1400], epochs=20, batch_size=64, verbose=0)
    clean = x[1400:]
    noisy = clean + 0.3 * ops.convert_to_numpy(kfront.random.normal(clean.shape, seed=1))
    before, after = ((noisy - clean) ** 2).mean(), ((model.predict(noisy, verbose=0) - clean) ** 2).mean()
    print(f"squared error {before:.3f} before, {after:.3f} after")
    return float(before / after)


if __name__ == "__main__":
    main()
