#!/usr/bin/env bash
# Runs tests on 64-bit Arm, whose vectors have 128 bits; emulated where the machine is another:
#     bash eng/test-arm64.sh                              the numeric tests, those of .ci/run at every vector width
#     bash eng/test-arm64.sh -class '*ConvolutionTests'   others, as the test runner takes them
# Emulation is QEMU's of single programs, on Debian: qemu-user-static is installed when root. Arm's C, C++ and OpenSSL libraries are unpacked
# into artifacts/arm64, of which the system knows nothing, and .NET for Arm comes from NuGet.
# It tells nothing of speed, and nothing of the order in which threads see each other's writes: that stays this machine's.
# Exit code 77: Arm can't be emulated here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
numeric=(-class '*Matrix' -class '*AdjointTests' -class '*TorchTests' -class '*Kernel*' -class '*SessionTests' -class '*InstructionSetTests')
[ $# -gt 0 ] || set -- "${numeric[@]}"
exec 3>&1 >&2 # the tests alone write to standard output

emulator=()
if [ "$(uname -m)" != aarch64 ]; then
    if ! command -v qemu-aarch64-static >/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
        { apt-get update && apt-get install -y --no-install-recommends qemu-user-static; } >/dev/null || true
    fi
    if ! command -v qemu-aarch64-static || ! command -v apt-get || ! command -v dpkg-deb; then
        echo "needs qemu-user-static, apt-get and dpkg-deb"
        exit 77
    fi

    root=$PWD/artifacts/arm64
    if [ ! -e "$root/complete" ]; then
        work=$(mktemp -d)
        trap 'rm -rf "$work"' EXIT
        mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
        : >"$work/status"
        apt=(apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o "Dir::State::lists=$work/lists" -o "Dir::State::status=$work/status" -o "Dir::Cache=$work/cache" -o "APT::Sandbox::User=$(id -un)")
        if ! { "${apt[@]}" update && (cd "$work" && "${apt[@]}" download libc6 libgcc-s1 libstdc++6 && { "${apt[@]}" download libssl3 || "${apt[@]}" download libssl3t64; }); }; then
            echo "Arm's libraries could not be fetched"
            exit 77
        fi
        for package in "$work"/*.deb; do dpkg-deb -x "$package" "$root"; done
        touch "$root/complete"
    fi
    emulator=(qemu-aarch64-static -L "$root")
fi

dotnet build tests/Tenfold.Tests -c Release -r linux-arm64 --self-contained -v q
# QEMU now and then runs old code where .NET writes code through a second address; writing it where it runs, it has not crashed. If it does, once is no failure of ours.
export TENFOLD_TEST_VECTORS=128 DOTNET_EnableWriteXorExecute=0 DOTNET_TieredPGO=0
for try in 1 2; do
    code=0
    "${emulator[@]}" artifacts/bin/Tenfold.Tests/release_linux-arm64/Tenfold.Tests -noColor "$@" >&3 || code=$?
    [ "$code" -ge 128 ] || break
done
exit "$code"
