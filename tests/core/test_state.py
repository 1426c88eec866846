"""Variables, scopes, tracking, names and structures."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest

import kfront
from kfront import ops
from kfront.core import tree
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.naming import name_scope
from kfront.core.spec import KerasTensor
from kfront.core.variable import AutocastScope, StatelessScope, Variable, bind


def numpy(x):
    return np.asarray(ops.convert_to_numpy(x))


def test_assignments(backend):
    v = Variable(np.arange(3.0, dtype="float32"), name="v")
    v.assign([1, 2, 3])
    v.assign_add(np.ones(3))
    v.assign_sub(Variable(np.full(3, 0.5, "float32")))
    np.testing.assert_array_equal(v.numpy(), [1.5, 2.5, 3.5])
    assert str(v.numpy().dtype) == "float32" and v.shape == (3,) and v.ndim == 1 and v.path == "v"
    with pytest.raises(ShapeError, match="v"):
        v.assign(np.ones(4))
    np.testing.assert_array_equal(v.numpy(), [1.5, 2.5, 3.5])


def test_numbers_and_operators(backend):
    v = Variable(2.0)
    assert float(v) == 2.0 and int(v) == 2
    with pytest.raises(ArgumentTypeError):
        bool(v)
    for value, wanted in ((v + 1, 3), (1 - v, -1), (v * v, 4), (v / 4, 0.5), (-v, -2), (v**2, 4), (abs(-v), 2)):
        assert float(numpy(value)) == wanted


def test_symbolic_values_are_not_assigned(backend):
    v = Variable(np.zeros(3, "float32"))
    for assign in (v.assign, v.assign_add, v.assign_sub):
        assign(KerasTensor((3,)))
        with pytest.raises(ShapeError):
            assign(KerasTensor((4,)))
    np.testing.assert_array_equal(v.numpy(), np.zeros(3))


WRONG = {
    "slash": lambda: Variable(1.0, name="a/b"),
    "no shape": lambda: Variable(lambda shape, dtype: np.zeros(shape, dtype)),
    "open shape": lambda: Variable(lambda shape, dtype: np.zeros(shape, dtype), shape=(None, 2)),
    "aggregation": lambda: Variable(1.0, aggregation="most"),
    "regularizer": lambda: setattr(Variable(1.0), "regularizer", 3),
}


@pytest.mark.parametrize("what", WRONG)
def test_misuse(what, backend):
    with pytest.raises((ArgumentError, ShapeError)):
        WRONG[what]()


def test_names_and_paths(backend):
    with name_scope("outer"), name_scope("inner"):
        v = Variable(1.0, name="w")
    assert v.path == "outer/inner/w" and v.name == "w"
    owner = object()
    with name_scope("one", caller=owner), name_scope("one", caller=owner):
        assert Variable(1.0, name="w").path == "one/w"


def test_autocast(backend):
    v, kept = Variable(np.ones(2, "float32")), Variable(np.ones(2, "float32"), autocast=False)
    number = Variable(np.ones(2, "int32"))
    with AutocastScope("float16"):
        names = [backend.dtype_name(x.value.dtype) for x in (v, kept, number)]
    assert names == ["float16", "float32", "int32"]
    assert backend.dtype_name(v.value.dtype) == "float32"


def test_bind_and_stateless_scope(backend):
    v, w = Variable(np.ones(2, "float32")), Variable(np.ones(2, "float32"))
    with bind([v], [backend.convert(np.full(2, 5.0, "float32"))]) as bound:
        assert numpy(v.value).tolist() == [5, 5]
        assert numpy(bound.current()[0]).tolist() == [5, 5]
    with StatelessScope([(v, np.full(2, 3.0))]) as scope:
        w.assign(numpy(v.value) + 1)
        assert numpy(w.value).tolist() == [4, 4]
    assert v.numpy().tolist() == [1, 1] and w.numpy().tolist() == [1, 1]
    assert numpy(scope.get_current_value(w)).tolist() == [4, 4]
    with pytest.raises(ShapeError):
        StatelessScope([(v, np.ones(3))])
    with pytest.raises(ZeroDivisionError), StatelessScope([(v, np.zeros(2))]):
        raise ZeroDivisionError
    assert v.numpy().tolist() == [1, 1]


@pytest.mark.parametrize("how", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))], ids=["deepcopy", "pickle"])
def test_copies(backend, how):
    v = Variable(np.arange(3.0, dtype="float32"), trainable=False, name="v")
    other = how(v)
    v.assign([9, 9, 9])
    assert other.numpy().tolist() == [0, 1, 2] and not other.trainable and other.path == "v"


Pair = namedtuple("Pair", "a b")
STRUCTURES = [
    1,
    None,
    [1, [2, (3, {"x": 4})]],
    {"b": 1, "a": [2, 3]},
    OrderedDict([("b", 1), ("a", 2)]),
    defaultdict(list, {"k": 1}),
    Pair(1, [2, 3]),
    [],
    {"a": (), "b": None},
]


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_structures_round(structure):
    flat = tree.flatten(structure)
    again = tree.pack_sequence_as(structure, flat)
    assert again == structure and type(again) is type(structure)
    doubled = tree.map_structure(lambda x: (x or 0) * 2, structure)
    assert tree.flatten(doubled) == [(x or 0) * 2 for x in flat]


def test_dicts_are_visited_by_sorted_keys():
    assert tree.flatten({"b": 1, "a": 2}) == [2, 1]
    assert [p for p, _ in tree.flatten_with_path({"b": [1, 2], "a": 3})] == [("a",), ("b", 0), ("b", 1)]


def test_every_way_to_change_a_tracked_container(backend):
    class Box(kfront.layers.Layer):
        def __init__(self):
            super().__init__()
            self.many, self.named = [], {}

    def layer():
        return kfront.layers.Dense(1)

    box = Box()
    a, b, c, d = layer(), layer(), layer(), layer()
    changes = [
        (lambda: box.many.append(a), [a]),
        (lambda: box.many.extend([b, c]), [a, b, c]),
        (lambda: box.many.insert(0, d), [d, a, b, c]),
        (lambda: box.many.__setitem__(0, a), [a, b, c]),
        (lambda: box.many.pop(), [a, b]),
        (lambda: box.many.remove(b), [a]),
        (lambda: box.many.__iadd__([c]), [a, c]),
        (lambda: box.many.__delitem__(0), [a, c]),
        (lambda: box.named.update(x=b), [a, c, b]),
        (lambda: box.named.setdefault("y", d), [a, c, b, d]),
        (lambda: box.named.pop("x"), [a, c, d]),
        (lambda: box.many.clear(), [d]),
        (lambda: box.named.clear(), []),
    ]
    for change, wanted in changes:
        change()
        assert {id(x) for x in box._layers} == {id(x) for x in wanted}
