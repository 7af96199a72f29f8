"""The past never sees the future, rows and heads never see each other, and grouped heads are in the right order."""

import pytest
import torch

from attention_inputs import attention_inputs, filled_state, rope_tables

ops = torch.ops.infini

SEGMENT = 6
TOKENS = 20  # three full segments and a partial one


def wide_inputs(update, dtype, **settings):
    inputs = attention_inputs(update, tokens=TOKENS, segment_length=SEGMENT, key_width=8, value_width=10, **settings)
    return inputs.to(dtype, torch.float64 if dtype == torch.float64 else torch.float32)


def changed(x, *index):
    copy = x.clone()
    copy[index] = copy[index] * -3 + 7
    return copy


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_a_tokens_change_never_alters_an_earlier_output(any_update, dtype):
    inputs = wide_inputs(any_update, dtype)
    before = ops.attention(*inputs.arguments())[0]
    for token in range(TOKENS):
        for name in ("q", "k", "v"):
            altered = inputs.replaced(**{name: changed(getattr(inputs, name), slice(None), slice(None), token)})
            after = ops.attention(*altered.arguments())[0]
            assert torch.equal(after[:, :, :token], before[:, :, :token]), (name, token)
            if name == "q":
                assert torch.equal(after[:, :, token + 1 :], before[:, :, token + 1 :])
            else:
                assert not torch.equal(after[:, :, token:], before[:, :, token:])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_no_gradient_reaches_a_later_token(any_update, dtype):
    inputs = wide_inputs(any_update, dtype).requiring_grad()
    out = ops.attention(*inputs.arguments())[0]
    for token in range(TOKENS):
        dq, dk, dv = torch.autograd.grad(
            out[:, :, token].float().square().sum(), (inputs.q, inputs.k, inputs.v), retain_graph=True
        )
        assert dk[:, :, token + 1 :].count_nonzero() == dv[:, :, token + 1 :].count_nonzero() == 0
        assert dv[:, :, : token + 1].count_nonzero() > 0
        assert dq[:, :, :token].count_nonzero() == dq[:, :, token + 1 :].count_nonzero() == 0


def test_what_comes_later_does_not_matter_to_a_segment(any_update):
    """A sequence and its beginning alone give the same outputs, for every length."""
    inputs = wide_inputs(any_update, torch.float64, starts=True, gain=True)
    whole = ops.attention(*inputs.arguments())[0]
    for tokens in range(1, TOKENS):
        segments = -(-tokens // SEGMENT)
        beginning = inputs.replaced(
            q=inputs.q[:, :, :tokens],
            k=inputs.k[:, :, :tokens],
            v=inputs.v[:, :, :tokens],
            starts=inputs.starts[:, :segments],
            gain=inputs.gain[:, :segments],
        )
        torch.testing.assert_close(
            ops.attention(*beginning.arguments())[0], whole[:, :, :tokens], rtol=1e-12, atol=1e-12
        )


def test_a_change_reaches_later_segments_through_the_memory_alone(any_update):
    inputs = wide_inputs(any_update, torch.float64)
    before = ops.attention(*inputs.arguments())[0]
    altered = inputs.replaced(v=changed(inputs.v, slice(None), slice(None), 1))
    later = slice(SEGMENT, None)
    same = torch.equal(ops.attention(*altered.arguments())[0][:, :, later], before[:, :, later])
    assert same == (any_update == "none")
    starts = torch.tensor([[False, True, False, False]] * 2)
    cut, altered_cut = (ops.attention(*x.arguments(starts=starts))[0][:, :, later] for x in (inputs, altered))
    assert torch.equal(cut, altered_cut)


def test_a_partial_segment_is_not_written(update):
    inputs = wide_inputs(update, torch.float64)
    altered = inputs.replaced(
        k=changed(inputs.k, slice(None), slice(None), TOKENS - 1),
        v=changed(inputs.v, slice(None), slice(None), TOKENS - 2),
    )
    for got, want in zip(ops.attention(*altered.arguments())[1:], ops.attention(*inputs.arguments())[1:]):
        assert torch.equal(got, want)


def test_rows_and_heads_do_not_see_each_other(any_update):
    inputs = wide_inputs(any_update, torch.float64, starts=True, gain=True)
    before = ops.attention(*inputs.arguments())
    for name in ("q", "k", "v", "memory", "norm"):
        tensor = getattr(inputs, name)
        altered = tensor.clone()
        altered[1, -1] += 0.5  # one row, the last head: query head 3, or the KV head that heads 2 and 3 share
        after = ops.attention(*inputs.arguments(**{name: altered}))
        first = 3 if name == "q" else 2
        assert torch.equal(after[0][0], before[0][0]) and torch.equal(after[0][1, :first], before[0][1, :first])
        for got, want in zip(after[1:], before[1:]):
            assert torch.equal(got[0], want[0]) and torch.equal(got[1, 0], want[1, 0])
    altered = inputs.beta.clone()
    altered[2] += 1
    after = ops.attention(*inputs.arguments(beta=altered))[0]
    assert torch.equal(after[:, [0, 1, 3]], before[0][:, [0, 1, 3]])


@pytest.mark.parametrize("heads, groups", [(4, 2), (6, 2), (6, 3), (3, 1)])
def test_grouped_heads_equal_repeated_keys_and_values(any_update, heads, groups):
    """Query head h reads KV head h // (H/G), as with repeat_interleave; tiling the heads gives other numbers."""
    inputs = wide_inputs(any_update, torch.float64, heads=heads, groups=groups, starts=True, gain=True)
    repeats = heads // groups

    def repeated(order):
        names = ("k", "v", "memory", "norm")
        return inputs.replaced(**{name: order(getattr(inputs, name)) for name in names})

    grouped = ops.attention(*inputs.arguments())
    right = ops.attention(*repeated(lambda x: x.repeat_interleave(repeats, 1)).arguments())
    # To the last bit but for the order of a sum: more rows in one matrix product may be blocked otherwise.
    torch.testing.assert_close(grouped[0], right[0], rtol=1e-13, atol=1e-13)
    for got, want in zip(grouped[1:], right[1:]):
        torch.testing.assert_close(got.repeat_interleave(repeats, 1), want, rtol=1e-13, atol=1e-13)
    if groups > 1:
        tiled = repeated(lambda x: x.repeat(1, repeats, *[1] * (x.dim() - 2)))
        assert not torch.allclose(grouped[0], ops.attention(*tiled.arguments())[0])


def test_grouped_heads_of_the_memorys_ops_equal_repeated_memories():
    q, local = torch.randn(2, 6, 5, 4, dtype=torch.float64), torch.randn(2, 6, 5, 7, dtype=torch.float64)
    memory, norm = filled_state(2, 2, 4, 7)
    norm[1, 0] = 0
    memory[1, 0] = 0
    beta = torch.randn(6, dtype=torch.float64)
    retrieved = ops.memory_retrieve(q, memory, norm)
    torch.testing.assert_close(
        retrieved,
        ops.memory_retrieve(q, memory.repeat_interleave(3, 1), norm.repeat_interleave(3, 1)),
        rtol=1e-13,
        atol=1e-13,
    )
    torch.testing.assert_close(
        ops.memory_combine(local, retrieved, beta, norm),
        ops.memory_combine(local, retrieved, beta, norm.repeat_interleave(3, 1)),
        rtol=1e-13,
        atol=1e-13,
    )


def test_position_reaches_local_attention_and_not_the_memory(update):
    """Memory keys and queries carry no position: other tables change the outputs, never the states."""
    inputs = wide_inputs(update, torch.float64)
    cos, sin = rope_tables(SEGMENT, 8)
    out, memory, norm = ops.attention(*inputs.arguments(cos=cos, sin=sin))
    flat, *state = ops.attention(*inputs.arguments(cos=torch.ones_like(cos), sin=torch.zeros_like(sin)))
    assert torch.equal(memory, state[0]) and torch.equal(norm, state[1])
    assert not torch.allclose(out, flat)
    from_memory = inputs.replaced(beta=torch.full_like(inputs.beta, 60))  # the gate is 1 to the last bit
    torch.testing.assert_close(
        ops.attention(*from_memory.arguments(cos=cos, sin=sin))[0],
        ops.attention(*from_memory.arguments(cos=-cos, sin=sin))[0],
        rtol=1e-12,
        atol=1e-12,
    )
