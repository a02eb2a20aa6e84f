/**
 * The small ports of a PC's board.
 *
 * ```text
 * 0x61  system control B   7 PARITY  6 IOCHK  5 OUT2  4 REFRESH | 3 2 off  1 SPEAKER  0 GATE2
 * 0x92  system control A   1 A20  0 RESET (a rising bit resets)
 * 0x80  POST code          the last byte is kept, and told as an event
 * 0xe9  debug console      bytes written are collected; reads as 0xe9
 * 0xf4  isa-debug-exit     a write ends the run (1, 2 or 4 bytes wide)
 * ```
 *
 * **Not modelled:** parity and I/O channel checks (always fine), the DMA page register that
 * shares port 0x80, the other bits of port 0x92.
 *
 * @see Intel 82371AB (PIIX4) data sheet (290562), "NMISC", "Port 92"
 * @see Bochs, "port_e9_hack"; QEMU, "isa-debug-exit"
 */
import type { Device } from "../bus/device.ts";
import type { PortRange } from "../bus/port_bus.ts";
import {
  byte,
  byteText,
  type DeviceState,
  fields,
  integer,
  StateFormat,
} from "../bus/state_format.ts";
import type { Clock } from "../clock.ts";
import type { Events } from "../events.ts";
import { PORT_61, PORT_92, REFRESH_NS, SYSTEM_PORT } from "./system_ports_spec.ts";

const PORT_61_FORMAT = new StateFormat("port_61", 1, fields({ control: integer(0, 15) }));
const PORT_92_FORMAT = new StateFormat("port_92", 1, fields({ control: byte }));
const POST_FORMAT = new StateFormat("post", 1, fields({ code: byte }));
const CONSOLE_FORMAT = new StateFormat("debug_console", 1, fields({ output: byteText }));
const EXIT_FORMAT = new StateFormat("debug_exit", 1, fields({}));

/** What port 0x61 is wired to. */
export interface Port61Wiring {
  readonly clock: Clock;
  /** Drives GATE 2 of the timer. */
  readonly gate2: (level: boolean) => void;
  /** Level of OUT 2 of the timer. */
  readonly out2: () => boolean;
}

/** Port 0x61: speaker and refresh. */
export class Port61 implements Device {
  readonly ports: readonly PortRange[] = [
    { device: "port 0x61", first: SYSTEM_PORT.CONTROL_B, count: 1 },
  ];
  #control = 0;

  constructor(readonly wiring: Port61Wiring) {}

  /** Whether the speaker is connected to OUT 2 and OUT 2 runs. */
  get speakerOn(): boolean {
    return (this.#control & (PORT_61.GATE2 | PORT_61.SPEAKER)) ===
      (PORT_61.GATE2 | PORT_61.SPEAKER);
  }

  readPort(): number {
    const { clock, out2 } = this.wiring;
    // The bit turns over at every memory refresh.
    const refresh = Math.floor(clock.nowNs / REFRESH_NS) & 1;
    return this.#control | (refresh ? PORT_61.REFRESH : 0) | (out2() ? PORT_61.OUT2 : 0);
  }

  writePort(_port: number, value: number): void {
    this.#control = value & 15;
    this.wiring.gate2((value & PORT_61.GATE2) !== 0);
  }

  reset(): void {
    this.writePort(SYSTEM_PORT.CONTROL_B, 0);
  }

  saveState(): DeviceState {
    return PORT_61_FORMAT.save({ control: this.#control });
  }

  /** @see Device.loadState The timer's own state says where GATE 2 is. */
  loadState(state: unknown): void {
    this.#control = PORT_61_FORMAT.load(state).control;
  }
}

/** What port 0x92 is wired to. */
export interface Port92Wiring {
  /** Drives the chipset's half of the A20 gate; called when it changes. */
  readonly a20: (level: boolean) => void;
  readonly reset: () => void;
}

/** Port 0x92: fast A20 and fast reset. */
export class Port92 implements Device {
  readonly ports: readonly PortRange[] = [
    { device: "port 0x92", first: SYSTEM_PORT.CONTROL_A, count: 1 },
  ];
  #control = 0;

  constructor(readonly wiring: Port92Wiring) {}

  /** This port's half of the A20 gate; the keyboard controller has the other (they are ORed). */
  get a20(): boolean {
    return (this.#control & PORT_92.A20) !== 0;
  }

  readPort(): number {
    return this.#control;
  }

  writePort(_port: number, value: number): void {
    const changed = this.#control ^ value;
    this.#control = value;
    if (changed & PORT_92.A20) this.wiring.a20(this.a20);
    if (changed & value & PORT_92.RESET) this.wiring.reset();
  }

  reset(): void {
    this.writePort(SYSTEM_PORT.CONTROL_A, 0);
  }

  saveState(): DeviceState {
    return PORT_92_FORMAT.save({ control: this.#control });
  }

  loadState(state: unknown): void {
    this.#control = PORT_92_FORMAT.load(state).control;
    this.wiring.a20(this.a20);
  }
}

/** Port 0x80: progress codes. */
export class PostPort implements Device {
  readonly ports: readonly PortRange[] = [
    { device: "post", first: SYSTEM_PORT.POST, count: 1 },
  ];
  #code = 0;

  constructor(readonly wiring: { readonly events: Events }) {}

  /** The last code. */
  get code(): number {
    return this.#code;
  }

  readPort(): number {
    return this.#code;
  }

  writePort(_port: number, value: number): void {
    this.#code = value;
    this.wiring.events.emit("device", {
      device: "post",
      message: `POST code 0x${value.toString(16).padStart(2, "0")}`,
    });
  }

  reset(): void {
    this.#code = 0;
  }

  saveState(): DeviceState {
    return POST_FORMAT.save({ code: this.#code });
  }

  loadState(state: unknown): void {
    this.#code = POST_FORMAT.load(state).code;
  }
}

/** Port 0xe9: the debug console. */
export class DebugConsole implements Device {
  readonly ports: readonly PortRange[] = [
    { device: "debug console", first: SYSTEM_PORT.DEBUG_CONSOLE, count: 1 },
  ];
  #output = "";

  /** Everything written so far, as UTF-8. */
  get output(): string {
    return new TextDecoder().decode(this.outputBytes);
  }

  get outputBytes(): Uint8Array {
    return Uint8Array.from(this.#output, (character) => character.charCodeAt(0));
  }

  clearOutput(): void {
    this.#output = "";
  }

  /** Software asks with this value whether the console is there. */
  readPort(): number {
    return SYSTEM_PORT.DEBUG_CONSOLE;
  }

  writePort(_port: number, value: number): void {
    this.#output += String.fromCharCode(value);
  }

  /** Nothing: what was written was written. */
  reset(): void {}

  saveState(): DeviceState {
    return CONSOLE_FORMAT.save({ output: this.#output });
  }

  loadState(state: unknown): void {
    this.#output = CONSOLE_FORMAT.load(state).output;
  }
}

/** Port 0xf4: ends the run. The process's exit status of QEMU would be `value << 1 | 1`. */
export class DebugExit implements Device {
  readonly ports: readonly PortRange[] = [
    { device: "debug exit", first: SYSTEM_PORT.DEBUG_EXIT, count: 4, width: 4 },
  ];

  /** @param wiring `exit` gets the value as written, unsigned. */
  constructor(readonly wiring: { readonly exit: (value: number) => void }) {}

  readPort(): number {
    return 0;
  }

  writePort(_port: number, value: number): void {
    this.wiring.exit(value >>> 0);
  }

  /** Nothing to reset. */
  reset(): void {}

  saveState(): DeviceState {
    return EXIT_FORMAT.save({});
  }

  loadState(state: unknown): void {
    EXIT_FORMAT.load(state);
  }
}
