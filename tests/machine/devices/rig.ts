/** What the device tests share: a wire that remembers, and checks of saved states. */
import { deepStrictEqual, throws } from "node:assert/strict";
import type { IrqLine } from "../../../machine/bus/irq_line.ts";
import type { DeviceState } from "../../../machine/bus/state_format.ts";

/** A wire that counts its rises and remembers its level. */
export class FakeLine implements IrqLine {
  level = false;
  rises = 0;
  /** Called at every change, with the new level. */
  constructor(readonly onChange?: (level: boolean) => void) {}

  set(level: boolean): void {
    if (level === this.level) return;
    this.level = level;
    if (level) this.rises++;
    this.onChange?.(level);
  }
}

interface Saved {
  saveState(): DeviceState;
  loadState(state: unknown): void;
}

/** The state survives JSON, and every field that is missing, foreign or misnamed is refused. */
export function checkSavedState(device: Saved, twin: Saved): void {
  const state = device.saveState();
  const json = JSON.parse(JSON.stringify(state));
  deepStrictEqual(json, state);
  twin.loadState(json);
  deepStrictEqual(twin.saveState(), state);
  const refused = (bad: unknown, error: typeof TypeError | typeof RangeError) => {
    throws(() => twin.loadState(bad), error);
    deepStrictEqual(twin.saveState(), state, "a refused state changes nothing");
  };
  refused(undefined, TypeError);
  refused([], TypeError);
  refused({ ...json, version: 99 }, RangeError);
  refused({ ...json, device: "toaster" }, RangeError);
  refused({ ...json, surplus: 1 }, TypeError);
  for (const field of Object.keys(json)) {
    if (field === "device" || field === "version") continue;
    const { [field]: _, ...rest } = json;
    refused(rest, TypeError);
    refused({ ...json, [field]: { no: "such thing" } }, TypeError);
  }
}
