/**
 * What the keys of a US keyboard mean to INT 16h: scancode in the high byte, ASCII in the low one.
 *
 * @see IBM PS/2 and PC BIOS Interface Technical Reference, "Interrupt 16h", "Keyboard codes"
 */

/** Codes of one key: alone, with Shift, with Ctrl, with Alt; -1 for none. */
export type KeyCodes = readonly [plain: number, shift: number, control: number, alt: number];

const ROWS: readonly (readonly [first: number, plain: string, shifted: string])[] = [
  [0x02, "1234567890-=", "!@#$%^&*()_+"],
  [0x10, "qwertyuiop[]", "QWERTYUIOP{}"],
  [0x1e, "asdfghjkl;'`", 'ASDFGHJKL:"~'],
  [0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?"],
];

/** Ctrl with keys that are no letters. */
const CONTROL: Readonly<Record<string, number>> = {
  "2": 0x0300,
  "6": 0x071e,
  "-": 0x0c1f,
  "[": 0x1a1b,
  "]": 0x1b1d,
  "\\": 0x2b1c,
};

// deno-fmt-ignore
const OTHERS: readonly (readonly [scancode: number, codes: KeyCodes])[] = [
  [0x01, [0x011b, 0x011b, 0x011b, 0x0100]],
  [0x0e, [0x0e08, 0x0e08, 0x0e7f, 0x0e00]],
  [0x0f, [0x0f09, 0x0f00, 0x9400, 0xa500]],
  [0x1c, [0x1c0d, 0x1c0d, 0x1c0a, 0x1c00]],
  [0x37, [0x372a, 0x372a, 0x9600, 0x3700]],
  [0x39, [0x3920, 0x3920, 0x3920, 0x3920]],
  [0x56, [0x565c, 0x567c, -1, -1]],
  [0x57, [0x8500, 0x8700, 0x8900, 0x8b00]],
  [0x58, [0x8600, 0x8800, 0x8a00, 0x8c00]],
  // The numeric pad: as cursor keys, and with Shift or Num Lock as digits.
  [0x47, [0x4700, 0x4737, 0x7700, -1]], [0x48, [0x4800, 0x4838, 0x8d00, -1]],
  [0x49, [0x4900, 0x4939, 0x8400, -1]], [0x4a, [0x4a2d, 0x4a2d, 0x8e00, 0x4a00]],
  [0x4b, [0x4b00, 0x4b34, 0x7300, -1]], [0x4c, [0x4c00, 0x4c35, 0x8f00, -1]],
  [0x4d, [0x4d00, 0x4d36, 0x7400, -1]], [0x4e, [0x4e2b, 0x4e2b, 0x9000, 0x4e00]],
  [0x4f, [0x4f00, 0x4f31, 0x7500, -1]], [0x50, [0x5000, 0x5032, 0x9100, -1]],
  [0x51, [0x5100, 0x5133, 0x7600, -1]], [0x52, [0x5200, 0x5230, 0x9200, -1]],
  [0x53, [0x5300, 0x532e, 0x9300, -1]],
];

/** Keys with prefix E0: Ctrl and Alt codes; alone they give their scancode and E0. */
const GRAY: Readonly<Record<number, readonly [control: number, alt: number]>> = {
  0x47: [0x77e0, 0x9700],
  0x48: [0x8de0, 0x9800],
  0x49: [0x84e0, 0x9900],
  0x4b: [0x73e0, 0x9b00],
  0x4d: [0x74e0, 0x9d00],
  0x4f: [0x75e0, 0x9f00],
  0x50: [0x91e0, 0xa000],
  0x51: [0x76e0, 0xa100],
  0x52: [0x92e0, 0xa200],
  0x53: [0x93e0, 0xa300],
};

/** Whether a scancode is of the numeric pad's keys that Num Lock turns into digits. */
export function isPad(scancode: number): boolean {
  return scancode >= 0x47 && scancode <= 0x53 && scancode !== 0x4a && scancode !== 0x4e;
}

/** Whether Caps Lock turns a key's letter. */
export function isLetter(scancode: number): boolean {
  const plain = keyCodes(scancode, false)?.[0] ?? 0;
  return (plain & 0xff) >= 0x61 && (plain & 0xff) <= 0x7a;
}

/**
 * The codes of a key.
 *
 * @param scancode Make code of set 1. @param gray It had the prefix E0.
 */
export function keyCodes(scancode: number, gray: boolean): KeyCodes | undefined {
  if (gray) {
    if (scancode === 0x1c) return [0xe00d, 0xe00d, 0xe00a, 0xa600];
    if (scancode === 0x35) return [0xe02f, 0xe02f, 0x9500, 0xa400];
    const extra = GRAY[scancode];
    if (extra === undefined) return undefined;
    return [scancode << 8 | 0xe0, scancode << 8 | 0xe0, ...extra];
  }
  const other = OTHERS.find(([code]) => code === scancode);
  if (other !== undefined) return other[1];
  if (scancode >= 0x3b && scancode <= 0x44) {
    const number = scancode - 0x3b;
    return [scancode << 8, 0x54 + number << 8, 0x5e + number << 8, 0x68 + number << 8];
  }
  const row = ROWS.find(([first, plain]) => scancode >= first && scancode < first + plain.length);
  if (row === undefined) return undefined;
  const [first, plains, shifts] = row;
  const plain = plains[scancode - first];
  const high = scancode << 8;
  const letter = plain >= "a" && plain <= "z";
  const control = letter ? high | plain.charCodeAt(0) & 0x1f : CONTROL[plain] ?? -1;
  // The digit row has its own codes with Alt.
  const alt = first === 0x02 ? scancode + 0x76 << 8 : high;
  return [high | plain.charCodeAt(0), high | shifts.charCodeAt(scancode - first), control, alt];
}
