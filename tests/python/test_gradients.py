"""Gradients in double against finite differences, for every op and every input that has one."""

import pytest
import torch
from torch.autograd import gradcheck

import reference
from attention_inputs import attention_inputs, filled_state, rope_tables

ops = torch.ops.infini


def leaf(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def leaf_state(batch, groups, key_width, value_width):
    memory, norm = filled_state(batch, groups, key_width, value_width)
    return memory.requires_grad_(), norm.requires_grad_()


def check_attention(inputs, fast=True, view=lambda tensors: tensors):
    """gradcheck of all outputs in q, k, v, beta, memory, norm; undefined output gradients included."""

    def run(*tensors):
        return ops.attention(*inputs.replaced(**dict(zip(inputs.DIFFERENTIABLE, view(tensors)))).arguments())

    assert gradcheck(run, inputs.requiring_grad().differentiable(), fast_mode=fast)


# ---- attention


@pytest.mark.parametrize("starts", [False, True])
@pytest.mark.parametrize("gain", [False, True])
@pytest.mark.parametrize("empty", [False, True])
def test_attention_matches_finite_differences(any_update, starts, gain, empty):
    inputs = attention_inputs(any_update, starts=starts, gain=gain)
    if empty:  # norm away from 0 is gradcheck's domain: the state is a constant here, and only one row's is empty
        inputs.memory[1], inputs.norm[1] = 0, 0

        def run(q, k, v, beta):
            return ops.attention(*inputs.arguments(q=q, k=k, v=v, beta=beta))

        assert gradcheck(run, [t.requires_grad_() for t in inputs.differentiable()[:4]], fast_mode=True)
    else:
        check_attention(inputs)


def test_attention_matches_finite_differences_in_every_single_entry(any_update):
    check_attention(
        attention_inputs(
            any_update,
            heads=2,
            groups=1,
            tokens=8,
            segment_length=3,
            key_width=2,
            value_width=3,
            starts=True,
            gain=True,
        ),
        fast=False,
    )


@pytest.mark.parametrize("tokens, segment_length", [(1, 1), (1, 4), (3, 4), (4, 4), (5, 1), (9, 4), (12, 4)])
def test_attention_matches_finite_differences_for_any_number_of_tokens(any_update, tokens, segment_length):
    check_attention(attention_inputs(any_update, tokens=tokens, segment_length=segment_length, starts=True, gain=True))


@pytest.mark.parametrize("heads, groups", [(1, 1), (3, 3), (6, 2), (4, 1)])
@pytest.mark.parametrize("key_width, value_width", [(4, 4), (8, 3), (2, 7)])
def test_attention_matches_finite_differences_for_any_heads_and_widths(update, heads, groups, key_width, value_width):
    check_attention(attention_inputs(update, heads=heads, groups=groups, key_width=key_width, value_width=value_width))


def test_attention_matches_finite_differences_over_a_whole_vector_register_of_width(update):
    """Widths and lengths past those of vector registers and cache blocks, and no multiples of them."""
    check_attention(attention_inputs(update, batch=1, tokens=150, segment_length=70, key_width=34, value_width=37))


@pytest.mark.parametrize("layout", ["tokens_before_heads", "packed_projection", "every_other", "expanded"])
def test_attention_takes_strided_inputs(any_update, layout):
    inputs = attention_inputs(any_update, starts=True, gain=True)

    def tokens_before_heads(x):
        return x.transpose(1, 2).contiguous().transpose(1, 2)

    def packed_projection(x):
        return torch.cat([x, x * 2], -1)[..., : x.shape[-1]]

    def every_other(x):
        return torch.stack([x, x * 2], -1)[..., 0]

    def view(tensors):
        q, k, v, beta, memory, norm = tensors
        if layout == "tokens_before_heads":
            return [
                *map(tokens_before_heads, (q, k, v)),
                beta,
                memory.mT.contiguous().mT,
                norm.transpose(0, 1).contiguous().transpose(0, 1),
            ]
        if layout == "packed_projection":
            return list(map(packed_projection, tensors))
        if layout == "every_other":
            return list(map(every_other, tensors))
        return [
            q[:1].expand_as(q),
            k[:, :1].expand_as(k),
            v[:, :, :1].expand_as(v),
            beta[:1].expand_as(beta),
            memory[:, :1].expand_as(memory),
            norm[:1].expand_as(norm),
        ]

    # The constants are strided as well.
    inputs = inputs.replaced(
        cos=every_other(inputs.cos),
        sin=tokens_before_heads(inputs.sin[None, None])[0, 0].mT.contiguous().mT,
        starts=inputs.starts.T.contiguous().T,
        gain=every_other(inputs.gain),
    )
    check_attention(inputs, view=view)


def test_a_chunk_without_a_written_segment_hands_on_the_gradient_of_its_state(any_update):
    inputs = attention_inputs(any_update, tokens=3).requiring_grad()
    _, memory, norm = ops.attention(*inputs.arguments())
    upstream = torch.randn_like(memory), torch.randn_like(norm)
    torch.testing.assert_close(torch.autograd.grad([memory, norm], [inputs.memory, inputs.norm], upstream), upstream)


# ---- the memory's ops, and the rotation


@pytest.mark.parametrize("heads, groups", [(2, 2), (4, 2)])
@pytest.mark.parametrize("key_width, value_width", [(4, 4), (4, 6), (5, 3)])
def test_memory_retrieve_matches_finite_differences(heads, groups, key_width, value_width):
    inputs = leaf(2, heads, 5, key_width), *leaf_state(2, groups, key_width, value_width)
    assert gradcheck(ops.memory_retrieve, inputs)


@pytest.mark.parametrize("key_width, value_width", [(4, 4), (4, 6), (5, 3)])
def test_memory_update_matches_finite_differences(update, key_width, value_width):
    inputs = leaf(2, 2, 5, key_width), leaf(2, 2, 5, value_width), *leaf_state(2, 2, key_width, value_width)
    assert gradcheck(lambda *tensors: ops.memory_update(*tensors, update), inputs)


@pytest.mark.parametrize("heads, groups", [(2, 2), (4, 2), (3, 1)])
def test_memory_combine_matches_finite_differences(heads, groups):
    _, norm = leaf_state(2, groups, 4, 4)
    assert gradcheck(ops.memory_combine, (leaf(2, heads, 5, 4), leaf(2, heads, 5, 4), leaf(heads), norm))


def test_memory_combine_matches_finite_differences_beside_an_empty_memory():
    norm = torch.rand(2, 2, 4, dtype=torch.float64)
    norm[0, 1] = 0
    assert gradcheck(lambda *tensors: ops.memory_combine(*tensors, norm), (leaf(2, 4, 5, 4), leaf(2, 4, 5, 4), leaf(4)))


@pytest.mark.parametrize("tokens", [3, 4, 8, 11])
@pytest.mark.parametrize("starts", [False, True])
@pytest.mark.parametrize("key_width, value_width", [(4, 4), (3, 5)])
def test_memory_summary_matches_finite_differences(update, tokens, starts, key_width, value_width):
    begins = torch.zeros(2, -(-tokens // 4), dtype=torch.bool)
    begins[0, -1] = begins[1, 0] = starts
    _, norm = leaf_state(2, 2, key_width, value_width)
    inputs = leaf(2, 2, tokens, key_width), leaf(2, 2, tokens, value_width), norm
    assert gradcheck(lambda *tensors: ops.memory_summary(*tensors, 4, update, begins if starts else None), inputs)


@pytest.mark.parametrize("shape", [(5, 4), (2, 3, 5, 4), (3, 2)])
def test_rotate_matches_finite_differences(shape):
    cos, sin = rope_tables(*shape[-2:])
    assert gradcheck(lambda x: ops.rotate(x, cos, sin), (leaf(*shape),))


def test_rotate_matches_finite_differences_for_any_tables():
    """The two halves of cos and sin may differ: the backward pass is the transpose, not the rotation by −angle."""
    cos, sin = torch.randn(5, 4, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
    assert gradcheck(lambda x: ops.rotate(x, cos, sin), (leaf(2, 5, 4),))
    inputs = attention_inputs().replaced(
        cos=torch.randn(4, 4, dtype=torch.float64), sin=torch.randn(4, 4, dtype=torch.float64)
    )
    check_attention(inputs)


def test_the_memorys_ops_take_strided_inputs(update):
    def strided(x):
        """[B,N,H,width] in memory, every other number of it."""
        return torch.stack([x, x * 2], -1)[..., 0].transpose(1, 2).contiguous().transpose(1, 2)

    q, k, v = leaf(2, 4, 9, 4), leaf(2, 2, 9, 4), leaf(2, 2, 9, 6)
    memory, norm = leaf_state(2, 2, 4, 6)
    local, beta = leaf(2, 4, 9, 6), leaf(4)

    def transposed(memory, norm):
        return memory.mT.contiguous().mT, norm.mT.contiguous().mT

    assert gradcheck(
        lambda q, m, z: ops.memory_retrieve(strided(q), *transposed(m, z)), (q, memory, norm), fast_mode=True
    )
    assert gradcheck(
        lambda k, v, m, z: ops.memory_update(strided(k), strided(v), *transposed(m, z), update),
        (k, v, memory, norm),
        fast_mode=True,
    )
    assert gradcheck(
        lambda a, r, b, z: ops.memory_combine(strided(a), strided(r), b[::1], z.mT.contiguous().mT),
        (local, leaf(2, 4, 9, 6), beta, norm),
        fast_mode=True,
    )
    assert gradcheck(
        lambda k, v, z: ops.memory_summary(strided(k), strided(v), z.mT.contiguous().mT, 4, update),
        (k, v, norm),
        fast_mode=True,
    )
    cos, sin = rope_tables(9, 4)
    assert gradcheck(lambda x: ops.rotate(strided(x), cos.T.contiguous().T, sin), (q,), fast_mode=True)


# ---- undefined output gradients, double backward


def every_op(update):
    """(name, callable, inputs that require a gradient) of each public op."""
    q, k, v = leaf(2, 4, 9, 4), leaf(2, 2, 9, 4), leaf(2, 2, 9, 6)
    memory, norm = leaf_state(2, 2, 4, 6)
    cos, sin = rope_tables(9, 4)
    attention = attention_inputs(update, starts=True, gain=True).requiring_grad()
    starts = attention.starts
    return {
        "memory_retrieve": (ops.memory_retrieve, (q, memory, norm)),
        "memory_update": (lambda *t: ops.memory_update(*t, update), (k, v, memory, norm)),
        "memory_combine": (ops.memory_combine, (leaf(2, 4, 9, 6), leaf(2, 4, 9, 6), leaf(4), norm)),
        "memory_summary": (lambda *t: ops.memory_summary(*t, 4, update, starts), (k, v, norm)),
        "attention": (
            lambda *t: ops.attention(*attention.replaced(**dict(zip(attention.DIFFERENTIABLE, t))).arguments()),
            attention.differentiable(),
        ),
        "rotate": (lambda x: ops.rotate(x, cos, sin), (q,)),
    }


OP_NAMES = ["memory_retrieve", "memory_update", "memory_combine", "memory_summary", "attention", "rotate"]


@pytest.mark.parametrize("name", ["memory_update", "memory_summary", "attention"])
def test_an_output_that_is_not_used_counts_as_a_zero_gradient(name, update):
    run, inputs = every_op(update)[name]
    outputs = run(*inputs)
    upstream = [torch.randn_like(output) for output in outputs]
    for used in range(1, 2 ** len(outputs)):
        chosen = [index for index in range(len(outputs)) if used >> index & 1]
        got = torch.autograd.grad(
            [outputs[i] for i in chosen], inputs, [upstream[i] for i in chosen], retain_graph=True, allow_unused=True
        )
        zeros = [upstream[i] if i in chosen else torch.zeros_like(upstream[i]) for i in range(len(outputs))]
        want = torch.autograd.grad(outputs, inputs, zeros, retain_graph=True)
        for g, w in zip(got, want):
            torch.testing.assert_close(torch.zeros_like(w) if g is None else g, w, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", OP_NAMES)
def test_a_second_derivative_is_refused(name, update):
    run, inputs = every_op(update)[name]
    outputs = run(*inputs)
    outputs = [outputs] if isinstance(outputs, torch.Tensor) else outputs
    loss = sum(output.square().sum() for output in outputs)
    gradients = torch.autograd.grad(loss, inputs, create_graph=True)
    with pytest.raises(RuntimeError, match="(?i)first derivative only|double backward|second"):
        torch.autograd.grad(sum(gradient.square().sum() for gradient in gradients), inputs)


@pytest.mark.parametrize("name", OP_NAMES)
def test_only_the_gradients_that_were_asked_for_are_needed(name, update):
    """Each input alone requires a gradient, as with frozen layers: the same numbers as all together."""
    run, inputs = every_op(update)[name]

    def gradients(*tensors):
        outputs = run(*tensors)
        outputs = [outputs] if isinstance(outputs, torch.Tensor) else outputs
        return torch.autograd.grad(
            sum(output.square().sum() for output in outputs),
            [tensor for tensor in tensors if tensor.requires_grad],
            allow_unused=True,
        )

    for index, want in enumerate(gradients(*inputs)):
        alone = [tensor.detach().requires_grad_(i == index) for i, tensor in enumerate(inputs)]
        torch.testing.assert_close(gradients(*alone)[0], want, rtol=1e-12, atol=1e-12)


# ---- where no gradient passes


def test_no_gradient_passes_a_start(any_update):
    inputs = attention_inputs(any_update, starts=True).requiring_grad()
    begin = 1 * inputs.segment_length  # row 0 begins a document at its second segment, row 1 nowhere
    out, memory, norm = ops.attention(*inputs.arguments())
    loss = out[:, :, begin:].square().sum() + memory.square().sum() + norm.square().sum()
    dq, dk, dv, _, dmemory, dnorm = torch.autograd.grad(loss, inputs.differentiable(), allow_unused=True)
    for gradient in (dk[0, :, :begin], dv[0, :, :begin], dq[0, :, :begin], dmemory[0], dnorm[0]):
        assert gradient.count_nonzero() == 0
    assert dmemory[1].count_nonzero() > 0 and dnorm[1].count_nonzero() > 0
    if any_update != "none":
        assert dk[1, :, :begin].count_nonzero() > 0 and dv[1, :, :begin].count_nonzero() > 0
    assert dk[0, :, begin:].count_nonzero() > 0


def test_no_gradient_passes_a_start_of_a_summary(update):
    k, v = leaf(2, 2, 10, 4), leaf(2, 2, 10, 6)
    _, norm = leaf_state(2, 2, 4, 6)
    for segment, written in ((1, 8), (2, 0)):  # a full segment, and the last, partial one
        starts = torch.zeros(2, 3, dtype=torch.bool)
        starts[0, segment] = True
        outputs = ops.memory_summary(k, v, norm, 4, update, starts)
        dk, dv, dnorm = torch.autograd.grad(sum(output.square().sum() for output in outputs), (k, v, norm))
        begin = segment * 4
        for gradient in (dk[0, :, :begin], dv[0, :, :begin], dnorm[0], dk[:, :, 8:], dv[:, :, 8:]):
            assert gradient.count_nonzero() == 0
        assert dk[0, :, begin:written].count_nonzero() == dk[0, :, begin:written].numel()
        assert dk[1, :, :8].count_nonzero() > 0 and dnorm[1].count_nonzero() > 0


@pytest.mark.parametrize("tokens", [3, 4])
def test_the_norm_of_an_empty_memory_has_the_gradient_of_its_successor_alone(any_update, tokens):
    inputs = attention_inputs(any_update, tokens=tokens, empty=True).requiring_grad()
    out, memory, norm = ops.attention(*inputs.arguments())
    upstream = torch.randn_like(norm)
    grad_norm, grad_memory, grad_beta = torch.autograd.grad(
        [out, memory, norm],
        [inputs.norm, inputs.memory, inputs.beta],
        [torch.randn_like(out), torch.zeros_like(memory), upstream],
        allow_unused=True,
    )
    assert torch.equal(grad_norm, upstream)
    assert grad_memory.count_nonzero() == 0
    assert grad_beta is None or grad_beta.count_nonzero() == 0


def test_the_norm_of_an_empty_memory_has_no_gradient_in_the_memorys_ops(update):
    q, k, v = leaf(2, 4, 5, 4), leaf(2, 2, 5, 4), leaf(2, 2, 5, 6)
    memory = torch.zeros(2, 2, 4, 6, dtype=torch.float64, requires_grad=True)
    norm = torch.zeros(2, 2, 4, dtype=torch.float64, requires_grad=True)
    retrieved = ops.memory_retrieve(q, memory, norm)
    for gradient in torch.autograd.grad(retrieved, (q, memory, norm), torch.randn_like(retrieved)):
        assert gradient.count_nonzero() == 0
    memory_out, norm_out = ops.memory_update(k, v, memory, norm, update)
    upstream = torch.randn_like(memory_out), torch.randn_like(norm_out)
    for got, want in zip(torch.autograd.grad((memory_out, norm_out), (memory, norm), upstream), upstream):
        assert torch.equal(got, want)


@pytest.mark.parametrize("starts", [False, True])
@pytest.mark.parametrize("gain", [False, True])
def test_gradients_equal_the_references_from_an_empty_memory(any_update, starts, gain):
    inputs = attention_inputs(any_update, empty=True, starts=starts, gain=gain).requiring_grad()
    upstream = None
    results = []
    for run in (ops.attention, reference.attention):
        outputs = run(*inputs.arguments())
        upstream = upstream or [torch.randn_like(output) for output in outputs]
        results.append(torch.autograd.grad(outputs, inputs.differentiable(), upstream, allow_unused=True))
    for name, got, want in zip(inputs.DIFFERENTIABLE, *results):
        if name == "norm":  # at 0 the reference is not differentiable in the norm's first reading, the op defines it
            continue
        want = torch.zeros_like(got) if want is None else want
        torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-10, msg=lambda text: f"{name}: {text}")
