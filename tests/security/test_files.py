"""Archives and HDF5 files that lie, point elsewhere, or are far larger than they look."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import struct
import time
import warnings
import zipfile

import h5py
import numpy as np
import pytest
from tests.conftest import ENGINES
from tests.security import attacks as a

import kfront
from kfront.core.errors import SavingError, UnsafeFileError
from kfront.core.state import state

pytestmark = pytest.mark.usefixtures("backend")
CANARY = b"top secret content of another file, long enough to fill the weights"


def _rss() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(autouse=True, scope="module")
def engines():
    """Every engine is loaded before memory is measured."""
    for name in ENGINES:
        with kfront.backend_scope(name):
            _model()


@pytest.fixture
def bounded():
    """The attempt takes little time and memory."""
    start, before = time.monotonic(), _rss()
    yield
    assert time.monotonic() - start < 20
    assert _rss() - before < 300 << 20


def _model():
    return kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(2)])


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / "canary"
    path.write_bytes(CANARY)
    return path


def _external(canary):
    def write(file):
        del file["layers/dense/vars/0"]
        file["layers/dense/vars"].create_dataset("0", (4, 2), "float32", external=[(str(canary), 0, 32)])

    return write


def _virtual(tmp_path):
    def write(file):
        with h5py.File(tmp_path / "other.h5", "w") as other:
            other["d"] = np.ones((4, 2), "float32")
        layout = h5py.VirtualLayout((4, 2), "float32")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "d", (4, 2))
        del file["layers/dense/vars/0"]
        file["layers/dense/vars"].create_virtual_dataset("0", layout)

    return write


def _link(place, link):
    def write(file):
        del file[place]
        file[place] = link

    return write


def _links(tmp_path):
    with h5py.File(tmp_path / "target.h5", "w") as other:
        group = other.create_group("layers/dense/vars")
        group["0"], group["1"] = np.ones((4, 2), "float32"), np.ones(2, "float32")
    target = str(tmp_path / "target.h5")
    for place in ("layers", "layers/dense", "layers/dense/vars", "layers/dense/vars/0"):
        yield place, h5py.ExternalLink(target, place)
        yield place, h5py.SoftLink("/elsewhere")


def _both_ways(tmp_path, h5, error=SavingError, match=None):
    """The HDF5 file alone and inside an archive; the model's weights stay what they were."""
    path = tmp_path / "x.weights.h5"
    path.write_bytes(h5)
    model = _model()
    before = [w.copy() for w in model.get_weights()]
    with pytest.raises(error, match=match):
        kfront.saving.load_weights(model, path)
    with warnings.catch_warnings(), contextlib.suppress(SavingError):
        warnings.simplefilter("ignore")
        kfront.saving.load_weights(model, path, skip_mismatch=True)
    with pytest.raises(error, match=match):
        kfront.saving.load_model(a.keras_file(tmp_path / "x.keras", a.sequential(a.dense()), h5))
    with pytest.raises(error, match=match):
        kfront.saving.load_weights(model, tmp_path / "x.keras")
    for w, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(w, b)


def test_the_harmless_file_loads(backend, tmp_path):
    model = kfront.saving.load_model(a.keras_file(tmp_path / "x.keras", a.sequential(a.dense())))
    np.testing.assert_array_equal(model.get_weights()[0], np.full((4, 2), 0.5, "float32"))


def test_external_storage(backend, tmp_path, canary):
    _both_ways(tmp_path, a.weights(_external(canary)), UnsafeFileError, "external storage")


def test_virtual_dataset(backend, tmp_path):
    _both_ways(tmp_path, a.weights(_virtual(tmp_path)), UnsafeFileError, "virtual")


def test_links(backend, tmp_path):
    for place, link in _links(tmp_path):
        _both_ways(tmp_path, a.weights(_link(place, link)), UnsafeFileError, "link")


def test_hard_link_loop(tmp_path, bounded):
    def write(file):
        file["layers/dense/loop"] = file["layers"]
        file["layers/more"] = file["/"]

    path = tmp_path / "x.weights.h5"
    path.write_bytes(a.weights(write))
    with pytest.warns(UserWarning, match="no place"):
        kfront.saving.load_weights(_model(), path)


def _dataset(shape, dtype="float32", **kwargs):
    def write(file):
        del file["layers/dense/vars/0"]
        file["layers/dense/vars"].create_dataset("0", shape, dtype, **kwargs)

    return write


@pytest.mark.parametrize(
    "write",
    [
        _dataset((2**25, 2**25), chunks=(1024, 1024), compression="gzip"),
        _dataset((2**50,), chunks=(2**20,), compression="gzip"),
        _dataset((2**31,)),
        _dataset((4, 2), "float32", chunks=(2**13, 2**13), maxshape=(None, None), compression="gzip"),
        _dataset((4, 2)),
        _dataset((4, 2), h5py.string_dtype()),
        _dataset((4, 2), "S8"),
        _dataset((4, 2), np.dtype([("a", "f4"), ("b", "i4")])),
        _dataset((4, 2), h5py.vlen_dtype("float32")),
        _dataset((4, 2), h5py.ref_dtype),
        _dataset((4, 2), "complex64", data=np.ones((4, 2), "complex64")),
        _dataset((4, 2), "V3", data=np.zeros((4, 2), "V3")),
        _dataset(None, data=h5py.Empty("float32")),
        _dataset((4, 2), "int32", data=np.ones((4, 2), "int32")),
        _dataset((4, 2), chunks=(4, 2), compression="lzf", data=np.ones((4, 2), "float32")),
        lambda file: file.pop("layers"),
        lambda file: file["layers/dense"].pop("vars"),
        lambda file: (file["layers/dense"].pop("vars"), file["layers/dense"].create_dataset("vars", data=[1.0])),
    ],
)
def test_datasets_that_do_not_fit(tmp_path, write, bounded):
    _both_ways(tmp_path, a.weights(write))


def test_every_truncation(tmp_path):
    whole = a.weights()
    path = tmp_path / "x.weights.h5"
    model = _model()
    for size in (*range(0, 200, 7), *range(200, len(whole) - 1, 97)):
        path.write_bytes(whole[:size])
        try:
            kfront.saving.load_weights(model, path)
        except SavingError:
            pass
        archive = a.keras_file(tmp_path / "x.keras", a.sequential(a.dense())).read_bytes()
        (tmp_path / "y.keras").write_bytes(archive[: size * len(archive) // len(whole)])
        with pytest.raises(SavingError):
            kfront.saving.load_model(tmp_path / "y.keras")


def test_flipped_weights_are_noticed(tmp_path):
    data = bytearray(a.keras_file(tmp_path / "x.keras", a.sequential(a.dense())).read_bytes())
    place = data.find(np.full(8, 0.5, "float32").tobytes())
    data[place] ^= 0xFF
    (tmp_path / "x.keras").write_bytes(data)
    with pytest.raises(SavingError, match="checksum"):
        kfront.saving.load_model(tmp_path / "x.keras")


@functools.cache
def _bomb(member):
    """An archive of which one member grows to 400 MB."""
    buffer = io.BytesIO()
    content = {
        "metadata.json": b"{}",
        "config.json": json.dumps(a.sequential(a.dense())),
        "model.weights.h5": a.weights(),
    }
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            if name != member:
                archive.writestr(name, data)
        with archive.open(member, "w", force_zip64=True) as out:
            block = b" " * (1 << 20)
            for _ in range(400):
                out.write(block)
    return buffer.getvalue()


@pytest.mark.parametrize("member", ["metadata.json", "config.json", "model.weights.h5"])
def test_zip_bombs(tmp_path, member, bounded):
    path = tmp_path / "x.keras"
    path.write_bytes(_bomb(member))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(UnsafeFileError, match="at most"):
        kfront.saving.load_model(path)


def test_deflated_weights_of_the_right_size_load(tmp_path):
    path = a.keras_file(tmp_path / "x.keras", a.sequential(a.dense()), compression=zipfile.ZIP_DEFLATED)
    assert kfront.saving.load_model(path).count_params() == 10


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/evil",
        "C:\\evil",
        "C:/evil",
        "assets/../../evil",
        "assets/..",
        "assets/a\\..\\b",
        "assets//x",
        "assets/ /x",
        "evil.py",
        "config.json/",
        "assets\\x",
        "assets/a\nb",
        "__pycache__/x.pyc",
        "model.weights.h5.bak",
    ],
)
def test_member_names(tmp_path, name):
    path = a.keras_file(tmp_path / "x.keras", a.sequential(a.dense()), extra=[(name, b"x")])
    with pytest.raises(SavingError):
        kfront.saving.load_model(path)
    assert sorted(os.listdir(tmp_path)) == ["x.keras"]


def test_nul_in_a_member_name(tmp_path):
    path = a.keras_file(tmp_path / "x.keras", a.sequential(a.dense()), extra=[("assets/aXb", b"x")])
    path.write_bytes(path.read_bytes().replace(b"assets/aXb", b"assets/a\0b"))
    with pytest.raises(SavingError):
        kfront.saving.load_model(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_double_members(tmp_path):
    config = a.sequential(a.dense())
    for name in ("config.json", "model.weights.h5", "metadata.json"):
        path = a.keras_file(tmp_path / "x.keras", config, extra=[(name, b"{}")])
        with pytest.raises(UnsafeFileError, match="twice"):
            kfront.saving.load_model(path)


def test_symbolic_link_member(tmp_path, canary):
    link = zipfile.ZipInfo("assets/link")
    link.external_attr = 0o120777 << 16
    path = a.keras_file(tmp_path / "x.keras", a.sequential(a.dense()), extra=[(link, str(canary))])
    with pytest.raises(UnsafeFileError, match="symbolic link"):
        kfront.saving.load_model(path)


def _central(data: bytearray, name: bytes) -> int:
    """Where a member's entry in the directory begins."""
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        if data[at + 46 : at + 46 + len(name)] == name:
            return at
        at = data.find(b"PK\x01\x02", at + 4)
    raise AssertionError(name)


@pytest.mark.parametrize(
    "field,value", [(20, 0x7FFFFFFF), (24, 0x7FFFFFFF), (24, 3), (42, 0x7FFFFFFF), (42, 1), (8, 1), (10, 99)]
)
def test_directories_that_lie(tmp_path, field, value, bounded):
    """Sizes, offsets, flags and methods in the directory that are not true."""
    for name in (b"config.json", b"model.weights.h5"):
        data = bytearray(a.keras_file(tmp_path / "x.keras", a.sequential(a.dense())).read_bytes())
        entry = _central(data, name)
        struct.pack_into("<H" if field in (8, 10) else "<I", data, entry + field, value)
        (tmp_path / "x.keras").write_bytes(data)
        with pytest.raises(SavingError):
            kfront.saving.load_model(tmp_path / "x.keras")


def test_overlapping_members(tmp_path):
    data = bytearray(a.keras_file(tmp_path / "x.keras", a.sequential(a.dense())).read_bytes())
    first, second = _central(data, b"metadata.json"), _central(data, b"config.json")
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    (tmp_path / "x.keras").write_bytes(data)
    with pytest.raises(SavingError):
        kfront.saving.load_model(tmp_path / "x.keras")


def test_zip64_lie(tmp_path, bounded):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(a.sequential(a.dense())))
        with archive.open("model.weights.h5", "w", force_zip64=True) as out:
            out.write(a.weights())
    data = bytearray(buffer.getvalue())
    entry = _central(data, b"model.weights.h5")
    struct.pack_into("<II", data, entry + 20, 0xFFFFFFFF, 0xFFFFFFFF)
    (tmp_path / "x.keras").write_bytes(data)
    with pytest.raises(SavingError):
        kfront.saving.load_model(tmp_path / "x.keras")


def test_too_many_members(tmp_path):
    extra = [(f"assets/{i}", b"") for i in range(10_001)]
    path = a.keras_file(tmp_path / "x.keras", a.sequential(a.dense()), extra=extra)
    with pytest.raises(UnsafeFileError, match="members"):
        kfront.saving.load_model(path)


@pytest.mark.parametrize("name", ["../x", "../../../tmp/x", "a/b", "/etc/x", "gs://x/y"])
def test_layer_names_are_not_paths(tmp_path, name):
    with pytest.raises(SavingError):
        kfront.saving.load_model(a.keras_file(tmp_path / "x.keras", a.sequential(a.dense(name))))
    assert sorted(os.listdir(tmp_path)) == ["x.keras"]


def test_folders_and_other_files(tmp_path):
    for path in (tmp_path, tmp_path / "missing.keras", "http://127.0.0.1:1/x.keras", "gs://b/x.keras", 3, None):
        with pytest.raises(SavingError):
            kfront.saving.load_model(path)
    for content in (b"", b"PK", b"\x89HDF\r\n\x1a\n", b"\x80\x04K\x01.", b"PK\x05\x06" + b"\0" * 18, b"a" * 10_000):
        (tmp_path / "x.keras").write_bytes(content)
        with pytest.raises(SavingError):
            kfront.saving.load_model(tmp_path / "x.keras")
        (tmp_path / "x.weights.h5").write_bytes(content)
        with pytest.raises(SavingError):
            kfront.saving.load_weights(_model(), tmp_path / "x.weights.h5")


def test_paths_in_configs_are_refused_to_constructors():
    from kfront.core import guard

    def attempt(path, safe_mode=True):
        with guard.loading("test", safe_mode=safe_mode):
            guard.refuse_path("StringLookup", "vocabulary", path)

    for path in ("/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/x", "gs://x", b"/etc/passwd"):
        with pytest.raises(UnsafeFileError, match="path"):
            attempt(path)
        attempt(path, safe_mode=False)
        guard.refuse_path("StringLookup", "vocabulary", path)
    attempt(["a", "b"])


def test_the_config_asks_for_more_than_the_file_holds(backend, tmp_path, bounded):
    """A config may not make variables that the weights in the file cannot explain."""
    from kfront.core import guard

    with guard.budget(1000, "x"), pytest.raises(UnsafeFileError, match="about the size"):
        state.budget.spend((16, 16), "float32")
    if not hasattr(type(state), "budget"):
        pytest.skip("variables do not ask the budget yet")
    for units in (2**24, 2**33):
        with pytest.raises(SavingError):
            kfront.saving.load_model(a.keras_file(tmp_path / "x.keras", a.sequential(a.dense(units=units))))


@pytest.mark.parametrize("ending", [".weights.h5", ".safetensors", ".keras"])
def test_weights_do_not_follow_the_file(tmp_path, ending):
    """Files are mapped while they are read, but what they hold becomes the model's own."""
    model = kfront.Sequential([kfront.Input((600,)), kfront.layers.Dense(600)])
    path = tmp_path / f"m{ending}"
    model.save(path) if ending == ".keras" else model.save_weights(path)
    model.load_weights(path)
    before = [w.copy() for w in model.get_weights()]
    with open(path, "r+b") as file:
        file.write(b"\1" * path.stat().st_size)
    for w, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(w, b)
    os.truncate(path, 0)
    model(np.ones((1, 600), "float32"))


def test_safetensors_headers_that_ask_for_too_much(tmp_path, bounded):
    """A header cannot make anybody allocate: its length, its tensors and its depth are checked first."""
    entry = lambda shape, span, dtype="F32": {"dtype": dtype, "shape": shape, "data_offsets": span}  # noqa: E731
    cases = [
        entry([1 << 40], [0, 1 << 42]),
        entry([1 << 62, 4], [0, 0]),
        entry([1 << 20] * 50, [0, 32]),
        entry([4, 2], [-32, 0]),
        entry([4, 2], [0, 32.0]),
        entry([4, 2], [1 << 63, (1 << 63) + 32]),
        entry([True, 8], [0, 32]),
        entry([4, 2], [0, 32], "F4"),
        entry("../x", [0, 32]),
    ]
    headers = [json.dumps({"layers/dense/kernel": case}).encode() for case in cases]
    headers += [b"[" * 100_000, b'{"a":' * 100_000, b"{" + b" " * 100 + b"}", b'{"a":1,"a":2}', b"\xff\xfe{}"]
    model = _model()
    for header in headers:
        (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 40)
        with pytest.raises(SavingError):
            model.load_weights(tmp_path / "x.safetensors")
    for length in (0, 1 << 30, 1 << 62, (1 << 64) - 1):
        (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", length) + b"{}")
        with pytest.raises(SavingError, match="header"):
            model.load_weights(tmp_path / "x.safetensors")
