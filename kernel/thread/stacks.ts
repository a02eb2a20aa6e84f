/**
 * Kernel stacks of threads: each in pages of its own, with a page below that is not mapped.
 *
 * They lie in the level-4 entry of the kernel's own stack, which all address spaces share.
 */
import type { Kernel } from "../kernel.ts";
import { Page } from "../paging/page.ts";
import { PageTableFlags } from "../paging/page_table_flags.ts";

const START = 0x140_0000_0000;
/** From one stack's guard page to the next one's. */
const STRIDE = 0x1_0000;
const PAGE = 0x1000;

/** Pages of a stack. */
export const STACK_PAGES = 4;

/** Where the stack of a thread is. */
export function stackOf(id: number): { readonly guard: number; start: number; end: number } {
  const guard = START + STRIDE * id;
  return { guard, start: guard + PAGE, end: guard + PAGE * (1 + STACK_PAGES) };
}

/**
 * Maps a thread's stack, if that was not done for an earlier thread of the number.
 *
 * @returns Whether there were frames enough.
 */
export function mapStack(kernel: Kernel, id: number): boolean {
  const { mapper, frames } = kernel.memory;
  const { start, end } = stackOf(id);
  const flags = PageTableFlags.PRESENT | PageTableFlags.WRITABLE | PageTableFlags.NO_EXECUTE;
  for (const page of Page.range(start, end)) {
    if (mapper.translateAddr(page.start) !== undefined) continue;
    const frame = frames.allocateFrame();
    const mapped = frame && mapper.mapTo(page, frame, flags, frames);
    if (mapped?.kind !== "flush") {
      if (frame !== undefined) frames.deallocateFrame(frame);
      return false;
    }
    mapped.ignore();
  }
  return true;
}
