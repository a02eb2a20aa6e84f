/** Reading and writing the registers of a task in its 16-bit or 32-bit TSS. */
import { TSS16, TSS32 } from "../../arch/tss.ts";
import type { CpuContext } from "../context.ts";
import { systemLoad16, systemLoad32, systemStore16, systemStore32 } from "./system_memory.ts";

/** A task's registers as its TSS has them. */
export interface TaskImage {
  readonly eip: number;
  flags: number;
  /** EAX … EDI. */
  readonly registers: readonly number[];
  /** ES CS SS DS FS GS. */
  readonly segments: readonly number[];
  readonly ldt: number;
  /** `undefined`: a 16-bit TSS has none, CR3 stays. */
  readonly cr3: number | undefined;
  /** The word with the T bit. */
  readonly debugTrap: number;
}

/** Whether a TSS type, or the attributes of TR, mean a 32-bit TSS. */
export function isWideTss(attributes: number): boolean {
  return (attributes & 8) !== 0;
}

/** Reads all of a TSS. A 16-bit one leaves the upper halves of the registers all ones. */
export function readTask(cpu: CpuContext, base: number, isWide: boolean): TaskImage {
  const words = (start: number, count: number, step: number) =>
    Array.from({ length: count }, (_, i) => systemLoad16(cpu, base, 0, start + i * step));
  if (!isWide) {
    return {
      eip: systemLoad16(cpu, base, 0, TSS16.IP),
      flags: systemLoad16(cpu, base, 0, TSS16.FLAGS),
      registers: words(TSS16.AX, 8, 2).map((value) => value | 0xffff_0000),
      segments: [...words(TSS16.ES, 4, 2), 0, 0],
      ldt: systemLoad16(cpu, base, 0, TSS16.LDT),
      cr3: undefined,
      debugTrap: 0,
    };
  }
  return {
    eip: systemLoad32(cpu, base, 0, TSS32.EIP),
    flags: systemLoad32(cpu, base, 0, TSS32.EFLAGS),
    registers: Array.from(
      { length: 8 },
      (_, i) => systemLoad32(cpu, base, 0, TSS32.EAX + i * 4),
    ),
    segments: words(TSS32.ES, 6, 4),
    ldt: systemLoad16(cpu, base, 0, TSS32.LDT),
    cr3: systemLoad32(cpu, base, 0, TSS32.CR3),
    debugTrap: systemLoad16(cpu, base, 0, TSS32.DEBUG_TRAP),
  };
}

/** Saves what a switch away saves: EIP, EFLAGS, general registers and segment selectors. */
export function saveTask(
  cpu: CpuContext,
  base: number,
  isWide: boolean,
  eip: number,
  flags: number,
): void {
  const { state } = cpu;
  if (!isWide) {
    systemStore16(cpu, base, 0, TSS16.IP, eip);
    systemStore16(cpu, base, 0, TSS16.FLAGS, flags);
    for (let i = 0; i < 8; i++) systemStore16(cpu, base, 0, TSS16.AX + i * 2, state.low(i));
    for (let i = 0; i < 4; i++) systemStore16(cpu, base, 0, TSS16.ES + i * 2, state.selector(i));
    return;
  }
  systemStore32(cpu, base, 0, TSS32.EIP, eip);
  systemStore32(cpu, base, 0, TSS32.EFLAGS, flags);
  for (let i = 0; i < 8; i++) systemStore32(cpu, base, 0, TSS32.EAX + i * 4, state.low(i));
  for (let i = 0; i < 6; i++) systemStore16(cpu, base, 0, TSS32.ES + i * 4, state.selector(i));
}
