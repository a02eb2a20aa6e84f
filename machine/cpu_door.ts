/** `machine.cpu`: registers by name and the intrinsics, in one object. */
import type { Cpu, CpuStop } from "./cpu/cpu.ts";
import { Intrinsics } from "./cpu/intrinsics.ts";
import {
  defineRegisters,
  type NamedRegisters,
  type RegistersSnapshot,
  snapshotRegisters,
} from "./cpu/registers.ts";
import { strictNames } from "./cpu/strict_names.ts";
import { STATE } from "./memory/layout.ts";
import { registersText } from "./views/registers.ts";

/** What people and kernels see of the CPU. */
export type CpuDoor = Intrinsics & NamedRegisters & {
  /** All registers as plain data. */
  registers(): RegistersSnapshot;
  /** A register by name. @throws {RangeError} If there is none of that name. */
  get(name: string): bigint | number;
  /** Sets a register by name. @throws {RangeError} If there is none, or the value does not fit. */
  set(name: string, value: number | bigint): void;
  /** Current privilege level. */
  readonly cpl: number;
  /** `real`, `protected`, `virtual-8086`, `compatibility` or `64-bit`. */
  readonly mode: string;
  /** Whether the CPU waits in HLT; false wakes it up. */
  halted: boolean;
  /** Whether TypeScript kernel code waits, in an intrinsic, for what runs now. */
  readonly inIntrinsic: boolean;
};

class Door extends Intrinsics {
  readonly #cpu: Cpu;

  constructor(cpu: Cpu, stopped: (stop: CpuStop) => never) {
    super(cpu, stopped);
    this.#cpu = cpu;
    defineRegisters(this, cpu);
    Object.preventExtensions(this);
  }

  registers(): RegistersSnapshot {
    return snapshotRegisters(this.#cpu);
  }

  /** The registers as a table, for consoles. */
  [Symbol.for("Deno.customInspect")](_inspect: unknown, options?: { colors?: boolean }): string {
    return registersText(this.registers(), { colour: options?.colors ?? false });
  }

  get cpl(): number {
    return this.#cpu.state.cpl;
  }

  get mode(): string {
    return this.registers().mode;
  }

  get halted(): boolean {
    return this.#cpu.state.word(STATE.halted) !== 0;
  }

  set halted(value: boolean) {
    this.#cpu.state.setWord(STATE.halted, value ? 1 : 0);
  }

  get inIntrinsic(): boolean {
    return this.#cpu.intrinsics > 0;
  }

  get(name: string): bigint | number {
    return this.#register(name) as bigint | number;
  }

  set(name: string, value: number | bigint): void {
    this.#register(name);
    Reflect.set(this, name, value);
  }

  #register(name: string): unknown {
    const value = Object.hasOwn(this, name) ? Reflect.get(this, name) : undefined;
    if (typeof value === "bigint" || typeof value === "number") return value;
    const names = Object.keys(this).filter((key) => typeof Reflect.get(this, key) !== "object");
    throw new RangeError(`There is no register "${name}": the names are ${names.join(", ")}`);
  }
}

// A misspelled register is an error, in sloppy code too.
Object.setPrototypeOf(Intrinsics.prototype, strictNames("register"));

/** Makes the door of a CPU. @param stopped As for {@linkcode Intrinsics}. */
export function cpuDoor(cpu: Cpu, stopped: (stop: CpuStop) => never): CpuDoor {
  return new Door(cpu, stopped) as unknown as CpuDoor;
}
