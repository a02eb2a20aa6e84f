/** Ctrl-C: a Worker hears it at any time and sets a flag in shared memory. */

/** The flag, and what it takes to hear the signal. */
export class InterruptFlag {
  /** For `machine.interruptFlag`: word 0 is non-zero while a pause is asked for. */
  readonly words = new Int32Array(new SharedArrayBuffer(8));
  #worker: Worker | undefined;
  #seen = 0;

  /** Begins to listen. The Worker starts in its own time; nothing waits for it. */
  listen(): void {
    if (this.#worker !== undefined) return;
    this.#worker = new Worker(new URL("./interrupt_worker.ts", import.meta.url), {
      type: "module",
    });
    this.#worker.postMessage(this.words);
  }

  /** Whether there was a press since the last call; a terminal shows `^C` for it. */
  takePress(): boolean {
    const presses = Atomics.load(this.words, 1);
    const fresh = presses > this.#seen;
    this.#seen = presses;
    return fresh;
  }

  /** Forgets presses that came before. */
  clear(): void {
    this.#seen = 0;
    Atomics.store(this.words, 0, 0);
    Atomics.store(this.words, 1, 0);
  }

  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }
}
