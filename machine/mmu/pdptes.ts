/** PAE's four PDPTE registers. @see Intel SDM Vol. 3A, "PDPTE Registers" */
import { PDPTE_RESERVED_HIGH, PDPTE_RESERVED_LOW, PTE } from "../arch/paging.ts";
import { STATE } from "../memory/layout.ts";
import type { PhysicalMemory } from "../memory/physical.ts";

/**
 * Loads the registers from memory, all or none.
 *
 * @param cr3 CR3's low word.
 * @returns False when a present entry has a reserved bit set.
 */
export function loadPdptes(memory: PhysicalMemory, cr3: number): boolean {
  const table = cr3 & ~0x1f;
  for (let i = 0; i < 4; i++) {
    const low = memory.read32(table + i * 8, 0);
    const high = memory.read32(table + i * 8 + 4, 0);
    if ((low & PTE.P) === 0) continue;
    if ((low & PDPTE_RESERVED_LOW) !== 0 || (high & PDPTE_RESERVED_HIGH) !== 0) return false;
  }
  for (let word = 0; word < 8; word++) {
    memory.i32[(STATE.pdpte >> 2) + word] = memory.read32(table + word * 4, 0);
  }
  return true;
}
