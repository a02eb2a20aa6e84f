#!/bin/sh
# Builds the images that the tests boot. NASM 2.16.
#
# Usage: build.sh [DIRECTORY]   (default: beside this file)
set -e
here=$(dirname "$0")
to=${1:-$here}
for source in "$here"/*.asm; do
  name=$(basename "$source" .asm)
  nasm -f bin -o "$to/$name.bin" "$source"
done
