/**
 * Intel 8042 as a PC's keyboard controller.
 *
 * ```text
 *   0x60 data            +--------+ IRQ1  (a byte from the keyboard waits)
 *   0x64 status/command  |  8042  | IRQ12 (… from the auxiliary port)
 *   keyboard <-- PS/2 -->|        | P21 -> A20 gate
 *   nothing  <-- PS/2 -->|        | P20 -> reset of the processor
 *                        +--------+
 * ```
 *
 * 1. The keyboard has a byte. If its port is enabled and the output buffer is empty, the byte
 *    travels for {@linkcode PS2_BYTE_NS}; otherwise the controller holds the clock line and the
 *    byte stays where it is.
 * 2. With XLAT set, set 2 becomes set 1: 0xf0 disappears and sets bit 7 of the code after it.
 * 3. The byte stands in the output buffer: OBF is set, and IRQ1 is high if INTK is set.
 * 4. The guest reads 0x60: OBF and IRQ1 fall, and the next byte starts its travel.
 * 5. A byte that the guest writes to 0x60 goes to the keyboard (and enables its port) unless the
 *    last command to 0x64 asked for a parameter. Answers of the controller itself come at once,
 *    or, when the output buffer is full, shortly after it is read.
 *
 * The second port works but nothing is plugged in: what is sent there is answered, after a time,
 * by 0xfe with TO and AOBF set.
 *
 * **Not modelled:** the input buffer being busy, the password, parity errors, the key lock.
 *
 * @see IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller"
 */
import type { Device } from "../bus/device.ts";
import type { IrqLine } from "../bus/irq_line.ts";
import type { PortRange } from "../bus/port_bus.ts";
import type { Ps2Device } from "../bus/ps2_link.ts";
import {
  byte,
  type Checked,
  type DeviceState,
  fields,
  flag,
  list,
  nullable,
  StateFormat,
  timeNs,
} from "../bus/state_format.ts";
import type { Alarm, Clock } from "../clock.ts";
import {
  BREAK_PREFIX,
  COMMAND_BYTE,
  OUTPUT_PORT,
  PS2_ANSWER,
  PS2_ANSWER_GAP_NS,
  PS2_BYTE_NS,
  PS2_COMMAND,
  PS2_PORT,
  PS2_STATUS,
  PS2_TIMEOUT_NS,
  TRANSLATION,
} from "./ps2_controller_spec.ts";

const ENTRY = fields({ value: byte, aux: flag, timeout: flag });
const STATE = fields({
  /** The output buffer; `full` is OBF. */
  output: ENTRY,
  full: flag,
  /** Answers that wait for the output buffer. */
  answers: list(ENTRY, 0, 64),
  ram: list(byte, 32, 32),
  outputPort: byte,
  /** The command whose parameter is awaited; 0 if none. */
  command: byte,
  lastWasCommand: flag,
  /** Translation has swallowed a 0xf0. */
  breakNext: flag,
  /** When the byte that travels arrives. */
  arrivesAtNs: nullable(timeNs),
  /** When the silence of a missing device is noticed, and on which port. */
  timeoutAtNs: nullable(timeNs),
  timeoutAux: flag,
});
const FORMAT = new StateFormat("ps2_controller", 1, STATE);
type Entry = Checked<typeof ENTRY>;

function powerOn(): Checked<typeof STATE> {
  const ram = new Array(32).fill(0);
  ram[0] = COMMAND_BYTE.DISK | COMMAND_BYTE.DISA | COMMAND_BYTE.XLAT;
  return {
    output: { value: 0, aux: false, timeout: false },
    full: false,
    answers: [],
    ram,
    outputPort: 0xcf,
    command: 0,
    lastWasCommand: false,
    breakNext: false,
    arrivesAtNs: null,
    timeoutAtNs: null,
    timeoutAux: false,
  };
}

/** What the controller is wired to. */
export interface Ps2Wiring {
  readonly clock: Clock;
  readonly irq1: IrqLine;
  readonly irq12: IrqLine;
  /** Drives the A20 gate; called when P21 changes. */
  readonly a20: (level: boolean) => void;
  /** Resets the processor. */
  readonly reset: () => void;
  /** What is plugged into the first port. */
  readonly keyboard?: Ps2Device;
}

/** The keyboard controller of a PC. */
export class Ps2Controller implements Device {
  readonly ports: readonly PortRange[] = [
    { device: "ps2", first: PS2_PORT.DATA, count: 1 },
    { device: "ps2", first: PS2_PORT.COMMAND, count: 1 },
  ];
  readonly #wiring: Ps2Wiring;
  readonly #arrival: Alarm;
  readonly #timeout: Alarm;
  #s = powerOn();

  constructor(wiring: Ps2Wiring) {
    this.#wiring = wiring;
    this.#arrival = wiring.clock.alarm("ps2", () => this.#arrive());
    this.#timeout = wiring.clock.alarm("ps2 timeout", () => this.#noAnswer());
    if (wiring.keyboard !== undefined) wiring.keyboard.onData = () => this.#update();
  }

  /** Level of P21, this chip's half of the A20 gate. */
  get a20(): boolean {
    return (this.#s.outputPort & OUTPUT_PORT.A20) !== 0;
  }

  /** The command byte, for views. @see COMMAND_BYTE */
  get commandByte(): number {
    return this.#s.ram[0];
  }

  readPort(port: number): number {
    if (port === PS2_PORT.COMMAND) return this.#status;
    const { value } = this.#s.output;
    this.#s.full = false;
    this.#update();
    return value;
  }

  writePort(port: number, value: number): void {
    const s = this.#s;
    s.lastWasCommand = port === PS2_PORT.COMMAND;
    if (s.lastWasCommand) {
      s.command = 0;
      this.#execute(value);
    } else if (s.command !== 0) {
      const command = s.command;
      s.command = 0;
      this.#parameter(command, value);
    } else {
      s.ram[0] &= ~COMMAND_BYTE.DISK;
      this.#send(this.#wiring.keyboard, value, false);
    }
    this.#update();
  }

  /** Power-on state: both ports disabled, translation on, A20 open. */
  reset(): void {
    const a20 = this.a20;
    this.#s = powerOn();
    this.#timeout.disarm();
    if (!a20) this.#wiring.a20(true);
    this.#update();
  }

  saveState(): DeviceState {
    return FORMAT.save(this.#s);
  }

  loadState(state: unknown): void {
    this.#s = FORMAT.load(state);
    this.#wiring.a20(this.a20);
    this.#timeout.armAt(this.#s.timeoutAtNs ?? Infinity);
    this.#update();
  }

  get #status(): number {
    const { full, output, ram, lastWasCommand } = this.#s;
    return (full ? PS2_STATUS.OBF : 0) | (ram[0] & COMMAND_BYTE.SYS ? PS2_STATUS.SYS : 0) |
      (lastWasCommand ? PS2_STATUS.A2 : 0) | PS2_STATUS.KEYL |
      (full && output.aux ? PS2_STATUS.AOBF : 0) | (full && output.timeout ? PS2_STATUS.TO : 0);
  }

  /** A command at 0x64. */
  #execute(command: number): void {
    const s = this.#s;
    if (command >= PS2_COMMAND.PULSE) {
      if (!(command & OUTPUT_PORT.RESET)) this.#wiring.reset();
      return;
    }
    if (command >= 0x20 && command <= 0x3f) return this.#answer(s.ram[command & 0x1f]);
    if (command >= 0x60 && command <= 0x7f) {
      s.command = command;
      return;
    }
    switch (command) {
      case PS2_COMMAND.TEST_PASSWORD:
        return this.#answer(PS2_ANSWER.NO_PASSWORD);
      case PS2_COMMAND.DISABLE_AUX:
        s.ram[0] |= COMMAND_BYTE.DISA;
        return;
      case PS2_COMMAND.ENABLE_AUX:
        s.ram[0] &= ~COMMAND_BYTE.DISA;
        return;
      case PS2_COMMAND.SELF_TEST:
        s.ram[0] |= COMMAND_BYTE.SYS;
        return this.#answer(PS2_ANSWER.SELF_TEST_PASSED);
      case PS2_COMMAND.TEST_AUX:
      case PS2_COMMAND.TEST_KEYBOARD:
        return this.#answer(PS2_ANSWER.LINE_OK);
      case PS2_COMMAND.DISABLE_KEYBOARD:
        s.ram[0] |= COMMAND_BYTE.DISK;
        return;
      case PS2_COMMAND.ENABLE_KEYBOARD:
        s.ram[0] &= ~COMMAND_BYTE.DISK;
        return;
      case PS2_COMMAND.READ_INPUT_PORT:
        return this.#answer(0x80);
      case PS2_COMMAND.READ_OUTPUT_PORT:
        return this.#answer(this.#outputPort);
      case PS2_COMMAND.READ_TEST_INPUTS:
        return this.#answer(0x00);
      case PS2_COMMAND.DISABLE_A20:
        return this.#writeOutputPort(s.outputPort & ~OUTPUT_PORT.A20);
      case PS2_COMMAND.ENABLE_A20:
        return this.#writeOutputPort(s.outputPort | OUTPUT_PORT.A20);
      case PS2_COMMAND.WRITE_OUTPUT_PORT:
      case PS2_COMMAND.WRITE_KEYBOARD_BUFFER:
      case PS2_COMMAND.WRITE_AUX_BUFFER:
      case PS2_COMMAND.WRITE_AUX:
        s.command = command;
    }
  }

  /** The parameter of `command`, at 0x60. */
  #parameter(command: number, value: number): void {
    switch (command) {
      case PS2_COMMAND.WRITE_OUTPUT_PORT:
        return this.#writeOutputPort(value);
      case PS2_COMMAND.WRITE_KEYBOARD_BUFFER:
        return this.#answer(value);
      case PS2_COMMAND.WRITE_AUX_BUFFER:
        return this.#answer(value, true);
      case PS2_COMMAND.WRITE_AUX:
        return this.#send(undefined, value, true);
      default:
        this.#s.ram[command & 0x1f] = value;
    }
  }

  get #outputPort(): number {
    const { full, output, outputPort } = this.#s;
    const irq = !full ? 0 : output.aux ? OUTPUT_PORT.IRQ12 : OUTPUT_PORT.IRQ1;
    return outputPort & ~(OUTPUT_PORT.IRQ1 | OUTPUT_PORT.IRQ12) | irq;
  }

  #writeOutputPort(value: number): void {
    const before = this.a20;
    this.#s.outputPort = value | OUTPUT_PORT.RESET;
    if (this.a20 !== before) this.#wiring.a20(this.a20);
    if (!(value & OUTPUT_PORT.RESET)) this.#wiring.reset();
  }

  #send(device: Ps2Device | undefined, value: number, aux: boolean): void {
    if (device !== undefined) return device.receive(value);
    this.#s.timeoutAux = aux;
    this.#s.timeoutAtNs = this.#wiring.clock.nowNs + PS2_TIMEOUT_NS;
    this.#timeout.armAt(this.#s.timeoutAtNs);
  }

  #noAnswer(): void {
    this.#s.timeoutAtNs = null;
    this.#answer(PS2_ANSWER.TIMEOUT, this.#s.timeoutAux, true);
    this.#update();
  }

  #answer(value: number, aux = false, timeout = false): void {
    const { full, answers } = this.#s;
    const entry = { value, aux, timeout };
    if (!full && answers.length === 0) this.#fill(entry);
    else if (answers.length < 64) answers.push(entry);
  }

  #fill(entry: Entry): void {
    this.#s.output = entry;
    this.#s.full = true;
  }

  /** The byte that travelled has arrived. */
  #arrive(): void {
    const s = this.#s;
    s.arrivesAtNs = null;
    const answer = s.answers.shift();
    if (answer !== undefined) {
      this.#fill(answer);
    } else {
      const code = this.#translate(this.#wiring.keyboard?.take());
      if (code !== undefined) this.#fill({ value: code, aux: false, timeout: false });
    }
    this.#update();
  }

  #translate(code: number | undefined): number | undefined {
    const s = this.#s;
    if (code === undefined || !(s.ram[0] & COMMAND_BYTE.XLAT)) return code;
    if (code === BREAK_PREFIX) {
      s.breakNext = true;
      return undefined;
    }
    const make = code < 0x80
      ? TRANSLATION[code]
      : code === 0x83
      ? 0x41
      : code === 0x84
      ? 0x54
      : code;
    const result = s.breakNext ? make | 0x80 : make;
    s.breakNext = false;
    return result;
  }

  /** Recomputes the interrupt lines and what travels, after every change. */
  #update(): void {
    const s = this.#s;
    const { full, output, ram } = s;
    this.#wiring.irq1.set(full && !output.aux && (ram[0] & COMMAND_BYTE.INTK) !== 0);
    this.#wiring.irq12.set(full && output.aux && (ram[0] & COMMAND_BYTE.INTA) !== 0);
    const keyboardTalks = !(ram[0] & COMMAND_BYTE.DISK) && this.#wiring.keyboard?.ready === true;
    const answers = s.answers.length > 0;
    if (full || !(answers || keyboardTalks)) s.arrivesAtNs = null;
    else s.arrivesAtNs ??= this.#wiring.clock.nowNs + (answers ? PS2_ANSWER_GAP_NS : PS2_BYTE_NS);
    const atNs = s.arrivesAtNs ?? Infinity;
    if (this.#arrival.atNs !== atNs) this.#arrival.armAt(atNs);
  }
}
