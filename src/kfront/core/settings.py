"""Global settings: dtype, epsilon, image layout, logging, limits; `kfront.config` is their public place.

A setting that was not made in code comes from the environment or from `keras.json` (in the folder that `KERAS_HOME`
names, else `~/.keras`), which is read on first need and never written.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kfront.core.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from kfront.core.state import State, state

_FLOATX = ("bfloat16", "float16", "float32", "float64")
_LAYOUTS = ("channels_first", "channels_last")
on_floatx: list[
    Callable[[], None]
] = []  # called when floatx changes: results of inference with the old one are dropped


class _Settings:
    """The current values; None (or the empty string) means: not read yet."""

    floatx: str = ""
    epsilon: float | None = None
    image_data_format: str = ""
    dtype_policy: Any = None
    policy_is_default: bool = True
    file: dict[str, Any] | None = None
    interactive_logging: bool = True
    traceback_filtering: bool = True
    flash_attention: bool = True


now = _Settings()


# ---- keras.json ------------------------------------------------------------------------------------------------------


def home() -> Path:
    """Folder of `keras.json` and of cached data sets."""
    named = os.environ.get("KERAS_HOME")
    return Path(named).expanduser() if named else Path.home() / ".keras"


def file_path() -> Path:
    """The path of `keras.json`, which need not exist."""
    return home() / "keras.json"


def from_file(key: str, allowed: tuple[str, ...] = ()) -> Any:
    """The value of `key` in `keras.json`, None if it has none.

    Raises:
        ArgumentError: the file is not a JSON object, or the value is not one of `allowed`.
    """
    if now.file is None:
        now.file = _read_file(file_path())
    value = now.file.get(key)
    if value is not None and allowed and value not in allowed:
        raise ArgumentError(
            f"[keras.json] expected {key!r} to be one of {', '.join(allowed)}, got {value!r}; correct {file_path()}."
        )
    return value


def _read_file(path: Path) -> dict[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:  # no such file, or none that this user may read
        return {}
    except UnicodeDecodeError as e:
        raise ArgumentError(f"[keras.json] expected UTF-8 text, got other bytes; correct or delete {path}.") from e
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise ArgumentError(f"[keras.json] expected JSON, got {e}; correct or delete {path}.") from e
    if not isinstance(found, dict):
        raise ArgumentError(
            f"[keras.json] expected a JSON object, got {type(found).__name__}; correct or delete {path}."
        )
    return found


# ---- numbers ---------------------------------------------------------------------------------------------------------


def floatx() -> str:
    """The dtype of floats that have none of their own: ``"float32"`` unless set otherwise.

    Example:

    >>> import kfront
    >>> kfront.config.floatx()
    'float32'
    """
    return now.floatx or _first_floatx()


def _first_floatx() -> str:
    now.floatx = from_file("floatx", _FLOATX) or "float32"
    return now.floatx


def set_floatx(value: str) -> None:
    """Set the dtype of floats that have none of their own.

    Args:
        value: ``"bfloat16"``, ``"float16"``, ``"float32"`` or ``"float64"``. Training in a half precision is better
            done with a mixed dtype policy, see `set_dtype_policy`.

    Raises:
        ArgumentError: for another value.

    Example:

    >>> import kfront
    >>> kfront.config.set_floatx("float64")
    >>> kfront.ops.ones(2).dtype == kfront.ops.ones(2, "float64").dtype
    True
    >>> kfront.config.set_floatx("float32")
    """
    if value not in _FLOATX:
        raise ArgumentError(f"[set_floatx] expected one of {', '.join(_FLOATX)}, got {value!r}.")
    now.floatx = str(value)
    if now.policy_is_default:
        now.dtype_policy = None
    for forget in on_floatx:
        forget()


def epsilon() -> float:
    """The small number added where a division by zero or the log of zero must be avoided; 1e-7 unless set otherwise.

    Returns:
        A float.

    Example:

    >>> import kfront
    >>> kfront.config.epsilon()
    1e-07
    """
    value = now.epsilon
    return value if value is not None else _first_epsilon()


def _first_epsilon() -> float:
    found = from_file("epsilon")
    if found is not None and (isinstance(found, bool) or not isinstance(found, (int, float))):
        raise ArgumentError(f"[keras.json] expected 'epsilon' to be a number, got {found!r}; correct {file_path()}.")
    now.epsilon = 1e-7 if found is None else float(found)
    return now.epsilon


def set_epsilon(value: float) -> None:
    """Set the small number that guards divisions and logarithms.

    Args:
        value: a number.

    Raises:
        ArgumentTypeError: if it is none.

    Example:

    >>> import kfront
    >>> kfront.config.set_epsilon(1e-5)
    >>> kfront.config.epsilon()
    1e-05
    >>> kfront.config.set_epsilon(1e-7)
    """
    try:
        now.epsilon = float(value)
    except (TypeError, ValueError) as e:
        raise ArgumentTypeError(f"[set_epsilon] expected a number, got {value!r}.") from e


def image_data_format() -> str:
    """Which axis of a batch of images holds the channels.

    Returns:
        ``"channels_last"`` unless set otherwise, or ``"channels_first"``.

    Example:

    >>> import kfront
    >>> kfront.config.image_data_format()
    'channels_last'
    """
    return now.image_data_format or _first_layout()


def _first_layout() -> str:
    now.image_data_format = from_file("image_data_format", _LAYOUTS) or "channels_last"
    return now.image_data_format


def set_image_data_format(data_format: str) -> None:
    """Set which axis of a batch of images holds the channels.

    Args:
        data_format: ``"channels_first"`` or ``"channels_last"``.

    Raises:
        ArgumentError: for another value.

    Example:

    >>> import kfront
    >>> kfront.config.set_image_data_format("channels_first")
    >>> kfront.config.image_data_format()
    'channels_first'
    >>> kfront.config.set_image_data_format("channels_last")
    """
    wanted = str(data_format).lower()
    if wanted not in _LAYOUTS:
        raise ArgumentError(f"[set_image_data_format] expected one of {', '.join(_LAYOUTS)}, got {data_format!r}.")
    now.image_data_format = wanted


# ---- random numbers --------------------------------------------------------------------------------------------------


def is_portable_random() -> bool:
    """Whether random ops give the same numbers on every backend.

    Returns:
        A bool.

    Example:

    >>> import kfront
    >>> kfront.config.is_portable_random()
    False
    """
    return state.portable_random


def set_portable_random(value: bool = True) -> None:
    """Make random ops, dropout masks included, give the same numbers on every backend (threefry2x32).

    Args:
        value: False for the engine's own generator, which is faster. Applies to this thread and, set in the
            main thread, for threads started later.

    Example:

    >>> import kfront
    >>> kfront.config.set_portable_random()
    >>> round(float(kfront.random.uniform((), seed=1)), 4)
    0.9096
    >>> kfront.config.set_portable_random(False)
    """
    if threading.current_thread() is threading.main_thread():
        State.portable_random = bool(value)
    state.portable_random = bool(value)


# ---- switches and limits ---------------------------------------------------------------------------------------------


def enable_interactive_logging() -> None:
    """Print progress and messages to standard output (the default).

    Example:

    >>> import kfront
    >>> kfront.config.enable_interactive_logging()
    >>> kfront.config.is_interactive_logging_enabled()
    True
    """
    now.interactive_logging = True


def disable_interactive_logging() -> None:
    """Send progress and messages to `logging` (logger ``"kfront"``, level INFO) instead of standard output.

    Example:

    >>> import kfront
    >>> kfront.config.disable_interactive_logging()
    >>> kfront.config.is_interactive_logging_enabled()
    False
    >>> kfront.config.enable_interactive_logging()
    """
    now.interactive_logging = False


def is_interactive_logging_enabled() -> bool:
    """Whether messages go to standard output rather than to `logging`.

    Returns:
        A bool.

    Example:

    >>> import kfront
    >>> kfront.config.is_interactive_logging_enabled()
    True
    """
    return now.interactive_logging


def enable_traceback_filtering() -> None:
    """Leave kfront's own frames out of tracebacks that pass through `fit`, a layer call and the like (the default).

    Example:

    >>> import kfront
    >>> kfront.config.enable_traceback_filtering()
    >>> kfront.config.is_traceback_filtering_enabled()
    True
    """
    now.traceback_filtering = True


def disable_traceback_filtering() -> None:
    """Show every frame in tracebacks.

    Example:

    >>> import kfront
    >>> kfront.config.disable_traceback_filtering()
    >>> kfront.config.is_traceback_filtering_enabled()
    False
    >>> kfront.config.enable_traceback_filtering()
    """
    now.traceback_filtering = False


def is_traceback_filtering_enabled() -> bool:
    """Whether kfront's own frames are left out of tracebacks.

    Returns:
        A bool.

    Example:

    >>> import kfront
    >>> kfront.config.is_traceback_filtering_enabled()
    True
    """
    return now.traceback_filtering


def is_nnx_enabled() -> bool:
    """Whether layers on JAX are Flax NNX modules: never, they are pytrees; `kfront.layers.FlaxLayer` wraps NNX modules.

    Returns:
        False.

    Example:

    >>> import kfront
    >>> kfront.config.is_nnx_enabled()
    False
    """
    return False


def enable_unsafe_deserialization() -> None:
    """Refused: there is no switch that makes every load of the process unsafe.

    Raises:
        UnsupportedError: always.

    Example:

    >>> import kfront
    >>> try:
    ...     kfront.config.enable_unsafe_deserialization()
    ... except NotImplementedError:
    ...     print("not allowed")
    not allowed
    """
    raise UnsupportedError(
        "[enable_unsafe_deserialization] expected loading to stay safe, got a request to make every load of this "
        "process unsafe; pass `safe_mode=False` to the one call that loads a file you trust."
    )


def enable_flash_attention() -> None:
    """Let attention use the engine's flash kernels where dtype, shape and device allow it (the default).

    Example:

    >>> import kfront
    >>> kfront.config.enable_flash_attention()
    >>> kfront.config.is_flash_attention_enabled()
    True
    """
    now.flash_attention = True


def disable_flash_attention() -> None:
    """Use the engine's plain attention kernels only.

    Example:

    >>> import kfront
    >>> kfront.config.disable_flash_attention()
    >>> kfront.config.is_flash_attention_enabled()
    False
    >>> kfront.config.enable_flash_attention()
    """
    now.flash_attention = False


def is_flash_attention_enabled() -> bool:
    """Whether attention may use flash kernels.

    Returns:
        A bool.

    Example:

    >>> import kfront
    >>> kfront.config.is_flash_attention_enabled()
    True
    """
    return now.flash_attention


def _limit(name: str, value: Any) -> int | None:
    if value is None:
        return None
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if number < 0 or number != float(value):
        raise ArgumentError(f"[{name}] expected None or an integer of at least 0, got {value!r}.")
    return number


class _Limit:
    """A limit from code, else from an environment variable."""

    def __init__(self, variable: str) -> None:
        self.variable, self.value, self.set = variable, None, False

    def get(self) -> int | None:
        if not self.set:
            return _limit(self.variable, os.environ.get(self.variable) or None)
        return self.value

    def put(self, name: str, value: object) -> None:
        self.value, self.set = _limit(name, value), value is not None


_epochs, _steps = _Limit("KERAS_MAX_EPOCHS"), _Limit("KERAS_MAX_STEPS_PER_EPOCH")
_ahead = _Limit("KFRONT_READ_AHEAD")
_silence = _Limit("KFRONT_PROCESS_TIMEOUT")


def max_epochs() -> int | None:
    """The most epochs that any `fit` runs: from `set_max_epochs`, else from the variable `KERAS_MAX_EPOCHS`.

    Returns:
        An int, or None where there is no limit.

    Example:

    >>> import kfront
    >>> kfront.config.set_max_epochs(2)
    >>> kfront.config.max_epochs()
    2
    >>> kfront.config.set_max_epochs(None)
    """
    return _epochs.get()


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the epochs of every `fit`, to try a script quickly.

    Args:
        max_epochs: the limit, or None for what `KERAS_MAX_EPOCHS` says.

    Raises:
        ArgumentError: not None and not an integer of at least 0.

    Example:

    >>> import kfront
    >>> kfront.config.set_max_epochs(1)
    >>> kfront.config.max_epochs()
    1
    >>> kfront.config.set_max_epochs(None)
    """
    _epochs.put("set_max_epochs", max_epochs)


def max_steps_per_epoch() -> int | None:
    """The most steps of any epoch: from `set_max_steps_per_epoch`, else from the variable `KERAS_MAX_STEPS_PER_EPOCH`.

    Returns:
        An int, or None where there is no limit.

    Example:

    >>> import kfront
    >>> kfront.config.set_max_steps_per_epoch(10)
    >>> kfront.config.max_steps_per_epoch()
    10
    >>> kfront.config.set_max_steps_per_epoch(None)
    """
    return _steps.get()


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the steps of every epoch of `fit`, `evaluate` and `predict`, to try a script quickly.

    Args:
        max_steps_per_epoch: the limit, or None for what `KERAS_MAX_STEPS_PER_EPOCH` says.

    Raises:
        ArgumentError: not None and not an integer of at least 0.

    Example:

    >>> import kfront
    >>> kfront.config.set_max_steps_per_epoch(1)
    >>> model = kfront.Sequential([kfront.Input((2,)), kfront.layers.Dense(1)])
    >>> model.predict(kfront.ops.ones((8, 2)), batch_size=4, verbose=0).shape
    (4, 1)
    >>> kfront.config.set_max_steps_per_epoch(None)
    """
    _steps.put("set_max_steps_per_epoch", max_steps_per_epoch)


def read_ahead() -> int:
    """How many batches of a slow source are prepared ahead of the steps.

    Returns:
        What `set_read_ahead` set, else what the environment variable `KFRONT_READ_AHEAD` says, else 2.

    Example:

    >>> import kfront
    >>> kfront.config.read_ahead()
    2
    """
    found = _ahead.get()
    return 2 if found is None else found


def set_read_ahead(batches: int | None) -> None:
    """Set how many batches of a slow source `fit`, `evaluate` and `predict` make ahead, in a thread of their own.

    Args:
        batches: their number; 0 makes each batch when it is its turn, for sources that look at the model or at the
            results so far; None for what `KFRONT_READ_AHEAD` says.

    Raises:
        ArgumentError: not None and not an integer of at least 0.

    Example:

    >>> import kfront
    >>> kfront.config.set_read_ahead(0)
    >>> kfront.config.read_ahead()
    0
    >>> kfront.config.set_read_ahead(None)
    """
    _ahead.put("set_read_ahead", batches)


def process_timeout() -> int:
    """After how many seconds without a sign of life a process of several counts as stopped.

    Returns:
        What `set_process_timeout` set, else what the environment variable `KFRONT_PROCESS_TIMEOUT` says, else 15.

    Example:

    >>> import kfront
    >>> kfront.config.process_timeout()
    15
    """
    found = _silence.get()
    return 15 if found is None else found


def set_process_timeout(seconds: int | None) -> None:
    """Set after how many seconds without a sign of life a process of several counts as stopped.

    Signs are given by a thread, whatever the process computes. Raise it where processes are stopped for long, such as
    on machines that swap. It holds for `kfront.distribution.initialize` calls that come after.

    Args:
        seconds: their number; 0 turns the watch off, None is what `KFRONT_PROCESS_TIMEOUT` says.

    Raises:
        ArgumentError: not None and not an integer of at least 0.

    Example:

    >>> import kfront
    >>> kfront.config.set_process_timeout(60)
    >>> kfront.config.process_timeout()
    60
    >>> kfront.config.set_process_timeout(None)
    """
    _silence.put("set_process_timeout", seconds)
