/** A number taken apart: named fields with their bits and values. */
import { Picture } from "./display.ts";
import { paintFor, type TextOptions } from "./style.ts";
import { box, card, CHARACTER, fitText, label, MARGIN, type Tone } from "./svg.ts";

/** Some neighbouring bits. */
export interface BitField {
  readonly name: string;
  /** Highest and lowest bit. */
  readonly high: number;
  readonly low: number;
  /** What it means, for the text and below the field. */
  readonly meaning?: string | undefined;
  readonly tone?: Tone | undefined;
}

/** What is taken apart. */
export interface BitFields {
  readonly title: string;
  readonly value: number | bigint;
  /** From the highest bit to the lowest. */
  readonly fields: readonly BitField[];
  /** How values are written. Default: `hex` for more than one bit. */
  readonly decimal?: boolean | undefined;
}

const HEIGHT = 34;
const SMALLEST = 32;

/** A picture of a number's fields. */
export function bitFields(data: BitFields): Picture {
  return new Picture({
    svg: () => bitFieldsSvg(data),
    text: (options) => bitFieldsText(data, options),
  });
}

/** A number's fields as SVG: in a row, with their bits above and their meanings below. */
export function bitFieldsSvg(data: BitFields): string {
  const { title, fields } = data;
  const widths = fields.map((field) => {
    const { name, meaning = "" } = field;
    const longest = Math.max(name.length, valueText(data, field).length, meaning.length);
    const bits = field.high === field.low ? 2 : `${field.high}${field.low}`.length + 2;
    return Math.max(SMALLEST, (Math.max(longest, bits) + 1.5) * CHARACTER);
  });
  const width = Math.max(widths.reduce((sum, one) => sum + one, 0), title.length * CHARACTER);
  const parts = [label(MARGIN, MARGIN + 11, title, { bold: true })];
  const top = MARGIN + 42;
  let x = MARGIN;
  fields.forEach((field, i) => {
    const { name, high, low, meaning, tone } = field;
    const one = widths[i];
    const middle = { anchor: "middle", quiet: true, size: 10 } as const;
    if (high === low) parts.push(label(x + one / 2, top - 5, String(high), middle));
    else {
      parts.push(label(x + 3, top - 5, String(high), { quiet: true, size: 10 }));
      parts.push(label(x + one - 3, top - 5, String(low), { ...middle, anchor: "end" }));
    }
    parts.push(
      box(x, top, one, HEIGHT, tone ?? (fieldValue(data, field) === 0n ? "free" : "blue"), 0),
    );
    const centre = x + one / 2;
    parts.push(label(centre, top + 14, name, { anchor: "middle", quiet: true, size: 11 }));
    parts.push(
      label(centre, top + 28, valueText(data, field), { anchor: "middle", bold: true }),
    );
    if (meaning !== undefined) {
      parts.push(
        label(centre, top + HEIGHT + 14, fitText(meaning, one), {
          anchor: "middle",
          quiet: true,
          size: 11,
        }),
      );
    }
    x += one;
  });
  const below = fields.some(({ meaning }) => meaning !== undefined) ? 20 : 0;
  return card(width, top + HEIGHT + below - MARGIN, title, parts.join("\n"));
}

/** A number's fields as text, one a line. */
export function bitFieldsText(data: BitFields, options: TextOptions = {}): string {
  const paint = paintFor(options);
  const { title, fields } = data;
  const size = Math.max(...fields.map(({ name }) => name.length));
  return [
    paint("strong", title),
    ...fields.map((field) => {
      const { name, high, low, meaning } = field;
      const bits = (high === low ? `${high}` : `${high}:${low}`).padStart(6);
      const words = meaning === undefined ? "" : `  ${meaning}`;
      return `${paint("quiet", bits)}  ${paint("name", name.padEnd(size))}  ` +
        `${valueText(data, field)}${words}`;
    }),
  ].join("\n");
}

function fieldValue({ value }: BitFields, { high, low }: BitField): bigint {
  return BigInt(value) >> BigInt(low) & (1n << BigInt(high - low + 1)) - 1n;
}

function valueText(data: BitFields, field: BitField): string {
  const value = fieldValue(data, field);
  if (field.high === field.low || data.decimal === true) return String(value);
  return `0x${value.toString(16)}`;
}
