/** The text display as a person sees it. */
import { vgaFont } from "./devices/vga_font.ts";
import type { TextScreen, VgaText } from "./devices/vga_text.ts";
import { decodeCp437 } from "./views/cp437.ts";
import { type MimeBundle, Picture } from "./views/display.ts";
import { screenSvg, screenTitle } from "./views/screen_svg.ts";
import { screenText } from "./views/screen_text.ts";

/** What is on the screen now; every call looks again. */
export class Screen {
  readonly #vga: VgaText;

  constructor(vga: VgaText) {
    this.#vga = vga;
  }

  /** Cells, cursor, palette: for pictures. */
  snapshot(): TextScreen {
    return this.#vga.snapshot();
  }

  /** The lines without trailing blanks, as Unicode. Always as many as the screen has rows. */
  lines(): string[] {
    const { cells, columns, rows } = this.snapshot();
    return Array.from({ length: rows }, (_, row) => {
      const line = cells.subarray(row * columns, (row + 1) * columns);
      return decodeCp437(Uint8Array.from(line, (cell) => cell & 0xff)).trimEnd();
    });
  }

  /** The lines joined, without the empty ones at the end. */
  text(): string {
    return this.lines().join("\n").trimEnd();
  }

  /** The screen of this moment, as the display draws it. */
  picture(): Picture {
    const snapshot = this.snapshot();
    const lines = this.lines();
    const { columns, rows } = snapshot;
    return new Picture({
      svg: () => screenSvg(snapshot, vgaFont(), screenTitle(lines.join("\n"))),
      text: (options) => screenText(lines.join("\n"), columns, rows, options),
    });
  }

  /** The screen as a picture, for notebooks. */
  [Symbol.for("Jupyter.display")](): MimeBundle {
    const { svg, text } = this.picture();
    return { "image/svg+xml": svg, "text/plain": text };
  }

  /** The screen in a frame, for consoles. */
  [Symbol.for("Deno.customInspect")](): string {
    const { columns, rows } = this.snapshot();
    return screenText(this.lines().join("\n"), columns, rows);
  }

  /** Whether the text has a part. */
  contains(part: string | RegExp): boolean {
    const text = this.text();
    return typeof part === "string" ? text.includes(part) : part.test(text);
  }
}
