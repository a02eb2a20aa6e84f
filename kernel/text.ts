/** The kernel's text pages: its own code, and what is loaded behind it. */
import type { Machine } from "../machine/mod.ts";
import { IMAGE } from "./layout.ts";
import type { MachineCode } from "./machine_code.ts";

export class Text {
  readonly #machine: Machine;
  readonly #symbols: Map<string, number>;
  #next: number;

  /** @param code The kernel's own, which the loader has put into place. */
  constructor(machine: Machine, code: MachineCode) {
    this.#machine = machine;
    this.#symbols = new Map(code.labels());
    this.#next = code.here;
  }

  /** Names and addresses. */
  get symbols(): ReadonlyMap<string, number> {
    return this.#symbols;
  }

  /** @see Kernel.loadCode */
  load(code: Uint8Array, name?: string): number {
    const address = Math.ceil(this.#next / 16) * 16;
    if (address + code.length > IMAGE.TEXT_END) {
      throw new RangeError(`Cannot load ${code.length} bytes of code: the text pages are full`);
    }
    if (name !== undefined && this.#symbols.has(name)) {
      throw new TypeError(`Cannot load ${name} twice`);
    }
    this.#machine.virtual.write(address, code);
    this.#next = address + code.length;
    if (name !== undefined) this.#symbols.set(name, address);
    return address;
  }
}
