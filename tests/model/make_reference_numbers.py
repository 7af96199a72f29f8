"""Writes reference_numbers.h: the results of transformers for the models in reference_numbers_test.cpp.

    pip install torch==2.11.0 transformers==5.23.0
    python tests/model/make_reference_numbers.py FOLDER_OF_STORIES260K > tests/model/reference_numbers.h

The weights of the tiny models come from a formula, which is in the test too. So no weights need to be stored.
"""

import sys

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

SIZES = dict(vocab_size=19, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, head_dim=6, max_position_embeddings=64, rms_norm_eps=1e-5, rope_theta=500.0,
             attn_implementation="eager", dtype=torch.float64)


def fill(model):
    for index, (name, parameter) in enumerate(sorted(model.named_parameters())):
        i = torch.arange(parameter.numel(), dtype=torch.float64)
        wave = torch.sin(1.37 * i * i + index).view(parameter.shape)
        is_norm = name.endswith("norm.weight")
        parameter.data = 1 + 0.2 * wave if is_norm else 0.4 * wave
    return model.double().eval()


def tokens(count, vocabulary):
    return torch.tensor([[(7 * i * i + 3 * i + 1) % vocabulary for i in range(count)]])


def numbers(name, values):
    values = values.flatten().tolist()
    lines = [", ".join(f"{value:.9g}" for value in values[i:i + 8]) for i in range(0, len(values), 8)]
    body = ",\n    ".join(lines)
    print(f"inline const std::vector<double> {name} = {{\n    {body}}};\n")


@torch.no_grad()
def main():
    print("// Written by make_reference_numbers.py from transformers 5.23.0. Do not edit.\n#pragma once\n")
    print("#include <vector>\n\nnamespace infini::reference {\n")
    llama = fill(LlamaForCausalLM(LlamaConfig(attention_bias=True, mlp_bias=True, tie_word_embeddings=False, **SIZES)))
    numbers("kLlamaLogits", llama(tokens(11, 19)).logits)
    qwen = fill(Qwen3ForCausalLM(Qwen3Config(tie_word_embeddings=True, **SIZES)))
    numbers("kNormedHeadsLogits", qwen(tokens(11, 19)).logits)

    stories = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32, attn_implementation="eager").eval()
    ids = tokens(96, 512)
    logits = stories(ids).logits[0]
    numbers("kStoriesLastLogits", logits[-1])
    numbers("kStoriesLosses", torch.nn.functional.cross_entropy(logits[:-1], ids[0, 1:], reduction="none"))
    print("}  // namespace infini::reference")


main()
