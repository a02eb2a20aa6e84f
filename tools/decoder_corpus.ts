/**
 * Makes the decoder's corpus: compiles `tests/vectors/decoder/programs.c` with GCC in many ways
 * and writes the machine code of each code size to `gcc_<bits>.bin.gz` beside it.
 *
 *     deno run --allow-all tools/decoder_corpus.ts
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";

const DIRECTORY = fileURLToPath(new URL("../tests/vectors/decoder/", import.meta.url));
const COMMON = ["-ffreestanding", "-fno-pic", "-fno-asynchronous-unwind-tables", "-w", "-c"];
const LEVELS = ["-O0", "-O1", "-O2", "-Os", "-O3"];
const TARGETS = {
  16: ["-m16", "-march=i686"],
  32: ["-m32", "-march=i686"],
  64: ["-m64", "-mno-red-zone"],
};
const VARIANTS = [
  ["-mgeneral-regs-only"],
  ["-mgeneral-regs-only", "-mbmi", "-mbmi2", "-mlzcnt", "-mpopcnt", "-mmovbe", "-fcf-protection"],
  ["-DFLOATS", "-mfpmath=387"],
  ["-DFLOATS", "-msse2", "-mfpmath=sse"],
  ["-DFLOATS", "-msse4.2", "-mfpmath=sse"],
  ["-DFLOATS", "-march=haswell", "-mfpmath=sse"],
];

/** The bytes of `.text`, or nothing where GCC refuses the combination. */
function compile(scratch: string, options: readonly string[]): Uint8Array {
  const object = join(scratch, "programs.o");
  const binary = join(scratch, "programs.bin");
  try {
    execFileSync("gcc", [...COMMON, ...options, join(DIRECTORY, "programs.c"), "-o", object], {
      stdio: "pipe",
    });
  } catch {
    console.error(`gcc refuses ${options.join(" ")}`);
    return new Uint8Array(0);
  }
  execFileSync("objcopy", ["-O", "binary", "-j", ".text", object, binary]);
  return readFileSync(binary);
}

const scratch = mkdtempSync(join(tmpdir(), "decoder-corpus-"));
try {
  for (const [bits, target] of Object.entries(TARGETS)) {
    const pieces = VARIANTS.flatMap((variant) =>
      LEVELS.map((level) => compile(scratch, [...target, level, ...variant]))
    );
    const code = Buffer.concat(pieces);
    const packed = gzipSync(code, { level: 9 });
    writeFileSync(join(DIRECTORY, `gcc_${bits}.bin.gz`), packed);
    console.log(`${bits}-bit: ${code.length} bytes, ${packed.length} compressed`);
  }
} finally {
  rmSync(scratch, { recursive: true });
}
