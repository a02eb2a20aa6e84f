/** One image under QEMU: exit status, COM1, and the text memory at the end. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a run showed. */
export interface Outcome {
  /** `undefined`: it was still running. */
  readonly status: number | undefined;
  readonly serial: string;
  /** The 4000 bytes at 0xb8000; `undefined` when the machine was gone before it was looked at. */
  readonly text: Uint8Array | undefined;
}

/**
 * Runs an image for so many seconds, or until it ends.
 *
 * The processor is an Intel one: with an AMD one QEMU reserves memory at 1012 GiB, which loaders
 * of 2019 do not take.
 */
export async function runQemu(image: string, seconds: number, keys: string): Promise<Outcome> {
  const directory = mkdtempSync(join(tmpdir(), "ring0-qemu-"));
  const serial = join(directory, "serial");
  const video = join(directory, "video");
  const floppy = Deno.statSync(image).size === 1440 * 1024;
  const child = new Deno.Command("qemu-system-x86_64", {
    args: [
      ...["-cpu", "Nehalem", "-display", "none", "-no-reboot", "-monitor", "stdio"],
      ...["-drive", `format=raw,file=${image},snapshot=on${floppy ? ",if=floppy" : ""}`],
      ...["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-serial", `file:${serial}`],
    ],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const monitor = child.stdin.getWriter();
  const say = (line: string) =>
    monitor.write(new TextEncoder().encode(`${line}\n`)).catch(() => {});
  const ended = child.status;
  const wait = (ms: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    void ended.then(() => (clearTimeout(timer), resolve()));
    return promise;
  };
  await wait(seconds * 1000);
  for (const key of keys) {
    await say(`sendkey ${key === " " ? "spc" : key === "\n" ? "ret" : key}`);
    await wait(150);
  }
  if (keys !== "") await wait(1000);
  await say(`pmemsave 0xb8000 4000 "${video}"`);
  await wait(300);
  await say("quit");
  const { code } = await ended;
  await monitor.close().catch(() => {});
  const outcome = {
    status: code === 0 ? undefined : code,
    serial: readFileSync(serial, "latin1"),
    text: optional(() => new Uint8Array(readFileSync(video))),
  };
  rmSync(directory, { recursive: true });
  return outcome;
}

function optional<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}
