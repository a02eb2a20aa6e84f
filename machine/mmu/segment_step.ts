/**
 * Segmentation's part of a translation, as data. The CPU does this itself; here the cached
 * segment registers are only read.
 *
 * @see Intel SDM Vol. 3A, "Limit Checking", "Type Checking", "Segmentation in IA-32e Mode"
 */
import { hex } from "../arch/address.ts";
import { CR0, EFER } from "../arch/control_registers.ts";
import { RFLAGS } from "../arch/rflags.ts";
import { SEG, SEGMENT, SEGMENT_BYTES, STATE } from "../memory/layout.ts";
import { unsigned64 } from "./words.ts";

/** A segment register that addresses can be relative to. */
export type SegmentName = "es" | "cs" | "ss" | "ds" | "fs" | "gs";

/** What segmentation makes of an offset. */
export interface SegmentStep {
  readonly name: SegmentName;
  readonly selector: number;
  readonly base: bigint;
  /** In bytes; `undefined` in 64-bit mode, where limits do not count. */
  readonly limit: number | undefined;
  /** As in the state block, see `SEGMENT`. */
  readonly attributes: number;
  readonly offset: bigint;
  readonly linear: bigint;
  /** Why the segment refuses the access, in words. */
  readonly refusal: string | undefined;
}

const ATTRIBUTE = { WRITE_OR_READ: 1 << 1, EXPAND_DOWN: 1 << 2, CODE: 1 << 3, P: 1 << 7 } as const;
const LONG_CODE = 1 << 13;
const DEFAULT_BIG = 1 << 14;

/**
 * Applies a segment register to an offset.
 *
 * @throws {TypeError} If there is no such register.
 */
export function segmentStep(
  i32: Int32Array,
  name: SegmentName,
  offset: bigint,
  access: "read" | "write" | "execute",
): SegmentStep {
  const index = SEG[String(name).toUpperCase() as "ES"];
  if (index === undefined || index > SEG.GS) {
    throw new TypeError(`Cannot translate through "${name}": the segments are es cs ss ds fs gs`);
  }
  const at = (STATE.segments + index * SEGMENT_BYTES) >> 2;
  const selector = i32[at + (SEGMENT.selector >> 2)] & 0xffff;
  const attributes = i32[at + (SEGMENT.attributes >> 2)];
  const base = unsigned64(i32[at + (SEGMENT.base >> 2)], i32[at + (SEGMENT.base >> 2) + 1]);
  const limit = i32[at + (SEGMENT.limit >> 2)] >>> 0;
  const common = { name, selector, attributes, offset };
  if (isLongCode(i32)) {
    const used = name === "fs" || name === "gs" ? base : 0n;
    const linear = BigInt.asUintN(64, used + offset);
    return { ...common, base: used, limit: undefined, linear, refusal: undefined };
  }
  const linear = BigInt.asUintN(32, base + offset);
  const refusal = typeRefusal(i32, attributes, access) ?? limitRefusal(attributes, limit, offset);
  return { ...common, base, limit, linear, refusal };
}

/** Whether the CPU executes 64-bit code. */
export function isLongCode(i32: Int32Array): boolean {
  const at = STATE.segments + SEG.CS * SEGMENT_BYTES + SEGMENT.attributes;
  return (i32[STATE.efer >> 2] & EFER.LMA) !== 0 && (i32[at >> 2] & LONG_CODE) !== 0;
}

function typeRefusal(i32: Int32Array, attributes: number, access: string): string | undefined {
  const real = (i32[STATE.cr0 >> 2] & CR0.PE) === 0 ||
    (i32[STATE.flagsRest >> 2] & RFLAGS.VM) !== 0;
  if (real) return undefined;
  if ((attributes & ATTRIBUTE.P) === 0) return "the selector is null";
  const code = (attributes & ATTRIBUTE.CODE) !== 0;
  const allowed = (attributes & ATTRIBUTE.WRITE_OR_READ) !== 0;
  if (access === "execute") return code ? undefined : "the segment holds data, not code";
  if (access === "write") return code || !allowed ? "the segment is not writable" : undefined;
  return code && !allowed ? "the segment is execute-only" : undefined;
}

function limitRefusal(attributes: number, limit: number, offset: bigint): string | undefined {
  const down = (attributes & (ATTRIBUTE.CODE | ATTRIBUTE.EXPAND_DOWN)) === ATTRIBUTE.EXPAND_DOWN;
  if (!down) return offset > limit ? `the offset is beyond the limit ${hex(limit)}` : undefined;
  const top = (attributes & DEFAULT_BIG) !== 0 ? 0xffff_ffff : 0xffff;
  return offset <= limit || offset > top
    ? `the offset is not between the limit ${hex(limit)} and ${hex(top)} (expand-down)`
    : undefined;
}
