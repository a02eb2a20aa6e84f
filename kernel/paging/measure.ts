/** What each way to reach the page tables costs, measured on a running kernel. */
import { AddressSpace } from "./address_space.ts";
import type { AccessCost } from "./install.ts";
import type { KernelMemory } from "./kernel_memory.ts";
import { Page } from "./page.ts";
import type { AccessCounters, AccessName } from "./page_table_access.ts";
import { PageTableFlags } from "./page_table_flags.ts";
import { expect, type MapToError } from "./results.ts";

/** Accesses of one operation. */
export type OperationCost = Readonly<Pick<AccessCounters, "loads" | "stores" | "flushes">>;

export interface AccessMeasure {
  readonly kind: "measured";
  readonly name: AccessName;
  /** What setting it up took; nothing, if it was set up before. */
  readonly setUp: AccessCost;
  /** Translating an address in a page of 4 KiB that was translated just before. */
  readonly translate: OperationCost;
  /** Mapping a page that needs three new tables, without clearing them. */
  readonly mapWithTables: OperationCost;
  /** The same again in another address space. */
  readonly translateForeign: OperationCost;
}

/**
 * Makes the kernel use an access and measures it. The page and the address space that it makes for
 * it are gone afterwards; its tables stay.
 *
 * @param probe A page whose level 4 entry is unused.
 * @returns The numbers, or why the access cannot be set up or used.
 * @throws {PagingFailed} If the probe is mapped.
 */
export function measureAccess(
  memory: KernelMemory,
  name: AccessName,
  probe = 0x4000_0000_0000n,
): AccessMeasure | MapToError {
  const installed = memory.use(name);
  if (installed.kind !== "installed") return installed;
  const { mapper, frames, addressSpace } = memory;
  const space = addressSpace.create(frames);
  if (!(space instanceof AddressSpace)) return space;
  const frame = frames.allocateFrame();
  if (frame === undefined) return { kind: "FrameAllocationFailed" };
  const page = Page.fromStartAddress(probe);
  const flags = PageTableFlags.PRESENT | PageTableFlags.WRITABLE;
  const mapWithTables = memory.access.during(() =>
    expect(mapper.mapTo(page, frame, flags, frames), "measureAccess").flush()
  );
  mapper.translate(page.start);
  const translate = memory.access.during(() => mapper.translate(page.start));
  expect(space.mapper.mapTo(page, frame, flags, frames), "measureAccess").ignore();
  frames.share(frame);
  space.mapper.translate(page.start);
  const translateForeign = memory.access.during(() => space.mapper.translate(page.start));
  space.destroy(frames);
  expect(mapper.unmap(page), "measureAccess").flush.flush();
  frames.deallocateFrame(frame);
  mapper.removeTables([page.index(4)], frames);
  return {
    kind: "measured",
    name,
    setUp: installed.cost,
    translate,
    mapWithTables,
    translateForeign,
  };
}
