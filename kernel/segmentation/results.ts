/** What the segmentation lab tells: programs, holes, and how things ended. */

/** A program in memory. */
export interface Instance {
  readonly kind: "instance";
  readonly id: number;
  /** Base of its segments: where it is in physical memory. */
  readonly offset: number;
  /** In bytes. */
  readonly size: number;
  /** Selectors of its segments. */
  readonly code: number;
  readonly data: number;
}

/** Free memory between programs. */
export interface Hole {
  readonly offset: number;
  readonly size: number;
}

/** No hole is large enough. When `free` is: external fragmentation. */
export interface DoesNotFit {
  readonly kind: "DoesNotFit";
  readonly needed: number;
  /** All holes together. */
  readonly free: number;
  readonly largestHole: number;
}

/** The wanted place is not free. */
export interface Occupied {
  readonly kind: "Occupied";
}

/** How a program gave control back. */
export type RunOutcome =
  /** It said so. `value` is its EAX. */
  | { readonly kind: "done"; readonly value: number }
  /** The CPU stopped it. `eip` is the offset of the instruction. */
  | {
    readonly kind: "fault";
    readonly vector: number;
    readonly errorCode: number;
    readonly eip: number;
  }
  /** It would not come back. */
  | { readonly kind: "budget" };

/** What compaction did. */
export interface Compaction {
  readonly moves: readonly { readonly id: number; readonly from: number; readonly to: number }[];
  readonly bytesMoved: number;
  /** Instructions that it took, in which no program ran. */
  readonly instructions: number;
}
