/**
 * A machine in long mode with a page-fault gate, and kernels of one access strategy each on it.
 *
 * The loader's tables map 4 GiB one to one. A "pure" world has an address space of its own, in
 * which only the program, its stack and tables, the frame table and the screen are mapped, and
 * page tables are in reach by the one strategy alone.
 */
import { asm, type CpuDoor, encodeGate, Machine, physAddr } from "../../../machine/mod.ts";
import type { MemoryRegion } from "../../../kernel/boot_info.ts";
import { BootInfoFrameAllocator } from "../../../kernel/memory.ts";
import { CompletePhysicalAccess } from "../../../kernel/paging/access/complete_physical.ts";
import { installAccess, type Installed } from "../../../kernel/paging/install.ts";
import { Mapper } from "../../../kernel/paging/mapper.ts";
import type { AccessName } from "../../../kernel/paging/page_table_access.ts";
import { Page, PAGE_SIZE, type PageSize, PhysFrame } from "../../../kernel/paging/page.ts";
import { PageTableFlags } from "../../../kernel/paging/page_table_flags.ts";
import { expect } from "../../../kernel/paging/results.ts";

export const { PRESENT, WRITABLE, USER_ACCESSIBLE, HUGE_PAGE, GLOBAL } = PageTableFlags;
export const RW = PRESENT | WRITABLE;
export const STRATEGIES: readonly AccessName[] = [
  "identity",
  "fixed-offset",
  "complete-physical",
  "temporary",
  "recursive",
];

const CODE = 0x10_0000;
const IDT = 0x10_1000;
const MEMORY = 16 << 20;

export interface World {
  readonly machine: Machine;
  readonly cpu: CpuDoor;
  readonly mapper: Mapper;
  readonly frames: BootInfoFrameAllocator;
  /** Every page fault that came, and what the handler does about them. */
  readonly faults: { address: bigint; errorCode: number }[];
  onPageFault: (address: bigint, errorCode: number) => void;
}

export interface PureWorld extends World {
  readonly installed: Installed;
}

export function memoryMap(memory = MEMORY): MemoryRegion[] {
  const region = (start: number, end: number, type: MemoryRegion["type"]): MemoryRegion => ({
    start: physAddr(start),
    end: physAddr(end),
    type,
  });
  return [
    region(0, 0x20_0000, "Reserved"),
    region(0x20_0000, 0x30_0000, "Usable"),
    region(0x30_0000, 0x40_0000, "Kernel"),
    region(0x40_0000, memory, "Usable"),
  ];
}

/** The loader's address space: everything is mapped one to one by pages of 2 MiB. */
export function world(memory = MEMORY): World {
  const machine = new Machine({ memory });
  machine.load(
    asm`
    idle: hlt
    jmp idle
    fault: push rax; push rcx; push rdx
    mov rdi, [rsp + 24]
    vmcall
    pop rdx; pop rcx; pop rax
    add rsp, 8
    iretq`,
    { at: CODE, mode: "long" },
  );
  const fault = CODE + 3;
  const gate = encodeGate({ kind: "interrupt", size: 8, selector: 8, offset: BigInt(fault) });
  machine.physical.setU64(IDT + 14 * 16, gate.low);
  machine.physical.setU64(IDT + 14 * 16 + 8, gate.upper);
  machine.cpu.lidt(IDT, 0xfff);
  // Free frames have anything in them.
  for (const { start, end, type } of memoryMap(memory)) {
    if (type === "Usable") machine.physical.write(start, new Uint8Array(end - start).fill(0xa5));
  }
  const mapper = new Mapper(machine, new CompletePhysicalAccess(machine, 0n));
  const result: World = {
    machine,
    cpu: machine.cpu,
    mapper,
    frames: BootInfoFrameAllocator.init(machine, memoryMap(memory), 0),
    faults: [],
    onPageFault: (address) => {
      throw new Error(`page fault at 0x${address.toString(16)}`);
    },
  };
  machine.onHypercall(() => {
    const address = machine.cpu.readCr2();
    const errorCode = Number(machine.cpu.rdi);
    result.faults.push({ address, errorCode });
    result.onPageFault(address, errorCode);
  });
  return result;
}

/** A world in which one strategy alone reaches the tables. */
export function pureWorld(
  name: AccessName,
  options: { memory?: number; pageSize?: PageSize } = {},
): PureWorld {
  const { memory = MEMORY, pageSize = PAGE_SIZE.SIZE_2_MIB } = options;
  const outer = world(memory);
  const { machine, mapper, frames } = outer;
  mapper.access.begin();
  const root = mapper.access.createRoot(frames)!;
  const inner = mapper.withRoot(root);
  const identity = (start: number, end: number) => {
    for (const page of Page.range(start, end)) {
      expect(inner.identityMap(page, RW, frames), "identity").flush();
    }
  };
  identity(0x1000, 0x3000); // GDT
  identity(0x8_f000, 0x9_f000); // stack
  identity(0xb_8000, 0xb_9000);
  identity(CODE, IDT + 0x1000);
  const table = Number(frames.table);
  identity(table, memory);
  const installed = installAccess(machine, inner, frames, { name, memoryEnd: memory, pageSize });
  if (installed.kind !== "installed") throw new Error(installed.kind);
  machine.cpu.writeCr3(root);
  const pure = new Mapper(machine, installed.access);
  return Object.assign(outer, { mapper: pure, installed });
}

export const frameAt = (address: number, size?: PageSize) =>
  PhysFrame.fromStartAddress(address, size);
export const pageAt = (address: number | bigint, size?: PageSize) =>
  Page.fromStartAddress(address, size);
