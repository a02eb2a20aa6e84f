/**
 * A PC's two 8259A: the slave's INT drives IR2 of the master.
 *
 * ```text
 *   IRQ 0  timer ----------> IR0 +--------+          0x20  command     0x4d0  ELCR
 *   IRQ 1  keyboard -------> IR1 | master |-> INTR   0x21  data
 *          +---------------> IR2 |        |
 *   IRQ 3–7 ---------- IR3 … IR7 +--------+
 *          |                     +--------+
 *          +---------------- INT | slave  |          0xa0  command     0x4d1  ELCR
 *   IRQ 8–15 --------- IR0 … IR7 +--------+          0xa1  data
 * ```
 *
 * 1. A device raises its {@linkcode PicPair.line}; the chip's INT pin follows.
 * 2. The CPU sees {@linkcode PicPair.intr} and answers with {@linkcode PicPair.acknowledge}.
 * 3. The master takes its best request. For a cascade input it names the slave, and the slave
 *    with that number gives the vector: IRQ15's by default when its own request has gone (then
 *    the master's ISR bit 2 is set all the same and wants an EOI, the slave's is not).
 * 4. Software sends an EOI to the chip or, for IRQ 8–15, to both.
 *
 * **Not modelled:** the master's CAS lines when no slave has the number: the vector is then 0xff.
 *
 * @see Intel 8259A data sheet (231468), "Cascade Mode"
 * @see Intel 82371AB (PIIX4) data sheet (290562), "ELCR1, ELCR2"
 */
import type { Device } from "../bus/device.ts";
import type { InterruptController } from "../bus/interrupt_controller.ts";
import type { IrqLine } from "../bus/irq_line.ts";
import type { PortRange } from "../bus/port_bus.ts";
import { type DeviceState, fields, StateFormat } from "../bus/state_format.ts";
import { checkPic8259State, Pic8259 } from "./pic8259.ts";
import { CASCADE_IR, ELCR_WRITABLE, PIC_PORT } from "./pic8259_spec.ts";

const FORMAT = new StateFormat(
  "pic_pair",
  1,
  fields({ master: checkPic8259State, slave: checkPic8259State }),
);

/** The interrupt controller of a PC. */
export class PicPair implements InterruptController, Device {
  readonly ports: readonly PortRange[] = [
    { device: "pic", first: PIC_PORT.MASTER_COMMAND, count: 2 },
    { device: "pic", first: PIC_PORT.SLAVE_COMMAND, count: 2 },
    { device: "pic", first: PIC_PORT.MASTER_ELCR, count: 2 },
  ];
  readonly master: Pic8259;
  readonly slave: Pic8259;

  /** @param intr Driven by the master's INT pin; the CPU may also just look at `intr`. */
  constructor(intr?: IrqLine) {
    this.master = new Pic8259(intr ?? { set() {} });
    this.slave = new Pic8259({ set: (level) => this.master.setIr(CASCADE_IR, level) });
  }

  get intr(): boolean {
    return this.master.int;
  }

  /**
   * The wire of an IRQ. One device drives it; several need an OR gate between.
   *
   * @param irq 0–15, but 2 (the cascade).
   * @throws {RangeError} If there is no such wire.
   */
  line(irq: number): IrqLine {
    if (!Number.isInteger(irq) || irq < 0 || irq > 15) {
      throw new RangeError(`Cannot wire IRQ ${irq}: not within 0 and 15`);
    }
    if (irq === CASCADE_IR) throw new RangeError("Cannot wire IRQ 2: the slave has it");
    const chip = irq < 8 ? this.master : this.slave;
    return { set: (level) => chip.setIr(irq & 7, level) };
  }

  acknowledge(): number {
    const { ir, spurious } = this.master.acknowledge();
    if (spurious || !(this.master.cascade & 1 << ir)) return this.master.vectorBase | ir;
    if (ir !== CASCADE_IR || (this.slave.cascade & 7) !== ir) return 0xff;
    return this.slave.vectorBase | this.slave.acknowledge().ir;
  }

  readPort(port: number): number {
    if (port === PIC_PORT.MASTER_ELCR) return this.master.elcr;
    if (port === PIC_PORT.SLAVE_ELCR) return this.slave.elcr;
    return this.#chip(port).read(port & 1);
  }

  writePort(port: number, value: number): void {
    if (port === PIC_PORT.MASTER_ELCR) this.master.elcr = value & ELCR_WRITABLE.MASTER;
    else if (port === PIC_PORT.SLAVE_ELCR) this.slave.elcr = value & ELCR_WRITABLE.SLAVE;
    else this.#chip(port).write(port & 1, value);
  }

  /** Power-on state; the wires keep their levels. */
  reset(): void {
    this.slave.reset();
    this.master.reset();
  }

  saveState(): DeviceState {
    return FORMAT.save({ master: this.master.saveState(), slave: this.slave.saveState() });
  }

  loadState(state: unknown): void {
    const { master, slave } = FORMAT.load(state);
    // The slave first: its INT moves the master's IR2, which the master's own state then sets.
    this.slave.loadState(slave);
    this.master.loadState(master);
  }

  #chip(port: number): Pic8259 {
    return port < PIC_PORT.SLAVE_COMMAND ? this.master : this.slave;
  }
}
