/** Bytes as a hex dump. */
import { digits, paintFor, type TextOptions } from "./style.ts";

const PER_LINE = 16;

/**
 * Draws bytes in lines of 16, with their characters beside them.
 *
 * @param address Of the first byte. Lines begin at multiples of 16 of what is asked, not of memory.
 */
export function hexdump(
  bytes: Uint8Array,
  address: number | bigint = 0,
  options: TextOptions = {},
): string {
  const paint = paintFor(options);
  const start = BigInt(address);
  const last = start + BigInt(bytes.length);
  const count = last > 0xffff_ffffn ? 16 : 8;
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += PER_LINE) {
    const line = bytes.subarray(at, at + PER_LINE);
    const cells = Array.from(line, (byte) => digits(byte, 2));
    const hex = `${cells.slice(0, 8).join(" ")}  ${cells.slice(8).join(" ")}`.padEnd(48);
    const text = Array.from(line, (byte) => byte >= 0x20 && byte < 0x7f ? byte : 0x2e);
    lines.push(
      `${paint("quiet", digits(start + BigInt(at), count))}  ${hex}  ${
        paint("quiet", `|${String.fromCharCode(...text)}|`)
      }`,
    );
  }
  return lines.join("\n");
}
