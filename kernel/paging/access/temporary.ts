/**
 * Frames are mapped for as long as they are needed, through one level 1 table that maps itself.
 *
 * ```text
 * level 1 table      page of the region
 *   slot 0           0x…0000  ──► any frame
 *   slot 1           0x…1000  ──► any frame
 *   slot 8 (itself)  0x…8000  ──► the level 1 table: where slots are written
 *   …
 *   slot 511         0x…1ff000
 * ```
 */
import type { Machine, PhysAddr } from "../../../machine/mod.ts";
import { type AccessName, PageTableAccess, type TablePlace } from "../page_table_access.ts";
import { addressOf, entryOf, isPresent, PageTableFlags } from "../page_table_flags.ts";

/** Where the 512 pages are, by default. */
export const TEMPORARY_REGION = 0xffff_ff00_0000_0000n;

/** The slot that maps the level 1 table itself, by default: that of the chapter's picture. */
export const TEMPORARY_SELF = 8;

/** Slots that are left for frames. */
export const TEMPORARY_SLOTS = 511;

const FLAGS = PageTableFlags.PRESENT | PageTableFlags.WRITABLE;

/**
 * Reaches tables through temporary mappings.
 *
 * Good: 4 KiB of physical memory for all of it. Bad: laborious. Before each access the slot is
 * looked at, and where it held another frame it is rewritten and flushed.
 *
 * A frame always goes to the slot that its number modulo 511 gives, so that nothing has to be
 * remembered but the table.
 */
export class TemporaryAccess extends PageTableAccess {
  override readonly name: AccessName = "temporary";
  readonly region: bigint;
  readonly self: number;

  constructor(machine: Machine, region = TEMPORARY_REGION, self = TEMPORARY_SELF) {
    super(machine);
    this.region = region;
    this.self = self;
  }

  override frameAddress(frame: PhysAddr): bigint {
    const number = Math.floor(frame / 0x1000) % TEMPORARY_SLOTS;
    const slot = number < this.self ? number : number + 1;
    const page = this.region + BigInt(slot * 0x1000);
    const slotAddress = this.region + BigInt(this.self * 0x1000 + slot * 8);
    const entry = this.loadWord(slotAddress);
    if (!isPresent(entry) || addressOf(entry) !== frame) {
      this.storeWord(slotAddress, entryOf(frame, FLAGS));
      if (isPresent(entry)) this.invalidate(page);
    }
    return page;
  }

  protected override tableAddress({ frame }: TablePlace): bigint {
    return this.frameAddress(frame);
  }
}
