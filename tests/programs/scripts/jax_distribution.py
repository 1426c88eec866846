"""Distribution on JAX with one device: a mesh, data and model parallel layouts, training under them."""

import keras
from common import data, fill, show
from keras import layers

devices = keras.distribution.list_devices()
show("devices", [len(devices), devices[0].split(":")[0]])
mesh = keras.distribution.DeviceMesh(shape=(1, 1), axis_names=("batch", "model"), devices=devices[:1])
show("mesh", [list(mesh.shape), list(mesh.axis_names), list(mesh.devices.shape)])
layout = keras.distribution.TensorLayout(("batch", None), mesh)
show("layout", [list(layout.axes), layout.device_mesh is mesh])
parallel = keras.distribution.DataParallel(devices=devices[:1])
show("data layout", list(parallel.get_data_layout((4, 3)).axes))
x, y = data(8, 3), data(8, 1, seed=1)


def trained():
    model = fill(keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="relu", name="in"), layers.Dense(1)]))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return [model.fit(x, y, epochs=2, batch_size=4, shuffle=False, verbose=0).history, model.predict(x[:2], verbose=0)]


show("alone", trained())
with parallel.scope():
    show("current", keras.distribution.distribution() is parallel)
    show("data parallel", trained())
layouts = keras.distribution.LayoutMap(mesh)
layouts["in.*kernel"] = (None, "model")
layouts["in.*bias"] = ("model",)
show("map", [len(layouts), list(layouts["in/kernel"].axes), layouts["out/kernel"] is None])
split = keras.distribution.ModelParallel(layout_map=layouts, batch_dim_name="batch")
with split.scope():
    show("model parallel", trained())
show("after", keras.distribution.distribution() is None)
keras.distribution.set_distribution(parallel)
show("set", trained())
keras.distribution.set_distribution(None)
