/** The two 8259 interrupt controllers, chained. @see the `pic8259` crate */
import type { CpuDoor } from "../machine/mod.ts";

export const PIC_1_OFFSET = 32;
export const PIC_2_OFFSET = PIC_1_OFFSET + 8;

const COMMAND = { PRIMARY: 0x20, SECONDARY: 0xa0 } as const;
const DATA = { PRIMARY: 0x21, SECONDARY: 0xa1 } as const;

/** ICW1: edge-triggered, cascade, ICW4 follows. */
const INITIALIZE = 0x11;
/** ICW4: 8086 mode. */
const MODE_8086 = 0x01;
const END_OF_INTERRUPT = 0x20;
/** OCW3: the next read of the command port gives the in-service register. */
const READ_IN_SERVICE = 0x0b;
/** A write here takes about as long as the controllers need. */
const WAIT_PORT = 0x80;

export class ChainedPics {
  readonly #cpu: CpuDoor;

  /** @param offset1,offset2 The vectors of IRQ 0 and IRQ 8, multiples of 8. */
  constructor(cpu: CpuDoor, readonly offset1 = PIC_1_OFFSET, readonly offset2 = PIC_2_OFFSET) {
    this.#cpu = cpu;
  }

  /** Programs both, and leaves their masks as they were. */
  initialize(): void {
    const masks = this.readMasks();
    const write = (port: number, value: number) => {
      this.#cpu.outb(port, value);
      this.#cpu.outb(WAIT_PORT, 0);
    };
    write(COMMAND.PRIMARY, INITIALIZE);
    write(COMMAND.SECONDARY, INITIALIZE);
    write(DATA.PRIMARY, this.offset1);
    write(DATA.SECONDARY, this.offset2);
    write(DATA.PRIMARY, 1 << 2); // the secondary one is on IR2
    write(DATA.SECONDARY, 2); // its number
    write(DATA.PRIMARY, MODE_8086);
    write(DATA.SECONDARY, MODE_8086);
    this.writeMasks(masks[0], masks[1]);
  }

  /** The masks: a set bit is an IRQ that is not passed on. */
  readMasks(): [primary: number, secondary: number] {
    return [this.#cpu.inb(DATA.PRIMARY), this.#cpu.inb(DATA.SECONDARY)];
  }

  writeMasks(primary: number, secondary: number): void {
    this.#cpu.outb(DATA.PRIMARY, primary);
    this.#cpu.outb(DATA.SECONDARY, secondary);
  }

  /** Whether a vector is one of theirs. */
  handlesInterrupt(vector: number): boolean {
    return this.#isPrimary(vector) || this.#isSecondary(vector);
  }

  /** Tells the controllers that the handler of a vector is done; for IRQ 8–15 both. */
  notifyEndOfInterrupt(vector: number): void {
    if (!this.handlesInterrupt(vector)) return;
    if (this.#isSecondary(vector)) this.#cpu.outb(COMMAND.SECONDARY, END_OF_INTERRUPT);
    this.#cpu.outb(COMMAND.PRIMARY, END_OF_INTERRUPT);
  }

  /**
   * Whether the interrupt of IRQ 7 or 15 that is being handled has no request behind it: the
   * line fell before the CPU asked for the vector.
   */
  isSpurious(vector: number): boolean {
    const isPrimary = vector === this.offset1 + 7;
    if (!isPrimary && vector !== this.offset2 + 7) return false;
    const port = isPrimary ? COMMAND.PRIMARY : COMMAND.SECONDARY;
    this.#cpu.outb(port, READ_IN_SERVICE);
    return (this.#cpu.inb(port) & 0x80) === 0;
  }

  /** Ends a spurious interrupt: the secondary's went through the primary, which is in service. */
  endSpurious(vector: number): void {
    if (this.#isSecondary(vector)) this.#cpu.outb(COMMAND.PRIMARY, END_OF_INTERRUPT);
  }

  #isPrimary(vector: number): boolean {
    return vector >= this.offset1 && vector < this.offset1 + 8;
  }

  #isSecondary(vector: number): boolean {
    return vector >= this.offset2 && vector < this.offset2 + 8;
  }
}
