/**
 * One entry of the level 4 table points to the table itself.
 *
 * A walk that goes through it once ends one level early, at a level 1 table instead of a page;
 * twice, at a level 2 table; and so on:
 *
 * ```text
 *                  bits  47:39  38:30  29:21  20:12
 * page                    i4     i3     i2     i1
 * its level 1 table       R      i4     i3     i2
 * its level 2 table       R      R      i4     i3
 * its level 3 table       R      R      R      i4
 * the level 4 table       R      R      R      R
 * ```
 *
 * Another address space is visited by pointing our recursive entry to its level 4 table. Then our
 * own tables are out of reach, so our level 4 table is put behind the scratch page before, to find
 * the way back.
 */
import { type Machine, type PhysAddr, truncateToVirtAddr } from "../../../machine/mod.ts";
import type { FrameAllocator } from "../../memory.ts";
import { type AccessName, PageTableAccess, type TablePlace } from "../page_table_access.ts";
import { ENTRY_COUNT, type Level, tableIndex } from "../page.ts";
import { entryOf, type Flags, PageTableFlags } from "../page_table_flags.ts";

/** The recursive entry, by default: the last. */
export const RECURSIVE_INDEX = 511;

const FLAGS = PageTableFlags.PRESENT | PageTableFlags.WRITABLE;

/** The address at which a recursive entry shows the table of a level on the way to an address. */
export function recursiveTableAddress(address: bigint, level: Level, recursive: number): bigint {
  let result = BigInt.asUintN(48, address) >> BigInt(9 * level) & ~0xfffn;
  for (let i = 0; i < level; i++) result |= BigInt(recursive) << BigInt(39 - 9 * i);
  return truncateToVirtAddr(result);
}

/**
 * Reaches tables through a recursive entry.
 *
 * Good: one entry and no further memory. Bad: 512 GiB of addresses are gone; entries that lead to
 * tables must be writable, since tables are pages; and only the active address space is in reach: a
 * visit to another one costs two reloads of CR3.
 */
export class RecursiveAccess extends PageTableAccess {
  override readonly name: AccessName = "recursive";
  /** To write a table is to write a page behind its entry. */
  override readonly parentFlags = FLAGS;
  readonly index: number;
  #visiting: { readonly root: PhysAddr; readonly home: bigint } | undefined;

  /** @throws {RangeError} If the index is not 0 to 511. */
  constructor(machine: Machine, index = RECURSIVE_INDEX) {
    super(machine);
    if (!Number.isInteger(index) || index < 0 || index >= ENTRY_COUNT) {
      throw new RangeError(`Cannot make entry ${index} recursive: not 0 to 511`);
    }
    this.index = index;
  }

  override begin(): PhysAddr {
    this.#visiting = undefined;
    return super.begin();
  }

  override end(): void {
    this.#goHome();
  }

  override createTable(
    parent: TablePlace,
    index: number,
    flags: Flags,
    frames: FrameAllocator,
    address: bigint,
  ): PhysAddr | undefined {
    const frame = frames.allocateFrame();
    if (frame === undefined) return undefined;
    // It can be seen only when it is in its place, so that it is cleared there.
    this.store(parent, index, entryOf(frame.start, flags));
    const level = parent.level - 1 as Level;
    this.clear(this.tableAddress({ root: parent.root, level, address, frame: frame.start }));
    return frame.start;
  }

  override createRoot(frames: FrameAllocator): PhysAddr | undefined {
    const frame = frames.allocateFrame();
    if (frame === undefined) return undefined;
    const page = this.frameAddress(frame.start);
    this.clear(page);
    this.storeWord(page + BigInt(this.index * 8), entryOf(frame.start, FLAGS));
    return frame.start;
  }

  override ownsRootEntry(index: number): boolean {
    return index === this.index;
  }

  override frameAddress(frame: PhysAddr): bigint {
    this.#goHome();
    return super.frameAddress(frame);
  }

  protected override tableAddress({ root, level, address }: TablePlace): bigint {
    if (root !== (this.#visiting?.root ?? this.active)) {
      this.#goHome();
      if (root !== this.active) this.#visit(root);
    }
    return recursiveTableAddress(address, level, this.index);
  }

  protected override forgetTable({ root, level, address }: TablePlace): void {
    if (root === this.active && level < 4) {
      this.invalidate(recursiveTableAddress(address, level, this.index));
    }
  }

  #visit(root: PhysAddr): void {
    const home = super.frameAddress(this.active) + BigInt(this.index * 8);
    this.#point(home, root);
    this.#visiting = { root, home };
  }

  #goHome(): void {
    if (this.#visiting === undefined) return;
    const { home } = this.#visiting;
    this.#visiting = undefined;
    this.#point(home, this.active);
  }

  /** Points our recursive entry to a level 4 table. */
  #point(entryAddress: bigint, root: PhysAddr): void {
    this.storeWord(entryAddress, entryOf(root, FLAGS));
    this.counters.flushes++;
    this.machine.cpu.writeCr3(this.active);
  }
}

/** The parts of an address that a recursive walk uses, for people: octal is three bits a digit. */
export function octal(address: bigint): string {
  const parts = ([4, 3, 2, 1] as const).map((level) =>
    tableIndex(address, level).toString(8).padStart(3, "0")
  );
  return `0o${parts.join("_")}_${Number(address & 0xfffn).toString(8).padStart(4, "0")}`;
}
