#!/bin/sh
# Assembles the images; the results are committed, so that nasm is needed only to change them.
set -eu
cd "$(dirname "$0")"
for image in *.asm; do nasm -f bin -Wall -o "${image%.asm}.bin" "$image"; done
