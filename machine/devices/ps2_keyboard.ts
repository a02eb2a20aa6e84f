/**
 * PS/2 keyboard with 105 keys.
 *
 * ```text
 *   press(key) --+   +--------------+  take()
 *   release(key) +-> | keyboard     | --------> controller
 *   type(text) --+   | 16-byte FIFO | <--------
 *                    +--------------+  receive()
 * ```
 *
 * 1. A key goes down: its make code (set 2, unless command 0xf0 chose set 1) enters the FIFO. If
 *    it does not fit, an overrun code does. Modifiers are keys like any other.
 * 2. The key that went down last repeats: after the typematic delay, then at the typematic rate,
 *    until it or another key changes. While a byte still waits in the FIFO nothing repeats, so a
 *    guest that does not read is not flooded.
 * 3. A key goes up: its break code enters the FIFO.
 * 4. A command from the host is acknowledged with 0xfa; its answers go before all scancodes,
 *    and while it waits for a parameter scancodes wait too. A command in the place of a parameter
 *    takes the old command's place.
 * 5. `type()` presses and releases keys of a US layout, {@linkcode TYPE_STEP_NS} between two
 *    actions, and waits while the FIFO is not empty, so that no key is lost to a slow guest.
 *
 * After power-on scanning is enabled and the self test is over.
 *
 * **Not modelled:** scancode set 3 (0xf0 0x03 and commands 0xf7–0xfd get 0xfe), key ghosting,
 * the shift codes around gray keys under Num Lock, Ctrl-Pause and Alt-Print.
 *
 * @see IBM PS/2 Hardware Interface Technical Reference, "101- and 102-Key Keyboards"
 */
import type { Ps2Device } from "../bus/ps2_link.ts";
import {
  byte,
  type Check,
  type Checked,
  type DeviceState,
  fields,
  flag,
  integer,
  list,
  nullable,
  StateFormat,
  timeNs,
} from "../bus/state_format.ts";
import type { Alarm, Clock } from "../clock.ts";
import { keyName, scancodes, usKey } from "./ps2_keyboard_keys.ts";
import {
  BAT_NS,
  KEYBOARD_ANSWER,
  KEYBOARD_BUFFER,
  KEYBOARD_COMMAND,
  KEYBOARD_ID,
  LED,
  TYPE_STEP_NS,
  TYPEMATIC_DEFAULT,
  typematicDelayNs,
  typematicPeriodNs,
} from "./ps2_keyboard_spec.ts";

const keyCheck: Check<string> = (value, where) => {
  if (typeof value !== "string") throw new TypeError(`Cannot load ${where}: not a key's name`);
  return keyName(value);
};
const STATE = fields({
  scanning: flag,
  set: integer(1, 2),
  leds: integer(0, 7),
  typematic: integer(0, 0x7f),
  /** The command whose parameter is awaited; 0 if none. */
  command: byte,
  answers: list(byte, 0, 64),
  fifo: list(byte, 0, KEYBOARD_BUFFER.SIZE + 1),
  lastSent: byte,
  /** Keys that are down, in the order in which they went down. */
  down: list(keyCheck, 0, 256),
  repeating: nullable(keyCheck),
  repeatAtNs: nullable(timeNs),
  testEndsAtNs: nullable(timeNs),
  /** What `type()` still has to do. */
  typing: list(fields({ key: keyCheck, down: flag }), 0, Number.MAX_SAFE_INTEGER),
  typeAtNs: nullable(timeNs),
});
const FORMAT = new StateFormat("ps2_keyboard", 1, STATE);

function powerOn(): Checked<typeof STATE> {
  return {
    scanning: true,
    set: 2,
    leds: 0,
    typematic: TYPEMATIC_DEFAULT,
    command: 0,
    answers: [],
    fifo: [],
    lastSent: 0,
    down: [],
    repeating: null,
    repeatAtNs: null,
    testEndsAtNs: null,
    typing: [],
    typeAtNs: null,
  };
}

/** The keyboard, with its keys on the host's side and its wire on the controller's. */
export class Ps2Keyboard implements Ps2Device {
  onData: (() => void) | undefined;
  readonly #clock: Clock;
  readonly #repeat: Alarm;
  readonly #test: Alarm;
  readonly #type: Alarm;
  #s = powerOn();

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock;
    this.#repeat = clock.alarm("keyboard repeat", () => this.#repeatKey());
    this.#test = clock.alarm("keyboard test", () => this.#endTest());
    this.#type = clock.alarm("keyboard typing", () => this.#typeNext());
  }

  /** The three lamps. */
  get leds(): { readonly scroll: boolean; readonly num: boolean; readonly caps: boolean } {
    const { leds } = this.#s;
    return {
      scroll: (leds & LED.SCROLL) !== 0,
      num: (leds & LED.NUM) !== 0,
      caps: (leds & LED.CAPS) !== 0,
    };
  }

  /** Names of the keys that are down. */
  get down(): readonly string[] {
    return [...this.#s.down];
  }

  /** Whether `type()` has not finished yet. */
  get typing(): boolean {
    return this.#s.typing.length > 0;
  }

  /**
   * Presses a key and holds it. A key that is down already stays so.
   *
   * @param key A name of `ps2_keyboard_keys.ts`, such as `a`, `ret`, `shift`, `ctrl`, `f1`.
   * @throws {RangeError} If there is no such key; the message lists them.
   */
  press(key: string): void {
    const name = keyName(key);
    const s = this.#s;
    if (s.down.includes(name)) return;
    s.down.push(name);
    this.#emit(name, true);
    s.repeating = name === "pause" ? null : name;
    s.repeatAtNs = s.repeating === null ? null : this.#clock.nowNs + typematicDelayNs(s.typematic);
    this.#arm();
  }

  /**
   * Releases a key. One that is not down stays so.
   *
   * @throws {RangeError} If there is no such key.
   */
  release(key: string): void {
    const name = keyName(key);
    const s = this.#s;
    if (!s.down.includes(name)) return;
    s.down = s.down.filter((other) => other !== name);
    if (s.repeating === name) {
      s.repeating = null;
      s.repeatAtNs = null;
      this.#arm();
    }
    this.#emit(name, false);
  }

  /**
   * Types text on a US layout, in virtual time, after what is being typed already.
   *
   * @param text ASCII, with `\n` for Enter, `\t`, `\b` and ESC.
   * @throws {RangeError} If a character is on no key; nothing is typed then.
   */
  type(text: string): void {
    if (typeof text !== "string") {
      throw new TypeError(`Cannot type ${String(text)}: not a string`);
    }
    const actions: { key: string; down: boolean }[] = [];
    for (const character of text) {
      const { key, shift } = usKey(character);
      if (shift) actions.push({ key: "shift", down: true });
      actions.push({ key, down: true }, { key, down: false });
      if (shift) actions.push({ key: "shift", down: false });
    }
    const s = this.#s;
    for (const action of actions) s.typing.push(action);
    this.#resumeTyping();
    this.#arm();
  }

  get ready(): boolean {
    const { answers, fifo, command } = this.#s;
    return answers.length > 0 || fifo.length > 0 && command === 0;
  }

  take(): number | undefined {
    const s = this.#s;
    const next = s.answers.shift() ?? (s.command === 0 ? s.fifo.shift() : undefined);
    if (next === undefined) return undefined;
    s.lastSent = next;
    if (s.typing.length > 0 && s.typeAtNs === null) {
      this.#resumeTyping();
      this.#arm();
    }
    return next;
  }

  receive(value: number): void {
    const s = this.#s;
    // A command of this kind never looks like a parameter: those have bit 7 clear.
    if (s.command !== 0 && value < KEYBOARD_COMMAND.SET_LEDS) {
      const command = s.command;
      s.command = 0;
      this.#parameter(command, value);
    } else {
      s.command = 0;
      this.#execute(value);
    }
    this.#resumeTyping();
    this.#arm();
    if (this.ready) this.onData?.();
  }

  /** Power-on state; fingers stay where they are, and so does what is being typed. */
  reset(): void {
    const { down, typing } = this.#s;
    this.#s = { ...powerOn(), down, typing };
    this.#resumeTyping();
    this.#arm();
  }

  saveState(): DeviceState {
    return FORMAT.save(this.#s);
  }

  /** @see Device.loadState */
  loadState(state: unknown): void {
    const loaded = FORMAT.load(state);
    if ((loaded.repeating === null) !== (loaded.repeatAtNs === null)) {
      throw new RangeError("Cannot load ps2_keyboard: repeating and repeatAtNs disagree");
    }
    if (loaded.typing.length === 0 && loaded.typeAtNs !== null) {
      throw new RangeError("Cannot load ps2_keyboard: typeAtNs without anything to type");
    }
    this.#s = loaded;
    this.#arm();
    if (this.ready) this.onData?.();
  }

  #execute(command: number): void {
    const s = this.#s;
    switch (command) {
      case KEYBOARD_COMMAND.SET_LEDS:
      case KEYBOARD_COMMAND.SCANCODE_SET:
      case KEYBOARD_COMMAND.TYPEMATIC:
        s.command = command;
        return this.#answer(KEYBOARD_ANSWER.ACK);
      case KEYBOARD_COMMAND.ECHO:
        return this.#answer(KEYBOARD_ANSWER.ECHO);
      case KEYBOARD_COMMAND.IDENTIFY:
        return this.#answer(KEYBOARD_ANSWER.ACK, ...KEYBOARD_ID);
      case KEYBOARD_COMMAND.ENABLE:
        s.fifo = [];
        s.scanning = true;
        return this.#answer(KEYBOARD_ANSWER.ACK);
      case KEYBOARD_COMMAND.DISABLE:
      case KEYBOARD_COMMAND.DEFAULTS:
        this.#setDefaults();
        if (command === KEYBOARD_COMMAND.DISABLE) s.scanning = false;
        return this.#answer(KEYBOARD_ANSWER.ACK);
      case KEYBOARD_COMMAND.RESEND:
        return this.#answer(s.lastSent);
      case KEYBOARD_COMMAND.RESET:
        this.#setDefaults();
        s.leds = 0;
        s.scanning = false;
        s.answers = [];
        s.testEndsAtNs = this.#clock.nowNs + BAT_NS;
        return this.#answer(KEYBOARD_ANSWER.ACK);
      default:
        return this.#answer(KEYBOARD_ANSWER.RESEND);
    }
  }

  #parameter(command: number, value: number): void {
    const s = this.#s;
    switch (command) {
      case KEYBOARD_COMMAND.SET_LEDS:
        s.leds = value & 7;
        return this.#answer(KEYBOARD_ANSWER.ACK);
      case KEYBOARD_COMMAND.TYPEMATIC:
        s.typematic = value & 0x7f;
        return this.#answer(KEYBOARD_ANSWER.ACK);
      default:
        if (value === 0) return this.#answer(KEYBOARD_ANSWER.ACK, s.set);
        if (value > 2) return this.#answer(KEYBOARD_ANSWER.RESEND);
        s.fifo = [];
        s.set = value;
        return this.#answer(KEYBOARD_ANSWER.ACK);
    }
  }

  #setDefaults(): void {
    const s = this.#s;
    s.fifo = [];
    s.set = 2;
    s.typematic = TYPEMATIC_DEFAULT;
    s.repeating = null;
    s.repeatAtNs = null;
  }

  #answer(...bytes: number[]): void {
    const { answers } = this.#s;
    if (answers.length + bytes.length <= 64) answers.push(...bytes);
  }

  /** Puts a key's bytes into the FIFO. */
  #emit(key: string, down: boolean): void {
    const { scanning, set, fifo } = this.#s;
    if (!scanning) return;
    const bytes = scancodes(key, down, set);
    if (fifo.length + bytes.length <= KEYBOARD_BUFFER.SIZE) {
      fifo.push(...bytes);
    } else {
      const overrun = set === 1 ? KEYBOARD_BUFFER.OVERRUN_SET_1 : KEYBOARD_BUFFER.OVERRUN_SET_2;
      if (fifo.at(-1) !== overrun) fifo.push(overrun);
    }
    this.onData?.();
  }

  #repeatKey(): void {
    const s = this.#s;
    // From the appointed time, not from now: no drift.
    s.repeatAtNs! += typematicPeriodNs(s.typematic);
    this.#arm();
    if (s.fifo.length === 0) this.#emit(s.repeating!, true);
  }

  #endTest(): void {
    const s = this.#s;
    s.testEndsAtNs = null;
    s.scanning = true;
    this.#answer(KEYBOARD_ANSWER.BAT_OK);
    this.onData?.();
  }

  /** Makes the appointment for the next action of `type()`, if the FIFO is empty. */
  #resumeTyping(): void {
    const s = this.#s;
    if (s.typing.length > 0 && s.fifo.length === 0) {
      s.typeAtNs ??= this.#clock.nowNs + TYPE_STEP_NS;
    }
  }

  #typeNext(): void {
    const s = this.#s;
    s.typeAtNs = null;
    // A full hand waits: `take` makes the next appointment when the FIFO has run empty.
    if (s.fifo.length > 0) return;
    const { key, down } = s.typing.shift()!;
    if (s.typing.length > 0) s.typeAtNs = this.#clock.nowNs + TYPE_STEP_NS;
    if (down) this.press(key);
    else this.release(key);
    this.#arm();
  }

  #arm(): void {
    const { repeatAtNs, testEndsAtNs, typeAtNs } = this.#s;
    this.#repeat.armAt(repeatAtNs ?? Infinity);
    this.#test.armAt(testEndsAtNs ?? Infinity);
    this.#type.armAt(typeAtNs ?? Infinity);
  }
}
