/**
 * Which writes to control registers flush the TLB.
 *
 * | write | flushes |
 * |---|---|
 * | CR0, PG changes | everything (the manual: 1 to 0; from 0 to 1 there is nothing to flush) |
 * | CR3, any value, also the same | all but global pages |
 * | CR4, PGE or PAE changes, SMEP becomes 1, PCIDE becomes 0 | everything |
 * | CR4, PSE changes | everything (as the processors do; the manual lets them) |
 * | CR4, SMAP or anything else; CR0.WP; EFER | nothing |
 * | INVLPG | the entries for that address, global or not |
 * | a page fault | the entries for the address that faulted |
 *
 * CR0.WP, CR4.SMAP and EFER.NXE are looked at in every access, not remembered by TLB entries.
 *
 * @see Intel SDM Vol. 3A, "Operations that Invalidate TLBs and Paging-Structure Caches"
 */
import { CR0, CR4, EFER } from "../arch/control_registers.ts";

/** A register whose write may matter to translation. */
export type PagingRegister = "cr0" | "cr3" | "cr4" | "efer";

/** What a write flushes. */
export type FlushScope = "nothing" | "non-global" | "everything";

/** The scope of the flush that writing `value` over `old` (low words) brings about. */
export function flushScope(register: PagingRegister, old: number, value: number): FlushScope {
  const changed = old ^ value;
  switch (register) {
    case "cr0":
      return (changed & CR0.PG) !== 0 ? "everything" : "nothing";
    case "cr3":
      return "non-global";
    case "cr4":
      return (changed & (CR4.PGE | CR4.PAE | CR4.PSE)) !== 0 ||
          (changed & value & CR4.SMEP) !== 0 || (changed & old & CR4.PCIDE) !== 0
        ? "everything"
        : "nothing";
    case "efer":
      return "nothing";
  }
}

/** Whether the write changes how accesses are translated or judged, flush or no flush. */
export function changesPaging(register: PagingRegister, old: number, value: number): boolean {
  const relevant = {
    cr0: CR0.PG | CR0.WP | CR0.AM,
    cr3: 0,
    cr4: CR4.PSE | CR4.PAE | CR4.PGE | CR4.SMEP | CR4.SMAP,
    efer: EFER.LMA | EFER.NXE,
  }[register];
  return ((old ^ value) & relevant) !== 0;
}
