/** What a run's end means to the shell, and in words to a person. */
import type { MachineEvent, StopReason } from "../mod.ts";

/** Even numbers: the guest's own statuses through port 0xF4 are odd. */
export const STATUS = { OK: 0, LIMIT: 124, TRIPLE_FAULT: 134, IMAGE: 66 } as const;

/** The exit status of a stop. */
export function exitStatus(stop: StopReason): number {
  switch (stop.kind) {
    case "exit":
      return stop.status;
    case "triple fault":
    case "deadlock":
      return STATUS.TRIPLE_FAULT;
    case "budget":
      return STATUS.LIMIT;
    default:
      return STATUS.OK;
  }
}

/** One line for an event. */
export function eventLine(event: MachineEvent): string {
  const { type, retired, ...data } = event;
  const words = Object.entries(data)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : number(value)}`);
  return `${String(retired).padStart(12)} ${type.padEnd(9)} ${words.join(" ")}`;
}

function number(value: unknown): string {
  return typeof value === "bigint" || typeof value === "number"
    ? `0x${value.toString(16)}`
    : String(value);
}
