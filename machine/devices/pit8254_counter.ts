/**
 * One counter of an 8254, as a function of time.
 *
 * Nothing here counts. A counting element that was loaded with N at tick S holds, e = tick − S
 * later:
 *
 * ```text
 * mode            CE                         OUT is low            then
 * 0, 1            N − e                      while e < N           wraps, OUT stays high
 * 2               N − e mod N                while CE = 1          reloads after N
 * 3, N even       N − 2 (e mod N/2)          second half           reloads every half
 * 3, N odd        N−1 − 2 (e, e − (N+1)/2)   last (N−1)/2 ticks    reloads every half
 * 4, 5            N − e                      while e = N           wraps, OUT stays high
 * ```
 *
 * A count reaches CE one tick after it was written (modes 0, 4, and 2, 3 at first), one tick
 * after a rising GATE (1, 5, and 2, 3 again), or at the end of the running period (2) or half
 * period (3): {@linkcode CounterState.loadAt}.
 *
 * @see Intel 8254 data sheet (231164), "Mode Definitions"
 */
import { byte, type Checked, fields, flag, integer, nullable } from "../bus/state_format.ts";
import { MODE, RW } from "./pit8254_spec.ts";

const tick = integer(-0x2_0000, Number.MAX_SAFE_INTEGER);

/** The fields of a counter's state. Ticks are those of CLK since time 0. */
export const COUNTER_STATE = fields({
  mode: integer(0, 5),
  bcd: flag,
  rw: integer(1, 3),
  gate: flag,
  /** CR, the count register: 1–65536. */
  reload: integer(1, 0x1_0000),
  /** A whole count has been written since the control word. */
  written: flag,
  /** First byte of a count whose second byte is awaited. */
  firstByte: nullable(byte),
  /** What CE was loaded with last. */
  count: integer(1, 0x1_0000),
  /** When; `null` before the first load. */
  start: nullable(tick),
  /** Ticks counted when counting was stopped; `null` while it runs. */
  heldAt: nullable(integer(0, Number.MAX_SAFE_INTEGER)),
  /** When CR goes to CE next; `null` if nothing is to be loaded. */
  loadAt: nullable(tick),
  /** CR has a count that CE has not seen. */
  nullCount: flag,
  /** Mode 0: a new count is on its way, so OUT is low. */
  forcedLow: flag,
  latch: nullable(integer(0, 0xffff)),
  statusLatch: nullable(byte),
  /** The next read gives the high byte (RW = LSB, MSB). */
  readHigh: flag,
});
export type CounterState = Checked<typeof COUNTER_STATE>;

/** A counter before its first control word: the data sheet leaves its state open. */
export function newCounter(gate: boolean): CounterState {
  return {
    mode: MODE.INTERRUPT_ON_TERMINAL_COUNT,
    bcd: false,
    rw: RW.LSB_MSB,
    gate,
    reload: 0x1_0000,
    written: false,
    firstByte: null,
    count: 0x1_0000,
    start: null,
    heldAt: null,
    loadAt: null,
    nullCount: true,
    forcedLow: false,
    latch: null,
    statusLatch: null,
    readHigh: false,
  };
}

function elapsed(c: CounterState, now: number): number {
  return c.heldAt ?? Math.max(0, now - c.start!);
}

/** Ticks of the high part of a period of mode 3. */
function highTicks(count: number): number {
  return (count + 1) >> 1;
}

/** Level of OUT at tick `now`. @see "Mode Definitions" */
export function outAt(c: CounterState, now: number): boolean {
  const { mode, count } = c;
  if (mode === MODE.INTERRUPT_ON_TERMINAL_COUNT && c.forcedLow) return false;
  if (c.start === null) return mode !== MODE.INTERRUPT_ON_TERMINAL_COUNT;
  const e = elapsed(c, now);
  switch (mode) {
    case MODE.INTERRUPT_ON_TERMINAL_COUNT:
    case MODE.HARDWARE_ONE_SHOT:
      return e >= count;
    case MODE.RATE_GENERATOR:
      return c.heldAt !== null || count === 1 || e % count !== count - 1;
    case MODE.SQUARE_WAVE:
      return c.heldAt !== null || e % count < highTicks(count);
    default:
      return e !== count;
  }
}

/** The counting element at tick `now`, as its 16 bits read (BCD digits in BCD mode). */
export function countAt(c: CounterState, now: number): number {
  if (c.start === null) return 0;
  const { mode, count } = c;
  const e = elapsed(c, now);
  const modulus = c.bcd ? 10_000 : 0x1_0000;
  let value: number;
  if (mode === MODE.RATE_GENERATOR) {
    value = count - e % count;
  } else if (mode === MODE.SQUARE_WAVE) {
    const phase = e % count;
    const high = highTicks(count);
    value = (count & ~1) - 2 * (phase < high ? phase : phase - high);
  } else {
    value = (count - e) % modulus + modulus;
  }
  value %= modulus;
  return c.bcd ? toBcd(value) : value;
}

/** The first tick after `now` at which OUT may change; `Infinity` if it never does by itself. */
export function nextEdge(c: CounterState, now: number): number {
  return Math.min(nextOwnEdge(c, now), c.loadAt ?? Infinity);
}

function nextOwnEdge(c: CounterState, now: number): number {
  if (c.start === null || c.heldAt !== null) return Infinity;
  const { mode, count, start } = c;
  const e = elapsed(c, now);
  switch (mode) {
    case MODE.INTERRUPT_ON_TERMINAL_COUNT:
    case MODE.HARDWARE_ONE_SHOT:
      return e < count ? start + count : Infinity;
    case MODE.RATE_GENERATOR:
    case MODE.SQUARE_WAVE: {
      if (count === 1) return Infinity;
      const phase = e % count;
      const low = mode === MODE.SQUARE_WAVE ? highTicks(count) : count - 1;
      return start + e - phase + (phase < low ? low : count);
    }
    default:
      return e < count ? start + count : e === count ? start + count + 1 : Infinity;
  }
}

/** Lets a load that is due by `now` happen. */
export function catchUp(c: CounterState, now: number): void {
  if (c.loadAt === null || c.loadAt > now) return;
  const { mode, reload } = c;
  let start = c.loadAt;
  // A new count of mode 3 that arrives for the low half starts with that half.
  const wasLow = mode === MODE.SQUARE_WAVE && c.start !== null && c.heldAt === null &&
    !outAt(c, c.loadAt);
  if (wasLow) start -= highTicks(reload);
  c.count = reload;
  c.start = start;
  c.heldAt = counting(c) ? null : 0;
  c.loadAt = null;
  c.nullCount = false;
  c.forcedLow = false;
}

/** Whether GATE lets the counter count. Modes 1 and 5 look at its edges only. */
function counting(c: CounterState): boolean {
  return c.gate || c.mode === MODE.HARDWARE_ONE_SHOT || c.mode === MODE.HARDWARE_STROBE;
}

/** A control word: OUT takes its initial level, and the counter waits for a count. */
export function setMode(c: CounterState, rw: number, mode: number, bcd: boolean): void {
  Object.assign(c, newCounter(c.gate), { rw, mode, bcd });
}

/** A byte for the count register. */
export function writeCount(c: CounterState, value: number, now: number): void {
  if (c.rw === RW.LSB_MSB && c.firstByte === null) {
    c.firstByte = value;
    if (c.mode === MODE.INTERRUPT_ON_TERMINAL_COUNT) {
      // The first byte stops the counter, and OUT goes low at once.
      if (c.start !== null) c.heldAt = elapsed(c, now);
      c.loadAt = null;
      c.forcedLow = true;
    }
    return;
  }
  const raw = c.rw === RW.LSB ? value : c.rw === RW.MSB ? value << 8 : c.firstByte! | value << 8;
  c.firstByte = null;
  c.reload = (c.bcd ? fromBcd(raw) : raw) || (c.bcd ? 10_000 : 0x1_0000);
  c.written = true;
  c.nullCount = true;
  switch (c.mode) {
    case MODE.INTERRUPT_ON_TERMINAL_COUNT:
      c.forcedLow = true;
      c.loadAt = now + 1;
      break;
    case MODE.SOFTWARE_STROBE:
      c.loadAt = now + 1;
      break;
    case MODE.RATE_GENERATOR:
    case MODE.SQUARE_WAVE:
      if (c.start === null || c.heldAt !== null) c.loadAt = now + 1;
      else c.loadAt = Math.min(c.loadAt ?? Infinity, nextReload(c, now));
  }
}

/** When a running mode 2 or 3 takes its next count. */
function nextReload(c: CounterState, now: number): number {
  const e = elapsed(c, now);
  const phase = e % c.count;
  const high = highTicks(c.count);
  const half = c.mode === MODE.SQUARE_WAVE && phase < high && high < c.count;
  return c.start! + e - phase + (half ? high : c.count);
}

/** Drives GATE. */
export function setGate(c: CounterState, level: boolean, now: number): void {
  if (level === c.gate) return;
  catchUp(c, now);
  c.gate = level;
  const { mode } = c;
  if (mode === MODE.HARDWARE_ONE_SHOT || mode === MODE.HARDWARE_STROBE) {
    if (level && c.written) c.loadAt = now + 1;
  } else if (!level) {
    if (c.start !== null && c.heldAt === null) c.heldAt = elapsed(c, now);
  } else if (mode === MODE.RATE_GENERATOR || mode === MODE.SQUARE_WAVE) {
    if (c.written) c.loadAt = now + 1;
  } else if (c.heldAt !== null && c.firstByte === null) {
    c.start = now - c.heldAt;
    c.heldAt = null;
  }
}

function toBcd(value: number): number {
  return value % 10 | (Math.floor(value / 10) % 10) << 4 | (Math.floor(value / 100) % 10) << 8 |
    (Math.floor(value / 1000) % 10) << 12;
}

function fromBcd(bits: number): number {
  return (bits & 15) + 10 * (bits >> 4 & 15) + 100 * (bits >> 8 & 15) + 1000 * (bits >> 12 & 15);
}
