"""Registers, memory and instructions of each kernel, from nvcc's output."""

import concurrent.futures
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sysconfig
import tempfile

NVCC = shutil.which("nvcc") or os.environ.get("CUDA_HOME", "/usr/local/cuda") + "/bin/nvcc"
NVDISASM = pathlib.Path(sysconfig.get_path("purelib"), "nvidia/cu13/bin/nvdisasm")
NAME = re.compile(r"infini::ops::cuda::\(anonymous namespace\)::([^(]*)")


@dataclasses.dataclass
class Compiled:
    registers: int
    spilled_bytes: int
    static_shared_bytes: int
    tensor_instructions: int = 0


def run(command, **keywords):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          **keywords).stdout


def name_of(text):
    """name<arguments> of the first kernel that is named, demangled, in a text."""
    return NAME.search(text)[1].removeprefix("void ")


def compile_file(source, architecture):
    """→ {name<arguments>: Compiled}."""
    with tempfile.TemporaryDirectory() as folder:
        cubin = pathlib.Path(folder) / "kernels.cubin"
        log = run([NVCC, "-std=c++20", "-O3", "-DNDEBUG", "--expt-relaxed-constexpr", "-Icsrc", f"-arch={architecture}",
                   "-Xptxas=-v", "-cubin", source, "-o", cubin])
        assembly = run([NVDISASM, cubin])
    kernels = {}
    for entry in run(["c++filt"], input=log).split("Compiling entry function")[1:]:
        spills = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", entry)
        shared = re.search(r"(\d+) bytes smem", entry)
        kernels[name_of(entry)] = Compiled(registers=int(re.search(r"Used (\d+) registers", entry)[1]),
                                           spilled_bytes=int(spills[1]) + int(spills[2]),
                                           static_shared_bytes=int(shared[1]) if shared else 0)
    for section in assembly.split("\t.section\t.text.")[1:]:
        mangled = section.partition(",")[0]
        count = len(re.findall(r"\s[HIDQ]G?MMA\.", section))
        kernels[name_of(run(["c++filt", mangled]))].tensor_instructions = count
    return kernels


def compile_all(architectures):
    """→ {architecture: {name<arguments>: Compiled}}."""
    sources = sorted(pathlib.Path("csrc/ops/cuda").glob("*.cu"))
    compiled = {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for architecture in architectures:
            parts = pool.map(compile_file, sources, [architecture] * len(sources))
            compiled[architecture] = {name: kernel for part in parts for name, kernel in part.items()}
    return compiled
