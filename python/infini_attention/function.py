"""The function. Shapes: B batch, H query heads, G key/value heads (H a multiple of G), N tokens, L segment length,
S = ceil(N / L) segments, D key width (even), E value width."""

import torch

from infini_attention.library import load_library


def rope_tables(length, width, theta=10000.0, device=None, dtype=torch.float32):
    """The cosines and sines of rotary position embedding, [length, width] each, in the rotate-half layout.

    Row t is for the angles t * theta^(-2i / width), i = 0 ... width / 2 - 1, each one twice. The tables are computed in
    double, then rounded to `dtype`.
    """
    frequencies = theta ** (-torch.arange(0, width, 2, dtype=torch.float64, device=device) / width)
    angles = torch.outer(torch.arange(length, dtype=torch.float64, device=device), frequencies).repeat(1, 2)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def infini_attention(
    q,
    k,
    v,
    beta,
    memory=None,
    norm=None,
    *,
    segment_length,
    update="linear",
    starts=None,
    gain=None,
    rope_theta=10000.0,
    cos=None,
    sin=None,
):
    """Infini-attention over N tokens in any number of segments: local causal attention inside each segment, plus a
    memory of all earlier segments.

        A_dot = softmax(rotate(q) rotate(k)^T / sqrt(D)) v         causal, inside the segment
        A_mem = s(q) M / (s(q) z),   s(x) = ELU(x) + 1             M, z from before the segment
        out   = sigmoid(beta) A_mem + (1 - sigmoid(beta)) A_dot    A_dot alone where the memory is empty
        M    += s(k)^T v                                           "linear"
        M    += s(k)^T (v - s(k) M / (s(k) z))                     "delta"
        z    += sum_t s(k_t)

    Args:
        q: [B, H, N, D], without position embedding. q, k and v are in float32, float64, bfloat16 or float16.
        k: [B, G, N, D], without position embedding.
        v: [B, G, N, E].
        beta: [H], the gates before their sigmoid.
        memory: M [B, G, D, E], float32 or float64. None: an empty memory.
        norm: z [B, G, D], in the dtype of memory. Give both memory and norm, or neither.
        segment_length: L. Each full segment is written into the memory. A partial last segment only reads it.
        update: "linear", "delta", or "none" for local attention only.
        starts: [B, S], bool: the segment begins a new document, so the memory is emptied before it.
        gain: [B, S], floating: factor on what the segment writes.
        rope_theta: the base of the rotary position embedding inside a segment. None: no rotation.
        cos, sin: [L, D], tables in the rotate-half layout that replace those of rope_theta. Use them for another
            position embedding, or to call `rope_tables` once for many calls.

    Returns:
        out [B, H, N, E] in q's dtype; memory [B, G, D, E] and norm [B, G, D] after the last full segment. Give memory
        and norm to the next call to continue the text. They are float64 if q or the given memory is float64, else
        float32. Detach them to stop backpropagation there.

    All results have gradients with respect to q, k, v, beta, memory and norm. A wrong shape, dtype or device raises an
    error that names the argument.
    """
    load_library()
    if (memory is None) != (norm is None):
        raise ValueError("memory and norm belong together: give both or neither")
    if (cos is None) != (sin is None):
        raise ValueError("cos and sin belong together: give both or neither")
    if segment_length < 1:
        raise ValueError(f"segment_length must be 1 or more, but is {segment_length}")
    state_dtype = torch.float64 if q.dtype == torch.float64 else torch.float32
    if memory is None:
        memory = q.new_zeros((k.shape[0], k.shape[1], k.shape[-1], v.shape[-1]), dtype=state_dtype)
        norm = q.new_zeros((k.shape[0], k.shape[1], k.shape[-1]), dtype=state_dtype)
    if cos is None and rope_theta is None:
        cos = q.new_ones((segment_length, q.shape[-1]), dtype=state_dtype)
        sin = torch.zeros_like(cos)
    elif cos is None:
        cos, sin = rope_tables(segment_length, q.shape[-1], rope_theta, q.device, state_dtype)
    return torch.ops.infini.attention(q, k, v, beta, memory, norm, cos, sin, segment_length, update, starts, gain)
