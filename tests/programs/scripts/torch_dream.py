"""Gradients of inputs on torch: pictures that please a filter, saliency, style as Gram matrices, hooks."""

import keras
import torch
from common import data, fill, show
from keras import layers, ops

inputs = keras.Input((8, 8, 3))
x = layers.Conv2D(4, 3, activation="relu", name="first")(inputs)
x = layers.Conv2D(5, 3, activation="tanh", name="second")(x)
model = fill(keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x))))
features = keras.Model(inputs, [model.get_layer("first").output, model.get_layer("second").output])
image = torch.tensor(data(1, 8, 8, 3, scale=0.3), requires_grad=True)
for _ in range(3):
    loss = features(image)[1][..., 2].mean()
    (gradient,) = torch.autograd.grad(loss, image)
    gradient = gradient / (gradient.norm() + 1e-6)
    image = (image + 0.5 * gradient).detach().requires_grad_()
    show("pleased", float(loss))
show("picture", image[0, :2, :2])
score = model(image)[0, 1]
score.backward()
show("saliency", image.grad.abs().amax(-1)[0])


def gram(x):
    flat = ops.reshape(ops.transpose(x[0], (2, 0, 1)), (x.shape[-1], -1))
    return ops.matmul(flat, ops.transpose(flat))


style = [gram(f).detach() for f in features(torch.tensor(data(1, 8, 8, 3, seed=8)))]
mixed = torch.tensor(data(1, 8, 8, 3, seed=9), requires_grad=True)
optimizer = torch.optim.SGD([mixed], lr=0.05)
for _ in range(3):
    optimizer.zero_grad()
    total = sum(((gram(f) - s) ** 2).mean() for f, s in zip(features(mixed), style))
    total.backward()
    optimizer.step()
    show("style", float(total.detach()))
seen = []
handle = model.get_layer("first").register_forward_hook(lambda module, given, out: seen.append(list(out.shape)))
model(torch.tensor(data(2, 8, 8, 3)))
handle.remove()
show("hook", seen)
show("no gradients", not model(torch.tensor(data(1, 8, 8, 3))).detach().requires_grad)
with torch.no_grad():
    show("inference", model(torch.tensor(data(1, 8, 8, 3))))
