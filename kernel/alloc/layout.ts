/** The size and alignment of a request, and what happens when it cannot be met. */

/** What a caller asks for. */
export interface Layout {
  /** In bytes, at least 1. */
  readonly size: number;
  /** A power of two. */
  readonly align: number;
}

/** A request that no free memory can meet. The message is what the kernel's panic prints. */
export class AllocError extends Error {
  override readonly name = "AllocError";

  constructor(readonly layout: Layout) {
    super(`allocation error: ${layoutText(layout)}`);
  }
}

/** As Rust prints it. */
export function layoutText({ size, align }: Layout): string {
  return `Layout { size: ${size}, align: ${align} }`;
}

/**
 * Checks that a request can be asked at all; whether it can be met is another question.
 *
 * @throws {RangeError} If the size is not a whole number from 1, or the alignment no power of two.
 */
export function checkLayout(size: number, align: number): void {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new RangeError(
      `Cannot allocate ${size} bytes: not a whole number from 1 (what is empty needs no memory)`,
    );
  }
  if (!Number.isSafeInteger(align) || align < 1 || !Number.isInteger(Math.log2(align))) {
    throw new RangeError(`Cannot allocate with alignment ${align}: not a power of two`);
  }
}
