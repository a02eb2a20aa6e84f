/**
 * Machine code from bytes: labels and the references to them, nothing more.
 *
 * The kernel's own code is so little that its bytes stand in the source, each line with what it
 * says in Intel syntax. (For more there is `asm` of the machine's door.)
 *
 * @example A loop
 * ```ts
 * import { MachineCode } from "./machine_code.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * const code = new MachineCode(0x1000);
 * code.label("again").bytes(0xf4).jump8(0xeb, "again"); // hlt; jmp again
 * deepStrictEqual([...code.finish()], [0xf4, 0xeb, 0xfd]);
 * ```
 */

interface Fixup {
  readonly at: number;
  readonly size: 1 | 2 | 4;
  readonly label: string;
  readonly relative: boolean;
}

export class MachineCode {
  readonly #bytes: number[] = [];
  readonly #labels = new Map<string, number>();
  readonly #fixups: Fixup[] = [];

  /** @param base Address of the first byte. */
  constructor(readonly base: number) {}

  /** Address of the next byte. */
  get here(): number {
    return this.base + this.#bytes.length;
  }

  bytes(...values: readonly number[]): this {
    for (const value of values) this.#bytes.push(value & 0xff);
    return this;
  }

  /** Little-endian. */
  word16(value: number): this {
    return this.bytes(value, value >> 8);
  }

  word32(value: number): this {
    return this.bytes(value, value >> 8, value >> 16, value >> 24);
  }

  word64(value: bigint): this {
    return this.word32(Number(value & 0xffff_ffffn)).word32(Number(value >> 32n & 0xffff_ffffn));
  }

  /** Names this place. @throws {TypeError} If the name is taken. */
  label(name: string): this {
    if (this.#labels.has(name)) throw new TypeError(`Cannot set label ${name} twice`);
    this.#labels.set(name, this.here);
    return this;
  }

  /** An opcode with an 8-bit displacement to a label. */
  jump8(opcode: number, label: string): this {
    return this.bytes(opcode).#refer(label, 1, true);
  }

  /** An opcode with a 32-bit displacement to a label. */
  jump32(opcode: number, label: string): this {
    return this.bytes(opcode).#refer(label, 4, true);
  }

  /** The low 16 bits of a label's address. */
  address16(label: string): this {
    return this.#refer(label, 2, false);
  }

  /** The low 32 bits of a label's address. */
  address32(label: string): this {
    return this.#refer(label, 4, false);
  }

  /** A 32-bit displacement to a label, for operands relative to RIP that end with it. */
  relative32(label: string): this {
    return this.#refer(label, 4, true);
  }

  /** Fills up to a multiple of `size` bytes with INT3. */
  align(size: number, fill = 0xcc): this {
    while (this.here % size !== 0) this.#bytes.push(fill);
    return this;
  }

  /** Fills up to an address. @throws {RangeError} If the code has passed it already. */
  skipTo(address: number, fill = 0xcc): this {
    if (this.here > address) {
      throw new RangeError(`Cannot go on at 0x${address.toString(16)}: the code is longer`);
    }
    while (this.here < address) this.#bytes.push(fill);
    return this;
  }

  /** Address of a label. @throws {RangeError} If it is not set. */
  address(label: string): number {
    const address = this.#labels.get(label);
    if (address === undefined) throw new RangeError(`There is no label ${label}`);
    return address;
  }

  /** All labels with their addresses. */
  labels(): ReadonlyMap<string, number> {
    return this.#labels;
  }

  /** The code, with all references filled in. @throws {RangeError} If a short jump is too long. */
  finish(): Uint8Array {
    const bytes = Uint8Array.from(this.#bytes);
    for (const { at, size, label, relative } of this.#fixups) {
      const target = this.address(label);
      const value = relative ? target - (this.base + at + size) : target;
      if (relative && size === 1 && (value < -128 || value > 127)) {
        throw new RangeError(`Cannot jump to ${label} with 8 bits: ${value} bytes away`);
      }
      for (let i = 0; i < size; i++) bytes[at + i] = Math.floor(value / 2 ** (8 * i)) & 0xff;
    }
    return bytes;
  }

  #refer(label: string, size: 1 | 2 | 4, relative: boolean): this {
    this.#fixups.push({ at: this.#bytes.length, size, label, relative });
    for (let i = 0; i < size; i++) this.#bytes.push(0);
    return this;
  }
}
