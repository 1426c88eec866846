"""Functions made of functions: gradients, batching, compilation. They mean the same on every engine.

Each takes a Python function of tensors, nested tensors, Variables and layers, and gives another; they nest in any
order. What the function assigns to Variables stays assigned, also from inside compiled code.
"""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names(".gradients", "grad hessian jacobian jvp value_and_grad vjp"),
        **names(".functions", "checkpoint jit vmap"),
        **names(".parts", "merge partition"),
        "custom_gradient": "kfront.ops",
    },
)
