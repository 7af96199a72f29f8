"""How far an op's numbers are from the right ones, and how far they may be."""

import torch

# Relative error (of the whole tensor's norm) in units of the dtype's eps, against the double result of the same rounded
# inputs. A result that is rounded once is off by up to 0.5; every product whose operands are rounded first (σ, the
# softmax's weights, M, the gradient of a product) adds about as much again, and there are at most a handful in a chain.
OUTPUT_MULTIPLE = 4
GRADIENT_MULTIPLE = 8


def relative_error(got, want):
    return ((got.double() - want).norm() / want.norm()).item()


def assert_equal(got, want, tolerance=1e-10):
    """Relative to the tensor's norm; absolute where that is next to nothing (one token's softmax has no gradient)."""
    assert got.shape == want.shape
    error, norm = (got.double() - want.double()).norm().item(), want.double().norm().item()
    assert error <= tolerance * max(norm, 1e-3)


def assert_all_equal(got, want, tolerance=1e-10):
    assert len(got) == len(want)
    for g, w in zip(got, want):
        assert_equal(g, w, tolerance)


def run_with_gradients(run, inputs, upstream=None, scale=1):
    """Outputs, gradients of q, k, v, beta, memory, norm, and the outputs' random gradients that they came from."""
    inputs = inputs.replaced(
        **{name: getattr(inputs, name).detach().clone().requires_grad_() for name in inputs.DIFFERENTIABLE}
    )
    outputs = run(*inputs.arguments())
    upstream = upstream or [torch.randn_like(output) * scale for output in outputs]
    gradients = torch.autograd.grad(
        outputs, inputs.differentiable(), [u.to(o.dtype) for u, o in zip(upstream, outputs)], allow_unused=True
    )
    gradients = [torch.zeros_like(x) if g is None else g for g, x in zip(gradients, inputs.differentiable())]
    return [output.detach() for output in outputs], gradients, upstream
