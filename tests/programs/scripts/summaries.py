"""Summaries: columns, rows, totals, nested models, trainable marks, `print_fn`, line length, shapes."""

import re

import keras
from common import data, show
from keras import layers


def text(model, **options):
    lines = []
    model.summary(print_fn=lambda line, **kwargs: lines.append(str(line)), **options)
    rows = []
    for line in "\n".join(lines).splitlines():
        line = re.sub(r"[┏┓┗┛┡┩└┘├┤┌┐━─┴┬┼╇┳┻╈]+", "", line)
        cells = [cell.strip() for cell in re.split(r"[│┃|]", line) if cell.strip()]
        if cells:
            rows.append(cells)
    return rows


inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="a"), layers.Dense(2, name="b")], name="inner")
inputs = keras.Input((4,), name="x")
hidden = layers.Dense(4, name="hidden")(inputs)
x = inner(layers.Dropout(0.1, name="drop")(hidden))
model = keras.Model(inputs, x, name="outer")
model.get_layer("hidden").trainable = False
for row in text(model):
    show("row", row)
for row in text(model, expand_nested=True, show_trainable=True)[2:]:
    show("nested", row)
for row in text(model, layer_range=["hidden", "drop"]):
    show("range", row)
model.compile("adam", "mse")
model.fit(data(4, 4), data(4, 2), verbose=0)
for row in text(model)[-4:]:
    show("trained", [re.sub(r" \(.*B\)", "", cell) for cell in row])
branches = layers.Add(name="sum")([layers.Dense(2, name="left")(inputs), layers.Dense(2, name="right")(inputs)])
rows = text(keras.Model(inputs, branches, name="branches"))
show("connected", sorted(word.strip(",") for row in rows for cell in row for word in cell.split()))


class Sub(keras.Model):
    def __init__(self):
        super().__init__(name="sub")
        self.dense = layers.Dense(3, name="dense")

    def call(self, x):
        return self.dense(x)


model = Sub()
for row in text(model):
    show("unbuilt", row)
model(data(2, 5))
for row in text(model):
    show("sub", [row[0], row[-1]])
