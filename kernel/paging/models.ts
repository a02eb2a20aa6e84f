/**
 * The arithmetic of the chapter on paging, without a machine: pages of any size, what they waste,
 * and how many entries tables of one and of two levels have.
 */

/** A region of memory in pages. */
export interface PagedRegion {
  readonly pages: number;
  /** What its pages hold, in bytes. */
  readonly occupied: number;
  /** Internal fragmentation: what is held but not used, in bytes. */
  readonly wasted: number;
}

/**
 * How many pages a region takes.
 *
 * @throws {RangeError} If a number is not whole, or the page's size is not positive.
 *
 * @example 101 bytes in pages of 50
 * ```ts
 * import { pagedRegion } from "./models.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * deepStrictEqual(pagedRegion(101, 50), { pages: 3, occupied: 150, wasted: 49 });
 * ```
 */
export function pagedRegion(bytes: number, pageSize: number): PagedRegion {
  check(bytes, 0, "bytes");
  check(pageSize, 1, "the page's size");
  const pages = Math.ceil(bytes / pageSize);
  return { pages, occupied: pages * pageSize, wasted: pages * pageSize - bytes };
}

/** A mapping of pages to frames: start addresses of both. */
export type PageTableModel = ReadonlyMap<number, number>;

/**
 * Gives a program of some size frames, wherever there are free ones: what segmentation cannot.
 *
 * @param free Start addresses of the free frames; those that are taken are removed.
 * @returns The program's page table, or `undefined` when there are too few frames.
 */
export function placePaged(
  bytes: number,
  pageSize: number,
  free: number[],
): PageTableModel | undefined {
  const { pages } = pagedRegion(bytes, pageSize);
  if (free.length < pages) return undefined;
  return new Map(free.splice(0, pages).map((frame, page) => [page * pageSize, frame]));
}

/** Where a program's page table leads an address. @returns `undefined` where nothing is mapped. */
export function translatePaged(
  table: PageTableModel,
  pageSize: number,
  address: number,
): number | undefined {
  const offset = address % pageSize;
  const frame = table.get(address - offset);
  return frame === undefined ? undefined : frame + offset;
}

/** The size of a program's tables. */
export interface TableModel {
  /** Entries of all tables, empty ones too. */
  readonly entries: number;
  readonly used: number;
  readonly empty: number;
  /** Entries of each table by its name: `level 2`, `T1`, `T2`, … */
  readonly tables: readonly {
    readonly name: string;
    readonly entries: number;
    readonly used: number;
  }[];
}

/**
 * One table that reaches from address 0 up to the last page.
 *
 * @param pages Start addresses of the pages.
 * @throws {RangeError} If one is no multiple of the page's size.
 */
export function oneLevelTable(pages: readonly number[], pageSize: number): TableModel {
  checkPages(pages, pageSize);
  const entries = pages.length === 0 ? 0 : Math.max(...pages) / pageSize + 1;
  return model([{ name: "page table", entries, used: pages.length }]);
}

/**
 * A level 2 table up to the last region, and a level 1 table for each region that has pages.
 *
 * @param regionSize What one level 1 table is responsible for, in bytes.
 */
export function twoLevelTable(
  pages: readonly number[],
  pageSize: number,
  regionSize: number,
): TableModel {
  checkPages(pages, pageSize);
  checkPages([regionSize], pageSize);
  const regions = new Map<number, number>();
  for (const page of pages.toSorted((a, b) => a - b)) {
    const region = Math.floor(page / regionSize);
    regions.set(region, (regions.get(region) ?? 0) + 1);
  }
  const level2 = regions.size === 0 ? 0 : Math.max(...regions.keys()) + 1;
  return model([
    { name: "level 2", entries: level2, used: regions.size },
    ...[...regions.values()].map((used, index) => ({
      name: `T${index + 1}`,
      entries: regionSize / pageSize,
      used,
    })),
  ]);
}

function model(tables: TableModel["tables"]): TableModel {
  const entries = tables.reduce((sum, table) => sum + table.entries, 0);
  const used = tables.reduce((sum, table) => sum + table.used, 0);
  return { entries, used, empty: entries - used, tables };
}

function checkPages(pages: readonly number[], pageSize: number): void {
  check(pageSize, 1, "the page's size");
  for (const page of pages) {
    check(page, 0, "a page's address");
    if (page % pageSize !== 0) {
      throw new RangeError(`Cannot have a page at ${page}: not a multiple of ${pageSize}`);
    }
  }
}

function check(value: number, least: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`Cannot use ${value} as ${what}: not a whole number from ${least}`);
  }
}
