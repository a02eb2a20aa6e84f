/**
 * Delivery in protected and virtual-8086 mode: interrupt, trap and task gates of 16 and 32 bits.
 *
 * ```text
 *  same privilege      to more privilege     from virtual-8086 mode
 *                                             GS  FS  DS  ES
 *                       SS    ESP             SS  ESP
 *  EFLAGS CS EIP        EFLAGS CS EIP         EFLAGS CS EIP
 *  [error code]         [error code]          [error code]
 * ```
 *
 * @see Intel SDM Vol. 2, "INT n/INTO/INT3/INT1—Call to Interrupt Procedure"
 */
import { SYSTEM_TYPE } from "../arch/descriptor.ts";
import { VECTOR } from "../arch/exceptions.ts";
import { gateOffset, gateSelector } from "../arch/gate.ts";
import { RFLAGS } from "../arch/rflags.ts";
import { SEG, STATE } from "../memory/layout.ts";
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
import { checkTarget, commitStackSegment, setCode } from "./helpers/code_segment.ts";
import {
  commitNull,
  type Descriptor,
  isNull,
  markAccessed,
  readDescriptor,
} from "./helpers/descriptors.ts";
import { fail, failSelector } from "./helpers/faults.ts";
import { type InnerStack, innerStack } from "./helpers/inner_stack.ts";
import { reportMode, writeFlags } from "./helpers/mode.ts";
import { Stack } from "./helpers/stack.ts";
import { systemLoad32 } from "./helpers/system_memory.ts";
import { enterTask, taskOfGate } from "./helpers/task.ts";
import { isWideTss } from "./helpers/task_state.ts";

/** Number of RSP. */
const RSP = 4;
const CLEARED = RFLAGS.TF | RFLAGS.NT | RFLAGS.VM | RFLAGS.RF;

export function deliverProtected(cpu: CpuContext, delivery: Delivery): void {
  const offset = checkIdt(cpu, delivery, 8);
  const base = cpu.state.word(STATE.idtrBase);
  const low = systemLoad32(cpu, base, 0, offset);
  const high = systemLoad32(cpu, base, 0, offset + 4);
  const type = (high >>> 8) & 0x1f;
  switch (type) {
    case SYSTEM_TYPE.TASK_GATE:
      checkGateRights(cpu, delivery, high);
      return throughTaskGate(cpu, delivery, gateSelector(low));
    case SYSTEM_TYPE.INTERRUPT_GATE16:
    case SYSTEM_TYPE.TRAP_GATE16:
      checkGateRights(cpu, delivery, high);
      return throughGate(cpu, delivery, low, low & 0xffff, 2, type);
    case SYSTEM_TYPE.INTERRUPT_GATE32:
    case SYSTEM_TYPE.TRAP_GATE32:
      checkGateRights(cpu, delivery, high);
      return throughGate(cpu, delivery, low, gateOffset(low, high), 4, type);
  }
  fail(
    cpu,
    VECTOR.GP,
    idtError(delivery),
    `IDT entry ${delivery.vector} is no interrupt, trap or task gate (type ${type})`,
  );
}

/** The handler is a task; the error code is pushed on its stack. */
function throughTaskGate(cpu: CpuContext, delivery: Delivery, selector: number): void {
  const ext = extOf(delivery);
  const tss = taskOfGate(cpu, selector, ext);
  cpu.faultReason = "switching to the handler's task";
  enterTask(cpu, tss, "interrupt", ext, delivery.ripLow, delivery.flags);
  if (delivery.error === undefined) return;
  const stack = Stack.current(cpu, ext);
  stack.push(isWideTss(tss.attributes) ? 4 : 2, delivery.error);
  stack.commitPointer();
}

function throughGate(
  cpu: CpuContext,
  delivery: Delivery,
  gateLow: number,
  target: number,
  size: number,
  type: number,
): void {
  const { state } = cpu;
  const ext = extOf(delivery);
  const isV86 = state.v86;
  cpu.faultReason = READING_DESCRIPTOR;
  const selector = gateSelector(gateLow);
  const code = checkHandler(cpu, selector, isV86, ext);
  const cpl = code.isConforming ? state.cpl : code.dpl;
  const switches = cpl < state.cpl;
  cpu.faultReason = READING_STACK;
  const inner = switches ? innerStack(cpu, cpl, ext) : undefined;
  const stack = inner?.stack ?? Stack.current(cpu, ext);
  cpu.faultReason = PUSHING_FRAME;
  const words = (switches ? 5 : 3) + (isV86 ? 4 : 0) + (delivery.error === undefined ? 0 : 1);
  stack.reserve(words * size);
  checkTarget(cpu, code, target, 0, ext);
  markAccessed(cpu, code);
  if (inner?.descriptor !== undefined) markAccessed(cpu, inner.descriptor);
  pushFrame(cpu, delivery, stack, size, isV86, switches);

  const before = state.word(STATE.mode);
  const isInterruptGate = (type & 1) === 0;
  setCode(cpu, selector, code, cpl, target, 0);
  writeFlags(cpu, 0, isInterruptGate ? CLEARED | RFLAGS.IF : CLEARED);
  if (isV86) {
    commitNull(cpu, SEG.GS, 0);
    commitNull(cpu, SEG.FS, 0);
    commitNull(cpu, SEG.DS, 0);
    commitNull(cpu, SEG.ES, 0);
  }
  if (inner !== undefined) commitInner(cpu, inner, cpl);
  stack.commitPointer();
  reportMode(cpu, before);
}

function pushFrame(
  cpu: CpuContext,
  delivery: Delivery,
  stack: Stack,
  size: number,
  isV86: boolean,
  switches: boolean,
): void {
  const { state } = cpu;
  if (isV86) {
    stack.push(size, state.selector(SEG.GS));
    stack.push(size, state.selector(SEG.FS));
    stack.push(size, state.selector(SEG.DS));
    stack.push(size, state.selector(SEG.ES));
  }
  if (switches) {
    stack.push(size, state.selector(SEG.SS));
    stack.push(size, state.low(RSP));
  }
  stack.push(size, delivery.flags);
  stack.push(size, state.selector(SEG.CS));
  stack.push(size, delivery.ripLow);
  if (delivery.error !== undefined) stack.push(size, delivery.error);
}

function commitInner(cpu: CpuContext, inner: InnerStack, cpl: number): void {
  commitStackSegment(cpu, (inner.selector & ~3) | cpl, inner.descriptor);
}

/** The gate's code segment: at least as privileged; from virtual-8086 mode exactly ring 0. */
function checkHandler(
  cpu: CpuContext,
  selector: number,
  isV86: boolean,
  ext: number,
): Descriptor {
  if (isNull(selector)) fail(cpu, VECTOR.GP, ext, "the gate's code selector is null");
  const code = readDescriptor(cpu, selector, VECTOR.GP, ext);
  if (!code.isCode) failSelector(cpu, VECTOR.GP, selector, ext, "the gate leads to no code");
  if (code.dpl > cpu.state.cpl) {
    failSelector(cpu, VECTOR.GP, selector, ext, `the gate leads outwards, to DPL ${code.dpl}`);
  }
  if (!code.present) {
    failSelector(cpu, VECTOR.NP, selector, ext, "the handler's code segment is not present");
  }
  if (isV86 && (code.isConforming || code.dpl !== 0)) {
    failSelector(
      cpu,
      VECTOR.GP,
      selector,
      ext,
      "a gate from virtual-8086 mode must lead to ring 0",
    );
  }
  return code;
}
