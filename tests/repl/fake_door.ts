/** A small stand-in for `mod.ts`: as much of a machine as the REPL's commands touch. */
import { disassemble } from "../../machine/debug/disassemble.ts";
import type { RegistersSnapshot, ReplMachine, ReplStop, Translation } from "../../repl/door.ts";

const CODE = [0x48, 0xff, 0xc0, 0x90, 0xeb, 0xfa];
const CODE_AT = 0x1000;
const SIZE = 0x4000;

/** Executes only `inc rax; nop; jmp` at 0x1000, and counts. */
export class Machine implements ReplMachine {
  readonly memory: number;
  interruptFlag: Int32Array | undefined;
  readonly #bytes = new Uint8Array(SIZE);
  #rip = BigInt(CODE_AT);
  #rax = 0n;

  readonly cpu = (() => {
    // deno-lint-ignore no-this-alias
    const machine = this;
    return {
      get rip(): bigint {
        return machine.#rip;
      },
      get rax(): bigint {
        return machine.#rax;
      },
      set rax(value: bigint) {
        if (typeof value !== "bigint") throw new TypeError("Cannot set rax:\n  not a bigint");
        machine.#rax = value;
      },
      registers: () => machine.#registers(),
    };
  })();

  readonly virtual = {
    read: (address: bigint, length: number): Uint8Array => {
      if (address + BigInt(length) > BigInt(SIZE)) {
        throw new RangeError(`Cannot read 0x${address.toString(16)}: not mapped`);
      }
      return this.#bytes.slice(Number(address), Number(address) + length);
    },
  };

  readonly mmu = {
    translate: (address: bigint): Translation => ({
      linear: address,
      access: "read",
      cpl: 0,
      segment: undefined,
      mode: "off",
      levels: [],
      rights: undefined,
      pageSize: undefined,
      tlb: "miss",
      tlbEntry: undefined,
      tables: { physical: Number(address) as never, fault: undefined },
      stale: false,
      physical: Number(address) as never,
      fault: undefined,
    }),
  };

  readonly screen = { text: () => "Hello World!\nIt did not crash!" };

  constructor({ memory }: { memory: number }) {
    this.memory = memory;
    this.#bytes.set(CODE, CODE_AT);
  }

  step(): { text: string } {
    const offset = Number(this.#rip) - CODE_AT;
    if (offset === 0) {
      this.#rax++;
      this.#rip += 3n;
    } else if (offset === 3) this.#rip++;
    else this.#rip = BigInt(CODE_AT);
    return { text: "" };
  }

  run({ instructions }: { instructions: number }): ReplStop {
    for (let i = 0; i < instructions; i++) {
      if (this.interruptFlag !== undefined && Atomics.exchange(this.interruptFlag, 0, 0) !== 0) {
        return { kind: "paused", text: "paused" };
      }
      this.step();
    }
    return { kind: "budget", text: `budget: ${instructions} instructions are over` };
  }

  reset(): void {
    this.#rip = BigInt(CODE_AT);
    this.#rax = 0n;
  }

  #registers(): RegistersSnapshot {
    const segment = { selector: 0x10, base: 0n, limit: 0xffff_ffff, attributes: 0xc093 };
    return {
      rax: this.#rax,
      rbx: 0n,
      rcx: 0n,
      rdx: 0n,
      rsi: 0n,
      rdi: 0n,
      rbp: 0n,
      rsp: 0x2000n,
      r8: 0n,
      r9: 0n,
      r10: 0n,
      r11: 0n,
      r12: 0n,
      r13: 0n,
      r14: 0n,
      r15: 0xfedc_ba98_7654_3210n,
      rip: this.#rip,
      rflags: 0x3246n,
      cr0: 0x8001_0031n,
      cr2: 0n,
      cr3: 0x2000n,
      cr4: 0x20n,
      efer: 0x500n,
      cs: { ...segment, selector: 8, attributes: 0xa09b },
      ss: segment,
      ds: segment,
      es: segment,
      fs: { selector: 0, base: 0x1234n, limit: 0, attributes: 0 },
      gs: segment,
      mode: "64-bit",
      cpl: 0,
    };
  }
}

export const Kernel = { boot: (machine: Machine) => ({ machine, name: "a kernel" }) };

export { disassemble };
