/**
 * PS/2 keyboard: commands, answers, typematic timing.
 *
 * @see IBM PS/2 Hardware Interface Technical Reference, "101- and 102-Key Keyboards"
 */

/** Commands from the host. */
export const KEYBOARD_COMMAND = {
  SET_LEDS: 0xed,
  ECHO: 0xee,
  SCANCODE_SET: 0xf0,
  IDENTIFY: 0xf2,
  TYPEMATIC: 0xf3,
  ENABLE: 0xf4,
  /** Default settings, scanning off. */
  DISABLE: 0xf5,
  /** Default settings, scanning as before. */
  DEFAULTS: 0xf6,
  RESEND: 0xfe,
  RESET: 0xff,
} as const;

/** Answers. */
export const KEYBOARD_ANSWER = {
  /** Basic assurance test passed. */
  BAT_OK: 0xaa,
  ECHO: 0xee,
  ACK: 0xfa,
  RESEND: 0xfe,
} as const;

/** The two bytes of a keyboard's identity. */
export const KEYBOARD_ID: readonly number[] = [0xab, 0x83];

export const LED = { SCROLL: 0x01, NUM: 0x02, CAPS: 0x04 } as const;

/** The typematic parameter after reset: 10.9 characters/s after 500 ms. */
export const TYPEMATIC_DEFAULT = 0x2b;

/** Bytes that the keyboard keeps, and what it says when one more comes (set 2, set 1). */
export const KEYBOARD_BUFFER = { SIZE: 16, OVERRUN_SET_2: 0x00, OVERRUN_SET_1: 0xff } as const;

/** Duration of the basic assurance test. Real ones take 300 ms and more. */
export const BAT_NS = 20_000_000;

/** Time between two actions (a press or a release) of `type()`. */
export const TYPE_STEP_NS = 4_000_000;

/** Time before the first repetition. @param parameter Of command 0xf3; bits 6:5 count. */
export function typematicDelayNs(parameter: number): number {
  return (1 + (parameter >> 5 & 3)) * 250_000_000;
}

/** Time between repetitions: (8 + A) × 2^B × 4.17 ms, A = bits 2:0, B = bits 4:3. */
export function typematicPeriodNs(parameter: number): number {
  return (8 + (parameter & 7)) * 2 ** (parameter >> 3 & 3) * 4_170_000;
}
