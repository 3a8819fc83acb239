#!/bin/bash
# Fetch what a machine with PyTorch, numba and h5py, but no network, still needs to run airseg.
#
#   bash benchmark/gpu/gather_wheels.sh [PYTHON_VERSION] [FOLDER]
#
# PYTHON_VERSION is that of the machine with the GPU, 3.12 unless given; FOLDER is wheels/ beside this
# script. The versions are those of constraints.txt. Wheels are carried, never committed. PyAV stays
# behind: 35 MB that only films need.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=${1:-3.12} folder=${2:-$here/wheels}
mkdir -p "$folder"
# pip asks the markers in constraints.txt for its own Python, not for the one that is meant.
packages=$(python3 - "$version" "$here/../../constraints.txt" <<'PYTHON'
import sys
from pathlib import Path

from pip._vendor.packaging.requirements import Requirement

missing = {
    "annotated-types", "cramjam", "isal", "lightning-fabric", "pydantic",
    "pydantic-core", "typing-inspection",
}
version, path = sys.argv[1], Path(sys.argv[2])
there = {"python_version": version, "python_full_version": f"{version}.0", "sys_platform": "linux"}
for line in path.read_text().splitlines():
    if line.split("==")[0] in missing:
        found = Requirement(line)
        if found.marker is None or found.marker.evaluate(there):
            print(f"{found.name}{found.specifier}")
PYTHON
)
platforms=(--platform manylinux2014_x86_64 --platform manylinux2010_x86_64 --platform manylinux1_x86_64)
for glibc in 39 35 34 31 28 27 26 24 17 12 5; do
  platforms+=(--platform "manylinux_2_${glibc}_x86_64")
done
# shellcheck disable=SC2086  # several packages
python3 -m pip download --quiet --no-deps --only-binary=:all: --dest "$folder" \
  --implementation cp --python-version "$version" "${platforms[@]}" $packages
du -sh "$folder"
