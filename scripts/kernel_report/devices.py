"""The devices that times are predicted for, by NVIDIA's published figures for the SXM modules, and smaller ones."""

import dataclasses
import math


@dataclasses.dataclass
class Device:
    name: str
    architecture: str
    multiprocessors: int
    shared_bytes: int  # of a multiprocessor
    bandwidth: float  # bytes/s of DRAM
    tensor_peak: float  # operations/s on bfloat16, dense
    float_peak: float
    warps: int = 64  # of a multiprocessor
    blocks: int = 32

    def blocks_at_once(self, registers, shared_bytes, threads):
        """Blocks that a multiprocessor holds. Checked against the toolkit's cuda_occupancy.h."""
        warps = math.ceil(threads / 32)
        registers_of_warp = 256 * math.ceil(32 * registers / 256)
        by_registers = 4 * (65536 // 4 // registers_of_warp) // warps
        by_shared = self.shared_bytes // (128 * math.ceil((shared_bytes + 1024) / 128))
        return min(by_registers, by_shared, self.warps // warps, self.blocks)


A100 = Device("A100", "sm_80", 108, 164 * 1024, 2.039e12, 312e12, 19.5e12)
H100 = Device("H100", "sm_90", 132, 228 * 1024, 3.35e12, 989e12, 67e12)
B200 = Device("B200", "sm_100", 148, 228 * 1024, 8.0e12, 2250e12, 75e12)
DEVICES = [A100, H100, B200]

# Of one of each architecture that gives a block 99 KiB of shared memory; no times are predicted for them.
LEAST_SHARED_BYTES = 101376
RTX_3090 = Device("RTX 3090", "sm_86", 82, 100 * 1024, 0.936e12, 71e12, 35.6e12, warps=48, blocks=16)
RTX_4090 = Device("RTX 4090", "sm_89", 128, 100 * 1024, 1.008e12, 165e12, 82.6e12, warps=48, blocks=24)
RTX_5090 = Device("RTX 5090", "sm_120", 170, 100 * 1024, 1.792e12, 210e12, 104.8e12, warps=48, blocks=32)
SMALL_DEVICES = [RTX_3090, RTX_4090, RTX_5090]
