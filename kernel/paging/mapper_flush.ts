/**
 * Promises to flush the TLB.
 *
 * Tables are plain memory: the CPU does not notice that they changed, and goes on with what its
 * TLB remembers. So whatever changes a mapping hands out a promise that must be settled: `flush()`
 * executes INVLPG, `ignore()` says that it is not needed. Left alone, it stays in the ledger and
 * is reported.
 */
import { hex, type Machine } from "../../machine/mod.ts";
import type { Page } from "./page.ts";

/** A changed mapping of which the TLB may not know. */
export class MapperFlush {
  readonly kind = "flush";
  readonly #ledger: FlushLedger;
  #settled = false;

  /** Made by a mapper. @param what Which operation made it: `mapTo`. */
  constructor(ledger: FlushLedger, readonly page: Page, readonly what: string) {
    this.#ledger = ledger;
    ledger.add(this);
  }

  /** Whether {@linkcode flush} or {@linkcode ignore} was called. */
  get settled(): boolean {
    return this.#settled;
  }

  /** INVLPG of the page. */
  flush(): void {
    this.#ledger.invalidate(this.page);
    this.ignore();
  }

  /** Settles the promise without a flush: the page was not mapped before, or CR3 is reloaded. */
  ignore(): void {
    this.#settled = true;
    this.#ledger.remove(this);
  }

  /** Flushes if nobody did: `using flush = …`. */
  [Symbol.dispose](): void {
    if (!this.#settled) this.flush();
  }

  toString(): string {
    return `${this.what} of ${this.page}`;
  }
}

/** The promises of one machine's kernel that are not settled yet, oldest first. */
export class FlushLedger {
  readonly #machine: Machine;
  readonly #open = new Set<MapperFlush>();
  readonly #reported = new WeakSet<MapperFlush>();
  /** INVLPGs executed. */
  flushes = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  get open(): readonly MapperFlush[] {
    return [...this.#open];
  }

  /** @internal */
  add(flush: MapperFlush): void {
    this.#open.add(flush);
  }

  /** @internal */
  remove(flush: MapperFlush): void {
    this.#open.delete(flush);
  }

  /** @internal */
  invalidate(page: Page): void {
    this.flushes++;
    this.#machine.cpu.invlpg(page.start);
  }

  /**
   * Says which promises nobody kept, one line each, and whether the TLB is wrong because of it
   * (which a kernel cannot see, but the machine can).
   */
  report(): string[] {
    return this.#describe(this.open);
  }

  /** Like {@linkcode FlushLedger.report}, but each promise is reported only once. */
  reportNew(): string[] {
    if (this.#open.size === 0) return [];
    const fresh = this.open.filter((flush) => !this.#reported.has(flush));
    for (const flush of fresh) this.#reported.add(flush);
    return fresh.length === 0 ? [] : this.#describe(fresh);
  }

  #describe(flushes: readonly MapperFlush[]): string[] {
    const stale = this.#machine.mmu.audit();
    return flushes.map((flush) => {
      const end = flush.page.start + BigInt(flush.page.size);
      const wrong = stale.find(({ entry }) =>
        entry.virtual >= flush.page.start && entry.virtual < end
      );
      const state = wrong === undefined
        ? "the TLB has no other entry for it"
        : `the TLB still leads ${hex(wrong.entry.virtual)} to ${hex(wrong.entry.physical)} ` +
          `(${wrong.differences.join(", ")})`;
      return `unsettled flush: ${flush}: ${state}`;
    });
  }
}
