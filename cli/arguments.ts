/** The words of the command line, as data. The only file that knows the parser. */
import { Command, CommanderError, InvalidArgumentError } from "commander";

/** Where the text of the screen goes. */
export type DisplayChoice =
  | { readonly kind: "none" }
  | { readonly kind: "text" }
  | { readonly kind: "png"; readonly file: string };

/** Where COM1 goes. */
export type SerialChoice =
  | { readonly kind: "none" }
  | { readonly kind: "stdio" }
  | { readonly kind: "file"; readonly file: string };

/** What is to be run, and how. */
export interface RunArguments {
  readonly image: string;
  /** RAM in bytes. */
  readonly memory: number;
  readonly display: DisplayChoice;
  /** `undefined`: stdio, unless the screen is live in the same terminal. */
  readonly serial: SerialChoice | undefined;
  /** A script of keys. */
  readonly keys: string | undefined;
  readonly instructions: number | undefined;
  /** Of the host's time, in seconds. */
  readonly timeout: number | undefined;
  readonly trace: boolean;
  readonly snapshot: string | undefined;
  readonly reboot: boolean;
  readonly floppy: boolean;
  readonly disks: readonly string[];
  readonly append: string;
  readonly modules: readonly string[];
  readonly saveDisk: string | undefined;
}

/** What to do instead of a run. */
export interface Refusal {
  readonly status: number;
  /** What to show; help goes to stdout, complaints to stderr. */
  readonly text: string;
}

const MAX_MEMORY = 1 << 30;
const MIN_MEMORY = 1 << 20;
const UNITS: Readonly<Record<string, number>> = { "": 20, K: 10, M: 20, G: 30 };
const USAGE_STATUS = 64;

const NOTES = `
Exit status: what the guest wrote to port 0xF4 as QEMU's isa-debug-exit gives it, (value << 1) | 1;
0 when it halted for ever or you quit; 124 when a limit was reached; 134 after a triple fault;
64 for a wrong command line; 66 for an image that cannot be booted.

Keys: text is typed as it is, one second of virtual time after power-on. \\n is Enter, {name} a key
(f1, esc, up …), {ctrl-alt-delete} a chord, {wait 500} waits milliseconds of virtual time.

As a Cargo runner (.cargo/config.toml):
  [target.'cfg(target_os = "none")']
  runner = "bootimage runner"        # Cargo.toml: [package.metadata.bootimage]
                                     #   run-command = ["ring0", "run", "{}"]
                                     #   test-args = ["--display", "none", "--timeout", "60"]
                                     #   test-success-exit-code = 33`;

/** Reads the command line. @param words Without the program's name. */
export function parseArguments(words: readonly string[]): RunArguments | Refusal {
  const out: string[] = [];
  const state: { run?: RunArguments } = {};
  const program = new Command("ring0")
    .description("Runs operating systems on an x86-64 PC made of TypeScript.")
    .addHelpText("after", NOTES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => out.push(text),
      writeErr: (text) => out.push(text),
    });
  program.command("run", { isDefault: true })
    .description("boots a disk image or a kernel")
    .argument("<image>", "a disk image, a floppy image, an ELF file or a Multiboot kernel")
    .option("-m, --memory <size>", "RAM: 64, 64M, 1G", size, 128 << 20)
    .option("--display <where>", "text, none, or png:FILE (at the end)", display, { kind: "text" })
    .option("--serial <where>", "COM1: stdio, none, or a file", serial)
    .option("--keys <text>", "types keys")
    .option("--instructions <count>", "stops after so many instructions", count)
    .option("--timeout <seconds>", "stops after so many seconds", seconds)
    .option("--trace", "tells of interrupts, exceptions, modes and devices on stderr", false)
    .option("--snapshot <file>", "saves the machine's state at the end")
    .option("--no-reboot", "ends when the guest resets the machine")
    .option("--floppy", "takes the image for a floppy of any size", false)
    .option("--disk <file>", "attaches another hard disk", collect, [])
    .option("--append <text>", "command line of a Multiboot kernel", "")
    .option("--module <file>", "gives a Multiboot kernel a module", collect, [])
    .option("--save-disk <file>", "saves the disk with the guest's writes at the end")
    .addHelpText("after", NOTES)
    .action((image: string, options) => {
      const { disk, module, ...rest } = options;
      state.run = {
        serial: undefined,
        keys: undefined,
        instructions: undefined,
        timeout: undefined,
        snapshot: undefined,
        saveDisk: undefined,
        ...rest,
        image,
        disks: disk,
        modules: module,
      };
    });
  try {
    program.parse([...words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { status: error.exitCode === 0 ? 0 : USAGE_STATUS, text: out.join("") };
  }
  return state.run ?? { status: USAGE_STATUS, text: program.helpInformation() };
}

/** Bytes: a number of MiB, or with K, M, G. */
function size(text: string): number {
  const match = /^(\d+)\s*([KMG]?)(?:i?B)?$/i.exec(text);
  const bytes = match === null ? NaN : Number(match[1]) * 2 ** UNITS[match[2].toUpperCase()];
  if (!(bytes >= MIN_MEMORY && bytes <= MAX_MEMORY && bytes % 4096 === 0)) {
    throw new InvalidArgumentError("It is a size from 1M to 1G in whole pages, such as 64M.");
  }
  return bytes;
}

function display(text: string): DisplayChoice {
  if (text === "none" || text === "text") return { kind: text };
  if (text.startsWith("png:") && text.length > 4) return { kind: "png", file: text.slice(4) };
  throw new InvalidArgumentError("It is text, none, or png:FILE.");
}

function serial(text: string): SerialChoice {
  if (text === "none" || text === "stdio") return { kind: text };
  return { kind: "file", file: text.startsWith("file:") ? text.slice(5) : text };
}

function count(text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (!(Number.isSafeInteger(value) && value > 0)) {
    throw new InvalidArgumentError("It is a whole number from 1.");
  }
  return value;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(Number.isFinite(value) && value > 0)) {
    throw new InvalidArgumentError("It is a number of seconds above 0.");
  }
  return value;
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
