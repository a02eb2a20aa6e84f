/**
 * Hears Ctrl-C while the main thread is busy, and tells it through shared memory.
 *
 * Words: 0 asks a running machine to pause; 1 counts the presses that nobody has answered.
 */
/// <reference lib="deno.worker" />

const PATIENCE = 3;

self.onmessage = (event: MessageEvent<Int32Array>) => {
  const words = event.data;
  Deno.addSignalListener("SIGINT", () => {
    Atomics.store(words, 0, 1);
    const presses = Atomics.add(words, 1, 1) + 1;
    if (presses === PATIENCE - 1) {
      Deno.stderr.writeSync(new TextEncoder().encode("\n(busy; Ctrl-C once more ends ring0)\n"));
    }
    if (presses >= PATIENCE) Deno.kill(Deno.pid, "SIGKILL");
  });
};
