/** What a terminal in raw mode sends, as keys of a PC keyboard. */

/** One press of keys held together, in order. */
export type Chord = readonly string[];

/** Sequences after ESC. */
const SEQUENCES: Readonly<Record<string, string>> = {
  "[A": "up",
  "[B": "down",
  "[C": "right",
  "[D": "left",
  "[H": "home",
  "[F": "end",
  "OH": "home",
  "OF": "end",
  "[2~": "insert",
  "[3~": "delete",
  "[5~": "pgup",
  "[6~": "pgdn",
  OP: "f1",
  OQ: "f2",
  OR: "f3",
  OS: "f4",
  "[15~": "f5",
  "[17~": "f6",
  "[18~": "f7",
  "[19~": "f8",
  "[20~": "f9",
  "[21~": "f10",
  "[23~": "f11",
  "[24~": "f12",
};

/** Ctrl-]: ends the run, as in telnet. */
export const QUIT = 0x1d;

/**
 * Reads a chunk of a terminal's input.
 *
 * @returns Text to type and chords to press, in order; `quit` when Ctrl-] is among them.
 */
export function terminalKeys(
  chunk: string,
): { readonly actions: (string | Chord)[]; readonly quit: boolean } {
  const actions: (string | Chord)[] = [];
  for (let i = 0; i < chunk.length; i++) {
    const code = chunk.charCodeAt(i);
    if (code === QUIT) return { actions, quit: true };
    if (code === 0x1b) {
      const name = Object.keys(SEQUENCES).find((sequence) => chunk.startsWith(sequence, i + 1));
      if (name !== undefined) {
        actions.push([SEQUENCES[name]]);
        i += name.length;
      } else actions.push(["esc"]);
    } else if (code === 0x7f || code === 0x08) actions.push(["backspace"]);
    else if (code === 0x0d || code === 0x0a) actions.push("\n");
    else if (code === 0x09) actions.push("\t");
    else if (code > 0 && code <= 0x1a) {
      actions.push(["ctrl", String.fromCharCode(code + 0x60)]);
    } else if (code >= 0x20 && code < 0x7f) actions.push(chunk[i]);
  }
  return { actions, quit: false };
}
