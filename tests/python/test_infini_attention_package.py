"""The function of python/infini_attention: its defaults, its tables, its errors, and how it finds the library."""

import os
import pathlib
import subprocess
import sys

import pytest
import torch

import reference
from attention_inputs import attention_inputs
from measures import assert_all_equal

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "python"))

import infini_attention as package  # noqa: E402
from infini_attention import infini_attention  # noqa: E402


def plain_tables(length, width, theta):
    """Angle by angle, as the text on rotary position embedding has it."""
    cos, sin = torch.empty(2, length, width, dtype=torch.float64).unbind()
    for position in range(length):
        for i in range(width // 2):
            angle = torch.tensor(position / theta ** (2 * i / width), dtype=torch.float64)
            cos[position, i] = cos[position, i + width // 2] = angle.cos()
            sin[position, i] = sin[position, i + width // 2] = angle.sin()
    return cos, sin


@pytest.mark.parametrize("theta", [10000.0, 500.0])
def test_the_rotary_tables_are_those_of_plain_angles(theta):
    for table, wanted in zip(package.rope_tables(9, 6, theta, dtype=torch.float64), plain_tables(9, 6, theta)):
        torch.testing.assert_close(table, wanted, rtol=1e-12, atol=1e-12)


def test_left_out_memory_is_empty_and_positions_turn_by_ten_thousand(any_update):
    x = attention_inputs(any_update, empty=True)
    got = infini_attention(x.q, x.k, x.v, x.beta, segment_length=x.segment_length, update=any_update)
    cos, sin = plain_tables(x.segment_length, x.q.shape[-1], 10000.0)
    assert_all_equal(got, reference.attention(*x.arguments(cos=cos, sin=sin)))


def test_every_argument_reaches_the_op(update):
    x = attention_inputs(update, starts=True, gain=True)
    got = infini_attention(
        x.q,
        x.k,
        x.v,
        x.beta,
        x.memory,
        x.norm,
        segment_length=x.segment_length,
        update=update,
        starts=x.starts,
        gain=x.gain,
        cos=x.cos,
        sin=x.sin,
    )
    assert_all_equal(got, reference.attention(*x.arguments()))


def test_without_a_base_nothing_is_rotated(update):
    x = attention_inputs(update)
    got = infini_attention(
        x.q, x.k, x.v, x.beta, x.memory, x.norm, segment_length=x.segment_length, update=update, rope_theta=None
    )
    wanted = reference.attention(*x.arguments(cos=torch.ones_like(x.cos), sin=torch.zeros_like(x.sin)))
    assert_all_equal(got, wanted)


def test_the_memory_returned_continues_a_text(update):
    x = attention_inputs(update, tokens=12, segment_length=4)
    options = dict(segment_length=4, update=update)
    whole = infini_attention(x.q, x.k, x.v, x.beta, **options)
    first = infini_attention(x.q[:, :, :8], x.k[:, :, :8], x.v[:, :, :8], x.beta, **options)
    rest = infini_attention(x.q[:, :, 8:], x.k[:, :, 8:], x.v[:, :, 8:], x.beta, *first[1:], **options)
    assert_all_equal([torch.cat([first[0], rest[0]], 2), *rest[1:]], whole)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_the_memory_of_narrow_activations_is_float(update, dtype):
    x = attention_inputs(update).to(dtype)
    out, memory, norm = infini_attention(x.q, x.k, x.v, x.beta, segment_length=x.segment_length, update=update)
    assert out.dtype == dtype and memory.dtype == norm.dtype == torch.float32


def test_everything_gets_a_gradient(update):
    x = attention_inputs(update).requiring_grad()
    out, _, _ = infini_attention(
        x.q, x.k, x.v, x.beta, x.memory, x.norm, segment_length=x.segment_length, update=update
    )
    out.square().sum().backward()
    for tensor in x.differentiable():
        assert tensor.grad.count_nonzero() > 0


def test_torch_compile_takes_it_whole(update):
    x = attention_inputs(update)

    def run(q, k, v, beta):
        return infini_attention(q, k, v, beta, segment_length=4, update=update)

    compiled = torch.compile(run, backend="eager", fullgraph=True)
    assert_all_equal(compiled(x.q, x.k, x.v, x.beta), run(x.q, x.k, x.v, x.beta))


def test_calls_in_inference_mode_leave_nothing_behind_for_training(update):
    x = attention_inputs(update)
    with torch.inference_mode():
        infini_attention(x.q, x.k, x.v, x.beta, segment_length=4, update=update)
    infini_attention(x.requiring_grad().q, x.k, x.v, x.beta, segment_length=4, update=update)[0].sum().backward()


@pytest.mark.parametrize("alone", ["memory", "norm", "cos", "sin"])
def test_one_of_two_that_belong_together_is_refused(alone):
    x = attention_inputs()
    with pytest.raises(ValueError, match=f"{alone}.*give both or neither"):
        infini_attention(x.q, x.k, x.v, x.beta, segment_length=4, **{alone: getattr(x, alone)})


def test_a_segment_length_that_is_not_positive_is_refused():
    x = attention_inputs()
    with pytest.raises(ValueError, match="segment_length must be 1 or more, but is 0"):
        infini_attention(x.q, x.k, x.v, x.beta, segment_length=0)


def test_a_library_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("INFINI_OPS_LIBRARY", "/no/such/library.so")
    with pytest.raises(FileNotFoundError, match="INFINI_OPS_LIBRARY is /no/such/library.so"):
        package.find_library()
    monkeypatch.delenv("INFINI_OPS_LIBRARY")
    monkeypatch.setattr(package.library, "CHECKOUT_LIBRARY", pathlib.Path("/no/such/build.so"))
    with pytest.raises(FileNotFoundError, match="/no/such/build.so is missing; build it with scripts/setup.sh"):
        package.find_library()


def test_the_variable_wins_over_the_checkout(monkeypatch, tmp_path):
    own = tmp_path / "libinfini_ops.so"
    own.touch()
    monkeypatch.setenv("INFINI_OPS_LIBRARY", str(own))
    assert package.find_library() == own


def test_a_fresh_python_loads_the_library_by_itself():
    script = (
        "import torch; from infini_attention import infini_attention; x = torch.ones(1, 1, 4, 2); "
        "print(infini_attention(x, x, x, torch.zeros(1), segment_length=2)[2].tolist())"
    )
    library = os.environ.get("INFINI_OPS_LIBRARY") or str(CHECKOUT / "build" / "release" / "libinfini_ops.so")
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "python"), "INFINI_OPS_LIBRARY": library}
    ran = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    # Four tokens of ones: each adds s(1) = 2 to z.
    assert ran.stdout == "[[[8.0, 8.0]]]\n", ran.stderr
