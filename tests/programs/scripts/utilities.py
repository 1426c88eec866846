"""Utilities: to_categorical, normalize, splits, timeseries, sequences, trees, backend settings, registries."""

import keras
import numpy as np
from common import data, show

show("categorical", keras.utils.to_categorical([0, 2, 1], 3))
show("normalized", keras.utils.normalize(data(2, 3), axis=1))
left, right = keras.utils.split_dataset(np.arange(10), left_size=0.7, shuffle=False)
show("split", [len(list(left)), len(list(right))])
windows = keras.utils.timeseries_dataset_from_array(np.arange(12), np.arange(12), 4, sequence_stride=2, batch_size=3)
show("windows", [[np.asarray(x), np.asarray(y)] for x, y in windows])
show("sequence", keras.utils.pad_sequences([[1], [2, 3]], maxlen=3, dtype="float32", value=-1.0))
show("hash", keras.utils.get_source_inputs(keras.Input((2,), name="a") * 2))
nested = {"b": [1, 2], "a": (3, {"c": 4})}
show("flat", keras.tree.flatten(nested))
show("mapped", keras.tree.map_structure(lambda x: x * 10, nested))
show("packed", keras.tree.pack_sequence_as(nested, [1, 2, 3, 4]))
show("paths", [[list(map(str, p)), v] for p, v in keras.tree.flatten_with_path(nested)])
show("config", [keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format()])
show("is array", [keras.ops.is_tensor(keras.ops.ones(2)), keras.ops.is_tensor(np.ones(2))])
show("dtype", [keras.backend.result_type("int32", "float16"), keras.backend.standardize_dtype(np.dtype("float64"))])
show("losses", [keras.losses.get("mse").__name__, type(keras.losses.get("Huber")).__name__])
show("initializer", keras.initializers.serialize(keras.initializers.HeNormal(seed=3))["config"])
show("activation", keras.activations.serialize(keras.activations.relu))
show("regularizer", keras.regularizers.get({"class_name": "L2", "config": {"l2": 0.5}}).get_config())
show("optimizer", keras.optimizers.get({"class_name": "SGD", "config": {"learning_rate": 0.5}}).get_config())
show("metric", type(keras.metrics.get("AUC")).__name__)
show("from json", keras.layers.deserialize(keras.layers.serialize(keras.layers.Dense(3, name="d"))).get_config())
show("version", isinstance(keras.__version__, str))
show("unravelled", [int(i[0]) for i in keras.ops.unravel_index(np.array([5]), (2, 3))])
show("bar", keras.utils.Progbar(10).target)
