/**
 * A tiny assembler of 16-bit code, just enough for the BIOS's ROM.
 *
 * Labels may be used before they are set; jumps to them are filled in by
 * {@linkcode Assembler16.finish}.
 */

const REGISTERS16 = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"] as const;
const REGISTERS8 = ["al", "cl", "dl", "bl", "ah", "ch", "dh", "bh"] as const;
const SEGMENTS = ["es", "cs", "ss", "ds"] as const;

export type Register16 = (typeof REGISTERS16)[number];
export type Register8 = (typeof REGISTERS8)[number];
export type SegmentName = (typeof SEGMENTS)[number];

/** Instructions without operands. */
const PLAIN = {
  cld: [0xfc],
  cli: [0xfa],
  hlt: [0xf4],
  iret: [0xcf],
  stc: [0xf9],
  sti: [0xfb],
  stosw: [0xab],
  csLodsb: [0x2e, 0xac],
  csLodsw: [0x2e, 0xad],
  outDxAl: [0xee],
  vmcall: [0x0f, 0x01, 0xc1],
} as const;

/** Short jumps. */
const JUMPS = { jmp: 0xeb, jc: 0x72, jnc: 0x73, jz: 0x74, jnz: 0x75, loop: 0xe2 } as const;

/** Emits code into a 64 KiB segment. */
export class Assembler16 {
  readonly bytes = new Uint8Array(0x1_0000);
  /** Where the next byte goes. */
  at = 0;
  readonly #labels = new Map<string, number>();
  readonly #fixups: { readonly at: number; readonly label: string; readonly wide: boolean }[] = [];

  /** Goes on at another offset. */
  org(at: number): this {
    this.at = at;
    return this;
  }

  /** Names this place. @throws {RangeError} If the name is taken. */
  label(name: string): this {
    if (this.#labels.has(name)) throw new RangeError(`Cannot set label ${name}: it is set already`);
    this.#labels.set(name, this.at);
    return this;
  }

  /** The offset of a label. @throws {RangeError} If there is none of that name. */
  offsetOf(name: string): number {
    const offset = this.#labels.get(name);
    if (offset === undefined) throw new RangeError(`Cannot find label ${name}: it was never set`);
    return offset;
  }

  db(...values: readonly number[]): this {
    for (const value of values) this.bytes[this.at++] = value;
    return this;
  }

  /** Words, or the offsets of labels. */
  dw(...values: readonly (number | string)[]): this {
    for (const value of values) {
      if (typeof value === "string") {
        this.#fixups.push({ at: this.at, label: value, wide: true });
        this.db(0, 0);
      } else this.db(value & 0xff, value >> 8 & 0xff);
    }
    return this;
  }

  text(value: string): this {
    return this.db(...Array.from(value, (character) => character.charCodeAt(0)));
  }

  /** Instructions without operands, one after another. */
  plain(...names: readonly (keyof typeof PLAIN)[]): this {
    for (const name of names) this.db(...PLAIN[name]);
    return this;
  }

  push(register: Register16 | SegmentName): this {
    const segment = SEGMENTS.indexOf(register as SegmentName);
    return this.db(segment < 0 ? 0x50 + index16(register) : 0x06 + segment * 8);
  }

  pop(register: Register16 | SegmentName): this {
    const segment = SEGMENTS.indexOf(register as SegmentName);
    return this.db(segment < 0 ? 0x58 + index16(register) : 0x07 + segment * 8);
  }

  /** MOV register, immediate (or a label's offset). */
  mov(register: Register16, value: number | string): this {
    return this.db(0xb8 + index16(register)).dw(value);
  }

  mov8(register: Register8, value: number): this {
    return this.db(0xb0 + REGISTERS8.indexOf(register), value);
  }

  /** MOV segment, register. */
  movSegment(segment: SegmentName, register: Register16): this {
    return this.db(0x8e, 0xc0 | SEGMENTS.indexOf(segment) << 3 | index16(register));
  }

  /** XOR register, register with itself. */
  clear(register: Register16): this {
    return this.db(0x31, 0xc0 | index16(register) * 9);
  }

  /** MOV register, register. */
  copy(to: Register16, from: Register16): this {
    return this.db(0x89, 0xc0 | index16(from) << 3 | index16(to));
  }

  /** CMP AL, immediate. */
  cmpAl(value: number): this {
    return this.db(0x3c, value);
  }

  /** CMP AX, immediate. */
  cmpAx(value: number): this {
    return this.db(0x3d).dw(value);
  }

  int(vector: number): this {
    return this.db(0xcd, vector);
  }

  /** OUT port, AL with AL = value. */
  out(port: number, value: number): this {
    return this.mov8("al", value).db(0xe6, port);
  }

  /** IN AL, port. */
  inAl(port: number): this {
    return this.db(0xe4, port);
  }

  /** A short jump. */
  jump(kind: keyof typeof JUMPS, label: string): this {
    this.db(JUMPS[kind]);
    this.#fixups.push({ at: this.at, label, wide: false });
    return this.db(0);
  }

  /** JMP segment:offset. */
  jumpFar(segment: number, offset: number | string): this {
    return this.db(0xea).dw(offset, segment);
  }

  /**
   * Fills in the labels.
   *
   * @throws {RangeError} If a label is missing, or a short jump does not reach.
   */
  finish(): Uint8Array {
    for (const { at, label, wide } of this.#fixups) {
      const target = this.offsetOf(label);
      if (wide) {
        this.bytes[at] = target & 0xff;
        this.bytes[at + 1] = target >> 8;
        continue;
      }
      const distance = target - (at + 1);
      if (distance < -128 || distance > 127) {
        throw new RangeError(`Cannot jump to ${label}: ${distance} bytes are too far`);
      }
      this.bytes[at] = distance & 0xff;
    }
    return this.bytes;
  }
}

function index16(register: string): number {
  return REGISTERS16.indexOf(register as Register16);
}
