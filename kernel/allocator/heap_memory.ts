/**
 * The heap's view of its frames: typed views of the machine's memory behind one small page map.
 *
 * Allocators name a byte by its offset from the heap's start, an int32. What they store is what
 * the guest sees: little-endian words in its frames, pointers as 64-bit virtual addresses.
 *
 * ```text
 * offset ──► pages[offset >>> 12] + offset ──► byte in the machine's one buffer
 *            (the frame's byte offset less the page's first offset)
 * ```
 *
 * The map stands for the page tables, which do not change under a heap: a page that is unmapped
 * later still reads through it. Writes go past the CPU: no time passes, no A or D bit is set, and
 * cached code is not dropped, so code must not live in a heap.
 */
import { hex, type VirtAddr, virtAddr } from "../../machine/mod.ts";

/** In place of an offset: nothing, the end of a list, an allocation that failed. */
export const NONE = -1;

export const PAGE_SIZE = 4096;

/** Where the heap's bytes are. */
export interface HeapFrames {
  /** `machine.memoryBuffer.buffer`. */
  readonly buffer: ArrayBuffer;
  /** `machine.memoryBuffer.ramBase`. */
  readonly ramBase: number;
  /** Virtual address of the first byte, a multiple of 4096. */
  readonly start: number | bigint;
  /** Physical address of each page's frame, in the order of the pages; no frame twice. */
  readonly frames: ArrayLike<number>;
}

/** A pointer or a size in guest memory that cannot be. */
export class HeapCorruptedError extends Error {
  override readonly name = "HeapCorruptedError";

  /** @param address Of the word. @param value What it holds. */
  constructor(readonly address: bigint, readonly value: bigint, what: string) {
    super(`heap corrupted at ${hex(address)}: ${hex(value)} is ${what}`);
  }
}

/** The bytes of one heap. Offsets are not checked: they come from an allocator or a checked door. */
export class HeapMemory {
  /** Virtual address of offset 0. */
  readonly start: VirtAddr;
  /** In bytes, a multiple of 4096. */
  readonly size: number;
  /** The largest alignment that the start has, and so the largest that can be promised. */
  readonly maxAlign: number;
  /** Whether the frames follow one another in physical memory. */
  readonly contiguous: boolean;
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly view: DataView;
  /** Per page what an offset within it needs to become a byte offset in the buffer. */
  readonly pages: Int32Array;
  /** For contiguous frames the one value of `pages`, else -1. */
  readonly base: number;
  /** Low word of `start`: a pointer's low word less this is its offset. */
  readonly low: number;
  readonly #high: number;

  /**
   * @throws {RangeError} If the start, a frame or the RAM base is not page-aligned, if a frame is outside of the
   * buffer or given twice, or if the heap's addresses differ in more than their low 32 bits.
   */
  constructor({ buffer, ramBase, start, frames }: HeapFrames) {
    this.start = virtAddr(start);
    this.size = frames.length * PAGE_SIZE;
    this.low = Number(BigInt.asIntN(32, this.start));
    this.#high = Number(BigInt.asIntN(32, this.start >> 32n));
    const low = this.low >>> 0;
    if (low % PAGE_SIZE !== 0) throw this.#refused("not a multiple of 4096");
    if (ramBase % PAGE_SIZE !== 0) throw this.#refused(`${hex(ramBase)} is no RAM base for it`);
    if (low === 0 || low + this.size > 2 ** 32) {
      throw this.#refused(`${this.size} bytes there have address 0 or cross 4 GiB`);
    }
    this.maxAlign = Math.min(low & -low, 1 << 30) >>> 0 || 1 << 30;
    this.u8 = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.view = new DataView(buffer);
    this.pages = new Int32Array(frames.length);
    const seen = new Set<number>();
    for (let page = 0; page < frames.length; page++) {
      const frame = frames[page];
      const inside = frame >= 0 && ramBase + frame + PAGE_SIZE <= buffer.byteLength;
      if (frame % PAGE_SIZE !== 0 || !inside || seen.has(frame)) {
        throw this.#refused(`${hex(frame)} is no frame for it`);
      }
      seen.add(frame);
      this.pages[page] = ramBase + frame - page * PAGE_SIZE;
    }
    this.contiguous = this.pages.every((value) => value === this.pages[0]);
    this.base = this.contiguous && frames.length > 0 ? this.pages[0] : -1;
  }

  /** A heap of no bytes, where every allocation fails: before the pages are mapped. */
  static empty(start: number | bigint): HeapMemory {
    return new HeapMemory({ buffer: new ArrayBuffer(0), ramBase: 0, start, frames: [] });
  }

  /** Byte offset in the buffer. Not of the bytes that follow, which may be in another frame. */
  at(offset: number): number {
    return (this.base >= 0 ? this.base : this.pages[offset >>> 12]) + offset;
  }

  /** The word at a multiple of 4. */
  word(offset: number): number {
    return this.i32[this.at(offset) >> 2];
  }

  /** Stores a word at a multiple of 4. */
  setWord(offset: number, value: number): void {
    this.i32[this.at(offset) >> 2] = value;
  }

  /** Stores a 64-bit integer below 2^31 at a multiple of 8. */
  setLong(offset: number, value: number): void {
    const at = this.at(offset) >> 2;
    this.i32[at] = value;
    this.i32[at + 1] = 0;
  }

  /**
   * The pointer at a multiple of 8, as an offset; {@linkcode NONE} for null.
   *
   * Looks at the low 32 bits only, since the rest is the same all over the heap.
   *
   * @throws {HeapCorruptedError} If it points out of the heap or not at a multiple of 8.
   */
  link(offset: number): number {
    const low = this.i32[this.at(offset) >> 2];
    if (low === 0) return NONE;
    const target = (low - this.low) | 0;
    if (target >>> 0 >= this.size || (target & 7) !== 0) this.badLink(offset);
    return target;
  }

  /** Stores a pointer to an offset, or null for {@linkcode NONE}, at a multiple of 8. */
  setLink(offset: number, target: number): void {
    const at = this.at(offset) >> 2;
    if (target === NONE) {
      this.i32[at] = 0;
      this.i32[at + 1] = 0;
    } else {
      this.i32[at] = this.low + target;
      this.i32[at + 1] = this.#high;
    }
  }

  /** Stores a list node at a multiple of 8: a size below 2^31, and a pointer as `setLink` does. */
  setNode(offset: number, size: number, next: number): void {
    const at = this.at(offset) >> 2;
    const rest = this.at(offset + 8) >> 2;
    const { i32 } = this;
    i32[at] = size;
    i32[at + 1] = 0;
    i32[rest] = next === NONE ? 0 : this.low + next;
    i32[rest + 1] = next === NONE ? 0 : this.#high;
  }

  /** The 64 bits at any offset. */
  long(offset: number): bigint {
    let value = 0n;
    for (let i = 7; i >= 0; i--) value = value << 8n | BigInt(this.u8[this.at(offset + i)]);
    return value;
  }

  /** @throws {HeapCorruptedError} Always, about the 64 bits at an offset. */
  corrupted(offset: number, what: string): never {
    throw new HeapCorruptedError(this.addressOf(offset), this.long(offset), what);
  }

  /** @throws {HeapCorruptedError} Always, about the pointer at an offset. */
  badLink(offset: number): never {
    this.corrupted(offset, "no address of a node in the heap");
  }

  /** Copies bytes out, over page boundaries. */
  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#runs(offset, length, (at, from, count) => {
      bytes.set(this.u8.subarray(at, at + count), from);
    });
    return bytes;
  }

  /** Copies bytes in, over page boundaries. */
  write(offset: number, bytes: Uint8Array): void {
    this.#runs(offset, bytes.length, (at, from, count) => {
      this.u8.set(bytes.subarray(from, from + count), at);
    });
  }

  /** Sets bytes to a value. */
  fill(offset: number, length: number, value: number): void {
    this.#runs(offset, length, (at, _, count) => this.u8.fill(value, at, at + count));
  }

  /** Offset of the first byte that is not `value`, or {@linkcode NONE}. */
  findOther(offset: number, length: number, value: number): number {
    for (let i = offset; i < offset + length; i++) {
      if (this.u8[this.at(i)] !== value) return i;
    }
    return NONE;
  }

  addressOf(offset: number): VirtAddr {
    return this.start + BigInt(offset) as VirtAddr;
  }

  /** The offset of an address. @returns {@linkcode NONE} for one outside of the heap. */
  offsetOf(address: number | bigint): number {
    const offset = BigInt(address) - this.start;
    return offset >= 0n && offset < BigInt(this.size) ? Number(offset) : NONE;
  }

  /** Calls back for each part of a range that lies within one page. */
  #runs(
    offset: number,
    length: number,
    run: (at: number, from: number, count: number) => void,
  ): void {
    for (let from = 0; from < length;) {
      const count = Math.min(length - from, PAGE_SIZE - ((offset + from) & (PAGE_SIZE - 1)));
      run(this.at(offset + from), from, count);
      from += count;
    }
  }

  #refused(why: string): RangeError {
    return new RangeError(`Cannot make a heap at ${hex(this.start)}: ${why}`);
  }
}
