"""
Anomaly detection: tumours as what is not normal
================================================

An autoencoder learns benign cases only. What it cannot draw again is suspicious: the error is the score.

Data: W. N. Street et al., breast cancer Wisconsin (diagnostic), 1993, with scikit-learn.

Result: an area under the ROC curve of at least 0.9, without having seen one malignant case.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import RocCurveDisplay, roc_auc_score

import kfront
from kfront import layers

kfront.utils.set_random_seed(0)
x, benign = load_breast_cancer(return_X_y=True)
x = np.log1p(x).astype("float32")
normal, strange = x[benign == 1], x[benign == 0]
train, test = normal[:250], np.concatenate([normal[250:], strange])
is_strange = np.repeat([0, 1], [len(normal) - 250, len(strange)])

scale = layers.Normalization()
scale.adapt(train)
train, test = (kfront.ops.convert_to_numpy(scale(part)) for part in (train, test))
model = kfront.Sequential(
    [
        kfront.Input((30,)),
        layers.GaussianNoise(0.2),
        layers.Dense(24, activation="tanh"),
        layers.Dense(6),
        layers.Dense(24, activation="tanh"),
        layers.Dense(30),
    ]
)
model.compile(kfront.optimizers.Adam(3e-3), "mse")
model.fit(train, train, epochs=80, batch_size=25, verbose=0)

# %%
score = np.square(model.predict(test, verbose=0) - test).mean(axis=1)
RocCurveDisplay.from_predictions(is_strange, score, name="reconstruction error")
plt.tight_layout()

# %%
RESULT = float(roc_auc_score(is_strange, score))
print(f"area under the ROC curve {RESULT:.3f}")
