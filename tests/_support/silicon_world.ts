/**
 * The memory of a machine that silicon vectors run on: page tables for `LAYOUT`, and in the upper
 * half, for CPL 0 alone, a GDT, an IDT, a TSS and a stack, so that faults are delivered for real.
 */
import { CR0, CR4, EFER } from "../../machine/arch/control_registers.ts";
import type { Cpu } from "../../machine/cpu/cpu.ts";
import { ATTRIBUTE } from "../../machine/cpu/state.ts";
import { RAM_BASE, SEG, STATE } from "../../machine/memory/layout.ts";
import type { PhysicalMemory } from "../../machine/memory/physical.ts";
import { ENVIRONMENTS, LAYOUT, type SiliconSegment } from "./silicon_state.ts";

/** Physical addresses. */
export const WORLD = {
  pml4: 0x1_0000,
  lowPdpt: 0x1_1000,
  lowPd: [0x1_2000, 0x1_3000],
  pageTables: { code: 0x1_4000, data: 0x1_5000, stack: 0x1_6000, readOnly: 0x1_7000 },
  highPdpt: 0x1_8000,
  highPd: 0x1_9000,
  gdt: 0x1_a000,
  idt: 0x1_b000,
  tss: 0x1_c000,
  kernelStackTop: 0x1_e000,
  /** Sixteen NOPs for each vector. */
  handlers: 0x1_e000,
  pages: { code: 0x2_0000, data: 0x2_1000, stack: 0x2_3000, readOnly: 0x2_4000 },
} as const;

/** High word of the linear addresses where CPL 0 sees physical memory. */
export const KERNEL_HIGH = 0xffff_8000 | 0;
/** In bytes, of a handler. */
export const HANDLER_SIZE = 16;

const PRESENT = 1;
const WRITABLE = 2;
const USER = 4;
const LARGE = 0x80;
const NO_EXECUTE_HIGH = 0x8000_0000 | 0;
const PML4_KERNEL_SLOT = 256;
const KERNEL_CODE = 0x10;
const VECTORS = 256;
const INTERRUPT_GATE = 0x8e;
const DPL3 = 0x60;
/** INT3 and INTO may be used by CPL 3. */
const OPEN_VECTORS = [3, 4];
const TSS_LIMIT = 0x67;

const ACCESS_CODE = 0xfb;
const ACCESS_DATA = 0xf3;
const ATTRIBUTES: Readonly<Record<SiliconSegment["kind"], number>> = {
  code64: ACCESS_CODE | ATTRIBUTE.L | ATTRIBUTE.G,
  code32: ACCESS_CODE | ATTRIBUTE.DB | ATTRIBUTE.G,
  code16: ACCESS_CODE,
  data32: ACCESS_DATA | ATTRIBUTE.DB | ATTRIBUTE.G,
  data16: ACCESS_DATA,
  null: 0,
};

function writeTables(view: DataView): void {
  const entry = (table: number, index: number, low: number, high = 0) => {
    view.setInt32(table + index * 8, low, true);
    view.setInt32(table + index * 8 + 4, high, true);
  };
  const table = PRESENT | WRITABLE | USER;
  entry(WORLD.pml4, 0, WORLD.lowPdpt | table);
  WORLD.lowPd.forEach((pd, gib) => entry(WORLD.lowPdpt, gib, pd | table));
  for (const name of ["code", "data", "stack", "readOnly"] as const) {
    const { address, size } = LAYOUT[name];
    const pageTable = WORLD.pageTables[name];
    entry(WORLD.lowPd[address >>> 30], (address >>> 21) & 511, pageTable | table);
    const writable = name === "data" || name === "stack" ? WRITABLE : 0;
    for (let page = 0; page < size >> 12; page++) {
      const frame = WORLD.pages[name] + page * 4096;
      entry(
        pageTable,
        ((address >>> 12) & 511) + page,
        frame | PRESENT | USER | writable,
        name === "code" ? 0 : NO_EXECUTE_HIGH,
      );
    }
  }
  entry(WORLD.pml4, PML4_KERNEL_SLOT, WORLD.highPdpt | PRESENT | WRITABLE);
  entry(WORLD.highPdpt, 0, WORLD.highPd | PRESENT | WRITABLE);
  entry(WORLD.highPd, 0, PRESENT | WRITABLE | LARGE);
}

function writeDescriptors(view: DataView): void {
  /* 64-bit code of ring 0: what the gates lead to. */
  view.setInt32(WORLD.gdt + KERNEL_CODE, 0xffff, true);
  view.setInt32(WORLD.gdt + KERNEL_CODE + 4, 0x00af_9b00, true);
  for (let vector = 0; vector < VECTORS; vector++) {
    const gate = WORLD.idt + vector * 16;
    const handler = WORLD.handlers + vector * HANDLER_SIZE;
    view.setUint16(gate, handler, true);
    view.setUint16(gate + 2, KERNEL_CODE, true);
    view.setUint8(gate + 5, INTERRUPT_GATE | (OPEN_VECTORS.includes(vector) ? DPL3 : 0));
    view.setUint16(gate + 6, handler >>> 16, true);
    view.setInt32(gate + 8, KERNEL_HIGH, true);
  }
  view.setInt32(WORLD.tss + 4, WORLD.kernelStackTop, true);
  view.setInt32(WORLD.tss + 8, KERNEL_HIGH, true);
  view.setUint16(WORLD.tss + 0x66, TSS_LIMIT + 1, true);
}

/** Fills the memory, and puts the CPU into long mode. */
export function buildWorld(cpu: Cpu, memory: PhysicalMemory): void {
  const view = new DataView(memory.buffer, RAM_BASE, memory.ramSize);
  writeTables(view);
  writeDescriptors(view);
  memory.u8.fill(0x90, RAM_BASE + WORLD.handlers, RAM_BASE + WORLD.handlers + VECTORS * 16);
  memory.u8.fill(0xcc, RAM_BASE + WORLD.pages.code, RAM_BASE + WORLD.pages.code + 4096);
  const { state } = cpu;
  state.setPair(STATE.cr0, CR0.PE | CR0.ET | CR0.NE | CR0.WP | CR0.AM | CR0.PG, 0);
  state.setPair(STATE.cr3, WORLD.pml4, 0);
  state.setPair(STATE.cr4, CR4.PAE | CR4.UMIP | CR4.SMEP | CR4.SMAP, 0);
  state.setPair(STATE.efer, EFER.SCE | EFER.LME | EFER.LMA | EFER.NXE, 0);
  state.setPair(STATE.gdtrBase, WORLD.gdt, KERNEL_HIGH);
  state.setWord(STATE.gdtrLimit, 0xfff);
  state.setPair(STATE.idtrBase, WORLD.idt, KERNEL_HIGH);
  state.setWord(STATE.idtrLimit, VECTORS * 16 - 1);
  state.setSegment(SEG.LDTR, 0, 0, 0, 0, 0);
  state.setSegment(SEG.TR, 0x40, 0x8b, WORLD.tss, KERNEL_HIGH, TSS_LIMIT);
  cpu.mmu.flushAll(true);
  cpu.mmu.modeChanged();
}

/** Puts the CPU to CPL 3 with the segment registers of an environment. */
export function enterEnvironment(cpu: Cpu, mode: number): void {
  const { state } = cpu;
  const environment = ENVIRONMENTS[mode];
  state.setWord(STATE.cpl, 3);
  for (const [name, index] of Object.entries(SEG)) {
    if (index > SEG.GS) continue;
    const segment = environment[name.toLowerCase() as "cs"];
    const { selector, base, limit, kind } = segment;
    state.setSegment(index, selector, ATTRIBUTES[kind], base, 0, limit | 0);
  }
}
