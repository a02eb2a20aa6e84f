/** What a machine is told: when it is made, run, loaded and booted; and what a step tells. */
import type { DateTime } from "./devices/cmos_rtc_calendar.ts";
import type { ImageKind } from "./loaders/boot_image.ts";
import type { LoadMode } from "./loaders/environment.ts";
import type { BootModule } from "./loaders/multiboot_plan.ts";
import type { StopReason } from "./stop.ts";

/** How a machine is made. */
export interface MachineOptions {
  /** RAM in bytes: a multiple of 4096 from 1 MiB to 1 GiB. Default 64 MiB. */
  readonly memory?: number;
  /** The real-time clock's date at virtual time 0. Default 2020-01-01 00:00:00. */
  readonly start?: DateTime;
  /** `real`: characters on serial lines take their time. Default `instant`. */
  readonly serialSpeed?: "real" | "instant";
  /** The host's clock in ms, only for `run({ timeMs })`. */
  readonly hostTimeMs?: () => number;
}

/** What bounds a run. Without any bound: {@linkcode DEFAULT_INSTRUCTIONS}. */
export interface RunOptions {
  /** At most so many instructions. */
  readonly instructions?: number;
  /** Stops when it gives true; asked at the start and every `untilEvery` instructions. */
  readonly until?: () => boolean;
  /** Default 1,000. */
  readonly untilEvery?: number;
  /** At most so many milliseconds of the host's time. The only use of the host's clock. */
  readonly timeMs?: number;
}

/** One executed instruction. */
export interface StepResult {
  /** RIP before. */
  readonly rip: bigint;
  /** The instruction in Intel syntax; `undefined` when it could not be fetched. */
  readonly text: string | undefined;
  readonly bytes: Uint8Array;
  /** RIP after. */
  readonly next: bigint;
  readonly stop: StopReason;
}

/** Where a flat binary goes; ELF files bring all of this themselves. */
export interface LoadOptions {
  readonly at?: number | bigint;
  readonly mode?: LoadMode;
  /** Default `at`. */
  readonly entry?: number | bigint;
}

/** How an image is booted. */
export interface BootOptions {
  /** What the image is. Default: found out. */
  readonly as?: ImageKind;
  /** More disks, attached behind the image. */
  readonly disks?: readonly Uint8Array[];
  /** For Multiboot kernels. */
  readonly commandLine?: string;
  /** For Multiboot kernels. */
  readonly modules?: readonly BootModule[];
}
