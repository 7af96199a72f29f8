"""The delta update needs no clamp: |M_i| ≤ z_i · max|v| · (1 + Σ_s max_i z_seg/z_out), where M_i is the memory's row of
key dimension i, z_seg what segment s added to the norm and z_out the norm after it."""

import pytest
import torch

ops = torch.ops.infini

SEGMENTS = 2000
LENGTH = 8
WIDTH = 8
GROUPS = 3
SLACK = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 2e-2}


def drifting(kind, dtype):
    """Keys and values of all segments, [1,G,N,D]: the keys' mean turns slowly, jumps, or stays in a narrow cone."""
    tokens = SEGMENTS * LENGTH
    time = torch.arange(tokens, dtype=torch.float64)[:, None] / LENGTH
    phase = torch.arange(WIDTH, dtype=torch.float64) * 0.8 + torch.arange(GROUPS, dtype=torch.float64)[:, None, None]
    noise = torch.randn(1, GROUPS, tokens, WIDTH, dtype=torch.float64)
    keys = {
        "turning": 4 * torch.sin(time / 50 + phase) + 0.3 * noise,
        "growing": (time / 100 - 10) + torch.sin(time / 20 + phase) + 0.1 * noise,
        "jumping": 6 * torch.sign(torch.sin(time / 130 + phase)) + 0.05 * noise,
        "alternating": torch.where((time.floor() % 2 == 0), 5.0, -5.0) * torch.sign(torch.sin(phase * 3)) + 0.1 * noise,
    }[kind]
    values = torch.sign(torch.randn(1, GROUPS, tokens, WIDTH + 2, dtype=torch.float64))
    return keys.to(dtype), values.to(dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("kind", ["turning", "growing", "jumping", "alternating"])
def test_the_delta_memory_is_bounded_over_2000_segments(kind, dtype):
    keys, values = drifting(kind, dtype)
    state = torch.float64 if dtype == torch.float64 else torch.float32
    memory, norm = torch.zeros(1, GROUPS, WIDTH, WIDTH + 2, dtype=state), torch.zeros(1, GROUPS, WIDTH, dtype=state)
    shares = torch.zeros(1, GROUPS, 1, dtype=torch.float64)
    for segment in range(SEGMENTS):
        tokens = slice(segment * LENGTH, (segment + 1) * LENGTH)
        before = norm
        memory, norm = ops.memory_update(keys[:, :, tokens], values[:, :, tokens], memory, norm, "delta")
        shares += ((norm - before).double() / norm.double()).amax(-1, keepdim=True)
        bound = norm.double() * values.abs().max().double() * (1 + shares)
        assert (memory.double().abs().amax(-1) <= bound * (1 + SLACK[dtype])).all(), f"segment {segment}"
    assert memory.isfinite().all() and memory.abs().max() > 0


@pytest.mark.parametrize("kind", ["turning", "growing", "jumping", "alternating"])
def test_attention_in_chunks_keeps_the_bound_as_well(kind):
    keys, values = drifting(kind, torch.float32)
    chunk = 20 * LENGTH
    cos, sin = torch.ones(LENGTH, WIDTH), torch.zeros(LENGTH, WIDTH)
    memory, norm = torch.zeros(1, GROUPS, WIDTH, WIDTH + 2), torch.zeros(1, GROUPS, WIDTH)
    shares = torch.zeros(1, GROUPS, 1, dtype=torch.float64)
    for begin in range(0, SEGMENTS * LENGTH, chunk):
        k, v = keys[:, :, begin : begin + chunk], values[:, :, begin : begin + chunk]
        written = torch.where(k > 0, k + 1, k.clamp(max=0).exp()).double().unflatten(2, (-1, LENGTH)).sum(3)
        norms = norm.double()[:, :, None] + written.cumsum(2)
        shares += (written / norms).amax(-1).sum(2, keepdim=True)
        out, memory, norm = ops.attention(k, k, v, torch.zeros(GROUPS), memory, norm, cos, sin, LENGTH, "delta")
        bound = norm.double() * values.abs().max().double() * (1 + shares)
        assert (memory.double().abs().amax(-1) <= bound * (1 + SLACK[torch.float32])).all(), f"token {begin}"
        assert out.isfinite().all()
        # A retrieval is a mean of rows M_i / z_i, so it is bounded as well.
        assert out.double().abs().max() <= (values.abs().max() * (1 + shares)).max() * (1 + SLACK[torch.float32])
