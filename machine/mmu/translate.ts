/**
 * `translate()`: everything that happens to one virtual address, as data for people. Sets no A or
 * D flag, fills no TLB, raises nothing, takes no time.
 */
import { hex, isCanonical, type PhysAddr } from "../arch/address.ts";
import { PF_ERROR, VECTOR } from "../arch/exceptions.ts";
import { PAGING, PAGING_NAMES, type PagingName } from "../arch/paging.ts";
import { STATE } from "../memory/layout.ts";
import type { PhysicalMemory } from "../memory/physical.ts";
import { ACCESS } from "./access.ts";
import { type PagingState, permits, RIGHTS } from "./paging_state.ts";
import { type SegmentName, type SegmentStep, segmentStep } from "./segment_step.ts";
import {
  type EffectiveRights,
  tableRoot,
  type TableWalk,
  type WalkLevel,
  walkTables,
} from "./tables.ts";
import type { Tlb } from "./tlb.ts";
import { type TlbEntry, tlbEntryFor } from "./tlb_view.ts";

/** Which access to ask about. */
export interface TranslateOptions {
  /** `"read"` by default. */
  readonly access?: "read" | "write" | "execute";
  /** The CPU's current level by default. */
  readonly cpl?: number;
  /** Takes the address as an offset in this segment. */
  readonly segment?: SegmentName;
}

/** The exception that an access would raise. */
export interface TranslationFault {
  readonly vector: number;
  readonly errorCode: number;
  /** A page fault's error code in words, as `PROTECTION_VIOLATION`, `CAUSED_BY_WRITE`, … */
  readonly decoded: readonly string[];
  /** The level whose entry refused; `undefined` when no entry was asked. */
  readonly level: number | undefined;
  readonly reason: string;
}

/** Where the tables, or the whole MMU, send an access. */
export interface TranslationResult {
  readonly physical: PhysAddr | undefined;
  readonly fault: TranslationFault | undefined;
}

/** The answer of {@linkcode translate}. `physical` and `fault` are what the access would meet now. */
export interface Translation extends TranslationResult {
  readonly linear: bigint;
  readonly access: "read" | "write" | "execute";
  readonly cpl: number;
  readonly segment: SegmentStep | undefined;
  readonly mode: PagingName;
  /** The walk through the tables in memory, also when the TLB would answer. */
  readonly levels: readonly WalkLevel[];
  /** Rights and size of the page in the tables. */
  readonly rights: EffectiveRights | undefined;
  readonly pageSize: number | undefined;
  /** Whether the TLB has an entry for the address. */
  readonly tlb: "hit" | "miss";
  readonly tlbEntry: TlbEntry | undefined;
  /** What the tables in memory say, whatever the TLB remembers. */
  readonly tables: TranslationResult;
  /** Whether the TLB answers, and otherwise than the tables would. */
  readonly stale: boolean;
}

/** Names of the error code's bits, as *Writing an OS in Rust* has them. */
const ERROR_NAMES: readonly (readonly [number, string])[] = [
  [PF_ERROR.P, "PROTECTION_VIOLATION"],
  [PF_ERROR.W, "CAUSED_BY_WRITE"],
  [PF_ERROR.U, "USER_MODE"],
  [PF_ERROR.RSVD, "MALFORMED_TABLE"],
  [PF_ERROR.I, "INSTRUCTION_FETCH"],
];

/** A page fault's error code in words. */
export function decodePageFault(errorCode: number): string[] {
  return ERROR_NAMES.filter(([bit]) => (errorCode & bit) !== 0).map(([, name]) => name);
}

/**
 * Follows an address through segment, TLB and tables.
 *
 * @param va Linear address; with `segment`, an offset. Unsigned, up to 2^64 - 1.
 * @throws {RangeError} If `va` is negative, fractional or too large, or `cpl` is not 0 to 3.
 * @throws {TypeError} If `access` or `segment` is unknown.
 */
export function translate(
  memory: PhysicalMemory,
  paging: PagingState,
  tlb: Tlb,
  va: number | bigint,
  options: TranslateOptions,
): Translation {
  const offset = checkAddress(va, paging);
  const { access = "read", cpl = memory.i32[STATE.cpl >> 2] } = options;
  if (access !== "read" && access !== "write" && access !== "execute") {
    throw new TypeError(`Cannot translate for "${access}": not read, write or execute`);
  }
  if (!Number.isInteger(cpl) || cpl < 0 || cpl > 3) {
    throw new RangeError(`Cannot translate for CPL ${cpl}: not 0 to 3`);
  }
  const segment = options.segment === undefined
    ? undefined
    : segmentStep(memory.i32, options.segment, offset, access);
  const linear = segment?.linear ?? offset;
  const bits = (access === "write" ? ACCESS.WRITE : access === "execute" ? ACCESS.FETCH : 0) |
    (cpl === 3 ? ACCESS.USER : 0);

  const root = tableRoot(memory, paging);
  const refusal = segment?.refusal ?? canonicalRefusal(linear);
  const walk: TableWalk = root === undefined || refusal !== undefined
    ? { levels: [], page: undefined, reason: refusal }
    : walkTables(memory, paging, root, linear);
  const tables: TranslationResult = refusal !== undefined
    ? { physical: undefined, fault: protection(options.segment, refusal) }
    : root === undefined
    ? { physical: Number(linear) as PhysAddr, fault: undefined }
    : judge(memory, walk, paging, linear, bits);
  const entry = root === undefined || refusal !== undefined ? undefined : tlbEntryFor(tlb, linear);
  const answers = entry !== undefined && permits(memory.i32, rightsOf(entry), bits) &&
    (access !== "write" || entry.dirty);
  const result: TranslationResult = answers
    ? {
      physical: (entry.physical + Number(linear & BigInt(entry.size - 1))) as PhysAddr,
      fault: undefined,
    }
    : tables;
  const leaf = walk.page === undefined ? undefined : walk.levels.at(-1);
  return {
    linear,
    access,
    cpl,
    segment,
    mode: PAGING_NAMES[paging.mode],
    levels: walk.levels,
    rights: leaf?.rights,
    pageSize: walk.page?.size,
    tlb: entry === undefined ? "miss" : "hit",
    tlbEntry: entry,
    tables,
    stale: answers && result.physical !== tables.physical,
    ...result,
  };
}

/** What a walk means for an access. */
function judge(
  memory: PhysicalMemory,
  walk: TableWalk,
  paging: PagingState,
  linear: bigint,
  access: number,
): TranslationResult {
  const last = walk.levels[walk.levels.length - 1];
  if (walk.page === undefined) {
    const cause = last.flags.present ? PF_ERROR.P | PF_ERROR.RSVD : 0;
    return pageFault(paging.errorCode(cause, access), last.level, walk.reason!);
  }
  const { writable, user, executable } = last.rights;
  const rights = (writable ? RIGHTS.RW : 0) | (user ? RIGHTS.US : 0) |
    (executable ? 0 : RIGHTS.NX);
  if (!permits(memory.i32, rights, access)) {
    const [level, reason] = blame(walk.levels, paging, access);
    return pageFault(paging.errorCode(PF_ERROR.P, access), level, reason);
  }
  const inside = Number(linear & BigInt(walk.page.size - 1));
  return { physical: (walk.page.physical + inside) as PhysAddr, fault: undefined };
}

/** Which level forbids, and by which rule. Only for what is forbidden. */
function blame(
  levels: readonly WalkLevel[],
  paging: PagingState,
  access: number,
): [level: number, reason: string] {
  const leaf = levels[levels.length - 1];
  const name = (level: WalkLevel) => `the ${level.name} at ${hex(level.entryAddress ?? 0)}`;
  const supervisor = levels.find(({ flags }) => !flags.user);
  if ((access & ACCESS.USER) !== 0 && supervisor !== undefined) {
    return [supervisor.level, `${name(supervisor)} is for the supervisor only`];
  }
  const readOnly = levels.find(({ flags }) => !flags.writable);
  if ((access & ACCESS.WRITE) !== 0 && readOnly !== undefined) {
    if ((access & ACCESS.USER) !== 0 || paging.wp) {
      return [readOnly.level, `${name(readOnly)} is read-only`];
    }
  }
  const noExecute = levels.find(({ flags }) => flags.noExecute);
  if ((access & ACCESS.FETCH) !== 0 && noExecute !== undefined && paging.nx) {
    return [noExecute.level, `${name(noExecute)} forbids execution`];
  }
  return [
    leaf.level,
    (access & ACCESS.FETCH) !== 0
      ? "CR4.SMEP keeps the supervisor from executing user pages"
      : "CR4.SMAP keeps the supervisor from user pages while RFLAGS.AC is clear",
  ];
}

function pageFault(errorCode: number, level: number, reason: string): TranslationResult {
  const decoded = decodePageFault(errorCode);
  return { physical: undefined, fault: { vector: VECTOR.PF, errorCode, decoded, level, reason } };
}

function protection(segment: SegmentName | undefined, reason: string): TranslationFault {
  const vector = segment === "ss" ? VECTOR.SS : VECTOR.GP;
  return { vector, errorCode: 0, decoded: [], level: undefined, reason };
}

function canonicalRefusal(linear: bigint): string | undefined {
  return isCanonical(Number(BigInt.asIntN(32, linear >> 32n)))
    ? undefined
    : `${hex(linear)} is not canonical (bits 63:48 must equal bit 47)`;
}

function rightsOf(entry: TlbEntry): number {
  return (entry.writable ? RIGHTS.RW : 0) | (entry.user ? RIGHTS.US : 0) |
    (entry.executable ? 0 : RIGHTS.NX);
}

function checkAddress(va: number | bigint, paging: PagingState): bigint {
  const whole = typeof va === "bigint" || Number.isSafeInteger(va);
  if (!whole || va < 0) {
    throw new RangeError(`Cannot translate ${String(va)}: not a whole number from 0 to 2^64 - 1`);
  }
  const bits = paging.mode === PAGING.LEVEL_4 ? 64n : 32n;
  if (BigInt(va) >= 1n << bits) {
    throw new RangeError(`Cannot translate ${hex(va)}: addresses have ${bits} bits in this mode`);
  }
  return BigInt(va);
}
