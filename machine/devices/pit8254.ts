/**
 * Intel 8254 programmable interval timer.
 *
 * ```text
 *   1.193182 MHz ---> CLK 0–2 +--------+ OUT 0 ---> IRQ 0
 *             +5 V -> GATE 0  |  8254  | OUT 1      (memory refresh; nobody listens)
 *             +5 V -> GATE 1  |        | OUT 2 ---> port 0x61 bit 5, speaker
 *   port 0x61 bit 0 > GATE 2  +--------+
 *   0x40 0x41 0x42 counters · 0x43 control word (write only)
 * ```
 *
 * 1. A control word sets a counter's mode and byte order; OUT takes the mode's initial level.
 * 2. The count follows in one or two bytes; one tick later it is loaded and counting starts.
 * 3. OUT 0 drives its line at the very tick of each edge: the chip sets an alarm for the next
 *    edge only, and none for counters 1 and 2, whose state is computed when somebody looks.
 * 4. Reading a counter while it runs needs a latch (counter latch or read-back command), or the
 *    two bytes belong to different moments.
 *
 * Ticks are computed from the absolute virtual time, so that nothing drifts: the tick number is
 * floor(ns × 1,193,182 / 10⁹), in integers.
 *
 * **Not modelled:** the undefined count before the first load (reads as 0); a count of 1 in modes
 * 2 and 3, which the data sheet forbids, keeps OUT high.
 *
 * @see Intel 8254 data sheet (231164)
 */
import type { Device } from "../bus/device.ts";
import type { IrqLine } from "../bus/irq_line.ts";
import type { PortRange } from "../bus/port_bus.ts";
import { type DeviceState, fields, list, StateFormat } from "../bus/state_format.ts";
import type { Alarm, Clock } from "../clock.ts";
import {
  catchUp,
  countAt,
  COUNTER_STATE,
  type CounterState,
  newCounter,
  nextEdge,
  outAt,
  setGate,
  setMode,
  writeCount,
} from "./pit8254_counter.ts";
import {
  CONTROL,
  MODE_SHIFT,
  PIT_FREQUENCY_HZ,
  PIT_PORT,
  PIT_STATUS,
  READ_BACK,
  RW,
  RW_SHIFT,
  SC_READ_BACK,
  SC_SHIFT,
} from "./pit8254_spec.ts";

const NS_PER_SECOND = 1_000_000_000;
const FORMAT = new StateFormat("pit8254", 1, fields({ counters: list(COUNTER_STATE, 3, 3) }));

/** The number of CLK ticks that have passed at `ns`. */
export function tickAt(ns: number): number {
  const whole = Math.floor(ns);
  const seconds = Math.floor(whole / NS_PER_SECOND);
  const rest = whole - seconds * NS_PER_SECOND;
  return seconds * PIT_FREQUENCY_HZ + Math.floor(rest * PIT_FREQUENCY_HZ / NS_PER_SECOND);
}

/** The first whole ns at which `tick` ticks have passed. */
export function nsOfTick(tick: number): number {
  const seconds = Math.floor(tick / PIT_FREQUENCY_HZ);
  const rest = tick - seconds * PIT_FREQUENCY_HZ;
  return seconds * NS_PER_SECOND + Math.ceil(rest * NS_PER_SECOND / PIT_FREQUENCY_HZ);
}

/** What the timer is wired to. */
export interface PitWiring {
  readonly clock: Clock;
  /** OUT of counter 0. */
  readonly irq0: IrqLine;
}

/** The timer of a PC. */
export class Pit8254 implements Device {
  readonly ports: readonly PortRange[] = [
    { device: "pit", first: PIT_PORT.COUNTER_0, count: 4 },
  ];
  readonly #clock: Clock;
  readonly #irq0: IrqLine;
  readonly #edge: Alarm;
  #counters: CounterState[];
  /** The next tick at which OUT 0 may change. */
  #edgeTick = Infinity;

  constructor({ clock, irq0 }: PitWiring) {
    this.#clock = clock;
    this.#irq0 = irq0;
    this.#edge = clock.alarm("pit", () => this.#runTo(Math.max(this.#edgeTick, this.#tick)));
    this.#counters = powerOn();
  }

  /** Level of OUT 2, as port 0x61 shows it. */
  get out2(): boolean {
    return outAt(this.#counter(2), this.#tick);
  }

  /** Drives GATE 2. */
  setGate2(level: boolean): void {
    setGate(this.#counter(2), level, this.#tick);
  }

  /** The tone that counter 2 makes in its periodic modes, in Hz; `undefined` if none. */
  get toneHz(): number | undefined {
    const { mode, start, heldAt, count } = this.#counter(2);
    const periodic = (mode === 2 || mode === 3) && start !== null && heldAt === null;
    return periodic ? PIT_FREQUENCY_HZ / count : undefined;
  }

  /**
   * One counter as views show it.
   *
   * @param index 0–2.
   */
  counter(index: number): { mode: number; reload: number; count: number; out: boolean } {
    const now = this.#tick;
    const c = this.#counter(index);
    return { mode: c.mode, reload: c.reload, count: countAt(c, now), out: outAt(c, now) };
  }

  readPort(port: number): number {
    if (port === PIT_PORT.CONTROL) return 0xff;
    const c = this.#counter(port - PIT_PORT.COUNTER_0);
    if (c.statusLatch !== null) {
      const status = c.statusLatch;
      c.statusLatch = null;
      return status;
    }
    const count = c.latch ?? countAt(c, this.#tick);
    const high = c.rw === RW.MSB || c.readHigh;
    if (c.rw === RW.LSB_MSB) c.readHigh = !c.readHigh;
    if (!c.readHigh) c.latch = null;
    return high ? count >> 8 : count & 0xff;
  }

  writePort(port: number, value: number): void {
    if (port === PIT_PORT.CONTROL) {
      const select = value >> SC_SHIFT;
      if (select === SC_READ_BACK) this.#readBack(value);
      else this.#control(select, value);
      return;
    }
    const index = port - PIT_PORT.COUNTER_0;
    writeCount(this.#counter(index), value, this.#tick);
    if (index === 0) this.#update();
  }

  /** Power-on state: counters 0 and 1 with GATE high, nothing counting. */
  reset(): void {
    const gate2 = this.#counters[2].gate;
    this.#counters = powerOn();
    this.#counters[2].gate = gate2;
    this.#update();
  }

  saveState(): DeviceState {
    return FORMAT.save({ counters: this.#counters });
  }

  loadState(state: unknown): void {
    this.#counters = FORMAT.load(state).counters;
    this.#update();
  }

  get #tick(): number {
    return tickAt(this.#clock.nowNs);
  }

  /** The counter, with everything done that is due by now. */
  #counter(index: number): CounterState {
    if (index === 0) this.#runTo(this.#tick);
    catchUp(this.#counters[index], this.#tick);
    return this.#counters[index];
  }

  #control(index: number, value: number): void {
    const c = this.#counter(index);
    const rw = value >> RW_SHIFT & 3;
    if (rw === RW.LATCH) {
      c.latch ??= countAt(c, this.#tick);
      return;
    }
    const mode = value >> MODE_SHIFT & 7;
    setMode(c, rw, mode > 5 ? mode - 4 : mode, (value & CONTROL.BCD) !== 0);
    if (index === 0) this.#update();
  }

  #readBack(value: number): void {
    const now = this.#tick;
    for (let index = 0; index < 3; index++) {
      if (!(value & READ_BACK.COUNTER_0 << index)) continue;
      const c = this.#counter(index);
      if (!(value & READ_BACK.NO_COUNT)) c.latch ??= countAt(c, now);
      if (!(value & READ_BACK.NO_STATUS)) c.statusLatch ??= statusOf(c, now);
    }
  }

  /** Drives OUT 0's edges up to and including tick `now`, each in its turn. */
  #runTo(now: number): void {
    const c = this.#counters[0];
    while (this.#edgeTick <= now) {
      const at = this.#edgeTick;
      catchUp(c, at);
      this.#edgeTick = nextEdge(c, at);
      this.#irq0.set(outAt(c, at));
    }
    this.#arm();
  }

  /** Recomputes OUT 0 and its next edge after a change. */
  #update(): void {
    const now = this.#tick;
    const c = this.#counters[0];
    catchUp(c, now);
    this.#edgeTick = nextEdge(c, now);
    this.#irq0.set(outAt(c, now));
    this.#arm();
  }

  #arm(): void {
    const atNs = this.#edgeTick === Infinity ? Infinity : nsOfTick(this.#edgeTick);
    if (atNs !== this.#edge.atNs) this.#edge.armAt(atNs);
  }
}

function powerOn(): CounterState[] {
  return [newCounter(true), newCounter(true), newCounter(false)];
}

function statusOf(c: CounterState, now: number): number {
  return (outAt(c, now) ? PIT_STATUS.OUT : 0) | (c.nullCount ? PIT_STATUS.NULL_COUNT : 0) |
    c.rw << RW_SHIFT | c.mode << MODE_SHIFT | (c.bcd ? CONTROL.BCD : 0);
}
