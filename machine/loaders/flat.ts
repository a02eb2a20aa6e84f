/** Checks of a flat binary: bytes that are put at one address as they are. */
import { hex, physAddr } from "../arch/address.ts";
import type { LoadMode } from "./environment.ts";
import { ImageError } from "./image_error.ts";
import type { MemoryRange } from "./memory_range.ts";

const MODES: readonly LoadMode[] = ["real", "protected", "long"];

/** One more than the highest address that real mode can form: FFFF:FFFF. */
const REAL_MODE_END = 0x10_fff0;

/** A flat binary that may be loaded. */
export interface FlatImage {
  readonly range: MemoryRange;
  readonly entry: number;
}

/**
 * Checks where a flat binary is to go. Unlike an ELF file it may also lie in video memory or
 * ROM (a BIOS does).
 *
 * @param ramSize Of the machine, in bytes.
 * @throws {ImageError} `empty`, `does-not-fit`, `unreachable` or `bad-entry`.
 * @throws {RangeError} If `at` or `entry` is negative, not whole or beyond 52 bits.
 * @throws {TypeError} If the mode is none, or `bytes` no `Uint8Array`.
 */
export function checkFlat(
  bytes: Uint8Array,
  options: {
    readonly at: number | bigint;
    readonly mode: LoadMode;
    readonly entry?: number | bigint;
  },
  ramSize: number,
): FlatImage {
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`Cannot load ${typeof bytes} as a flat image: not a Uint8Array`);
  }
  if (!MODES.includes(options.mode)) {
    throw new TypeError(
      `Cannot load an image in mode "${options.mode}": the modes are ${MODES.join(", ")}`,
    );
  }
  const start = physAddr(options.at);
  const entry = options.entry === undefined ? start : physAddr(options.entry);
  const doing = `Cannot load ${hex(bytes.length)} bytes at ${hex(start)}`;
  if (bytes.length === 0) throw new ImageError("empty", `${doing}: the image is empty`);
  const end = start + bytes.length;
  if (end > ramSize) {
    throw new ImageError("does-not-fit", `${doing}: memory ends at ${hex(ramSize)}`);
  }
  if (options.mode === "real" && end > REAL_MODE_END) {
    throw new ImageError("unreachable", `${doing}: real mode reaches up to 0x10ffef`);
  }
  if (entry < start || entry >= end) {
    throw new ImageError("bad-entry", `Cannot start at ${hex(entry)}: outside of the image`);
  }
  return { range: { start, size: bytes.length }, entry };
}
