"""Convolution on torch, with kernels that are contiguous in torch's order."""

from __future__ import annotations

import torch

from kfront.backends.torch import conv as plain
from kfront.backends.torch.tuned.table import tuned
from kfront.backends.typing import Sizes

Tensor = torch.Tensor
_REASON = "the backward pass of torch's convolutions on CPU is slow for a kernel that is a permuted view"
_BIAS = "a bias that is added afterwards takes a pass over the outputs"
_UNTIL = "the rows are as fast with the plain forms"


@tuned("conv", reason=_REASON, benchmark="eager_layers:Conv2D", until=_UNTIL)
def conv(inputs: Tensor, kernel: Tensor, strides: Sizes, padding: str, layout: str, rate: Sizes) -> Tensor:
    weight = plain.torch_kernel(kernel, inputs.ndim).contiguous()
    return plain.convolve(inputs, weight, strides, padding, layout, rate)


@tuned("biased_conv", reason=_BIAS, benchmark="eager_layers:Conv2D", until=_UNTIL)
def biased_conv(
    inputs: Tensor, kernel: Tensor, bias: Tensor, strides: Sizes, padding: str, layout: str, rate: Sizes
) -> Tensor:
    weight = plain.torch_kernel(kernel, inputs.ndim).contiguous()
    return plain.convolve(inputs, weight, strides, padding, layout, rate, bias)


@tuned("depthwise_conv", reason=_REASON, benchmark="eager_layers:DepthwiseConv2D", until=_UNTIL)
def depthwise_conv(inputs: Tensor, kernel: Tensor, strides: Sizes, padding: str, layout: str, rate: Sizes) -> Tensor:
    weight = plain.torch_depthwise_kernel(kernel, inputs, layout).contiguous()
    return plain.convolve(inputs, weight, strides, padding, layout, rate)


tuned("separable_conv", reason=_REASON, benchmark="tuned:separable_conv", until=_UNTIL)(
    plain.separable(depthwise_conv, conv)
)


@tuned("conv_transpose", reason=_REASON, benchmark="tuned:conv_transpose", until=_UNTIL)
def conv_transpose(
    inputs: Tensor, kernel: Tensor, strides: Sizes, padding: str, output_padding: Sizes | None, layout: str, rate: Sizes
) -> Tensor:
    weight = plain.torch_kernel(kernel, inputs.ndim).contiguous()
    return plain.convolve_transposed(inputs, weight, strides, padding, output_padding, layout, rate)
