/**
 * Delivery of exceptions and interrupts, and what happens when a delivery fails.
 *
 * 1. `deliverException` takes the fault that is noted in the state block (a page fault's address
 *    goes to CR2) and delivers it at `STATE.rip`.
 * 2. When the delivery itself faults, the two are combined by the double-fault table: the
 *    second one alone, #DF, or shutdown.
 * 3. Shutdown is a {@linkcode TripleFault} with the whole chain.
 *
 * Before each attempt an `exception` (or `interrupt`) event is emitted.
 *
 * **Not modelled:** the redirection of INT n in virtual-8086 mode (CR4.VME) and PVI, which CPUID
 * does not offer.
 */
import { hex } from "../arch/address.ts";
import { GUEST_FAULT, PF_ERROR, VECTOR } from "../arch/exceptions.ts";
import { RFLAGS } from "../arch/rflags.ts";
import { MODE, STATE } from "../memory/layout.ts";
import type { CpuContext } from "./context.ts";
import { combineFaults } from "./double_fault.ts";
import { deliver } from "./deliver.ts";

/** One exception whose delivery failed. */
export interface FailedDelivery {
  readonly vector: number;
  readonly errorCode: number | undefined;
  /** Of a page fault: the address that could not be accessed. */
  readonly address: bigint | undefined;
  /** The return address that would have been pushed. */
  readonly rip: bigint;
  /** Why it could not be delivered, in words. */
  readonly why: string;
}

/** Shutdown: a fault during the delivery of #DF. The first link is where it all began. */
export interface TripleFault {
  readonly chain: readonly FailedDelivery[];
}

/** An exception or interrupt on its way. */
interface Pending {
  readonly vector: number;
  readonly kind: "exception" | "irq" | "nmi" | "int";
  readonly error: number | undefined;
  readonly address: bigint | undefined;
}

/** DR7.GD, which the delivery of #DB clears. */
const DR7 = STATE.dr + 7 * 8;
const DR7_GD = 1 << 13;

/**
 * Benign faults (#AC on a handler's own stack) could follow each other for ever, as on silicon;
 * here the chain ends.
 */
const LONGEST_CHAIN = 16;

/**
 * Delivers the exception that the state block notes (`faultVector`, `faultHasError`,
 * `faultError`, `faultAddress`) at `STATE.rip`.
 *
 * @returns What happened if the CPU has shut down.
 */
export function deliverException(cpu: CpuContext): TripleFault | undefined {
  return run(cpu, pendingFault(cpu));
}

/**
 * Delivers an interrupt between two instructions, with `STATE.rip` as the return address.
 *
 * @param source "int": as by INT n, with the gate's privilege check.
 */
export function deliverInterrupt(
  cpu: CpuContext,
  vector: number,
  source: "irq" | "nmi" | "int",
): TripleFault | undefined {
  return run(cpu, { vector, kind: source, error: undefined, address: undefined });
}

function run(cpu: CpuContext, first: Pending): TripleFault | undefined {
  let pending = first;
  let chain: FailedDelivery[] | undefined;
  for (;;) {
    report(cpu, pending);
    if (attempt(cpu, pending)) return undefined;
    const second = pendingFault(cpu);
    chain ??= [];
    chain.push({
      vector: pending.vector,
      errorCode: pending.error,
      address: pending.address,
      rip: currentRip(cpu),
      why: explain(cpu, second),
    });
    const outcome = pending.kind === "exception"
      ? combineFaults(pending.vector, second.vector)
      : "serial";
    if (outcome === "shutdown" || chain.length === LONGEST_CHAIN) {
      if (second.address !== undefined) writeCr2(cpu);
      cpu.faultReason = undefined;
      return { chain };
    }
    if (outcome === "double") {
      if (second.address !== undefined) writeCr2(cpu);
      cpu.faultReason = chain.at(-1)!.why;
      pending = { vector: VECTOR.DF, kind: "exception", error: 0, address: undefined };
    } else {
      cpu.faultReason = chain.at(-1)!.why;
      pending = second;
    }
  }
}

/** Tries to deliver. @returns False when that faulted; the state block says how. */
function attempt(cpu: CpuContext, pending: Pending): boolean {
  const { state } = cpu;
  const { vector, kind, error } = pending;
  const { flags } = state;
  try {
    deliver(cpu, {
      vector,
      isSoftware: kind === "int",
      error,
      ripLow: state.word(STATE.rip),
      ripHigh: state.word(STATE.rip + 4),
      flags: kind === "exception" && isFault(vector) ? flags | RFLAGS.RF : flags,
    });
  } catch (thrown) {
    if (thrown !== GUEST_FAULT) throw thrown;
    state.setWord(STATE.ripSettled, 0);
    return false;
  }
  state.setWord(STATE.halted, 0);
  if (kind === "nmi") state.setWord(STATE.nmiBlocked, 1);
  if (kind === "exception" && vector === VECTOR.DB) {
    state.setWord(DR7, state.word(DR7) & ~DR7_GD);
  }
  return true;
}

/** Whether RF is set in the saved RFLAGS: all but #DB, which decides by itself, and the traps. */
function isFault(vector: number): boolean {
  return vector !== VECTOR.DB && vector !== VECTOR.BP && vector !== VECTOR.OF;
}

/** The fault that the state block notes. */
function pendingFault(cpu: CpuContext): Pending {
  const { state } = cpu;
  const vector = state.word(STATE.faultVector);
  const isReal = (state.word(STATE.mode) & MODE.PROTECTED) === 0;
  return {
    vector,
    kind: "exception",
    error: state.word(STATE.faultHasError) !== 0 && !isReal
      ? state.word(STATE.faultError)
      : undefined,
    address: vector === VECTOR.PF ? pair(cpu, STATE.faultAddress) : undefined,
  };
}

function report(cpu: CpuContext, pending: Pending): void {
  const { vector, kind, error, address } = pending;
  const rip = currentRip(cpu);
  if (kind !== "exception") {
    cpu.events.emit("interrupt", { vector, source: kind, rip });
    return;
  }
  if (vector === VECTOR.PF) writeCr2(cpu);
  const reason = cpu.faultReason;
  cpu.faultReason = undefined;
  cpu.events.emit("exception", { vector, errorCode: error, rip, address, reason });
}

function writeCr2(cpu: CpuContext): void {
  const { state } = cpu;
  state.setPair(STATE.cr2, state.word(STATE.faultAddress), state.word(STATE.faultAddress + 4));
}

/** What went wrong, from the progress note and the fault. */
function explain(cpu: CpuContext, fault: Pending): string {
  const what = cpu.faultReason ?? "the delivery";
  if (fault.address !== undefined) {
    return `${what} faulted: ${explainPageFault(fault.address, fault.error ?? 0)}`;
  }
  const code = fault.error === undefined ? "" : `(${hex(fault.error)})`;
  return `${what}: #${NAMES.get(fault.vector) ?? fault.vector}${code}`;
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(VECTOR).map(([name, vector]) => [vector, name]),
);

function explainPageFault(address: bigint, error: number): string {
  const problem = (error & PF_ERROR.P) === 0
    ? "not present"
    : (error & PF_ERROR.RSVD) !== 0
    ? "mapped with a reserved bit set"
    : (error & PF_ERROR.W) !== 0
    ? "not writable"
    : "not accessible";
  return `the page of ${hex(address)} is ${problem} (#PF)`;
}

function currentRip(cpu: CpuContext): bigint {
  return pair(cpu, STATE.rip);
}

function pair(cpu: CpuContext, offset: number): bigint {
  const { state } = cpu;
  return BigInt(state.word(offset + 4) >>> 0) << 32n | BigInt(state.word(offset) >>> 0);
}
