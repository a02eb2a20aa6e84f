/** The invariants of free lists, checked in guest bytes. */
import type { HeapProblem } from "./allocator.ts";
import { HeapCorruptedError, type HeapMemory, NONE } from "./heap_memory.ts";

/** What a list promises. */
export interface ListPromises {
  readonly order: "address" | "size" | "recency";
  readonly coalesce: boolean;
}

/** One that is made of the 64-bit word at an offset. */
export function badWord(memory: HeapMemory, offset: number, what: string): HeapProblem {
  const { address, message } = new HeapCorruptedError(
    memory.addressOf(offset),
    memory.long(offset),
    what,
  );
  return { kind: "bad list", address, text: message };
}

/**
 * Follows 64-bit pointers through guest memory, each checked in full.
 *
 * @param next Offset of the pointer within a node.
 * @param most More nodes than this are a circle.
 * @returns The nodes up to the first that is wrong, and what was wrong.
 */
export function followList(
  memory: HeapMemory,
  head: number,
  next: number,
  most: number,
): { nodes: number[]; problem: HeapProblem | undefined } {
  const nodes: number[] = [];
  for (let node = head; node !== NONE;) {
    nodes.push(node);
    const pointer = memory.long(node + next);
    if (pointer === 0n) break;
    const bad = (what: string) => ({ nodes, problem: badWord(memory, node + next, what) });
    const target = memory.offsetOf(pointer);
    if (target === NONE) return bad("no address in the heap");
    if (target % 8 !== 0) return bad("not aligned to 8 bytes");
    if (nodes.length > most) return bad("in a list that runs in a circle");
    node = target;
  }
  return { nodes, problem: undefined };
}

/** Checks a list of regions (size, next). */
export function verifyList(
  memory: HeapMemory,
  head: number,
  { order, coalesce }: ListPromises,
): HeapProblem[] {
  const { nodes, problem } = followList(memory, head, 8, memory.size / 16);
  if (problem !== undefined) return [problem];
  const problems: HeapProblem[] = [];
  const sizes = nodes.map((node) => memory.long(node));
  nodes.forEach((node, i) => {
    const size = sizes[i];
    if (size < 16n || size % 8n !== 0n) {
      problems.push(badWord(memory, node, "no size of a region"));
    } else if (BigInt(node) + size > BigInt(memory.size)) {
      problems.push(badWord(memory, node, "the size of a region that leaves the heap"));
    }
    if (i === 0) return;
    const sorted = order === "recency" ||
      (order === "address" ? nodes[i - 1] < node : sizes[i - 1] <= size);
    if (!sorted) problems.push(badWord(memory, node, `in the wrong place by ${order}`));
  });
  const byAddress = nodes.map((node, i) => ({ node, end: BigInt(node) + sizes[i] }))
    .sort((a, b) => a.node - b.node);
  for (let i = 1; i < byAddress.length; i++) {
    const { node } = byAddress[i];
    const { end } = byAddress[i - 1];
    if (end > node) problems.push(badWord(memory, node, "the size of a region that overlaps one"));
    else if (coalesce && end === BigInt(node)) {
      problems.push(badWord(memory, node, "the size of a region that was not joined"));
    }
  }
  return problems;
}
