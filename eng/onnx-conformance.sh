#!/usr/bin/env bash
# Prints how many of ONNX's own test cases pass (Debian's libonnx-testdata, or the folder given), and why the others are out of scope:
#     bash eng/onnx-conformance.sh [FOLDER]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
score=$(mktemp)
trap 'rm -f "$score"' EXIT
dotnet build tests/Tenfold.Tests -c Release -v q -clp:NoSummary
TENFOLD_ONNX_DATA=${1:-/usr/share/libonnx-testdata/data} TENFOLD_ONNX_SCORE=$score artifacts/bin/Tenfold.Tests/release/Tenfold.Tests -noColor -method '*OnnxConformanceTests.Every_case_in_scope_passes' >&2 || true
cat "$score"
