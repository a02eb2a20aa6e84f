/** What the command line needs of the computer that it runs on; tests bring their own. */
export interface Host {
  /** Standard input and output are a terminal. */
  readonly isTerminal: boolean;
  readFile(path: string): Promise<Uint8Array>;
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  write(text: string): void;
  writeBytes(bytes: Uint8Array): void;
  error(text: string): void;
  nowMs(): number;
  sleep(ms: number): Promise<void>;
  /** Calls `take` with what comes in on standard input; `raw`: key by key. */
  listen(take: (chunk: string) => void, options: { readonly raw: boolean }): void;
}

/** The real one. */
export function denoHost(): Host {
  const writeAll = (to: typeof Deno.stdout | typeof Deno.stderr, bytes: Uint8Array) => {
    for (let done = 0; done < bytes.length;) done += to.writeSync(bytes.subarray(done));
  };
  const encoder = new TextEncoder();
  return {
    isTerminal: Deno.stdin.isTerminal() && Deno.stdout.isTerminal(),
    readFile: (path) => Deno.readFile(path),
    writeFile: (path, bytes) => Deno.writeFile(path, bytes),
    write: (text) => writeAll(Deno.stdout, encoder.encode(text)),
    writeBytes: (bytes) => writeAll(Deno.stdout, bytes),
    error: (text) => writeAll(Deno.stderr, encoder.encode(text)),
    nowMs: () => performance.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    listen: (take, { raw }) => {
      if (raw) Deno.stdin.setRaw(true, { cbreak: false });
      void (async () => {
        for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
          take(chunk);
        }
      })();
    },
  };
}
