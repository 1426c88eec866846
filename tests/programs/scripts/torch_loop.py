"""A loop of one's own on torch: a DataLoader, torch's and Keras's optimizers, state_dict."""

import keras
import torch
from common import data, fill, labels, show


def new_model():
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(5, activation="relu")(inputs)
    return fill(keras.Model(inputs, keras.layers.Dense(3)(hidden)))


dataset = torch.utils.data.TensorDataset(torch.from_numpy(data(16, 6)), torch.from_numpy(labels(16, 3)).long())
loader = torch.utils.data.DataLoader(dataset, batch_size=4, shuffle=False)
model = new_model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
loss_fn = torch.nn.CrossEntropyLoss()
for epoch in range(2):
    for x, y in loader:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    show("torch's", float(loss))
model = new_model()
optimizer = keras.optimizers.Adam(0.05)
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
metric = keras.metrics.SparseCategoricalAccuracy()
for x, y in loader:
    logits = model(x)
    loss = loss_fn(y, logits)
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        optimizer.apply([v.value.grad for v in model.trainable_weights], model.trainable_weights)
    metric.update_state(y, logits)
    show("loss", float(loss))
show("metric", float(metric.result()))
show("weights", model.get_weights())
show("state", sorted(list(v.shape) for v in model.state_dict().values()))
