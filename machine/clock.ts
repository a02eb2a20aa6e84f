/**
 * Virtual time: retired instructions, and alarms on them.
 *
 * One instruction is {@linkcode NS_PER_INSTRUCTION} virtual nanoseconds. A halted CPU jumps to
 * the next alarm. Nothing here looks at the host's clock.
 */

/** Virtual nanoseconds per retired instruction: 100 million instructions are one second. */
export const NS_PER_INSTRUCTION = 10;

/** A device's appointment. Create it once with {@linkcode Clock.alarm} and re-arm it. */
export interface Alarm {
  /** Virtual time at which it rings, in ns; `Infinity` when it is not armed. */
  readonly atNs: number;
  /** Arms it for an absolute time (a time that has passed rings at once). */
  armAt(atNs: number): void;
  /** Arms it relative to now. */
  armIn(deltaNs: number): void;
  disarm(): void;
}

class ClockAlarm implements Alarm {
  atNs = Infinity;

  constructor(readonly clock: Clock, readonly name: string, readonly ring: () => void) {}

  armAt(atNs: number): void {
    this.atNs = atNs;
    this.clock.changed();
  }

  armIn(deltaNs: number): void {
    this.armAt(this.clock.nowNs + deltaNs);
  }

  disarm(): void {
    this.armAt(Infinity);
  }
}

/** The machine's clock. Devices get it through the constructor. */
export class Clock {
  readonly #alarms: ClockAlarm[] = [];
  #retired = 0;
  #nextNs = Infinity;

  /**
   * Replaced by the CPU: the exact count of retired instructions, also in the middle of a block.
   * By default the count that {@linkcode Clock.advanceTo} set.
   */
  exact: (() => number) | undefined;

  /** Called when the next alarm has changed, so that the CPU looks at {@linkcode Clock.nextNs}. */
  onChange: (() => void) | undefined;

  /** Instructions retired since the machine was made, halted time included. */
  get retired(): number {
    return this.exact?.() ?? this.#retired;
  }

  /** Virtual time in ns. */
  get nowNs(): number {
    return this.retired * NS_PER_INSTRUCTION;
  }

  /** When the next alarm rings, in ns; `Infinity` without one. */
  get nextNs(): number {
    return this.#nextNs;
  }

  /** When the next alarm rings, as a count of retired instructions (rounded up). */
  get nextRetired(): number {
    return Math.ceil(this.#nextNs / NS_PER_INSTRUCTION);
  }

  /** Makes an alarm, not armed yet. Alarms due at one time ring in the order they were made in. */
  alarm(name: string, ring: () => void): Alarm {
    const alarm = new ClockAlarm(this, name, ring);
    this.#alarms.push(alarm);
    return alarm;
  }

  /** @internal An alarm was armed or disarmed. */
  changed(): void {
    let next = Infinity;
    for (const alarm of this.#alarms) if (alarm.atNs < next) next = alarm.atNs;
    this.#nextNs = next;
    this.onChange?.();
  }

  /** Moves to `retired` instructions; what is due on the way rings at its own time, earliest first. */
  advanceTo(retired: number): void {
    const nowNs = retired * NS_PER_INSTRUCTION;
    while (this.#nextNs <= nowNs) {
      const due = this.#alarms.find((alarm) => alarm.atNs === this.#nextNs)!;
      this.#retired = Math.max(this.#retired, Math.ceil(due.atNs / NS_PER_INSTRUCTION));
      due.disarm();
      due.ring();
    }
    this.#retired = retired;
  }

  /** Advances by virtual time instead; for tests with no CPU. */
  advanceNs(deltaNs: number): void {
    this.advanceTo(this.#retired + deltaNs / NS_PER_INSTRUCTION);
  }

  /** The armed alarms, for views and snapshots. */
  pending(): { readonly name: string; readonly atNs: number }[] {
    return this.#alarms.filter((alarm) => alarm.atNs !== Infinity)
      .map(({ name, atNs }) => ({ name, atNs }));
  }
}
