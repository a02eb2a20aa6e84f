/**
 * ModRM, SIB and displacement.
 *
 * ```text
 *  7 6 5   3 2  0     7   6 5   3 2  0
 * ┌───┬─────┬────┐   ┌─────┬─────┬────┐
 * │mod│ reg │ rm │   │scale│index│base│   SIB: when mod ≠ 3 and rm = 4
 * └───┴─────┴────┘   └─────┴─────┴────┘
 * ```
 */

import { SEG } from "../../memory/layout.ts";
import type { Cursor } from "./cursor.ts";
import { RIP_BASE } from "./instruction.ts";

const RBX = 3;
const RSP = 4;
const RBP = 5;
const RSI = 6;
const RDI = 7;

/** Base and index of 16-bit addressing by rm. rm 6 is a bare 16-bit displacement when mod is 0. */
const BASES_16 = [RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX];
const INDICES_16 = [RSI, RDI, RSI, RDI, -1, -1, -1, -1];
const SCALES = [1, 2, 4, 8] as const;

/** Reads ModRM and all that belongs to it, unless it has been read. */
export function readModRm(c: Cursor): void {
  if (c.hasModRm) return;
  readModRmByte(c);
  if (c.mod === 3) return;
  if (c.addressSize === 2) readMemory16(c);
  else readMemory(c);
}

/** Reads the ModRM byte alone: MOV to and from control registers ignore `mod`. */
export function readModRmByte(c: Cursor): void {
  const byte = c.u8();
  c.hasModRm = true;
  c.mod = byte >> 6;
  c.reg = byte >> 3 & 7;
  c.rm = byte & 7;
}

function readMemory16(c: Cursor): void {
  if (c.mod === 0 && c.rm === 6) {
    c.displacement = c.s16();
  } else {
    c.base = BASES_16[c.rm];
    c.index = INDICES_16[c.rm];
    if (c.mod === 1) c.displacement = c.s8();
    else if (c.mod === 2) c.displacement = c.s16();
  }
  c.segment = segmentFor(c, c.base === RBP);
}

function readMemory(c: Cursor): void {
  let base = c.rm;
  if (base === 4) {
    const sib = c.u8();
    base = sib & 7;
    // REX.X makes index 4 a register: R12.
    const index = sib >> 3 & 7 | c.rexX;
    if (index !== RSP) {
      c.index = index;
      c.scale = SCALES[sib >> 6];
    }
    if (base === 5 && c.mod === 0) {
      c.displacement = c.s32();
    } else {
      c.base = base | c.rexB;
    }
  } else if (base === 5 && c.mod === 0) {
    c.displacement = c.s32();
    if (c.is64) c.base = RIP_BASE;
  } else {
    c.base = base | c.rexB;
  }
  if (c.mod === 1) c.displacement = c.s8();
  else if (c.mod === 2) c.displacement = c.s32();
  c.segment = segmentFor(c, c.base === RSP || c.base === RBP);
}

function segmentFor(c: Cursor, stack: boolean): number {
  if (c.segmentOverride >= 0) return c.segmentOverride;
  return stack ? SEG.SS : SEG.DS;
}
