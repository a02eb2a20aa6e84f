/** The TLB as a table; what the tables in memory no longer say is marked. */
import { hex } from "../arch/address.ts";
import type { TlbDisagreement } from "../mmu/audit.ts";
import type { TlbEntry } from "../mmu/tlb_view.ts";
import type { Grid } from "./grid.ts";
import { rightsText, sizeText } from "./walk.ts";

/**
 * Lists what the TLB holds, in ascending order of address.
 *
 * @param stale The entries that disagree with the tables: `machine.mmu.audit()`.
 */
export function tlbGrid(entries: readonly TlbEntry[], stale: readonly TlbDisagreement[]): Grid {
  const byPage = new Map(stale.map((found) => [found.entry.virtual, found]));
  const sorted = [...entries].sort((a, b) => a.virtual < b.virtual ? -1 : 1);
  return {
    title: `TLB: ${entries.length} ${
      entries.length === 1 ? "entry" : "entries"
    }, ${stale.length} stale`,
    columns: ["page", "frame", "size", "rights", "", "tables in memory"],
    rows: sorted.map((entry) => {
      const found = byPage.get(entry.virtual);
      const flags = [entry.dirty ? "D" : "", entry.global ? "G" : ""].join(" ").trim();
      return {
        cells: [
          hex(entry.virtual),
          hex(entry.physical),
          sizeText(entry.size),
          rightsText(entry),
          flags,
          found === undefined ? "agree" : truth(found),
        ],
        ...(found === undefined ? {} : { tone: "red" as const }),
      };
    }),
  };
}

function truth({ differences, tables: { page, levels } }: TlbDisagreement): string {
  if (page === undefined) return "nothing is mapped";
  const told = differences.map((difference) => {
    if (difference === "physical") return `frame ${hex(page.physical)}`;
    if (difference === "size") return sizeText(page.size);
    if (difference === "dirty" || difference === "accessed") return `not ${difference}`;
    const leaf = levels[levels.length - 1];
    if (difference === "global") return leaf.flags.global ? "global" : "not global";
    return leaf.rights[difference as "writable"] ? difference : `not ${difference}`;
  });
  return told.join(", ");
}
