/**
 * `ring0 run IMAGE`: a machine in a terminal.
 *
 * With a terminal on both sides the screen is live, keys go to the guest, and virtual time keeps
 * pace with the wall clock; Ctrl-] ends. Otherwise the machine runs as fast as it can, and the
 * screen is printed once, at the end.
 */
import { Machine, type StopReason } from "../mod.ts";
import type { RunArguments, SerialChoice } from "./arguments.ts";
import type { Host } from "./host.ts";
import { type KeyAction, parseKeys } from "./key_script.ts";
import { LiveScreen } from "./live_screen.ts";
import { screenPng } from "./png.ts";
import { eventLine, exitStatus, STATUS } from "./report.ts";
import { encodeSnapshot } from "./snapshot_file.ts";
import { terminalKeys } from "./terminal_keys.ts";
import { Typist } from "./typist.ts";

/** Instructions between two looks at the world outside. */
const SLICE = 2_000_000;
/** Shorter while a person watches. */
const LIVE_SLICE = 500_000;
const TRACED = ["interrupt", "exception", "mode", "unclaimed", "device"] as const;
const MAX_REBOOTS = 1000;

/** Runs an image. @returns The exit status. */
export async function run(options: RunArguments, host: Host): Promise<number> {
  const machine = new Machine({ memory: options.memory });
  let keys: readonly KeyAction[];
  try {
    keys = options.keys === undefined ? [] : parseKeys(options.keys);
    machine.boot(await host.readFile(options.image), {
      ...(options.floppy ? { as: "floppy" as const } : {}),
      disks: await Promise.all(options.disks.map((file) => host.readFile(file))),
      commandLine: [options.image, options.append].join(" ").trim(),
      modules: await Promise.all(
        options.modules.map(async (file) => ({
          bytes: await host.readFile(file),
          commandLine: file,
        })),
      ),
    });
  } catch (error) {
    host.error(`ring0: ${options.image}: ${error instanceof Error ? error.message : error}\n`);
    return STATUS.IMAGE;
  }
  const session = new Session(machine, options, host, keys);
  const stop = await session.run();
  await session.finish(stop);
  return exitStatus(stop);
}

/** One run with its surroundings. */
class Session {
  readonly #live: LiveScreen | undefined;
  readonly #serial: SerialChoice;
  readonly #typist: Typist;
  readonly #serialFile: Uint8Array[] = [];
  #serialShown = 0;
  #quit = false;

  constructor(
    readonly machine: Machine,
    readonly options: RunArguments,
    readonly host: Host,
    keys: readonly KeyAction[],
  ) {
    const live = options.display.kind === "text" && host.isTerminal;
    this.#live = live ? new LiveScreen() : undefined;
    this.#serial = options.serial ?? { kind: live ? "none" : "stdio" };
    this.#typist = new Typist(machine, keys);
    if (options.trace) {
      for (const type of TRACED) {
        machine.on(type, (event) => host.error(`${eventLine(event)}\n`));
      }
    }
  }

  async run(): Promise<StopReason> {
    const { host, machine, options } = this;
    const live = this.#live;
    const deadline = options.timeout === undefined
      ? Infinity
      : host.nowMs() + options.timeout * 1000;
    const startMs = host.nowMs();
    const startNs = machine.clock.nowNs;
    if (live !== undefined) {
      host.write(live.start());
      host.listen((chunk) => this.#terminalInput(chunk), { raw: true });
    } else if (options.serial?.kind === "stdio") {
      host.listen((chunk) => machine.serial.receive(new TextEncoder().encode(chunk)), {
        raw: false,
      });
    }
    const end = options.instructions ?? Infinity;
    for (let reboots = 0;;) {
      this.#typist.tick();
      const slice = Math.ceil(Math.min(
        live === undefined ? SLICE : LIVE_SLICE,
        end - machine.retired,
        this.#typist.waits,
      ));
      const stop = machine.run({
        instructions: Math.max(0, slice),
        ...(deadline === Infinity ? {} : { timeMs: Math.max(0, deadline - host.nowMs()) }),
      });
      this.#showSerial();
      if (live !== undefined) host.write(live.update(machine.screen.snapshot()));
      if (stop.kind === "reset" && options.reboot && reboots++ < MAX_REBOOTS) continue;
      if (stop.kind !== "budget") return stop;
      if (machine.retired >= end || host.nowMs() >= deadline) return stop;
      const aheadMs = live === undefined
        ? 0
        : (machine.clock.nowNs - startNs) / 1e6 - (host.nowMs() - startMs);
      await host.sleep(Math.max(0, Math.min(aheadMs, 100)));
      if (this.#quit) return { ...stop, kind: "paused" } as StopReason;
    }
  }

  /** Screen, files and the report. */
  async finish(stop: StopReason): Promise<void> {
    const { host, machine, options } = this;
    if (this.#live !== undefined) host.write(this.#live.end());
    else if (options.display.kind === "text") {
      const text = machine.screen.text();
      if (text !== "") host.write(`${text}\n`);
    }
    if (options.display.kind === "png") {
      await host.writeFile(options.display.file, screenPng(machine.screen.snapshot()));
    }
    if (this.#serial.kind === "file") {
      await host.writeFile(this.#serial.file, concatenated(this.#serialFile));
    }
    if (options.snapshot !== undefined) {
      await host.writeFile(options.snapshot, encodeSnapshot(machine.snapshot()));
    }
    if (options.saveDisk !== undefined) {
      const { drives } = machine.firmware;
      const disk = drives.get(drives.bootDrive);
      if (disk !== undefined) await host.writeFile(options.saveDisk, disk.contents());
    }
    if (stop.kind !== "exit" && !this.#quit) host.error(`ring0: ${stop.text}\n`);
  }

  /** What the guest sent since the last look. */
  #showSerial(): void {
    const { output } = this.machine.serial;
    if (output.length === this.#serialShown) return;
    const bytes = Uint8Array.from(
      output.slice(this.#serialShown),
      (character) => character.charCodeAt(0),
    );
    this.#serialShown = output.length;
    if (this.#serial.kind === "stdio") this.host.writeBytes(bytes);
    else if (this.#serial.kind === "file") this.#serialFile.push(bytes);
  }

  #terminalInput(chunk: string): void {
    const { actions, quit } = terminalKeys(chunk);
    const { keyboard } = this.machine;
    for (const action of actions) {
      if (typeof action === "string") keyboard.type(action);
      else {
        for (const key of action) keyboard.press(key);
        for (const key of action.toReversed()) keyboard.release(key);
      }
    }
    if (quit) this.#quit = true;
  }
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
