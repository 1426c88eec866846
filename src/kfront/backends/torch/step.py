"""Gradients and compiled steps."""

from __future__ import annotations

import contextlib
import functools
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch.utils._python_dispatch import _disable_current_modes

from kfront.backends.typing import Closure, Pair
from kfront.core.typing import Nested

if TYPE_CHECKING:
    from kfront.core.variable import Variable


Tensor = torch.Tensor


class _Nesting(threading.local):
    depth: int = 0  # of running calls of value_and_grad
    func: int = 0  # of transforms of `torch.func` that were started here

    def __init__(self) -> None:
        self.depth = self.func = 0


nesting = _Nesting()


class transforming:
    """Context in which what runs is inside a transform of `torch.func`."""

    def __enter__(self) -> None:
        nesting.func += 1

    def __exit__(self, *exc: object) -> None:
        nesting.func -= 1


def inside_func() -> bool:
    """Whether a transform of `torch.func` runs, or must be taken for one: `torch.compile` follows those only."""
    return torch.compiler.is_compiling() or torch._C._functorch.maybe_current_level() is not None


def recorded() -> bool:
    """Whether an op gives no value that may stay: inside a transform, in a trace, or where a mode takes the ops."""
    return (
        inside_func() or torch._C._get_tracing_state() is not None or torch._C._len_torch_dispatch_stack() > 0  # type: ignore[attr-defined]
    )


class computing:
    """Context in which ops are computed, whatever transform or mode of torch is around it."""

    def __enter__(self) -> None:
        self.stack = contextlib.ExitStack()
        self.stack.enter_context(temporarily_clear_interpreter_stack())
        self.stack.enter_context(_disable_current_modes())

    def __exit__(self, *exc: object) -> None:
        self.stack.close()


def value_and_grad(
    fn: Callable[[], Pair[Tensor]], variables: Sequence[Variable], state: Sequence[Variable] = ()
) -> tuple[Nested[Tensor], Nested[Tensor], list[Tensor]]:
    """Value and gradients of a closure; see `Backend.value_and_grad`.

    Inside another call of this function the graph is kept, so that gradients of gradients work.
    """
    tensors = [v._value for v in variables]
    unsure = [v._value for v in variables if not v._trainable or v._value is not v.own]
    frozen = [t for t in unsure if not t.requires_grad and t.is_floating_point()]
    for t in frozen:
        Tensor.requires_grad_(t, True)
    depth = nesting.depth
    nesting.depth = depth + 1
    try:
        if torch.is_grad_enabled():
            loss, aux = fn()
        else:
            with torch.enable_grad():
                loss, aux = fn()
        if not isinstance(loss, Tensor) or not loss.requires_grad:
            return loss, aux, [None] * len(tensors)
        if depth == 0 and _in_processes() and all(v._value is v.own for v in variables):
            return loss.detach(), aux, _by_backward(loss, variables)
        wanted = [t for t in tensors if t.requires_grad]
        grads = iter(torch.autograd.grad(loss, wanted, create_graph=depth > 0, allow_unused=True))
        if len(wanted) < len(tensors):
            grads = (next(grads) if t.requires_grad else None for t in tensors)
        return (loss if depth else loss.detach()), aux, list(grads)
    finally:
        nesting.depth = depth
        for t in frozen:
            Tensor.requires_grad_(t, False)


def _in_processes() -> bool:
    """Whether this is one of several processes, in which FSDP or DDP may wait for gradients."""
    return not torch.compiler.is_compiling() and torch.distributed.is_available() and torch.distributed.is_initialized()


def _by_backward(loss: Tensor, variables: Sequence[Variable]) -> list[Tensor | None]:
    """Gradients as `backward` leaves them: with hooks, by which FSDP and DDP bring those of all processes together.

    FSDP has other Parameters in a layer while it computes than in between, so they are asked for afterwards.
    """
    if any(hasattr(v.own, "placements") for v in variables):
        from kfront.backends.torch.mesh import install_foreach  # DTensor takes long to import

        install_foreach(variables[0]._kf_backend)
    before = [v.own.grad for v in variables]
    for v in variables:
        v.own.grad = None
    loss.backward()
    found = [v.own.grad for v in variables]
    for v, grad in zip(variables, before, strict=True):
        v.own.grad = grad
    return found


def compile_step(fn: Closure[Tensor], state: Callable[[], Sequence[Variable]], jit: bool | str) -> Closure[Tensor]:
    """`fn` under `torch.compile` if `jit` is True, else as it is; a step that cannot be compiled runs eagerly.

    The first call runs eagerly: layers and ops then work out things that would break the graph, and keep them.
    """
    _raise_mmap_threshold()
    if jit is not True:
        return fn
    compiled: Any = torch.compile(fn)
    warm = False

    def step(*args: object) -> Nested[Tensor]:
        nonlocal compiled, warm
        if compiled is None or not warm:
            warm = True
            return fn(*args)
        try:
            with _capture_autograd():
                return compiled(*args)
        except Exception as error:
            if not from_compiler(error):
                raise
            compiled = None
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            warnings.warn(f"[torch] the step runs eagerly, torch.compile failed: {reason}", stacklevel=2)
            return fn(*args)

    return step


@functools.cache
def _raise_mmap_threshold() -> None:
    """Have glibc keep what a step frees for the next step.

    It gives memory at the end of its heap back to the system, page by page, and asks for it again at the next step,
    once more than twice the size of the largest block that it ever took back is free there. A step of a small
    Transformer lost a quarter of its time this way. A block as large as it allows for, which nobody writes to, takes
    care of it (mallopt(3), M_MMAP_THRESHOLD); other allocators do not mind.
    """
    torch.empty(31 << 20, dtype=torch.uint8, device="cpu")


_streams: dict[torch.device, Any] = {}


def upload(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on a CUDA device; nobody waits: neither the host, nor the kernels that run at the moment.

    It is copied from pinned memory by a stream of its own, so that a batch travels while the step before it computes.
    """
    side = _streams.get(device)
    if side is None:
        side = _streams[device] = torch.cuda.Stream(device)
    now = torch.cuda.current_stream(device)
    with torch.cuda.stream(side):
        out = tensor.pin_memory().to(device, non_blocking=True)
    now.wait_stream(side)
    out.record_stream(now)  # its memory is the side stream's, and must not be given away while kernels use it
    return out


class _capture_autograd:
    """Context in which gradients are captured with the rest of a step, in one graph (newer torch; off by default)."""

    def __enter__(self) -> None:
        import torch._dynamo.config as config  # the compiler, which runs now

        self.before = getattr(config, "trace_autograd_ops", None)
        if self.before is False:
            config.trace_autograd_ops = True

    def __exit__(self, *exc: object) -> None:
        if self.before is False:
            torch._dynamo.config.trace_autograd_ops = False


def from_compiler(error: Exception) -> bool:
    """Whether torch.compile raised it, rather than the step itself."""
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor", "torch.fx"))
