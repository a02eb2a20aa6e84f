/**
 * Hears Ctrl-C while the main thread is busy, and tells it through shared memory.
 *
 * Words: 0 asks a running machine to pause; 1 counts the presses that nobody has answered.
 */
/// <reference lib="deno.worker" />

const PATIENCE = 3;
/** `deno task` hands the terminal's signal on to us, who got it already: one press comes twice. */
const SAME_PRESS_MS = 100;

self.onmessage = (event: MessageEvent<Int32Array>) => {
  const words = event.data;
  let lastMs = -Infinity;
  Deno.addSignalListener("SIGINT", () => {
    const isEcho = performance.now() - lastMs < SAME_PRESS_MS;
    lastMs = performance.now();
    if (isEcho) return;
    Atomics.store(words, 0, 1);
    const presses = Atomics.add(words, 1, 1) + 1;
    if (presses === PATIENCE - 1) {
      Deno.stderr.writeSync(new TextEncoder().encode("\n(busy; Ctrl-C once more ends ring0)\n"));
    }
    if (presses >= PATIENCE) Deno.kill(Deno.pid, "SIGKILL");
  });
};
