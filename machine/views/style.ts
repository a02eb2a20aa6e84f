/** Colours of the text views. A view is plain text unless it is asked for colours. */
import { styleText } from "node:util";

/** What all text views can be told. */
export interface TextOptions {
  /** Whether to use ANSI colours. Default false. */
  readonly colour?: boolean;
}

/** The parts of a picture that have a colour of their own. */
const STYLES = {
  /** Labels, rulers. */
  quiet: "gray",
  /** What the eye looks for. */
  strong: "bold",
  good: "green",
  bad: "red",
  name: "cyan",
} as const;

/** Colours a text, or leaves it. */
export type Paint = (style: keyof typeof STYLES, text: string) => string;

/** The {@linkcode Paint} for a view's options. */
export function paintFor({ colour = false }: TextOptions): Paint {
  return (style, text) => colour ? styleText(STYLES[style], text, { validateStream: false }) : text;
}

/** Digits without prefix, grouped by nobody: `00000000000b8000`. */
export function digits(value: number | bigint, count: number): string {
  return BigInt.asUintN(64, BigInt(value)).toString(16).padStart(count, "0");
}
