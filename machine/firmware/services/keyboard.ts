/**
 * INT 16h, and the scancodes of INT 09h: the keyboard.
 *
 * INT 09h puts keys into a ring of 15 in the data area; INT 16h takes them out. AH=00h and 10h
 * wait in guest code (STI, HLT, look again), so that every interrupt is served meanwhile.
 *
 * **Not modelled:** numbers typed with Alt on the numeric pad, INT 05h of Print Screen, Pause,
 * SysRq, beeps when the ring is full.
 *
 * @see IBM PS/2 and PC BIOS Interface Technical Reference, "Interrupt 16h"
 */
import { BDA, BDA_START } from "../bda.ts";
import type { BiosCall } from "../bios_call.ts";
import { isLetter, isPad, keyCodes } from "./keyboard_map.ts";

/** 0040:0017. */
const SHIFT = {
  RIGHT: 0x01,
  LEFT: 0x02,
  CTRL: 0x04,
  ALT: 0x08,
  SCROLL: 0x10,
  NUM: 0x20,
  CAPS: 0x40,
  INSERT: 0x80,
} as const;
/** 0040:0018. */
const SHIFT_2 = { LEFT_CTRL: 0x01, LEFT_ALT: 0x02 } as const;
/** 0040:0096. */
const MODE = { E1: 0x01, E0: 0x02, RIGHT_CTRL: 0x04, RIGHT_ALT: 0x08, ENHANCED: 0x10 } as const;

const LOCKS: Readonly<Record<number, number>> = {
  0x3a: SHIFT.CAPS,
  0x45: SHIFT.NUM,
  0x46: SHIFT.SCROLL,
  0x52: SHIFT.INSERT,
};
const DELETE = 0x53;
const SCROLL_LOCK = 0x46;

export function keyboardService(call: BiosCall): void {
  const { cpu, memory } = call;
  switch (cpu.ah) {
    case 0x00:
    case 0x10: {
      const key = takeKey(call, cpu.ah === 0x10, true);
      if (key === undefined) return; // The ROM's loop comes again.
      cpu.ax = key;
      break;
    }
    case 0x01:
    case 0x11: {
      const key = takeKey(call, cpu.ah === 0x11, false);
      call.zero = key === undefined;
      if (key !== undefined) cpu.ax = key;
      break;
    }
    case 0x02:
      cpu.al = memory.u8(BDA.KEYBOARD_FLAGS);
      break;
    case 0x12: {
      const mode = memory.u8(BDA.KEYBOARD_MODE);
      cpu.al = memory.u8(BDA.KEYBOARD_FLAGS);
      cpu.ah = memory.u8(BDA.KEYBOARD_FLAGS_2) & 0x73 | mode & (MODE.RIGHT_CTRL | MODE.RIGHT_ALT);
      break;
    }
    case 0x03:
      // The keyboard's own command; its acknowledgements are read away.
      if (cpu.al === 0x05) sendToKeyboard(call, [0xf3, (cpu.bh & 3) << 5 | cpu.bl & 0x1f]);
      break;
    case 0x05:
      cpu.al = putKey(call, cpu.cx) ? 0 : 1;
      break;
    case 0x09:
      cpu.al = 0x30; // 10h–12h are there.
      break;
    default:
      call.reportUnsupported(0x16);
  }
  call.leaveTo("keyboardDone");
}

/** INT 09h's part that needs to know keys: AL is the scancode. */
export function scancodeService(call: BiosCall): void {
  const { memory } = call;
  const code = call.cpu.al;
  const mode = memory.u8(BDA.KEYBOARD_MODE);
  if (code === 0xe0 || code === 0xe1) {
    memory.setU8(BDA.KEYBOARD_MODE, mode | (code === 0xe0 ? MODE.E0 : MODE.E1));
    return;
  }
  if ((mode & MODE.E1) !== 0) {
    // Pause: E1 1D 45 E1 9D C5.
    if ((code & 0x7f) === 0x45) memory.setU8(BDA.KEYBOARD_MODE, mode & ~MODE.E1);
    return;
  }
  const gray = (mode & MODE.E0) !== 0;
  memory.setU8(BDA.KEYBOARD_MODE, mode & ~MODE.E0);
  const down = code < 0x80;
  const key = code & 0x7f;
  if (gray && (key === 0x2a || key === 0x36)) return; // Shifts around gray keys.
  if (modifier(call, key, gray, down)) return;
  if (down) keyDown(call, key, gray);
}

/** @returns Whether the key is Shift, Ctrl, Alt or a lock. */
function modifier(call: BiosCall, key: number, gray: boolean, down: boolean): boolean {
  const { memory } = call;
  const set = (address: number, bit: number) => {
    const old = memory.u8(address);
    memory.setU8(address, down ? old | bit : old & ~bit);
  };
  switch (key) {
    case 0x2a:
      set(BDA.KEYBOARD_FLAGS, SHIFT.LEFT);
      return true;
    case 0x36:
      set(BDA.KEYBOARD_FLAGS, SHIFT.RIGHT);
      return true;
    case 0x1d:
      set(BDA.KEYBOARD_FLAGS, SHIFT.CTRL);
      if (gray) set(BDA.KEYBOARD_MODE, MODE.RIGHT_CTRL);
      else set(BDA.KEYBOARD_FLAGS_2, SHIFT_2.LEFT_CTRL);
      return true;
    case 0x38:
      set(BDA.KEYBOARD_FLAGS, SHIFT.ALT);
      if (gray) set(BDA.KEYBOARD_MODE, MODE.RIGHT_ALT);
      else set(BDA.KEYBOARD_FLAGS_2, SHIFT_2.LEFT_ALT);
      return true;
  }
  const lock = LOCKS[key];
  if (lock === undefined) return false;
  // Insert of the numeric pad is a digit under Num Lock; the gray key never is.
  if (key === 0x52 && (!down || !gray)) return false;
  if (gray && key === SCROLL_LOCK) return false;
  set(BDA.KEYBOARD_FLAGS_2, lock);
  if (down) {
    memory.setU8(BDA.KEYBOARD_FLAGS, memory.u8(BDA.KEYBOARD_FLAGS) ^ lock);
    const flags = memory.u8(BDA.KEYBOARD_FLAGS);
    memory.setU8(BDA.KEYBOARD_LEDS, memory.u8(BDA.KEYBOARD_LEDS) & 0xf8 | flags >> 4 & 7);
  }
  return key !== 0x52;
}

function keyDown(call: BiosCall, key: number, gray: boolean): void {
  const flags = call.memory.u8(BDA.KEYBOARD_FLAGS);
  const control = (flags & SHIFT.CTRL) !== 0;
  const alt = (flags & SHIFT.ALT) !== 0;
  if (control && alt && key === DELETE) {
    call.memory.setU16(BDA.RESET_FLAG, 0x1234);
    return call.leaveTo("restart");
  }
  if (control && gray && key === SCROLL_LOCK) {
    call.memory.setU8(BDA.BREAK, 0x80);
    call.memory.setU16(BDA.KEYBOARD_HEAD, call.memory.u16(BDA.KEYBOARD_START));
    call.memory.setU16(BDA.KEYBOARD_TAIL, call.memory.u16(BDA.KEYBOARD_START));
    putKey(call, 0);
    return call.leaveTo("keyboardBreak");
  }
  const codes = keyCodes(key, gray);
  if (codes === undefined) return;
  let shift = (flags & (SHIFT.LEFT | SHIFT.RIGHT)) !== 0;
  if (!gray && isLetter(key) && (flags & SHIFT.CAPS) !== 0) shift = !shift;
  if (!gray && isPad(key) && (flags & SHIFT.NUM) !== 0) shift = !shift;
  const code = codes[alt ? 3 : control ? 2 : shift ? 1 : 0];
  if (code >= 0) putKey(call, code);
}

/** @returns Whether there was room. */
function putKey({ memory }: BiosCall, code: number): boolean {
  const tail = memory.u16(BDA.KEYBOARD_TAIL);
  const end = memory.u16(BDA.KEYBOARD_END);
  const next = tail + 2 >= end ? memory.u16(BDA.KEYBOARD_START) : tail + 2;
  if (next === memory.u16(BDA.KEYBOARD_HEAD)) return false;
  memory.setU16(BDA_START + tail, code);
  memory.setU16(BDA.KEYBOARD_TAIL, next);
  return true;
}

/**
 * The next key.
 *
 * @param enhanced As AH=10h and 11h tell it; the old functions skip keys that they do not know.
 * @param remove Takes it out of the ring.
 */
function takeKey({ memory }: BiosCall, enhanced: boolean, remove: boolean): number | undefined {
  for (;;) {
    const head = memory.u16(BDA.KEYBOARD_HEAD);
    if (head === memory.u16(BDA.KEYBOARD_TAIL)) return undefined;
    const raw = memory.u16(BDA_START + head);
    const key = enhanced ? enhancedCode(raw) : plainCode(raw);
    if (remove || key === undefined) {
      const end = memory.u16(BDA.KEYBOARD_END);
      const next = head + 2 >= end ? memory.u16(BDA.KEYBOARD_START) : head + 2;
      memory.setU16(BDA.KEYBOARD_HEAD, next);
    }
    if (key !== undefined) return key;
  }
}

function enhancedCode(raw: number): number {
  return (raw & 0xff) === 0xf0 && raw >> 8 !== 0 ? raw & 0xff00 : raw;
}

function plainCode(raw: number): number | undefined {
  const scancode = raw >> 8;
  const ascii = raw & 0xff;
  if (scancode === 0xe0) return (ascii === 0x2f ? 0x3500 : 0x1c00) | ascii;
  if (scancode > 0x84) return undefined;
  return ascii === 0xe0 && scancode !== 0 ? raw & 0xff00 : raw;
}

/** Sends bytes to the keyboard; what it answers comes as INT 09h and is no key. */
function sendToKeyboard(call: BiosCall, bytes: readonly number[]): void {
  for (const byte of bytes) call.ports.write(0x60, byte, 1);
}
