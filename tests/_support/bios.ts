/** Calls BIOS services from tests, through the IVT, by way of `tests/images/probe.asm`. */
import { ok, strictEqual } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type BootOptions, Machine, type MachineOptions } from "../../mod.ts";

/** Registers of a call; all others are 0. */
export interface BiosRegisters {
  eax: number;
  ecx: number;
  edx: number;
  ebx: number;
  ebp: number;
  esi: number;
  edi: number;
  ds: number;
  es: number;
  flags: number;
}

const BLOCK = 0x600;
const NAMES = ["eax", "ecx", "edx", "ebx", "ebp", "esi", "edi"] as const;
const WORDS = ["ds", "es", "flags"] as const;
const CF = 1;
const ZF = 0x40;

/** The bytes of an image of ours. */
export function image(name: string): Uint8Array {
  return readFileSync(new URL(`../images/${name}.bin`, import.meta.url));
}

/** A machine whose guest waits for the next call. */
export class BiosRig {
  readonly machine: Machine;

  constructor(options: MachineOptions & BootOptions = {}) {
    this.machine = new Machine({ memory: 32 << 20, ...options });
    this.machine.boot(image("probe"), options);
    this.#runToStop(10_000_000);
  }

  /** INT `number`. @returns The registers behind it, `cf` and `zf`. */
  call(number: number, registers: Partial<BiosRegisters>, budget = 2_000_000_000) {
    this.start(number, registers);
    this.#runToStop(budget);
    return this.result();
  }

  /** Sets up a call without running it. */
  start(number: number, registers: Partial<BiosRegisters>): void {
    const { physical } = this.machine;
    physical.setU32(BLOCK, number);
    NAMES.forEach((name, i) => physical.setU32(BLOCK + 4 + i * 4, registers[name] ?? 0));
    WORDS.forEach((name, i) => {
      physical.setU16(BLOCK + 32 + i * 2, registers[name] ?? (name === "flags" ? 0x202 : 0));
    });
  }

  result() {
    const { physical } = this.machine;
    const flags = physical.u16(BLOCK + 36);
    return {
      ...Object.fromEntries(NAMES.map((name, i) => [name, physical.u32(BLOCK + 4 + i * 4)])),
      ...Object.fromEntries(WORDS.map((name, i) => [name, physical.u16(BLOCK + 32 + i * 2)])),
      ax: physical.u16(BLOCK + 4),
      ah: physical.u8(BLOCK + 5),
      al: physical.u8(BLOCK + 4),
      cf: (flags & CF) !== 0,
      zf: (flags & ZF) !== 0,
    } as BiosRegisters & { ax: number; ah: number; al: number; cf: boolean; zf: boolean };
  }

  #runToStop(budget: number): void {
    const stop = this.machine.run({ instructions: budget });
    strictEqual(stop.kind, "exit", stop.text);
    ok(this.machine.cpu.mode === "real");
  }
}
