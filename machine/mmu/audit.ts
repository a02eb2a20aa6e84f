/** Compares the TLB with the tables in memory: finds the forgotten INVLPG. */
import { PAGING } from "../arch/paging.ts";
import type { PhysicalMemory } from "../memory/physical.ts";
import type { PagingState } from "./paging_state.ts";
import { tableRoot, type TableWalk, walkTables } from "./tables.ts";
import type { Tlb } from "./tlb.ts";
import { tlbEntries, type TlbEntry } from "./tlb_view.ts";

/** In what an entry differs from the tables. */
export type TlbDifference =
  /** The tables map nothing there any more. */
  | "unmapped"
  /** They map another frame. */
  | "physical"
  /** They map it as part of a page of another size. */
  | "size"
  | "writable"
  | "user"
  | "executable"
  | "global"
  /** D was cleared in memory: writes will not set it again. */
  | "dirty"
  /** A was cleared in memory: accesses will not set it again. */
  | "accessed";

/** A stale TLB entry. */
export interface TlbDisagreement {
  readonly entry: TlbEntry;
  readonly differences: readonly TlbDifference[];
  /** What the tables say now. */
  readonly tables: TableWalk;
}

/** The TLB entries that disagree with the tables in memory. */
export function audit(
  memory: PhysicalMemory,
  paging: PagingState,
  tlb: Tlb,
): TlbDisagreement[] {
  const root = tableRoot(memory, paging);
  if (root === undefined) return [];
  const found: TlbDisagreement[] = [];
  for (const entry of tlbEntries(tlb)) {
    const tables = walkTables(memory, paging, root, entry.virtual);
    const differences = compare(entry, tables, paging);
    if (differences.length > 0) found.push({ entry, differences, tables });
  }
  return found;
}

function compare(entry: TlbEntry, tables: TableWalk, paging: PagingState): TlbDifference[] {
  const { page, levels } = tables;
  if (page === undefined) return ["unmapped"];
  const leaf = levels[levels.length - 1];
  const differences: TlbDifference[] = [];
  const note = (differs: boolean, difference: TlbDifference) => {
    if (differs) differences.push(difference);
  };
  const inside = Number(entry.virtual & BigInt(page.size - 1));
  note(page.physical + inside !== entry.physical, "physical");
  note(page.size !== entry.size, "size");
  note(leaf.rights.writable !== entry.writable, "writable");
  note(leaf.rights.user !== entry.user, "user");
  note(paging.mode !== PAGING.BITS_32 && leaf.rights.executable !== entry.executable, "executable");
  note((leaf.flags.global && paging.globalMask !== 0) !== entry.global, "global");
  note(entry.dirty && !leaf.flags.dirty, "dirty");
  note(
    !levels.every(({ flags, entryAddress }) => flags.accessed || entryAddress === undefined),
    "accessed",
  );
  return differences;
}
