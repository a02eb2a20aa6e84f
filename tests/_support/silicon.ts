/**
 * Reads the vectors captured from a real processor: tests/vectors/silicon/<family>.bin.gz, whose
 * layout tools/silicon/README.md tells.
 */
import { gunzipSync } from "node:zlib";
import { deriveState, hashBytes, hashForm, MODE, startIp } from "./silicon_state.ts";

/** An instruction form: an operation with an encoding, an operand size and a code size. */
export interface SiliconForm {
  readonly name: string;
  readonly codeSize: 16 | 32 | 64;
  readonly cases: number;
  /** Hash of all states before, to tell a reader that derives them wrongly. */
  readonly stateHash: number;
  /** Flags that differed from run to run: not to be compared. */
  readonly unstableFlags: number;
  /** A fault may leave stores behind: memory is then not compared. */
  readonly partialStores: boolean;
  /** A fault may leave registers loaded: RSP alone is then compared. */
  readonly partialRegisters: boolean;
}

/** Bytes at a linear address. */
export interface SiliconBytes {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** Registers, low and high word each; RIP as an offset in CS; a fault if there was one. */
export class SiliconOutcome {
  /** RAX RCX RDX RBX RSP RBP RSI RDI R8 … R15. In 16- and 32-bit code EAX … EDI alone count. */
  readonly registers: Int32Array = new Int32Array(32);
  /** EFLAGS, RF aside. */
  flags = 0;
  ripLow = 0;
  ripHigh = 0;
  /** 0–31, or -1 if none. */
  vector = -1;
  errorCode = 0;
  /** Of a page fault. */
  cr2Low = 0;
  cr2High = 0;
}

/** One case. The reader gives the same object again and again. */
export class SiliconVector {
  form!: SiliconForm;
  /** From 0 in the form. */
  index = 0;
  /** See `MODE`, `ENVIRONMENTS`. */
  mode = 0;
  code: Uint8Array = new Uint8Array(0);
  /** Before; laid out as in {@linkcode SiliconOutcome}. */
  readonly registers: Int32Array = new Int32Array(32);
  flags = 0;
  /** What memory holds other than usual, before. */
  pokes: SiliconBytes[] = [];
  readonly after: SiliconOutcome = new SiliconOutcome();
  /** What the instruction changed in memory: the bytes after. */
  changes: SiliconBytes[] = [];
}

const NOTHING: SiliconBytes[] = [];
const MAGIC = "SILICON1";
const RESET_FLAGS = 8;

/** The cases of a family, in order. */
export class SiliconReader {
  readonly family: string;
  readonly forms: readonly SiliconForm[];
  /** Hash of data, stack and read-only page before, see `deriveMemory`. */
  readonly memoryHash: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #start: number;
  #at = 0;

  /**
   * @param compressed A whole file.
   * @throws {TypeError} If it is not of this format.
   */
  constructor(compressed: Uint8Array) {
    const raw = gunzipSync(compressed);
    this.#bytes = new Uint8Array(raw.buffer, raw.byteOffset, raw.length);
    this.#view = new DataView(raw.buffer, raw.byteOffset, raw.length);
    const text = new TextDecoder();
    if (text.decode(this.#bytes.subarray(0, MAGIC.length)) !== MAGIC) {
      throw new TypeError("Cannot read silicon vectors: the magic number is not there");
    }
    const length = this.#view.getUint32(MAGIC.length, true);
    this.#start = MAGIC.length + 4 + length;
    const header = JSON.parse(text.decode(this.#bytes.subarray(MAGIC.length + 4, this.#start)));
    this.family = header.family;
    this.forms = header.forms;
    this.memoryHash = header.memoryHash;
  }

  /** Gives every case to `use`, who must not keep it. */
  forEach(use: (vector: SiliconVector) => void): void {
    this.#at = this.#start;
    const vector = new SiliconVector();
    for (const form of this.forms) {
      const seed = hashForm(form.name, form.codeSize);
      vector.form = form;
      for (let index = 0; index < form.cases; index++) {
        this.#read(vector, seed, index);
        use(vector);
      }
    }
    if (this.#at !== this.#bytes.length) {
      throw new TypeError("Cannot read silicon vectors: bytes are left over");
    }
  }

  #read(vector: SiliconVector, seed: number, index: number): void {
    const first = this.#bytes[this.#at++];
    const second = this.#bytes[this.#at++];
    const { form, registers, after } = vector;
    vector.index = index;
    vector.mode = form.codeSize === 64
      ? MODE.LONG
      : form.codeSize === 16
      ? MODE.CODE16
      : second & 8
      ? MODE.SEGMENTED32
      : MODE.FLAT32;
    const length = first & 15;
    vector.code = this.#take(length);
    vector.flags = deriveState(seed, index, vector.mode, registers);
    for (let n = second & 7; n > 0; n--) {
      if (this.#bytes[this.#at] >> 4 === RESET_FLAGS) {
        vector.flags = this.#view.getUint32(this.#at + 1, true);
        this.#at += 5;
      } else {
        this.#readRegister(registers);
      }
    }
    vector.pokes = first & 0x40 ? this.#readBytes() : NOTHING;
    const faulted = (first & 0x10) !== 0;
    after.vector = faulted ? this.#bytes[this.#at++] : -1;
    after.errorCode = faulted ? this.#word() : 0;
    after.cr2Low = after.vector === 14 ? this.#dword() : 0;
    after.cr2High = after.vector === 14 ? this.#dword() : 0;
    const explicit = (first & 0x20) !== 0;
    after.ripLow = explicit ? this.#dword() : startIp(vector.mode) + (faulted ? 0 : length);
    after.ripHigh = explicit ? this.#dword() : 0;
    after.flags = vector.flags ^ this.#number();
    after.registers.set(registers);
    for (let n = second >> 4; n > 0; n--) this.#readRegister(after.registers);
    vector.changes = first & 0x80 ? this.#readBytes() : NOTHING;
  }

  /** A byte `kind << 4 | register`, then the value, as short as its kind. */
  #readRegister(registers: Int32Array): void {
    const what = this.#bytes[this.#at++];
    const low = 2 * (what & 15);
    const old = registers[low];
    switch (what >> 4) {
      case 0:
        registers[low] = (old & ~0xff) | this.#bytes[this.#at++];
        break;
      case 1:
        registers[low] = (old & ~0xff00) | (this.#bytes[this.#at++] << 8);
        break;
      case 2:
        registers[low] = (old & ~0xffff) | this.#word();
        break;
      case 3:
        registers[low] = this.#dword();
        break;
      case 4:
        registers[low] = this.#dword();
        registers[low + 1] = 0;
        break;
      case 5:
        registers[low] = this.#dword();
        registers[low + 1] = registers[low] >> 31;
        break;
      case 6:
        registers[low] = this.#dword();
        registers[low + 1] = this.#dword();
        break;
      case 7:
        registers[low] = (this.#bytes[this.#at++] << 24) >> 24;
        registers[low + 1] = registers[low] >> 31;
        break;
      default:
        throw new TypeError("Cannot read silicon vectors: a register's value has no known kind");
    }
  }

  #readBytes(): SiliconBytes[] {
    const list: SiliconBytes[] = [];
    for (let n = this.#bytes[this.#at++]; n > 0; n--) {
      const address = this.#dword() >>> 0;
      list.push({ address, bytes: this.#take(this.#bytes[this.#at++]) });
    }
    return list;
  }

  #take(length: number): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#at += length);
  }

  #word(): number {
    return this.#view.getUint16((this.#at += 2) - 2, true);
  }

  #dword(): number {
    return this.#view.getInt32((this.#at += 4) - 4, true);
  }

  /** LEB128, unsigned. */
  #number(): number {
    let value = 0;
    for (let shift = 0;; shift += 7) {
      const byte = this.#bytes[this.#at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
}

/** Continues the hash of a form's states with this case's, as the harness does. */
export function hashState(vector: SiliconVector, hash: number): number {
  const { registers, mode } = vector;
  const words = mode === MODE.LONG ? registers : registers.filter((_, i) => i < 16 && i % 2 === 0);
  hash = hashBytes(new Uint8Array(words.slice().buffer), hash);
  return hashBytes(new Uint8Array(Int32Array.of(vector.flags).buffer), hash);
}
