/**
 * Gates: doors to code at another privilege. Eight bytes; sixteen in long mode.
 *
 * ```text
 *  31                  16 15 14 13 12 11    8 7   5 4          0
 * ┌──────────────────────┬──┬─────┬──┬───────┬─────┬────────────┐
 * │     offset 31:16     │ P│ DPL │ 0│ type  │  0  │ count / IST│ +4
 * ├──────────────────────┼──┴─────┴──┴───────┴─────┴────────────┤
 * │       selector       │             offset 15:0              │ +0
 * └──────────────────────┴──────────────────────────────────────┘
 *   +8: offset 63:32, +12: 0 (long mode)
 * ```
 *
 * The count is a call gate's number of parameters, IST (bits 2:0) a long-mode interrupt or trap
 * gate's stack; a task gate has no offset.
 *
 * @see Intel SDM Vol. 3A, "Call Gates", "IDT Descriptors", "64-Bit Mode IDT"
 */
import { SYSTEM_TYPE } from "./descriptor.ts";

/** Low word of the offset: bits 31:0, int32. */
export function gateOffset(low: number, high: number): number {
  return (low & 0xffff) | (high & 0xffff_0000);
}

/** The selector of the code segment, or of the TSS. */
export function gateSelector(low: number): number {
  return low >>> 16;
}

/** A gate in words, for people. */
export interface Gate {
  readonly kind: "interrupt" | "trap" | "call" | "task";
  /** Width of the frame that it pushes: 2, 4 or 8. */
  readonly size: 2 | 4 | 8;
  readonly selector: number;
  readonly offset: bigint;
  readonly dpl: number;
  readonly present: boolean;
  /** 0: none; 1–7: the stack of the interrupt stack table (long mode). */
  readonly istField: number;
  /** Parameters that a call gate copies. */
  readonly parameters: number;
}

const KINDS: Readonly<Record<number, readonly [Gate["kind"], 2 | 4]>> = {
  [SYSTEM_TYPE.CALL_GATE16]: ["call", 2],
  [SYSTEM_TYPE.TASK_GATE]: ["task", 4],
  [SYSTEM_TYPE.INTERRUPT_GATE16]: ["interrupt", 2],
  [SYSTEM_TYPE.TRAP_GATE16]: ["trap", 2],
  [SYSTEM_TYPE.CALL_GATE32]: ["call", 4],
  [SYSTEM_TYPE.INTERRUPT_GATE32]: ["interrupt", 4],
  [SYSTEM_TYPE.TRAP_GATE32]: ["trap", 4],
};

/**
 * Takes a gate apart.
 *
 * @param upper The upper eight bytes in long mode, else `undefined`.
 * @returns `undefined` if the type is not that of a gate (in long mode: of a 64-bit one).
 */
export function decodeGate(value: bigint, upper?: bigint): Gate | undefined {
  const low = Number(value & 0xffff_ffffn);
  const high = Number(value >> 32n & 0xffff_ffffn);
  const long = upper !== undefined;
  const known = (high & (1 << 12)) === 0 ? KINDS[(high >>> 8) & 15] : undefined;
  if (known === undefined || (long && (known[1] !== 4 || known[0] === "task"))) return undefined;
  const [kind, size] = known;
  const narrow = BigInt(gateOffset(low, high) >>> 0);
  return {
    kind,
    size: long ? 8 : size,
    selector: gateSelector(low),
    offset: kind === "task"
      ? 0n
      : long
      ? narrow | (upper & 0xffff_ffffn) << 32n
      : size === 2
      ? narrow & 0xffffn
      : narrow,
    dpl: (high >>> 13) & 3,
    present: (high & (1 << 15)) !== 0,
    istField: long && kind !== "call" ? high & 7 : 0,
    parameters: kind === "call" && !long ? high & 31 : 0,
  };
}

/** What {@linkcode encodeGate} needs; what is left out is 0, but `present`: true. */
export type GateFields = Pick<Gate, "kind" | "size" | "selector"> & Partial<Gate>;

/**
 * Puts a gate together.
 *
 * @returns Its low and upper eight bytes; `upper` belongs to the table only when `size` is 8.
 *
 * @example An interrupt gate of long mode
 * ```ts
 * import { encodeGate } from "./gate.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * const gate = encodeGate({
 *   kind: "interrupt", size: 8, selector: 8, offset: 0xffff_8000_1234_5678n, istField: 1,
 * });
 * deepStrictEqual(gate, { low: 0x1234_8e01_0008_5678n, upper: 0xffff_8000n });
 * ```
 */
export function encodeGate(fields: GateFields): { readonly low: bigint; readonly upper: bigint } {
  const { kind, size, selector, offset = 0n, dpl = 0, present = true } = fields;
  const type = kind === "task"
    ? SYSTEM_TYPE.TASK_GATE
    : { call: 4, interrupt: 6, trap: 7 }[kind] | (size === 2 ? 0 : 8);
  const count = kind === "call" ? fields.parameters ?? 0 : fields.istField ?? 0;
  const high = (count & 31) | type << 8 | (dpl & 3) << 13 | (present ? 1 << 15 : 0);
  const low = (offset & 0xffffn) | BigInt(selector & 0xffff) << 16n | BigInt(high) << 32n |
    (offset >> 16n & 0xffffn) << 48n;
  return { low, upper: offset >> 32n & 0xffff_ffffn };
}
