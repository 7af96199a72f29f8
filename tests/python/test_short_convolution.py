"""The short convolution: values and gradients against torch's conv1d, document by document, and finite differences."""

import pytest
import torch
from torch.autograd import gradcheck
from torch.nn.functional import conv1d

from measures import assert_equal

ops = torch.ops.infini

NO_DEVICE = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
DEVICES = [pytest.param("cpu"), pytest.param("cuda", marks=NO_DEVICE)]


def inputs(batch=2, tokens=11, channels=3, taps=4, dtype=torch.float64):
    """x, before, weight."""
    shapes = (batch, tokens, channels), (batch, taps - 1, channels), (channels, 1, taps)
    return [torch.randn(*shape, dtype=dtype, requires_grad=True) for shape in shapes]


def marks(*rows):
    return torch.tensor(rows, dtype=torch.bool)


def by_conv1d(x, before, weight, segment_length, starts=None):
    """Each row is cut where a document begins; all documents but the first begin with zeros."""
    rows = []
    for b in range(x.shape[0]):
        marked = [] if starts is None else starts[b].nonzero().flatten().tolist()
        cuts = [0, *(segment * segment_length for segment in marked), x.shape[1]]
        parts = []
        for index, (begin, end) in enumerate(zip(cuts, cuts[1:])):
            earlier = before[b] if index == 0 else torch.zeros_like(before[b])
            document = torch.cat([earlier, x[b, begin:end]]).T[None]
            if end > begin:
                parts.append(conv1d(document, weight, groups=x.shape[2])[0].T)
        rows.append(torch.cat(parts))
    return torch.stack(rows)


# Document starts in any segment, in two next to each other, in the last and partial one, before the first token.
STARTS = [
    None,
    marks([0, 1, 0, 0], [0, 0, 0, 0]),
    marks([0, 0, 1, 1], [1, 0, 0, 1]),
    marks([1, 1, 1, 1], [0, 1, 0, 1]),
]


@pytest.mark.parametrize("starts", STARTS)
@pytest.mark.parametrize("taps", range(2, 9))
def test_it_is_torchs_convolution_of_each_document(taps, starts):
    for channels in (1, 3, 600):  # 600: more channels than are taken at once
        for tokens, segment_length in ((10, 3), (7, 2)):  # a document may be shorter than the taps
            tensors = inputs(tokens=tokens, channels=channels, taps=taps)
            got = ops.short_convolution(*tensors, segment_length, starts)
            want = by_conv1d(*tensors, segment_length, starts)
            assert_equal(got, want, 1e-14)
            direction = torch.randn_like(want)
            for gradient, expected in zip(
                torch.autograd.grad(got, tensors, direction), torch.autograd.grad(want, tensors, direction)
            ):
                assert_equal(gradient, expected, 1e-13)


@pytest.mark.parametrize("starts", STARTS)
@pytest.mark.parametrize("taps", [2, 4, 8])
def test_it_matches_finite_differences(taps, starts):
    assert gradcheck(lambda *tensors: ops.short_convolution(*tensors, 3, starts), inputs(taps=taps))


def test_it_takes_strided_inputs():
    def strided(x):
        return torch.stack([x, x * 2], -1)[..., 0].transpose(0, -1).contiguous().transpose(0, -1)

    starts = STARTS[2].T.contiguous().T
    assert gradcheck(lambda *tensors: ops.short_convolution(*map(strided, tensors), 3, starts), inputs(), fast_mode=True)
    x, before, weight = inputs(tokens=3)
    assert gradcheck(lambda x: ops.short_convolution(x, before, weight, 3).mT * 2, (x,))


@pytest.mark.parametrize("tokens", [1, 2, 5, 300])
def test_pieces_of_a_text_give_what_the_whole_gives(tokens):
    x, before, weight = inputs(tokens=600)
    whole = ops.short_convolution(x, before, weight, 600)
    parts = []
    for begin in range(0, 600, tokens):
        part = x[:, begin : begin + tokens]
        parts.append(ops.short_convolution(part, before, weight, 600))
        before = torch.cat([before, part], 1)[:, -3:]
    assert torch.equal(torch.cat(parts, 1), whole)


@pytest.mark.parametrize("channels", [70, 132])  # CUDA has kernels for multiples of 4
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("device", DEVICES)
def test_sums_are_in_float_and_gradients_have_their_inputs_dtypes(device, dtype, channels):
    wide = inputs(batch=3, tokens=500, channels=channels)
    with torch.no_grad():
        for tensor in wide:
            tensor.copy_(tensor.to(dtype))
    narrow = [tensor.detach().to(device, dtype).requires_grad_() for tensor in wide[:2]]
    narrow.append(wide[2].detach().to(device).float().requires_grad_())
    starts = torch.rand(3, 50) < 0.2
    y, want = ops.short_convolution(*narrow, 10, starts.to(device)), by_conv1d(*wide, 10, starts)
    direction = torch.randn_like(want).to(dtype).double()
    gradients = torch.autograd.grad(y, narrow, direction.to(device, dtype))
    expected = torch.autograd.grad(want, wide, direction)
    y, *gradients = (tensor.cpu() for tensor in (y, *gradients))
    assert [t.dtype for t in (y, *gradients)] == [dtype, dtype, dtype, torch.float32]
    # One rounding of each result, and a few of float inside; the weight's gradient is not rounded to dtype.
    rounding = torch.finfo(dtype).eps / 2
    for result, right in zip((y, *gradients[:2]), (want, *expected[:2])):
        assert ((result.double() - right).abs() <= rounding * right.abs() + 2e-6).all()
    assert_equal(gradients[2], expected[2], 2e-6)


def test_sums_do_not_depend_on_the_number_of_threads():
    tensors = inputs(batch=2, tokens=700, channels=30, dtype=torch.float32)
    threads, results = torch.get_num_threads(), []
    for count in (1, 3):
        torch.set_num_threads(count)
        y = ops.short_convolution(*tensors, 70)
        results.append([y, *torch.autograd.grad(y.square().sum(), tensors)])
    torch.set_num_threads(threads)
    for one, three in zip(*results):
        assert torch.equal(one, three)


def test_no_gradient_passes_a_start():
    x, before, weight = inputs()
    y = ops.short_convolution(x, before, weight, 3, marks([0, 1, 0, 0], [1, 0, 0, 0]))
    dx, dbefore = torch.autograd.grad(y[:, 3:].square().sum(), (x, before))
    assert dx[0, :3].count_nonzero() == 0 and dx[1, :3].count_nonzero() > 0
    assert dbefore.count_nonzero() == 0
    (dbefore,) = torch.autograd.grad(ops.short_convolution(x, before, weight, 3).sum(), before)
    assert dbefore.count_nonzero() == dbefore.numel()
