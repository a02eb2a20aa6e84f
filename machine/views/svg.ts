/**
 * SVG in small pieces. A picture is a string; the same data gives the same string.
 *
 * Every picture stands on its own light card, so that it can be read on a light and on a dark
 * page. There are no style sheets and no identifiers, which would leak out of a picture into the
 * page around it, and nothing is measured: a character of the fixed-width font is taken to be
 * {@linkcode CHARACTER} wide.
 */

/** Colours by meaning: `fill` of a surface, `line` around it and for text in that tone. */
export const TONES = {
  plain: { fill: "#ffffff", line: "#6e7781" },
  free: { fill: "#f6f8fa", line: "#afb8c1" },
  blue: { fill: "#ddf4ff", line: "#0969da" },
  green: { fill: "#dafbe1", line: "#1a7f37" },
  yellow: { fill: "#fff8c5", line: "#9a6700" },
  orange: { fill: "#ffe8d6", line: "#bc4c00" },
  red: { fill: "#ffebe9", line: "#cf222e" },
  purple: { fill: "#fbefff", line: "#8250df" },
} as const;

export type Tone = keyof typeof TONES;

/** Tones to tell things apart by number: programs, levels, owners. */
export const SERIES: readonly Tone[] = ["blue", "green", "yellow", "purple", "orange"];

const INK = "#1f2328";
const QUIET = "#57606a";
const CARD = { fill: "#ffffff", line: "#d0d7de" } as const;
const FONT = "ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace";

/** Size of the font and width of one of its characters, in pixels. */
export const FONT_SIZE = 12;
export const CHARACTER = 7.25;
/** From one line of text to the next. */
export const LINE = 16;
/** Around a picture, within its card. */
export const MARGIN = 16;

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** Makes text safe inside of an element or a quoted attribute. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)
    // deno-lint-ignore no-control-regex
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f]/g, "�");
}

/** An element; attributes that are `undefined` are left out, numbers have two decimals at most. */
export function element(name: string, attributes: Attributes, ...children: string[]): string {
  const list = Object.entries(attributes).filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escapeXml(number(value!))}"`).join("");
  return children.length === 0
    ? `<${name}${list}/>`
    : `<${name}${list}>${children.join("")}</${name}>`;
}

function number(value: string | number): string {
  return typeof value === "string" ? value : String(Math.round(value * 100) / 100);
}

/** How {@linkcode label} writes. */
export interface LabelOptions {
  readonly anchor?: "start" | "middle" | "end" | undefined;
  readonly tone?: Tone | undefined;
  readonly quiet?: boolean | undefined;
  readonly bold?: boolean | undefined;
  readonly size?: number | undefined;
}

/** Text with its base line at `y`. */
export function label(x: number, y: number, text: string, options: LabelOptions = {}): string {
  const { anchor, tone, quiet, bold, size } = options;
  return element("text", {
    x,
    y,
    "text-anchor": anchor === "start" ? undefined : anchor,
    fill: tone !== undefined ? TONES[tone].line : quiet === true ? QUIET : undefined,
    "font-weight": bold === true ? "bold" : undefined,
    "font-size": size,
    "xml:space": /^ | $| {2}/.test(text) ? "preserve" : undefined,
  }, escapeXml(text));
}

/** A rectangle in a tone; `free` ones have a broken line. */
export function box(
  x: number,
  y: number,
  width: number,
  height: number,
  tone: Tone = "plain",
  radius = 3,
): string {
  const { fill, line } = TONES[tone];
  return element("rect", {
    x,
    y,
    width,
    height,
    rx: radius === 0 ? undefined : radius,
    fill,
    stroke: line,
    "stroke-dasharray": tone === "free" ? "3 2" : undefined,
  });
}

/** A straight line. */
export function line(x1: number, y1: number, x2: number, y2: number, tone: Tone = "free"): string {
  return element("path", { d: path(["M", x1, y1], ["L", x2, y2]), stroke: TONES[tone].line });
}

/** A curve from left to right (or back) that ends in an arrow head at `x2`, `y2`. */
export function arrow(x1: number, y1: number, x2: number, y2: number, tone: Tone): string {
  const end = x2 - 6;
  const bend = Math.max(12, Math.abs(end - x1) / 2);
  const curve = path(["M", x1, y1], ["C", x1 + bend, y1, end - bend, y2, end, y2]);
  return arrowWith(curve, path(["M", x2, y2], ["l", -7, -4], ["v", 8], ["z"]), tone);
}

/** A straight arrow downwards. */
export function arrowDown(x: number, y1: number, y2: number, tone: Tone): string {
  const head = path(["M", x, y2], ["l", -4, -7], ["h", 8], ["z"]);
  return arrowWith(path(["M", x, y1], ["V", y2 - 6]), head, tone);
}

function arrowWith(curve: string, head: string, tone: Tone): string {
  const stroke = TONES[tone].line;
  return element("path", { d: curve, fill: "none", stroke, "stroke-width": 1.5 }) +
    element("path", { d: head, fill: stroke });
}

/** Path data. */
export function path(...steps: readonly (readonly [string, ...number[]])[]): string {
  return steps.map(([letter, ...values]) => letter + values.map(number).join(" ")).join("");
}

/** Width of a text in the fixed-width font. */
export function widthOf(text: string): number {
  return [...text].length * CHARACTER;
}

/** Cuts a text to a width, marking the cut. */
export function fitText(text: string, width: number): string {
  const room = Math.max(0, Math.floor(width / CHARACTER));
  const characters = [...text];
  if (characters.length <= room) return text;
  return room < 2 ? "" : `${characters.slice(0, room - 1).join("")}…`;
}

/** Breaks a text into lines at spaces. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}

/**
 * A whole picture on its card.
 *
 * @param width,height Of the content, which begins at {@linkcode MARGIN}; the card adds a margin.
 * @param title What it shows, for those who cannot see it, and as its headline.
 */
export function card(width: number, height: number, title: string, body: string): string {
  const full = { width: Math.ceil(width + 2 * MARGIN), height: Math.ceil(height + 2 * MARGIN) };
  return document(
    full.width,
    full.height,
    title,
    [
      element("rect", {
        x: 0.5,
        y: 0.5,
        width: full.width - 1,
        height: full.height - 1,
        rx: 6,
        fill: CARD.fill,
        stroke: CARD.line,
      }),
      element("g", { "font-family": FONT, "font-size": FONT_SIZE, fill: INK }, body),
    ].join("\n"),
  );
}

/** The SVG element itself: as wide as it is drawn, or as its place allows. */
export function document(width: number, height: number, title: string, body: string): string {
  return element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "img",
      style: "max-width:100%;height:auto",
    },
    `${element("title", {}, escapeXml(title))}\n${body}\n`,
  );
}
