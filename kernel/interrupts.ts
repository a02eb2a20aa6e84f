/**
 * The kernel's handlers: exceptions first, then the timer and the keyboard.
 *
 * Every experiment of the chapters is a switch here, or a handler set by hand.
 */
import type { InterruptStackFrame, TrapFrame } from "./frames.ts";
import { pageFaultErrorCode } from "./frames.ts";
import { DOUBLE_FAULT_IST_INDEX } from "./gdt.ts";
import type { DecodedKey } from "./keyboard.ts";
import { Keyboard } from "./keyboard.ts";
import { hex } from "../machine/mod.ts";
import type { Kernel } from "./kernel.ts";
import { ChainedPics, PIC_1_OFFSET, PIC_2_OFFSET } from "./pics.ts";
import type { Static32 } from "./statics.ts";

export const InterruptIndex = { Timer: PIC_1_OFFSET, Keyboard: PIC_1_OFFSET + 1 } as const;

/** The timer's command port, its channel 0, and the command: both bytes, mode 2, binary. */
const TIMER = { COMMAND: 0x43, CHANNEL_0: 0x40, RATE_GENERATOR: 0x34 } as const;
/** What the timer counts, per second. */
const TIMER_HZ = 1_193_182;

/** The controller's data port. */
const KEYBOARD_PORT = 0x60;

/** What can be switched while the kernel runs. */
export interface InterruptOptions {
  /** Whether the timer's and the keyboard's handlers end with an EOI. */
  eoi: boolean;
  /** Whether the timer prints a dot. */
  dots: boolean;
}

export class Interrupts {
  readonly options: InterruptOptions;
  readonly pics: ChainedPics;
  readonly keyboard: Keyboard;
  /** What the keyboard handler does with a scancode: decode it and print, by default. */
  onScancode: (scancode: number) => void;
  /** Called by the timer's handler after its EOI: sleeping tasks, then the scheduler. */
  readonly onTimer = new Set<(frame: TrapFrame) => void>();

  readonly #kernel: Kernel;
  readonly #ticks: Static32;
  readonly #spurious: Static32;

  constructor(kernel: Kernel, options: Partial<InterruptOptions> = {}) {
    this.#kernel = kernel;
    this.options = { eoi: true, dots: true, ...options };
    this.pics = new ChainedPics(kernel.cpu);
    this.#ticks = kernel.statics.word("TICKS");
    this.#spurious = kernel.statics.word("SPURIOUS");
    this.keyboard = new Keyboard(kernel.statics.word("KEYBOARD"));
    this.onScancode = (scancode) => this.printKey(scancode);
  }

  /** Timer interrupts since boot. Looking takes no time. */
  get ticks(): number {
    return this.#kernel.machine.virtual.u32(this.#ticks.address);
  }

  /** Spurious interrupts since boot. */
  get spurious(): number {
    return this.#kernel.machine.virtual.u32(this.#spurious.address);
  }

  /** Loads an IDT with the handlers for what programs do wrong. */
  initExceptions(): void {
    const { idt } = this.#kernel;
    idt.clear();
    idt.setHandler("breakpoint", (frame) => this.breakpoint(frame));
    idt.setHandler("divide error", (frame) => this.fatal("DIVIDE ERROR", frame));
    idt.setHandler("invalid opcode", (frame) => this.fatal("INVALID OPCODE", frame));
    idt.setHandler("general protection fault", (frame) => {
      const { errorCode } = frame;
      this.fatal(`GENERAL PROTECTION FAULT\nError Code: ${hex(errorCode)}`, frame);
    });
    idt.load();
  }

  /** Double faults come to a stack of their own. */
  initDoubleFault(): void {
    this.#kernel.idt.setHandler("double fault", (frame) => this.doubleFault(frame), {
      ist: DOUBLE_FAULT_IST_INDEX,
    });
  }

  initPageFault(): void {
    this.#kernel.idt.setHandler("page fault", (frame) => this.pageFault(frame));
  }

  /** Programs the controllers, sets the handlers and enables interrupts. */
  initHardware(): void {
    const { cpu, idt } = this.#kernel;
    idt.setHandler(InterruptIndex.Timer, (frame) => this.timer(frame));
    idt.setHandler(InterruptIndex.Keyboard, () => this.keyboardInterrupt());
    for (const vector of [PIC_1_OFFSET + 7, PIC_2_OFFSET + 7]) {
      idt.setHandler(vector, () => this.lastLine(vector));
    }
    this.pics.initialize();
    cpu.sti();
  }

  /**
   * Programs the timer. The firmware leaves it at 18.2 ticks a second.
   *
   * @param hz 19 to 596,591.
   */
  setTimerFrequency(hz: number): void {
    const divisor = Math.round(TIMER_HZ / hz);
    if (!(divisor >= 2 && divisor <= 0xffff)) {
      throw new RangeError(`Cannot set the timer to ${hz} Hz: not within 19 and 596591`);
    }
    this.#kernel.withoutInterrupts(() => {
      const { cpu } = this.#kernel;
      cpu.outb(TIMER.COMMAND, TIMER.RATE_GENERATOR);
      cpu.outb(TIMER.CHANNEL_0, divisor & 0xff);
      cpu.outb(TIMER.CHANNEL_0, divisor >> 8);
    });
  }

  breakpoint(frame: InterruptStackFrame): void {
    this.#kernel.println(`EXCEPTION: BREAKPOINT\n${frame}`);
  }

  /** An exception that nobody can repair: its name, the frame, and the end. */
  fatal(name: string, frame: InterruptStackFrame): never {
    this.#kernel.println(`EXCEPTION: ${name}\n${frame}`);
    this.#kernel.hltLoop();
  }

  pageFault(frame: TrapFrame): never {
    const address = this.#kernel.cpu.readCr2();
    this.#kernel.println("EXCEPTION: PAGE FAULT");
    this.#kernel.println(`Accessed Address: VirtAddr(${hex(address)})`);
    this.#kernel.println(`Error Code: ${pageFaultErrorCode(frame.errorCode)}`);
    this.#kernel.println(`${frame}`);
    this.#kernel.hltLoop();
  }

  doubleFault(frame: InterruptStackFrame): never {
    this.#kernel.panic(`EXCEPTION: DOUBLE FAULT\n${frame}`);
  }

  timer(frame: TrapFrame): void {
    this.#ticks.value += 1;
    if (this.options.dots) this.#kernel.print(".");
    this.endOfInterrupt(InterruptIndex.Timer);
    for (const listener of this.onTimer) listener(frame);
  }

  keyboardInterrupt(): void {
    const scancode = this.#kernel.cpu.inb(KEYBOARD_PORT);
    this.onScancode(scancode);
    this.endOfInterrupt(InterruptIndex.Keyboard);
  }

  /** Decodes a scancode and prints the key, if that makes one. */
  printKey(scancode: number): void {
    const event = this.keyboard.addByte(scancode);
    const key = event && this.keyboard.processKeyEvent(event);
    if (key !== undefined) this.#kernel.print(keyText(key));
  }

  /** IRQ 7 or 15: real, or spurious. */
  lastLine(vector: number): void {
    if (!this.pics.isSpurious(vector)) return this.endOfInterrupt(vector);
    this.#spurious.value += 1;
    this.pics.endSpurious(vector);
  }

  /** EOI, unless an experiment wants none. */
  endOfInterrupt(vector: number): void {
    if (this.options.eoi) this.pics.notifyEndOfInterrupt(vector);
  }
}

/** A decoded key as it is printed: its character, or its name. */
export function keyText(key: DecodedKey): string {
  return key.kind === "unicode" ? key.character : key.key;
}
