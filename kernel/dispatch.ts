/**
 * From VMCALL to TypeScript: looks at what RAX asks for and calls it.
 *
 * Calls nest as they do on the stack: a handler's instructions can fault or be interrupted, and
 * the handler of that runs above. `running` names them from the outermost in.
 */
import { hex, type Machine } from "../machine/mod.ts";
import { TrapFrame } from "./frames.ts";
import type { InterruptDescriptorTable } from "./idt.ts";
import { vectorName } from "./idt.ts";
import { HYPERCALL, IDLE } from "./stubs.ts";
import { Diverged } from "./unwind.ts";

/** What VMCALL gives for a number that nobody knows: KVM's ENOSYS. */
const UNKNOWN = 2n ** 64n - 1000n;

/** What the dispatcher calls in the kernel. */
export interface DispatchHost {
  readonly machine: Machine;
  readonly idt: InterruptDescriptorTable;
  main(): void;
  /** @returns What the idle loop shall do, one of {@linkcode IDLE}. */
  poll(): number;
  /** A handler has thrown. */
  handlerThrew(frame: TrapFrame, error: unknown): void;
}

/** A function that guest code calls by number: arguments are in RSI, RDX …, the result in RAX. */
export type GuestCall = () => number | bigint | void;

export class Dispatcher {
  readonly #host: DispatchHost;
  readonly #running: string[] = [];
  readonly #calls: { readonly name: string; readonly call: GuestCall }[] = [];

  constructor(host: DispatchHost) {
    this.#host = host;
    host.machine.onHypercall(() => this.#enter());
  }

  /** How many calls from the guest are in progress. 0: the host drives. */
  get depth(): number {
    return this.#running.length;
  }

  /** Who is running, in words. */
  get running(): string {
    return this.#running.at(-1) ?? "the host's call";
  }

  /** Registers a function for guest code. @returns Its number, for RDI with RAX = CALL. */
  register(name: string, call: GuestCall): number {
    return this.#calls.push({ name, call }) - 1;
  }

  #enter(): void {
    const { cpu } = this.#host.machine;
    switch (cpu.rax) {
      case BigInt(HYPERCALL.INTERRUPT):
        return this.#interrupt(new TrapFrame(this.#host.machine, cpu.rdi));
      case BigInt(HYPERCALL.MAIN):
        return this.#within("kernel_main", () => this.#host.main());
      case BigInt(HYPERCALL.POLL):
        // Should the work be cut short, the loop asks again.
        cpu.rax = BigInt(IDLE.AGAIN);
        return this.#within("the idle loop", () => {
          cpu.rax = BigInt(this.#host.poll());
        });
      case BigInt(HYPERCALL.CALL): {
        const called = cpu.rdi < BigInt(this.#calls.length)
          ? this.#calls[Number(cpu.rdi)]
          : undefined;
        cpu.rax = UNKNOWN;
        if (called === undefined) return;
        return this.#within(called.name, () => {
          cpu.rax = BigInt.asUintN(64, BigInt(called.call() ?? 0));
        });
      }
      default:
        cpu.rax = UNKNOWN;
    }
  }

  #interrupt(frame: TrapFrame): void {
    const { vector } = frame;
    this.#within(`the ${vectorName(vector)} handler`, () => {
      const handler = this.#host.idt.handler(vector);
      if (handler === undefined) {
        const error = new Error(`There is no handler for vector ${hex(vector)}`);
        return this.#host.handlerThrew(frame, error);
      }
      try {
        handler(frame);
      } catch (error) {
        this.#host.handlerThrew(frame, error);
      }
    });
  }

  #within(name: string, action: () => void): void {
    this.#running.push(name);
    try {
      action();
    } catch (error) {
      // The CPU stands in the halt loop already.
      if (!(error instanceof Diverged)) throw error;
    } finally {
      this.#running.pop();
    }
  }
}
