#!/usr/bin/env bash
# Makes this checkout ready: Debian's packages, LibTorch in .venv, the release build in build/release.
# It changes nothing that is there already, so run it again at any time.
#
#   scripts/setup.sh [TARGET...]     the targets to build, by default the program and the library of ops
#
# A LibTorch of your own is taken instead of the one from PyPI: CMAKE_PREFIX_PATH=/path/to/libtorch scripts/setup.sh
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '==> %s\n' "$*"; }

# The Debian packages that are missing here. A program that is installed in another way counts as present.
missing_packages() {
  local entry
  for entry in cmake:cmake ninja:ninja-build g++:g++ pkg-config:pkg-config python3:python3; do
    command -v "${entry%%:*}" > /dev/null || echo "${entry#*:}"
  done
  python3 -c 'import ensurepip, venv' 2> /dev/null || echo python3-venv
  # torch.compile builds against Python's headers.
  python3 -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2> /dev/null || echo python3-dev
  for entry in libcxxopts-dev libgmock-dev libgtest-dev libicu-dev libpcre2-dev libsentencepiece-dev libspdlog-dev libutfcpp-dev libyaml-cpp-dev \
      libzstd-dev nlohmann-json3-dev zlib1g-dev; do
    dpkg-query --show --showformat='${db:Status-Status}\n' "$entry" 2> /dev/null | grep -qx installed || echo "$entry"
  done
}

install_packages() {
  local packages
  mapfile -t packages < <(missing_packages)
  if [ ${#packages[@]} -eq 0 ]; then
    step "Debian packages: all there"
    return
  fi
  if ! command -v apt-get > /dev/null; then
    step "Not a Debian system; what these packages hold has to be here already: ${packages[*]}"
    return
  fi
  local install="apt-get update && apt-get install --yes --no-install-recommends ${packages[*]}"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo > /dev/null || ! sudo true; then
      echo "Debian packages are missing and this is neither root nor sudo. Have this run as root, then start again:" >&2
      echo "$install" >&2
      exit 1
    fi
    as_root=(sudo)
  fi
  step "Debian packages: installing ${packages[*]}"
  "${as_root[@]}" sh -c "export DEBIAN_FRONTEND=noninteractive; { $install; } > /dev/null"
}

# Whether CMAKE_PREFIX_PATH names a folder with LibTorch.
own_torch() {
  local folder folders
  IFS=: read -ra folders <<< "${CMAKE_PREFIX_PATH:-}"
  for folder in "${folders[@]}"; do
    [ -e "$folder/share/cmake/Torch/TorchConfig.cmake" ] || [ -e "$folder/Torch/TorchConfig.cmake" ] ||
      [ -e "$folder/torch/share/cmake/Torch/TorchConfig.cmake" ] && return 0
  done
  return 1
}

# Whether .venv has exactly these packages; one without a version may be any.
has_python_packages() {
  .venv/bin/python - "$@" << 'PYTHON'
import importlib.metadata, sys
for requirement in sys.argv[1:]:
    name, _, version = requirement.partition("==")
    try:
        installed = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        sys.exit(1)
    if version and installed.split("+")[0] != version:
        sys.exit(1)
PYTHON
}

install_python_packages() {
  local packages=(numpy pytest tokenizers==0.23.3)
  if own_torch; then
    step "LibTorch: your own, from CMAKE_PREFIX_PATH"
  else
    packages=(torch==2.11.0 "${packages[@]}")
  fi
  # A venv whose making was interrupted has no pip.
  if ! .venv/bin/python -c 'import pip' 2> /dev/null; then
    step "Python: making the virtual environment .venv"
    python3 -m venv .venv
  fi
  if has_python_packages "${packages[@]}"; then
    step "Python packages: all there"
  else
    step "Python packages: installing ${packages[*]} into .venv (the first time a download of 3 GB)"
    .venv/bin/python -m pip install --quiet "${packages[@]}"
  fi
}

build() {
  step "Configuring build/release"
  cmake --preset release | grep -E '^-- (LibTorch|CUDA):'  # errors and warnings come on standard error
  step "Building $*"
  cmake --build --preset release --target "$@"
}

install_packages
install_python_packages
[ $# -gt 0 ] || set -- infini infini_ops
build "$@"
