/**
 * A program's address space: its code, its data and its stack, for ring 3, beside the kernel's
 * part, which is mapped but not for ring 3.
 *
 * ```text
 * 0x400_0000_0000  code   readable, executable
 * 0x400_1000_0000  data   writable, one page, zero
 * 0x400_2000_0000  stack  writable, four pages below this; nothing below them
 * ```
 */
import type { Kernel } from "../kernel.ts";
import { AddressSpace } from "../paging/address_space.ts";
import { Page, PAGE_SIZE, type PhysFrame } from "../paging/page.ts";
import { PageTableFlags } from "../paging/page_table_flags.ts";

export const USER = {
  CODE: 0x400_0000_0000,
  DATA: 0x400_1000_0000,
  STACK_END: 0x400_2000_0000,
} as const;

const DATA_BYTES = PAGE_SIZE.SIZE_4_KIB;
const STACK_BYTES = 4 * PAGE_SIZE.SIZE_4_KIB;
const { PRESENT, WRITABLE, USER_ACCESSIBLE, NO_EXECUTE } = PageTableFlags;
const CODE_FLAGS = PRESENT | USER_ACCESSIBLE;
const DATA_FLAGS = PRESENT | USER_ACCESSIBLE | WRITABLE | NO_EXECUTE;

/**
 * Makes an address space with a program in it.
 *
 * @returns `undefined` if the frames ran out; nothing is kept then.
 */
export function createUserSpace(
  kernel: Kernel,
  kernelSpace: AddressSpace,
  program: Uint8Array,
): AddressSpace | undefined {
  const { frames } = kernel.memory;
  const space = kernelSpace.create(frames);
  if (!(space instanceof AddressSpace)) return undefined;
  const areas = [
    { start: USER.CODE, size: program.length, flags: CODE_FLAGS, bytes: program },
    { start: USER.DATA, size: DATA_BYTES, flags: DATA_FLAGS, bytes: undefined },
    {
      start: USER.STACK_END - STACK_BYTES,
      size: STACK_BYTES,
      flags: DATA_FLAGS,
      bytes: undefined,
    },
  ];
  for (const { start, size, flags, bytes } of areas) {
    for (let at = 0; at < size; at += PAGE_SIZE.SIZE_4_KIB) {
      const frame = frames.allocateFrame();
      const page = Page.fromStartAddress(start + at);
      const mapped = frame && space.mapper.mapTo(page, frame, flags, frames);
      if (mapped?.kind !== "flush") {
        if (frame !== undefined) frames.deallocateFrame(frame);
        space.destroy(frames);
        return undefined;
      }
      mapped.ignore();
      fill(kernel, frame!, bytes?.subarray(at, at + PAGE_SIZE.SIZE_4_KIB));
    }
  }
  return space;
}

/** Writes a frame: the bytes, then zeros. */
function fill(kernel: Kernel, frame: PhysFrame, bytes: Uint8Array = new Uint8Array(0)): void {
  const page = new Uint8Array(PAGE_SIZE.SIZE_4_KIB);
  page.set(bytes);
  const words = new BigUint64Array(page.buffer);
  kernel.memory.mapper.withFrame(frame, (address) => {
    words.forEach((word, i) => kernel.cpu.store64(address + BigInt(8 * i), word));
  });
}

/** Whether a program may read all of a range: every page of it is there, and for ring 3. */
export function isUserRange(space: AddressSpace, address: bigint, length: number): boolean {
  if (address < BigInt(USER.CODE) || address + BigInt(length) > BigInt(USER.STACK_END)) {
    return false;
  }
  for (const page of Page.range(address, address + BigInt(length))) {
    const found = space.mapper.translate(page.start);
    if (found.kind !== "mapped" || (found.flags & USER_ACCESSIBLE) === 0n) return false;
  }
  return true;
}
