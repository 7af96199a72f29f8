"""The ops of a transformer's other layers: values, gradients, dtypes. In double against finite differences."""

import pytest
import torch
from torch.autograd import gradcheck
from torch.nn.functional import cross_entropy, linear, silu

from measures import assert_equal

ops = torch.ops.infini


def leaf(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def loss_inputs(rows=60, vocabulary=7, width=5):
    """hidden, weight, targets; some targets do not count."""
    targets = torch.randint(vocabulary, (rows,))
    targets[::9], targets[4::20] = -100, -1
    return leaf(rows, width), leaf(vocabulary, width), targets


def dense_losses(hidden, weight, targets):
    return cross_entropy(hidden @ weight.T, targets.clamp_min(-1), ignore_index=-1, reduction="none")


# ---- gradients


def test_rms_norm_matches_finite_differences():
    x, weight = leaf(2, 3, 4), leaf(4)
    assert gradcheck(lambda x, weight: ops.rms_norm(x, weight, 0.1), (x, weight))
    assert gradcheck(lambda x, weight: ops.rms_norm(x.mT, weight, 0.1), (leaf(2, 4, 3), weight))
    assert gradcheck(lambda x, weight: ops.rms_norm(x, weight, 0.1).transpose(1, 2) * 2, (leaf(2, 3, 5, 4), weight))


def test_swiglu_matches_finite_differences():
    assert gradcheck(ops.swiglu, (leaf(3, 4), leaf(3, 4)))


@pytest.mark.parametrize("bias", [True, False])
def test_affine_map_matches_finite_differences(bias):
    assert gradcheck(ops.affine_map, (leaf(2, 3, 4), leaf(5, 4), leaf(5) if bias else None))


def test_embed_tokens_matches_finite_differences():
    tokens = torch.tensor([[2, 0], [2, 2]])
    assert gradcheck(lambda weight: ops.embed_tokens(weight, tokens, torch.float64), (leaf(4, 3),))


@pytest.mark.parametrize("weighted", [True, False])
def test_linear_cross_entropy_matches_finite_differences(weighted):
    hidden, weight, targets = loss_inputs()
    row_weights = torch.rand(60, dtype=torch.float64) * 2 if weighted else None
    assert gradcheck(lambda *tensors: ops.linear_cross_entropy(*tensors, targets, row_weights), (hidden, weight))


def test_a_tied_weight_receives_both_of_its_gradients():
    tokens = torch.randint(7, (20,))

    def run(weight):
        return ops.linear_cross_entropy(ops.embed_tokens(weight, tokens, torch.float64).tanh(), weight, tokens.roll(1))

    assert gradcheck(run, (leaf(7, 5),))


CALLS = {
    "rms_norm": lambda: (lambda x, w: ops.rms_norm(x, w, 0.1), (leaf(2, 4), leaf(4))),
    "swiglu": lambda: (ops.swiglu, (leaf(2, 4), leaf(2, 4))),
    "short_convolution": lambda: (
        lambda x, before, weight: ops.short_convolution(x, before, weight, 2, torch.tensor([[False, True, False]])),
        (leaf(1, 5, 3), leaf(1, 3, 3), leaf(3, 1, 4)),
    ),
    "affine_map": lambda: (ops.affine_map, (leaf(2, 4).float().detach().requires_grad_(), torch.ones(3, 4))),
    "linear_cross_entropy": lambda: (
        lambda hidden, weight: ops.linear_cross_entropy(hidden, weight, torch.tensor([1, 0])),
        (leaf(2, 4), leaf(3, 4)),
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_second_derivative_is_refused(name):
    run, inputs = CALLS[name]()
    with pytest.raises(RuntimeError, match="first derivative only"):
        (gradient,) = torch.autograd.grad(run(*inputs).square().sum(), inputs[:1], create_graph=True)
        torch.autograd.grad(gradient.square().sum(), inputs[:1])


@pytest.mark.parametrize("name", CALLS)
def test_only_the_gradients_that_were_asked_for_are_needed(name):
    run, inputs = CALLS[name]()
    both = [tensor.detach().requires_grad_() for tensor in inputs]
    for index, want in enumerate(torch.autograd.grad(run(*both).square().sum(), both)):
        alone = [tensor.detach().requires_grad_(i == index) for i, tensor in enumerate(inputs)]
        torch.testing.assert_close(torch.autograd.grad(run(*alone).square().sum(), alone[index])[0], want)


# ---- values and dtypes


def test_values_are_those_of_the_formulas():
    x, weight, up = leaf(3, 4), leaf(4), leaf(3, 4)
    assert_equal(ops.rms_norm(x, weight, 0.1), x * (x.square().mean(-1, True) + 0.1).rsqrt() * weight, 1e-15)
    assert_equal(ops.swiglu(x, up), silu(x) * up, 1e-15)


def test_rms_norm_keeps_the_dtypes_of_its_inputs():
    x, weight = torch.randn(3, 4).bfloat16().requires_grad_(), torch.ones(4, requires_grad=True)
    y = ops.rms_norm(x, weight, 1e-5)
    y.sum().backward()
    assert (y.dtype, x.grad.dtype, weight.grad.dtype) == (torch.bfloat16, torch.bfloat16, torch.float32)


def test_embed_tokens_sums_the_gradients_of_a_token_in_the_weights_dtype():
    weight = torch.randn(4, 3, requires_grad=True)
    rows = ops.embed_tokens(weight, torch.tensor([[2, 0], [2, 2]]), torch.bfloat16)
    assert torch.equal(rows[1, 0], weight[2].bfloat16())
    rows.sum().backward()
    assert torch.equal(weight.grad, torch.tensor([1.0, 0.0, 3.0, 0.0]).unsqueeze(1).expand(4, 3))


@pytest.mark.parametrize("bias", [True, False])
def test_affine_map_in_float_is_as_exact_as_a_linear_layer(bias):
    values = [torch.randn(2, 5, 64), torch.randn(48, 64), torch.randn(48)][: 3 if bias else 2]
    direction = torch.randn(48, 5, 2).transpose(0, 2)  # a strided gradient
    narrow = [value.clone().requires_grad_() for value in values]
    wide = [value.double().requires_grad_() for value in values]
    y, want = ops.affine_map(*narrow), linear(*wide)
    assert_equal(y, want, 1e-6)
    gradients = torch.autograd.grad((y * direction).sum(), narrow)
    for gradient, expected in zip(gradients, torch.autograd.grad((want * direction).sum(), wide)):
        assert_equal(gradient, expected, 1e-6)


def test_linear_cross_entropy_is_the_sum_over_the_targets_that_count():
    hidden, weight, targets = loss_inputs(300)
    row_weights = torch.rand(300, dtype=torch.float64) * 2
    losses = ops.linear_token_losses(hidden, weight, targets)
    assert not losses.requires_grad
    assert_equal(losses, dense_losses(hidden, weight, targets), 1e-13)
    assert_equal(ops.linear_cross_entropy(hidden, weight, targets), losses.sum(), 1e-12)
    assert_equal(ops.linear_cross_entropy(hidden, weight, targets, row_weights), (losses * row_weights).sum(), 1e-12)


def test_many_blocks_of_rows_give_the_gradients_of_one_big_product():
    hidden, weight, targets = leaf(300, 3), leaf(40000, 3), torch.randint(40000, (300,))  # 128 rows a block
    got = torch.autograd.grad(ops.linear_cross_entropy(hidden, weight, targets), (hidden, weight))
    want = torch.autograd.grad(cross_entropy(hidden @ weight.T, targets, reduction="sum"), (hidden, weight))
    for gradient, expected in zip(got, want):
        assert_equal(gradient, expected, 1e-11)


def test_linear_cross_entropy_in_bfloat16_is_close_and_its_weight_gradient_is_float32():
    hidden, weight, targets = loss_inputs(300)
    inputs = hidden.detach().bfloat16().requires_grad_(), weight.detach().float().requires_grad_()
    loss, want = ops.linear_cross_entropy(*inputs, targets), ops.linear_cross_entropy(hidden, weight, targets)
    assert loss.dtype == torch.float32
    assert_equal(loss, want, 0.01)
    for gradient, expected, dtype in zip(
        torch.autograd.grad(loss, inputs), torch.autograd.grad(want, (hidden, weight)), (torch.bfloat16, torch.float32)
    ):
        assert gradient.dtype == dtype
        assert_equal(gradient, expected, 0.02)


def test_no_gradient_work_is_done_where_nothing_asks_for_it():
    hidden, weight, targets = loss_inputs()
    assert not ops.linear_cross_entropy(hidden.detach(), weight.detach(), targets).requires_grad
    with torch.no_grad():
        assert not ops.linear_cross_entropy(hidden, weight, targets).requires_grad


def test_no_rows_have_no_loss():
    hidden, weight = leaf(0, 5), leaf(7, 5)
    loss = ops.linear_cross_entropy(hidden, weight, torch.zeros(0, dtype=torch.int64))
    assert loss == 0
    assert torch.autograd.grad(loss, weight)[0].count_nonzero() == 0
