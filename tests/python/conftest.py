"""Loads the op library for the tests beside this file: INFINI_OPS_LIBRARY, or the checkout's release build.

The tests in the folders below need none."""

import functools
import os
import pathlib

import pytest
import torch

pytest.register_assert_rewrite("measures")

DEFAULT_LIBRARY = pathlib.Path(__file__).resolve().parents[2] / "build" / "release" / "libinfini_ops.so"


LIBRARY = os.environ.get("INFINI_OPS_LIBRARY", str(DEFAULT_LIBRARY))


HERE = pathlib.Path(__file__).resolve().parent


def pytest_collectstart(collector):
    if isinstance(collector, pytest.Module) and collector.path.resolve().parent == HERE:
        load_library()


@functools.cache
def load_library():
    if not os.path.exists(LIBRARY):
        pytest.exit(f"{LIBRARY} is missing; build it with scripts/test.sh, or name it in INFINI_OPS_LIBRARY", 2)
    torch.ops.load_library(LIBRARY)
    # The inputs are tiny, so on a busy machine two threads would spend their time waiting for each other.
    # What several threads must not change is tested in test_values.py.
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture(params=["linear", "delta"])
def update(request):
    return request.param


@pytest.fixture(params=["none", "linear", "delta"])
def any_update(request):
    return request.param
