/**
 * Segmentation, as it was used before paging: each program has a piece of physical memory, and a
 * code and a data segment that begin and end with it.
 *
 * ```text
 * GDT                            physical memory
 * 0x10 kernel's data, flat       0     100        250  300        450  500
 * 0x18 kernel's code, flat       │ free │ program 1 │free│ program 2 │free│
 * 0x20 task state                        0 … 149         0 … 149
 * 0x28 code of program 1:  base 100, limit 149
 * 0x30 data of program 1:  base 100, limit 149
 * 0x38 code of program 2:  base 300, limit 149
 * …
 * ```
 *
 * The machine is in protected mode without paging. Programs run in ring 3; whoever uses an address
 * beyond its limit gets #GP from the CPU (#SS through the stack segment). All descriptors are bytes
 * in guest memory, written by the guest's stores.
 *
 * @see Intel SDM Vol. 3A, "Segment Descriptors", "Limit Checking"
 */
import {
  decodeDescriptor,
  encodeDescriptor,
  encodeGate,
  hex,
  type Machine,
  type Picture,
  RFLAGS,
  SYSTEM_TYPE,
  VECTOR,
} from "../../machine/mod.ts";
import type { Compaction, DoesNotFit, Hole, Instance, Occupied, RunOutcome } from "./results.ts";
import { segmentsPicture } from "./picture.ts";
import { DONE_VECTOR, kernel, program, PROGRAM_BYTES } from "./program.ts";

/** Places in memory, above the arena; physical and linear. */
const AT = {
  KERNEL: 0x10_0000,
  IDT: 0x10_1000,
  GDT: 0x10_2000,
  TSS: 0x10_3000,
  /** Registers of programs that do not run: 32 bytes each. */
  CONTEXTS: 0x10_4000,
  STACK: 0x10_6000,
} as const;

const SELECTOR = { DATA: 0x10, CODE: 0x18, TSS: 0x20, FIRST: 0x28 } as const;
const RING_3 = 3;
const GDT_ENTRIES = 512;
const MOST_INSTANCES = 64;
/** A segment that the kernel uses to look at memory. */
const WINDOW = (GDT_ENTRIES - 1) * 8;
/** ESP and SS of ring 0 in a 32-bit TSS, and its size. */
const TSS = { ESP0: 4, SS0: 8, IO_MAP: 102, LIMIT: 103 } as const;
const CONTEXT = { EAX: 0, EBX: 4, ECX: 8, EIP: 12, ESP: 16, EFLAGS: 20, BYTES: 32 } as const;
const RUN_INSTRUCTIONS = 10_000;

export interface SegmentationOptions {
  /** Size of the memory for programs, from physical address 0 on. Default 500 bytes. */
  readonly arena?: number;
}

/** Programs in segments on a machine of its own. */
export class SegmentationLab {
  readonly machine: Machine;
  /** In bytes. */
  readonly arena: number;
  readonly counters = { bytesMoved: 0, compactions: 0, descriptorsWritten: 0, faults: 0 };
  readonly #labels: Readonly<Record<string, number>>;
  readonly #entries: Readonly<Record<string, number>>;
  readonly #image: Uint8Array;
  readonly #instances = new Map<number, Instance>();

  /**
   * Takes a machine over: loads the lab's kernel, which uses 1 MiB and the pages above.
   *
   * @throws {RangeError} If the arena is not 1 to 0x9f000 bytes.
   */
  constructor(machine: Machine, options: SegmentationOptions = {}) {
    const { arena = 500 } = options;
    if (!Number.isInteger(arena) || arena < 1 || arena > 0x9_f000) {
      throw new RangeError(`Cannot have an arena of ${arena} bytes: not within 1 and 0x9f000`);
    }
    this.machine = machine;
    this.arena = arena;
    const code = kernel(AT.KERNEL);
    const { labels } = code;
    this.#labels = labels;
    const image = program();
    this.#entries = image.labels;
    this.#image = new Uint8Array(PROGRAM_BYTES);
    this.#image.set(image);
    machine.load(code, { at: AT.KERNEL, mode: "protected" });
    this.#setUpTables();
    machine.onHypercall(() => machine.stop({ kind: "until" }));
  }

  /** The programs, by their place. */
  get instances(): readonly Instance[] {
    return [...this.#instances.values()].toSorted((a, b) => a.offset - b.offset);
  }

  /** The free memory, by its place. */
  get holes(): readonly Hole[] {
    const holes: Hole[] = [];
    let at = 0;
    for (const { offset, size } of [...this.instances, { offset: this.arena, size: 0 }]) {
      if (offset > at) holes.push({ offset: at, size: offset - at });
      at = offset + size;
    }
    return holes;
  }

  /** Names of the program's entries. */
  get entries(): readonly string[] {
    return Object.keys(this.#entries);
  }

  /**
   * Loads the program once more: copies it, and makes segments for it.
   *
   * @param offset Where. Default: the first hole that is large enough.
   * @throws {RangeError} If the offset is outside of the arena, or there are 64 programs.
   */
  start(offset?: number): Instance | DoesNotFit | Occupied {
    const size = PROGRAM_BYTES;
    if (offset !== undefined && !(Number.isInteger(offset) && offset >= 0)) {
      throw new RangeError(`Cannot start a program at ${offset}: not a whole number from 0`);
    }
    if (offset !== undefined && offset + size > this.arena) {
      throw new RangeError(`Cannot start a program at ${offset}: the arena ends at ${this.arena}`);
    }
    const { holes } = this;
    const hole = holes.find((hole) =>
      offset === undefined
        ? hole.size >= size
        : hole.offset <= offset && offset + size <= hole.offset + hole.size
    );
    if (hole === undefined) {
      if (offset !== undefined) return { kind: "Occupied" };
      return {
        kind: "DoesNotFit",
        needed: size,
        free: holes.reduce((sum, hole) => sum + hole.size, 0),
        largestHole: Math.max(0, ...holes.map((hole) => hole.size)),
      };
    }
    const id = this.#freeId();
    const code = SELECTOR.FIRST + 16 * id;
    const instance: Instance = {
      kind: "instance",
      id,
      offset: offset ?? hole.offset,
      size,
      code: code | RING_3,
      data: code + 8 | RING_3,
    };
    const { cpu } = this.machine;
    this.#image.forEach((byte, i) => cpu.store8(instance.offset + i, byte));
    this.#describe(instance);
    this.#setContext(id, [0, 0, 0, this.#entries.count, size & ~3, RFLAGS.FIXED]);
    this.#instances.set(id, instance);
    return instance;
  }

  /** Ends a program: its memory is free, its descriptors are not present any more. */
  stop(id: number): void {
    const { code } = this.#find(id);
    this.#write(code & ~7, 0n);
    this.#write((code & ~7) + 8, 0n);
    this.#instances.delete(id);
  }

  /**
   * Runs a program until it gives control back.
   *
   * @param entry Where it goes on; by default where it was.
   * @throws {RangeError} If there is no such program or entry.
   */
  run(id: number, entry?: string): RunOutcome {
    const { code, data } = this.#find(id);
    if (entry !== undefined && this.#entries[entry] === undefined) {
      throw new RangeError(`There is no entry "${entry}": ${this.entries.join(", ")}`);
    }
    const { cpu } = this.machine;
    const [eax, ebx, ecx, eip, esp, eflags] = this.#context(id);
    // What IRET pops, and what it cannot: EAX takes the segments in.
    const frame = [entry === undefined ? eip : this.#entries[entry], code, eflags, esp, data];
    const stack = AT.STACK - 4 * frame.length;
    frame.forEach((word, i) => cpu.store32(stack + 4 * i, word));
    cpu.rsp = BigInt(stack);
    cpu.rax = BigInt(data);
    cpu.rbx = BigInt(eax);
    cpu.rcx = BigInt(ebx);
    cpu.rdx = BigInt(ecx);
    cpu.rip = BigInt(AT.KERNEL + this.#labels.enter);
    const stop = this.machine.run({ instructions: RUN_INSTRUCTIONS });
    return stop.kind === "until" ? this.#left(id) : { kind: "budget" };
  }

  /**
   * Moves all programs to the start of memory, without holes between them: copies their bytes and
   * gives their descriptors the new bases. The programs do not notice.
   */
  compact(): Compaction {
    const { cpu } = this.machine;
    const before = this.machine.retired;
    const moves = [];
    let bytesMoved = 0;
    let to = 0;
    for (const instance of this.instances) {
      const { id, offset: from, size } = instance;
      if (from !== to) {
        for (let i = 0; i < size; i++) cpu.store8(to + i, cpu.load8(from + i));
        const moved = { ...instance, offset: to };
        this.#describe(moved);
        this.#instances.set(id, moved);
        moves.push({ id, from, to });
        bytesMoved += size;
      }
      to += size;
    }
    this.counters.bytesMoved += bytesMoved;
    this.counters.compactions++;
    return { moves, bytesMoved, instructions: this.machine.retired - before };
  }

  /**
   * Gives DS a segment of any base and limit, for code of ring 0 and for
   * `machine.mmu.translate(address, { segment: "ds" })`.
   *
   * @throws {RangeError} If base or limit is no descriptor's: see `encodeDescriptor`.
   */
  window(base: number, limit: number): void {
    if (!Number.isInteger(base) || base < 0 || base > 0xffff_ffff) {
      throw new RangeError(`Cannot have a segment at ${base}: not within 0 and 0xffffffff`);
    }
    this.#write(
      WINDOW,
      encodeDescriptor({ kind: "data", type: 2, base: BigInt(base), limit, big: true }),
    );
    this.machine.cpu.loadSegment(3, WINDOW);
  }

  /** The descriptor behind a selector, as it is in memory. */
  descriptor(selector: number): ReturnType<typeof decodeDescriptor> {
    return decodeDescriptor(this.machine.physical.u64(AT.GDT + (selector & ~7)));
  }

  /** The arena as a line of text: `100 free · #0 at 100, 150 · …`. */
  toString(): string {
    const parts = [
      ...this.holes.map(({ offset, size }) => ({ offset, text: `${size} free` })),
      ...this.instances.map(({ id, offset, size }) => ({
        offset,
        text: `#${id} at ${offset}, ${size}`,
      })),
    ];
    return parts.toSorted((a, b) => a.offset - b.offset).map(({ text }) => text).join(" · ");
  }

  /** The programs in their own addresses and in physical memory. @param note A line below. */
  picture(title = "Programs in segments", note?: string): Picture {
    const { instances, arena } = this;
    return segmentsPicture({ instances, arena, title, note });
  }

  #setUpTables(): void {
    const { cpu } = this.machine;
    const flat = { limit: 0xffff_ffff, big: true } as const;
    for (let i = 0; i < GDT_ENTRIES; i++) cpu.store64(AT.GDT + 8 * i, 0);
    this.#write(SELECTOR.DATA, encodeDescriptor({ kind: "data", type: 2, ...flat }));
    this.#write(SELECTOR.CODE, encodeDescriptor({ kind: "code", type: 10, ...flat }));
    const type = SYSTEM_TYPE.TSS32_AVAILABLE;
    const tss = { kind: "system", type, base: BigInt(AT.TSS), limit: TSS.LIMIT } as const;
    this.#write(SELECTOR.TSS, encodeDescriptor(tss));
    cpu.lgdt(AT.GDT, GDT_ENTRIES * 8 - 1);
    for (let at = 0; at <= TSS.LIMIT; at += 4) cpu.store32(AT.TSS + at, 0);
    cpu.store32(AT.TSS + TSS.ESP0, AT.STACK);
    cpu.store32(AT.TSS + TSS.SS0, SELECTOR.DATA);
    cpu.store16(AT.TSS + TSS.IO_MAP, TSS.LIMIT + 1);
    cpu.ltr(SELECTOR.TSS);
    for (let vector = 0; vector <= DONE_VECTOR; vector++) cpu.store64(AT.IDT + 8 * vector, 0);
    this.#gate(DONE_VECTOR, "finished", RING_3);
    this.#gate(VECTOR.SS, "stack_fault", 0);
    this.#gate(VECTOR.GP, "protection_fault", 0);
    cpu.lidt(AT.IDT, 8 * (DONE_VECTOR + 1) - 1);
    this.counters.descriptorsWritten = 0;
  }

  #gate(vector: number, label: string, dpl: number): void {
    const offset = BigInt(AT.KERNEL + this.#labels[label]);
    const gate = encodeGate({ kind: "interrupt", size: 4, selector: SELECTOR.CODE, offset, dpl });
    this.machine.cpu.store64(AT.IDT + 8 * vector, gate.low);
  }

  /** Writes the two descriptors of a program. */
  #describe({ code, data, offset, size }: Instance): void {
    const segment = { base: BigInt(offset), limit: size - 1, big: true, dpl: RING_3 };
    this.#write(code & ~7, encodeDescriptor({ kind: "code", type: 10, ...segment }));
    this.#write(data & ~7, encodeDescriptor({ kind: "data", type: 2, ...segment }));
  }

  #write(selector: number, descriptor: bigint): void {
    this.counters.descriptorsWritten++;
    this.machine.cpu.store64(AT.GDT + selector, descriptor);
  }

  /** A program has entered the kernel: keeps its registers, and says why. */
  #left(id: number): RunOutcome {
    const { cpu } = this.machine;
    const behind = Number(cpu.rip) - AT.KERNEL;
    const { stack_fault: stackFault, protection_fault: protectionFault } = this.#labels;
    const vector = behind > protectionFault
      ? VECTOR.GP
      : behind > stackFault
      ? VECTOR.SS
      : undefined;
    let stack = Number(cpu.rsp);
    const errorCode = vector === undefined ? 0 : cpu.load32(stack);
    if (vector !== undefined) stack += 4;
    const [eip, , eflags, esp] = [0, 4, 8, 12].map((at) => cpu.load32(stack + at));
    const [eax, ebx, ecx] = [cpu.rax, cpu.rbx, cpu.rcx].map((value) =>
      Number(value & 0xffff_ffffn)
    );
    this.#setContext(id, [eax, ebx, ecx, eip, esp, eflags]);
    if (vector === undefined) return { kind: "done", value: eax };
    this.counters.faults++;
    return { kind: "fault", vector, errorCode, eip };
  }

  #context(id: number): number[] {
    const { EAX, EBX, ECX, EIP, ESP, EFLAGS, BYTES } = CONTEXT;
    const base = AT.CONTEXTS + BYTES * id;
    return [EAX, EBX, ECX, EIP, ESP, EFLAGS].map((at) => this.machine.cpu.load32(base + at));
  }

  #setContext(id: number, words: readonly number[]): void {
    words.forEach((word, i) =>
      this.machine.cpu.store32(AT.CONTEXTS + CONTEXT.BYTES * id + 4 * i, word)
    );
  }

  #find(id: number): Instance {
    const instance = this.#instances.get(id);
    if (instance === undefined) throw new RangeError(`There is no program #${hex(id)}`);
    return instance;
  }

  #freeId(): number {
    for (let id = 0; id < MOST_INSTANCES; id++) {
      if (!this.#instances.has(id)) return id;
    }
    throw new RangeError(`Cannot start a program: there are ${MOST_INSTANCES}`);
  }
}
