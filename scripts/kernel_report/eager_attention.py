"""The memory of Infini-attention as a chain of PyTorch's own ops, and the bytes that each op moves. Each op reads and
writes whole tensors. It runs on the meta device, so nothing is computed."""

import dataclasses
import math

import torch
from torch.nn.functional import pad
from torch.utils._python_dispatch import TorchDispatchMode


@dataclasses.dataclass
class Op:
    name: str
    bytes: int
    operations: int  # multiplications and additions of matrix products


def bytes_of(value):
    """The bytes of a tensor in memory. An expanded tensor repeats the same bytes, which count once."""
    if isinstance(value, (list, tuple)):
        return sum(map(bytes_of, value))
    if not isinstance(value, torch.Tensor):
        return 0
    return math.prod(n for n, stride in zip(value.shape, value.stride()) if stride) * value.element_size()


class Recorder(TorchDispatchMode):
    """Lists the ops that are dispatched, but no views. An op reads its arguments and writes its results."""

    def __init__(self):
        super().__init__()
        self.ops = []

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        result = function(*arguments, **(keywords or {}))
        name = function.overloadpacket.__name__
        if not function.is_view and name not in ("detach", "_unsafe_view", "_reshape_alias"):
            moved = bytes_of(list(arguments)) + bytes_of(result)
            operations = 2 * result.numel() * arguments[0].shape[-1] if name in ("mm", "bmm") else 0
            self.ops.append(Op(name, moved, operations))
        return result


def rotate(x, cos, sin):
    low, high = x.chunk(2, -1)
    return x * cos + torch.cat([-high, low], -1) * sin


def sigma(x):
    """The usual way to write it. It moves the fewest bytes, but loses digits where x is far below 0."""
    return torch.nn.functional.elu(x) + 1


def states(keys, values, memory, norm, update):
    """σ(k) [B,H,S,L,D], v [B,H,S,L,E] → the memory and the norm before each segment."""
    norms = norm.unsqueeze(2) + pad(keys.sum(-2), (0, 0, 1, 0))[:, :, :-1].cumsum(2)
    written = keys.transpose(-1, -2) @ values
    if update == "linear":
        return memory.unsqueeze(2) + pad(written, (0, 0, 0, 0, 1, 0))[:, :, :-1].cumsum(2), norms
    transitions = keys.transpose(-1, -2) @ (keys / (keys @ norms.unsqueeze(-1)))
    memories = []
    for segment in range(keys.shape[2]):
        memories.append(memory)
        memory = memory + written[:, :, segment] - transitions[:, :, segment] @ memory
    return torch.stack(memories, 2), norms


def retrieve(q, local, beta, memories, norms):
    queries = sigma(q)
    retrieved = (queries @ memories) / (queries @ norms.unsqueeze(-1))
    gate = torch.sigmoid(beta).view(1, -1, 1, 1, 1)
    return gate * retrieved + (1 - gate) * local


def record(update, heads, tokens, segment_length, width):
    """→ {part: {pass: [Op]}} in bfloat16. The parts are rotation and memory; local attention is one op, not a chain."""

    def leaf(*shape):
        return torch.empty(shape, dtype=torch.bfloat16, device="meta", requires_grad=True)

    def both_passes(function, *leaves):
        with Recorder() as forward:
            outs = function(*leaves)
        gradients = [torch.empty_like(out) for out in outs]
        with Recorder() as backward:
            torch.autograd.backward(outs, gradients)
        return {"forward": forward.ops, "backward": backward.ops}

    q, k, v, local = (leaf(1, heads, tokens // segment_length, segment_length, width) for _ in range(4))
    beta, memory, norm = leaf(heads), leaf(1, heads, width, width), leaf(1, heads, width)
    cos, sin = (leaf(segment_length, width).detach() for _ in range(2))

    def remember(q, k, v, local, beta, memory, norm):
        return [retrieve(q, local, beta, *states(sigma(k), v, memory, norm, update))]

    v.grad = torch.empty_like(v)  # the gradient through local attention, to which the memory's part is added
    memory = both_passes(remember, q, k, v, local, beta, memory, norm)
    # q and k have a gradient already, to which that of rotation is added.
    return {"memory": memory, "rotation": both_passes(lambda q, k: [rotate(q, cos, sin), rotate(k, cos, sin)], q, k)}
