/** Our machine as a lock-step target: a `Machine` with the image as its ROM, at the reset vector. */
import { CpuState } from "../../machine/cpu/state.ts";
import { SEG, STATE } from "../../machine/memory/layout.ts";
import { Machine } from "../../machine/mod.ts";
import { hiddenSegment } from "./qemu.ts";
import type { HiddenState, LockstepTarget, RegisterName, Registers } from "./target.ts";

const GENERAL = [
  ...(["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"] as const),
  ...(["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"] as const),
];
const SEGMENTS = [
  ...([["cs", SEG.CS], ["ss", SEG.SS], ["ds", SEG.DS]] as const),
  ...([["es", SEG.ES], ["fs", SEG.FS], ["gs", SEG.GS]] as const),
];
const PAIRS = [
  ...([["k_gs_base", STATE.kernelGsBase], ["cr0", STATE.cr0], ["cr2", STATE.cr2]] as const),
  ...([["cr3", STATE.cr3], ["cr4", STATE.cr4], ["cr8", STATE.cr8]] as const),
  ...([["efer", STATE.efer], ["rip", STATE.rip]] as const),
];
const ROM_ADDRESS = 0xf_0000;

/** One of our machines at the reset vector of a ROM. */
export class OurTarget implements LockstepTarget {
  readonly name = "ours";
  readonly machine: Machine;
  /** The CPU's state block by name. */
  readonly #state: CpuState;

  /** @param rom 64 KiB, for 0xF0000 and the top of 4 GiB. */
  constructor(rom: Uint8Array, memoryMiB = 64) {
    this.machine = new Machine({ memory: memoryMiB << 20 });
    this.#state = new CpuState(this.machine.board.memory);
    this.machine.physical.write(ROM_ADDRESS, rom);
  }

  step(): Promise<boolean> {
    const stop = this.machine.run({ instructions: 1 });
    return Promise.resolve(stop.kind === "budget");
  }

  registers(): Promise<Registers> {
    const state = this.#state;
    const registers: Partial<Registers> = {};
    const long = state.code64;
    GENERAL.forEach((name, i) => {
      registers[name] = long
        ? this.#pair(STATE.gpr + 8 * i)
        : i < 8
        ? BigInt(state.low(i) >>> 0)
        : 0n;
    });
    for (const [name, offset] of PAIRS) registers[name] = this.#pair(offset);
    for (const [name, segment] of SEGMENTS) registers[name] = BigInt(state.selector(segment));
    registers.fs_base = this.#base(SEG.FS);
    registers.gs_base = this.#base(SEG.GS);
    registers.eflags = BigInt(state.flags >>> 0);
    return Promise.resolve(registers as Registers);
  }

  hidden(): Promise<HiddenState> {
    const state = this.#state;
    const hidden: HiddenState = {};
    for (const [name, segment] of [...SEGMENTS, ["ldt", SEG.LDTR], ["tr", SEG.TR]] as const) {
      hidden[name] = hiddenSegment(
        state.selector(segment),
        this.#base(segment),
        state.limit(segment),
        state.attributes(segment),
      );
    }
    const table = (base: number, limit: number) =>
      `${this.#pair(base).toString(16)} ${(state.word(limit) & 0xffff).toString(16)}`;
    hidden.gdt = table(STATE.gdtrBase, STATE.gdtrLimit);
    hidden.idt = table(STATE.idtrBase, STATE.idtrLimit);
    return Promise.resolve(hidden);
  }

  set(register: RegisterName, value: bigint): Promise<void> {
    this.machine.cpu.set(register === "eflags" ? "rflags" : register, value);
    return Promise.resolve();
  }

  read(linear: bigint, length: number): Promise<Uint8Array> {
    const { mmu, physical } = this.machine;
    const bytes: number[] = [];
    for (let i = 0; i < length; i++) {
      const at = mmu.virtualToPhysical(linear + BigInt(i));
      if (at === undefined) break;
      bytes.push(physical.u8(at));
    }
    return Promise.resolve(Uint8Array.from(bytes));
  }

  readPhysical(address: number, length: number): Promise<Uint8Array> {
    return Promise.resolve(this.machine.physical.read(address, length));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #pair(offset: number): bigint {
    const state = this.#state;
    return BigInt(state.word(offset) >>> 0) | BigInt(state.word(offset + 4) >>> 0) << 32n;
  }

  #base(segment: number): bigint {
    const state = this.#state;
    return BigInt(state.baseLow(segment) >>> 0) | BigInt(state.baseHigh(segment) >>> 0) << 32n;
  }
}
