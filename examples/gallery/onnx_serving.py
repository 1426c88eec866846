"""
Export to ONNX, and a server that knows nothing of kfront
=========================================================

`model.export` writes one file. onnxruntime computes with it in another process: a small HTTP server whose only imports
are NumPy and onnxruntime. Batches of every size are answered by the same file.

Result: scores that come over the wire differ from `predict` by less than 1e-4, and no answer differs.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import kfront
from kfront import layers

kfront.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x = (x / 16).astype("float32").reshape(-1, 8, 8, 1)
model = kfront.Sequential(
    [
        kfront.Input((8, 8, 1), name="pixels"),
        layers.Conv2D(16, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(10),
    ]
)
model.compile("adam", kfront.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(x[:1400], y[:1400], epochs=8, verbose=0)

# %%
# ONNX is written by PyTorch's exporter, which must be installed; a model of another engine is moved there by `export`.
folder = pathlib.Path(tempfile.mkdtemp())
model.export(folder / "digits.onnx", format="onnx", verbose=False)

# %%
# The server.
SERVER = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        pixels = np.array(json.loads(self.rfile.read(int(self.headers["Content-Length"]))), "float32")
        (scores,) = session.run(None, {"pixels": pixels})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(scores.tolist()).encode())

    def log_message(self, *args):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
(folder / "serve.py").write_text(SERVER)
command = [sys.executable, str(folder / "serve.py"), str(folder / "digits.onnx")]
server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
assert server.stdout is not None
address = f"http://127.0.0.1:{int(server.stdout.readline())}"


def ask(images: np.ndarray) -> np.ndarray:
    """The scores that the server gives."""
    with urllib.request.urlopen(urllib.request.Request(address, json.dumps(images.tolist()).encode())) as answer:
        return np.array(json.load(answer), "float32")


sizes = (1, 7, 32, 357)
served = [ask(x[1400 : 1400 + size]) for size in sizes]
server.kill()
server.wait()

# %%
scores = model.predict(x[1400:], verbose=0)
differences = [float(np.abs(got - scores[: len(got)]).max()) for got in served]
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3))
left.imshow(x[1400, ..., 0], cmap="gray_r")
left.set_axis_off()
right.bar(range(10), served[0][0])
right.set(xlabel="digit", ylabel="score from the server", xticks=range(10))
figure.tight_layout()

# %%
same = all((got.argmax(axis=1) == scores[: len(got)].argmax(axis=1)).all() for got in served)
RESULT = max(differences) if same else 1.0
print(f"largest difference for batches of {', '.join(map(str, sizes))}: {RESULT:.1e}; size of the file:", end=" ")
print(f"{(folder / 'digits.onnx').stat().st_size / 1024:.0f} KiB")
