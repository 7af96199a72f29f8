"""No size of 0 in any argument of any op ends the process, or gives numbers from nowhere."""

import json
import subprocess
import sys

import pytest

from conftest import LIBRARY
from test_registration import NAMES

# Ops on any number of rows: nothing in, nothing out.
TAKES_NO_ROWS = {"rms_norm", "swiglu", "affine_map", "embed_tokens", "linear_cross_entropy", "linear_token_losses"}

# A segment length that no sequence fills; tokens + L would overflow.
LONGEST = 2**63 - 1

SCRIPT = """
import json, sys, torch
sys.path.insert(0, sys.argv[3])
torch.ops.load_library(sys.argv[1])
from test_registration import samples
name, results = sys.argv[2], []

def emptied(tensor, dimensions):
    shape = [0 if dimension in dimensions else size for dimension, size in enumerate(tensor.shape)]
    return torch.zeros(shape, dtype=tensor.dtype).requires_grad_(tensor.requires_grad)

def leaf(argument, graph):
    if not isinstance(argument, torch.Tensor) or not argument.is_floating_point():
        return argument
    return argument.detach().requires_grad_(argument.requires_grad and graph)

def attempt(what, arguments):
    print(json.dumps(what), flush=True)  # the last line is the case that ended the process
    for graph in (False, True):
        try:
            inputs = [leaf(a, graph) for a in arguments]
            outputs = getattr(torch.ops.infini, name)(*inputs)
            outputs = [outputs] if isinstance(outputs, torch.Tensor) else outputs
            sum(output.sum() for output in outputs)
            if graph and any(output.requires_grad for output in outputs):
                sum(output.sum() for output in outputs).backward()
            finite = all(output.isfinite().all().item() for output in outputs)
            results.append([what, "gave numbers" if finite else "gave numbers from nowhere"])
        except RuntimeError as error:
            results.append([what, str(error).splitlines()[0]])

arguments = samples(name)[0]
places = [i for i, a in enumerate(arguments) if isinstance(a, torch.Tensor)]
for i in places:
    for dimension in range(arguments[i].dim()):
        changed = list(arguments)
        changed[i] = emptied(arguments[i], [dimension])
        attempt([i, dimension], changed)
# All tensors that have such a size at once: 0 heads everywhere, 0 tokens everywhere, …
for size in {n for i in places for n in arguments[i].shape}:
    changed = list(arguments)
    for i in places:
        changed[i] = emptied(arguments[i], [d for d, n in enumerate(arguments[i].shape) if n == size])
    attempt(["every size", size], changed)
for i, argument in enumerate(arguments):
    if isinstance(argument, int) and not isinstance(argument, bool):
        for value in (0, -1, 2**63 - 1):
            attempt([i, value], arguments[:i] + [value] + arguments[i + 1:])
print("done " + json.dumps(results))
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_size_of_zero_is_refused_by_name_or_works(name):
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, LIBRARY, name, str(__file__).rsplit("/", 1)[0]], capture_output=True, text=True
    )
    lines = run.stdout.splitlines()
    assert run.returncode == 0 and lines[-1].startswith("done "), (lines[-1:], run.stderr[-2000:])
    for what, result in json.loads(lines[-1].removeprefix("done ")):
        assert result != "gave numbers from nowhere", what
        if result == "gave numbers":
            assert name in TAKES_NO_ROWS or what[1] == LONGEST, what
        else:
            assert " must " in result, (what, result)
