"""Infini-attention (arXiv 2404.07143) as plain PyTorch, segment after segment, in double: what the ops must equal.

Shapes: B batch, H query heads, G key/value heads, N tokens, L segment length, S = ceil(N / L), D key and E value width.
Everything is differentiable by autograd; inputs of any floating dtype are widened first.
"""

import math

import torch


def double(*tensors):
    return [tensor.double() for tensor in tensors]


def sigma(x):
    """ELU(x) + 1, without its cancellation."""
    return torch.where(x > 0, x + 1, x.clamp(max=0).exp())


def per_query_head(state, heads):
    """[B,G,…] → [B,H,…]: query head h reads the memory of key/value head h // (H/G)."""
    return torch.stack([state[:, head // (heads // state.shape[1])] for head in range(heads)], 1)


def rotate(x, cos, sin):
    """x·cos + (−x₂, x₁)·sin, the rotate-half layout."""
    x, cos, sin = double(x, cos, sin)
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


def memory_retrieve(q, memory, norm):
    """σ(q) M / (σ(q) z); 0 where the memory is empty."""
    q, memory, norm = double(q, memory, norm)
    memory, norm = per_query_head(memory, q.shape[1]), per_query_head(norm, q.shape[1]).unsqueeze(-1)
    denominator = sigma(q) @ norm
    empty = denominator == 0
    return (sigma(q) @ memory / denominator.masked_fill(empty, 1)).masked_fill(empty, 0)


def memory_update(k, v, memory, norm, update, gain=None):
    """One segment into the memory; gain [B] multiplies what is written."""
    k, v, memory, norm = double(k, v, memory, norm)
    gain = torch.ones(k.shape[0], dtype=k.dtype) if gain is None else gain.double()
    written = v - memory_retrieve(k, memory, norm) if update == "delta" else v
    return (memory + gain[:, None, None, None] * (sigma(k).mT @ written), norm + gain[:, None, None] * sigma(k).sum(-2))


def memory_combine(local, retrieved, beta, norm):
    """sigmoid(β) A_mem + (1 − sigmoid(β)) A_dot; A_dot alone where the norm is all zero."""
    local, retrieved, beta, norm = double(local, retrieved, beta, norm)
    gate = beta.sigmoid()[None, :, None, None]
    empty = (per_query_head(norm, local.shape[1]) == 0).all(-1)[..., None, None]
    return torch.where(empty, local, gate * retrieved + (1 - gate) * local)


def local_attention(q, k, v, cos, sin):
    """softmax(rotate(q) rotate(k)ᵀ / √D) v, causal."""
    heads, tokens = q.shape[1], q.shape[2]
    q, k = rotate(q, cos[:tokens], sin[:tokens]), rotate(k, cos[:tokens], sin[:tokens])
    scores = q @ per_query_head(k, heads).mT / math.sqrt(q.shape[-1])
    future = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
    return scores.masked_fill(future, -math.inf).softmax(-1) @ per_query_head(v.double(), heads)


def emptied(state, starts, segment):
    """The state before a segment: 0 in the rows where it begins a document."""
    if starts is None:
        return state
    begins = starts[:, segment].reshape(-1, *[1] * (state.dim() - 1))
    return torch.where(begins, torch.zeros_like(state), state)


def attention(q, k, v, beta, memory, norm, cos, sin, segment_length, update, starts=None, gain=None):
    q, k, v, beta, memory, norm = double(q, k, v, beta, memory, norm)
    out = []
    for segment, begin in enumerate(range(0, q.shape[2], segment_length)):
        tokens = slice(begin, begin + segment_length)
        memory, norm = emptied(memory, starts, segment), emptied(norm, starts, segment)
        queries, keys, values = q[:, :, tokens], k[:, :, tokens], v[:, :, tokens]
        local = local_attention(queries, keys, values, cos, sin)
        if update == "none":
            out.append(local)
            continue
        out.append(memory_combine(local, memory_retrieve(queries, memory, norm), beta, norm))
        if keys.shape[2] == segment_length:
            memory, norm = memory_update(keys, values, memory, norm, update, None if gain is None else gain[:, segment])
    return torch.cat(out, 2), memory.clone(), norm.clone()


def memory_summary(k, v, norm, segment_length, update, starts=None):
    """M_out = transition · M_in + memory, read off by updating a memory that is a variable: [identity | 0]."""
    k, v, norm = double(k, v, norm)
    batch, groups, tokens, width = k.shape
    transition = torch.eye(width, dtype=torch.float64).expand(batch, groups, width, width).clone()
    memory = torch.zeros(batch, groups, width, v.shape[-1], dtype=torch.float64)
    for segment, begin in enumerate(range(0, tokens, segment_length)):
        transition, memory, norm = (emptied(state, starts, segment) for state in (transition, memory, norm))
        keys, values = k[:, :, begin : begin + segment_length], v[:, :, begin : begin + segment_length]
        if keys.shape[2] < segment_length:
            break
        nothing = torch.zeros(*keys.shape[:3], width, dtype=torch.float64)
        transition, _ = memory_update(keys, nothing, transition, norm, update)
        memory, norm = memory_update(keys, values, memory, norm, update)
    return transition, memory, norm.clone()
