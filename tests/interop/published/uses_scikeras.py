"""SciKeras: estimators of scikit-learn, pickled and searched over."""

import pickle

import keras
import numpy as np

rng = np.random.default_rng(0)
keras.utils.set_random_seed(0)

from scikeras.wrappers import KerasClassifier
from sklearn.model_selection import GridSearchCV


def make(hidden=8, meta=None):
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(hidden, "relu"), keras.layers.Dense(3, "softmax")])


x = rng.random((90, 4)).astype("float32")
y = (x[:, 0] * 3).astype(int)
c = KerasClassifier(make, loss="sparse_categorical_crossentropy", optimizer="adam", epochs=2, verbose=0, hidden=8)
c.fit(x, y)
again = pickle.loads(pickle.dumps(c))
assert np.allclose(c.predict_proba(x), again.predict_proba(x), atol=1e-5)
assert set(GridSearchCV(c, {"hidden": [4, 8]}, cv=2).fit(x, y).best_params_) == {"hidden"}
