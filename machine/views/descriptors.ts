/** GDT and IDT as tables. */
import { hex } from "../arch/address.ts";
import { decodeDescriptor, SYSTEM_TYPE_NAMES } from "../arch/descriptor.ts";
import { decodeGate } from "../arch/gate.ts";
import { EXCEPTION_NAMES } from "./exception_names.ts";
import type { Grid, GridRow } from "./grid.ts";

/** A descriptor table's bytes and where they are. */
export interface DescriptorTable {
  readonly base: number | bigint;
  /** As the register has it: the last byte. */
  readonly limit: number;
  readonly bytes: Uint8Array;
  /** Whether system descriptors and gates have sixteen bytes. */
  readonly long: boolean;
}

/** Lists the descriptors of a GDT. */
export function gdtGrid(table: DescriptorTable): Grid {
  const { bytes, long } = table;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const rows: GridRow[] = [];
  let empty = 0;
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    const value = view.getBigUint64(at, true);
    const cells = [hex(at, 2)];
    if (value === 0n) {
      if (at === 0) rows.push({ cells: [...cells, "null"], tone: "free" });
      else empty++;
      continue;
    }
    const wide = long && (value >> 44n & 1n) === 0n && at + 16 <= bytes.length;
    const descriptor = decodeDescriptor(value, wide ? view.getBigUint64(at + 8, true) : 0n);
    const { kind, type, base, limit, dpl, present } = descriptor;
    rows.push({
      cells: [
        ...cells,
        kind === "system" ? SYSTEM_TYPE_NAMES[type] ?? `system type ${type}` : kind,
        hex(base),
        hex(limit),
        String(dpl),
        `${describe(kind, type, descriptor)}${present ? "" : " not present"}`,
      ],
      ...(present ? {} : { tone: "red" as const }),
    });
    if (wide) at += 8;
  }
  return {
    title: `GDT at ${hex(table.base)}, limit ${hex(table.limit)}`,
    columns: ["selector", "kind", "base", "limit", "DPL", ""],
    rows,
    note: rows.length === 0
      ? "It is not mapped."
      : empty === 0
      ? undefined
      : `${empty} ${empty === 1 ? "entry is" : "entries are"} empty.`,
  };
}

function describe(
  kind: string,
  type: number,
  { long, big }: { long: boolean; big: boolean },
): string {
  if (kind === "system") return "";
  const accessed = (type & 1) !== 0 ? " accessed" : "";
  const size = kind === "code" && long ? 64 : big ? 32 : 16;
  if (kind === "code") {
    const conforming = (type & 4) !== 0 ? " conforming" : "";
    return `${size}-bit ${(type & 2) !== 0 ? "r" : "-"}-x${conforming}${accessed}`;
  }
  const down = (type & 4) !== 0 ? " expand-down" : "";
  return `${size}-bit r${(type & 2) !== 0 ? "w" : "-"}-${down}${accessed}`;
}

/** Lists the gates of an IDT that are present; vectors without one are counted. */
export function idtGrid(table: DescriptorTable): Grid {
  const { bytes, long } = table;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = long ? 16 : 8;
  const rows: GridRow[] = [];
  const count = Math.min(256, Math.floor(bytes.length / size));
  for (let vector = 0; vector < count; vector++) {
    const low = view.getBigUint64(vector * size, true);
    const gate = decodeGate(low, long ? view.getBigUint64(vector * size + 8, true) : undefined);
    if (gate === undefined || !gate.present) continue;
    rows.push({
      cells: [
        String(vector),
        EXCEPTION_NAMES[vector] ?? (vector < 32 ? "reserved" : ""),
        gate.kind,
        `${hex(gate.selector)}:${hex(gate.offset)}`,
        String(gate.dpl),
        gate.istField === 0 ? "-" : String(gate.istField),
      ],
    });
  }
  return {
    title: `IDT at ${hex(table.base)}, limit ${hex(table.limit)}`,
    columns: ["vector", "of", "gate", "handler", "DPL", "IST"],
    rows,
    note: `${count - rows.length} of ${count} gates are not present.`,
  };
}
