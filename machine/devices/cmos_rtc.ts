/**
 * Motorola MC146818 real-time clock, with the CMOS memory of a PC AT.
 *
 * ```text
 *   0x70 index, bit 7 = NMI mask  +----------+
 *   0x71 data                     | MC146818 | IRQ -> IRQ 8
 *   virtual clock --------------->| 128 bytes|
 *                                 +----------+
 * ```
 *
 * 1. The guest writes an index to 0x70 and reads or writes the byte at 0x71.
 * 2. Seconds pass on the virtual clock, from the date given to the constructor. UIP of register A
 *    warns of each update; UF is set when it is done.
 * 3. Setting B.SET freezes the time so that it can be written, byte by byte and unchecked;
 *    clearing it lets the clock run on from what was written.
 * 4. PF, AF and UF are set whether or not anybody wants an interrupt; with PIE, AIE, UIE they
 *    raise IRQ 8, a level that falls when register C is read. Only wanted interrupts cost alarms.
 *
 * **Not modelled:** daylight saving (DSE), the square wave pin, other crystals, battery failure.
 *
 * @see Motorola MC146818 data sheet
 */
import type { Device } from "../bus/device.ts";
import type { IrqLine } from "../bus/irq_line.ts";
import type { PortRange } from "../bus/port_bus.ts";
import {
  byte,
  type Check,
  type Checked,
  type DeviceState,
  fields,
  integer,
  list,
  StateFormat,
} from "../bus/state_format.ts";
import type { Alarm, Clock } from "../clock.ts";
import { type DateTime, dateTimeOf, secondsOf, weekdayOf } from "./cmos_rtc_calendar.ts";
import { firmwareMemory } from "./cmos_rtc_memory.ts";
import {
  ALARM_ANY,
  CMOS_PORT,
  DIVIDER,
  FIRST_UPDATE_NS,
  NMI_MASK,
  periodNs,
  PM,
  RTC,
  RTC_A,
  RTC_B,
  RTC_C,
  UPDATE,
} from "./cmos_rtc_spec.ts";

const SECOND_NS = 1e9;
const anyTime: Check<number> = (value, where) => {
  if (typeof value !== "number") throw new TypeError(`Cannot load ${where}: not a number`);
  if (!Number.isFinite(value)) throw new RangeError(`Cannot load ${where}: not finite`);
  return value;
};
const STATE = fields({
  index: byte,
  /** All bytes, the clock's registers (coded as the guest sees them) among them. */
  memory: list(byte, 128, 128),
  /** A boundary between seconds; all others are whole seconds away. */
  phaseNs: anyTime,
  /** The number of the last second (from `phaseNs`) that the time registers show. */
  shown: integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  /** Up to when PF has been looked after. */
  lookedAtNs: anyTime,
});
const FORMAT = new StateFormat("cmos_rtc", 1, STATE);

/** What the clock is wired to. */
export interface CmosWiring {
  readonly clock: Clock;
  readonly irq8: IrqLine;
  /** Size of the machine's memory in bytes, for the firmware's bytes. */
  readonly memorySize: number;
  /** The date at virtual time 0. Default 2020-01-01 00:00:00. */
  readonly start?: DateTime;
  /** Told when bit 7 of port 0x70 changes. */
  readonly nmiMask?: (masked: boolean) => void;
}

/** The real-time clock and CMOS memory of a PC. */
export class CmosRtc implements Device {
  readonly ports: readonly PortRange[] = [
    { device: "cmos", first: CMOS_PORT.INDEX, count: 2 },
  ];
  readonly #wiring: CmosWiring;
  readonly #event: Alarm;
  #s: Checked<typeof STATE>;

  constructor(wiring: CmosWiring) {
    this.#wiring = wiring;
    this.#event = wiring.clock.alarm("rtc", () => this.#update());
    const now = wiring.clock.nowNs;
    this.#s = {
      index: RTC.D,
      memory: firmwareMemory(wiring.memorySize),
      phaseNs: 0,
      shown: 0,
      lookedAtNs: now,
    };
    this.#showTime(wiring.start ?? START);
    this.#update();
  }

  /** Whether port 0x70 lets NMIs through. */
  get nmiEnabled(): boolean {
    return !(this.#s.index & NMI_MASK);
  }

  /** The date and time that the registers show. */
  get dateTime(): DateTime {
    this.#catchUp();
    return this.#time();
  }

  /** A byte of CMOS memory, without side effects. @param index 0–127. */
  peek(index: number): number {
    this.#catchUp();
    return index === RTC.A ? this.#registerA() : this.#s.memory[index & 0x7f];
  }

  readPort(port: number): number {
    if (port === CMOS_PORT.INDEX) return 0xff;
    const s = this.#s;
    const index = s.index & 0x7f;
    const value = this.peek(index);
    if (index === RTC.C) {
      s.memory[RTC.C] = 0;
      this.#update();
    }
    return value;
  }

  writePort(port: number, value: number): void {
    const s = this.#s;
    if (port === CMOS_PORT.INDEX) {
      const changed = (s.index ^ value) & NMI_MASK;
      s.index = value;
      if (changed) this.#wiring.nmiMask?.((value & NMI_MASK) !== 0);
      return;
    }
    this.#catchUp();
    const index = s.index & 0x7f;
    if (index === RTC.A) this.#writeA(value);
    else if (index === RTC.B) this.#writeB(value);
    else if (index !== RTC.C && index !== RTC.D) s.memory[index] = value;
    this.#update();
  }

  /** The RESET pin: interrupts off and forgotten; time and memory stay. */
  reset(): void {
    this.#catchUp();
    this.#s.memory[RTC.B] &= ~(RTC_B.PIE | RTC_B.AIE | RTC_B.UIE | RTC_B.SQWE);
    this.#s.memory[RTC.C] = 0;
    this.#update();
  }

  saveState(): DeviceState {
    this.#update();
    return FORMAT.save(this.#s);
  }

  loadState(state: unknown): void {
    this.#s = FORMAT.load(state);
    this.#wiring.nmiMask?.(!this.nmiEnabled);
    this.#update();
  }

  #registerA(): number {
    const s = this.#s;
    const beforeNs = UPDATE.BEFORE_NS + UPDATE.CYCLE_NS;
    const updating = this.#running && this.#secondNs(s.shown + 1) - this.#nowNs <= beforeNs;
    return s.memory[RTC.A] & ~RTC_A.UIP | (updating ? RTC_A.UIP : 0);
  }

  #writeA(value: number): void {
    const s = this.#s;
    const wasHeld = (s.memory[RTC.A] & DIVIDER.RESET) === DIVIDER.RESET;
    s.memory[RTC.A] = value & ~RTC_A.UIP;
    if (wasHeld && (value & DIVIDER.RESET) !== DIVIDER.RESET) {
      s.phaseNs = this.#nowNs + FIRST_UPDATE_NS - SECOND_NS;
    }
    this.#resume();
  }

  #writeB(value: number): void {
    const s = this.#s;
    // SET clears UIE.
    s.memory[RTC.B] = value & RTC_B.SET ? value & ~RTC_B.UIE : value;
    this.#resume();
  }

  /** The seconds that passed while the time stood still do not count. */
  #resume(): void {
    this.#s.shown = this.#secondAt(this.#nowNs);
    this.#s.lookedAtNs = this.#nowNs;
  }

  get #nowNs(): number {
    return this.#wiring.clock.nowNs;
  }

  /** Whether the divider runs. */
  get #dividing(): boolean {
    return (this.#s.memory[RTC.A] & RTC_A.DV) === DIVIDER.RUN;
  }

  /** Whether the time registers are updated. */
  get #running(): boolean {
    return this.#dividing && !(this.#s.memory[RTC.B] & RTC_B.SET);
  }

  #secondNs(second: number): number {
    return this.#s.phaseNs + second * SECOND_NS;
  }

  #secondAt(ns: number): number {
    return Math.floor((ns - this.#s.phaseNs) / SECOND_NS);
  }

  /** Brings the time registers and register C up to now. */
  #catchUp(): void {
    const s = this.#s;
    const now = this.#nowNs;
    const last = this.#secondAt(now);
    if (this.#running && last > s.shown) {
      if (s.shown + this.#secondsToAlarm() <= last) s.memory[RTC.C] |= RTC_C.AF;
      const delta = last - s.shown;
      s.shown = last;
      s.memory[RTC.C] |= RTC_C.UF;
      const before = this.#time();
      const after = dateTimeOf(secondsOf(before) + delta);
      const days = Math.floor((secondsOf(before) + delta) / 86_400) -
        Math.floor(secondsOf(before) / 86_400);
      this.#showTime(after, (s.memory[RTC.WEEKDAY] + 6 + days) % 7 + 1);
    }
    const period = this.#dividing ? periodNs(s.memory[RTC.A] & RTC_A.RS) : undefined;
    if (period !== undefined && this.#nextPeriod(s.lookedAtNs, period) <= now) {
      s.memory[RTC.C] |= RTC_C.PF;
    }
    s.lookedAtNs = Math.max(s.lookedAtNs, now);
  }

  #nextPeriod(afterNs: number, period: number): number {
    const { phaseNs } = this.#s;
    return phaseNs + (Math.floor((afterNs - phaseNs) / period) + 1) * period;
  }

  /** Seconds until the alarm matches next, 1–86400; `Infinity` if it never does. */
  #secondsToAlarm(): number {
    const { memory } = this.#s;
    const time = this.#time();
    const now = 3600 * time.hour + 60 * time.minute + time.second;
    let best = Infinity;
    const options = (index: number, count: number, value: number): number[] => {
      if (memory[index] >= ALARM_ANY) return Array.from({ length: count }, (_, i) => i);
      return value < count ? [value] : [];
    };
    const seconds = options(
      RTC.SECONDS_ALARM,
      60,
      this.#decode(memory[RTC.SECONDS_ALARM]),
    );
    const minutes = options(RTC.MINUTES_ALARM, 60, this.#decode(memory[RTC.MINUTES_ALARM]));
    const hours = options(RTC.HOURS_ALARM, 24, this.#decodeHour(memory[RTC.HOURS_ALARM]));
    for (const hour of hours) {
      for (const minute of minutes) {
        for (const second of seconds) {
          const delta = (3600 * hour + 60 * minute + second - now + 86_400) % 86_400 || 86_400;
          if (delta < best) best = delta;
        }
      }
    }
    return best;
  }

  #decode(value: number): number {
    return this.#s.memory[RTC.B] & RTC_B.DM ? value : 10 * (value >> 4) + (value & 15);
  }

  #encode(value: number): number {
    return this.#s.memory[RTC.B] & RTC_B.DM ? value : Math.floor(value / 10) << 4 | value % 10;
  }

  #decodeHour(value: number): number {
    if (this.#s.memory[RTC.B] & RTC_B.H24) return this.#decode(value);
    return this.#decode(value & ~PM) % 12 + (value & PM ? 12 : 0);
  }

  #encodeHour(hour: number): number {
    if (this.#s.memory[RTC.B] & RTC_B.H24) return this.#encode(hour);
    return this.#encode(hour % 12 || 12) | (hour >= 12 ? PM : 0);
  }

  #time(): DateTime {
    const { memory } = this.#s;
    return {
      // The century byte belongs to the firmware and stays BCD.
      year: 100 * (10 * (memory[RTC.CENTURY] >> 4) + (memory[RTC.CENTURY] & 15)) +
        this.#decode(memory[RTC.YEAR]),
      month: this.#decode(memory[RTC.MONTH]),
      day: this.#decode(memory[RTC.DAY]),
      hour: this.#decodeHour(memory[RTC.HOURS]),
      minute: this.#decode(memory[RTC.MINUTES]),
      second: this.#decode(memory[RTC.SECONDS]),
    };
  }

  #showTime(time: DateTime, weekday = weekdayOf(time)): void {
    const { memory } = this.#s;
    const century = Math.floor(time.year / 100) % 100;
    memory[RTC.SECONDS] = this.#encode(time.second);
    memory[RTC.MINUTES] = this.#encode(time.minute);
    memory[RTC.HOURS] = this.#encodeHour(time.hour);
    memory[RTC.WEEKDAY] = weekday;
    memory[RTC.DAY] = this.#encode(time.day);
    memory[RTC.MONTH] = this.#encode(time.month);
    memory[RTC.YEAR] = this.#encode(time.year % 100);
    memory[RTC.CENTURY] = Math.floor(century / 10) << 4 | century % 10;
  }

  /** Recomputes IRQF, the line and the next alarm after every change. */
  #update(): void {
    this.#catchUp();
    const s = this.#s;
    const enabled = s.memory[RTC.B] & (RTC_B.PIE | RTC_B.AIE | RTC_B.UIE);
    // The enable bits of B stand where the flags of C stand.
    const pending = s.memory[RTC.C] & enabled;
    s.memory[RTC.C] = s.memory[RTC.C] & ~RTC_C.IRQF | (pending ? RTC_C.IRQF : 0);
    this.#wiring.irq8.set(pending !== 0);
    this.#event.armAt(pending ? Infinity : this.#nextWanted(enabled));
  }

  /** When the next wanted interrupt comes, in ns. */
  #nextWanted(enabled: number): number {
    const s = this.#s;
    let next = Infinity;
    if (this.#running && enabled & RTC_B.UIE) next = this.#secondNs(s.shown + 1);
    if (this.#running && enabled & RTC_B.AIE) {
      next = Math.min(next, this.#secondNs(s.shown + this.#secondsToAlarm()));
    }
    const period = this.#dividing ? periodNs(s.memory[RTC.A] & RTC_A.RS) : undefined;
    if (period !== undefined && enabled & RTC_B.PIE) {
      next = Math.min(next, this.#nextPeriod(s.lookedAtNs, period));
    }
    return next;
  }
}

const START: DateTime = { year: 2020, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
