/**
 * Chapter 10's three places for variables, as guest code that can be watched: `outer` calls
 * `inner(i)`, which has `z = [1, 2, 3]` on the stack, in a static, or on the heap.
 *
 * ```text
 *   inner's frame          outer's frame
 *   z[0] z[1] z[2] i  rbp  return address  y x  rbp
 *   low addresses <------------------------- high addresses
 * ```
 */
import { asm } from "../../machine/mod.ts";
import type { Kernel } from "../kernel.ts";

/** One word of the call stack. */
export interface StackSlot {
  readonly name: string;
  readonly address: bigint;
  readonly value: bigint;
}

/** The stack while `inner` runs, and what the same bytes are after it has returned. */
export interface CallStackRecord {
  /** From high to low addresses, as they were pushed. */
  readonly during: readonly StackSlot[];
  /** The slots of `outer` that are left. */
  readonly after: readonly StackSlot[];
  /** What `inner(1)` gave. */
  readonly y: number;
}

/** A pointer that `inner` returned, and what is behind it as time goes on. */
export interface PointerRecord {
  readonly address: bigint;
  /** Right after the return. */
  readonly atReturn: number;
  /** After another function was called. */
  readonly afterNextCall: number;
}

/** Offsets from RBP in `inner` and in `outer`. */
const INNER = { z: -16, i: -4 } as const;
const OUTER = { x: -4, y: -8 } as const;
const Z_BYTES = 12;

/** Runs the example with local variables, and watches the stack's bytes. */
export function callStack(kernel: Kernel): CallStackRecord {
  const code = asm`
    outer: push rbp; mov rbp, rsp; sub rsp, 16
      mov dword ptr [rbp-4], 1
      mov edi, dword ptr [rbp-4]
      call inner
      mov dword ptr [rbp-8], eax
    returned: leave; ret
    inner: push rbp; mov rbp, rsp; sub rsp, 32
      mov dword ptr [rbp-4], edi
      mov dword ptr [rbp-16], 1; mov dword ptr [rbp-12], 2; mov dword ptr [rbp-8], 3
    filled: movsxd rcx, dword ptr [rbp-4]
      mov eax, dword ptr [rbp+rcx*4-16]
      leave; ret`;
  const start = kernel.loadCode(code);
  const at = (label: string) => BigInt(start + code.labels[label]);
  let during: StackSlot[] = [];
  let after: StackSlot[] = [];
  const remove = kernel.machine.on("exec", ({ rip }) => {
    if (rip === at("filled")) during = innerSlots(kernel);
    else if (rip === at("returned")) after = outerSlots(kernel, kernel.cpu.rbp);
  });
  try {
    kernel.callGuest(start);
  } finally {
    remove();
  }
  return { during, after, y: Number(after.find(({ name }) => name === "y")!.value) };
}

/** `inner` returns a reference to its local `z[1]`: what Rust's compiler refuses. */
export function danglingReference(kernel: Kernel): PointerRecord {
  return follow(
    kernel,
    asm`push rbp; mov rbp, rsp; sub rsp, 32
      mov dword ptr [rbp-16], 1; mov dword ptr [rbp-12], 2; mov dword ptr [rbp-8], 3
      lea rax, [rbp-12]
      leave; ret`,
  );
}

/** `inner` returns a reference to a static `z[1]`, which lives as long as the program. */
export function staticReference(kernel: Kernel): PointerRecord {
  const z = kernel.statics.reserve(`lifetimes z at ${kernel.machine.retired}`, Z_BYTES);
  return follow(
    kernel,
    asm`mov rax, ${BigInt(z)}
      mov dword ptr [rax], 1; mov dword ptr [rax+4], 2; mov dword ptr [rax+8], 3
      add rax, 4
      ret`,
  );
}

/**
 * `inner` puts `z` on the heap, and the pointer stays good until it is freed. Whoever forgets that
 * has a leak: `kernel.heap.stats().live` tells.
 *
 * @throws {AllocError} If the heap has no room.
 */
export function heapReference(kernel: Kernel): PointerRecord & { readonly block: bigint } {
  const block = kernel.heap.alloc(Z_BYTES, { align: 4 });
  const record = follow(
    kernel,
    asm`mov rax, ${block}
      mov dword ptr [rax], 1; mov dword ptr [rax+4], 2; mov dword ptr [rax+8], 3
      add rax, 4
      ret`,
  );
  return { ...record, block };
}

/** Calls `inner` for its pointer, then a function with locals of its own. */
function follow(kernel: Kernel, inner: Uint8Array): PointerRecord {
  const { virtual } = kernel.machine;
  const address = kernel.callGuest(kernel.loadCode(inner));
  const atReturn = virtual.u32(address);
  const other = asm`push rbp; mov rbp, rsp; sub rsp, 32
    mov rax, 0x4141414141414141
    mov [rbp-16], rax; mov [rbp-8], rax
    leave; ret`;
  kernel.callGuest(kernel.loadCode(other));
  return { address, atReturn, afterNextCall: virtual.u32(address) };
}

function innerSlots(kernel: Kernel): StackSlot[] {
  const { rbp } = kernel.cpu;
  const read = (name: string, address: bigint, bytes: 4 | 8): StackSlot => ({
    name,
    address,
    value: bytes === 8
      ? kernel.machine.virtual.u64(address)
      : BigInt(kernel.machine.virtual.u32(address)),
  });
  const outerRbp = kernel.machine.virtual.u64(rbp);
  const element = (index: number) => read(`z[${index}]`, rbp + BigInt(INNER.z + 4 * index), 4);
  return [
    read("x", outerRbp + BigInt(OUTER.x), 4),
    read("return address", rbp + 8n, 8),
    read("rbp of outer", rbp, 8),
    read("i", rbp + BigInt(INNER.i), 4),
    element(2),
    element(1),
    element(0),
  ];
}

function outerSlots(kernel: Kernel, rbp: bigint): StackSlot[] {
  return Object.entries(OUTER).map(([name, offset]) => {
    const address = rbp + BigInt(offset);
    return { name, address, value: BigInt(kernel.machine.virtual.u32(address)) };
  });
}
