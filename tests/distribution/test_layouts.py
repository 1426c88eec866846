"""Meshes, layouts and maps; what engines without them say."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import kfront
from kfront import distribution as D
from kfront import errors

DEVICES = [f"cpu:{i}" for i in range(8)]


@pytest.fixture
def mesh():
    return D.DeviceMesh((2, 4), ["batch", "model"], DEVICES)


def test_meshes(mesh):
    assert mesh.shape == (2, 4) and mesh.axis_names == ["batch", "model"] and mesh.devices.shape == (2, 4)
    assert repr(mesh) == "<DeviceMesh shape=(2, 4), axis_names=['batch', 'model']>"
    assert mesh.devices[1, 0] == "cpu:4"
    assert pickle.loads(pickle.dumps(mesh)).shape == (2, 4)
    for shape, names, devices in (
        ((2, 4), ["batch"], DEVICES),
        ((2, 3), ["a", "b"], DEVICES),
        ((), [], DEVICES),
        ((2, 4), None, DEVICES),
        ((2, 4), ["a", "a"], DEVICES),
    ):
        with pytest.raises(errors.ArgumentError, match=r"\[DeviceMesh\] expected"):
            D.DeviceMesh(shape, names, devices)


def test_layouts(mesh):
    layout = D.TensorLayout(["batch", None])
    assert layout.axes == ("batch", None) and layout.device_mesh is None
    with pytest.raises(errors.ArgumentError, match="expected a mesh"):
        _ = layout.backend_layout
    layout.device_mesh = mesh
    assert repr(layout) == f"<TensorLayout axes=('batch', None), device_mesh={mesh}>"
    with pytest.raises(errors.ArgumentError, match="without a mesh"):
        layout.device_mesh = mesh
    with pytest.raises(errors.ArgumentError, match="axes of the mesh"):
        D.TensorLayout(("rows", None), mesh)
    late = D.TensorLayout(("rows", None))
    with pytest.raises(errors.ArgumentError, match="rows"):
        late.device_mesh = mesh


def test_maps(mesh):
    layouts = D.LayoutMap(mesh)
    layouts["dense.*kernel"] = (None, "model")
    layouts["dense.*bias"] = ("model",)
    layouts["other"] = D.TensorLayout(("batch",))
    assert layouts["dense_1/kernel"].axes == (None, "model")
    assert layouts["dense_1/kernel/more"] is layouts["encoder/dense_1/kernel"] is layouts.get("nothing") is None
    assert layouts["other"].device_mesh is mesh is layouts.device_mesh
    assert list(layouts) == ["dense.*kernel", "dense.*bias", "other"] and len(layouts) == 3
    layouts["dense.*"] = ("batch",)
    with pytest.raises(errors.ArgumentError, match="one key that matches"):
        _ = layouts["dense_1/kernel"]
    assert layouts["dense.*kernel"].axes == (None, "model")  # a key itself comes first
    del layouts["dense.*"]
    with pytest.raises(KeyError):
        del layouts["dense.*"]
    with pytest.raises(errors.ArgumentError, match="new key"):
        layouts["other"] = ("batch",)
    for wrong in (3, "batch", None, ["batch"], ("rows",)):
        with pytest.raises(errors.ArgumentError):
            layouts["wrong"] = wrong


def test_distributions(mesh):
    with kfront.backend_scope("jax"):
        assert D.distribution() is None
        one = D.DataParallel(devices=["cpu:0"])
        assert repr(one) == "<DataParallel device_mesh=<DeviceMesh shape=(1,), axis_names=['batch']>>"
        with one.scope():
            assert D.distribution() is one
            with D.DataParallel(devices=["cpu:0"]).scope():
                assert D.distribution() is not one
            assert D.distribution() is one
        assert D.distribution() is None
        assert one.get_data_layout((8, 3, 2)).axes == ("batch", None, None) and one.get_data_layout(()).axes == ()
        assert one.get_tensor_layout("dense/output") is None
        assert one.distribute_dataset([1]) == [1]
        small = D.DeviceMesh((1, 1), ["rows", "columns"], ["cpu:0"])
        with pytest.warns(UserWarning, match="mesh with one axis"):
            assert D.DataParallel(small).batch_dim_name == "rows"
        layouts = D.LayoutMap(small)
        layouts["w"] = ("columns", None)
        split = D.ModelParallel(layout_map=layouts, batch_dim_name="columns")
        v = kfront.Variable(np.zeros((2, 3)), name="w")
        assert (
            split.get_variable_layout(v).axes == ("columns", None)
            and split.get_data_layout((2, 3)).axes[0] == "columns"
        )
        assert split.get_tensor_layout("w").axes == ("columns", None)
        for make in (
            lambda: D.ModelParallel(),
            lambda: D.ModelParallel(layout_map={"a": ("model",)}),
            lambda: D.ModelParallel(layout_map=layouts, batch_dim_name="pages"),
            lambda: D.ModelParallel(layout_map=layouts, device_mesh=mesh),
            lambda: D.ModelParallel(layout_map=layouts, more=1),
            lambda: D.DataParallel(3),
            lambda: D.DataParallel(small, ["cpu:0"]),
            lambda: D.set_distribution(3),
            lambda: D.initialize("127.0.0.1:1", 2, 2),
        ):
            with pytest.raises(errors.ArgumentError, match=r"\] expected"):
                make()


TRANSFORMER = {
    "net/embedding/embeddings": ((512, 64), (None, None), ("batch", None), ("batch", None)),
    "net/attention/query/kernel": ((64, 8, 8), (None, "model", None), ("batch", None, None), ("batch", "model", None)),
    "net/attention/query/bias": ((8, 8), ("model", None), None, ("model", None)),
    "net/attention/attention_output/kernel": (
        (8, 8, 64),
        ("model", None, None),
        (None, None, "batch"),
        ("model", None, "batch"),
    ),
    "net/attention/attention_output/bias": ((64,), None, None, None),
    "net/up/kernel": ((64, 256), (None, "model"), (None, "batch"), ("batch", "model")),
    "net/up/bias": ((256,), ("model",), None, ("model",)),
    "net/down/kernel": ((256, 64), ("model", None), ("batch", None), ("model", "batch")),
    "net/down/bias": ((64,), None, None, None),
    "net/square/kernel": ((64, 64), None, ("batch", None), ("batch", None)),
    "net/odd/kernel": ((63, 33), None, None, None),
    "net/seed_generator/seed_generator_state": ((2,), None, None, None),
}


@pytest.mark.parametrize(("axes", "column"), [(("model", None), 1), ((None, "batch"), 2), (("model", "batch"), 3)])
def test_layouts_for_the_usual_cases(mesh, axes, column):
    layouts = D.get_layout_map(mesh, *axes)
    for path, row in TRANSFORMER.items():
        found = layouts.for_variable(path, row[0])
        assert (None if found is None else found.axes) == (row[column] if any(row[column] or ()) else None), path
    layouts["net/up/kernel"] = ("model", None)
    assert layouts.for_variable("net/up/kernel", (64, 256)).axes == ("model", None)
    for wrong in (("pages",), ("model", "model")):
        with pytest.raises(errors.ArgumentError, match="axes of the mesh"):
            D.get_layout_map(mesh, *wrong)


def test_a_size_that_cannot_be_divided(mesh):
    layout = D.TensorLayout((None, "model"), mesh)
    with pytest.raises(errors.ShapeError, match=r"10 elements for 4 devices of the axis 'model'; pad it to 12"):
        layout.check_shape("Variable w", (3, 10))
    with pytest.raises(errors.ShapeError, match="at most 1 axes"):
        layout.check_shape("Variable w", (8,))


def test_engines_without(backend, mesh):
    assert D.list_devices("cpu")[0] == "cpu:0" and D.get_device_count("cpu") >= 1
    layouts = D.LayoutMap(mesh)
    if backend.name == "jax":
        return
    wanted = errors.ArgumentError if backend.name == "torch" else errors.UnsupportedError
    instead = {"torch": "torchrun", "tensorflow": r"tf\.distribute"}.get(backend.name, "JAX and torch have")
    for make in (
        lambda: D.ModelParallel(layout_map=layouts),
        lambda: D.distribute_tensor(np.ones(3), D.TensorLayout((None,), mesh)),
        lambda: D.DataParallel(devices=["cpu:0", "cpu:1"]),
    ):
        with pytest.raises(wanted, match=instead):
            make()


def test_a_mesh_of_one_process_of_torch():
    with kfront.backend_scope("torch"):
        layouts = D.LayoutMap(D.DeviceMesh((1, 1), ["batch", "model"], devices=["cpu:0"]))
        layouts[".*kernel"] = ("batch", "model")
        with D.ModelParallel(layout_map=layouts).scope():
            model = kfront.Sequential([kfront.Input((2,)), kfront.layers.Dense(1)])
            model.compile("sgd", "mse")
            model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
            assert model.weights[0].layout.axes == ("batch", "model")
            assert model.predict(np.ones((3, 2)), verbose=0).shape == (3, 1)
        assert D.distribute_tensor(np.ones((1, 3)), layouts["kernel"]).tolist() == [[1, 1, 1]]


def test_processes_that_nobody_started(backend):
    wanted = errors.ArgumentError if backend.name in ("torch", "jax") else errors.UnsupportedError
    with pytest.raises(wanted, match=r"\] expected"):
        D.initialize()


def test_one_process_of_torch():
    with kfront.backend_scope("torch"), D.DataParallel().scope():
        model = kfront.Sequential([kfront.Input((2,)), kfront.layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
        assert model.optimizer._kf_reduction is None and model.predict(np.ones((3, 2)), verbose=0).shape == (3, 1)


def test_datasets_of_several_processes():
    class Batches:
        """As much of a tf.data.Dataset as is asked for."""

        def __init__(self, size, part=None):
            self.size, self.part = size, part

        def __iter__(self):
            return iter([(np.zeros((self.size, 2)), np.zeros(self.size))])

        def rebatch(self, size):
            return Batches(size)

        def shard(self, count, mine):
            return Batches(self.size, (count, mine))

    with kfront.backend_scope("jax"):
        parallel = D.DataParallel(devices=["cpu:0"])

    class Two(type(parallel)):
        num_processes = num_model_replicas = 2
        data_shard_id = 1

    parallel.__class__ = Two
    part = parallel.distribute_dataset(Batches(6))
    assert part.size == 3 and part.part == (2, 1)
    with pytest.raises(errors.ArgumentError, match="can divide"):
        parallel.distribute_dataset(Batches(5))
    with pytest.raises(errors.ArgumentError, match=r"tf\.data\.Dataset"):
        parallel.distribute_dataset([1, 2])
