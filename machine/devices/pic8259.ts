/**
 * Intel 8259A programmable interrupt controller: one chip.
 *
 * ```text
 *             +-----------+
 *   IR0–IR7 ->|  8259A    |-> INT      (INTR of the CPU, or an IR of the master)
 *      INTA ->|           |-> vector
 *   A0 D7–D0 <|           |
 *             +-----------+
 * ```
 *
 * 1. ICW1 starts the initialisation: mask, in-service bits and edge detectors are cleared, IR7
 *    gets the lowest priority. ICW2 (vector base), ICW3 (cascade), ICW4 (modes) follow at A0 = 1.
 *    Until the last of them has come, INT stays low.
 * 2. A rising pin (edge mode) or a high one (level mode) is a request in IRR. It must stay high
 *    until it is acknowledged: a pin that falls takes its request along.
 * 3. INT is high while an unmasked request has a higher priority than everything in service.
 * 4. INTA moves the best request from IRR to ISR and gives its vector. When the request has gone
 *    in the meantime the answer is IR7's vector and ISR does not change (spurious interrupt).
 * 5. An EOI (OCW2) clears the ISR bit, and may rotate priorities. With AEOI, INTA itself does.
 *
 * INT is recomputed in one function after every change. It drops during INTA, so that a request
 * that is still waiting makes a new edge for a master.
 *
 * **Not modelled:** MCS-80/85 mode (ICW4.µPM = 0 acts as 8086 mode), buffered mode.
 *
 * @see Intel 8259A data sheet (231468)
 */
import type { IrqLine } from "../bus/irq_line.ts";
import {
  byte,
  type Checked,
  type DeviceState,
  fields,
  flag,
  integer,
  StateFormat,
} from "../bus/state_format.ts";
import {
  ICW1,
  ICW4,
  OCW2_ACTION,
  OCW2_ACTION_SHIFT,
  OCW3,
  POLL_INTERRUPT,
} from "./pic8259_spec.ts";

const STATE = fields({
  /** Levels of the IR pins. */
  pins: byte,
  /** Edge detectors: a rise that has not been acknowledged. */
  edges: byte,
  elcr: byte,
  imr: byte,
  isr: byte,
  icw1: byte,
  icw2: byte,
  icw3: byte,
  icw4: byte,
  /** The ICW that A0 = 1 expects: 2, 3 or 4; 0 when initialised; 1 before the first ICW1. */
  expects: integer(0, 4),
  lowestPriority: integer(0, 7),
  rotateInAeoi: flag,
  specialMask: flag,
  readIsr: flag,
  poll: flag,
});
const FORMAT = new StateFormat("pic8259", 1, STATE);

function powerOn(): Checked<typeof STATE> {
  return {
    pins: 0,
    edges: 0,
    elcr: 0,
    imr: 0,
    isr: 0,
    icw1: 0,
    icw2: 0,
    icw3: 0,
    icw4: 0,
    expects: 1,
    lowestPriority: 7,
    rotateInAeoi: false,
    specialMask: false,
    readIsr: false,
    poll: false,
  };
}

/** Checks a saved state of one chip without loading it. @throws As `loadState`. */
export function checkPic8259State(state: unknown): DeviceState {
  return FORMAT.save(FORMAT.load(state));
}

/** What an INTA cycle gave. */
export interface Acknowledged {
  /** 0–7. */
  readonly ir: number;
  /** Nothing was requested any more: `ir` is 7 by default, and ISR has not changed. */
  readonly spurious: boolean;
}

/** One 8259A. `PicPair` makes a PC's pair of two. */
export class Pic8259 {
  readonly #int: IrqLine;
  #level = false;
  #s = powerOn();

  /** @param int Driven by the INT pin. */
  constructor(int: IrqLine) {
    this.#int = int;
  }

  /** Level of the INT pin. */
  get int(): boolean {
    return this.#level;
  }

  /** Interrupt request register: what asks for service, masked or not. */
  get irr(): number {
    const { pins, edges, elcr, icw1 } = this.#s;
    const levelTriggered = icw1 & ICW1.LTIM ? 0xff : elcr;
    return pins & (edges | levelTriggered);
  }

  /** In-service register. */
  get isr(): number {
    return this.#s.isr;
  }

  /** Interrupt mask register. */
  get imr(): number {
    return this.#s.imr;
  }

  /** Vector of IR0. */
  get vectorBase(): number {
    return this.#s.icw2 & 0xf8;
  }

  /** ICW3: the IRs that have a slave, or the number of this slave. 0 when single. */
  get cascade(): number {
    return this.#s.icw1 & ICW1.SNGL ? 0 : this.#s.icw3;
  }

  /** The IR of the lowest priority; the next one has the highest. */
  get lowestPriority(): number {
    return this.#s.lowestPriority;
  }

  /** Edge/level control of the chipset around the chip: 1 = level-triggered. */
  get elcr(): number {
    return this.#s.elcr;
  }

  set elcr(bits: number) {
    this.#s.elcr = bits & 0xff;
    this.#update();
  }

  /** Drives a pin. @param ir 0–7. */
  setIr(ir: number, level: boolean): void {
    const bit = 1 << ir;
    const s = this.#s;
    if (level) {
      if (!(s.pins & bit)) s.edges |= bit;
      s.pins |= bit;
    } else {
      s.pins &= ~bit;
      s.edges &= ~bit;
    }
    this.#update();
  }

  /** Answers both INTA pulses. */
  acknowledge(): Acknowledged {
    const ir = this.#best();
    this.#drive(false);
    if (ir !== undefined) this.#serve(ir);
    this.#update();
    return { ir: ir ?? 7, spurious: ir === undefined };
  }

  /** @param a0 Address pin: 0 = command port, 1 = data port. */
  read(a0: number): number {
    const s = this.#s;
    if (s.poll) {
      s.poll = false;
      const { ir, spurious } = this.acknowledge();
      return spurious ? 0 : POLL_INTERRUPT | ir;
    }
    return a0 ? s.imr : s.readIsr ? s.isr : this.irr;
  }

  /** @param a0 Address pin: 0 = command port, 1 = data port. */
  write(a0: number, value: number): void {
    if (a0) this.#writeData(value);
    else if (value & ICW1.INIT) this.#initialise(value);
    else if (value & OCW3.MARK) this.#operate(value);
    else this.#endOfInterrupt(value >> OCW2_ACTION_SHIFT, value & 7);
    this.#update();
  }

  /** Power-on state, except for the pins, which others drive. */
  reset(): void {
    this.#s = { ...powerOn(), pins: this.#s.pins };
    this.#update();
  }

  saveState(): DeviceState {
    return FORMAT.save(this.#s);
  }

  /** @see Device.loadState */
  loadState(state: unknown): void {
    this.#s = FORMAT.load(state);
    this.#update();
  }

  #initialise(icw1: number): void {
    const s = this.#s;
    this.#s = { ...powerOn(), pins: s.pins, elcr: s.elcr, icw1, icw2: s.icw2, icw3: s.icw3 };
    this.#s.expects = 2;
  }

  #writeData(value: number): void {
    const s = this.#s;
    const last = s.icw1 & ICW1.IC4 ? 4 : 0;
    switch (s.expects) {
      case 2:
        s.icw2 = value;
        s.expects = s.icw1 & ICW1.SNGL ? last : 3;
        break;
      case 3:
        s.icw3 = value;
        s.expects = last;
        break;
      case 4:
        s.icw4 = value;
        s.expects = 0;
        break;
      default:
        s.imr = value;
    }
  }

  /** OCW3. */
  #operate(value: number): void {
    const s = this.#s;
    if (value & OCW3.ESMM) s.specialMask = (value & OCW3.SMM) !== 0;
    if (value & OCW3.RR) s.readIsr = (value & OCW3.RIS) !== 0;
    s.poll = (value & OCW3.P) !== 0;
  }

  /** OCW2. */
  #endOfInterrupt(action: number, level: number): void {
    const s = this.#s;
    switch (action) {
      case OCW2_ACTION.ROTATE_IN_AEOI_CLEAR:
      case OCW2_ACTION.ROTATE_IN_AEOI_SET:
        s.rotateInAeoi = action === OCW2_ACTION.ROTATE_IN_AEOI_SET;
        break;
      case OCW2_ACTION.NON_SPECIFIC_EOI:
      case OCW2_ACTION.ROTATE_ON_NON_SPECIFIC_EOI: {
        // In special mask mode a masked level is not cleared by a non-specific EOI.
        const ir = this.#first(s.specialMask ? s.isr & ~s.imr : s.isr);
        if (ir === undefined) break;
        s.isr &= ~(1 << ir);
        if (action === OCW2_ACTION.ROTATE_ON_NON_SPECIFIC_EOI) s.lowestPriority = ir;
        break;
      }
      case OCW2_ACTION.SPECIFIC_EOI:
        s.isr &= ~(1 << level);
        break;
      case OCW2_ACTION.ROTATE_ON_SPECIFIC_EOI:
        s.isr &= ~(1 << level);
        s.lowestPriority = level;
        break;
      case OCW2_ACTION.SET_PRIORITY:
        s.lowestPriority = level;
        break;
      case OCW2_ACTION.NO_OPERATION:
    }
  }

  /** Takes a request into service. */
  #serve(ir: number): void {
    const s = this.#s;
    s.edges &= ~(1 << ir);
    if (s.icw4 & ICW4.AEOI) {
      if (s.rotateInAeoi) s.lowestPriority = ir;
    } else {
      s.isr |= 1 << ir;
    }
  }

  /** 0 = highest priority. */
  #rank(ir: number): number {
    return (ir - this.#s.lowestPriority - 1) & 7;
  }

  /** The IR of the highest priority among `bits`. */
  #first(bits: number): number | undefined {
    for (let rank = 0; rank < 8; rank++) {
      const ir = (this.#s.lowestPriority + 1 + rank) & 7;
      if (bits & 1 << ir) return ir;
    }
    return undefined;
  }

  /** The request that INTA would take, if there is one. */
  #best(): number | undefined {
    const s = this.#s;
    if (s.expects !== 0) return undefined;
    const ir = this.#first(this.irr & ~s.imr);
    if (ir === undefined) return undefined;
    const blocker = this.#first(s.specialMask ? s.isr & ~s.imr : s.isr);
    if (blocker === undefined || this.#rank(ir) < this.#rank(blocker)) return ir;
    // Special fully nested: a slave in service may ask again, for something more urgent.
    const again = ir === blocker && (s.icw4 & ICW4.SFNM) && (this.cascade & 1 << ir);
    return again ? ir : undefined;
  }

  #update(): void {
    this.#drive(this.#best() !== undefined);
  }

  #drive(level: boolean): void {
    this.#level = level;
    this.#int.set(level);
  }
}
