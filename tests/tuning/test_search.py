from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest

pytest.importorskip("optuna", reason="Optuna is not installed")
import optuna
from tests.conftest import TRAINABLE
from tests.tuning import digits

import kfront
from kfront import tuning
from kfront.errors import ArgumentError
from kfront.tuning.searching import _digest

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("KFRONT_KILLS", "5"))
TRIALS = int(os.environ.get("KFRONT_TRIALS", "0"))


def fingerprint(params, number, seed=0):
    """The weights of a trial that nothing cut off, by the same parameters."""
    kfront.utils.set_random_seed(seed + number)
    trial = optuna.trial.FixedTrial(params)
    if "batch_size" in params:
        trial.suggest_categorical("batch_size", [params["batch_size"]])
    model = tuning.suggest(digits.build_model, trial)
    digits.train(model, trial, [])
    return _digest(model)


@pytest.mark.sampled(3)
def test_a_search_finds_trains_keeps_and_reports(trainable_backend, tmp_path):
    search = digits.make(tmp_path, batch_sizes=(32, 64))
    search.run(3, workers=0)
    assert [t.number for t in search.study.trials] == [0, 1, 2]
    assert set(search.study.best_params) == {"batch_size", "units", "rate", "activation", "normed"}
    model = search.best_model()
    metrics = model.evaluate(digits.X, digits.Y, verbose=0, return_dict=True)
    assert model.count_params() > 0 and 0.4 < metrics["accuracy"] <= 1.0
    search.run(4, workers=0)  # goes on
    assert len(search.study.trials) == 4
    best = search.study.best_trial
    same = [fingerprint(best.params, best.number) for _ in range(2)]
    assert same == [best.user_attrs["weights"]] * 2


def test_processes_are_replaced_after_some_trials(tmp_path, monkeypatch):
    monkeypatch.setattr("kfront.tuning.searching.TRIALS_OF_A_PROCESS", 2)
    search = digits.make(tmp_path)
    search.run(5, workers=1)
    processes = [t.user_attrs["process"] for t in search.study.trials]
    assert [processes.count(p) for p in dict.fromkeys(processes)] == [2, 2, 1] and os.getpid() not in processes


def test_draws_do_not_depend_on_earlier_ones(tmp_path):
    """A trial that is cut off between two draws gets the second as it would have been."""
    from kfront.tuning.searching import _draws

    search = digits.make(tmp_path / "a")
    whole, half = (optuna.create_study(sampler=_draws(search, 3)) for _ in range(2))
    trial, other = whole.ask(), half.ask()
    trial.suggest_float("first", 0, 1)
    assert trial.suggest_float("second", 0, 1) == other.suggest_float("second", 0, 1)
    assert trial.params["first"] != trial.params["second"]


def test_engine_and_precision_are_parameters(tmp_path):
    from kfront import backends

    engines = [e for e in ("torch", "jax") if e in backends.installed()]
    search = digits.make(tmp_path, engines=engines, precisions=("float32", "mixed_bfloat16"))
    before = kfront.config.dtype_policy().name, kfront.config.backend()
    search.run(3, workers=0)
    assert all(t.params["engine"] in engines for t in search.study.trials)
    assert all(t.state.name == "COMPLETE" for t in search.study.trials)
    assert (kfront.config.dtype_policy().name, kfront.config.backend()) == before


@pytest.mark.sampled(4, table="long")
def test_a_trial_that_fails_is_told_and_others_go_on(tmp_path):
    def build_model(units: Annotated[int, tuning.Range(-2, 3)]):
        return kfront.Sequential([kfront.Input((2,)), kfront.layers.Dense(units)])

    def train(model, trial, callbacks):
        return float(model.count_params())

    search = tuning.Search(build_model, train, tmp_path, direction="maximize", sampler=optuna.samplers.RandomSampler)
    with pytest.warns(UserWarning, match="trial . failed"):
        search.run(8, workers=0)
    states = {t.state.name for t in search.study.trials}
    assert states == {"COMPLETE", "FAIL"} and len(search.study.trials) == 8
    assert "ArgumentError" in next(t.user_attrs["error"] for t in search.study.trials if t.state.name == "FAIL")


def test_trials_that_lag_behind_are_pruned(tmp_path):
    pruner = optuna.pruners.ThresholdPruner(lower=2.0, n_warmup_steps=2)  # no accuracy is as high
    search = digits.make(tmp_path, pruner=pruner)
    search.run(1, workers=0)
    (trial,) = search.study.trials
    assert trial.state.name == "PRUNED" and sorted(trial.intermediate_values) == [0, 1, 2]


def test_a_missing_result_is_named(tmp_path):
    callback = tuning.PruningCallback(optuna.trial.FixedTrial({}), "val_loss")
    with pytest.raises(ArgumentError, match=r"expected a result named 'val_loss', got \['loss'\]"):
        callback.on_epoch_end(0, {"loss": 1.0})


def test_arguments_are_checked(tmp_path):
    with pytest.raises(ArgumentError, match="'minimize' or 'maximize'"):
        digits.make(tmp_path, direction="up")
    with pytest.raises(ArgumentError, match="`low` to be at most"):
        tuning.Range(2, 1)

    def odd(units):
        return units

    with pytest.raises(ArgumentError, match="`units` to be annotated"):
        tuning.suggest(odd, optuna.trial.FixedTrial({}))


@pytest.mark.sampled(4, table="long")
@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="looks into /proc for the processes to kill")
def test_kills_lose_no_trial_and_change_no_bit(tmp_path):
    """Processes are killed at random; every trial is told once, with the weights of one that nothing cut off."""
    trials = max(4, KILLS // 3)
    env = {**os.environ, "KERAS_BACKEND": "torch", "KFRONT_TEST_PAUSE": "0.3"}
    env["PYTHONPATH"] = os.pathsep.join((str(ROOT), os.environ["PYTHONPATH"]))
    command = [sys.executable, "-m", "tests.tuning.digits", str(tmp_path), str(trials), "2"]
    random, kills = np.random.default_rng(0), 0
    running = subprocess.Popen(command, cwd=ROOT, env=env)
    while running.poll() is None and kills < KILLS:
        time.sleep(0.1)
        if _workers(running.pid, tmp_path):
            time.sleep(random.uniform(0.0, 0.8))
            if workers := _workers(running.pid, tmp_path):
                os.kill(int(random.choice(workers)), signal.SIGKILL)
                kills += 1
    assert running.wait(timeout=3000) == 0
    assert kills == KILLS
    done = digits.make(tmp_path).study.trials
    assert [(t.number, t.state.name) for t in done] == [(i, "COMPLETE") for i in range(trials)]
    with kfront.backend_scope("torch"):
        wrong = [t.number for t in done if fingerprint(t.params, t.number) != t.user_attrs["weights"]]
    assert wrong == []


@pytest.mark.skipif(not TRIALS, reason="200 trials take minutes; `nox -s tuning`")
@pytest.mark.parametrize("engine", TRAINABLE)
def test_memory_stays_where_it_is(engine, tmp_path):
    env = {**os.environ, "KERAS_BACKEND": engine, "MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, "-m", "tests.tuning.memory", str(tmp_path), str(TRIALS)]
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
    assert float(done.stdout) < 5, f"MB more after {TRIALS} trials"


def _workers(parent, folder):
    """Processes of a search that are at work: those with a file of its folder open."""
    try:
        pids = [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    except OSError:
        return []
    return [pid for pid in pids if any(str(folder) in name for name in _open_files(pid))]


def _open_files(pid):
    try:
        return [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return []


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.seen, self.open = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in ("meta", "line", "circle", "rect", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)


def test_the_report_shows_each_trial(tmp_path):
    search = digits.make(tmp_path)
    study = search.study
    for i in range(12):
        trial = study.ask()
        x = trial.suggest_float("rate", 1e-4, 1, log=True)
        kind = trial.suggest_categorical("kind", ("a<b", "c"))
        study.tell(trial, (x if kind == "c" else 0.0) + i / 100)
    text = search.report().read_text(encoding="utf-8")
    tags = Tags(text)
    assert tags.open == [] and tags.seen.count("circle") == 12
    assert tags.seen.count("polyline") == 12 + 1  # a line for each trial, and the best so far
    assert "a&lt;b" in text and "a<b" not in text
    shares = [float(s) for s in re.findall(r">(0\.\d\d|1\.00)</text>", text.split("Importances")[1])]
    assert sum(shares[:2]) == pytest.approx(1, abs=0.02)


@pytest.mark.slow
def test_tasks_of_ray_share_a_search(tmp_path, monkeypatch):
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT), os.environ["PYTHONPATH"])))
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        task = ray.remote(num_cpus=1)(_from_another_machine)
        pids = ray.get([task.remote(str(tmp_path)) for _ in range(2)])
    finally:
        ray.shutdown()
    assert len(set(pids)) == 2
    done = digits.make(tmp_path).study.trials
    assert [(t.number, t.state.name) for t in done] == [(i, "COMPLETE") for i in range(6)]


def _from_another_machine(folder):
    from tests.tuning import digits  # by name, where the task runs

    digits.make(folder).run(6, workers=0)
    time.sleep(2)  # or one process may serve both tasks
    return os.getpid()
