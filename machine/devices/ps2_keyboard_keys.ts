/**
 * The keys of a 105-key keyboard: names, scancodes, and the US layout.
 *
 * Names are those that QEMU's monitor takes (`sendkey`), in four groups:
 *
 * - letters and digits: `a`–`z`, `0`–`9`
 * - `esc` `f1`–`f12` `grave_accent` `minus` `equal` `backspace` `tab` `bracket_left`
 *   `bracket_right` `backslash` `caps_lock` `semicolon` `apostrophe` `ret` `shift` `less` `comma`
 *   `dot` `slash` `shift_r` `ctrl` `alt` `spc` `alt_r` `ctrl_r` `meta_l` `meta_r` `menu`
 * - `print` `scroll_lock` `pause` `insert` `home` `pgup` `delete` `end` `pgdn` `up` `left` `down`
 *   `right`
 * - `num_lock` `kp_0`–`kp_9` `kp_divide` `kp_multiply` `kp_subtract` `kp_add` `kp_enter`
 *   `kp_decimal`
 *
 * and the aliases `enter` `space` `escape` `del` `page_up` `page_down` `shift_l` `ctrl_l`
 * `alt_l`. Capitals do not matter.
 */

/** Scancodes of one key: without prefix, in set 1 and set 2. */
export interface Key {
  readonly set1: number;
  readonly set2: number;
  /** Both sets put 0xe0 before it. */
  readonly extended: boolean;
}

/** Name, set 1, set 2. */
const PLAIN = `
  esc 01 76 f1 3b 05 f2 3c 06 f3 3d 04 f4 3e 0c f5 3f 03 f6 40 0b f7 41 83 f8 42 0a f9 43 01
  f10 44 09 f11 57 78 f12 58 07
  grave_accent 29 0e 1 02 16 2 03 1e 3 04 26 4 05 25 5 06 2e 6 07 36 7 08 3d 8 09 3e 9 0a 46
  0 0b 45 minus 0c 4e equal 0d 55 backspace 0e 66
  tab 0f 0d q 10 15 w 11 1d e 12 24 r 13 2d t 14 2c y 15 35 u 16 3c i 17 43 o 18 44 p 19 4d
  bracket_left 1a 54 bracket_right 1b 5b backslash 2b 5d
  caps_lock 3a 58 a 1e 1c s 1f 1b d 20 23 f 21 2b g 22 34 h 23 33 j 24 3b k 25 42 l 26 4b
  semicolon 27 4c apostrophe 28 52 ret 1c 5a
  shift 2a 12 less 56 61 z 2c 1a x 2d 22 c 2e 21 v 2f 2a b 30 32 n 31 31 m 32 3a
  comma 33 41 dot 34 49 slash 35 4a shift_r 36 59
  ctrl 1d 14 alt 38 11 spc 39 29 num_lock 45 77 scroll_lock 46 7e
  kp_7 47 6c kp_8 48 75 kp_9 49 7d kp_subtract 4a 7b kp_4 4b 6b kp_5 4c 73 kp_6 4d 74
  kp_add 4e 79 kp_1 4f 69 kp_2 50 72 kp_3 51 7a kp_0 52 70 kp_decimal 53 71 kp_multiply 37 7c`;

/** The same, with prefix 0xe0. */
const EXTENDED = `
  meta_l 5b 1f meta_r 5c 27 menu 5d 2f ctrl_r 1d 14 alt_r 38 11 insert 52 70 home 47 6c
  pgup 49 7d delete 53 71 end 4f 69 pgdn 51 7a up 48 75 left 4b 6b down 50 72 right 4d 74
  kp_divide 35 4a kp_enter 1c 5a`;

const ALIASES: Readonly<Record<string, string>> = {
  enter: "ret",
  space: "spc",
  escape: "esc",
  del: "delete",
  page_up: "pgup",
  page_down: "pgdn",
  shift_l: "shift",
  ctrl_l: "ctrl",
  alt_l: "alt",
};

function table(text: string, extended: boolean): [string, Key][] {
  const words = text.trim().split(/\s+/);
  return Array.from({ length: words.length / 3 }, (_, i) => [
    words[3 * i],
    { set1: parseInt(words[3 * i + 1], 16), set2: parseInt(words[3 * i + 2], 16), extended },
  ]);
}

/** Every key with one code of its own. `print` and `pause` have sequences instead. */
export const KEYS: ReadonlyMap<string, Key> = new Map([
  ...table(PLAIN, false),
  ...table(EXTENDED, true),
]);

/** Keys whose make and break are whole sequences; `pause` has no break and does not repeat. */
export const SEQUENCES: ReadonlyMap<
  string,
  { readonly make: number[][]; readonly break: number[][] }
> = new Map([
  ["print", {
    make: [[0xe0, 0x2a, 0xe0, 0x37], [0xe0, 0x12, 0xe0, 0x7c]],
    break: [[0xe0, 0xb7, 0xe0, 0xaa], [0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12]],
  }],
  ["pause", {
    make: [[0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5], [0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77]],
    break: [[], []],
  }],
]);

/**
 * The key that `name` means.
 *
 * @returns Its name without alias and capitals.
 * @throws {RangeError} If there is no such key.
 */
export function keyName(name: string): string {
  const lower = String(name).toLowerCase();
  const known = Object.hasOwn(ALIASES, lower) ? ALIASES[lower] : lower;
  if (KEYS.has(known) || SEQUENCES.has(known)) return known;
  throw new RangeError(
    `Cannot find key "${name}": the keys are ${[...KEYS.keys(), ...SEQUENCES.keys()].join(" ")}`,
  );
}

/**
 * The bytes of a key in a scancode set.
 *
 * @param key A name that {@linkcode keyName} gave.
 * @param set 1 or 2.
 */
export function scancodes(key: string, down: boolean, set: number): readonly number[] {
  const sequence = SEQUENCES.get(key);
  if (sequence !== undefined) return (down ? sequence.make : sequence.break)[set - 1];
  const { set1, set2, extended } = KEYS.get(key)!;
  const code = set === 1 ? [down ? set1 : set1 | 0x80] : down ? [set2] : [0xf0, set2];
  return extended ? [0xe0, ...code] : code;
}

const US_PLAIN = "`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./ \n\t\b\x1b";
const US_SHIFT = '~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:"ZXCVBNM<>?';
const US_KEYS = ("grave_accent 1 2 3 4 5 6 7 8 9 0 minus equal q w e r t y u i o p bracket_left " +
  "bracket_right backslash a s d f g h j k l semicolon apostrophe z x c v b n m comma dot slash " +
  "spc ret tab backspace esc").split(" ");

/**
 * How to type a character on a US keyboard.
 *
 * @param character ASCII 0x20–0x7e, `\n` (`\r` alike), `\t`, `\b` or ESC.
 * @throws {RangeError} If no key gives it.
 */
export function usKey(character: string): { readonly key: string; readonly shift: boolean } {
  const wanted = character === "\r" ? "\n" : character;
  const plain = US_PLAIN.indexOf(wanted);
  if (plain >= 0) return { key: US_KEYS[plain], shift: false };
  const shifted = US_SHIFT.indexOf(wanted);
  if (shifted >= 0) return { key: US_KEYS[shifted], shift: true };
  throw new RangeError(
    `Cannot type U+${wanted.codePointAt(0)!.toString(16).padStart(4, "0")}: not on a US keyboard`,
  );
}
