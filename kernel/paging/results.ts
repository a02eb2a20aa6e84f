/** What the operations of a mapper can give back, one union each; `kind` tells which. */
import type { PhysAddr } from "../../machine/mod.ts";
import type { MapperFlush } from "./mapper_flush.ts";
import type { Level, PhysFrame } from "./page.ts";
import type { Flags } from "./page_table_flags.ts";

/** No frame is left for a page table. */
export interface FrameAllocationFailed {
  readonly kind: "FrameAllocationFailed";
}

/** An entry above the page's level maps a huge page that the page is a part of. */
export interface ParentEntryHugePage {
  readonly kind: "ParentEntryHugePage";
  /** Of the table that has the entry. */
  readonly level: Level;
}

/** The page is mapped already. */
export interface PageAlreadyMapped {
  readonly kind: "PageAlreadyMapped";
  readonly frame: PhysFrame;
}

/** A huge page is to be mapped where a table of smaller pages is. */
export interface SmallerPagesInTheWay {
  readonly kind: "SmallerPagesInTheWay";
  /** The table's frame. */
  readonly table: PhysFrame;
}

/** Nothing is mapped there, or a page of a smaller size. */
export interface PageNotMapped {
  readonly kind: "PageNotMapped";
  /** Level of the table whose entry is not present. */
  readonly level: Level;
}

/** The entry of a huge page has address bits below its size set; the CPU refuses it. */
export interface InvalidFrameAddress {
  readonly kind: "InvalidFrameAddress";
  readonly address: PhysAddr;
}

export type MapToError =
  | PageAlreadyMapped
  | ParentEntryHugePage
  | SmallerPagesInTheWay
  | FrameAllocationFailed;

export type UnmapError = PageNotMapped | ParentEntryHugePage | InvalidFrameAddress;

export type FlagUpdateError = PageNotMapped | ParentEntryHugePage;

/** An unmapped page: its frame is free now, once the promise is settled. */
export interface Unmapped {
  readonly kind: "unmapped";
  readonly frame: PhysFrame;
  readonly flush: MapperFlush;
}

/** Where an address leads. */
export interface Mapped {
  readonly kind: "mapped";
  readonly physical: PhysAddr;
  /** The frame that the page is mapped to: its size is the page's. */
  readonly frame: PhysFrame;
  /** From the start of the frame, in bytes. */
  readonly offset: number;
  readonly flags: Flags;
}

export type TranslateResult = Mapped | PageNotMapped | InvalidFrameAddress;

/** Any failed operation. */
export type PagingError = MapToError | UnmapError;

/** Thrown by {@linkcode expect}. */
export class PagingFailed extends Error {
  override readonly name = "PagingFailed";

  constructor(message: string, override readonly cause: PagingError) {
    super(`${message}: ${cause.kind}`);
  }
}

/**
 * Takes the good part of a result, for code that cannot go on without it.
 *
 * @throws {PagingFailed} If it is an error.
 */
export function expect<T extends { readonly kind: string }>(
  result: T,
  message: string,
): Exclude<T, PagingError> {
  if (GOOD.has(result.kind)) return result as Exclude<T, PagingError>;
  throw new PagingFailed(message, result as unknown as PagingError);
}

const GOOD: ReadonlySet<string> = new Set(["flush", "unmapped", "mapped"]);
