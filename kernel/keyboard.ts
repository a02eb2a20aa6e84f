/**
 * Scancodes of set 1 to key events, and key events to characters of a US keyboard.
 *
 * ```text
 *  make 0x1e, break 0x9e          a key: bit 7 says that it was released
 *  0xe0 0x48, 0xe0 0xc8           a key of the second group (arrows …)
 *  0xe1 0x1d 0x45 0xe1 0x9d 0xc5  pause
 * ```
 *
 * @see the `pc-keyboard` crate, whose names these are
 */

/** By scancode from 0; "" where there is none. */
const PLAIN =
  ("|Escape|Key1|Key2|Key3|Key4|Key5|Key6|Key7|Key8|Key9|Key0|OemMinus|OemPlus|Backspace|" +
    "Tab|Q|W|E|R|T|Y|U|I|O|P|Oem4|Oem6|Return|LControl|A|S|D|F|G|H|J|K|L|Oem1|Oem3|Oem8|LShift|" +
    "Oem7|Z|X|C|V|B|N|M|OemComma|OemPeriod|Oem2|RShift|NumpadMultiply|LAlt|Spacebar|CapsLock|" +
    "F1|F2|F3|F4|F5|F6|F7|F8|F9|F10|NumpadLock|ScrollLock|Numpad7|Numpad8|Numpad9|NumpadSubtract|" +
    "Numpad4|Numpad5|Numpad6|NumpadAdd|Numpad1|Numpad2|Numpad3|Numpad0|NumpadPeriod|SysRq||Oem5|" +
    "F11|F12").split("|");

/** After 0xe0. */
const EXTENDED: Readonly<Record<number, string>> = {
  0x1c: "NumpadEnter",
  0x1d: "RControl",
  0x35: "NumpadDivide",
  0x37: "PrintScreen",
  0x38: "RAltGr",
  0x47: "Home",
  0x48: "ArrowUp",
  0x49: "PageUp",
  0x4b: "ArrowLeft",
  0x4d: "ArrowRight",
  0x4f: "End",
  0x50: "ArrowDown",
  0x51: "PageDown",
  0x52: "Insert",
  0x53: "Delete",
  0x5b: "LWin",
  0x5c: "RWin",
  0x5d: "Apps",
};

/** Characters of a key: plain, with shift. */
const CHARACTERS: Readonly<Record<string, readonly [plain: string, shifted: string]>> = {
  Escape: ["\x1b", "\x1b"],
  Backspace: ["\b", "\b"],
  Tab: ["\t", "\t"],
  Return: ["\n", "\n"],
  Spacebar: [" ", " "],
  Delete: ["\x7f", "\x7f"],
  Oem8: ["`", "~"],
  OemMinus: ["-", "_"],
  OemPlus: ["=", "+"],
  Oem4: ["[", "{"],
  Oem6: ["]", "}"],
  Oem7: ["\\", "|"],
  Oem5: ["\\", "|"],
  Oem1: [";", ":"],
  Oem3: ["'", '"'],
  OemComma: [",", "<"],
  OemPeriod: [".", ">"],
  Oem2: ["/", "?"],
  NumpadDivide: ["/", "/"],
  NumpadMultiply: ["*", "*"],
  NumpadSubtract: ["-", "-"],
  NumpadAdd: ["+", "+"],
  NumpadEnter: ["\n", "\n"],
  ...Object.fromEntries([...")!@#$%^&*("].map((shifted, i) => [`Key${i}`, [`${i}`, shifted]])),
};

/** What the numeric pad means while Num Lock is off. */
const PAD: Readonly<Record<string, string>> = {
  Numpad0: "Insert",
  Numpad1: "End",
  Numpad2: "ArrowDown",
  Numpad3: "PageDown",
  Numpad4: "ArrowLeft",
  Numpad6: "ArrowRight",
  Numpad7: "Home",
  Numpad8: "ArrowUp",
  Numpad9: "PageUp",
  NumpadPeriod: "Delete",
};

/** A key that went down or up. */
export interface KeyEvent {
  /** A name of the `pc-keyboard` crate: `A`, `Key1`, `LShift`, `ArrowUp` … */
  readonly code: string;
  readonly down: boolean;
}

/** What a key means: a character, or itself. */
export type DecodedKey =
  | { readonly kind: "unicode"; readonly character: string }
  | { readonly kind: "raw"; readonly key: string };

/** Bits of the decoder's state. */
const STATE = {
  /** 0xe0 came. */
  EXTENDED: 1 << 0,
  LSHIFT: 1 << 1,
  RSHIFT: 1 << 2,
  LCONTROL: 1 << 3,
  RCONTROL: 1 << 4,
  CAPS: 1 << 5,
  /** Num Lock is off. */
  PAD_MOVES: 1 << 6,
  /** Bytes of the pause sequence that are still to come. */
  SKIP_SHIFT: 8,
  SKIP: 7 << 8,
} as const;

const MODIFIERS: Readonly<Record<string, number>> = {
  LShift: STATE.LSHIFT,
  RShift: STATE.RSHIFT,
  LControl: STATE.LCONTROL,
  RControl: STATE.RCONTROL,
};
const LOCKS: Readonly<Record<string, number>> = {
  CapsLock: STATE.CAPS,
  NumpadLock: STATE.PAD_MOVES,
};

/** Where the decoder keeps what it must remember: one number, 0 at first. */
export interface KeyboardState {
  value: number;
}

/** The decoder of one keyboard. */
export class Keyboard {
  readonly #state: KeyboardState;

  constructor(state: KeyboardState = { value: 0 }) {
    this.#state = state;
  }

  /** Takes a scancode byte. @returns A key event when one is complete. */
  addByte(byte: number): KeyEvent | undefined {
    const state = this.#state.value;
    const skip = state & STATE.SKIP;
    if (skip !== 0) {
      this.#state.value = state - (1 << STATE.SKIP_SHIFT);
      return skip === 1 << STATE.SKIP_SHIFT ? { code: "PauseBreak", down: true } : undefined;
    }
    if (byte === 0xe1) {
      this.#state.value = state | 5 << STATE.SKIP_SHIFT;
      return undefined;
    }
    if (byte === 0xe0) {
      this.#state.value = state | STATE.EXTENDED;
      return undefined;
    }
    const isExtended = (state & STATE.EXTENDED) !== 0;
    if (isExtended) this.#state.value = state & ~STATE.EXTENDED;
    const code = isExtended ? EXTENDED[byte & 0x7f] : PLAIN[byte & 0x7f];
    return code ? { code, down: byte < 0x80 } : undefined;
  }

  /** Follows shift, control and the locks. @returns What any other key that went down means. */
  processKeyEvent({ code, down }: KeyEvent): DecodedKey | undefined {
    const modifier = MODIFIERS[code];
    if (modifier !== undefined) {
      const state = this.#state.value;
      this.#state.value = down ? state | modifier : state & ~modifier;
      return undefined;
    }
    if (LOCKS[code] !== undefined) {
      if (down) this.#state.value ^= LOCKS[code];
      return undefined;
    }
    return down ? this.#meaning(code) : undefined;
  }

  #meaning(code: string): DecodedKey {
    const state = this.#state.value;
    const isShifted = (state & (STATE.LSHIFT | STATE.RSHIFT)) !== 0;
    const isCaps = (state & STATE.CAPS) !== 0;
    if (code.length === 1) {
      return unicode(isShifted === isCaps ? code.toLowerCase() : code);
    }
    if (code in PAD || code === "Numpad5") {
      if ((state & STATE.PAD_MOVES) === 0) {
        return unicode(code === "NumpadPeriod" ? "." : code.at(-1)!);
      }
      return PAD[code] === "Delete" ? unicode("\x7f") : { kind: "raw", key: PAD[code] ?? code };
    }
    const characters = CHARACTERS[code];
    return characters === undefined
      ? { kind: "raw", key: code }
      : unicode(characters[isShifted ? 1 : 0]);
  }
}

function unicode(character: string): DecodedKey {
  return { kind: "unicode", character };
}
