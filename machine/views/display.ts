/** Something worth looking at: SVG for notebooks, text for terminals. */
import type { TextOptions } from "./style.ts";

/** How a {@linkcode Picture} is drawn. Both are asked for only when somebody looks. */
export interface Drawing {
  readonly svg: () => string;
  readonly text: (options: TextOptions) => string;
}

/** What a notebook shows of a value: content by MIME type. */
export type MimeBundle = Readonly<Record<string, string>>;

/**
 * A picture of plain data, taken at one moment: it does not change when the machine runs on.
 *
 * As the last expression of a notebook's cell it is shown as SVG, in the REPL as text with
 * colours.
 */
export class Picture {
  readonly #drawing: Drawing;

  constructor(drawing: Drawing) {
    this.#drawing = drawing;
  }

  /** A whole SVG document. */
  get svg(): string {
    return this.#drawing.svg();
  }

  /** Plain text, without a line break at the end. */
  get text(): string {
    return this.#drawing.text({});
  }

  toString(): string {
    return this.text;
  }

  [Symbol.for("Jupyter.display")](): MimeBundle {
    return { "image/svg+xml": this.svg, "text/plain": this.text };
  }

  [Symbol.for("Deno.customInspect")](_inspect: unknown, options?: { colors?: boolean }): string {
    return this.#drawing.text({ colour: options?.colors ?? false });
  }
}
