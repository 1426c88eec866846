"""What a process of several notices of the others; real ones are in `tests/distribution`."""

from __future__ import annotations

import atexit
import time

import pytest

from kfront import config, errors
from kfront.backends import watch as module
from kfront.backends.watch import Watch


class Store:
    """Texts that all watches of a test see; out of reach when it is closed."""

    def __init__(self):
        self.texts, self.closed = {}, False

    def put(self, name, text):
        self.check()
        self.texts[name] = text

    def find(self, name):
        self.check()
        return self.texts.get(name)

    def check(self):
        if self.closed:
            raise RuntimeError("Broken pipe")


@pytest.fixture
def make(monkeypatch):
    """Makes watches that are quick, end with the test, and note when they would end the process."""
    made = []
    monkeypatch.setattr(module, "_TICK", 0.01)
    monkeypatch.setattr(module, "_ALARMED", 0.2)
    monkeypatch.setattr(module, "_GRACE", 0.2)
    monkeypatch.setattr(atexit, "register", lambda *args: None)
    config.set_process_timeout(1)

    class Ended(BaseException):
        pass

    def end(code):
        raise Ended("the process")

    class Quiet(Watch):
        exited = stopped = False

        def _kf_run(self):
            try:
                super()._kf_run()
            except Ended as end:
                self.exited = bool(end.args)

        def _tick(self, number):
            if self.stopped:
                raise Ended
            super()._tick(number)

    monkeypatch.setattr(module.os, "_exit", end)

    def watches(count=2):
        store = Store()
        made.extend(found := [Quiet(store, count, i, "rank 0") for i in range(count)])
        time.sleep(0.05)
        return found

    yield watches
    for w in made:
        w.stopped = True
        w._over.set()
    config.set_process_timeout(None)


def step_until_told(watch, *facts, seconds=5):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        watch.step(facts)
        time.sleep(0.005)


def test_nothing_is_found_where_all_go_on(make):
    watches = make(3)
    for _ in range(5):
        for w in watches:
            w.compare({"call": "fit", "seeds": 1})
        for step in range(100):
            for w in watches:
                with w.together():
                    w.step((1, step))
    time.sleep(0.1)
    assert [w.problem for w in watches] == [None] * 3


def test_a_silent_process_is_named_by_all(make):
    watches = make(4)
    watches[2].stopped = True
    began = time.monotonic()
    for i in (0, 1, 3):
        with pytest.raises(errors.ProcessError, match="rank 2 of 4 has stopped"):
            step_until_told(watches[i], 1)
    assert 0.8 < time.monotonic() - began < 4


def test_an_exchange_that_fails_is_explained(make):
    first, second = make()
    second.stopped = True
    began = time.monotonic()
    with pytest.raises(errors.ProcessError, match="rank 1 of 2 has stopped") as found, first.together():
        raise RuntimeError("[gloo] Connection closed by peer")
    assert time.monotonic() - began < 0.9 and "closed by peer" in str(found.value.__cause__)


def test_errors_of_a_process_reach_the_others(make):
    first, second = make()
    with pytest.raises(ValueError, match="no such column"), second.together():
        raise ValueError("no such column")
    with pytest.raises(errors.ProcessError, match="rank 1 of 2 failed with ValueError: no such column"):
        step_until_told(first, 1)


def test_a_process_that_has_ended_is_missed_by_steps_it_never_took(make):
    first, second = make()
    second.close()
    with pytest.raises(errors.ProcessError, match="rank 1 of 2 has ended"):
        step_until_told(first, 1)


def test_a_process_that_has_ended_is_missed_by_exchanges(make):
    first, second = make()
    for w in (first, second):
        w.step((1,))
    second.close()
    time.sleep(1.5)
    assert first.problem is None
    with pytest.raises(errors.ProcessError, match="rank 1 of 2 has ended"), first.together():
        raise RuntimeError("NCCL error: remote process exited")


def test_a_process_that_cannot_raise_ends(make, capfd):
    first, second = make()
    second.stopped = True
    with first.together():
        time.sleep(2)
    assert first.exited and "rank 1 of 2 has stopped" in capfd.readouterr().err


def test_who_keeps_the_store_is_missed(make):
    _, second = make()
    second.store.closed = True
    with pytest.raises(errors.ProcessError, match="rank 0 has stopped: the store"):
        step_until_told(second, 1)


@pytest.mark.parametrize("facts", [{"call": "evaluate", "seeds": 1}, {"call": "fit", "seeds": 2}, {"call": "fit"}])
def test_what_differs_is_named(make, facts):
    first, second = make()
    first.compare({"call": "fit", "seeds": 1})
    with pytest.raises(errors.ProcessError, match="rank 1 of 2 differs from rank 0") as found:
        second.compare(facts)
    assert ("seeds" in str(found.value)) == ("call" not in facts or facts.get("seeds") != 1)
    with pytest.raises(errors.ProcessError, match="rank 1 of 2 differs"):
        step_until_told(first, 1)


def test_other_batches_are_noticed_even_later(make):
    first, second = make()
    for i in range(3000):
        first.step((1, 8))
        second.step((1, 7 if i == 1000 else 8))
    with pytest.raises(errors.ProcessError, match=r"by its step \d+ it was given another batch"):
        step_until_told(second, 1, 8)


def test_calls_where_others_take_steps_are_not_waited_for(make):
    first, second = make()
    for w in (first, second):
        w.compare({"call": "fit"})
        w.step((1,))
    first.step((1,))
    with pytest.raises(errors.ProcessError, match="rank 1 of 2 calls evaluate where rank 0 takes step 2"):
        second.compare({"call": "evaluate"})


def test_a_call_that_is_told_between_two_looks_is_no_difference(make):
    first, second = make(2)
    first.close()
    second.close()  # their threads: nothing else looks into the store
    store, find = first.store, first.store.find

    def slow(name):  # right after the second process has looked in vain, the first tells of its call and goes on
        found = find(name)
        if name.startswith("call/") and found is None:
            store.find = find
            first.compare({"call": "fit"})
            first.step((1,))
            first._compare_steps()
        return found

    store.find = slow
    second.compare({"call": "fit"})
    assert second.problem is None and store.find == find


def test_what_is_slow_is_waited_for(make):
    first, second = make()
    module.threading.Timer(1.5, first.compare, [{"call": "fit"}]).start()
    second.compare({"call": "fit"})
    assert second.problem is None


def test_steps_cost_little(make):
    _, second = make()
    began = time.perf_counter()
    for i in range(10_000):
        second.step((1, 8, i))
    assert time.perf_counter() - began < 0.5  # 50 µs, a hundred times what it takes
