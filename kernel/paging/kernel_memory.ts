/**
 * The kernel's memory management: its frames, its mapper, and the way in which that reaches the
 * page tables, which can be changed while the kernel runs.
 *
 * Which way is in use, and which are set up, stands in the kernel's static variables: a snapshot
 * of the machine has it.
 */
import type { Kernel } from "../kernel.ts";
import { BootInfoFrameAllocator } from "../memory.ts";
import type { Static32 } from "../statics.ts";
import { CompletePhysicalAccess } from "./access/complete_physical.ts";
import { RecursiveAccess } from "./access/recursive.ts";
import { TemporaryAccess } from "./access/temporary.ts";
import { FixedOffsetAccess, IdentityAccess } from "./access/window.ts";
import { AddressSpace } from "./address_space.ts";
import { installAccess, type Installed } from "./install.ts";
import { Mapper } from "./mapper.ts";
import { FlushLedger } from "./mapper_flush.ts";
import { PageFaultRepair, type RepairOutcome } from "./page_fault_repair.ts";
import type { AccessName, PageTableAccess } from "./page_table_access.ts";
import { PAGE_SIZE } from "./page.ts";
import type { MapToError } from "./results.ts";

/** All accesses; the first is what the loader sets up. */
export const ACCESS_NAMES: readonly AccessName[] = [
  "complete-physical",
  "identity",
  "fixed-offset",
  "temporary",
  "recursive",
];

const REPAIRED: ReadonlySet<RepairOutcome> = new Set([
  "demand-zero",
  "copied",
  "made-writable",
]);

export class KernelMemory {
  /** The usable frames of the loader's memory map. */
  readonly frames: BootInfoFrameAllocator;
  /** Flush promises that are not settled. The idle kernel tells the serial port of each, once. */
  readonly ledger: FlushLedger;
  /** Repairs page faults before the kernel's handler sees them. */
  readonly repair: PageFaultRepair;
  /** One behind the highest physical address, in bytes. */
  readonly memoryEnd: number;
  readonly #kernel: Kernel;
  readonly #mappers: ReadonlyMap<AccessName, Mapper>;
  /** Index in {@linkcode ACCESS_NAMES}. */
  readonly #current: Static32;
  /** A bit for each that is set up. */
  readonly #installed: Static32;

  /**
   * Takes over the loader's memory map and mapping of physical memory, and puts the repair of page
   * faults before the handler that is set.
   *
   * @throws {TypeError} If the loader did not map physical memory: before stage "paging".
   */
  constructor(kernel: Kernel) {
    const { machine, bootInfo: { memoryMap, physicalMemoryOffset: offset } } = kernel;
    if (offset === undefined) {
      throw new TypeError(`Cannot manage memory at stage "${kernel.stage}": paging comes later`);
    }
    this.#kernel = kernel;
    this.memoryEnd = Math.max(...memoryMap.map(({ end }) => end));
    this.frames = BootInfoFrameAllocator.init(machine, memoryMap, offset);
    this.ledger = new FlushLedger(machine);
    const accesses: PageTableAccess[] = [
      new CompletePhysicalAccess(machine, offset),
      new IdentityAccess(machine),
      new FixedOffsetAccess(machine),
      new TemporaryAccess(machine),
      new RecursiveAccess(machine),
    ];
    const { ledger } = this;
    this.#mappers = new Map(
      accesses.map((access) => [access.name, new Mapper(machine, access, { ledger })]),
    );
    this.#current = kernel.statics.word("PAGE_TABLE_ACCESS");
    this.#installed = kernel.statics.word("PAGE_TABLE_ACCESSES");
    this.#installed.value = 1;
    this.repair = new PageFaultRepair(machine, () => this.mapper, this.frames);
    this.#repairFirst();
    kernel.onIdle(() => {
      for (const line of this.ledger.reportNew()) kernel.serialPrintln("{}", line);
      return false;
    });
  }

  /** How the kernel reaches its page tables. */
  get accessName(): AccessName {
    return ACCESS_NAMES[this.#kernel.machine.virtual.u32(this.#current.address)];
  }

  get access(): PageTableAccess {
    return this.mapper.access;
  }

  /** The mapper of the active address space. */
  get mapper(): Mapper {
    return this.#mappers.get(this.accessName)!;
  }

  /** The active address space, all of which counts as the kernel's. */
  get addressSpace(): AddressSpace {
    return AddressSpace.current(this.#kernel.machine, this.mapper);
  }

  /**
   * Makes the kernel reach its page tables another way from now on, and sets it up in the active
   * address space if that was not done. The others stay as they are.
   *
   * @returns What it costs, or why it cannot be set up.
   * @throws {RangeError} If there is none of that name.
   */
  use(name: AccessName): Installed | MapToError {
    const index = ACCESS_NAMES.indexOf(name);
    if (index < 0) {
      throw new RangeError(
        `There is no page table access "${name}": the names are ${ACCESS_NAMES.join(", ")}`,
      );
    }
    const { access } = this.#mappers.get(name)!;
    const installed = this.#installed.value;
    if ((installed & 1 << index) === 0) {
      const { machine } = this.#kernel;
      const options = { name, memoryEnd: this.memoryEnd };
      const result = installAccess(machine, this.mapper, this.frames, options);
      if (result.kind !== "installed") return result;
      this.#installed.value = installed | 1 << index;
      this.#current.value = index;
      return { ...result, access };
    }
    this.#current.value = index;
    return { kind: "installed", access, cost: this.#costOf(name) };
  }

  /** What is set up costs nothing more; the loader's mapping has its price. */
  #costOf(name: AccessName): Installed["cost"] {
    if (name !== "complete-physical") return { tables: 0, entries: 0, addressSpace: 0 };
    return {
      tables: 1 + Math.ceil(this.memoryEnd / PAGE_SIZE.SIZE_1_GIB),
      entries: Math.ceil(this.memoryEnd / PAGE_SIZE.SIZE_2_MIB),
      addressSpace: this.memoryEnd,
    };
  }

  #repairFirst(): void {
    const { idt, cpu, interrupts } = this.#kernel;
    const otherwise = idt.handler("page fault");
    idt.setHandler("page fault", (frame) => {
      const outcome = this.repair.handle(cpu.readCr2(), frame.errorCode);
      if (REPAIRED.has(outcome)) return;
      if (otherwise === undefined) interrupts.pageFault(frame);
      else otherwise(frame);
    });
  }
}
