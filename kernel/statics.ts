/** The kernel's static variables: places in its data pages, in guest memory. */
import type { CpuDoor } from "../machine/mod.ts";
import { IMAGE } from "./layout.ts";

/** A 32-bit variable in guest memory. Reading and writing it are instructions. */
export class Static32 {
  constructor(private readonly cpu: CpuDoor, readonly address: number) {}

  get value(): number {
    return this.cpu.load32(this.address);
  }

  set value(value: number) {
    this.cpu.store32(this.address, value);
  }
}

/** Hands the data pages out, from the lowest address up; nothing is given back. */
export class Statics {
  readonly #cpu: CpuDoor;
  readonly #names = new Map<string, number>();
  #next: number = IMAGE.STATICS;

  constructor(cpu: CpuDoor) {
    this.#cpu = cpu;
  }

  /** Names and addresses of all variables. */
  get symbols(): ReadonlyMap<string, number> {
    return this.#names;
  }

  /**
   * Reserves room; it is zero after boot.
   *
   * @param align A power of two.
   * @returns The virtual address.
   * @throws {RangeError} If the data pages are full.
   * @throws {TypeError} If the name is taken.
   */
  reserve(name: string, bytes: number, align = 8): number {
    if (this.#names.has(name)) throw new TypeError(`Cannot reserve ${name} twice`);
    const address = Math.ceil(this.#next / align) * align;
    if (address + bytes > IMAGE.STATICS_END) {
      throw new RangeError(`Cannot reserve ${bytes} bytes for ${name}: the data pages are full`);
    }
    this.#next = address + bytes;
    this.#names.set(name, address);
    return address;
  }

  /** Reserves a 32-bit variable. */
  word(name: string): Static32 {
    return new Static32(this.#cpu, this.reserve(name, 4, 4));
  }
}
