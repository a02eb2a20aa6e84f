/**
 * Spin locks. The lock's word lies in guest memory, is taken with LOCK CMPXCHG, and a lock that
 * waits executes PAUSE. On one CPU, code that waits with interrupts disabled waits for ever: that
 * is noticed, and reported with who holds the lock.
 */
import { hex, type Machine, MachineStopped } from "../machine/mod.ts";
import { finallyUnlessUnwinding } from "./unwind.ts";

/** What a lock needs of the kernel. */
export interface LockHost {
  readonly machine: Machine;
  /** Who is running, in words. */
  readonly running: string;
}

/** Turns after which a lock that nobody can release is given up. */
const HOPELESS_TURNS = 1000;
/** Turns with interrupts enabled: a handler might release it by force. */
const PATIENCE_TURNS = 100_000;

/** Stops after which nothing of the abandoned code can be seen any more: its locks are freed. */
const INTERRUPTED_FROM_OUTSIDE: ReadonlySet<string> = new Set(["paused", "budget", "breakpoint"]);

export class Mutex {
  readonly #host: LockHost;
  #holder: { readonly who: string; readonly rip: bigint } | undefined;

  /** @param address Of the lock's 32-bit word: 0 free, 1 taken. */
  constructor(host: LockHost, readonly name: string, readonly address: number) {
    this.#host = host;
  }

  /** Whether it is taken. Looking takes no time. */
  get isLocked(): boolean {
    return this.#host.machine.virtual.u32(this.address) !== 0;
  }

  /** Who took it and where, while it is taken. */
  get holder(): { readonly who: string; readonly rip: bigint } | undefined {
    return this.isLocked ? this.#holder : undefined;
  }

  /** Takes the lock, calls `action`, releases it. */
  with<T>(action: () => T): T {
    this.lock();
    try {
      return finallyUnlessUnwinding(action, () => this.unlock());
    } catch (error) {
      const isLost = error instanceof MachineStopped &&
        INTERRUPTED_FROM_OUTSIDE.has(error.stop.kind);
      if (isLost) this.#host.machine.virtual.setU32(this.address, 0);
      throw error;
    }
  }

  /** Takes the lock; spins while it is taken. */
  lock(): void {
    const { cpu } = this.#host.machine;
    for (let turns = 0; !this.tryLock(); turns++) {
      cpu.pause();
      if (turns === HOPELESS_TURNS && !cpu.eflags.if || turns === PATIENCE_TURNS) this.#giveUp();
    }
  }

  /** Takes the lock if it is free. @returns Whether it did. */
  tryLock(): boolean {
    const { machine, running } = this.#host;
    if (machine.cpu.compareExchange32(this.address, 0, 1) !== 0) return false;
    this.#holder = { who: running, rip: machine.cpu.rip };
    return true;
  }

  unlock(): void {
    this.#host.machine.cpu.store32(this.address, 0);
  }

  /** Releases it whoever holds it. Only when that one will never go on. */
  forceUnlock(): void {
    this.unlock();
  }

  #giveUp(): never {
    const { machine, running } = this.#host;
    const holder = this.#holder === undefined
      ? "somebody unknown"
      : `${this.#holder.who} (at ${hex(this.#holder.rip)})`;
    const why = machine.cpu.eflags.if
      ? "who cannot go on before this code does"
      : "who was interrupted and cannot go on: interrupts are disabled";
    return machine.abandon({
      kind: "deadlock",
      reason: `${running} spins on ${this.name}, which is held by ${holder}, ${why}`,
    });
  }
}
