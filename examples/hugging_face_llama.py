#!/usr/bin/env python3
"""Gives a Hugging Face Llama a compressive memory: swaps Infini-attention into its layers and trains it a few steps.

usage: PYTHONPATH=python .venv/bin/python examples/hugging_face_llama.py [--steps 20] [--update linear] [--segment 128]
Needs `pip install transformers`. What is trained is a tiny random Llama, on the text of this file, on the CPU (or on a GPU
with --device cuda); `add_memory` takes any LlamaForCausalLM, a pretrained one too.

A text is read in one forward call, all its segments at once, each time beginning with an empty memory. transformers' cache
of keys and values is not used, so `generate` is not either: `infini generate` does that in constant memory.
"""

import argparse
import copy
import pathlib

import torch
import transformers

from infini_attention import infini_attention


class InfiniLlamaAttention(torch.nn.Module):
    """Takes LlamaAttention's place, with its projections under their names and a gate beta for every head."""

    def __init__(self, attention, rotary_emb, segment_length, update, initial_beta):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            getattr(attention, name) for name in ("q_proj", "k_proj", "v_proj", "o_proj")
        )
        self.head_dim, self.segment_length, self.update = attention.head_dim, segment_length, update
        weight = self.q_proj.weight
        beta = torch.full((weight.shape[0] // self.head_dim,), initial_beta, dtype=torch.float32, device=weight.device)
        self.memory_gate = torch.nn.Parameter(beta)
        # The model's own position embedding, with its scaling. Positions count from the beginning of each segment.
        # Local attention is the same as with positions of the whole text, since only distances matter.
        positions = torch.arange(segment_length, device=weight.device)[None]
        cos, sin = rotary_emb(torch.zeros((), device=weight.device), positions)
        self.register_buffer("cos", cos[0], persistent=False)
        self.register_buffer("sin", sin[0], persistent=False)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **unused):
        """hidden_states [B, N, hidden_size] -> (the same shape, no attention weights)."""
        if past_key_values is not None:
            raise ValueError("Infini-attention keeps no cache of keys and values: call the model with use_cache=False")
        if attention_mask is not None:
            raise ValueError("Infini-attention masks nothing but the future: give rows of one length, without padding")
        heads = (*hidden_states.shape[:-1], -1, self.head_dim)
        q, k, v = (proj(hidden_states).view(heads).transpose(1, 2) for proj in (self.q_proj, self.k_proj, self.v_proj))
        out, _, _ = infini_attention(
            q, k, v, self.memory_gate, segment_length=self.segment_length, update=self.update, cos=self.cos, sin=self.sin
        )
        return self.o_proj(out.transpose(1, 2).flatten(2)), None


def add_memory(model, segment_length, update="linear", initial_beta=-3.0):
    """Swaps Infini-attention into every layer of a LlamaForCausalLM, in place, and returns it.

    sigmoid(-3) = 5%: a model that was trained without memory must not begin with half of every head read from it.
    """
    model.set_attn_implementation("sdpa")  # makes no mask if only the future is masked
    model.config.use_cache = False
    for layer in model.model.layers:
        layer.self_attn = InfiniLlamaAttention(
            layer.self_attn, model.model.rotary_emb, segment_length, update, initial_beta
        )
    return model


def tiny_llama():
    """Two layers, four query heads on two key/value heads; tokens are bytes."""
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=256,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=4096,
        )
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--update", default="linear", choices=("linear", "delta"))
    parser.add_argument("--segment", type=int, default=128, help="tokens of a segment")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    torch.manual_seed(0)
    llama = tiny_llama().to(options.device)
    text = pathlib.Path(__file__).read_bytes()[:2048]
    tokens = torch.tensor([list(text)], device=options.device)

    # With one segment as long as the text the memory is empty when it is read, so the logits stay the same.
    with torch.no_grad():
        wanted = llama(tokens, use_cache=False).logits
        got = add_memory(copy.deepcopy(llama), tokens.shape[1], options.update)(tokens).logits
    print(f"one segment of {tokens.shape[1]} tokens: logits differ from Llama's by at most {(got - wanted).abs().max():.1e}")

    model = add_memory(llama, options.segment, options.update)
    gates = [layer.self_attn.memory_gate for layer in model.model.layers]
    weights = [parameter for name, parameter in model.named_parameters() if not name.endswith("memory_gate")]
    optimizer = torch.optim.AdamW([{"params": weights, "lr": 3e-3}, {"params": gates, "lr": 1e-2, "weight_decay": 0}])
    print(f"training on segments of {options.segment} tokens, {options.update} update")
    for step in range(1, options.steps + 1):
        optimizer.zero_grad()
        loss = model(tokens, labels=tokens).loss
        loss.backward()
        gradient = torch.stack([gate.grad.norm() for gate in gates]).norm()
        optimizer.step()
        print(f"step {step:3}: loss {loss.item():.4f} nats a token, norm of the gates' gradient {gradient.item():.1e}")
    shares = torch.stack([gate.detach().sigmoid().cpu() for gate in gates])
    print(f"the memory's share of each head at the end: {[[round(x, 4) for x in row] for row in shares.tolist()]}")


if __name__ == "__main__":
    main()
