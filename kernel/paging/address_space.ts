/**
 * Address spaces: a level 4 table each, with the kernel's part shared.
 *
 * The kernel's part are the entries of the level 4 table that the first address space has when
 * another one is made: they are copied, so that all spaces use the same tables below. All other
 * entries are private. What the kernel maps later below a shared entry is seen by all.
 */
import type { Machine, PhysAddr } from "../../machine/mod.ts";
import type { BootInfoFrameAllocator } from "../memory.ts";
import type { Mapper } from "./mapper.ts";
import { levelOf, Page, PAGE_SIZE, PhysFrame, sizeAt, tableIndex } from "./page.ts";
import { addressOf, flagsOf, isPresent, PageTableFlags } from "./page_table_flags.ts";
import { COPY_ON_WRITE, DEMAND } from "./page_fault_repair.ts";
import { expect, type FrameAllocationFailed, type MapToError } from "./results.ts";

/** A private page of an address space, present or promised. */
export interface PrivatePage {
  readonly page: Page;
  readonly entry: bigint;
}

/** An address space. */
export class AddressSpace {
  /** Works on this space, active or not. */
  readonly mapper: Mapper;
  readonly #machine: Machine;
  readonly #root: PhysAddr;
  readonly #shared: ReadonlySet<number>;

  private constructor(machine: Machine, mapper: Mapper, shared: ReadonlySet<number>) {
    this.#machine = machine;
    this.mapper = mapper;
    this.#root = mapper.root();
    this.#shared = shared;
  }

  /** The space that is active now; all that it has is the kernel's. */
  static current(machine: Machine, mapper: Mapper): AddressSpace {
    const active = mapper.withRoot(undefined);
    const entries = active.rootEntries();
    return new AddressSpace(machine, active.withRoot(active.root()), kernelPart(active, entries));
  }

  /** Level 4 indexes that the space shares with others. */
  get shared(): ReadonlySet<number> {
    return this.#shared;
  }

  /** The frame of its level 4 table. */
  get root(): PhysAddr {
    return this.#root;
  }

  /** Whether CR3 has it. */
  get active(): boolean {
    return Number(this.#machine.cpu.readCr3() & 0x000f_ffff_ffff_f000n) === this.#root;
  }

  /** Makes a space with this one's kernel part and nothing else. */
  create(frames: BootInfoFrameAllocator): AddressSpace | FrameAllocationFailed {
    const { access } = this.mapper;
    access.begin();
    const root = access.createRoot(frames);
    access.end();
    if (root === undefined) return { kind: "FrameAllocationFailed" };
    const mapper = this.mapper.withRoot(root);
    const entries = this.mapper.rootEntries();
    for (const index of this.#shared) mapper.setRootEntry(index, entries[index]);
    return new AddressSpace(this.#machine, mapper, this.#shared);
  }

  /**
   * Makes a copy: the private pages share their frames, until one side writes.
   *
   * Needs a {@linkcode PageFaultRepair} as page-fault handler. Copies pages of 4 KiB; private huge
   * pages are refused.
   *
   * @returns The copy or an error, with the part that was made freed again.
   */
  copyOnWrite(frames: BootInfoFrameAllocator): AddressSpace | MapToError {
    const pages = this.privatePages();
    const huge = pages.find(({ page }) => page.size !== PAGE_SIZE.SIZE_4_KIB);
    if (huge !== undefined) {
      return { kind: "ParentEntryHugePage", level: levelOf(huge.page.size) };
    }
    const copy = this.create(frames);
    if (!(copy instanceof AddressSpace)) return copy;
    for (const { page, entry } of pages) {
      const table = copy.mapper.createTables(page, frames, PARENT_FLAGS);
      if (!(table instanceof PhysFrame)) {
        copy.destroy(frames);
        return table;
      }
      let flags = flagsOf(entry);
      const frame = frames.frameAt(addressOf(entry));
      // A device's memory has no users: both sides go on with the same.
      if (isPresent(entry) && frames.users(frame) > 0) {
        if ((flags & PageTableFlags.WRITABLE) !== 0n) {
          flags = flags & ~PageTableFlags.WRITABLE | COPY_ON_WRITE;
          const flush = expect(this.mapper.updateFlags(page, flags), "copyOnWrite");
          if (this.active) flush.flush();
          else flush.ignore();
        }
        frames.share(frame);
      }
      copy.mapper.writeEntry(page, BigInt(addressOf(entry)) | flags);
    }
    return copy;
  }

  /** Makes it the active space: writes CR3, which drops all TLB entries but global ones. */
  switchTo(): void {
    this.#machine.cpu.writeCr3(this.#root);
  }

  /** The pages of the private part that are mapped or promised, ascending. */
  privatePages(): PrivatePage[] {
    const found: PrivatePage[] = [];
    for (const table of this.mapper.tables()) {
      const { level, address } = table;
      if (level === 4 || this.#shared.has(tableIndex(address, 4))) continue;
      const size = sizeAt(level);
      this.mapper.entriesOf(table).forEach((entry, index) => {
        const mapsPage = isPresent(entry) &&
          (level === 1 || (entry & PageTableFlags.HUGE_PAGE) !== 0n);
        if (mapsPage || (!isPresent(entry) && (entry & DEMAND) !== 0n)) {
          const start = address + BigInt(index) * BigInt(size);
          found.push({ page: Page.fromStartAddress(start, size), entry });
        }
      });
    }
    return found.toSorted((a, b) => a.page.start < b.page.start ? -1 : 1);
  }

  /**
   * Frees the private pages' frames, the private tables and the level 4 table.
   *
   * @throws {TypeError} If it is active.
   */
  destroy(frames: BootInfoFrameAllocator): void {
    if (this.active) throw new TypeError("Cannot destroy the active address space");
    const indexes = new Set<number>();
    for (const { page, entry } of this.privatePages()) {
      // Frames that are no usable memory, as the screen's, have no users.
      if (!isPresent(entry)) continue;
      const unmapped = expect(this.mapper.unmap(page), "destroy");
      unmapped.flush.ignore();
      if (frames.users(unmapped.frame) > 0) frames.deallocateFrame(unmapped.frame);
    }
    this.mapper.rootEntries().forEach((entry, index) => {
      if (isPresent(entry) && !this.#shared.has(index)) indexes.add(index);
    });
    this.mapper.removeTables(indexes, frames);
    const { access } = this.mapper;
    access.begin();
    access.removeRoot(this.#root, frames);
    access.end();
  }
}

const PARENT_FLAGS = PageTableFlags.PRESENT | PageTableFlags.WRITABLE |
  PageTableFlags.USER_ACCESSIBLE;

function kernelPart(mapper: Mapper, entries: readonly bigint[]): Set<number> {
  const present = entries.flatMap((entry, index) => isPresent(entry) ? [index] : []);
  return new Set(present.filter((index) => !mapper.access.ownsRootEntry(index)));
}
