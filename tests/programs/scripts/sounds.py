"""Sounds: spectrograms as layers, a classifier on them, Fourier transforms by ops."""

import keras
import numpy as np
from common import fill, labels, show
from keras import layers, ops

time = np.arange(512) / 1000
tones = np.stack([np.sin(2 * np.pi * f * time) for f in (40, 80, 120, 200, 310, 45)]).astype("float32")
kinds = labels(6, 2)
mel = layers.MelSpectrogram(num_mel_bins=8, fft_length=128, sequence_stride=64, sampling_rate=1000, max_freq=400)
show("mel", list(mel(tones).shape))
show("loudest", np.asarray(ops.convert_to_numpy(mel(tones))).mean(-1).argmax(-1))
short = layers.STFTSpectrogram(mode="magnitude", frame_length=64, frame_step=32, fft_length=64)
show("magnitude", list(short(tones[..., None]).shape))
show("strongest", np.asarray(ops.convert_to_numpy(short(tones[..., None]))).mean(1).argmax(-1))
real, imaginary = ops.fft((tones, np.zeros_like(tones)))
power = np.asarray(ops.convert_to_numpy(ops.square(real) + ops.square(imaginary)))[:, :256]
show("peaks", power.argmax(-1))
parts = ops.stft(tones, sequence_length=128, sequence_stride=32, fft_length=128)
show("frames", [list(p.shape) for p in parts])
back = ops.istft(parts, sequence_length=128, sequence_stride=32, fft_length=128)
width = min(back.shape[-1], 512)
show(
    "back",
    bool(np.abs(np.asarray(ops.convert_to_numpy(back))[:, 64 : width - 64] - tones[:, 64 : width - 64]).max() < 1e-3),
)
model = fill(
    keras.Sequential(
        [
            keras.Input((512, 1)),
            layers.STFTSpectrogram(mode="log", frame_length=64, frame_step=64, fft_length=64),
            layers.Conv1D(4, 3, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(2),
        ]
    )
)
show("trainable", [len(model.trainable_weights), len(model.non_trainable_weights)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.SGD(0.01), loss, metrics=["accuracy"])
show("history", model.fit(tones[..., None], kinds, batch_size=3, shuffle=False, verbose=0).history)
