"""The example that swaps Infini-attention into transformers' Llama, against transformers itself."""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import pytest
import torch

transformers = pytest.importorskip("transformers", reason="transformers is not installed")

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = CHECKOUT / "examples" / "hugging_face_llama.py"
sys.path.insert(0, str(CHECKOUT / "python"))
specification = importlib.util.spec_from_file_location("hugging_face_llama", EXAMPLE)
example = importlib.util.module_from_spec(specification)
specification.loader.exec_module(example)


def llama(dtype=torch.float64, **settings):
    config = transformers.LlamaConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        attn_implementation="eager",
        **settings,
    )
    return transformers.LlamaForCausalLM(config).to(dtype)


def tokens(length=37):
    return torch.randint(50, (2, length))


@pytest.mark.parametrize("length", [37, 64], ids=["a part of the segment", "the whole segment"])
@pytest.mark.parametrize(
    "settings",
    [
        dict(),
        dict(attention_bias=True, head_dim=16),
        dict(
            rope_parameters=dict(
                rope_type="llama3",
                rope_theta=10000.0,
                factor=4.0,
                low_freq_factor=1.0,
                high_freq_factor=4.0,
                original_max_position_embeddings=32,
            )
        ),
    ],
    ids=["plain", "bias and wide heads", "scaled positions"],
)
def test_one_segment_with_an_empty_memory_gives_llamas_logits(update, settings, length):
    model, text = llama(**settings), tokens(length)
    with torch.no_grad():
        wanted = model(text, use_cache=False).logits
        got = example.add_memory(model, 64, update, initial_beta=1.0)(text).logits
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-6)


def test_the_first_segment_is_llamas_and_later_ones_read_the_memory(update):
    model, text = llama(), tokens()
    with torch.no_grad():
        wanted = model(text, use_cache=False).logits
        got = example.add_memory(model, 8, update)(text).logits
    torch.testing.assert_close(got[:, :8], wanted[:, :8], rtol=0, atol=1e-6)
    assert (got[:, 8:] - wanted[:, 8:]).abs().amax(-1).min() > 1e-6
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.memory_gate += 1
        assert (model(text).logits[:, 8:] - got[:, 8:]).abs().amax(-1).min() > 1e-9


def test_only_the_gates_are_new_in_a_checkpoint():
    before = llama()
    names = set(before.state_dict())
    after = set(example.add_memory(before, 8).state_dict())
    assert after - names == {f"model.layers.{layer}.self_attn.memory_gate" for layer in range(3)} and names <= after


def test_the_gates_gradient_is_that_of_a_finite_difference(update):
    model, text = example.add_memory(llama(), 8, update), tokens()
    gate = model.model.layers[1].self_attn.memory_gate
    gate.data = gate.data.double()

    def loss():  # transformers' own is rounded to float
        return torch.nn.functional.cross_entropy(model(text).logits[:, :-1].flatten(0, 1), text[:, 1:].flatten())

    loss().backward()
    step, losses = 0.05, []
    with torch.no_grad():
        for sign in (1, -1):
            gate[2] += sign * step
            losses.append(loss())
            gate[2] -= sign * step
    wanted = (losses[0] - losses[1]) / (2 * step)
    assert gate.grad[2] != 0
    torch.testing.assert_close(gate.grad[2], wanted, rtol=1e-3, atol=0)


def test_padding_and_caches_are_refused():
    model, text = example.add_memory(llama(), 8), tokens()
    mask = torch.ones_like(text)
    mask[0, 30:] = 0
    with pytest.raises(ValueError, match="without padding"):
        model(text, attention_mask=mask)
    with pytest.raises(ValueError, match="use_cache=False"):
        model(text, use_cache=True)


def test_the_example_learns(update):
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "python"), "OMP_WAIT_POLICY": "passive"}
    command = [sys.executable, EXAMPLE, "--steps", "8", "--update", update]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert float(re.search(r"differ from Llama's by at most (\S+)", ran.stdout)[1]) < 1e-5
    losses = [float(x) for x in re.findall(r"loss (\S+) nats", ran.stdout)]
    assert len(losses) == 8 and losses[-1] < losses[0] - 0.5
    assert all(float(x) > 0 for x in re.findall(r"gates' gradient (\S+)", ran.stdout))
