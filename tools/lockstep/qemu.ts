/**
 * QEMU as a lock-step target: started frozen at the reset vector, driven through its gdb stub.
 */
import { fromHex, GdbClient, GdbClosed } from "./gdb.ts";
import type { HiddenState, LockstepTarget, RegisterName, Registers } from "./target.ts";

/** The start of the stub's register packet: names and sizes in bytes (i386-64bit.xml). */
const PACKET: readonly (readonly [RegisterName, 4 | 8])[] = [
  ...(["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"] as const),
  ...(["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip"] as const),
  ...(["eflags", "cs", "ss", "ds", "es", "fs", "gs"] as const),
  ...(["fs_base", "gs_base", "k_gs_base"] as const),
  ...(["cr0", "cr2", "cr3", "cr4", "cr8", "efer"] as const),
].map((name) => [name, /^(eflags|[c-g]s|ss|es)$/.test(name) ? 4 : 8] as const);

/** How QEMU is started beside the image. */
export interface QemuOptions {
  /** The ROM's bytes: a multiple of 64 KiB, ending at 4 GiB, the last 64 KiB also below 1 MiB. */
  readonly rom: Uint8Array;
  /** RAM in MiB. */
  readonly memoryMiB?: number;
  readonly cpu?: string;
}

/** Whether `qemu-system-x86_64` can be started. */
export function hasQemu(): boolean {
  try {
    return new Deno.Command("qemu-system-x86_64", { args: ["--version"], stdout: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

/** The arguments that make QEMU the plain PC which our images expect. */
export function qemuArguments(options: QemuOptions, romPath: string): string[] {
  return [
    ...["-machine", "isapc", "-accel", "tcg", "-cpu", options.cpu ?? "max"],
    ...["-m", `${options.memoryMiB ?? 64}`, "-bios", romPath],
    ...["-nodefaults", "-display", "none", "-no-reboot", "-monitor", "none"],
    ...["-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
  ];
}

/** One QEMU process. */
export class QemuTarget implements LockstepTarget {
  readonly name = "qemu";
  readonly #process: Deno.ChildProcess;
  readonly #gdb: GdbClient;
  readonly #directory: string;

  private constructor(process: Deno.ChildProcess, gdb: GdbClient, directory: string) {
    this.#process = process;
    this.#gdb = gdb;
    this.#directory = directory;
  }

  /** Starts QEMU and connects. @throws {Error} If it does not come up within ten seconds. */
  static async start(options: QemuOptions): Promise<QemuTarget> {
    const directory = await Deno.makeTempDir({ prefix: "lockstep" });
    const socket = `${directory}/gdb`;
    await Deno.writeFile(`${directory}/rom`, options.rom);
    const process = new Deno.Command("qemu-system-x86_64", {
      args: [
        ...qemuArguments(options, `${directory}/rom`),
        ...["-serial", `file:${directory}/serial`, "-S", "-singlestep"],
        ...["-chardev", `socket,path=${socket},server=on,wait=off,id=gdb`, "-gdb", "chardev:gdb"],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    for (let tries = 0; tries < 200; tries++) {
      try {
        const gdb = new GdbClient(await Deno.connect({ transport: "unix", path: socket }));
        await gdb.handshake();
        // QEMU lets single registers be set only after it was asked for their description.
        await gdb.request("qXfer:features:read:target.xml:0,ffb");
        return new QemuTarget(process, gdb, directory);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    process.kill();
    throw new Error("Cannot connect to QEMU: no answer for ten seconds");
  }

  async step(): Promise<boolean> {
    try {
      await this.#gdb.request("s");
      return true;
    } catch (error) {
      if (error instanceof GdbClosed) return false;
      throw error;
    }
  }

  async registers(): Promise<Registers> {
    const bytes = fromHex(await this.#gdb.request("g"));
    const view = new DataView(bytes.buffer);
    const registers: Partial<Registers> = {};
    let at = 0;
    for (const [name, size] of PACKET) {
      registers[name] = size === 4 ? BigInt(view.getUint32(at, true)) : view.getBigUint64(at, true);
      at += size;
    }
    return registers as Registers;
  }

  async hidden(): Promise<HiddenState> {
    const text = await this.#gdb.monitor("info registers");
    const state: HiddenState = {};
    for (const [, name, rest] of text.matchAll(/^([CDEFGST][SDR]T?|LDT) ?=\s*([0-9a-f ]+)/gm)) {
      const fields = rest.trim().split(/\s+/).filter((field) => /^[0-9a-f]+$/.test(field));
      if (name === "GDT" || name === "IDT") continue;
      const [selector, base, limit, flags] = fields.map((field) => parseInt(field, 16));
      state[name.toLowerCase()] = hiddenSegment(
        selector,
        BigInt(`0x${fields[1]}`),
        limit,
        flags >> 8,
      );
      void base;
    }
    for (const [, name, base, limit] of text.matchAll(/^([GI]DT)=\s*([0-9a-f]+) ([0-9a-f]+)/gm)) {
      state[name.toLowerCase()] = `${BigInt(`0x${base}`).toString(16)} ${
        parseInt(limit, 16).toString(16)
      }`;
    }
    return state;
  }

  async set(register: RegisterName, value: bigint): Promise<void> {
    const index = PACKET.findIndex(([name]) => name === register);
    const size = PACKET[index][1];
    const digits = value.toString(16).padStart(2 * size, "0");
    const bytes = digits.match(/../g)!.reverse().join("");
    const answer = await this.#gdb.request(`P${index.toString(16)}=${bytes}`);
    if (answer !== "OK") throw new Error(`Cannot set ${register} in QEMU: ${answer}`);
  }

  async read(linear: bigint, length: number): Promise<Uint8Array> {
    const answer = await this.#gdb.request(`m${linear.toString(16)},${length.toString(16)}`);
    return answer[0] === "E" ? new Uint8Array() : fromHex(answer);
  }

  async readPhysical(address: number, length: number): Promise<Uint8Array> {
    const path = `${this.#directory}/memory`;
    await this.#gdb.monitor(`pmemsave ${address} ${length} "${path}"`);
    return await Deno.readFile(path);
  }

  async close(): Promise<void> {
    this.#gdb.close();
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#process.status;
    await Deno.remove(this.#directory, { recursive: true });
  }
}

/** A descriptor cache as comparable text: selector, base, limit, attributes (AVL/L/DB/G, access). */
export function hiddenSegment(
  selector: number,
  base: bigint,
  limit: number,
  attributes: number,
): string {
  return [
    selector.toString(16).padStart(4, "0"),
    base.toString(16),
    (limit >>> 0).toString(16),
    (attributes & 0xf0ff).toString(16).padStart(4, "0"),
  ].join(" ");
}
