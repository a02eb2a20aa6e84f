/** INS and OUTS: one element per visit; while rCX is not 0, a repeated one comes back. */
import { SEG } from "../../memory/layout.ts";
import { ACCESS } from "../../mmu/access.ts";
import type { CpuContext, Helper } from "../context.ts";
import { ioPermission, portIn, portOut } from "./io.ts";
import { finish } from "./strings.ts";
import {
  advance,
  counter,
  isUpward,
  linearHigh,
  linearLow,
  RCX,
  RDI,
  RSI,
} from "./strings_address.ts";
import { accessFor, loadElement, storeElement } from "./strings_memory.ts";

const RDX = 2;

/** The destination is checked before the port is read: a fault must not lose what it gave. */
function insert(
  cpu: CpuContext,
  size: number,
  addressSize: number,
  _segment: number,
  repeated: number,
): void {
  const { state, mmu } = cpu;
  if (repeated !== 0 && counter(state, addressSize) === 0) return finish(cpu);
  const port = state.low(RDX) & 0xffff;
  ioPermission(cpu, port, size);
  const low = linearLow(cpu, SEG.ES, RDI, addressSize, size, true);
  const high = linearHigh(state, SEG.ES, RDI, addressSize);
  const access = accessFor(state, SEG.ES);
  mmu.probe(low, high, size, access | ACCESS.WRITE);
  storeElement(cpu, size, low, high, portIn(cpu, port, size), 0, access);
  transferred(cpu, RDI, size, addressSize, repeated !== 0);
}

function output(
  cpu: CpuContext,
  size: number,
  addressSize: number,
  segment: number,
  repeated: number,
): void {
  const { state } = cpu;
  if (repeated !== 0 && counter(state, addressSize) === 0) return finish(cpu);
  const port = state.low(RDX) & 0xffff;
  ioPermission(cpu, port, size);
  const low = linearLow(cpu, segment, RSI, addressSize, size, false);
  const high = linearHigh(state, segment, RSI, addressSize);
  portOut(cpu, port, size, loadElement(cpu, size, low, high, accessFor(state, segment)));
  transferred(cpu, RSI, size, addressSize, repeated !== 0);
}

function transferred(
  cpu: CpuContext,
  index: number,
  size: number,
  addressSize: number,
  repeated: boolean,
): void {
  const { state } = cpu;
  advance(state, index, addressSize, isUpward(state) ? size : -size);
  if (repeated) {
    advance(state, RCX, addressSize, -1);
    if (counter(state, addressSize) !== 0) return;
  }
  finish(cpu);
}

export const stringPortHelpers = { insert, output } satisfies Record<string, Helper>;
