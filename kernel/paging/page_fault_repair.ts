/**
 * Page faults that are repaired: the handler changes the tables and returns, and the CPU executes
 * the faulting instruction again, which knows nothing of it.
 *
 * What is to be done stands in the entry itself, in bits that the CPU leaves to the kernel:
 *
 * | entry | on | is repaired by |
 * |---|---|---|
 * | not present, DEMAND, other flags | any access | a fresh frame of zeros with those flags |
 * | read-only, COPY_ON_WRITE | a write | a copy of the frame; the last user just gets it writable |
 */
import { type Machine, PF_ERROR, tryVirtAddr } from "../../machine/mod.ts";
import type { BootInfoFrameAllocator, FrameAllocator } from "../memory.ts";
import type { Mapper } from "./mapper.ts";
import { ENTRY_COUNT, Page, PhysFrame } from "./page.ts";
import {
  addressOf,
  entryOf,
  type Flags,
  flagsOf,
  isPresent,
  PageTableFlags,
} from "./page_table_flags.ts";
import type { FrameAllocationFailed, PageAlreadyMapped, ParentEntryHugePage } from "./results.ts";

/** The page gets a frame when it is touched. */
export const DEMAND = PageTableFlags.BIT_10;
/** The page gets a frame of its own when it is written. */
export const COPY_ON_WRITE = PageTableFlags.BIT_11;

/** What became of a page fault. */
export type RepairOutcome =
  /** A page of zeros was mapped. */
  | "demand-zero"
  /** The page has a copy of its own now. */
  | "copied"
  /** Nobody else used the frame: it is writable again. */
  | "made-writable"
  /** No entry asks for a repair: a real fault. */
  | "not-repairable"
  | "out-of-memory";

/** How often each outcome was. */
export type RepairCounters = Record<RepairOutcome, number>;

/** Repairs the page faults of the active address space. */
export class PageFaultRepair {
  readonly counters: RepairCounters = {
    "demand-zero": 0,
    "copied": 0,
    "made-writable": 0,
    "not-repairable": 0,
    "out-of-memory": 0,
  };
  readonly #machine: Machine;
  readonly #mapperNow: () => Mapper;
  readonly #frames: BootInfoFrameAllocator;

  /** @param mapper Gives the kernel's mapper; its active address space is repaired. */
  constructor(machine: Machine, mapper: () => Mapper, frames: BootInfoFrameAllocator) {
    this.#machine = machine;
    this.#mapperNow = mapper;
    this.#frames = frames;
  }

  /**
   * To be called by the page-fault handler.
   *
   * @param address As CR2 has it.
   * @param errorCode As the CPU pushed it.
   * @returns What was done. The handler returns from the first three; the others are for it.
   */
  handle(address: bigint, errorCode: number): RepairOutcome {
    const outcome = this.#repair(address, errorCode);
    this.counters[outcome]++;
    return outcome;
  }

  get #mapper(): Mapper {
    return this.#mapperNow();
  }

  #repair(address: bigint, errorCode: number): RepairOutcome {
    if (tryVirtAddr(address) === undefined) return "not-repairable";
    const page = Page.containing(address);
    const entry = this.#mapper.readEntry(page);
    if (entry === undefined) return "not-repairable";
    if (!isPresent(entry)) {
      return (entry & DEMAND) === 0n ? "not-repairable" : this.#giveZeros(page, entry, errorCode);
    }
    const onWrite = (errorCode & PF_ERROR.W) !== 0 && (entry & COPY_ON_WRITE) !== 0n;
    return onWrite ? this.#giveCopy(page, entry) : "not-repairable";
  }

  #giveZeros(page: Page, entry: bigint, errorCode: number): RepairOutcome {
    // Who may not use the page would fault again at once, and for ever.
    const write = (errorCode & PF_ERROR.W) !== 0 && (entry & PageTableFlags.WRITABLE) === 0n;
    const user = (errorCode & PF_ERROR.U) !== 0 && (entry & PageTableFlags.USER_ACCESSIBLE) === 0n;
    if (write || user) return "not-repairable";
    const frame = this.#frames.allocateFrame();
    if (frame === undefined) return "out-of-memory";
    this.#mapper.withFrame(frame, (to) => this.#mapper.access.clear(to));
    const flags = flagsOf(entry) & ~DEMAND | PageTableFlags.PRESENT;
    this.#mapper.writeEntry(page, entryOf(frame.start, flags));
    return "demand-zero";
  }

  #giveCopy(page: Page, entry: bigint): RepairOutcome {
    const { cpu } = this.#machine;
    const flags = flagsOf(entry) & ~COPY_ON_WRITE | PageTableFlags.WRITABLE;
    const old = PhysFrame.fromStartAddress(addressOf(entry));
    if (this.#frames.users(old) === 1) {
      this.#mapper.writeEntry(page, entryOf(old.start, flags));
      cpu.invlpg(page.start);
      return "made-writable";
    }
    const frame = this.#frames.allocateFrame();
    if (frame === undefined) return "out-of-memory";
    // The page itself can still be read: it is the source.
    this.#mapper.withFrame(frame, (to) => {
      for (let i = 0n; i < BigInt(ENTRY_COUNT * 8); i += 8n) {
        cpu.store64(to + i, cpu.load64(page.start + i));
      }
    });
    this.#mapper.writeEntry(page, entryOf(frame.start, flags));
    cpu.invlpg(page.start);
    this.#frames.deallocateFrame(old);
    return "copied";
  }
}

/** Errors of {@linkcode promisePage}. */
export type PromisePageError = PageAlreadyMapped | ParentEntryHugePage | FrameAllocationFailed;

/**
 * Promises a page of zeros, which gets its frame at the first touch. Only its tables are made.
 *
 * @param flags As the page shall have them; PRESENT is set when it is.
 * @returns `undefined`, or why not. A page that is promised already is promised anew.
 */
export function promisePage(
  mapper: Mapper,
  page: Page,
  flags: Flags,
  frames: FrameAllocator,
): PromisePageError | undefined {
  const parents = flags & (PageTableFlags.WRITABLE | PageTableFlags.USER_ACCESSIBLE);
  const table = mapper.createTables(page, frames, parents);
  if (!(table instanceof PhysFrame)) return table;
  const entry = mapper.readEntry(page)!;
  if (isPresent(entry)) {
    return { kind: "PageAlreadyMapped", frame: PhysFrame.fromStartAddress(addressOf(entry)) };
  }
  mapper.writeEntry(page, flags & ~PageTableFlags.PRESENT | DEMAND);
  return undefined;
}
