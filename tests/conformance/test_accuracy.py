from __future__ import annotations

import json

import mpmath
import numpy as np
import pytest
from conformance.accuracy import measure, table, whole
from conformance.accuracy.__main__ import PAGE, REASONS, high, page
from conformance.accuracy.references import exactly

from kfront.backends import installed

RECORDED = json.loads(table.RECORD.read_text(encoding="utf-8"))


SOME = ("exp", "hypot", "var", "matmul", "complex exp", "gradient of tanh")


@pytest.mark.parametrize("backend, name", [(b, n) for b in installed() for n in SOME if n in RECORDED[b]])
def test_no_op_is_further_away_than_recorded(backend, name):
    table.check(backend, name)


def test_what_is_measured_as_a_whole_is_noticed_too(monkeypatch):
    right = whole._distance
    monkeypatch.setattr(whole, "_distance", lambda got, want, dtype: right(got * (1 + 1e-4), want, dtype))
    with pytest.raises(AssertionError, match="float32, ordinary: .* ULP, recorded"):
        table.check("numpy", "inv")


def test_a_worse_op_is_noticed(monkeypatch):
    right = measure._call

    def wrong(name, args, dtype):
        return right(name, args, dtype) * np.asarray(1 + 1e-5, "float64")

    monkeypatch.setattr(measure, "_call", wrong)
    with pytest.raises(AssertionError, match=r"float32, ordinary: .* ULP, recorded"):
        table.check("numpy", "exp")


def test_distances_are_in_units_of_the_last_place():
    want = [mpmath.mpf(1), mpmath.mpf(1), mpmath.mpf("1e39"), mpmath.nan]
    got = np.array([1 + 2**-23, 1 - 2**-24, np.inf, 7], "float32")
    assert measure._ulps(got, want, "float32")[:3].tolist() == [1.0, 0.5, 0.0]
    assert np.isnan(measure._ulps(got, want, "float32")[3])
    assert measure._ulps(np.array([np.nan], "float32"), [mpmath.mpf(1)], "float32")[0] == np.inf


def test_outside_of_the_domain_is_nothing_to_compare():
    assert mpmath.isnan(exactly(mpmath.mp.log, mpmath.mpf(-1)))
    assert mpmath.isnan(exactly(lambda x: 1 / x, mpmath.mpf(0)))


def test_the_page_is_that_of_the_record_and_every_large_error_has_a_reason():
    assert PAGE.read_text(encoding="utf-8") == page(RECORDED)
    assert high(RECORDED) == set(REASONS)
