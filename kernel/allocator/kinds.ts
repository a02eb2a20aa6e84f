/** The allocators by name. */
import type { Allocator } from "./allocator.ts";
import { BuddyAllocator } from "./buddy.ts";
import { BumpAllocator, type BumpOptions } from "./bump.ts";
import { FixedSizeBlockAllocator } from "./fixed_size_block.ts";
import type { HeapMemory } from "./heap_memory.ts";
import { LinkedListAllocator, type LinkedListPolicy, NAIVE_POLICY } from "./linked_list.ts";
import { SlabAllocator } from "./slab.ts";

/** The designs. `naive-linked-list` is the text's first one: see {@linkcode NAIVE_POLICY}. */
export const ALLOCATOR_KINDS = [
  "bump",
  "linked-list",
  "naive-linked-list",
  "fixed-size-blocks",
  "slab",
  "buddy",
] as const;

export type AllocatorKind = typeof ALLOCATOR_KINDS[number];

/** A design with its policy; linked lists and the fallback of the fixed-size blocks have one. */
export type AllocatorChoice =
  | AllocatorKind
  | ({ readonly kind: "bump" } & BumpOptions)
  | ({ readonly kind: "linked-list" | "naive-linked-list" } & Partial<LinkedListPolicy>)
  | { readonly kind: "fixed-size-blocks"; readonly fallback?: Partial<LinkedListPolicy> }
  | { readonly kind: "slab" | "buddy" };

/** What a policy may say. */
const POLICIES: Readonly<Record<string, readonly unknown[]>> = {
  fit: ["first", "best", "worst", "next"],
  order: ["address", "size", "recency"],
  coalesce: [true, false],
  padding: ["kept", "lost"],
};

/**
 * Makes an allocator that takes all of a heap.
 *
 * @throws {TypeError} If there is no such design or policy; the heap is unchanged.
 */
export function makeAllocator(choice: AllocatorChoice, memory: HeapMemory): Allocator {
  const { kind, ...options } = typeof choice === "string" ? { kind: choice } : { ...choice };
  switch (kind) {
    case "bump":
      checkOptions(kind, options, { freeLast: [true, false] });
      return new BumpAllocator(memory, options as BumpOptions);
    case "linked-list":
      checkOptions(kind, options, POLICIES);
      return new LinkedListAllocator(memory, options as Partial<LinkedListPolicy>);
    case "naive-linked-list":
      checkOptions(kind, options, POLICIES);
      return new LinkedListAllocator(memory, { ...NAIVE_POLICY, ...options });
    case "fixed-size-blocks": {
      const { fallback = {}, ...rest } = options as { fallback?: Partial<LinkedListPolicy> };
      checkOptions(kind, rest, {});
      checkOptions(`${kind}' fallback`, fallback, POLICIES);
      return new FixedSizeBlockAllocator(memory, fallback);
    }
    case "slab":
      checkOptions(kind, options, {});
      return new SlabAllocator(memory);
    case "buddy":
      checkOptions(kind, options, {});
      return new BuddyAllocator(memory);
    default:
      throw new TypeError(
        `There is no allocator "${String(kind)}": they are ${ALLOCATOR_KINDS.join(", ")}`,
      );
  }
}

function checkOptions(
  kind: string,
  options: object,
  known: Readonly<Record<string, readonly unknown[]>>,
): void {
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(known, name)) {
      const names = Object.keys(known).join(", ") || "none";
      throw new TypeError(`Cannot make a ${kind} allocator: no option ${name} (${names})`);
    }
    if (known[name].includes(value)) continue;
    throw new TypeError(
      `Cannot make a ${kind} allocator with ${name} = ${value}: ${known[name].join(", ")}`,
    );
  }
}
