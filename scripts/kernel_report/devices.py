"""The devices for which times are predicted, with NVIDIA's published figures for the SXM modules."""

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

    def blocks_at_once(self, registers, shared_bytes, threads):
        """Blocks that a multiprocessor holds. Checked against the toolkit's cuda_occupancy.h."""
        warps = math.ceil(threads / 32)
        registers_of_warp = 256 * math.ceil(32 * registers / 256)
        by_registers = 4 * (65536 // 4 // registers_of_warp) // warps
        by_shared = self.shared_bytes // (128 * math.ceil((shared_bytes + 1024) / 128))
        return min(by_registers, by_shared, 64 // warps, 32)


A100 = Device("A100", "sm_80", 108, 164 * 1024, 2.039e12, 312e12, 19.5e12)
H100 = Device("H100", "sm_90", 132, 228 * 1024, 3.35e12, 989e12, 67e12)
B200 = Device("B200", "sm_100", 148, 228 * 1024, 8.0e12, 2250e12, 75e12)
DEVICES = [A100, H100, B200]
