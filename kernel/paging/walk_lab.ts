/**
 * The example of the chapter on paging, in memory: the walk of 0x803FE7F5CE.
 *
 * ```text
 * CR3 ─► level 4 table   level 3 table   level 2 table   level 1 table   frame
 *        4 KiB           16 KiB          24 KiB          32 KiB          12 KiB
 *        [1] rw ───────► [0] rw ───────► [511] rw ─────► [127] r ──────► 0x3000 + 0x5CE
 *                                                        [0]   rw ─────► 20 KiB
 * ```
 *
 * The picture's two pages are 0x803FE7F000, read-only, and 0x803FE00000.
 */
import {
  type Machine,
  type PhysAddr,
  physAddr,
  type VirtAddr,
  virtAddr,
} from "../../machine/mod.ts";
import { entryOf, PageTableFlags } from "./page_table_flags.ts";

/** The example's numbers. */
export const WALK = {
  ADDRESS: 0x80_3fe7_f5cen,
  /** Physical addresses of the tables and of the frame. */
  LEVEL_4: 0x1000,
  LEVEL_3: 0x4000,
  LEVEL_2: 0x6000,
  LEVEL_1: 0x8000,
  FRAME: 0x3000,
  /** The frame of the second page, 0x803FE00000. */
  SECOND_FRAME: 0x5000,
  /** Keeps the lab's own program, stack and screen mapped: entry 0 of the level 4 table. */
  OWN_LEVEL_3: 0xa000,
  PROGRAM: 0xb000,
} as const;

/** The example, ready to be looked at with `machine.mmu.translate()`. */
export interface WalkLab {
  readonly address: VirtAddr;
  readonly root: PhysAddr;
  /** Indexes by level, from 4 to 1: 1, 0, 511, 127. */
  readonly indexes: readonly number[];
  /** 0x5CE. */
  readonly offset: number;
}

const READ = PageTableFlags.PRESENT;
const WRITE = READ | PageTableFlags.WRITABLE;

/**
 * Builds the example on a machine that runs nothing else, and makes it the active tables. The
 * first GiB stays mapped one to one, so that a program and its stack have a place.
 *
 * The tables are written by stores of the guest. A machine that runs a kernel is no place for
 * it: the lab loads the machine anew.
 */
export function buildWalkLab(machine: Machine): WalkLab {
  // One image over all of the example's places keeps the loader's own tables away from them.
  const image = new Uint8Array(WALK.PROGRAM + 0x1000 - WALK.LEVEL_4);
  image.set([0xf4, 0xeb, 0xfd], WALK.PROGRAM - WALK.LEVEL_4); // hlt; jmp
  machine.load(image, { at: WALK.LEVEL_4, mode: "long", entry: WALK.PROGRAM });
  const { cpu } = machine;
  const enter = (table: number, index: number, address: number, flags: bigint) =>
    cpu.store64(table + 8 * index, entryOf(address, flags));
  const address = virtAddr(WALK.ADDRESS);
  const indexes = [39n, 30n, 21n, 12n].map((shift) => Number(address >> shift & 511n));
  const [i4, i3, i2, i1] = indexes;
  enter(WALK.LEVEL_4, i4, WALK.LEVEL_3, WRITE);
  enter(WALK.LEVEL_3, i3, WALK.LEVEL_2, WRITE);
  enter(WALK.LEVEL_2, i2, WALK.LEVEL_1, WRITE);
  enter(WALK.LEVEL_1, i1, WALK.FRAME, READ);
  enter(WALK.LEVEL_1, 0, WALK.SECOND_FRAME, WRITE);
  enter(WALK.LEVEL_4, 0, WALK.OWN_LEVEL_3, WRITE);
  enter(WALK.OWN_LEVEL_3, 0, 0, WRITE | PageTableFlags.HUGE_PAGE);
  cpu.writeCr3(WALK.LEVEL_4);
  return { address, root: physAddr(WALK.LEVEL_4), indexes, offset: Number(address & 0xfffn) };
}
