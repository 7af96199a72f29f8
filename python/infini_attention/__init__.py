"""Infini-attention (arXiv 2404.07143) as one differentiable PyTorch function."""

from infini_attention.function import infini_attention, rope_tables
from infini_attention.library import find_library, load_library

__all__ = ["find_library", "infini_attention", "load_library", "rope_tables"]
