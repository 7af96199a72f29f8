"""Finds and loads libinfini_ops.so, which registers torch.ops.infini.*."""

import os
import pathlib

import torch

VARIABLE = "INFINI_OPS_LIBRARY"
CHECKOUT_LIBRARY = pathlib.Path(__file__).resolve().parents[2] / "build" / "release" / "libinfini_ops.so"


def find_library() -> pathlib.Path:
    """The file named by the environment variable INFINI_OPS_LIBRARY, or else the one in build/release of the checkout.

    Raises a FileNotFoundError that says where it looked and what to do.
    """
    named = os.environ.get(VARIABLE)
    library = pathlib.Path(named) if named else CHECKOUT_LIBRARY
    if library.is_file():
        return library
    if named:
        raise FileNotFoundError(f"{VARIABLE} is {named}, which is no file; it must name libinfini_ops.so")
    raise FileNotFoundError(
        f"{library} is missing; build it with scripts/setup.sh, or name libinfini_ops.so in {VARIABLE}"
    )


def load_library() -> None:
    """Loads the library. It must have been built with the version of torch that is running.

    Does nothing if it is loaded already, since an op cannot be registered twice.
    """
    if not hasattr(torch.ops.infini, "attention"):
        torch.ops.load_library(str(find_library()))
