"""Distillation, ensembles, models as layers, weights copied between models, `get_layer`, cloned with functions."""

import keras
from common import data, fill, labels, refused, show
from keras import layers


def network(width, seed, name):
    inputs = keras.Input((5,))
    hidden = layers.Dense(width, activation="relu", name="hidden")(inputs)
    return fill(keras.Model(inputs, layers.Dense(3, name="logits")(hidden), name=name), seed)


teacher, student = network(8, 1, "teacher"), network(4, 2, "student")
distiller = keras.distillation.Distiller(
    teacher=teacher,
    student=student,
    distillation_losses=keras.distillation.LogitsDistillation(temperature=2.0),
    distillation_loss_weights=1.0,
    student_loss_weight=0.5,
)
distiller.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
x, y = data(8, 5), labels(8, 3)
history = distiller.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0).history
show("history", history)
show("student", student.predict(x[:2], verbose=0))
show("trainable", len(distiller.trainable_variables))
inputs = keras.Input((5,))
ensemble = keras.Model(inputs, layers.average([teacher(inputs), student(inputs)]), name="ensemble")
show("ensemble", ensemble(x[:2]))
show("layers", [layer.name for layer in ensemble.layers if "input" not in layer.name])
show("weights", [w.path for w in ensemble.weights])


def change(layer):
    if isinstance(layer, layers.Dense):
        config = layer.get_config()
        return layers.Dense.from_config({**config, "use_bias": False})
    return layer.__class__.from_config(layer.get_config())


clone = keras.models.clone_model(teacher, clone_function=change)
show("clone", [len(clone.weights), clone.get_layer("hidden").use_bias])
new = keras.Input((5,), name="new")
moved = keras.models.clone_model(teacher, input_tensors=new)
moved.set_weights(teacher.get_weights())
show("moved", [moved(x[:1]), teacher(x[:1])])
show("named", [teacher.get_layer("hidden").units, teacher.get_layer(index=2).name])
show("missing", refused(lambda: teacher.get_layer("nothing"), ValueError))
