#!/usr/bin/env python3
"""Breaks the CUDA kernels on purpose, one mistake at a time, and shows which test of the host harness finds each.

usage: scripts/kernel_mutations.py [NAME...]     after scripts/setup.sh all; without names, every mutation

The checkout stays as it is. Each mistake is made in a copy under build/mutations, which is compiled like the kernel and
linked with the unchanged tests. Exit code 1 if no test finds a mistake.
"""

import dataclasses
import json
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
WORK = ROOT / "build" / "mutations"
KERNELS = ROOT / "csrc" / "ops" / "cuda"


@dataclasses.dataclass(frozen=True)
class Mutation:
    """Replaces `before` by `after` in `file`, compiles `kernel` again and runs the tests that match `tests`."""

    name: str
    file: str
    before: str
    after: str
    tests: str
    kernel: str = ""
    variant: str = "plain"  # or sanitized, race: the build that should find the mistake


MUTATIONS = [
    Mutation("retrieve: no barrier after M is loaded", "retrieve.cu",
             "static_cast<int>(threadIdx.x));\n  __syncthreads();", "static_cast<int>(threadIdx.x));", "Retrieve/*"),
    Mutation("retrieve: wrong KV head of a group", "retrieve.cu",
             "place.head / x.group_size()", "place.head % x.groups", "Retrieve/*"),
    Mutation("retrieve: empty memory not told apart", "retrieve.cu", "if (!any_nonzero(norm, D))", "if (false)",
             "Retrieve/*"),
    Mutation("retrieve: M transposed", "retrieve.cu",
             "product.template add<D>(queries, memory)", "product.template add<D>(queries, transposed(memory))",
             "Retrieve/*"),
    Mutation("retrieve: z forgotten", "retrieve.cu", "denominator += values[j] * z[j];", "denominator += values[j];",
             "Retrieve/*"),
    Mutation("retrieve: gate the wrong way round", "retrieve.cu", "1.0f - gate, count", "gate, count", "Retrieve/*"),
    Mutation("retrieve: reads past the last row", "retrieve.cu",
             "rows - begin < rows_per_warp ? rows - begin : rows_per_warp", "rows_per_warp", "Retrieve/*",
             variant="sanitized"),
    Mutation("retrieve: next rows loaded while these are read, seen as a race", "retrieve.cu",
             "count);\n    }\n    __syncwarp();", "count);\n    }", "Retrieve/*", variant="race"),
    Mutation("retrieve: memory taken as empty for half of its norm", "element.cuh", "i < width; i += 32",
             "i < width / 2; i += 32", "Retrieve/*", kernel="retrieve.cu"),
    Mutation("σ as ELU + 1 in bfloat16", "element.cuh",
             "x > 0.0f ? x + 1.0f : expf(x)",
             "__bfloat162float(__float2bfloat16(x > 0.0f ? x : expf(x) - 1.0f)) + 1.0f", "LinearUpdate/*",
             kernel="linear_update.cu"),
    Mutation("linear update: Σσ(k) summed in bfloat16", "written_tile.cuh",
             "key_sums_[j] += index < count ? row[j] : 0.0f;",
             "key_sums_[j] = rounded<__nv_bfloat16>(key_sums_[j] + (index < count ? row[j] : 0.0f));", "LinearUpdate/*",
             kernel="linear_update.cu"),
    Mutation("linear update: no barrier before the product", "written_tile.cuh",
             "Unchanged());\n      __syncthreads();", "Unchanged());", "LinearUpdate/*", kernel="linear_update.cu"),
    Mutation("linear update: no barrier after the product, seen as a race", "written_tile.cuh",
             "transposed(keys_), values_);\n      __syncthreads();", "transposed(keys_), values_);", "LinearUpdate/*",
             kernel="linear_update.cu", variant="race"),
    Mutation("linear update: wrong segment offset", "linear_update.cu", "place.segment * x.segment_length",
             "place.segment * (x.segment_length - 1)", "LinearUpdate/*"),
    Mutation("linear update: gain forgotten", "linear_update.cu",
             "arguments.gain == nullptr ? 1.0f : arguments.gain[place.batch * x.segments() + place.segment]", "1.0f",
             "LinearUpdate/*"),
    Mutation("delta update: z forgotten in the transition", "delta_update.cu",
             "sqrtf(reciprocal_or_zero(sum_over_lanes<Staged::lanes_per_row>(denominator)))",
             "(sum_over_lanes<Staged::lanes_per_row>(denominator) > 0.0f ? 1.0f : 0.0f)", "DeltaUpdate/*"),
    Mutation("delta update: 1/x of what cannot be inverted", "element.cuh", "x > 1e-30f ? 1.0f / x : 0.0f", "1.0f / x",
             "DeltaUpdate/*", kernel="delta_update.cu"),
    Mutation("delta update: always the first rows of the transition", "delta_update.cu",
             "transposed(keys.from(0, first_row))", "transposed(keys.from(0, 0))", "DeltaUpdate/*"),
    Mutation("state scan: starts forgotten", "state_scan.cu", "const bool starts = starts_at(arguments, batch, segment);",
             "const bool starts = false;", "StateScan*"),
    Mutation("state scan: delta term dropped", "state_scan.cu", "written[i][j] - taken[j]", "written[i][j]",
             "StateScan*"),
    Mutation("state scan: the wrong rows of M", "state_scan.cu", "memory.from(first, 0)", "memory.from(0, 0)",
             "StateScan*"),
    Mutation("state scan: the state after each segment, not before", "state_scan.cu",
             "      store_floats(states + (first + i) * size, state);\n#pragma unroll\n"
             "      for (int j = 0; j < width; ++j) state[j] += written[i][j];",
             "#pragma unroll\n      for (int j = 0; j < width; ++j) state[j] += written[i][j];\n"
             "      store_floats(states + (first + i) * size, state);", "StateScan*"),
    Mutation("retrieve backward: copies not waited for", "retrieve_backward.cu",
             "    __pipeline_wait_prior(1);\n    __syncthreads();\n    value_rows", "    __syncthreads();\n    value_rows",
             "RetrieveBackward/*"),
    Mutation("retrieve backward: no barrier before u is multiplied", "retrieve_backward.cu",
             "through_memory;\n    });\n    __syncthreads();", "through_memory;\n    });", "RetrieveBackward/*"),
    Mutation("retrieve backward: sign of dz", "retrieve_backward.cu", "norm_sum -= weight", "norm_sum += weight",
             "RetrieveBackward/*"),
    Mutation("retrieve backward: σ′ forgotten", "retrieve_backward.cu", " * sigma_derivative(sigma_row[j])", "",
             "RetrieveBackward/*"),
    Mutation("state scan backward: transition not transposed", "state_scan_backward.cu",
             "+ part * depth) * D + row;", "+ row) * D + part * depth;", "StateScanBackward*"),
    Mutation("state scan backward: only one head of a group", "state_scan_backward.cu",
             "head < (group + 1) * x.group_size()", "head < group * x.group_size() + 1", "StateScanBackward*"),
    Mutation("state scan backward: starts forgotten", "state_scan_backward.cu",
             "gradient = starts_at(gradients, batch, segment) ? 0.0f : gradient + own;", "gradient = gradient + own;",
             "StateScanBackward*"),
    Mutation("delta backward: half of the denominator's gradient", "delta_update_backward.cu", "0.5f * reciprocal[row]",
             "reciprocal[row]", "DeltaUpdateBackward*"),
    Mutation("delta backward: weights of all pieces in one place", "delta_update_backward.cu",
             "* x.segment_length +\n                         piece.part * piece_length", "* x.segment_length",
             "DeltaUpdateBackward*"),
    Mutation("update backward: correction of the delta rule dropped", "update_backward.cu",
             "if constexpr (delta) product.template add<D>(scaled, coupling);", "", "UpdateBackward/*"),
    Mutation("update backward: dM of another segment", "update_backward.cu",
             "arguments.dmemories_after + full * D * E", "arguments.dmemories_after + state * D * E",
             "UpdateBackward/*"),
    Mutation("update backward: v overwritten while it is multiplied, seen as a race", "update_backward.cu",
             "add<E>(values, transposed(dmemory));\n    __syncthreads();", "add<E>(values, transposed(dmemory));",
             "UpdateBackward/*", variant="race"),
    Mutation("rotate: positions in the text, not in the segment", "rotate.cu", "token % x.segment_length * D",
             "token * D", "Rotate/*"),
    Mutation("rotate backward: turned the same way again", "rotate.cu", "angles.turn_back(low, high)",
             "angles.turn(low, high)", "Rotate/*"),
    Mutation("short convolution: taps in the wrong order", "short_convolution.cu",
             "add_product(y, taps[i], passed[W - 2 - i]);", "add_product(y, taps[i], passed[i]);",
             "ShortConvolution/*"),
    Mutation("short convolution: documents run into each other", "short_convolution.cu",
             "if (documents.begins()) clear(passed);", "", "ShortConvolution/*"),
    Mutation("short convolution: a run begins with zeros", "short_convolution.cu",
             "for (int64_t t = run.begin - (W - 1); t < run.end;",
             "for (int64_t t = run.begin > 0 ? run.begin : 1 - W; t < run.end;", "ShortConvolution/*"),
    Mutation("short convolution: segments a token too long", "short_convolution.cu", "if (++position_ == length_)",
             "if (++position_ > length_)", "ShortConvolution/*"),
    Mutation("short convolution backward: gradient passes a beginning", "short_convolution.cu",
             "if (next.begins()) clear(passed);", "", "ShortConvolution/*"),
    Mutation("short convolution backward: tokens ahead of x forgotten", "short_convolution.cu",
             "run.begin == 0 ? 1 - W : run.begin", "run.begin", "ShortConvolution/*"),
    Mutation("short convolution backward: only one run of a piece counts", "short_convolution.cu",
             "for (int number = 0; number < runs; ++number)", "for (int number = 0; number < 1; ++number)",
             "ShortConvolution/*"),
    Mutation("short convolution backward: no barrier before the runs are added", "short_convolution.cu",
             "sums[i]);\n  }\n  __syncthreads();", "sums[i]);\n  }", "ShortConvolution/*"),
    Mutation("short convolution backward: channels behind the last are written", "short_convolution.cu",
             "if (first_channel + channel >= x.channels) continue;", "", "ShortConvolution/*", variant="sanitized"),
]


def compile_command(variant, kernel):
    """How the tests compile a kernel for the harness: its arguments and its folder."""
    stub = f"host_cuda_kernels_{variant}/{pathlib.Path(kernel).stem}.cpp"
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        if entry["file"].endswith(stub):
            words = shlex.split(entry["command"])
            words = words[next(i for i, word in enumerate(words) if word.endswith("++")):]
            return [word for i, word in enumerate(words) if word not in ("-o", "-c") and words[i - 1] not in ("-o", "-c")]
    sys.exit(f"{stub} is not in {BUILD}/compile_commands.json: run scripts/setup.sh all first")


def run(command, log):
    result = subprocess.run(command, cwd=BUILD, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log.write_text(shlex.join(map(str, command)) + "\n" + result.stdout)
    return result


def first_failure(output):
    """The test that failed first, and the message of the sanitizer if one stopped the run."""
    test = re.findall(r"\[ (?: FAILED |RUN     ) \] ([^ ,\n]+)", output)
    failed = re.search(r"\[  FAILED  \] ([^ ,\n]+)", output)
    stopped = re.search(r"(?:AddressSanitizer: |runtime error: )[^\n]*?(?= on address|\n)", output)
    return failed.group(1) if failed else f"{test[-1] if test else 'no test'} ({stopped.group(0) if stopped else 'crashed'})"


def found_by(number, mutation):
    """Which test fails with the mistake, or None."""
    folder = WORK / str(number)
    broken = folder / "ops" / "cuda" / mutation.file
    broken.parent.mkdir(parents=True, exist_ok=True)
    source = (KERNELS / mutation.file).read_text()
    if source.count(mutation.before) == 0:
        sys.exit(f"{mutation.name}: csrc/ops/cuda/{mutation.file} does not have this text any more:\n{mutation.before}")
    broken.write_text(source.replace(mutation.before, mutation.after))

    kernel = mutation.kernel or mutation.file
    source_file = broken if kernel == mutation.file else KERNELS / kernel
    compiler, *flags = compile_command(mutation.variant, kernel)
    kernel_object, test = folder / "kernel.o", folder / "test"
    compiled = run([compiler, f"-I{folder}", *flags, "-x", "c++", "-c", source_file, "-o", kernel_object],
                   folder / "compile.log")
    if compiled.returncode:
        sys.exit(f"{mutation.name}: does not compile, see {folder}/compile.log")
    variant = mutation.variant
    objects = sorted((BUILD / "tests/ops/cuda/CMakeFiles" / f"test_kernels_{variant}.dir").glob("*.o"))
    sanitizers = ["-fsanitize=address,undefined"] if variant == "sanitized" else []
    linked = run([compiler, *sanitizers, *objects, kernel_object, BUILD / f"tests/ops/cuda/libhost_cuda_kernels_{variant}.a",
                  BUILD / f"tests/host_cuda/libhost_cuda_{variant}.a", "-lgtest", "-lgtest_main", "-o", test],
                 folder / "link.log")
    if linked.returncode:
        sys.exit(f"{mutation.name}: does not link, see {folder}/link.log")
    result = run([test, f"--gtest_filter={mutation.tests}", "--gtest_fail_fast"], folder / "test.log")
    if "Running 0 tests" in result.stdout:
        sys.exit(f"{mutation.name}: no test matches {mutation.tests}")
    return first_failure(result.stdout) if result.returncode else None


def main():
    chosen = sys.argv[1:]
    names = [mutation.name for mutation in MUTATIONS]
    for name in chosen:
        if name not in names:
            sys.exit(f"there is no mutation '{name}'; there are:\n  " + "\n  ".join(names))
    unseen = 0
    for number, mutation in enumerate(MUTATIONS):
        if chosen and mutation.name not in chosen:
            continue
        test = found_by(number, mutation)
        unseen += test is None
        print(f"{mutation.name:70} {mutation.variant:10} {test or 'FOUND BY NO TEST'}", flush=True)
    print(f"{unseen} of {len(chosen) or len(MUTATIONS)} mistakes were found by no test")
    sys.exit(1 if unseen else 0)


if __name__ == "__main__":
    main()
