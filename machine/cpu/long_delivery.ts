/**
 * Delivery in long mode: 64-bit gates, stacks from the TSS, frames of 8-byte values on a
 * 16-byte boundary.
 *
 * @see Intel SDM Vol. 3A, "Exception and Interrupt Handling in 64-bit Mode"
 */
import { isCanonical } from "../arch/address.ts";
import { SYSTEM_TYPE } from "../arch/descriptor.ts";
import { VECTOR } from "../arch/exceptions.ts";
import { gateOffset, gateSelector } from "../arch/gate.ts";
import { RFLAGS } from "../arch/rflags.ts";
import { SEG, STATE } from "../memory/layout.ts";
import { ACCESS } from "../mmu/access.ts";
import type { CpuContext } from "./context.ts";
import {
  checkGateRights,
  checkIdt,
  type Delivery,
  extOf,
  idtError,
  PUSHING_FRAME,
  READING_DESCRIPTOR,
  READING_STACK,
} from "./gate_delivery.ts";
import { setCode } from "./helpers/code_segment.ts";
import {
  commitNull,
  type Descriptor,
  isNull,
  markAccessed,
  readDescriptor,
} from "./helpers/descriptors.ts";
import { fail, failSelector } from "./helpers/faults.ts";
import { innerStack, istStack } from "./helpers/inner_stack.ts";
import { reportMode, writeFlags } from "./helpers/mode.ts";
import { Stack, stackAccess } from "./helpers/stack.ts";
import { linearHigh, systemLoad32 } from "./helpers/system_memory.ts";

/** Number of RSP. */
const RSP = 4;
const CLEARED = RFLAGS.TF | RFLAGS.NT | RFLAGS.VM | RFLAGS.RF;

export function deliverLong(cpu: CpuContext, delivery: Delivery): void {
  const { state } = cpu;
  const ext = extOf(delivery);
  const offset = checkIdt(cpu, delivery, 16);
  const idtLow = state.word(STATE.idtrBase);
  const idtHigh = state.word(STATE.idtrBase + 4);
  const gateLow = cpu.mmu.load64(
    (idtLow + offset) | 0,
    linearHigh(cpu, idtLow, idtHigh, offset),
    ACCESS.IMPLICIT,
  );
  const gateHigh = state.word(STATE.high);
  const targetHigh = systemLoad32(cpu, idtLow, idtHigh, offset + 8);
  const type = (gateHigh >>> 8) & 0x1f;
  if (type !== SYSTEM_TYPE.INTERRUPT_GATE32 && type !== SYSTEM_TYPE.TRAP_GATE32) {
    fail(
      cpu,
      VECTOR.GP,
      idtError(delivery),
      `IDT entry ${delivery.vector} is no 64-bit interrupt or trap gate (type ${type})`,
    );
  }
  checkGateRights(cpu, delivery, gateHigh);
  cpu.faultReason = READING_DESCRIPTOR;
  const selector = gateSelector(gateLow);
  const code = checkHandler(cpu, selector, ext);
  const cpl = code.isConforming ? state.cpl : code.dpl;
  cpu.faultReason = READING_STACK;
  const istField = gateHigh & 7;
  const switches = cpl < state.cpl;
  const stack = istField !== 0
    ? istStack(cpu, istField, cpl, ext)
    : switches
    ? innerStack(cpu, cpl, ext).stack
    : new Stack(cpu, 8, 0, 0, 0, state.low(RSP), state.high(RSP), stackAccess(cpl), ext);
  stack.low &= ~15;
  const targetLow = gateOffset(gateLow, gateHigh);
  cpu.faultReason = PUSHING_FRAME;
  stack.reserve(delivery.error === undefined ? 40 : 48);
  if (!isCanonical(targetHigh)) {
    fail(
      cpu,
      VECTOR.GP,
      ext,
      `IDT entry ${delivery.vector} leads to an address that is not canonical`,
    );
  }
  markAccessed(cpu, code);
  stack.push(8, state.selector(SEG.SS));
  stack.push(8, state.low(RSP), state.high(RSP));
  stack.push(8, delivery.flags);
  stack.push(8, state.selector(SEG.CS));
  stack.push(8, delivery.ripLow, delivery.ripHigh);
  if (delivery.error !== undefined) stack.push(8, delivery.error);

  const before = state.word(STATE.mode);
  setCode(cpu, selector, code, cpl, targetLow, targetHigh);
  if (switches) commitNull(cpu, SEG.SS, cpl);
  stack.commitPointer();
  const clearsIf = type === SYSTEM_TYPE.INTERRUPT_GATE32;
  writeFlags(cpu, 0, clearsIf ? CLEARED | RFLAGS.IF : CLEARED);
  reportMode(cpu, before);
}

/** The gate's code segment: 64-bit code, at least as privileged as the running one. */
function checkHandler(cpu: CpuContext, selector: number, ext: number): Descriptor {
  if (isNull(selector)) fail(cpu, VECTOR.GP, ext, "the gate's code selector is null");
  const code = readDescriptor(cpu, selector, VECTOR.GP, ext);
  if (!code.isCode) failSelector(cpu, VECTOR.GP, selector, ext, "the gate leads to no code");
  if (code.dpl > cpu.state.cpl) {
    failSelector(cpu, VECTOR.GP, selector, ext, `the gate leads outwards, to DPL ${code.dpl}`);
  }
  if (!code.long || code.big) {
    failSelector(cpu, VECTOR.GP, selector, ext, "the gate leads to code that is not 64-bit");
  }
  if (!code.present) {
    failSelector(cpu, VECTOR.NP, selector, ext, "the handler's code segment is not present");
  }
  return code;
}
