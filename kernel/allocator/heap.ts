/**
 * The heap: an allocator behind a checked door.
 *
 * It knows which blocks are alive (in the host's memory, as a debugger would), so that `free`
 * needs only the address and refuses what was never given out. {@linkcode Heap.dealloc} is the
 * unsafe door that `GlobalAlloc` has: it believes its caller, and a double free through it damages
 * the lists in guest memory as it does in life.
 */
import { hex, type VirtAddr } from "../../machine/mod.ts";
import { AllocError, checkLayout, type Layout } from "../alloc/layout.ts";
import type { Allocator, HeapProblem, HeapStats } from "./allocator.ts";
import { BumpAllocator } from "./bump.ts";
import { type Block, Guard, type GuardOptions } from "./guard.ts";
import { type HeapMemory, NONE } from "./heap_memory.ts";
import { heapMap, heapMapText, type HeapSegment } from "./heap_map.ts";
import { type AllocatorChoice, type AllocatorKind, makeAllocator } from "./kinds.ts";
import { HeapTrace } from "./trace.ts";

export interface HeapOptions {
  /** Default `fixed-size-blocks`, as the text ends. */
  readonly allocator?: AllocatorChoice;
  /** Red zones, poison and quarantine. Default false. */
  readonly checks?: boolean | GuardOptions;
}

export interface AllocOptions {
  /** A power of two. Default 8. */
  readonly align?: number;
  /** Takes it from the heap's end: the bump allocator's second trick. */
  readonly back?: boolean;
}

/** The heap's state besides its bytes, as plain data. */
export interface HeapState {
  readonly choice: AllocatorChoice;
  readonly checks: false | GuardOptions;
  readonly roots: readonly number[];
  readonly live: readonly Block[];
  readonly quarantine: readonly Block[];
  readonly nextId: number;
}

export class Heap {
  #memory: HeapMemory;
  #choice: AllocatorChoice;
  #raw: Allocator;
  #guard: Guard | undefined;
  #trace: HeapTrace;
  readonly #live = new Map<number, Block>();
  /** Blocks that were freed, by offset, until the place is given out again. */
  readonly #dead = new Map<number, Block>();
  readonly #problems: HeapProblem[] = [];
  #nextId = 1;
  /** Told of every problem when it is noticed. */
  onProblem: ((problem: HeapProblem) => void) | undefined;

  /**
   * @param memory Its pages. {@linkcode HeapMemory.empty} until they are mapped.
   * @throws {TypeError} If there is no such allocator.
   */
  constructor(memory: HeapMemory, options: HeapOptions = {}) {
    const { allocator = "fixed-size-blocks", checks = false } = options;
    this.#memory = memory;
    this.#choice = allocator;
    this.#raw = makeAllocator(allocator, memory);
    this.#trace = new HeapTrace(memory);
    this.#guard = makeGuard(memory, checks);
  }

  /** Puts the heap on its pages. It starts over. */
  init(memory: HeapMemory): void {
    this.#memory = memory;
    this.#trace = new HeapTrace(memory);
    if (this.#guard !== undefined) this.#guard = new Guard(memory, guardOptions(this.#guard));
    this.reset();
  }

  get memory(): HeapMemory {
    return this.#memory;
  }

  /** The design. Setting it starts the heap over. */
  get allocator(): AllocatorKind {
    return typeof this.#choice === "string" ? this.#choice : this.#choice.kind;
  }

  /**
   * @throws {TypeError} If there is no such allocator or policy, or if blocks are alive: their
   * bytes would be given out again. {@linkcode reset} forgets them.
   */
  set allocator(choice: AllocatorChoice) {
    this.#refuseWhileAlive("change the allocator");
    const raw = makeAllocator(choice, this.#memory);
    this.#choice = choice;
    this.#startOver(raw);
  }

  /** The allocator itself: the unsafe layer, and its lists. */
  get raw(): Allocator {
    return this.#raw;
  }

  /** Whether red zones, poison and quarantine are on, and how large. */
  get checks(): false | Required<GuardOptions> {
    return this.#guard === undefined ? false : guardOptions(this.#guard);
  }

  /** @throws {TypeError} If blocks are alive, which have no red zones. */
  set checks(checks: boolean | GuardOptions) {
    this.#refuseWhileAlive("change the checks");
    const guard = makeGuard(this.#memory, checks);
    this.reset();
    this.#guard = guard;
  }

  /** Records requests: `trace.start()`, `trace.replay("buddy")`. */
  get trace(): HeapTrace {
    return this.#trace;
  }

  /** The blocks that are alive, in the order of their allocation. */
  get blocks(): readonly Block[] {
    return [...this.#live.values()];
  }

  /** What checks have found so far. */
  get problems(): readonly HeapProblem[] {
    return this.#problems;
  }

  /**
   * Hands out memory. Its bytes are whatever was there before.
   *
   * @returns The address of the first byte.
   * @throws {AllocError} If no free memory fits; the heap is unchanged.
   * @throws {RangeError} If the size is not a whole number from 1, or the alignment no power of two.
   * @throws {TypeError} If `back` is asked of an allocator other than bump.
   * @throws {HeapCorruptedError} If the allocator comes upon a damaged list.
   */
  alloc(size: number, options: AllocOptions = {}): VirtAddr {
    const address = this.tryAlloc(size, options);
    if (address === undefined) throw new AllocError({ size, align: options.align ?? 8 });
    return address;
  }

  /** Like {@linkcode alloc}, with `undefined` when no free memory fits. */
  tryAlloc(size: number, { align = 8, back = false }: AllocOptions = {}): VirtAddr | undefined {
    checkLayout(size, align);
    const front = this.#guard?.frontZone(align) ?? 0;
    const outerSize = front + size + (this.#guard?.redZone ?? 0);
    const id = this.#nextId;
    let outer = this.#ask(outerSize, align, back);
    if (outer === NONE && this.#guard !== undefined && this.#guard.quarantine.length > 0) {
      for (const block of this.#guard.drain()) this.#leaveQuarantine(block);
      outer = this.#ask(outerSize, align, back);
    }
    this.#nextId++;
    this.#trace.note(back ? "allocBack" : "alloc", id, size, align);
    if (outer === NONE) return undefined;
    const block: Block = { offset: outer + front, size, align, outer, outerSize, id };
    this.#guard?.arm(block);
    this.#live.set(block.offset, block);
    this.#dead.delete(block.offset);
    return this.#memory.addressOf(block.offset);
  }

  /**
   * Takes a block back.
   *
   * @throws {RangeError} If no block that is alive starts there (never given out, or freed
   * already); the heap is unchanged.
   * @throws {HeapCorruptedError} If the allocator comes upon a damaged list.
   */
  free(address: number | bigint): void {
    this.#free(this.#blockAt(address));
  }

  /**
   * Takes `layout.size` bytes at an address back without asking whether they were given out: the
   * unsafe door. With checks on it is the same as {@linkcode free}.
   *
   * @throws {RangeError} If the bytes are not in the heap, or not aligned as told.
   */
  dealloc(address: number | bigint, { size, align }: Layout): void {
    checkLayout(size, align);
    const offset = this.#memory.offsetOf(address);
    if (offset === NONE || offset + size > this.#memory.size || offset % align !== 0) {
      throw new RangeError(
        `Cannot free ${size} bytes at ${hex(address)}: not in the heap, or not aligned to ${align}`,
      );
    }
    const block = this.#live.get(offset);
    if (this.#guard !== undefined) {
      const known = this.#blockAt(address);
      if (known.size !== size || known.align !== align) {
        throw this.#refuse("invalid free", address, `it was given out as ${layoutOf(known)}`);
      }
      return this.#free(known);
    }
    if (block !== undefined) this.#forget(block);
    this.#raw.dealloc(offset, size, align);
  }

  stats(): HeapStats {
    return this.#raw.stats();
  }

  /** What each byte of the heap is. */
  map(): HeapSegment[] {
    return heapMap(this.#raw, this.#live.values(), this.#guard?.quarantine ?? []);
  }

  /** The map as text. */
  mapText(columns?: number, bytes?: number): string {
    return heapMapText(this.map(), columns, bytes);
  }

  /**
   * Looks for damage: lists that break their promises, free memory that somebody has, and with
   * checks on, changed red zones and quarantined blocks.
   */
  check(): HeapProblem[] {
    const problems = this.#raw.verify();
    if (problems.length === 0) problems.push(...this.#overlaps());
    for (const block of this.#live.values()) problems.push(...(this.#guard?.inspect(block) ?? []));
    for (const block of this.#guard?.quarantine ?? []) {
      problems.push(...this.#guard!.inspectFreed(block));
    }
    for (const problem of problems) this.#report(problem);
    return problems;
  }

  /** Starts over: all that was given out is free. Recorded traces stay. */
  reset(): void {
    this.#startOver(makeAllocator(this.#choice, this.#memory));
  }

  /** What a snapshot of the machine does not have. */
  saveState(): HeapState {
    return {
      choice: this.#choice,
      checks: this.checks,
      roots: this.#raw.saveRoots(),
      live: this.blocks,
      quarantine: [...(this.#guard?.quarantine ?? [])],
      nextId: this.#nextId,
    };
  }

  /** Goes back to a state; the guest's bytes are expected to be those of then. */
  loadState(state: HeapState): void {
    const bytes = this.#memory.read(0, this.#memory.size);
    const raw = makeAllocator(state.choice, this.#memory);
    this.#memory.write(0, bytes);
    this.#startOver(raw);
    this.#choice = state.choice;
    raw.loadRoots(state.roots);
    for (const block of state.live) this.#live.set(block.offset, block);
    this.#guard = makeGuard(this.#memory, state.checks);
    if (this.#guard !== undefined) this.#guard.quarantine = state.quarantine;
    this.#nextId = state.nextId;
  }

  toString(): string {
    const { used, size, live } = this.stats();
    return `heap at ${hex(this.#memory.start)}: ${this.#raw.name}, ${live} blocks alive, ` +
      `${used} of ${size} bytes used`;
  }

  #ask(size: number, align: number, back: boolean): number {
    if (!back) return this.#raw.alloc(size, align);
    if (this.#raw instanceof BumpAllocator) return this.#raw.allocBack(size, align);
    throw new TypeError(`Cannot allocate from the back: a ${this.#raw.name} allocator has none`);
  }

  #free(block: Block): void {
    this.#forget(block);
    if (this.#guard === undefined) {
      return this.#raw.dealloc(block.outer, block.outerSize, block.align);
    }
    for (const problem of this.#guard.inspect(block)) this.#report(problem);
    this.#guard.arm(block);
    const leaving = this.#guard.retire(block);
    if (leaving !== undefined) this.#leaveQuarantine(leaving);
  }

  #forget(block: Block): void {
    this.#live.delete(block.offset);
    this.#dead.set(block.offset, block);
    this.#trace.note("free", block.id);
  }

  #leaveQuarantine(block: Block): void {
    for (const problem of this.#guard!.inspectFreed(block)) this.#report(problem);
    this.#raw.dealloc(block.outer, block.outerSize, block.align);
  }

  /** @throws {RangeError} If no block that is alive starts there. */
  #blockAt(address: number | bigint): Block {
    const offset = this.#memory.offsetOf(address);
    const block = this.#live.get(offset);
    if (block !== undefined) return block;
    const dead = this.#dead.get(offset);
    if (dead !== undefined) {
      throw this.#refuse("double free", address, `freed already (it was ${layoutOf(dead)})`);
    }
    const inside = this.blocks.find((b) => offset > b.offset && offset < b.offset + b.size);
    const why = offset === NONE
      ? "not in the heap"
      : inside !== undefined
      ? `inside of the block at ${hex(this.#memory.addressOf(inside.offset))}`
      : "never given out";
    throw this.#refuse("invalid free", address, why);
  }

  #refuse(kind: "double free" | "invalid free", address: number | bigint, why: string): RangeError {
    const text = `Cannot free ${hex(address)}: ${why}`;
    this.#report({ kind, address: BigInt(address), text: `${kind}: ${text}` });
    return new RangeError(text);
  }

  #report(problem: HeapProblem): void {
    if (this.#problems.some(({ text }) => text === problem.text)) return;
    this.#problems.push(problem);
    this.onProblem?.(problem);
  }

  /** Blocks that are alive and on a list at once, or given out twice. */
  #overlaps(): HeapProblem[] {
    const spans = this.#raw.regions().map(({ offset, size, list }) => ({
      offset,
      size,
      what: `free memory (list ${list})`,
      block: undefined as Block | undefined,
    }));
    for (const block of [...this.#live.values(), ...(this.#guard?.quarantine ?? [])]) {
      const { outer, outerSize, id } = block;
      spans.push({ offset: outer, size: outerSize, what: `the block #${id}`, block });
    }
    spans.sort((a, b) => a.offset - b.offset);
    const problems: HeapProblem[] = [];
    for (let i = 1; i < spans.length; i++) {
      const [a, b] = [spans[i - 1], spans[i]];
      if (a.offset + a.size <= b.offset) continue;
      const address = this.#memory.addressOf(b.offset);
      const owner = a.block ?? b.block;
      problems.push({
        kind: "bad list",
        address,
        ...(owner === undefined
          ? {}
          : { block: { address: this.#memory.addressOf(owner.offset), size: owner.size } }),
        text: `${hex(address)} is in ${a.what} and in ${b.what}`,
      });
    }
    return problems;
  }

  #refuseWhileAlive(what: string): void {
    if (this.#live.size === 0) return;
    throw new TypeError(
      `Cannot ${what}: ${this.#live.size} blocks are alive (heap.reset() forgets them)`,
    );
  }

  #startOver(raw: Allocator): void {
    this.#raw = raw;
    this.#live.clear();
    this.#dead.clear();
    this.#problems.length = 0;
    this.#guard?.drain();
  }
}

function makeGuard(memory: HeapMemory, checks: boolean | GuardOptions): Guard | undefined {
  return checks === false ? undefined : new Guard(memory, checks === true ? {} : checks);
}

function guardOptions({ redZone, capacity }: Guard): Required<GuardOptions> {
  return { redZone, quarantine: capacity };
}

function layoutOf({ id, size, align }: Block): string {
  return `#${id}, ${size} bytes aligned to ${align}`;
}
