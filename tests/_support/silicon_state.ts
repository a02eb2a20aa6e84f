/**
 * What the silicon vectors take for granted: addresses, segments, and the random stream that
 * gives registers, flags and memory before a case. The same as tools/silicon/state.c.
 *
 * ```text
 * 0x1000_0000  code      4 KiB  user, read + execute; all 0xCC (int3) but for the instruction
 * 0x2000_0000  data      8 KiB  user, read + write, no execute
 * 0x3000_0000  stack     4 KiB  user, read + write, no execute
 * 0x4000_0000  hole      never mapped, and so is everything else
 * 0x5000_0000  readOnly  4 KiB  user, read, no execute
 * ```
 */

/** Linear addresses and sizes, in bytes. */
export const LAYOUT = {
  code: { address: 0x1000_0000, size: 0x1000 },
  data: { address: 0x2000_0000, size: 0x2000 },
  stack: { address: 0x3000_0000, size: 0x1000 },
  readOnly: { address: 0x5000_0000, size: 0x1000 },
} as const;

/** Where in the code page the instruction stands. */
export const START_OFFSET = 0x800;

/** The environments that cases ran in: an index of {@linkcode ENVIRONMENTS}. */
export const MODE = { LONG: 0, FLAT32: 1, SEGMENTED32: 2, CODE16: 3 } as const;

/** A segment register: its selector, and what its descriptor says (DPL 3, present, accessed). */
export interface SiliconSegment {
  readonly selector: number;
  readonly base: number;
  /** Last valid offset, in bytes. */
  readonly limit: number;
  /** Code: readable, not conforming, of this size. Data: writable, expand-up. Null: unusable. */
  readonly kind: "code64" | "code32" | "code16" | "data32" | "data16" | "null";
}

/** Segment registers of an environment, by name, and the size of its addresses of code. */
export interface SiliconEnvironment {
  readonly codeSize: 16 | 32 | 64;
  readonly cs: SiliconSegment;
  readonly ss: SiliconSegment;
  readonly ds: SiliconSegment;
  readonly es: SiliconSegment;
  readonly fs: SiliconSegment;
  readonly gs: SiliconSegment;
}

const FLAT = 0xffff_ffff;
const NULL: SiliconSegment = { selector: 0, base: 0, limit: 0, kind: "null" };
const DATA32: SiliconSegment = { selector: 0x2b, base: 0, limit: FLAT, kind: "data32" };
const SMALL: SiliconSegment = {
  selector: 0x0f,
  base: LAYOUT.data.address,
  limit: 0x1fff,
  kind: "data16",
};
const LARGE: SiliconSegment = { ...SMALL, selector: 0x1f, limit: 0xffff };
const CODE32: SiliconSegment = { selector: 0x23, base: 0, limit: FLAT, kind: "code32" };

/** Selectors with bit 2 set are of the LDT. CPL 3, IOPL 0, CR0.AM set, CR0.WP and EFER.NXE too. */
export const ENVIRONMENTS: readonly SiliconEnvironment[] = [
  {
    codeSize: 64,
    cs: { selector: 0x33, base: 0, limit: FLAT, kind: "code64" },
    ss: DATA32,
    ds: NULL,
    es: NULL,
    fs: NULL,
    /** The base is IA32_GS_BASE's. */
    gs: { selector: 0, base: LAYOUT.data.address + 0x1000, limit: 0, kind: "null" },
  },
  { codeSize: 32, cs: CODE32, ss: DATA32, ds: DATA32, es: DATA32, fs: NULL, gs: SMALL },
  { codeSize: 32, cs: CODE32, ss: DATA32, ds: SMALL, es: SMALL, fs: NULL, gs: SMALL },
  {
    codeSize: 16,
    cs: { selector: 0x07, base: LAYOUT.code.address, limit: 0xffff, kind: "code16" },
    ss: { selector: 0x17, base: LAYOUT.stack.address, limit: 0xffff, kind: "data16" },
    ds: SMALL,
    es: LARGE,
    fs: NULL,
    gs: LARGE,
  },
];

/** Offset in CS of the instruction. */
export function startIp(mode: number): number {
  return START_OFFSET + (mode === MODE.CODE16 ? 0 : LAYOUT.code.address);
}

const GOLDEN = 0x9e37_79b9;
const FNV_PRIME = 0x0100_0193;
const FNV_START = 0x811c_9dc5;

function mix(z: number): number {
  z ^= z >>> 16;
  z = Math.imul(z, 0x21f0_aaad);
  z ^= z >>> 15;
  z = Math.imul(z, 0x735a_2d97);
  return z ^ (z >>> 15);
}

/** FNV-1a over bytes, to be continued from `hash`. */
export function hashBytes(bytes: Uint8Array, hash = FNV_START): number {
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], FNV_PRIME);
  return hash >>> 0;
}

/** The seed of a form's cases. */
export function hashForm(name: string, codeSize: number): number {
  const hash = hashBytes(new TextEncoder().encode(name));
  return Math.imul(hash ^ codeSize, FNV_PRIME) >>> 0;
}

const EDGES_LOW = [
  ...[0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff],
  ...[0xffff_ffff, 0, 0, 1, 2, 0x8080_8080, 0x7f7f_7f7f],
];
const EDGES_HIGH = [
  ...[0, 0, 0, 0, 0, 0, 0, 0, 0],
  ...[0x7fff_ffff, 0x8000_0000, 1, 0, 0, 0x8080_8080, 0x7f7f_7f7f],
];

/** The random stream: 32 bits a step. */
class Stream {
  #state: number;
  /** The last value of {@linkcode edge}. */
  low = 0;
  high = 0;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  next(): number {
    this.#state = (this.#state + GOLDEN) | 0;
    return mix(this.#state);
  }

  /** Takes three steps for a 64-bit value that is often at an edge: `low` and `high`. */
  edge(): void {
    const kind = this.next() & 15;
    const lo = this.next();
    const hi = this.next();
    const bit = lo & 63;
    switch (kind) {
      case 6:
        return this.#give(0, 0);
      case 7:
        return this.#give(-1, -1);
      case 8:
        return this.#give(lo & 0xff, 0);
      case 9:
        return this.#give((lo << 24) >> 24, (lo << 24) >> 31);
      case 10:
        return this.#give(bit < 32 ? 1 << bit : 0, bit < 32 ? 0 : 1 << (bit - 32));
      case 11:
        return this.#give(bit < 32 ? (1 << bit) - 1 : -1, bit < 32 ? 0 : (1 << (bit - 32)) - 1);
      case 12:
        return this.#give(bit < 32 ? ~(1 << bit) : -1, bit < 32 ? -1 : ~(1 << (bit - 32)));
      case 13:
        return this.#give(EDGES_LOW[lo & 15], EDGES_HIGH[lo & 15]);
      case 14:
        return this.#give(lo, 0);
      case 15:
        return this.#give(lo, lo >> 31);
      default:
        return this.#give(lo, hi);
    }
  }

  #give(low: number, high: number): void {
    this.low = low | 0;
    this.high = high | 0;
  }
}

const RSP = 4;
/** CF, PF, AF, ZF, SF, DF, OF. */
const RANDOM_FLAGS = 0xcd5;
/** IF and the bit that is always one. */
const FIXED_FLAGS = 0x202;

/**
 * Derives registers and flags before case `index` of a form.
 *
 * @param seed From {@linkcode hashForm}.
 * @param registers Receives sixteen registers, low and high word each.
 * @returns The flags.
 */
export function deriveState(
  seed: number,
  index: number,
  mode: number,
  registers: Int32Array,
): number {
  const stream = new Stream(mix(seed ^ mix(index + 1)));
  for (let i = 0; i < 16; i++) {
    stream.edge();
    registers[2 * i] = stream.low;
    registers[2 * i + 1] = stream.high;
  }
  const sp = LAYOUT.stack.size / 2 + (stream.next() & 0x38);
  if (mode === MODE.CODE16) {
    registers[2 * RSP] = (registers[2 * RSP] & ~0xffff) | sp;
  } else {
    registers[2 * RSP] = LAYOUT.stack.address + sp;
    registers[2 * RSP + 1] = 0;
  }
  return (stream.next() & RANDOM_FLAGS) | FIXED_FLAGS;
}

function fill(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  const stream = new Stream(seed);
  for (let i = 0; i < size; i += 8) {
    stream.edge();
    view.setInt32(i, stream.low, true);
    view.setInt32(i + 4, stream.high, true);
  }
  return bytes;
}

/** What the writable and the read-only pages hold before every case, pokes aside. */
export function deriveMemory(): { data: Uint8Array; stack: Uint8Array; readOnly: Uint8Array } {
  const data = fill(LAYOUT.data.size, 1);
  data.fill(0, 0x1c00, 0x1d00);
  data.fill(0x41, 0x1d00, 0x1e00);
  return { data, stack: fill(LAYOUT.stack.size, 2), readOnly: fill(LAYOUT.readOnly.size, 3) };
}
