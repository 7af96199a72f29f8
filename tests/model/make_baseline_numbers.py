"""Writes baseline_numbers.h: what the models in baseline_models.py give for the cases in baseline_numbers_test.cpp.

    pip install torch==2.11.0
    python tests/model/make_baseline_numbers.py > tests/model/baseline_numbers.h && clang-format -i tests/model/baseline_numbers.h

Weights, tokens and targets come from formulas, which are in the test too. Of each gradient only its products with two
waves and its norm are stored.
"""

import torch

from baseline_models import read_row

VOCABULARY, ROWS, TOKENS = 19, 2, 23
SIZES = dict(hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             head_dim=6, segment_length=5)
# Of row 1: `starts` is the segment in which its second document begins.
CASES = {
    "TransformerXl": dict(kind="transformer_xl", starts=2, tied=False, cache_length=7),
    "Compressive": dict(kind="compressive", starts=2, tied=True, segment_length=4, cache_length=6, compressed_length=3,
                        compression_rate=2),
    "Memorizing": dict(kind="memorizing", starts=2, tied=False, layer=1, cache_length=7, slots=12, neighbours=7),
    "TransformerXlWithConvolution": dict(kind="transformer_xl", starts=2, tied=False, cache_length=7,
                                         short_convolution=4),
    "MemorizingWithConvolution": dict(kind="memorizing", starts=2, tied=True, layer=1, cache_length=7, slots=12,
                                      neighbours=7, short_convolution=7),
    "RecurrentMemory": dict(kind="rmt", starts=2, tied=False, memory_tokens=3),
    "Autocompressor": dict(kind="autocompressors", starts=1, tied=True, summary_tokens=2),
}


def shapes(case):
    hidden, inner, width = case["hidden_size"], case["intermediate_size"], case["head_dim"]
    q, kv = case["num_attention_heads"] * width, case["num_key_value_heads"] * width
    result = {"model.embed_tokens.weight": (VOCABULARY, hidden), "model.norm.weight": (hidden,)}
    if not case["tied"]:
        result["lm_head.weight"] = (VOCABULARY, hidden)
    for index in range(case["num_hidden_layers"]):
        layer = {"input_layernorm.weight": (hidden,), "post_attention_layernorm.weight": (hidden,),
                 "self_attn.q_proj.weight": (q, hidden), "self_attn.k_proj.weight": (kv, hidden),
                 "self_attn.v_proj.weight": (kv, hidden), "self_attn.o_proj.weight": (hidden, q),
                 "mlp.gate_proj.weight": (inner, hidden), "mlp.up_proj.weight": (inner, hidden),
                 "mlp.down_proj.weight": (hidden, inner)}
        if case["kind"] == "compressive":
            layer["self_attn.compression.weight"] = (hidden, hidden, case["compression_rate"])
        if case["kind"] == "memorizing" and index == case["layer"]:
            layer["self_attn.memory_gate"] = (case["num_attention_heads"],)
        if "short_convolution" in case:
            layer |= {f"self_attn.{name}_conv1d.weight": (channels, 1, case["short_convolution"])
                      for name, channels in (("q", q), ("k", kv), ("v", kv))}
        result |= {f"model.layers.{index}.{name}": shape for name, shape in layer.items()}
    for name in ("memory_tokens", "summary_tokens"):
        if name in case:
            result[f"model.{name}"] = (case[name], hidden)
    return result


def count(tensor):
    return torch.arange(tensor.numel()).double()


def waves(case):
    weights = {}
    for index, (name, shape) in enumerate(sorted(shapes(case).items())):
        i = count(torch.empty(shape))
        wave = torch.sin(1.37 * i * i + index).view(shape)
        weights[name] = (1 + 0.2 * wave if name.endswith("norm.weight") else 0.4 * wave).requires_grad_()
    return weights


def tokens_and_targets():
    r, i = torch.arange(ROWS)[:, None], torch.arange(TOKENS)[None]
    tokens = (7 * i * i + 3 * i + 1 + r * (11 * i + 4)) % VOCABULARY
    targets = (11 * i * i + 5 * i + 2 + 3 * r * i) % VOCABULARY
    return tokens, torch.where((i + r) % 6 == 4, -1, targets)


def texts(values):
    return ", ".join(f"{value:.12g}" for value in values)


def write_case(name, case):
    case = SIZES | case
    weights = waves(case)
    tokens, targets = tokens_and_targets()
    rows = [read_row(case["kind"], weights, case, row, {case["starts"]} if index == 1 else {})
            for index, row in enumerate(tokens)]
    hidden = torch.stack([row for row, _ in rows])
    auxiliary = sum(loss for _, loss in rows)
    head = weights.get("lm_head.weight", weights["model.embed_tokens.weight"])
    loss = torch.nn.functional.cross_entropy((hidden @ head.T).flatten(0, 1), targets.flatten(), ignore_index=-1,
                                             reduction="sum")
    (loss + auxiliary).backward()
    print(f"inline const BaselineNumbers k{name} = {{\n{texts([loss, auxiliary])}, {{{texts(hidden.flatten())}}}, {{")
    for key, weight in sorted(weights.items()):
        gradient, i = weight.grad.flatten(), count(weight)
        products = [gradient @ torch.sin(0.7 * i + 1), gradient @ torch.cos(1.1 * i * i), gradient.norm()]
        print(f'{{"{key}", {{{texts(products)}}}}},')
    print("}};\n")


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    print("// Written by make_baseline_numbers.py. Do not edit.\n#pragma once\n")
    print("#include <array>\n#include <map>\n#include <string>\n#include <vector>\n\nnamespace infini::reference {\n")
    print("struct BaselineNumbers {\ndouble loss;\ndouble auxiliary_loss;\n"
          "std::vector<double> hidden;  // [2, 23, 8]\n"
          "std::map<std::string, std::array<double, 3>> gradients;  // products with two waves, norm\n};\n")
    for name, case in CASES.items():
        write_case(name, case)
    print("}  // namespace infini::reference")


main()
