"""The ops as torch's dispatcher knows them: opcheck, torch.compile, meta tensors, and what wrong arguments are told."""

import re

import pytest
import torch
import torch._inductor.config

from attention_inputs import attention_inputs, rope_tables

ops = torch.ops.infini

NAMES = [
    "memory_retrieve",
    "memory_update",
    "memory_combine",
    "memory_summary",
    "attention",
    "rotate",
    "rms_norm",
    "swiglu",
    "short_convolution",
    "affine_map",
    "embed_tokens",
    "linear_cross_entropy",
    "linear_token_losses",
]


def samples(name, dtype=torch.float32, requires_grad=True):
    """Argument lists of a public op: contiguous, strided, one token, partial segments, with and without options."""

    def tensor(*shape, dtype=dtype):
        return torch.randn(*shape, dtype=dtype, requires_grad=requires_grad)

    def positive(*shape):
        return torch.rand(*shape, dtype=state).add(0.5).requires_grad_(requires_grad)

    def transposed(heads, width, tokens=11):
        return torch.randn(2, tokens, heads, width, dtype=dtype).transpose(1, 2).requires_grad_(requires_grad)

    state = torch.float64 if dtype == torch.float64 else torch.float32
    memory, norm = tensor(2, 2, 4, 6, dtype=state), positive(2, 2, 4)
    strided_memory = torch.randn(2, 2, 6, 4, dtype=state).mT.requires_grad_(requires_grad)
    strided_norm = torch.rand(2, 4, 2, dtype=state).add(0.5).mT.requires_grad_(requires_grad)
    starts = torch.tensor([[False, True, False], [True, False, True]])
    if name == "memory_retrieve":
        return [
            [tensor(2, 4, 5, 4), memory, norm],
            [transposed(4, 4), strided_memory, strided_norm],
            [tensor(2, 2, 1, 4), torch.zeros_like(memory), torch.zeros_like(norm)],
        ]
    if name == "memory_update":
        return [
            [k, v, m, z, update]
            for update in ("linear", "delta")
            for k, v, m, z in (
                [tensor(2, 2, 5, 4), tensor(2, 2, 5, 6), memory, norm],
                [transposed(2, 4), transposed(2, 6), strided_memory, strided_norm],
                [tensor(2, 2, 1, 4), tensor(2, 2, 1, 6), torch.zeros_like(memory), torch.zeros_like(norm)],
            )
        ]
    if name == "memory_combine":
        return [
            [tensor(2, 4, 5, 6), tensor(2, 4, 5, 6), tensor(4, dtype=torch.float32), norm],
            [transposed(4, 6), tensor(2, 4, 11, 6), tensor(4), strided_norm],
            [tensor(2, 4, 11, 6), transposed(4, 6), tensor(4), torch.zeros_like(norm)],
        ]
    if name == "memory_summary":
        return [
            [k, v, z, 4, update, begins]
            for update in ("linear", "delta")
            for begins in (None, starts)
            for k, v, z in (
                [tensor(2, 2, 11, 4), tensor(2, 2, 11, 6), norm],
                [transposed(2, 4), transposed(2, 6), strided_norm],
            )
        ] + [[tensor(2, 2, 3, 4), tensor(2, 2, 3, 6), norm, 4, update] for update in ("linear", "delta")]
    if name == "rotate":
        tables = [table.to(torch.float32) for table in rope_tables(11, 4)]
        return [[tensor(2, 4, 11, 4), *tables], [transposed(4, 4), *tables], [tensor(11, 4), *tables]]
    if name == "rms_norm":
        return [[x, tensor(4), 0.1] for x in (tensor(2, 11, 4), transposed(4, 4), tensor(3, 1, 4))]
    if name == "swiglu":
        return [[make() for _ in range(2)] for make in (lambda: tensor(2, 11, 4), lambda: transposed(4, 4))]
    if name == "short_convolution":
        strided = [torch.randn(*shape, dtype=dtype).mT.requires_grad_(requires_grad) for shape in ((2, 4, 11), (2, 4, 3))]
        return [
            [tensor(2, 11, 4), tensor(2, 3, 4), tensor(4, 1, 4, dtype=state), 4, starts],
            [*strided, tensor(4, 1, 4), 4, starts.T.contiguous().T],
            [tensor(2, 1, 4), tensor(2, 1, 4), tensor(4, 1, 2), 4],
        ]
    if name == "affine_map":
        return [[x, tensor(6, 4), bias] for x in (tensor(2, 11, 4), transposed(3, 4)) for bias in (tensor(6), None)]
    if name == "embed_tokens":
        return [[tensor(7, 4), torch.randint(7, shape), dtype] for shape in ((2, 3), (5,), (1, 1))]
    if name in ("linear_cross_entropy", "linear_token_losses"):
        constant = name == "linear_token_losses"
        targets = torch.tensor([1, -100, 3, 0, 2])
        hidden, weight = tensor(5, 4), tensor(7, 4)
        if constant:
            hidden, weight = hidden.detach(), weight.detach()
            return [[hidden, weight, targets], [hidden[:1], weight, targets[:1]]]
        return [[hidden, weight, targets, w] for w in (None, torch.rand(5, dtype=state))]
    result = []
    for update in ("none", "linear", "delta"):
        for settings in (
            dict(),
            dict(starts=True, gain=True),
            dict(tokens=3),
            dict(tokens=8, empty=True, starts=True),
            dict(heads=2, key_width=6, value_width=6),
        ):
            inputs = attention_inputs(update, **settings).to(dtype, state)
            if settings == dict(starts=True, gain=True):
                strided = {
                    key: getattr(inputs, key).transpose(1, 2).contiguous().transpose(1, 2) for key in ("q", "k", "v")
                }
                inputs = inputs.replaced(
                    memory=strided_memory.detach().clone(memory_format=torch.preserve_format),
                    norm=strided_norm.detach().clone(memory_format=torch.preserve_format),
                    **strided,
                )
            if requires_grad:
                inputs.requiring_grad()
            result.append(inputs.arguments())
    return result


def differentiable(arguments):
    return [a for a in arguments if isinstance(a, torch.Tensor) and a.requires_grad]


def as_list(result):
    return [result] if isinstance(result, torch.Tensor) else list(result)


# ---- opcheck


@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_opcheck_passes(name, dtype, requires_grad):
    chosen = samples(name, dtype, requires_grad)
    if dtype != torch.float32 or not requires_grad:
        chosen = chosen[1::5]  # what depends on shapes was seen in float
    elif len(chosen) > 3:
        chosen = chosen[1::2]  # strided ones, with options, of every update
    tolerance = dict(rtol=2e-2, atol=2e-2) if dtype == torch.bfloat16 else {}
    for arguments in chosen:
        torch.library.opcheck(getattr(ops, name).default, arguments, **tolerance)


def test_the_public_schemas_are_the_contracts():
    state = "(Tensor memory, Tensor norm)"
    schemas = {
        "memory_retrieve": "(Tensor q, Tensor memory, Tensor norm) -> Tensor",
        "memory_update": f"(Tensor k, Tensor v, Tensor memory, Tensor norm, str update) -> {state}",
        "memory_combine": "(Tensor local, Tensor retrieved, Tensor beta, Tensor norm) -> Tensor",
        "memory_summary": "(Tensor k, Tensor v, Tensor norm, int segment_length, str update, Tensor? starts=None) -> "
        "(Tensor transition, Tensor memory, Tensor norm)",
        "attention": "(Tensor q, Tensor k, Tensor v, Tensor beta, Tensor memory, Tensor norm, Tensor cos, Tensor sin, "
        "int segment_length, str update, Tensor? starts=None, Tensor? gain=None) -> "
        "(Tensor out, Tensor memory, Tensor norm)",
        "rms_norm": "(Tensor x, Tensor weight, float eps) -> Tensor",
        "swiglu": "(Tensor gate, Tensor up) -> Tensor",
        "short_convolution": "(Tensor x, Tensor before, Tensor weight, int segment_length, Tensor? starts=None) -> "
        "Tensor",
        "affine_map": "(Tensor x, Tensor weight, Tensor? bias=None) -> Tensor",
        "embed_tokens": "(Tensor weight, Tensor tokens, ScalarType dtype) -> Tensor",
        "linear_cross_entropy": "(Tensor hidden, Tensor weight, Tensor targets, Tensor? row_weights=None) -> Tensor",
        "linear_token_losses": "(Tensor hidden, Tensor weight, Tensor targets) -> Tensor",
    }
    for name, schema in schemas.items():
        assert str(getattr(ops, name).default._schema) == f"infini::{name}{schema}"


# ---- meta


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_meta_results_and_gradients_have_the_shapes_dtypes_and_strides_of_the_cpus(name, dtype):
    def form(tensors):
        return [(t.shape, t.stride(), t.dtype) for t in tensors]

    def on_meta(argument):
        if not isinstance(argument, torch.Tensor):
            return argument
        empty = torch.empty_strided(argument.shape, argument.stride(), dtype=argument.dtype, device="meta")
        return empty.requires_grad_(argument.requires_grad)

    for arguments in samples(name, dtype):
        forms = []
        for each in (arguments, [on_meta(argument) for argument in arguments]):
            outputs = as_list(getattr(ops, name)(*each))
            leaves = differentiable(each)
            upstream = [torch.ones_like(output) for output in outputs]
            gradients = torch.autograd.grad(outputs, leaves, upstream) if leaves else []
            with torch.no_grad():
                plain = as_list(getattr(ops, name)(*each))
            forms.append((form(outputs), form(gradients), form(plain)))
        assert forms[0] == forms[1]


# ---- torch.compile


class Layer(torch.nn.Module):
    """Projections around the ops: all six of them, two chunks of segments, a gradient through the handed-on state."""

    def __init__(self, update, heads=4, groups=2, width=8, segment_length=4):
        super().__init__()
        self.update, self.heads, self.groups, self.segment_length = update, heads, groups, segment_length
        self.queries = torch.nn.Linear(width, heads * 4, bias=False)
        self.keys = torch.nn.Linear(width, groups * 4, bias=False)
        self.values = torch.nn.Linear(width, groups * 6, bias=False)
        self.beta = torch.nn.Parameter(torch.randn(heads))
        self.out = torch.nn.Linear(heads * 6, width, bias=False)

    def heads_of(self, projection, x, heads):
        return projection(x).unflatten(-1, (heads, -1)).transpose(1, 2)

    def forward(self, x, memory, norm, cos, sin, starts):
        q, k, v = (
            self.heads_of(self.queries, x, self.heads),
            self.heads_of(self.keys, x, self.groups),
            self.heads_of(self.values, x, self.groups),
        )
        out, memory, norm = ops.attention(
            q, k, v, self.beta, memory, norm, cos, sin, self.segment_length, self.update, starts
        )
        retrieved = ops.memory_retrieve(torch.nn.functional.silu(q), memory, norm)
        out = ops.memory_combine(out, retrieved, self.beta, norm)
        memory, norm = ops.memory_update(k, v, memory, norm, self.update)
        transition, added, norm = ops.memory_summary(k, v, norm, self.segment_length, self.update, starts)
        rotated = ops.rotate(q[:, :, : self.segment_length], cos, sin)
        return self.out(out.transpose(1, 2).flatten(2)), transition @ memory + added, norm, rotated


@pytest.mark.parametrize(
    "backend, update, dynamic",
    [
        ("aot_eager", "linear", False),
        ("aot_eager", "delta", False),
        ("aot_eager", "delta", True),
        ("inductor", "delta", False),
    ],
)
# Inductor's own kernels around the ops are not under test: without vector instructions they compile in half the time.
@torch._inductor.config.patch({"cpp.vec_isa_ok": False, "cpp_cache_precompile_headers": False, "compile_threads": 1})
def test_a_compiled_module_gives_the_same_numbers_and_gradients(backend, update, dynamic):
    torch._dynamo.reset()
    layer = Layer(update).double()
    cos, sin = rope_tables(4, 4)
    starts = torch.tensor([[False, True, False], [False, False, False]])

    def results(run, tokens):
        torch.manual_seed(tokens)
        x = torch.randn(2, tokens, 8, dtype=torch.float64, requires_grad=True)
        memory = torch.randn(2, 2, 4, 6, dtype=torch.float64, requires_grad=True)
        norm = torch.rand(2, 2, 4, dtype=torch.float64).add(0.5).requires_grad_()
        outputs = run(x, memory, norm, cos, sin, starts)
        leaves = [x, memory, norm, *layer.parameters()]
        return [*outputs, *torch.autograd.grad(sum(output.square().sum() for output in outputs), leaves)]

    compiled = torch.compile(layer, fullgraph=True, backend=backend, dynamic=dynamic)
    for tokens in (11, 12) if dynamic else (11,):
        for got, want in zip(results(compiled, tokens), results(layer, tokens)):
            torch.testing.assert_close(got, want, rtol=1e-11, atol=1e-11)


# ---- wrong arguments


def attention_error(**changed):
    inputs = attention_inputs(starts=True, gain=True)
    return lambda: ops.attention(*inputs.arguments(**changed))


def attention_shape(name, *shape, dtype=torch.float64):
    return attention_error(**{name: torch.zeros(*shape, dtype=dtype)})


def convolution_error(**changed):
    right = dict(x=torch.zeros(2, 11, 4), before=torch.zeros(2, 3, 4), weight=torch.zeros(4, 1, 4), segment_length=4)
    return lambda: ops.short_convolution(**{**right, **changed})


def wrong(run, *parts):
    """(call, what its message must hold)"""
    return run, parts


STATE = dict(memory=torch.zeros(2, 2, 4, 6), norm=torch.zeros(2, 2, 4))

# q [2,4,11,4], k [2,2,11,4], v [2,2,11,6], beta [4], memory [2,2,4,6], norm [2,2,4], cos, sin [4,4], starts, gain [2,3]
WRONG = {
    "q's dimensions": wrong(attention_shape("q", 4, 11, 4), "q", "4 dimensions", "[4, 11, 4]"),
    "q's dtype": wrong(attention_shape("q", 2, 4, 11, 4, dtype=torch.int64), "q", "floating", "Long|int64"),
    "no KV heads": wrong(
        attention_error(
            k=torch.zeros(2, 0, 11, 4, dtype=torch.float64),
            v=torch.zeros(2, 0, 11, 6, dtype=torch.float64),
            memory=torch.zeros(2, 0, 4, 6),
            norm=torch.zeros(2, 0, 4),
        ),
        "k",
        "at least one element",
        "[2, 0, 11, 4]",
    ),
    "q's heads": wrong(
        attention_error(q=torch.zeros(2, 3, 11, 4, dtype=torch.float64), beta=torch.zeros(3)), "q", "multiple of 2", "3"
    ),
    "k's dimensions": wrong(attention_shape("k", 2, 11, 4), "k", "4 dimensions", "[2, 11, 4]"),
    "k's dtype": wrong(attention_shape("k", 2, 2, 11, 4, dtype=torch.float32), "k", "Double|float64", "Float|float32"),
    "k's batch": wrong(attention_shape("k", 3, 2, 11, 4), "k", "2", "[3, 2, 11, 4]"),
    "k's tokens": wrong(attention_shape("k", 2, 2, 10, 4), "k", "11", "[2, 2, 10, 4]"),
    "k's width": wrong(attention_shape("k", 2, 2, 11, 6), "k", "4", "[2, 2, 11, 6]"),
    "v's heads": wrong(attention_shape("v", 2, 1, 11, 6), "v", "2", "[2, 1, 11, 6]"),
    "v's tokens": wrong(attention_shape("v", 2, 2, 12, 6), "v", "11", "[2, 2, 12, 6]"),
    "v's dtype": wrong(
        attention_shape("v", 2, 2, 11, 6, dtype=torch.bfloat16), "v", "Double|float64", "BFloat16|bfloat16"
    ),
    "beta's size": wrong(attention_shape("beta", 3), "beta", "4", "[3]"),
    "beta's dtype": wrong(attention_shape("beta", 4, dtype=torch.int32), "beta", "floating", "Int|int32"),
    "memory's heads": wrong(
        attention_error(memory=torch.zeros(2, 4, 4, 6), norm=torch.zeros(2, 4, 4)), "memory", "2", "[2, 4, 4, 6]"
    ),
    "memory's key width": wrong(
        attention_error(memory=torch.zeros(2, 2, 5, 6), norm=torch.zeros(2, 2, 5)), "memory", "4", "[2, 2, 5, 6]"
    ),
    "memory's value width": wrong(attention_shape("memory", 2, 2, 4, 5), "memory", "6", "[2, 2, 4, 5]"),
    "memory's batch": wrong(
        attention_error(memory=torch.zeros(1, 2, 4, 6), norm=torch.zeros(1, 2, 4)), "memory", "2", "[1, 2, 4, 6]"
    ),
    "memory's dtype": wrong(
        attention_shape("memory", 2, 2, 4, 6, dtype=torch.bfloat16), "memory", "float32 or float64", "BFloat16|bfloat16"
    ),
    "norm's shape": wrong(attention_shape("norm", 2, 2, 6), "norm", "4", "[2, 2, 6]"),
    "norm's dtype": wrong(
        attention_shape("norm", 2, 2, 4, dtype=torch.float16), "norm", "float32 or float64", "Half|float16"
    ),
    "cos's length": wrong(attention_shape("cos", 5, 4), "cos", "4", "[5, 4]"),
    "cos's width": wrong(attention_shape("cos", 4, 2), "cos", "4", "[4, 2]"),
    "sin's length": wrong(attention_shape("sin", 3, 4), "sin", "4", "[3, 4]"),
    "sin's dtype": wrong(attention_shape("sin", 4, 4, dtype=torch.int64), "sin", "floating", "Long|int64"),
    "cos's gradient": wrong(attention_error(cos=torch.zeros(4, 4, requires_grad=True)), "cos", "constant", "gradient"),
    "sin's gradient": wrong(attention_error(sin=torch.zeros(4, 4, requires_grad=True)), "sin", "constant", "gradient"),
    "gain's gradient": wrong(
        attention_error(gain=torch.ones(2, 3, requires_grad=True)), "gain", "constant", "gradient"
    ),
    "gain's shape": wrong(attention_shape("gain", 2, 2), "gain", "3", "[2, 2]"),
    "gain's dtype": wrong(attention_shape("gain", 2, 3, dtype=torch.int64), "gain", "floating", "Long|int64"),
    "starts' shape": wrong(attention_shape("starts", 2, 4, dtype=torch.bool), "starts", "3", "[2, 4]"),
    "starts' batch": wrong(attention_shape("starts", 1, 3, dtype=torch.bool), "starts", "2", "[1, 3]"),
    "starts' dtype": wrong(attention_shape("starts", 2, 3, dtype=torch.int64), "starts", "bool", "Long|int64"),
    "segment_length": wrong(attention_error(segment_length=0), "segment_length", "positive", "0"),
    "update": wrong(attention_error(update="cubic"), "update", "linear.*delta.*none", "cubic"),
    "q's device": wrong(
        attention_error(q=torch.zeros(2, 4, 11, 4, dtype=torch.float64, device="meta")), "on", "meta", "cpu"
    ),
    "retrieve's memory": wrong(
        lambda: ops.memory_retrieve(torch.zeros(2, 4, 5, 8), **STATE), "memory", "8", "[2, 2, 4, 6]"
    ),
    "retrieve's q": wrong(lambda: ops.memory_retrieve(torch.zeros(2, 3, 5, 4), **STATE), "q", "multiple of 2", "3"),
    "retrieve's norm": wrong(
        lambda: ops.memory_retrieve(torch.zeros(2, 4, 5, 4), STATE["memory"], torch.zeros(2, 2, 4, 1)),
        "norm",
        "3 dimensions",
        "[2, 2, 4, 1]",
    ),
    "update's v": wrong(
        lambda: ops.memory_update(torch.zeros(2, 2, 5, 4), torch.zeros(2, 2, 6, 6), update="linear", **STATE),
        "v",
        "5",
        "[2, 2, 6, 6]",
    ),
    "update's update": wrong(
        lambda: ops.memory_update(torch.zeros(2, 2, 5, 4), torch.zeros(2, 2, 5, 6), update="none", **STATE),
        "update",
        "linear.*delta",
        "none",
    ),
    "update's k": wrong(
        lambda: ops.memory_update(torch.zeros(2, 4, 5, 4), torch.zeros(2, 4, 5, 6), update="linear", **STATE),
        "memory",
        "4",
        "[2, 2, 4, 6]",
    ),
    "combine's retrieved": wrong(
        lambda: ops.memory_combine(torch.zeros(2, 4, 5, 6), torch.zeros(2, 4, 5, 5), torch.zeros(4), STATE["norm"]),
        "retrieved",
        "[2, 4, 5, 6]",
        "[2, 4, 5, 5]",
    ),
    "combine's beta": wrong(
        lambda: ops.memory_combine(torch.zeros(2, 4, 5, 6), torch.zeros(2, 4, 5, 6), torch.zeros(2), STATE["norm"]),
        "beta",
        "4",
        "[2]",
    ),
    "combine's norm": wrong(
        lambda: ops.memory_combine(
            torch.zeros(2, 4, 5, 6), torch.zeros(2, 4, 5, 6), torch.zeros(4), torch.zeros(1, 2, 4)
        ),
        "norm",
        "2",
        "[1, 2, 4]",
    ),
    "convolution's channels": wrong(convolution_error(weight=torch.zeros(5, 1, 4)), "weight", "4", "[5, 1, 4]"),
    "convolution's taps": wrong(
        convolution_error(before=torch.zeros(2, 8, 4), weight=torch.zeros(4, 1, 9)), "weight", "2 to 8", "[4, 1, 9]"
    ),
    "convolution's groups": wrong(convolution_error(weight=torch.zeros(4, 4, 4)), "weight", "1", "[4, 4, 4]"),
    "convolution's before": wrong(convolution_error(before=torch.zeros(2, 4, 4)), "before", "3", "[2, 4, 4]"),
    "before's dtype": wrong(
        convolution_error(before=torch.zeros(2, 3, 4).double()), "before", "Float|float32", "Double|float64"
    ),
    "convolution's x": wrong(convolution_error(x=torch.zeros(2, 11, 1, 4)), "x", "3 dimensions", "[2, 11, 1, 4]"),
    "convolution's segment_length": wrong(convolution_error(segment_length=0), "segment_length", "positive", "0"),
    "convolution's starts": wrong(
        convolution_error(starts=torch.zeros(2, 4, dtype=torch.bool)), "starts", "3", "[2, 4]"
    ),
    "summary's norm": wrong(
        lambda: ops.memory_summary(torch.zeros(2, 2, 9, 4), torch.zeros(2, 2, 9, 6), torch.zeros(2, 2, 6), 4, "linear"),
        "norm",
        "4",
        "[2, 2, 6]",
    ),
    "summary's v": wrong(
        lambda: ops.memory_summary(torch.zeros(2, 2, 9, 4), torch.zeros(2, 1, 9, 6), torch.zeros(2, 2, 4), 4, "linear"),
        "v",
        "2",
        "[2, 1, 9, 6]",
    ),
    "summary's segment_length": wrong(
        lambda: ops.memory_summary(
            torch.zeros(2, 2, 9, 4), torch.zeros(2, 2, 9, 6), torch.zeros(2, 2, 4), -1, "linear"
        ),
        "segment_length",
        "positive",
        "-1",
    ),
    "summary's starts": wrong(
        lambda: ops.memory_summary(
            torch.zeros(2, 2, 9, 4),
            torch.zeros(2, 2, 9, 6),
            torch.zeros(2, 2, 4),
            4,
            "delta",
            torch.zeros(2, 2, dtype=torch.bool),
        ),
        "starts",
        "3",
        "[2, 2]",
    ),
    "summary's update": wrong(
        lambda: ops.memory_summary(torch.zeros(2, 2, 9, 4), torch.zeros(2, 2, 9, 6), torch.zeros(2, 2, 4), 4, "none"),
        "update",
        "linear.*delta",
        "none",
    ),
    "rotate's cos": wrong(
        lambda: ops.rotate(torch.zeros(2, 5, 4), torch.zeros(6, 4), torch.zeros(5, 4)), "cos", "5", "[6, 4]"
    ),
    "rotate's width": wrong(
        lambda: ops.rotate(torch.zeros(2, 5, 3), torch.zeros(5, 3), torch.zeros(5, 3)), "x", "even", "[2, 5, 3]"
    ),
    "rms_norm's weight": wrong(
        lambda: ops.rms_norm(torch.zeros(2, 4), torch.zeros(3), 1e-5), "weight", "4", "[3]"
    ),
    "swiglu's up": wrong(lambda: ops.swiglu(torch.zeros(2, 4), torch.zeros(2, 3)), "up", "[2, 4]", "[2, 3]"),
    "affine_map's weight": wrong(
        lambda: ops.affine_map(torch.zeros(2, 4), torch.zeros(3, 5)), "weight", "4", "[3, 5]"
    ),
    "affine_map's bias": wrong(
        lambda: ops.affine_map(torch.zeros(2, 4), torch.zeros(3, 4), torch.zeros(4)), "bias", "3", "[4]"
    ),
    "embed_tokens' tokens": wrong(
        lambda: ops.embed_tokens(torch.zeros(2, 4), torch.zeros(3), torch.float32), "tokens", "int64", "Float|float32"
    ),
    "linear_cross_entropy's targets": wrong(
        lambda: ops.linear_cross_entropy(torch.zeros(2, 4), torch.zeros(3, 4), torch.zeros(3, dtype=torch.int64)),
        "targets",
        "2",
        "[3]",
    ),
    "linear_cross_entropy's weights": wrong(
        lambda: ops.linear_cross_entropy(
            torch.zeros(2, 4), torch.zeros(3, 4), torch.zeros(2, dtype=torch.int64), torch.ones(2, requires_grad=True)
        ),
        "row_weights",
        "constant",
        "gradient",
    ),
    "rotate's gradient": wrong(
        lambda: ops.rotate(torch.zeros(5, 4), torch.zeros(5, 4, requires_grad=True), torch.zeros(5, 4)),
        "cos",
        "constant",
        "gradient",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument_is_named_with_what_it_must_be_and_what_it_was(case):
    run, (name, must, was) = WRONG[case]
    with pytest.raises(RuntimeError) as error:
        run()
    message = str(error.value).splitlines()[0]
    for part in (rf"(^|\W){name}\W", must, was):
        part = re.escape(part) if part.startswith("[") else part
        assert re.search(part, message), message


@pytest.mark.parametrize("case", ["k's tokens", "memory's dtype", "starts' shape", "gain's gradient", "update"])
def test_wrong_arguments_are_refused_without_autograd_too(case):
    run, (name, must, was) = WRONG[case]
    with torch.inference_mode(), pytest.raises(RuntimeError, match=name):
        run()
