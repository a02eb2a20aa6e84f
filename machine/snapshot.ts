/**
 * Snapshots: a machine's whole state as plain data, by name and version.
 *
 * The memory is kept as its pages that are not all zeros. The CPU's registers and the TLB lie in
 * the same memory, so they come along.
 */
import type { Board } from "./board.ts";
import type { DeviceState } from "./bus/state_format.ts";
import type { DrivesState } from "./firmware/drives.ts";
import type { PhysicalMemory } from "./memory/physical.ts";

const VERSION = 1;
const PAGE = 4096;

/** A machine's state at one moment. Give it to `restore`, of the same or an equal machine. */
export interface Snapshot {
  readonly format: "ring0 snapshot";
  readonly version: number;
  /** Size of the guest's RAM in bytes. */
  readonly ramSize: number;
  /** Retired instructions: the virtual time. */
  readonly retired: number;
  /** Numbers of the pages of `pages`, ascending, counted from the start of the whole memory. */
  readonly pageNumbers: Uint32Array;
  /** Their bytes, one after the other. */
  readonly pages: Uint8Array;
  readonly a20: boolean;
  readonly devices: Readonly<Record<string, DeviceState>>;
  /** What was written to the disks behind INT 13h. */
  readonly disks?: DrivesState;
}

/** Takes a snapshot of memory and devices. */
export function takeSnapshot(board: Board, retired: number): Snapshot {
  const { memory } = board;
  const numbers: number[] = [];
  const count = memory.u8.length / PAGE;
  for (let page = 0; page < count; page++) {
    if (!isZero(memory.i32, page)) numbers.push(page);
  }
  const pages = new Uint8Array(numbers.length * PAGE);
  numbers.forEach((page, i) => {
    pages.set(memory.u8.subarray(page * PAGE, (page + 1) * PAGE), i * PAGE);
  });
  return {
    format: "ring0 snapshot",
    version: VERSION,
    ramSize: memory.ramSize,
    retired,
    pageNumbers: Uint32Array.from(numbers),
    pages,
    a20: memory.a20,
    devices: Object.fromEntries(
      stateful(board).map(([name, device]) => [name, device.saveState()]),
    ),
  };
}

/**
 * Checks that a value is a snapshot for this board.
 *
 * @throws {TypeError} If it is no snapshot, or of another version.
 * @throws {RangeError} If it is of a machine with another amount of memory, or damaged.
 */
export function checkSnapshot(value: unknown, board: Board): Snapshot {
  const snapshot = value as Partial<Snapshot> | null;
  if (typeof snapshot !== "object" || snapshot?.format !== "ring0 snapshot") {
    throw new TypeError("Cannot restore: this is not a snapshot of a machine");
  }
  const { version, ramSize, retired, pageNumbers, pages, devices } = snapshot;
  if (version !== VERSION) {
    throw new TypeError(`Cannot restore: the snapshot has version ${version}, not ${VERSION}`);
  }
  if (ramSize !== board.memory.ramSize) {
    throw new RangeError(
      `Cannot restore: the snapshot has ${ramSize} bytes of memory, ` +
        `the machine ${board.memory.ramSize}`,
    );
  }
  const total = board.memory.u8.length / PAGE;
  const isWhole = pageNumbers instanceof Uint32Array && pages instanceof Uint8Array &&
    pages.length === pageNumbers.length * PAGE &&
    pageNumbers.every((page, i) => page < total && (i === 0 || page > pageNumbers[i - 1]));
  if (!isWhole || !Number.isSafeInteger(retired) || retired! < 0) {
    throw new RangeError("Cannot restore: the snapshot's memory is damaged");
  }
  for (const [name] of stateful(board)) {
    if (devices?.[name] === undefined) {
      throw new RangeError(`Cannot restore: the snapshot has no device "${name}"`);
    }
  }
  return snapshot as Snapshot;
}

/** Puts a checked snapshot's memory back. */
export function restoreMemory(memory: PhysicalMemory, snapshot: Snapshot): void {
  memory.u8.fill(0);
  snapshot.pageNumbers.forEach((page, i) => {
    memory.u8.set(snapshot.pages.subarray(i * PAGE, (i + 1) * PAGE), page * PAGE);
  });
}

/** Puts the devices back; all or none. The clock must show the snapshot's time already. */
export function restoreDevices(board: Board, devices: Snapshot["devices"]): void {
  const before = stateful(board).map(([, device]) => device.saveState());
  try {
    for (const [name, device] of stateful(board)) device.loadState(devices[name]);
  } catch (error) {
    stateful(board).forEach(([, device], i) => device.loadState(before[i]));
    throw error;
  }
}

/** What has a state: the interrupt controller last, since the others drive its lines on loading. */
function stateful(board: Board) {
  return [
    ["pit", board.pit],
    ["keyboard", board.keyboard],
    ["ps2", board.ps2],
    ["vga", board.vga],
    ["com1", board.com1],
    ["com2", board.com2],
    ["rtc", board.rtc],
    ["port61", board.port61],
    ["port92", board.port92],
    ["post", board.post],
    ["debugConsole", board.debugConsole],
    ["debugExit", board.debugExit],
    ["ata0", board.ata0],
    ["ata1", board.ata1],
    ["pic", board.pic],
  ] as const;
}

function isZero(words: Int32Array, page: number): boolean {
  const end = (page + 1) * (PAGE / 4);
  for (let i = page * (PAGE / 4); i < end; i++) if (words[i] !== 0) return false;
  return true;
}
