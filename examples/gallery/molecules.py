"""
Boiling points of molecules
===========================

A molecule is a graph: atoms with an element and hydrogens, bonds of a kind. Atoms send messages along bonds, through a
matrix for each kind; the mean and the sum over atoms give the boiling point. The data are measured ones of the organic
compounds that the package ``chemicals`` brings along; ``pysmiles`` reads their formulas.

J. Gilmer et al., "Neural Message Passing for Quantum Chemistry", https://arxiv.org/abs/1704.01212.

Result: the mean absolute error on other molecules is at most 0.7 of that of a linear regression on the counts of atoms.
(With three seeds it was 0.42 to 0.46.)
"""

import csv
import importlib.util
import logging
import pathlib

import numpy as np
import pysmiles
from matplotlib import pyplot as plt
from sklearn.linear_model import LinearRegression

import kfront
from kfront import layers
from kfront.layers import graph

ELEMENTS = ("C", "N", "O", "F", "P", "S", "Cl", "Br", "I")
BONDS = (1, 1.5, 2, 3)  # 1.5: in aromatic rings
LARGEST = 12  # atoms other than hydrogen
logging.getLogger("pysmiles").setLevel(logging.ERROR)  # it warns of forms in space, which are not used here


def read() -> tuple[list[str], np.ndarray]:
    """Formulas (SMILES) and boiling points, in kelvin."""
    found = importlib.util.find_spec("chemicals")
    assert found is not None and found.submodule_search_locations, "pip install chemicals pysmiles"
    folder = pathlib.Path(found.submodule_search_locations[0])
    with (folder / "Identifiers" / "chemical identifiers pubchem small.tsv").open(encoding="utf-8") as file:
        formulas = {number: formula for _, number, _, _, formula, *_ in (line.split("\t") for line in file)}
    with (folder / "Misc" / "Physical Constants of Organic Compounds.csv").open(encoding="utf-8") as file:
        points = {r["CAS"]: float(r["Tb"]) for r in csv.DictReader(file, delimiter="\t") if r["Tb"]}
    both = sorted(number for number in points if "." not in formulas.get(number, "."))
    return [formulas[n] for n in both], np.array([points[n] for n in both], "float32")


def parts(formula: str) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Features of atoms, pairs of atoms in both directions, the kind of each; None for what is left out."""
    try:
        molecule = pysmiles.read_smiles(formula)
    except (ValueError, KeyError, NotImplementedError):
        return None  # not a formula that pysmiles reads
    atoms = molecule.nodes.data()
    if not 2 <= len(atoms) <= LARGEST or any(a["element"] not in ELEMENTS for _, a in atoms):
        return None
    features = [[*(a["element"] == e for e in ELEMENTS), a["hcount"], a["charge"], 1] for _, a in atoms]
    pairs = [pair for a, b in molecule.edges for pair in ((a, b), (b, a))]
    kinds = [[order == k for k in BONDS] for *_, order in molecule.edges.data("order") for _ in range(2)]
    return np.array(features, "float32"), np.array(pairs, "int32"), np.array(kinds, "float32")


def padded(arrays: list[np.ndarray], fill: float) -> np.ndarray:
    """Arrays of different lengths as one, with `fill` behind the shorter ones."""
    out = np.full((len(arrays), max(map(len, arrays)), arrays[0].shape[1]), fill, arrays[0].dtype)
    for row, a in zip(out, arrays, strict=True):
        row[: len(a)] = a
    return out


kfront.utils.set_random_seed(0)
formulas, points = read()
graphs = [parts(formula) for formula in formulas]
kept = [i for i, g in enumerate(graphs) if g is not None]
atoms, pairs, kinds = (list(part) for part in zip(*(graphs[i] for i in kept), strict=True))  # type: ignore[misc]
x, y = [padded(atoms, 0.0), padded(pairs, -1).swapaxes(1, 2), padded(kinds, 0.0)], points[kept]
order = np.random.default_rng(0).permutation(len(y))
test, train = order[: len(y) // 5], order[len(y) // 5 :]

# %%
width = 48
nodes, edges = kfront.Input((None, len(ELEMENTS) + 3)), kfront.Input((2, None), dtype="int32")
bonds = kfront.Input((None, len(BONDS)))
h = layers.Dense(width, activation="relu")(layers.Masking()(nodes))
for _ in range(3):
    h = layers.Add()([h, graph.EdgeConditionedConv(width, activation="relu")([h, edges, bonds])])
h = layers.Concatenate()([graph.GraphReadout("sum")(h), graph.GraphReadout("mean")(h)])
out = layers.Dense(1)(layers.Dense(width, activation="relu")(h))
model = kfront.Model([nodes, edges, bonds], out)
center, scale = y[train].mean(), y[train].std()
rate = kfront.optimizers.schedules.CosineDecay(3e-3, 25 * -(-len(train) // 32))
model.compile(kfront.optimizers.Adam(rate), "mae")
model.fit([a[train] for a in x], (y[train] - center) / scale, batch_size=32, epochs=25, verbose=0)

# %%
found = model.predict([a[test] for a in x], verbose=0)[:, 0] * scale + center
counts = x[0].sum(axis=1)
linear = LinearRegression().fit(counts[train], y[train]).predict(counts[test])
figure, axes = plt.subplots(figsize=(4, 4))
axes.plot(y[test], linear, ".", color="0.7", label="linear regression on counts")
axes.plot(y[test], found, ".", label="messages along bonds")
axes.plot([y.min(), y.max()], [y.min(), y.max()], color="0.5", linewidth=1)
axes.set(xlabel="boiling point, measured (K)", ylabel="predicted (K)")
axes.legend()
figure.tight_layout()

# %%
errors = [float(np.abs(guess - y[test]).mean()) for guess in (found, linear)]
RESULT = errors[0] / errors[1]
print(f"{len(y)} molecules; mean absolute error {errors[0]:.1f} K, linear regression {errors[1]:.1f} K")
