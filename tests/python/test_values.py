"""Numbers: against a plain reference in double, in every dtype; gain, chunks, summaries, aliasing, threads."""

import pytest
import torch

import reference
from attention_inputs import attention_inputs, filled_state, rope_tables
from measures import (
    GRADIENT_MULTIPLE,
    OUTPUT_MULTIPLE,
    assert_all_equal,
    assert_equal,
    relative_error,
    run_with_gradients,
)

ops = torch.ops.infini


# ---- against the reference in double


@pytest.mark.parametrize("starts", [False, True])
@pytest.mark.parametrize("gain", [False, True])
@pytest.mark.parametrize("empty", [False, True])
def test_attention_equals_the_reference_in_double(any_update, starts, gain, empty):
    inputs = attention_inputs(any_update, starts=starts, gain=gain, empty=empty)
    assert_all_equal(ops.attention(*inputs.arguments()), reference.attention(*inputs.arguments()))


@pytest.mark.parametrize(
    "shape",
    [
        dict(tokens=1, segment_length=1),
        dict(tokens=1, segment_length=7),
        dict(tokens=7, segment_length=1),
        dict(tokens=8, segment_length=4),
        dict(tokens=200, segment_length=65, heads=6, groups=2, key_width=34, value_width=37),
        dict(tokens=300, segment_length=128, heads=2, groups=1, key_width=64, value_width=64),
        dict(tokens=300, segment_length=129, heads=1, groups=1, key_width=16, value_width=80, batch=1),
        dict(tokens=130, segment_length=300, heads=3, groups=3, key_width=2, value_width=1),
        dict(tokens=90, segment_length=30, heads=8, groups=1, key_width=128, value_width=96, batch=3),
    ],
    ids=lambda shape: " ".join(f"{key}={value}" for key, value in shape.items()),
)
def test_attention_and_its_gradients_equal_the_reference_in_double_for_any_shape(any_update, shape):
    inputs = attention_inputs(any_update, starts=True, gain=True, **shape)
    outputs, gradients, upstream = run_with_gradients(ops.attention, inputs)
    wanted_outputs, wanted_gradients, _ = run_with_gradients(reference.attention, inputs, upstream)
    assert_all_equal(outputs, wanted_outputs)
    assert_all_equal(gradients, wanted_gradients)


def test_the_memorys_ops_equal_the_reference_in_double(update):
    q, k, v = (torch.randn(2, heads, 20, width, dtype=torch.float64) for heads, width in ((6, 8), (2, 8), (2, 12)))
    local, beta = torch.randn(2, 6, 20, 12, dtype=torch.float64), torch.randn(6, dtype=torch.float64)
    memory, norm = filled_state(2, 2, 8, 12)
    memory[0, 1], norm[0, 1] = 0, 0
    starts = torch.tensor([[False, True, False], [False, False, False]])
    retrieved = ops.memory_retrieve(q, memory, norm)
    assert_equal(retrieved, reference.memory_retrieve(q, memory, norm))
    assert_equal(
        ops.memory_combine(local, retrieved, beta, norm), reference.memory_combine(local, retrieved, beta, norm)
    )
    assert_all_equal(ops.memory_update(k, v, memory, norm, update), reference.memory_update(k, v, memory, norm, update))
    for segments in (None, starts):
        assert_all_equal(
            ops.memory_summary(k, v, norm, 8, update, segments),
            reference.memory_summary(k, v, norm, 8, update, segments),
        )
    cos, sin = rope_tables(20, 8)
    assert_equal(ops.rotate(q, cos, sin), reference.rotate(q, cos, sin))


def test_the_head_of_a_group_that_is_empty_attends_locally_alone(update):
    """Emptiness is decided for each row and KV head by itself."""
    inputs = attention_inputs(update)
    inputs.memory[0, 1], inputs.norm[0, 1] = 0, 0
    outputs, gradients, upstream = run_with_gradients(ops.attention, inputs)
    wanted_outputs, wanted_gradients, _ = run_with_gradients(reference.attention, inputs, upstream)
    assert_all_equal(outputs, wanted_outputs)
    assert_all_equal(gradients[:4], wanted_gradients[:4])
    alone = ops.attention(*inputs.arguments(update="none"))[0]
    assert torch.equal(outputs[0][0, 2:, :4], alone[0, 2:, :4])
    assert not torch.allclose(outputs[0][0, :2, :4], alone[0, :2, :4])


# ---- in narrower dtypes


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(
    "shape",
    [
        dict(tokens=40, segment_length=16, key_width=8, value_width=12),
        dict(tokens=200, segment_length=65, heads=6, groups=2, key_width=34, value_width=37),
        dict(tokens=300, segment_length=128, heads=2, groups=1, key_width=64, value_width=64),
    ],
    ids=lambda shape: f"D={shape['key_width']}",
)
@pytest.mark.parametrize("beta", [0, 5, -5])
def test_attention_is_exact_to_a_few_eps(any_update, dtype, shape, beta):
    inputs = attention_inputs(any_update, starts=True, gain=True, **shape).to(dtype)
    inputs = inputs.replaced(beta=inputs.beta + beta)
    outputs, gradients, upstream = run_with_gradients(ops.attention, inputs)
    upstream = [u.double() for u in upstream]
    wanted_outputs, wanted_gradients, _ = run_with_gradients(
        reference.attention, inputs.to(torch.float64, torch.float64), upstream
    )
    assert outputs[0].dtype == dtype and outputs[1].dtype == outputs[2].dtype == torch.float32
    eps, state_eps = torch.finfo(dtype).eps, torch.finfo(torch.float32).eps
    assert relative_error(outputs[0], wanted_outputs[0]) <= OUTPUT_MULTIPLE * eps
    assert relative_error(outputs[1], wanted_outputs[1]) <= OUTPUT_MULTIPLE * eps
    assert relative_error(outputs[2], wanted_outputs[2]) <= OUTPUT_MULTIPLE * state_eps, (
        "the norm is always summed in float"
    )
    for name, gradient, wanted in zip(inputs.DIFFERENTIABLE, gradients, wanted_gradients):
        assert gradient.dtype == getattr(inputs, name).dtype
        if wanted.count_nonzero() == 0:
            assert gradient.count_nonzero() == 0
            continue
        tolerance = GRADIENT_MULTIPLE * eps
        if name == "beta":  # a multiple of 1 − sigmoid(β), which loses what float does not hold of a gate near 1
            tolerance += state_eps / (1 - inputs.beta.sigmoid().max().item())
        assert relative_error(gradient, wanted) <= tolerance, name


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_the_memorys_ops_are_exact_to_a_few_eps(update, dtype):
    exact = {
        name: torch.randn(2, heads, 40, width).to(dtype)
        for name, heads, width in (("q", 6, 16), ("k", 2, 16), ("v", 2, 24), ("local", 6, 24), ("retrieved", 6, 24))
    }
    q, k, v, local, retrieved = exact.values()
    memory, norm = filled_state(2, 2, 16, 24, torch.float32)
    beta, starts = torch.randn(6), torch.tensor([[False, True, False], [False, False, False]])
    cos, sin = rope_tables(40, 16, torch.float32)
    calls = {
        "memory_retrieve": (ops.memory_retrieve, reference.memory_retrieve, [q, memory, norm], []),
        "memory_update": (ops.memory_update, reference.memory_update, [k, v, memory, norm], [update]),
        "memory_combine": (ops.memory_combine, reference.memory_combine, [local, retrieved, beta, norm], []),
        "memory_summary": (ops.memory_summary, reference.memory_summary, [k, v, norm], [16, update, starts]),
        "rotate": (lambda x: ops.rotate(x, cos, sin), lambda x: reference.rotate(x, cos, sin), [q], []),
    }
    eps = torch.finfo(dtype).eps
    for name, (run, plain, tensors, rest) in calls.items():
        leaves = [tensor.clone().requires_grad_() for tensor in tensors]
        wide = [tensor.double().requires_grad_() for tensor in tensors]
        got, want = run(*leaves, *rest), plain(*wide, *rest)
        got, want = ([result] if isinstance(result, torch.Tensor) else list(result) for result in (got, want))
        for g, w in zip(got, want):
            assert relative_error(g, w) <= OUTPUT_MULTIPLE * eps, name
        upstream = [torch.randn_like(g) for g in got]
        gradients = torch.autograd.grad(got, leaves, upstream)
        used = [(w, u.double()) for w, u in zip(want, upstream) if w.requires_grad]
        wanted = torch.autograd.grad([w for w, _ in used], wide, [u for _, u in used], allow_unused=True)
        for leaf, gradient, w in zip(leaves, gradients, wanted):
            assert gradient.dtype == leaf.dtype, name
            if w is None:
                assert gradient.count_nonzero() == 0, name
            else:
                assert relative_error(gradient, w) <= GRADIENT_MULTIPLE * eps, name


@pytest.mark.parametrize("activations", [torch.float32, torch.bfloat16, torch.float16, torch.float64], ids=str)
@pytest.mark.parametrize("state", [torch.float32, torch.float64], ids=str)
def test_the_state_is_float_or_where_an_input_is_double_double(any_update, activations, state):
    inputs = attention_inputs(any_update).to(activations, state)
    wide = torch.float64 if torch.float64 in (activations, state) else torch.float32
    outputs, gradients, _ = run_with_gradients(ops.attention, inputs)
    assert [output.dtype for output in outputs] == [activations, wide, wide]
    assert [gradient.dtype for gradient in gradients] == [x.dtype for x in inputs.differentiable()]
    # A double state is not merely a widened float one.
    want = reference.attention(*inputs.arguments())
    if wide == torch.float64:
        assert_all_equal(outputs[1:], want[1:])
    if any_update == "none":
        return
    assert ops.memory_retrieve(inputs.q, inputs.memory, inputs.norm).dtype == activations
    updated = ops.memory_update(inputs.k, inputs.v, inputs.memory, inputs.norm, any_update)
    summary = ops.memory_summary(inputs.k, inputs.v, inputs.norm, 4, any_update)
    assert {result.dtype for result in (*updated, *summary)} == {wide}
    assert ops.memory_combine(inputs.q, inputs.q, inputs.beta, inputs.norm).dtype == activations


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_beta_and_the_tables_may_have_any_dtype(any_update, dtype):
    inputs = attention_inputs(any_update, starts=True, gain=True)
    inputs = inputs.replaced(**{name: getattr(inputs, name).to(dtype) for name in ("beta", "cos", "sin", "gain")})
    outputs, gradients, upstream = run_with_gradients(ops.attention, inputs)
    wanted_outputs, wanted_gradients, _ = run_with_gradients(reference.attention, inputs, upstream)
    assert_all_equal(outputs, wanted_outputs)
    assert gradients[3].dtype == dtype
    assert_all_equal(gradients[:3] + gradients[4:], wanted_gradients[:3] + wanted_gradients[4:])
    assert_equal(gradients[3], wanted_gradients[3], max(1e-10, torch.finfo(dtype).eps))


# ---- gain, chunks, summaries


@pytest.mark.parametrize("gain", [2, 3])
def test_a_gain_of_c_is_the_segment_written_c_times(gain):
    inputs = attention_inputs("linear", tokens=12)
    gains = torch.tensor([[1, gain, 1], [gain, 1, 1]], dtype=torch.float64)
    out, memory, norm = ops.attention(*inputs.arguments(gain=gains))
    state = inputs.memory, inputs.norm
    for segment in range(3):
        tokens = slice(4 * segment, 4 * segment + 4)
        q, k, v = (x[:, :, tokens] for x in (inputs.q, inputs.k, inputs.v))
        alone = ops.attention(q, k, v, inputs.beta, *state, *inputs.arguments()[6:])
        assert_equal(out[:, :, tokens], alone[0])
        rows = []
        for row in range(2):
            written = state
            for _ in range(int(gains[row, segment])):
                written = ops.memory_update(k, v, *written, "linear")
            rows.append([part[row] for part in written])
        state = [torch.stack(part) for part in zip(*rows)]
    assert_all_equal([memory, norm], state)


@pytest.mark.parametrize("segments_per_chunk", [1, 2, 3])
@pytest.mark.parametrize("starts", [False, True])
@pytest.mark.parametrize("empty", [False, True])
def test_a_chunk_of_segments_equals_as_many_calls_of_one(any_update, segments_per_chunk, starts, empty):
    inputs = attention_inputs(any_update, tokens=27, starts=starts, gain=True, empty=empty)

    def in_chunks(q, k, v, beta, memory, norm, cos, sin, length, update, starts, gain):
        out = []
        for begin in range(0, q.shape[2], segments_per_chunk * length):
            tokens = slice(begin, begin + segments_per_chunk * length)
            segments = slice(begin // length, begin // length + segments_per_chunk)
            chunk, memory, norm = ops.attention(
                q[:, :, tokens],
                k[:, :, tokens],
                v[:, :, tokens],
                beta,
                memory,
                norm,
                cos,
                sin,
                length,
                update,
                None if starts is None else starts[:, segments],
                gain[:, segments],
            )
            out.append(chunk)
        return torch.cat(out, 2), memory, norm

    outputs, gradients, upstream = run_with_gradients(ops.attention, inputs)
    chunked_outputs, chunked_gradients, _ = run_with_gradients(in_chunks, inputs, upstream)
    assert_all_equal(chunked_outputs, outputs)
    assert_all_equal(chunked_gradients, gradients)


@pytest.mark.parametrize("tokens", [3, 12, 14])
@pytest.mark.parametrize("start", [None, 0, 1, -1])
def test_a_summary_is_what_the_segments_do_to_any_memory(update, tokens, start):
    inputs = attention_inputs(update, tokens=tokens)
    starts = torch.zeros(2, -(-tokens // 4), dtype=torch.bool)
    if start is not None and -len(starts[0]) <= start < len(starts[0]):
        starts[1, start] = True
    transition, memory, norm = ops.memory_summary(inputs.k, inputs.v, inputs.norm, 4, update, starts)
    _, *state = ops.attention(*inputs.arguments(starts=starts))
    assert_all_equal([transition @ inputs.memory + memory, norm], state)
    state = inputs.memory.clone(), inputs.norm.clone()
    for segment in range(starts.shape[1]):
        for part in state:
            part[starts[:, segment]] = 0
        if segment < tokens // 4:
            part = slice(4 * segment, 4 * segment + 4)
            state = ops.memory_update(inputs.k[:, :, part], inputs.v[:, :, part], *state, update)
    assert_all_equal([transition @ inputs.memory + memory, norm], state)
    if start is not None and starts.any():
        assert transition[1].count_nonzero() == 0
    if update == "linear" and not starts[0].any():
        assert torch.equal(transition[0], torch.eye(4, dtype=torch.float64).expand(2, 4, 4))


def test_summaries_of_two_halves_compose(update):
    inputs = attention_inputs(update, tokens=16)
    first, second = (slice(0, 8), slice(8, 16))
    t1, m1, z1 = ops.memory_summary(inputs.k[:, :, first], inputs.v[:, :, first], inputs.norm, 4, update)
    t2, m2, z2 = ops.memory_summary(inputs.k[:, :, second], inputs.v[:, :, second], z1, 4, update)
    assert_all_equal([t2 @ t1, t2 @ m1 + m2, z2], ops.memory_summary(inputs.k, inputs.v, inputs.norm, 4, update))


# ---- outputs are the caller's, threads


def test_outputs_never_alias_inputs_or_each_other(any_update):
    def storages(tensors):
        return {tensor.untyped_storage().data_ptr() for tensor in tensors if isinstance(tensor, torch.Tensor)}

    def check(run, *arguments):
        copies = [argument.clone() if isinstance(argument, torch.Tensor) else argument for argument in arguments]
        outputs = run(*arguments)
        outputs = [outputs] if isinstance(outputs, torch.Tensor) else outputs
        assert len(storages(outputs)) == len(outputs)
        assert not storages(outputs) & storages(arguments)
        for argument, copy in zip(arguments, copies):
            assert argument is copy or not isinstance(argument, torch.Tensor) or torch.equal(argument, copy)

    for tokens in (1, 3, 4, 11):
        for empty in (False, True):
            inputs = attention_inputs(any_update, tokens=tokens, empty=empty)
            check(ops.attention, *inputs.arguments())
            if any_update == "none":
                continue
            check(ops.memory_update, inputs.k, inputs.v, inputs.memory, inputs.norm, any_update)
            check(ops.memory_summary, inputs.k, inputs.v, inputs.norm, 4, any_update)
            check(ops.memory_retrieve, inputs.q, inputs.memory, inputs.norm)
            check(ops.memory_combine, inputs.q, inputs.q.clone(), inputs.beta, inputs.norm)
            check(ops.rotate, inputs.q, *(table.repeat(3, 1)[:tokens] for table in (inputs.cos, inputs.sin)))
    one = attention_inputs("linear" if any_update == "none" else any_update, batch=1, heads=1, groups=1, tokens=3)
    check(ops.memory_summary, one.k[..., :1], one.v[..., :1], one.norm[..., :1], 4, one.update)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_the_number_of_threads_does_not_matter_and_a_run_repeats_bit_for_bit(any_update, dtype):
    inputs = attention_inputs(
        any_update,
        batch=2,
        heads=4,
        groups=2,
        tokens=300,
        segment_length=64,
        key_width=32,
        value_width=32,
        starts=True,
        gain=True,
    )
    inputs = inputs.to(dtype, torch.float64 if dtype == torch.float64 else torch.float32)
    results, upstream, threads = {}, None, torch.get_num_threads()
    try:
        for count in (1, 2, 2, 3):
            torch.set_num_threads(count)
            outputs, gradients, upstream = run_with_gradients(ops.attention, inputs, upstream)
            if count in results:
                assert all(map(torch.equal, outputs + gradients, results[count]))
            results[count] = outputs + gradients
    finally:
        torch.set_num_threads(threads)
    for count in (2, 3):
        assert_all_equal(results[count], results[1], 4 * torch.finfo(dtype).eps)
