/** Scancode set 1 to keys and characters, byte by byte. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Keyboard, keyText } from "../../mod.ts";

/** Feeds bytes. @returns What the keys mean, joined by blanks. */
function decode(...bytes: number[]): string {
  const keyboard = new Keyboard();
  return bytes.flatMap((byte) => {
    const event = keyboard.addByte(byte);
    const key = event && keyboard.processKeyEvent(event);
    return key === undefined ? [] : [keyText(key)];
  }).join(" ");
}

const SHIFT = 0x2a;
const RIGHT_SHIFT = 0x36;
const CAPS = 0x3a;
const NUM = 0x45;
const off = (make: number) => make | 0x80;

const CASES: readonly [name: string, bytes: number[], result: string][] = [
  ["a key, its break says nothing", [0x1e, 0x9e], "a"],
  ["the row of digits", [2, 3, 4, 5, 6, 7, 8, 9, 10, 11], "1 2 3 4 5 6 7 8 9 0"],
  ["shift", [SHIFT, 0x1e, 2, off(SHIFT), 0x1e], "A ! a"],
  ["the right shift", [RIGHT_SHIFT, 0x1e, 0x33, off(RIGHT_SHIFT), 0x33], "A < ,"],
  ["both shifts, one released", [SHIFT, RIGHT_SHIFT, off(SHIFT), 0x1e], "A"],
  ["caps lock: letters only", [CAPS, off(CAPS), 0x1e, 2, CAPS, off(CAPS), 0x1e], "A 1 a"],
  ["caps lock and shift cancel", [CAPS, off(CAPS), SHIFT, 0x1e, 2], "a !"],
  [
    "shifted signs",
    [SHIFT, 0x0c, 0x0d, 0x1a, 0x1b, 0x27, 0x28, 0x29, 0x2b, 0x35],
    '_ + { } : " ~ | ?',
  ],
  [
    "arrows",
    [0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0x4b, 0xe0, 0x4d, 0xe0, 0x50],
    "ArrowUp ArrowLeft ArrowRight ArrowDown",
  ],
  ["the prefix counts for one key", [0xe0, 0x48, 0x48], "ArrowUp 8"],
  ["the pad with Num Lock", [0x47, 0x53, 0xe0, 0x1c], "7 . \n"],
  ["the pad without", [NUM, off(NUM), 0x47, 0x48, 0x4c, 0x53], "Home ArrowUp Numpad5 \x7f"],
  ["function keys", [0x3b, 0x44, 0x57, 0x58], "F1 F10 F11 F12"],
  ["pause", [0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, 0x1e], "PauseBreak a"],
  ["enter, tab, escape, backspace", [0x1c, 0x0f, 0x01, 0x0e], "\n \t \x1b \b"],
  ["what is no key", [0x7f, 0xff, 0x00, 0xe0, 0x7f, 0x1e], "a"],
];
for (const [name, bytes, result] of CASES) {
  Deno.test(`Keyboard decodes ${name}`, () => strictEqual(decode(...bytes), result));
}

Deno.test("Keyboard gives key events with their direction", () => {
  const keyboard = new Keyboard();
  deepStrictEqual(
    [SHIFT, 0x1e, 0x9e, 0xe0, 0xe0, 0xc8].map((byte) => keyboard.addByte(byte)),
    [
      { code: "LShift", down: true },
      { code: "A", down: true },
      { code: "A", down: false },
      undefined,
      undefined,
      { code: "ArrowUp", down: false },
    ],
  );
});
