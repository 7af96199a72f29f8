"""The same calls on every device at hand: against the plain reference in double, and what is asked of a GPU beside."""

import pytest
import torch

import reference
from attention_inputs import attention_inputs
from measures import GRADIENT_MULTIPLE, OUTPUT_MULTIPLE, assert_equal, relative_error, run_with_gradients

ops = torch.ops.infini

# CUDA's kernels are for widths of 64 and 128; on the CPU, where other tests go further, a smaller one is enough.
SHAPES = {
    "cpu": [dict(tokens=40, segment_length=16, key_width=16, value_width=16)],
    "cuda": [
        dict(tokens=300, segment_length=128, heads=4, groups=2, key_width=64, value_width=64),
        dict(tokens=513, segment_length=256, heads=8, groups=1, key_width=128, value_width=128, batch=1),
        dict(tokens=1000, segment_length=100, heads=3, groups=3, key_width=128, value_width=128),
        dict(tokens=77, segment_length=200, heads=2, groups=2, key_width=64, value_width=64),
    ],
}
NO_DEVICE = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
CASES = [
    pytest.param(device, shape, id=f"{device} {' '.join(f'{key}={value}' for key, value in shape.items())}", marks=marks)
    for device, marks in (("cpu", ()), ("cuda", NO_DEVICE))
    for shape in SHAPES[device]
]


def on(device, inputs):
    moved = {name: value.to(device) for name, value in vars(inputs).items() if isinstance(value, torch.Tensor)}
    return inputs.replaced(**moved)


def from_device(device, inputs):
    """Outputs, gradients and upstream gradients on the CPU of the op on `device`."""
    results = run_with_gradients(ops.attention, on(device, inputs))
    return [[tensor.cpu() for tensor in result] for result in results]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("empty", [False, True], ids=["memory", "empty memory"])
@pytest.mark.parametrize("device, shape", CASES)
def test_attention_and_its_gradients_are_exact_to_a_few_eps(any_update, device, shape, empty, dtype):
    inputs = attention_inputs(any_update, starts=True, gain=True, empty=empty, **shape).to(dtype)
    outputs, gradients, upstream = from_device(device, inputs)
    wanted_outputs, wanted_gradients, _ = run_with_gradients(
        reference.attention, inputs.to(torch.float64, torch.float64), [u.double() for u in upstream]
    )
    # A GPU multiplies float matrices in TF32 where torch's own switch says so; by default it does not.
    eps = torch.finfo(dtype).eps
    for output, wanted in zip(outputs, wanted_outputs):
        assert relative_error(output, wanted) <= OUTPUT_MULTIPLE * eps if wanted.any() else not output.any()
    for name, gradient, wanted in zip(inputs.DIFFERENTIABLE, gradients, wanted_gradients):
        if empty and name == "norm":
            continue  # the norm of an empty memory is not differentiable: its only gradient is the pass-through
        if wanted.count_nonzero() == 0:
            assert gradient.count_nonzero() == 0, name
        else:
            assert relative_error(gradient, wanted) <= GRADIENT_MULTIPLE * eps, name


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("device, shape", CASES)
def test_a_gate_that_is_all_but_open_leaves_the_softmaxs_gradients_exact(device, shape, dtype):
    """Local attention's small share of the output is lost to rounding there. Nothing is written, so that the keys'
    gradients come through the softmax alone."""
    inputs = attention_inputs("linear", **shape | dict(tokens=shape["segment_length"] - 1)).to(dtype)
    inputs.beta.fill_(6)
    _, gradients, upstream = from_device(device, inputs)
    _, wanted, _ = run_with_gradients(
        reference.attention, inputs.to(torch.float64, torch.float64), [u.double() for u in upstream]
    )
    index = inputs.DIFFERENTIABLE.index("k")
    assert relative_error(gradients[index], wanted[index]) <= GRADIENT_MULTIPLE * torch.finfo(dtype).eps


@pytest.mark.parametrize("device, shape", CASES)
def test_two_runs_agree_bit_for_bit(any_update, device, shape):
    inputs = on(device, attention_inputs(any_update, starts=True, **shape).to(torch.bfloat16))
    outputs, gradients, upstream = run_with_gradients(ops.attention, inputs)
    again, gradients_again, _ = run_with_gradients(ops.attention, inputs, upstream)
    for first, second in zip(outputs + gradients, again + gradients_again):
        assert torch.equal(first, second)


@NO_DEVICE
def test_attention_is_captured_in_a_cuda_graph(any_update):
    shape = dict(tokens=300, segment_length=128, key_width=64, value_width=64)
    inputs = on("cuda", attention_inputs(any_update, **shape).to(torch.bfloat16))
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        ops.attention(*inputs.arguments())
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = ops.attention(*inputs.arguments())
    inputs.q.copy_(torch.randn_like(inputs.q))
    inputs.v.copy_(torch.randn_like(inputs.v))
    graph.replay()
    for output, wanted in zip(outputs, ops.attention(*inputs.arguments())):
        assert torch.equal(output, wanted)


@NO_DEVICE
def test_attention_runs_on_the_current_stream_and_waits_for_nothing(any_update):
    shape = dict(tokens=300, segment_length=128, key_width=64, value_width=64)
    inputs = on("cuda", attention_inputs(any_update, **shape).to(torch.bfloat16)).requiring_grad()
    wanted = reference.attention(*on("cpu", inputs).arguments())[0].detach()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    torch.cuda.set_sync_debug_mode("error")
    try:
        with torch.cuda.stream(side):
            out = ops.attention(*inputs.arguments())[0]
            out.backward(torch.ones_like(out))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    side.synchronize()
    assert_equal(out.detach().cpu(), wanted, OUTPUT_MULTIPLE * torch.finfo(torch.bfloat16).eps)
