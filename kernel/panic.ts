/** `panic!`: a message with its place in the source, then the halt loop. */

/** What a panic says. */
export interface PanicInfo {
  readonly message: string;
  /** Path from the project's root, or what the host calls the source. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** As Rust prints it. */
export function panicText({ message, file, line, column }: PanicInfo): string {
  return `panicked at ${file}:${line}:${column}:\n${message}`;
}

const ROOT = new URL("../", import.meta.url).href;
/** The frames of the panic itself. */
const INNER = /\/kernel\/(?:panic|kernel)\.ts:/;
const PLACE = /(?:\(|at |@)((?:[a-z-]+:\/\/)?[^\s()]+):(\d+):(\d+)\)?$/;

/** Describes a panic of whoever called: the first stack frame outside of the panic machinery. */
export function panicInfo(message: string): PanicInfo {
  const lines = (new Error().stack ?? "").split("\n").slice(1);
  for (const line of lines) {
    if (INNER.test(line)) continue;
    const place = PLACE.exec(line.trim());
    if (place === null) continue;
    const file = place[1].startsWith(ROOT) ? place[1].slice(ROOT.length) : place[1];
    return { message, file, line: Number(place[2]), column: Number(place[3]) };
  }
  return { message, file: "<unknown>", line: 0, column: 0 };
}

/** A panic that somebody catches: a test runner. */
export class PanicUnwind extends Error {
  override readonly name = "Panic";

  constructor(readonly info: PanicInfo) {
    super(info.message);
  }
}
