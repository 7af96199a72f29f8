"""Where floating point has edges: σ far below 0, empty memories, sums that leave half's range, saturated gates."""

import pytest
import torch

import reference
from attention_inputs import attention_inputs, rope_tables
from measures import OUTPUT_MULTIPLE, assert_all_equal, assert_equal, relative_error, run_with_gradients

ops = torch.ops.infini


@pytest.mark.parametrize(
    "dtype, depth", [(torch.float64, -30), (torch.float32, -20), (torch.bfloat16, -10), (torch.float16, -10)], ids=str
)
def test_one_key_is_found_among_a_million_fillers(update, dtype, depth):
    """Key and query agree in one dimension; a filler agrees with the query nowhere: σ(q)·σ(filler) is as small as
    e^depth. So many fillers were written that their share is one half; with ELU(x) + 1, which rounds to 0, it is none.
    """
    width = 4
    query, key, filler = torch.full((3, width), float(depth))
    query[0] = key[0] = 0
    filler[1] = 0
    sigma = reference.sigma(torch.stack([query, key, filler]).double())
    fillers = (sigma[0] @ sigma[1]) / (sigma[0] @ sigma[2])
    found, other = (
        torch.tensor([1.0, 2, 0, -1], dtype=torch.float64),
        torch.tensor([-3.0, 1, 4, 0], dtype=torch.float64),
    )
    memory = torch.outer(sigma[1], found) + fillers * torch.outer(sigma[2], other)
    norm = sigma[1] + fillers * sigma[2]
    state = torch.float64 if dtype == torch.float64 else torch.float32
    memory, norm = memory[None, None].to(state), norm[None, None].to(state)
    q = query.to(dtype).reshape(1, 1, 1, width)
    want = (found + other) / 2
    tolerance = 4 * torch.finfo(dtype).eps
    assert_equal(ops.memory_retrieve(q, memory, norm)[0, 0, 0], want, tolerance)
    cos, sin = rope_tables(1, width, state)
    out, *_ = ops.attention(q, q, torch.zeros_like(q), torch.full((1,), 40.0), memory, norm, cos, sin, 1, update)
    assert_equal(out[0, 0, 0], want, tolerance)
    # The same keys, written by the ops: a gain stands for the many fillers.
    if update == "linear":
        keys = torch.stack([key, filler, query]).to(dtype).reshape(1, 1, 3, width)
        values = torch.stack([found, other, other * 0]).to(dtype).reshape(1, 1, 3, width)
        gain = torch.tensor([[1, fillers, 1]], dtype=torch.float64)
        out, *_ = ops.attention(
            keys[:, :, [2]].expand(1, 1, 3, width),
            keys,
            values,
            torch.full((1,), 40.0),
            torch.zeros_like(memory),
            torch.zeros_like(norm),
            cos,
            sin,
            1,
            update,
            None,
            gain,
        )
        assert_equal(out[0, 0, 2], want, tolerance)


@pytest.mark.parametrize("dtype, depth", [(torch.float32, -20), (torch.bfloat16, -10), (torch.float16, -10)], ids=str)
def test_queries_and_keys_far_below_zero_still_retrieve(update, dtype, depth):
    """σ(−20) in float and σ(−10) in bfloat16 would be 0 as ELU(x) + 1, and the retrieval 0/0."""
    inputs = attention_inputs(update, empty=True, tokens=12).to(dtype)
    inputs = inputs.replaced(
        q=(inputs.q.float() + depth).to(dtype), k=(inputs.k.float() + depth).to(dtype), beta=torch.full((4,), 40.0)
    )
    out, memory, norm = ops.attention(*inputs.arguments())
    want = reference.attention(*inputs.to(torch.float64, torch.float64).arguments())
    assert (norm > 0).all()
    assert relative_error(norm, want[2]) <= 4 * torch.finfo(torch.float32).eps
    assert relative_error(memory, want[1]) <= OUTPUT_MULTIPLE * torch.finfo(dtype).eps
    assert relative_error(out, want[0]) <= OUTPUT_MULTIPLE * torch.finfo(dtype).eps


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_an_empty_memory_gives_0_and_local_attention_alone(update, dtype):
    state = torch.float64 if dtype == torch.float64 else torch.float32
    inputs = attention_inputs(update, tokens=4, empty=True).to(dtype, state)
    assert ops.memory_retrieve(inputs.q, inputs.memory, inputs.norm).count_nonzero() == 0
    local = torch.randn(2, 4, 4, 6).to(dtype)
    assert torch.equal(ops.memory_combine(local, torch.zeros_like(local), inputs.beta, inputs.norm), local)
    out, memory, norm = ops.attention(*inputs.arguments())
    assert torch.equal(out, ops.attention(*inputs.arguments(update="none"))[0])
    updated = ops.memory_update(inputs.k, inputs.v, inputs.memory, inputs.norm, update)
    assert_all_equal([memory, norm], updated, 4 * torch.finfo(dtype).eps)


def test_every_segment_a_start_is_local_attention_alone(update):
    inputs = attention_inputs(update)
    starts = torch.ones(2, 3, dtype=torch.bool)
    out, memory, norm = ops.attention(*inputs.arguments(starts=starts))
    assert torch.equal(out, ops.attention(*inputs.arguments(update="none"))[0])
    assert memory.count_nonzero() == 0 and norm.count_nonzero() == 0  # the last segment, partial, begins a document too


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_rows_without_a_memory_have_finite_gradients(update, dtype):
    inputs = attention_inputs(update, starts=True, empty=True).to(dtype)
    outputs, gradients, _ = run_with_gradients(ops.attention, inputs)
    for tensor in outputs + gradients:
        assert tensor.isfinite().all()


def test_large_activations_do_not_overflow_the_memory_in_half(update):
    """σ(k)ᵀv sums to 100 times half's largest number."""
    inputs = attention_inputs(update, tokens=64 * 3, segment_length=64, key_width=8, value_width=8, empty=True)
    inputs = inputs.replaced(k=inputs.k.abs() * 300 + 100, v=inputs.v.abs() * 1000 + 1000).to(torch.float16)
    outputs, gradients, _ = run_with_gradients(ops.attention, inputs, scale=1e-3)  # so that the gradients fit into half
    wanted = reference.attention(*inputs.to(torch.float64, torch.float64).arguments())
    assert outputs[1].abs().max() > 100 * torch.finfo(torch.float16).max
    for got, want in zip(outputs, wanted):
        assert got.isfinite().all()
        assert relative_error(got, want) <= OUTPUT_MULTIPLE * torch.finfo(torch.float16).eps
    for gradient in gradients[:4]:
        assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_saturated_gates_and_scores_stay_finite(update, dtype):
    inputs = attention_inputs(update).to(dtype)
    inputs = inputs.replaced(q=inputs.q * 300, k=inputs.k * 300, beta=torch.tensor([200.0, -200.0, 90.0, -90.0]))
    outputs, gradients, _ = run_with_gradients(ops.attention, inputs)
    for tensor in outputs + gradients:
        assert tensor.isfinite().all()


def test_rounded_operands_do_not_reach_the_gates_gradient(update):
    """Its terms mostly cancel. Where products take bfloat16 operands, at widths of 64, the rotated queries and keys are
    rounded by up to 4e-3; dβ, in float beside bfloat16 activations, keeps within a tenth of that."""
    shape = dict(tokens=1024, segment_length=256, key_width=64, value_width=64)
    inputs = attention_inputs(update, empty=True, **shape).to(torch.bfloat16)
    _, gradients, upstream = run_with_gradients(ops.attention, inputs)
    _, wanted, _ = run_with_gradients(
        reference.attention, inputs.to(torch.float64, torch.float64), [u.double() for u in upstream]
    )
    index = inputs.DIFFERENTIABLE.index("beta")
    assert relative_error(gradients[index], wanted[index]) <= 3e-4


@pytest.mark.parametrize("depth", [-30, -41, -42, -43, -44, -45, -47, -50, -80, -200])
def test_products_of_sigma_below_floats_range_never_give_nan(update, depth):
    """σ(q)·z leaves the normal numbers of float at e^−87, and float altogether at e^−104."""
    inputs = attention_inputs(update, empty=True).to(torch.float32)
    inputs = inputs.replaced(q=inputs.q + depth, k=inputs.k + depth)
    outputs, gradients, _ = run_with_gradients(ops.attention, inputs)
    for tensor in outputs + gradients:
        assert not tensor.isnan().any()
    norm = ops.memory_update(inputs.k, inputs.v, inputs.memory, inputs.norm, update)
    assert not ops.memory_retrieve(inputs.q, *norm).isnan().any()
