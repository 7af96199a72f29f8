"""Writes docs/results/kernels.md. Exit code 1 if a bound does not hold."""

import collections
import pathlib
import sys

import compiled
import counted
from devices import DEVICES, H100, LEAST_SHARED_BYTES, SMALL_DEVICES
from prediction import (DIRECTIONS, HEADS, SEGMENT_LENGTH, TOKENS, UPDATES, WIDTH, Eager, Ours, total_bytes,
                        total_seconds)

OUTPUT = pathlib.Path("docs/results/kernels.md")
DTYPES = {"__nv_bfloat16": "bfloat16", "__half": "float16", "float": "float32"}
LEAST_SAVING = 4
LEAST_BLOCKS = 2

INTRODUCTION = f"""# The CUDA kernels, without a GPU

**Nothing here ran on a GPU.** Registers, shared memory and instructions are what nvcc made; bytes were counted while
the kernels' source was executed on the CPU, thread by thread; times are predictions from these. All of it is written by
`scripts/kernel_report.sh`. Keys and values are {WIDTH} wide, segments {SEGMENT_LENGTH} tokens long.
"""

TIMES = f"""## The time of the whole op, predicted
`attention` over {TOKENS} tokens, {HEADS} heads, one row, bfloat16, against a chain of PyTorch's own ops, each of which
reads and writes whole tensors (`scripts/kernel_report/eager_attention.py`; op by op at the end). Both have ATen's flash
attention for the local part. The memory's part is all but local attention and rotation: its MB, and eager over ours.

Each launch takes as long as its bytes at the bandwidth of DRAM or its products at the peak, whichever is longer.
Products of a launch with fewer blocks than multiprocessors have the arithmetic of so many alone. Left out are the gaps
between launches, of which eager has many more; the bandwidth of shared memory, which our kernels may wait for; and what
is lost to the peak, which on an H100 and more so on a B200 takes instructions that neither ATen's flash attention nor
these kernels use. The eager σ is `elu(x) + 1`, the fewest bytes; one that does not cancel below 0 makes the eager
memory's part move half as much again.
"""

TRAFFIC = """## What each launch moves
At 4,096 tokens and one head in bfloat16, every segment reading a memory. Needed: each input byte that the step's
definition asks for read once, each output byte written once. Moved: the different 32-byte sectors that the launch
touches, which is what passes between DRAM and an L2 cache that holds everything. Of pieces: the share of what is needed
that is gradients of states, kept apart for each piece of 512 tokens so that their sum has a fixed order. L2: what the
warps ask for, L1 never hitting. Conflicts: cycles lost for each request to shared memory.
"""

RESOURCES = f"""## What the compiler made
For {', '.join(f'{d.architecture} ({d.name})' for d in DEVICES)}, in this order where they differ. The grid is that of
{TOKENS} tokens and {HEADS} heads. Tensor instructions are those in the code, not those executed; float32 has none, its
products are exact. `sum_` and `recur_` work on states alone, segment after segment: their few blocks move little.
"""

SMALL = f"""## Where a block has little shared memory
The same for {', '.join(f'{d.architecture} ({d.name})' for d in SMALL_DEVICES)}, whose blocks have {LEAST_SHARED_BYTES}
bytes at most. Kernels that would like more have a second form, with a `false` at the end.
"""

# The one step with a block for itself: its two matrices of 128 x 128 floats leave no room for a second.
ALONE = ("float", "delta_update_backward")


def table(header, rows, left=1):
    """A table in Markdown. The first `left` columns are words, the others are figures."""
    lines = [header, ["---" if i < left else "---:" for i in range(len(header))], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def slashed(values):
    """One value if all are the same, else all of them."""
    values = list(values)
    return " / ".join(map(str, values if len(set(values)) > 1 else values[:1]))


class Report:
    def __init__(self):
        self.traffic, self.launches, self.small_launches = counted.run_traffic_test()
        self.compiled = compiled.compile_all(device.architecture for device in DEVICES + SMALL_DEVICES)
        self.passes = {(update, direction): (Ours(update, direction, self.traffic, self.launches["__nv_bfloat16"]),
                                             Eager(update, direction))
                       for update in UPDATES for direction in DIRECTIONS}

    def shared_bytes(self, launch, device):
        return self.compiled[device.architecture][launch.kernel].static_shared_bytes + launch.shared_bytes

    def blocks_at_once(self, launch, device):
        kernel = self.compiled[device.architecture][launch.kernel]
        return device.blocks_at_once(kernel.registers, self.shared_bytes(launch, device), launch.threads)

    def fills_h100(self, launch):
        return min(self.blocks_at_once(launch, H100), launch.blocks / H100.multiprocessors) >= LEAST_BLOCKS

    def bounds(self):
        """→ [(what, whether it holds, figures)]."""
        spilled = [f"`{name}` ({architecture})" for architecture, kernels in self.compiled.items()
                   for name, kernel in kernels.items() if kernel.spilled_bytes]
        ratios = {step: figures.moved_bytes / figures.needed_bytes for step, figures in self.traffic.items()}
        backward = max(ratio for step, ratio in ratios.items() if "backward" in step or step == "delta_coupling")
        savings = {" ".join(key): total_bytes(eager.memory) / total_bytes(ours.memory)
                   for key, (ours, eager) in self.passes.items()}
        few = [f"`{step}` in {DTYPES[dtype]}" for dtype, steps in self.launches.items()
               for step, launch in steps.items()
               if "scan" not in step and (dtype, step) != ALONE and not self.fills_h100(launch)]
        too_large = [f"`{launch.kernel}`" for steps in self.small_launches.values() for launch in steps.values()
                     if self.shared_bytes(launch, SMALL_DEVICES[0]) > LEAST_SHARED_BYTES]
        return [
            (f"no block asks for more than {LEAST_SHARED_BYTES} bytes of shared memory where there is no more",
             not too_large, ", ".join(too_large) or f"all but `{ALONE[1]}` in {DTYPES[ALONE[0]]}, which is composed"),
            ("no spilled registers, any kernel, dtype, width and architecture", not spilled, ", ".join(spilled) or "0"),
            ("retrieve moves at most 1.05 of what it needs", ratios["retrieve"] <= 1.05, f"{ratios['retrieve']:.3f}"),
            ("each backward launch moves at most 1.15 of what it needs", backward <= 1.15, f"{backward:.3f}"),
            (f"the memory's part moves at least {LEAST_SAVING} times fewer bytes than the eager chain",
             min(savings.values()) >= LEAST_SAVING,
             ", ".join(f"{key} {saving:.1f}" for key, saving in savings.items())),
            (f"of all that passes over tokens, at least {LEAST_BLOCKS} blocks at once on a multiprocessor of an H100, "
             f"and {LEAST_BLOCKS} for each in the grid", not few, ("not " + ", ".join(few)) if few else
             f"all but `{ALONE[1]}` in {DTYPES[ALONE[0]]}, whose two matrices leave room for one"),
        ]

    def devices(self):
        return table(["device (SXM, as published)", "multiprocessors", "DRAM, TB/s", "bfloat16, dense, TFLOP/s",
                      "float32, TFLOP/s"],
                     [[device.name, device.multiprocessors, f"{device.bandwidth / 1e12:g}",
                       f"{device.tensor_peak / 1e12:g}", f"{device.float_peak / 1e12:g}"] for device in DEVICES])

    def times(self):
        header = ["update, pass", "memory, ours, MB", "memory, eager, MB", "eager / ours"]
        header += [f"{device.name}: {who}" for device in DEVICES for who in ("ours, ms", "eager, ms", "eager / ours")]
        rows = []
        for update in UPDATES:
            for name, directions in [*((direction, [direction]) for direction in DIRECTIONS), ("both", DIRECTIONS)]:
                passes = [self.passes[update, direction] for direction in directions]
                ours, eager = (sum(total_bytes(one_pass.memory) for one_pass in of_one) for of_one in zip(*passes))
                row = [f"{update}, {name}", f"{ours / 1e6:.0f}", f"{eager / 1e6:.0f}", f"{eager / ours:.1f}x"]
                for device in DEVICES:
                    ours, eager = (sum(total_seconds(one_pass, device) for one_pass in of_one)
                                   for of_one in zip(*passes))
                    row += [f"{ours * 1e3:.2f}", f"{eager * 1e3:.2f}", f"{eager / ours:.2f}x"]
                rows.append(row)
        return table(header, rows)

    def shares(self):
        """The time of each step on an H100."""
        rows = []
        for (update, direction), passes in self.passes.items():
            milliseconds = [f"{1e3 * sum(cost.seconds(H100) for cost in part):.2f}" for one_pass in passes
                            for part in ([one_pass.local], one_pass.rotation, one_pass.memory)]
            rows.append([f"{update}, {direction}", *milliseconds])
        header = [f"{who}: {part}" for who in ("ours", "eager") for part in ("local", "rotation", "memory")]
        return table(["update, pass", *header], rows)

    def eager_ops(self):
        rows = []
        for (update, direction), (_, eager) in self.passes.items():
            for part in ("rotation", "memory"):
                count, moved = collections.Counter(), collections.Counter()
                for op in eager.ops[part][direction]:
                    count[op.name] += 1
                    moved[op.name] += op.bytes
                rows.append([f"{update}, {direction}, {part}", ", ".join(
                    f"{count[name]} {name} {bytes / 1e6:.0f}" for name, bytes in moved.most_common() if bytes >= 5e5)])
        return table(["update, pass, part", "ops: how many, and MB that they move together"], rows, left=2)

    def traffic_rows(self):
        rows = []
        for step, figures in self.traffic.items():
            needed = figures.needed_bytes
            conflicts = figures.bank_conflicts / max(1, figures.shared_requests)
            rows.append([f"`{step}`", needed, figures.moved_bytes, f"{figures.moved_bytes / needed:.3f}",
                         f"{figures.needed_bytes_of_pieces / needed:.1%}", f"{figures.requested_bytes / needed:.2f}",
                         f"{conflicts:.2f}"])
        header = ["step", "bytes needed", "bytes moved", "moved / needed", "of pieces", "L2 / needed", "conflicts"]
        return table(header, rows)

    def resources(self, launches, devices):
        rows = {}
        for steps in launches.values():
            for launch in steps.values():
                kernels = [self.compiled[device.architecture][launch.kernel] for device in devices]
                at_once = [self.blocks_at_once(launch, device) for device in devices]
                static = slashed(kernel.static_shared_bytes for kernel in kernels)
                rows.setdefault(launch.kernel, [
                    f"`{launch.kernel}`", slashed(kernel.registers for kernel in kernels),
                    slashed(kernel.spilled_bytes for kernel in kernels), f"{static} + {launch.shared_bytes}",
                    launch.threads, slashed(at_once),
                    slashed(f"{count * launch.threads / (32 * device.warps):.0%}"
                            for count, device in zip(at_once, devices)), launch.blocks,
                    slashed(kernel.tensor_instructions for kernel in kernels)])
        return table(["kernel", "registers", "spilled bytes", "shared bytes, static + dynamic", "threads",
                      "blocks at once", "occupancy", "blocks in the grid", "tensor instructions"], rows.values())

    def write(self):
        """Returns whether all bounds hold."""
        bounds = self.bounds()
        verdicts = table(["bound", "", "found"], [[what, "holds" if holds else "**does not hold**", found]
                                                  for what, holds, found in bounds], left=3)
        OUTPUT.write_text("\n".join([
            INTRODUCTION, "## Bounds", verdicts, TIMES, self.devices(), self.times(),
            f"Where the milliseconds go on an {H100.name}:\n", self.shares(), TRAFFIC, self.traffic_rows(), RESOURCES,
            self.resources(self.launches, DEVICES), SMALL, self.resources(self.small_launches, SMALL_DEVICES),
            "## The eager chain, op by op", self.eager_ops()]))
        print(f"{verdicts}\nwritten: {OUTPUT}")
        return all(holds for _, holds, _ in bounds)


if __name__ == "__main__":
    sys.exit(0 if Report().write() else 1)
