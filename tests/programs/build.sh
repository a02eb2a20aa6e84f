#!/bin/sh
# Builds the test programs: guest ELFs into elf/ and bench/, the host's answers into expected/.
#
#   build.sh           everything, in place
#   build.sh DIR       everything, below DIR (tests compare it with what is committed)
#
# The bytes are those of one compiler: gcc_version.txt says which.
set -eu
here=$(CDPATH= cd "$(dirname "$0")" && pwd)
out=${1:-$here}
cd "$here/src"
mkdir -p "$out/elf" "$out/bench" "$out/expected"
native=$(mktemp -d)
trap 'rm -rf "$native"' EXIT
export LC_ALL=C SOURCE_DATE_EPOCH=0

programs="sha256 crc32 quicksort factorial regex json interpreter malloc"
guest="-std=c11 -Wall -Wextra -Werror -ffreestanding -nostdlib -nostartfiles -static -fno-pic -no-pie
  -fno-stack-protector -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns
  -fcf-protection=none -mgeneral-regs-only -Wl,--build-id=none -Wl,-z,noexecstack
  -Wl,-z,max-page-size=16 -Wl,--no-warn-rwx-segments -Wl,-T,guest.ld -s"
m64="-m64 -mno-red-zone -mcmodel=small"
m32="-m32 -march=i686"
bmi="-mbmi -mbmi2 -mlzcnt -mpopcnt -mmovbe"

# compile OUTPUT PROGRAM FLAGS...
compile() {
  output=$1 program=$2
  shift 2
  # shellcheck disable=SC2086
  gcc $guest "$@" -o "$output" start.S guest.c "$program.c"
}

for program in $programs; do
  for level in O0 O2 Os; do
    # shellcheck disable=SC2086
    compile "$out/elf/$program-$level-64.elf" "$program" $m64 -$level
    # shellcheck disable=SC2086
    compile "$out/elf/$program-$level-32.elf" "$program" $m32 -$level
  done
  # shellcheck disable=SC2086
  compile "$out/elf/$program-O2bmi-64.elf" "$program" $m64 -O2 $bmi
  gcc -std=c11 -O2 -o "$native/$program" native.c "$program.c"
  "$native/$program" >"$out/expected/$program.txt"
done

# Longer runs for `deno task bench`: program and repeat count.
while read -r program repeat; do
  # shellcheck disable=SC2086
  compile "$out/bench/$program.elf" "$program" $m64 -O2 -DREPEAT="$repeat"
  gcc -std=c11 -O2 -DREPEAT="$repeat" -o "$native/$program" native.c "$program.c"
  "$native/$program" >"$out/bench/$program.txt"
done <"$here/bench.txt"

gcc --version | head -n 1 >"$out/gcc_version.txt"
