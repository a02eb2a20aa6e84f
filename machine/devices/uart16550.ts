/**
 * National Semiconductor 16550A UART.
 *
 * ```text
 *              +--------+ THR/FIFO -> shift register -> output, onOutput
 *   8 ports -> | 16550A | RBR/FIFO <---- character by character ---- receive(bytes)
 *      INTR <- |        | OUT2 gates INTR onto the IRQ line
 *              +--------+ CTS DSR DCD on: a host is connected
 * ```
 *
 * 1. The guest writes THR. The host sees the byte in {@linkcode Uart16550.output} at that moment,
 *    so that nothing is lost when the machine stops; for the guest it takes its time.
 * 2. When the shift register is free, the byte moves there: THRE is set as soon as THR (or the
 *    transmit FIFO) is empty, and raises an interrupt if ETBEI is set.
 * 3. After one character time (start, data, parity and stop bits at the divisor's rate) the next
 *    byte follows; when none is left, TEMT is set.
 * 4. Bytes from the host arrive one per character time and wait, at the host's end, while the
 *    receiver has no room (a cable with flow control). DR is set; the FIFO interrupts at its
 *    trigger level, or four character times after the last byte or read.
 * 5. With MCR.LOOP the transmitter feeds the receiver, the modem outputs feed the modem inputs,
 *    and the pins are quiet. Here bytes can be lost: OE is set.
 *
 * IIR shows the most urgent cause; the line is a level, recomputed in one function.
 *
 * **Not modelled:** parity, framing and break errors of the host (it makes none), 1.5 stop bits
 * (as 2), DMA mode, breaks on the line. A divisor of 0 counts as 65536. A byte written while the
 * transmitter is full is lost; without FIFOs a real THR would keep the new byte, not the old one.
 *
 * @see National Semiconductor PC16550D data sheet
 */
import type { Device } from "../bus/device.ts";
import type { IrqLine } from "../bus/irq_line.ts";
import type { PortRange } from "../bus/port_bus.ts";
import { type DeviceState, StateFormat } from "../bus/state_format.ts";
import type { Alarm, Clock } from "../clock.ts";
import {
  FCR,
  FIFO_SIZE,
  IER,
  IIR,
  LCR,
  LSR,
  MCR,
  MSR,
  TRIGGER_LEVELS,
  UART_CLOCK_HZ,
  UART_REGISTER,
} from "./uart16550_spec.ts";
import { newUart, UART_STATE, type UartState } from "./uart16550_state.ts";

/** What a UART is wired to. */
export interface UartWiring {
  readonly clock: Clock;
  readonly irq: IrqLine;
  /** First of its eight ports. */
  readonly base: number;
  /** For messages and snapshots, such as `com1`. */
  readonly name: string;
  /** Told of every byte that the guest sends. */
  readonly onOutput?: (byte: number) => void;
  /** `instant` lets a character take no time at all, for guests that print a lot. */
  readonly speed?: "real" | "instant";
}

/** A serial port. */
export class Uart16550 implements Device {
  readonly ports: readonly PortRange[];
  readonly #wiring: UartWiring;
  readonly #format: StateFormat<UartState>;
  readonly #sent: Alarm;
  readonly #arrival: Alarm;
  readonly #timeout: Alarm;
  #s = newUart();

  constructor(wiring: UartWiring) {
    this.#wiring = wiring;
    const { name, base, clock } = wiring;
    this.ports = [{ device: name, first: base, count: 8 }];
    this.#format = new StateFormat(name, 1, UART_STATE);
    this.#sent = clock.alarm(`${name} sent`, () => this.#shiftedOut());
    this.#arrival = clock.alarm(`${name} arrival`, () => this.#arrive());
    this.#timeout = clock.alarm(`${name} timeout`, () => {
      this.#s.timeoutAtNs = null;
      this.#s.timeoutPending = true;
      this.#update();
    });
  }

  /** Everything that the guest has sent since power-on, as UTF-8. */
  get output(): string {
    return new TextDecoder().decode(this.outputBytes);
  }

  /** Everything that the guest has sent since power-on. */
  get outputBytes(): Uint8Array {
    return Uint8Array.from(this.#s.output, (character) => character.charCodeAt(0));
  }

  /** Forgets the output so far. */
  clearOutput(): void {
    this.#s.output = "";
  }

  /** Duration of a character at the present settings. */
  get characterNs(): number {
    if (this.#wiring.speed === "instant") return 0;
    const { lcr, divisor } = this.#s;
    const bits = 1 + 5 + (lcr & LCR.WLS) + (lcr & LCR.PEN ? 1 : 0) + (lcr & LCR.STB ? 2 : 1);
    return bits * (divisor || 0x1_0000) * 16 * 1e9 / UART_CLOCK_HZ;
  }

  /**
   * Sends to the guest.
   *
   * @param data Bytes, or text that is sent as UTF-8.
   */
  receive(data: Iterable<number> | string): void {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    for (const value of bytes) this.#s.incoming.push(value & 0xff);
    this.#update();
  }

  readPort(port: number): number {
    const s = this.#s;
    const register = port - this.#wiring.base;
    const value = this.#read(register);
    if (register === UART_REGISTER.LSR) s.overrun = false;
    else if (register === UART_REGISTER.MSR) s.deltas = 0;
    else if (register === UART_REGISTER.IIR_FCR && (value & 0x0f) === IIR.THR_EMPTY) {
      s.thrEmptyPending = false;
    } else if (register === UART_REGISTER.RBR_THR && !(s.lcr & LCR.DLAB)) {
      s.received.shift();
      this.#restartTimeout();
    } else return value;
    this.#update();
    return value;
  }

  writePort(port: number, value: number): void {
    const s = this.#s;
    const divisor = (s.lcr & LCR.DLAB) !== 0;
    switch (port - this.#wiring.base) {
      case UART_REGISTER.RBR_THR:
        if (divisor) s.divisor = s.divisor & 0xff00 | value;
        else this.#transmit(value);
        break;
      case UART_REGISTER.IER:
        if (divisor) s.divisor = s.divisor & 0xff | value << 8;
        else this.#enable(value & 0x0f);
        break;
      case UART_REGISTER.IIR_FCR:
        this.#controlFifos(value);
        break;
      case UART_REGISTER.LCR:
        s.lcr = value;
        break;
      case UART_REGISTER.MCR:
        this.#controlModem(value & 0x1f);
        break;
      case UART_REGISTER.SCR:
        s.scr = value;
    }
    this.#update();
  }

  /** Master reset. What the host sent or got stays. */
  reset(): void {
    const { incoming, output } = this.#s;
    this.#s = { ...newUart(), incoming, output };
    this.#update();
  }

  saveState(): DeviceState {
    return this.#format.save(this.#s);
  }

  loadState(state: unknown): void {
    const loaded = this.#format.load(state);
    if ((loaded.shifting === null) !== (loaded.sentAtNs === null)) {
      throw new RangeError(`Cannot load ${this.#wiring.name}: shifting and sentAtNs disagree`);
    }
    this.#s = loaded;
    this.#update();
  }

  /** Line status register, without side effects. */
  get lsr(): number {
    const { received, waiting, shifting, overrun } = this.#s;
    return (received.length > 0 ? LSR.DR : 0) | (overrun ? LSR.OE : 0) |
      (waiting.length === 0 ? LSR.THRE : 0) |
      (waiting.length === 0 && shifting === null ? LSR.TEMT : 0);
  }

  #read(register: number): number {
    const s = this.#s;
    const divisor = (s.lcr & LCR.DLAB) !== 0;
    switch (register) {
      case UART_REGISTER.RBR_THR:
        return divisor ? s.divisor & 0xff : s.received[0] ?? 0;
      case UART_REGISTER.IER:
        return divisor ? s.divisor >> 8 : s.ier;
      case UART_REGISTER.IIR_FCR:
        return this.#cause() | (s.fifos ? IIR.FIFOS_ENABLED : 0);
      case UART_REGISTER.LCR:
        return s.lcr;
      case UART_REGISTER.MCR:
        return s.mcr;
      case UART_REGISTER.LSR:
        return this.lsr;
      case UART_REGISTER.MSR:
        return modemInputs(s.mcr) | s.deltas;
      default:
        return s.scr;
    }
  }

  #transmit(value: number): void {
    const s = this.#s;
    s.thrEmptyPending = false;
    const room = s.fifos ? FIFO_SIZE : 1;
    if (s.waiting.length >= room) return;
    s.waiting.push(value);
    if (!(s.mcr & MCR.LOOP)) {
      s.output += String.fromCharCode(value);
      this.#wiring.onOutput?.(value);
    }
    this.#shift(this.#wiring.clock.nowNs);
  }

  /** Moves a byte into the shift register if that is free. */
  #shift(nowNs: number): void {
    const s = this.#s;
    while (s.shifting === null && s.waiting.length > 0) {
      s.shifting = s.waiting.shift()!;
      if (s.waiting.length === 0) s.thrEmptyPending = true;
      const duration = this.characterNs;
      if (duration > 0) s.sentAtNs = nowNs + duration;
      else this.#finishShift();
    }
  }

  #finishShift(): void {
    const s = this.#s;
    const value = s.shifting!;
    s.shifting = null;
    s.sentAtNs = null;
    if (s.mcr & MCR.LOOP) this.#accept(value);
  }

  #shiftedOut(): void {
    const atNs = this.#s.sentAtNs!;
    this.#finishShift();
    this.#shift(atNs);
    this.#update();
  }

  /** A byte at the receiver. */
  #accept(value: number): void {
    const s = this.#s;
    if (s.received.length < (s.fifos ? FIFO_SIZE : 1)) s.received.push(value);
    else {
      s.overrun = true;
      if (!s.fifos) s.received[0] = value;
    }
    this.#restartTimeout();
  }

  #arrive(): void {
    const s = this.#s;
    const atNs = s.arrivesAtNs!;
    s.arrivesAtNs = null;
    if (this.#hasRoom()) this.#accept(s.incoming.shift()!);
    if (s.incoming.length > 0 && this.#hasRoom()) s.arrivesAtNs = atNs + this.characterNs;
    this.#update();
  }

  /** Whether the host may send: there is room, and the pins are connected. */
  #hasRoom(): boolean {
    const { received, fifos, mcr } = this.#s;
    return received.length < (fifos ? FIFO_SIZE : 1) && !(mcr & MCR.LOOP);
  }

  #restartTimeout(): void {
    const s = this.#s;
    s.timeoutPending = false;
    s.timeoutAtNs = s.fifos && s.received.length > 0
      ? this.#wiring.clock.nowNs + 4 * this.characterNs
      : null;
  }

  #enable(ier: number): void {
    const s = this.#s;
    // Enabling the transmitter's interrupt while THR is empty raises it at once.
    if (ier & ~s.ier & IER.ETBEI && s.waiting.length === 0) s.thrEmptyPending = true;
    s.ier = ier;
  }

  #controlFifos(value: number): void {
    const s = this.#s;
    const fifos = (value & FCR.FE) !== 0;
    const changed = fifos !== s.fifos;
    s.fifos = fifos;
    if (changed || value & FCR.RFR) {
      s.received = [];
      this.#restartTimeout();
    }
    if ((changed || value & FCR.XFR) && s.waiting.length > 0) {
      s.waiting = [];
      s.thrEmptyPending = true;
    }
    if (fifos) s.trigger = value >> FCR.TRIGGER_SHIFT;
  }

  #controlModem(mcr: number): void {
    const s = this.#s;
    const before = modemInputs(s.mcr);
    const after = modemInputs(mcr);
    s.mcr = mcr;
    const changed = (before ^ after) >> 4;
    // RI counts when it goes away: "trailing edge".
    const trailing = before & ~after & MSR.RI ? MSR.TERI : 0;
    s.deltas |= changed & (MSR.DCTS | MSR.DDSR | MSR.DDCD) | trailing;
  }

  /** IIR 3:0. */
  #cause(): number {
    const { ier, overrun, received, fifos, trigger, timeoutPending, thrEmptyPending, deltas } =
      this.#s;
    if (ier & IER.ELSI && overrun) return IIR.LINE_STATUS;
    if (ier & IER.ERBFI) {
      if (received.length >= (fifos ? TRIGGER_LEVELS[trigger] : 1)) return IIR.RECEIVED;
      if (timeoutPending) return IIR.TIMEOUT;
    }
    if (ier & IER.ETBEI && thrEmptyPending) return IIR.THR_EMPTY;
    if (ier & IER.EDSSI && deltas) return IIR.MODEM;
    return IIR.NONE;
  }

  /** Recomputes the line and the alarms after every change. */
  #update(): void {
    const s = this.#s;
    if (s.incoming.length === 0 || !this.#hasRoom()) s.arrivesAtNs = null;
    else s.arrivesAtNs ??= this.#wiring.clock.nowNs + this.characterNs;
    arm(this.#arrival, s.arrivesAtNs);
    arm(this.#sent, s.sentAtNs);
    arm(this.#timeout, s.timeoutAtNs);
    const gate = (s.mcr & (MCR.OUT2 | MCR.LOOP)) === MCR.OUT2;
    this.#wiring.irq.set(gate && this.#cause() !== IIR.NONE);
  }
}

function arm(alarm: Alarm, atNs: number | null): void {
  if (alarm.atNs !== (atNs ?? Infinity)) alarm.armAt(atNs ?? Infinity);
}

/** MSR 7:4: a connected host, or the modem outputs looped back. */
function modemInputs(mcr: number): number {
  if (!(mcr & MCR.LOOP)) return MSR.CTS | MSR.DSR | MSR.DCD;
  return (mcr & MCR.RTS ? MSR.CTS : 0) | (mcr & MCR.DTR ? MSR.DSR : 0) |
    (mcr & MCR.OUT1 ? MSR.RI : 0) | (mcr & MCR.OUT2 ? MSR.DCD : 0);
}
