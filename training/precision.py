"""bf16 where the processor multiplies in it; elsewhere it is emulated, an order of magnitude slower than fp32."""

import torch


def reduced_precision() -> torch.autocast:
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported())
