/** Paging: pages and frames, page tables and the five ways to them, address spaces, the labs. */
export {
  BootInfoFrameAllocator,
  createExampleMapping,
  EmptyFrameAllocator,
  type FrameAllocator,
  type FrameCounts,
  memoryMapText,
  translateAddr,
} from "../memory.ts";
export { CompletePhysicalAccess } from "./access/complete_physical.ts";
export { RecursiveAccess, recursiveTableAddress } from "./access/recursive.ts";
export { TemporaryAccess } from "./access/temporary.ts";
export { FIXED_OFFSET, FixedOffsetAccess, IdentityAccess } from "./access/window.ts";
export { AddressSpace } from "./address_space.ts";
export { type AccessCost, installAccess, type Installed } from "./install.ts";
export { ACCESS_NAMES, KernelMemory } from "./kernel_memory.ts";
export { Mapper } from "./mapper.ts";
export { FlushLedger, MapperFlush } from "./mapper_flush.ts";
export { type AccessMeasure, measureAccess } from "./measure.ts";
export {
  oneLevelTable,
  type PagedRegion,
  pagedRegion,
  placePaged,
  type TableModel,
  translatePaged,
  twoLevelTable,
} from "./models.ts";
export { Page, PAGE_SIZE, type PageSize, PhysFrame } from "./page.ts";
export { COPY_ON_WRITE, DEMAND, PageFaultRepair, promisePage } from "./page_fault_repair.ts";
export { type AccessName, PageTableAccess } from "./page_table_access.ts";
export { flagsText, PageTableFlags } from "./page_table_flags.ts";
export {
  expect as expectMapping,
  type MapToError,
  PagingFailed,
  type TranslateResult,
  type UnmapError,
} from "./results.ts";
export { buildWalkLab, WALK, type WalkLab } from "./walk_lab.ts";
