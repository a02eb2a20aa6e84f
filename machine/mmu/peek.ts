/** Host access through the page tables: ignores rights, sets nothing, never faults. */
import { hex, type PhysAddr, truncateToVirtAddr, tryVirtAddr, virtAddr } from "../arch/address.ts";
import { PAGING } from "../arch/paging.ts";
import type { PhysicalMemory } from "../memory/physical.ts";
import type { PagingState } from "./paging_state.ts";
import { tableRoot, walkTables } from "./tables.ts";

/**
 * Where the tables map an address to.
 *
 * @returns `undefined` when they do not map it.
 * @throws {RangeError} If it is no canonical address.
 */
export function virtualToPhysical(
  memory: PhysicalMemory,
  paging: PagingState,
  va: number | bigint,
): PhysAddr | undefined {
  const linear = virtAddr(va);
  if (paging.mode !== PAGING.LEVEL_4 && linear >= 1n << 32n) return undefined;
  const root = tableRoot(memory, paging);
  if (root === undefined) return Number(linear) as PhysAddr;
  const { page } = walkTables(memory, paging, root, linear);
  if (page === undefined) return undefined;
  return (page.physical + Number(linear & BigInt(page.size - 1))) as PhysAddr;
}

/**
 * Copies bytes out.
 *
 * @throws {RangeError} If the range leaves the address space or a page of it is not mapped.
 */
export function peekVirtual(
  memory: PhysicalMemory,
  paging: PagingState,
  va: number | bigint,
  length: number,
): Uint8Array {
  const bytes = new Uint8Array(checkLength(length));
  for (const [at, physical, count] of pieces(memory, paging, va, length, "read")) {
    bytes.set(memory.peek(physical, count), at);
  }
  return bytes;
}

/**
 * Puts bytes in; all or nothing.
 *
 * @throws {RangeError} Like {@linkcode peekVirtual}, and if a page is not mapped to RAM or ROM.
 */
export function pokeVirtual(
  memory: PhysicalMemory,
  paging: PagingState,
  va: number | bigint,
  bytes: Uint8Array,
): void {
  const all = [...pieces(memory, paging, va, bytes.length, "write")];
  for (const [, physical, count] of all) {
    if (physical + count > memory.ramSize) {
      throw new RangeError(`Cannot write ${count} bytes at ${hex(physical)}: no memory there`);
    }
  }
  for (const [at, physical, count] of all) {
    memory.poke(physical, bytes.subarray(at, at + count));
  }
}

/** Splits a range at pages: offset in the range, physical address, count. */
function* pieces(
  memory: PhysicalMemory,
  paging: PagingState,
  va: number | bigint,
  length: number,
  verb: string,
): Generator<[at: number, physical: PhysAddr, count: number]> {
  const start = virtAddr(va);
  for (let at = 0; at < length;) {
    const address = start + BigInt(at);
    const physical = tryVirtAddr(address) === undefined
      ? undefined
      : virtualToPhysical(memory, paging, truncateToVirtAddr(address));
    if (physical === undefined) {
      throw new RangeError(
        `Cannot ${verb} ${length} bytes at ${hex(start)}: ${hex(address)} is not mapped`,
      );
    }
    const count = Math.min(length - at, 0x1000 - (physical & 0xfff));
    yield [at, physical, count];
    at += count;
  }
}

function checkLength(length: number): number {
  if (!Number.isInteger(length) || length < 0 || length > 2 ** 30) {
    throw new RangeError(`Cannot read ${length} bytes: not a whole number from 0 to 2^30`);
  }
  return length;
}
