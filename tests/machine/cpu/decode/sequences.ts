/** Byte sequences for the decoder's tests, in slots: the same ones for the same seed. */

import { SLOT } from "./iced_witness.ts";

/** A small generator of bytes (mulberry32), so that a seed is all one needs to know. */
export function byteSource(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return (t ^ t >>> 14) >>> 24;
  };
}

const PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];
const OPCODE_MAPS = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];

/** Prefix sequences of the systematic enumeration. */
export const PREFIX_SETS: readonly (readonly number[])[] = [
  [],
  [0x66],
  [0xf3],
  [0xf2],
  [0x48],
  [0x45],
  [0xf0],
  [0x67],
  [0x66, 0xf3],
  [0x66, 0xf2],
  [0xf3, 0x4f],
  [0xf2, 0x64, 0x66, 0x42],
];

/** For each opcode map: all 65,536 opcodes with their ModRM (or immediate), then noise. */
export function* everyOpcode(prefixes: readonly number[], seed: number): Generator<Uint8Array> {
  const next = byteSource(seed);
  for (const map of OPCODE_MAPS) {
    const bytes = new Uint8Array(65536 * SLOT);
    for (let i = 0; i < 65536; i++) {
      const head = [...prefixes, ...map, i >> 8, i & 0xff];
      for (let k = 0; k < SLOT; k++) bytes[i * SLOT + k] = k < head.length ? head[k] : next();
    }
    yield bytes;
  }
}

/** Random sequences with a taste for prefixes (up to 15), escapes and VEX. */
export function randomSequences(count: number, seed: number): Uint8Array {
  const next = byteSource(seed);
  const bytes = new Uint8Array(count * SLOT);
  for (let i = 0; i < count; i++) {
    const slot = bytes.subarray(i * SLOT, (i + 1) * SLOT);
    const head = [...randomPrefixes(next), ...randomEscape(next)];
    for (let k = 0; k < SLOT; k++) slot[k] = k < head.length ? head[k] : next();
  }
  return bytes;
}

function randomPrefixes(next: () => number): number[] {
  const limits = [1, 1, 1, 3, 3, 3, 6, 16];
  return Array.from({ length: next() % limits[next() & 7] }, () => {
    const byte = next();
    return byte < 80 ? 0x40 | byte & 15 : PREFIXES[byte % PREFIXES.length];
  });
}

function randomEscape(next: () => number): number[] {
  switch (next() % 10) {
    case 0:
    case 1:
      return [0x0f];
    case 2:
      return next() & 1 ? [0x0f, 0x38, 0xf0 | next() & 15] : [0x0f, 0x38];
    case 3:
      return [0x0f, 0x3a];
    case 4: {
      const noise = next() % 10 === 0 ? next() & 0x1f : 0;
      const third = next() & (next() & 1 ? 0xff : 0xfb) | (next() & 1 ? 0x78 : 0);
      const head = [0xc4, next() & 0xe0 | next() % 4 | noise, third];
      return next() & 1 ? [...head, 0xf0 | next() & 7] : head;
    }
    case 5:
      return [[0xc5, 0x62, 0x8f][next() % 3]];
  }
  return [];
}

/** Every byte offset of some code as a sequence of its own. */
export function slotsOf(code: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(code.length * SLOT);
  for (let i = 0; i < code.length; i++) bytes.set(code.subarray(i, i + SLOT), i * SLOT);
  return bytes;
}
