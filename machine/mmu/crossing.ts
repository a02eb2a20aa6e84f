/** Data that lies across a page boundary: byte by byte, on two frames that both passed the checks. */
import { STATE } from "../memory/layout.ts";
import type { PhysicalMemory } from "../memory/physical.ts";

const HIGH = STATE.high >> 2;

/**
 * Reads 2, 4 or 8 bytes.
 *
 * @param low The linear address's low word; only its offset in the page counts.
 * @param first,second The 4 KiB frames.
 * @returns The low word; for 8 bytes the high one is in `STATE.high`.
 */
export function loadAcross(
  memory: PhysicalMemory,
  low: number,
  size: number,
  first: number,
  second: number,
): number {
  const onFirst = 0x1000 - (low & 0xfff);
  let value = 0;
  let valueHigh = 0;
  for (let i = 0; i < size; i++) {
    const frame = i < onFirst ? first : second;
    const byte = memory.read8((frame << 12) | ((low + i) & 0xfff), frame >>> 20);
    if (i < 4) value |= byte << (i * 8);
    else valueHigh |= byte << (i * 8 - 32);
  }
  if (size === 8) memory.i32[HIGH] = valueHigh;
  return value;
}

/** Writes 2, 4 or 8 bytes; parameters as for {@linkcode loadAcross}. */
export function storeAcross(
  memory: PhysicalMemory,
  low: number,
  size: number,
  first: number,
  second: number,
  value: number,
  valueHigh: number,
): void {
  const onFirst = 0x1000 - (low & 0xfff);
  for (let i = 0; i < size; i++) {
    const byte = (i < 4 ? value >>> (i * 8) : valueHigh >>> (i * 8 - 32)) & 0xff;
    const frame = i < onFirst ? first : second;
    memory.write8((frame << 12) | ((low + i) & 0xfff), frame >>> 20, byte);
  }
}
