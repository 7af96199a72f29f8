#!/usr/bin/env python3
"""Writes reference_numbers.h: small parameters after five steps of torch.optim.AdamW and of transformers' Adafactor with
made-up gradients, and the bytes that TensorBoard itself writes for events.

    pip install torch transformers tensorboard
    python make_reference_numbers.py > reference_numbers.h
"""
import textwrap

import torch
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from transformers.optimization import Adafactor

SHAPES = {"matrix": (3, 4), "norm": (5,), "gate": (2,)}
STEPS = 5


def start(name):
    shape = SHAPES[name]
    index = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return (torch.sin(0.7 * index + len(name)) * 0.8).reshape(shape)


def gradient(name, step):
    shape = SHAPES[name]
    index = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return (torch.cos(1.3 * index + 0.9 * step + len(name)) * (8.0 if step == 3 else 0.5)).reshape(shape)


def run(optimizer, parameters, base_rates):
    for step in range(1, STEPS + 1):
        for group, rate in zip(optimizer.param_groups, base_rates):
            group["lr"] = rate * step / STEPS
        for name, parameter in parameters.items():
            parameter.grad = gradient(name, step)
        optimizer.step()


def emit_vector(kind, name, values):
    print(f"inline const std::vector<{kind}> k{name} = {{")
    print(textwrap.fill(", ".join(values), 116, initial_indent="    ", subsequent_indent="    ") + "};")


def emit(title, parameters):
    for name, parameter in parameters.items():
        values = [f"{value:.17g}" for value in parameter.detach().flatten().tolist()]
        emit_vector("double", title + name.capitalize(), values)


def parameters():
    return {name: torch.nn.Parameter(start(name)) for name in SHAPES}


print("#pragma once\n\n// Made by make_reference_numbers.py.\n\n#include <cstdint>\n#include <vector>\n")
print("namespace infini::reference {\n")

p = parameters()
adamw = torch.optim.AdamW(
    [{"params": [p["matrix"]], "weight_decay": 0.1}, {"params": [p["norm"]], "weight_decay": 0.0},
     {"params": [p["gate"]], "weight_decay": 0.0}], lr=0.0, betas=(0.9, 0.95), eps=1e-8)
run(adamw, p, [0.02, 0.02, 0.3])
emit("AdamW", p)

for title, scaled, threshold in (("AdafactorScaled", True, 1.0), ("AdafactorPlain", False, 0.7)):
    p = parameters()
    shared = dict(clip_threshold=threshold, decay_rate=-0.8, relative_step=False, warmup_init=False)
    groups = [Adafactor([p["matrix"]], lr=0.02, weight_decay=0.1, scale_parameter=scaled, **shared),
              Adafactor([p["norm"]], lr=0.02, weight_decay=0.0, scale_parameter=scaled, **shared),
              Adafactor([p["gate"]], lr=0.3, weight_decay=0.0, scale_parameter=False, **shared)]
    for optimizer, (name, parameter), rate in zip(groups, p.items(), (0.02, 0.02, 0.3)):
        run(optimizer, {name: parameter}, [rate])
    emit(title, p)


class Bytes:
    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data


sink = Bytes()
writer = RecordWriter(sink)
writer.write(Event(wall_time=1700000000.25, file_version="brain.Event:2").SerializeToString())
writer.write(Event(wall_time=1700000001.5, step=300, summary=Summary(value=[
    Summary.Value(tag="train/loss", simple_value=1.75),
    Summary.Value(tag="gates/layer 0 head 1", simple_value=0.125),
    Summary.Value(tag="gates/all heads", histo=HistogramProto(
        min=0.125, max=0.625, num=4, sum=1.5, sum_squares=0.6875, bucket_limit=[0.25, 0.5, 0.75],
        bucket=[1, 2, 1]))])).SerializeToString())
emit_vector("uint8_t", "EventFile", [str(byte) for byte in sink.data])
print("\n}  // namespace infini::reference")
