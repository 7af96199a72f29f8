"""The time of the whole op, from the bytes and products of its steps (a roofline model)."""

import dataclasses
import math

import eager_attention

HEADS, TOKENS, SEGMENT_LENGTH, WIDTH = 8, 32768, 2048, 128
UPDATES, DIRECTIONS = ["linear", "delta"], ["forward", "backward"]

LOCAL = "local attention"
# The op's steps by the names of the traffic test. The backward pass rotates q and k again.
STEPS = {
    ("linear", "forward"): ["rotate", LOCAL, "linear_update", "linear_state_scan", "retrieve"],
    ("linear", "backward"): ["retrieve_backward", "rotate", LOCAL, "linear_memory_scan_backward",
                             "linear_norm_scan_backward", "linear_update_backward", "rotate_backward"],
    ("delta", "forward"): ["rotate", LOCAL, "delta_written_norm", "delta_norm_scan", "delta_update", "delta_state_scan",
                           "retrieve"],
    ("delta", "backward"): ["retrieve_backward", "rotate", LOCAL, "delta_memory_scan_backward", "delta_coupling",
                            "delta_norm_backward", "delta_norm_scan_backward", "delta_update_backward",
                            "rotate_backward"],
}


@dataclasses.dataclass
class Cost:
    bytes: float
    operations: float = 0  # by tensor cores
    float_operations: float = 0
    blocks: float = math.inf

    def seconds(self, device):
        """A launch with few blocks can use only as many multiprocessors as it has blocks."""
        share = min(1, self.blocks / device.multiprocessors)
        arithmetic = self.operations / device.tensor_peak + self.float_operations / device.float_peak
        return max(self.bytes / device.bandwidth, arithmetic / share)


def local_attention(direction):
    """Flash attention over half the square of each segment: q, k, v → out; these and dout → dq, dk, dv."""
    activation, logsumexp = 2 * HEADS * TOKENS * WIDTH, 4 * HEADS * TOKENS
    operations = 2 * HEADS * TOKENS * SEGMENT_LENGTH * WIDTH
    if direction == "forward":
        return Cost(4 * activation + logsumexp, operations)
    return Cost(8 * activation + logsumexp, 2.5 * operations)


class Ours:
    """One pass of the op by the kernels, in bfloat16."""

    def __init__(self, update, direction, traffic, launches):
        self.local = local_attention(direction)
        self.rotation, self.memory = [], []
        for step in STEPS[update, direction]:
            if step == LOCAL:
                continue
            launch, counted = launches[step], traffic[step]
            cost = Cost(launch.needed_bytes * counted.moved_bytes / counted.needed_bytes, launch.operations,
                        launch.state_operations, launch.blocks)
            (self.rotation if step.startswith("rotate") else self.memory).append(cost)


class Eager:
    """One pass by PyTorch's own ops, in bfloat16."""

    def __init__(self, update, direction):
        self.local = local_attention(direction)
        self.ops = eager_attention.record(update, HEADS, TOKENS, SEGMENT_LENGTH, WIDTH)
        self.rotation, self.memory = ([Cost(op.bytes, op.operations) for op in self.ops[part][direction]]
                                      for part in ("rotation", "memory"))


def total_bytes(costs):
    return sum(cost.bytes for cost in costs)


def total_seconds(one_pass, device):
    return sum(cost.seconds(device) for cost in [one_pass.local, *one_pass.rotation, *one_pass.memory])
