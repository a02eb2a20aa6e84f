/**
 * `println!`'s format strings: `{}` `{:?}` `{:x}` `{:#x}` `{:08b}` `{:>5}` `{0}`, and `{{` `}}`.
 *
 * @example
 * ```ts
 * import { format } from "./format.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(format("x = {}, {:#06x}", 5, 255n), "x = 5, 0x00ff");
 * ```
 */

/** {{, }}, or a hole: position, fill and alignment, #, 0, width, kind. */
const HOLE = /\{\{|\}\}|\{(\d*)(?::(?:(.?)([<^>]))?(#?)(0?)(\d*)([?xXbo]?))?\}/g;

const RADIX: Readonly<Record<string, readonly [radix: number, prefix: string]>> = {
  x: [16, "0x"],
  X: [16, "0x"],
  b: [2, "0b"],
  o: [8, "0o"],
};

/**
 * Fills the holes of a format string. Without arguments the text is taken as it is.
 *
 * @throws {TypeError} If a hole has no argument, an argument no hole, or one is no whole number
 * where a radix is asked for.
 */
export function format(text: string, ...args: readonly unknown[]): string {
  if (args.length === 0) return text;
  let next = 0;
  const used = new Set<number>();
  const result = text.replace(HOLE, (hole, position, fill, align, sharp, zero, width, kind) => {
    if (hole === "{{") return "{";
    if (hole === "}}") return "}";
    const index = position ? Number(position) : next++;
    if (index >= args.length) throw new TypeError(`Cannot format "${text}": ${hole} has no value`);
    used.add(index);
    const shown = show(args[index], kind ?? "", sharp === "#", zero ? Number(width) : 0);
    return pad(shown, zero ? 0 : Number(width ?? 0), fill || " ", align);
  });
  if (used.size < args.length) {
    throw new TypeError(`Cannot format "${text}": ${args.length - used.size} values have no place`);
  }
  return result;
}

function show(value: unknown, kind: string, prefixed: boolean, digits: number): string {
  if (kind === "?") return debug(value);
  if (kind === "" && (digits === 0 || typeof value === "string")) return String(value);
  if (typeof value !== "bigint" && !Number.isInteger(value)) {
    throw new TypeError(`Cannot format ${String(value)}: not a whole number`);
  }
  const number = value as number | bigint;
  const [radix, mark] = RADIX[kind] ?? [10, ""];
  const prefix = prefixed ? mark : "";
  const plain = (number < 0 ? -number : number).toString(radix);
  const cased = kind === "X" ? plain.toUpperCase() : plain;
  const sign = number < 0 ? "-" : "";
  return sign + prefix + cased.padStart(digits - prefix.length - sign.length, "0");
}

function debug(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(debug).join(", ")}]`;
  return String(value);
}

function pad(text: string, width: number, fill: string, align: string | undefined): string {
  const room = width - text.length;
  if (room <= 0) return text;
  const left = align === ">" ? room : align === "^" ? room >> 1 : 0;
  return fill.repeat(left) + text + fill.repeat(room - left);
}
