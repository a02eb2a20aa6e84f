/**
 * MOV to and from control registers, and what changes with them: paging, long mode, privilege.
 *
 * | write | #GP(0) when |
 * |---|---|
 * | CR0 | bits 63:32; PG without PE; NW without CD; PG in long mode without PAE, with CS.L or a 16-bit TSS; PG cleared in 64-bit code |
 * | CR3 | bits 63:40; in PAE paging: PDPTEs with reserved bits |
 * | CR4 | bits that CPUID does not offer; PAE cleared in long mode |
 * | CR8 | bits 63:4 |
 *
 * @see Intel SDM Vol. 2, "MOV—Move to/from Control Registers"
 */
import { CR0, CR4, EFER } from "../../arch/control_registers.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import { PHYSICAL_ADDRESS_BITS } from "../../arch/paging.ts";
import { SEG, STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import { ATTRIBUTE } from "../state.ts";
import { fail } from "./faults.ts";
import { reportMode } from "./mode.ts";
import { requireRing0 } from "./privilege.ts";
import { isWideTss } from "./task_state.ts";

/** CR0's bits that exist; writes to the others of its low word vanish. */
const CR0_BITS = CR0.PE | CR0.MP | CR0.EM | CR0.TS | CR0.ET | CR0.NE | CR0.WP | CR0.AM | CR0.NW |
  CR0.CD | CR0.PG;

/** CR4's bits that CPUID offers. VME, PVI, OSFXSR, OSXMMEXCPT, PCIDE, OSXSAVE are not among them. */
export const CR4_BITS = CR4.TSD | CR4.DE | CR4.PSE | CR4.PAE | CR4.MCE | CR4.PGE | CR4.PCE |
  CR4.UMIP | CR4.FSGSBASE | CR4.SMEP | CR4.SMAP;

/** Changes of these reload the PDPTE registers in PAE paging. */
const PDPTE_CR0 = CR0.CD | CR0.NW | CR0.PG;
const PDPTE_CR4 = CR4.PAE | CR4.PGE | CR4.PSE | CR4.SMEP;

const OFFSETS: Readonly<Record<number, number>> = {
  0: STATE.cr0,
  2: STATE.cr2,
  3: STATE.cr3,
  4: STATE.cr4,
  8: STATE.cr8,
};

/** MOV from CRn. */
function readControlRegister(cpu: CpuContext, register: number): number {
  requireRing0(cpu, "MOV from a control register");
  const offset = controlRegister(cpu, register);
  cpu.state.setWord(STATE.high, cpu.state.word(offset + 4));
  return cpu.state.word(offset);
}

/** MOV to CRn. */
function writeControlRegister(
  cpu: CpuContext,
  register: number,
  low: number,
  high: number,
): void {
  requireRing0(cpu, "MOV to a control register");
  const offset = controlRegister(cpu, register);
  switch (register) {
    case 0:
      return writeCr0(cpu, low, high);
    case 3:
      return writeCr3(cpu, low, high);
    case 4:
      return writeCr4(cpu, low, high);
    case 8:
      if (high !== 0 || (low & ~15) !== 0) refuse(cpu, "CR8 has four bits");
  }
  cpu.state.setPair(offset, low, high);
}

function controlRegister(cpu: CpuContext, register: number): number {
  return OFFSETS[register] ?? fail(cpu, VECTOR.UD, 0, `there is no CR${register}`);
}

/** Writes CR0, after all checks; enters and leaves paging and long mode. */
export function writeCr0(cpu: CpuContext, low: number, high: number): void {
  const { state, mmu } = cpu;
  if (high !== 0) refuse(cpu, "CR0 has 32 bits");
  const old = state.word(STATE.cr0);
  const value = (low & CR0_BITS) | CR0.ET;
  if (isSet(value, CR0.PG) && !isSet(value, CR0.PE)) refuse(cpu, "CR0.PG needs PE");
  if (isSet(value, CR0.NW) && !isSet(value, CR0.CD)) refuse(cpu, "CR0.NW needs CD");
  const efer = state.word(STATE.efer);
  const pagingOn = !isSet(old, CR0.PG) && isSet(value, CR0.PG);
  const pagingOff = isSet(old, CR0.PG) && !isSet(value, CR0.PG);
  const entersLong = pagingOn && isSet(efer, EFER.LME);
  if (entersLong) checkLongMode(cpu);
  if (pagingOff && state.code64) refuse(cpu, "CR0.PG cannot be cleared by 64-bit code");
  const isPae = isSet(value, CR0.PG) && isSet(state.word(STATE.cr4), CR4.PAE) &&
    !isSet(efer, EFER.LMA) && !entersLong;
  if (isPae && ((old ^ value) & PDPTE_CR0) !== 0) loadPdptes(cpu, state.word(STATE.cr3));

  const before = state.word(STATE.mode);
  state.setPair(STATE.cr0, value, 0);
  if (entersLong) state.setWord(STATE.efer, efer | EFER.LMA);
  else if (pagingOff) state.setWord(STATE.efer, efer & ~EFER.LMA);
  state.refreshMode();
  mmu.controlRegisterWritten("cr0", old, value);
  reportMode(cpu, before);
}

/** What setting CR0.PG with EFER.LME asks for. */
function checkLongMode(cpu: CpuContext): void {
  const { state } = cpu;
  if (!isSet(state.word(STATE.cr4), CR4.PAE)) refuse(cpu, "long mode needs CR4.PAE");
  if (isSet(state.attributes(SEG.CS), ATTRIBUTE.L)) refuse(cpu, "long mode entered with CS.L set");
  const tss = state.attributes(SEG.TR);
  if (state.selector(SEG.TR) !== 0 && !isWideTss(tss)) {
    refuse(cpu, "long mode entered with a 16-bit TSS in TR");
  }
}

function writeCr3(cpu: CpuContext, low: number, high: number): void {
  const { state, mmu } = cpu;
  if ((high >>> (PHYSICAL_ADDRESS_BITS - 32)) !== 0) {
    refuse(cpu, `CR3 has ${PHYSICAL_ADDRESS_BITS} bits`);
  }
  const old = state.word(STATE.cr3);
  if (
    isSet(state.word(STATE.cr0), CR0.PG) && isSet(state.word(STATE.cr4), CR4.PAE) && !state.longMode
  ) loadPdptes(cpu, low);
  state.setPair(STATE.cr3, low, high);
  mmu.controlRegisterWritten("cr3", old, low);
}

function writeCr4(cpu: CpuContext, low: number, high: number): void {
  const { state, mmu } = cpu;
  const absent = low & ~CR4_BITS;
  if (high !== 0 || absent !== 0) {
    refuse(cpu, `CR4 bits that CPUID does not offer (0x${(absent >>> 0).toString(16)})`);
  }
  if (state.longMode && !isSet(low, CR4.PAE)) refuse(cpu, "long mode needs CR4.PAE");
  const old = state.word(STATE.cr4);
  if (
    isSet(state.word(STATE.cr0), CR0.PG) && isSet(low, CR4.PAE) && !state.longMode &&
    ((old ^ low) & PDPTE_CR4) !== 0
  ) loadPdptes(cpu, state.word(STATE.cr3));
  state.setPair(STATE.cr4, low, 0);
  mmu.controlRegisterWritten("cr4", old, low);
}

function loadPdptes(cpu: CpuContext, cr3: number): void {
  if (!cpu.mmu.loadPdptes(cr3)) refuse(cpu, "a PDPTE has reserved bits set");
}

function isSet(value: number, bit: number): boolean {
  return (value & bit) !== 0;
}

function refuse(cpu: CpuContext, reason: string): never {
  return fail(cpu, VECTOR.GP, 0, reason);
}

/** INVLPG: an address that is not canonical does nothing. */
function invalidatePage(cpu: CpuContext, low: number, high: number): void {
  requireRing0(cpu, "INVLPG");
  cpu.mmu.flushPage(low, high);
}

export const controlRegisterHelpers = {
  readControlRegister,
  writeControlRegister,
  invalidatePage,
} satisfies Record<string, Helper>;
