/** All of physical memory is mapped at one offset: every frame has an address, always. */
import type { Machine, PhysAddr } from "../../../machine/mod.ts";
import { type AccessName, PageTableAccess, type TablePlace } from "../page_table_access.ts";

/**
 * Reaches tables through a mapping of the complete physical memory.
 *
 * Good: any frame of any address space, with no further work. Bad: the mapping itself needs
 * tables; with 4 KiB pages 1/512 of memory, with 2 MiB pages next to nothing.
 */
export class CompletePhysicalAccess extends PageTableAccess {
  override readonly name: AccessName = "complete-physical";
  /** Where physical address 0 is mapped. */
  readonly offset: bigint;

  constructor(machine: Machine, offset: bigint) {
    super(machine);
    this.offset = offset;
  }

  override frameAddress(frame: PhysAddr): bigint {
    return this.offset + BigInt(frame);
  }

  protected override tableAddress({ frame }: TablePlace): bigint {
    return this.offset + BigInt(frame);
  }
}
