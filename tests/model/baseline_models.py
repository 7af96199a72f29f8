"""Five kinds of context memory in plain PyTorch, from their papers' definitions, one row of tokens at a time.

A cache is a list of what is in it: nothing is padded and no row can see another. Shapes: x [n, hidden_size],
heads [heads, n, head_dim].
"""

import math

import torch

NOT_ROTATED = 0.0


def rms_norm(x, weight):
    return x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight


def rotate(heads, positions, theta=500.0):
    """Rotate-half: entry i turns with entry i + D/2, by the angle position · theta^(−2i/D)."""
    half = heads.shape[-1] // 2
    angles = positions[:, None] * theta ** (-torch.arange(half) / half)
    first, second = heads[..., :half], heads[..., half:]
    return torch.cat([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], -1)


def places(first, count):
    return torch.arange(first, first + count).double()


def attention(q, k, v, visible=None):
    """visible [n, m]: None shows everything. Query heads share the key/value head of their group."""
    group = q.shape[0] // k.shape[0]
    k, v = k.repeat_interleave(group, 0), v.repeat_interleave(group, 0)
    scores = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])
    if visible is not None:
        scores = scores.masked_fill(~visible, -math.inf)
    return scores.softmax(-1) @ v


def causal(n, earlier):
    """Each of n tokens sees `earlier` others, those before it, and itself."""
    return torch.arange(earlier + n)[None] <= earlier + torch.arange(n)[:, None]


class Layer:
    def __init__(self, weights, index, sizes):
        self.prefix, self.weights, self.index, self.sizes = f"model.layers.{index}.", weights, index, sizes
        self.forget()

    def forget(self):
        self.projected = {}  # what came before the segment, for the short convolution

    def weight(self, name):
        return self.weights[self.prefix + name]

    def project(self, x, name, constant=False):
        matrix = self.weight(f"self_attn.{name}_proj.weight")
        y = x @ (matrix.detach() if constant else matrix).T
        if "short_convolution" in self.sizes:
            y = self.convolved(y, name)[-len(x):]
        return y.view(len(x), -1, self.sizes["head_dim"]).transpose(0, 1)

    def convolved(self, y, name):
        """Of all tokens of the document up to those of y."""
        document = torch.cat([self.projected[name], y]) if name in self.projected else y
        taps = self.weight(f"self_attn.{name}_conv1d.weight")
        padded = torch.nn.functional.pad(document.T, (taps.shape[2] - 1, 0))
        return torch.nn.functional.conv1d(padded, taps, groups=len(taps)).T

    def write(self, x):
        """Remembers the projections of a full segment."""
        for name in "qkv":
            y = x @ self.weight(f"self_attn.{name}_proj.weight").T
            self.projected[name] = torch.cat([self.projected[name], y]) if name in self.projected else y

    def norm(self, x):
        return rms_norm(x, self.weight("input_layernorm.weight"))

    def rest(self, x, attended):
        """What follows the attention [H, n, D] of a block whose input is x."""
        x = x + attended.transpose(0, 1).reshape(len(x), -1) @ self.weight("self_attn.o_proj.weight").T
        y = rms_norm(x, self.weight("post_attention_layernorm.weight"))
        gate, up, down = (self.weight(f"mlp.{name}_proj.weight") for name in ("gate", "up", "down"))
        return x + (torch.nn.functional.silu(y @ gate.T) * (y @ up.T)) @ down.T


class TransformerXl:
    """One layer. The cache holds at most M keys and values; the segment's first token has position M."""

    def __init__(self, layer):
        self.layer, self.length = layer, layer.sizes["cache_length"]
        self.forget()

    def forget(self):
        empty = torch.zeros(self.layer.sizes["num_key_value_heads"], 0, self.layer.sizes["head_dim"])
        self.k, self.v = empty, empty

    def read(self, x):
        n, cached, m = len(x), self.k.shape[1], self.length
        q = rotate(self.layer.project(x, "q"), places(m, n))
        k = torch.cat([self.k, self.layer.project(x, "k")], 1)
        v = torch.cat([self.v, self.layer.project(x, "v")], 1)
        return attention(q, rotate(k, places(m - cached, cached + n)), v, causal(n, cached))

    def write(self, x):
        self.k = torch.cat([self.k, self.layer.project(x, "k")], 1)[:, -self.length:].detach()
        self.v = torch.cat([self.v, self.layer.project(x, "v")], 1)[:, -self.length:].detach()
        return 0.0


class Compressive:
    """One layer. Cache and compressed slots hold inputs of the attention, [slots, hidden_size]."""

    def __init__(self, layer):
        sizes = layer.sizes
        self.layer, self.length, self.slots = layer, sizes["cache_length"], sizes["compressed_length"]
        self.rate = sizes["compression_rate"]
        self.forget()

    def forget(self):
        self.cache = self.compressed = torch.zeros(0, self.layer.sizes["hidden_size"])

    def read(self, x):
        kept = torch.cat([self.compressed, self.cache])
        # Newest at the end: compressed slots end before position C, the cache before C + M.
        positions = torch.cat([places(self.slots - len(self.compressed), len(self.compressed)),
                               places(self.slots + self.length - len(self.cache), len(self.cache) + len(x))])
        everything = torch.cat([kept, x])
        q = rotate(self.layer.project(x, "q"), places(self.slots + self.length, len(x)))
        k = rotate(self.layer.project(everything, "k"), positions)
        return attention(q, k, self.layer.project(everything, "v"), causal(len(x), len(kept)))

    def compress(self, x):
        weight = self.layer.weight("self_attn.compression.weight")
        groups = x.view(-1, self.rate, x.shape[1])
        return sum(groups[:, j] @ weight[:, :, j].T for j in range(self.rate))

    def write(self, x):
        """Returns the loss of what this segment pushes out of the cache."""
        tokens = torch.cat([self.cache, x.detach()])
        leaving, self.cache = tokens[:-self.length], tokens[-self.length:]
        if len(leaving) == 0:
            return 0.0
        short = self.compress(leaving)
        self.compressed = torch.cat([self.compressed, short.detach()])[-self.slots:]
        q = self.layer.project(x.detach(), "q", constant=True)
        whole, less = (attention(q, self.layer.project(y, "k", constant=True), self.layer.project(y, "v", constant=True))
                       for y in (leaving, short))
        return (whole - less).square().sum() / (q.shape[0] * q.shape[2])


class Memorizing(TransformerXl):
    """The layer that looks up its nearest neighbours."""

    def forget(self):
        super().forget()
        self.far_k, self.far_v = self.k, self.v

    def read(self, x):
        near = super().read(x)
        if self.far_k.shape[1] == 0:
            return near
        q = torch.nn.functional.normalize(self.layer.project(x, "q"), dim=-1)
        group = q.shape[0] // self.far_k.shape[0]
        far = []
        for head, queries in enumerate(q):
            keys, values = self.far_k[head // group], self.far_v[head // group]
            best, where = (queries @ keys.T).topk(min(self.layer.sizes["neighbours"], len(keys)))
            shares = (math.sqrt(q.shape[2]) * best).softmax(-1)
            far.append((shares[:, :, None] * values[where]).sum(1))
        g = self.layer.weight("self_attn.memory_gate").sigmoid()[:, None, None]
        return g * torch.stack(far) + (1 - g) * near

    def write(self, x):
        slots = self.layer.sizes["slots"]
        k = torch.nn.functional.normalize(self.layer.project(x, "k"), dim=-1)
        self.far_k = torch.cat([self.far_k, k], 1)[:, -slots:].detach()
        self.far_v = torch.cat([self.far_v, self.layer.project(x, "v")], 1)[:, -slots:].detach()
        return super().write(x)


def layer_memories(kind, layers):
    if kind == "compressive":
        return [Compressive(layer) for layer in layers]
    return [Memorizing(layer) if kind == "memorizing" and layer.index == layer.sizes["layer"] else TransformerXl(layer)
            for layer in layers]


class PerLayer:
    """A row whose layers each have a memory of their own."""

    def __init__(self, kind, layers, weights):
        self.memories = layer_memories(kind, layers)

    def forget(self):
        for memory in self.memories:
            memory.forget()
            memory.layer.forget()

    def read(self, x, number, full):
        """Returns what comes out of the last block at x, and the memories' loss."""
        loss = 0.0
        for memory in self.memories:
            normed = memory.layer.norm(x)
            x = memory.layer.rest(x, memory.read(normed))
            if full:
                loss = loss + memory.write(normed)
                memory.layer.write(normed)
        return x, loss


def run_blocks(layers, x, positions):
    for layer in layers:
        normed = layer.norm(x)
        q, k = (rotate(layer.project(normed, name), positions) for name in "qk")
        x = layer.rest(x, attention(q, k, layer.project(normed, "v"), causal(len(x), 0)))
    return x


class RecurrentMemory:
    def __init__(self, kind, layers, weights):
        self.layers, self.weights = layers, weights
        self.forget()

    def forget(self):
        self.memory = self.weights["model.memory_tokens"]

    def read(self, x, number, full):
        p = len(self.memory)
        line = torch.cat([self.memory, x, self.memory] if full else [self.memory, x])
        y = run_blocks(self.layers, line, places(0, len(line)))
        if full:
            self.memory = rms_norm(y[-p:], self.weights["model.norm.weight"])
        return y[p:p + len(x)], 0.0


class Autocompressor:
    def __init__(self, kind, layers, weights):
        self.layers, self.weights = layers, weights
        self.forget()

    def forget(self):
        self.summaries = torch.zeros(0, self.weights["model.summary_tokens"].shape[1])

    def read(self, x, number, full):
        """`number`: of the segment in the whole row, whatever documents begin in it."""
        before, last = len(self.summaries), self.weights["model.summary_tokens"]
        line = torch.cat([self.summaries, x, last] if full else [self.summaries, x])
        positions = torch.full((len(line),), NOT_ROTATED)
        positions[before:before + len(x)] = places(0, len(x))
        y = run_blocks(self.layers, line, positions)
        if full:
            summary = rms_norm(y[before + len(x):], self.weights["model.norm.weight"])
            self.summaries = torch.cat([self.summaries, summary])
            if number % 2 == 1:
                self.summaries = self.summaries.detach()
        return y[before:before + len(x)], 0.0


def read_row(kind, weights, sizes, tokens, starts):
    """starts: the segments in which a document begins. Returns hidden [n, hidden_size] and the memory's loss."""
    layers = [Layer(weights, index, sizes) for index in range(sizes["num_hidden_layers"])]
    row = {"rmt": RecurrentMemory, "autocompressors": Autocompressor}.get(kind, PerLayer)(kind, layers, weights)
    hidden, loss = [], 0.0
    for number, segment in enumerate(tokens.split(sizes["segment_length"])):
        if number in starts:
            row.forget()
        x = weights["model.embed_tokens.weight"][segment]
        x, more = row.read(x, number, len(segment) == sizes["segment_length"])
        hidden.append(rms_norm(x, weights["model.norm.weight"]))
        loss = loss + more
    return torch.cat(hidden), loss
