/** The TLB's entries as data. */
import type { PhysAddr, VirtAddr } from "../arch/address.ts";
import { RIGHTS } from "./paging_state.ts";
import type { RawTlbEntry, Tlb } from "./tlb.ts";
import { unsigned64 } from "./words.ts";

/** One translation that the CPU remembers. */
export interface TlbEntry {
  /** Address of the page's first byte. */
  readonly virtual: VirtAddr;
  /** In bytes. */
  readonly size: number;
  readonly physical: PhysAddr;
  readonly writable: boolean;
  readonly user: boolean;
  readonly executable: boolean;
  /** D is known to be set in memory: writes need no walk. */
  readonly dirty: boolean;
  readonly global: boolean;
}

/** All entries, in the order of their places. */
export function tlbEntries(tlb: Tlb): TlbEntry[] {
  return Array.from(tlb.entries(), toData);
}

/** The entry that answers for a linear address. */
export function tlbEntryFor(tlb: Tlb, linear: bigint): TlbEntry | undefined {
  const low = Number(BigInt.asIntN(32, linear));
  const high = Number(BigInt.asIntN(32, linear >> 32n));
  const found = tlb.find(low, high);
  return found < 0 ? undefined : toData(tlb.entry(found));
}

function toData(entry: RawTlbEntry): TlbEntry {
  return {
    virtual: unsigned64(entry.low, entry.high) as VirtAddr,
    size: 2 ** entry.shift,
    physical: (entry.frame * 0x1000) as PhysAddr,
    writable: (entry.rights & RIGHTS.RW) !== 0,
    user: (entry.rights & RIGHTS.US) !== 0,
    executable: (entry.rights & RIGHTS.NX) === 0,
    dirty: (entry.rights & RIGHTS.D) !== 0,
    global: (entry.rights & RIGHTS.G) !== 0,
  };
}
