/**
 * Snapshots as files.
 *
 * ```text
 * "ring0 snapshot\n"  u32 length of the header  header (JSON)  page numbers (u32)  pages
 * ```
 *
 * All after the first line is deflated.
 */
import { deflateSync, inflateSync } from "node:zlib";
import type { Snapshot } from "../mod.ts";

const MAGIC = new TextEncoder().encode("ring0 snapshot\n");

export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  const { pageNumbers, pages, ...rest } = snapshot;
  const header = new TextEncoder().encode(
    JSON.stringify({ ...rest, pageCount: pageNumbers.length }, replace),
  );
  const body = new Uint8Array(4 + header.length + pageNumbers.byteLength + pages.length);
  new DataView(body.buffer).setUint32(0, header.length, true);
  body.set(header, 4);
  const words = new Uint8Array(pageNumbers.buffer, pageNumbers.byteOffset, pageNumbers.byteLength);
  body.set(words, 4 + header.length);
  body.set(pages, 4 + header.length + words.length);
  const packed = deflateSync(body, { level: 1 });
  const bytes = new Uint8Array(MAGIC.length + packed.length);
  bytes.set(MAGIC);
  bytes.set(packed, MAGIC.length);
  return bytes;
}

/** @throws {TypeError} If the file is no snapshot. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) {
    throw new TypeError("Cannot read the snapshot: the file does not start as one");
  }
  const body = new Uint8Array(inflateSync(bytes.subarray(MAGIC.length)));
  const length = new DataView(body.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(body.subarray(4, 4 + length)), revive);
  const { pageCount, ...rest } = header;
  const start = 4 + length;
  return {
    ...rest,
    pageNumbers: new Uint32Array(body.slice(start, start + pageCount * 4).buffer),
    pages: body.slice(start + pageCount * 4),
  };
}

function replace(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return { $bigint: value.toString() };
  if (value === Infinity) return { $infinity: 1 };
  return value;
}

function revive(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ("$bigint" in value) return BigInt(String(value.$bigint));
  return "$infinity" in value ? Infinity : value;
}
