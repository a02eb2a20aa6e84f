import { deepStrictEqual, notStrictEqual, throws } from "node:assert/strict";
import {
  byte,
  byteText,
  type Check,
  fields,
  flag,
  integer,
  list,
  nullable,
  StateFormat,
  text,
  timeNs,
} from "../../../machine/bus/state_format.ts";

Deno.test("Checks take what fits and refuse the rest", () => {
  const good: [Check<unknown>, unknown][] = [
    [byte, 0xff],
    [integer(-2, 2), -2],
    [timeNs, 0.5],
    [flag, false],
    [text(3), "abc"],
    [byteText, "\u00ff"],
    [nullable(byte), null],
    [list(byte, 0, 2), [1, 2]],
    [fields({ a: byte }), { a: 1 }],
  ];
  for (const [check, value] of good) deepStrictEqual(check(value, "x"), value);
  const bad: [Check<unknown>, unknown, typeof TypeError | typeof RangeError][] = [
    [byte, 256, RangeError],
    [byte, -1, RangeError],
    [byte, 1.5, TypeError],
    [byte, NaN, TypeError],
    [byte, "1", TypeError],
    [byte, 1n, TypeError],
    [timeNs, -1, RangeError],
    [timeNs, Infinity, RangeError],
    [flag, 0, TypeError],
    [text(3), "abcd", RangeError],
    [byteText, "\u0100", RangeError],
    [nullable(byte), undefined, TypeError],
    [list(byte, 1, 2), [], RangeError],
    [list(byte, 1, 2), [1, "2"], TypeError],
    [list(byte, 0, 2), { length: 0 }, TypeError],
    [fields({ a: byte }), {}, TypeError],
    [fields({ a: byte }), { a: 1, b: 2 }, TypeError],
    [fields({ a: byte }), JSON.parse('{ "a": 1, "__proto__": 2 }'), TypeError],
    [fields({ a: byte }), null, TypeError],
  ];
  for (const [check, value, error] of bad) throws(() => check(value, "x"), error);
});

Deno.test("StateFormat saves copies and loads copies", () => {
  const format = new StateFormat("chip", 2, fields({ bytes: list(byte, 0, 4) }));
  const state = { bytes: [1, 2] };
  const saved = format.save(state);
  state.bytes[0] = 9;
  deepStrictEqual(saved, { device: "chip", version: 2, bytes: [1, 2] });
  const loaded = format.load(saved);
  deepStrictEqual(loaded, { bytes: [1, 2] });
  notStrictEqual(loaded.bytes, saved.bytes);
  throws(() => format.load({ ...saved, version: 1 }), {
    name: "RangeError",
    message: "Cannot load the state of chip version 1: this is chip version 2",
  });
});
