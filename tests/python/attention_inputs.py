"""Random inputs of `infini::attention`, small enough to be differentiated by finite differences."""

import dataclasses

import torch


@dataclasses.dataclass
class AttentionInputs:
    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    beta: torch.Tensor
    memory: torch.Tensor
    norm: torch.Tensor
    cos: torch.Tensor
    sin: torch.Tensor
    segment_length: int
    update: str
    starts: torch.Tensor | None = None
    gain: torch.Tensor | None = None

    DIFFERENTIABLE = ("q", "k", "v", "beta", "memory", "norm")

    def arguments(self, **changed):
        """Everything in the op's order, some of it replaced."""
        return [changed.get(field.name, getattr(self, field.name)) for field in dataclasses.fields(self)]

    def differentiable(self):
        return [getattr(self, name) for name in self.DIFFERENTIABLE]

    def requiring_grad(self):
        for tensor in self.differentiable():
            tensor.requires_grad_()
        return self

    def replaced(self, **changed):
        return dataclasses.replace(self, **changed)

    def to(self, activations, state=torch.float32):
        """The same numbers rounded to `activations`; beta, the memory and the tables in `state`."""
        narrow = {name: getattr(self, name).detach().to(activations) for name in ("q", "k", "v")}
        wide = {name: getattr(self, name).detach().to(state) for name in ("beta", "memory", "norm", "cos", "sin")}
        return self.replaced(**narrow, **wide)


def rope_tables(length, width, dtype=torch.float64):
    """cos and sin [length, width] of the rotate-half layout, base 100 so that short segments turn visibly."""
    angles = torch.outer(
        torch.arange(length, dtype=torch.float64), 100.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    )
    return torch.cat([angles.cos()] * 2, -1).to(dtype), torch.cat([angles.sin()] * 2, -1).to(dtype)


def filled_state(batch, groups, key_width, value_width, dtype=torch.float64):
    """A memory that was written to: norm away from 0."""
    return (
        torch.randn(batch, groups, key_width, value_width, dtype=dtype),
        torch.rand(batch, groups, key_width, dtype=dtype) + 0.5,
    )


def attention_inputs(
    update="linear",
    batch=2,
    heads=4,
    groups=2,
    tokens=11,
    segment_length=4,
    key_width=4,
    value_width=6,
    starts=False,
    gain=False,
    empty=False,
    dtype=torch.float64,
):
    """By default: grouped queries, D ≠ E, two full segments and a partial one, a non-empty incoming memory."""
    segments = -(-tokens // segment_length)
    cos, sin = rope_tables(segment_length, key_width, dtype)
    memory, norm = filled_state(batch, groups, key_width, value_width, dtype)
    if empty:
        memory, norm = torch.zeros_like(memory), torch.zeros_like(norm)
    document_starts = torch.zeros(batch, segments, dtype=torch.bool)
    document_starts[0, segments // 2] = True
    return AttentionInputs(
        q=torch.randn(batch, heads, tokens, key_width, dtype=dtype),
        k=torch.randn(batch, groups, tokens, key_width, dtype=dtype),
        v=torch.randn(batch, groups, tokens, value_width, dtype=dtype),
        beta=torch.randn(heads, dtype=dtype),
        memory=memory,
        norm=norm,
        cos=cos,
        sin=sin,
        segment_length=segment_length,
        update=update,
        starts=document_starts if starts else None,
        gain=torch.rand(batch, segments, dtype=torch.float64) * 2 + 0.5 if gain else None,
    )
