/**
 * The saved state of a device: which fields there are, and whether a value may stand in one.
 *
 * A format is made of checks. A check either gives back a fresh, valid copy of what it got or
 * throws, so that `load` has looked at every field before the device changes anything.
 */

/** Checks a value that came from outside. @param where Name of the field, for messages. */
export type Check<T> = (value: unknown, where: string) => T;

/** The type that a check gives back. */
export type Checked<C> = C extends Check<infer T> ? T : never;

/** A saved state, whatever the device: survives `JSON.stringify` and back. */
export interface DeviceState {
  readonly device: string;
  readonly version: number;
  readonly [field: string]: unknown;
}

/** An integer from `min` to `max`, both included. */
export function integer(min: number, max: number): Check<number> {
  return (value, where) => {
    if (typeof value !== "number" || !Number.isInteger(value)) wrongType(where, value, "integer");
    if (value < min || value > max) {
      throw new RangeError(`Cannot load ${where} = ${value}: not within ${min} and ${max}`);
    }
    return value;
  };
}

/** A byte. */
export const byte: Check<number> = integer(0, 0xff);

/** A point or span of virtual time in ns. */
export const timeNs: Check<number> = (value, where) => {
  if (typeof value !== "number") wrongType(where, value, "number");
  if (!Number.isFinite(value) || value < 0) {
    throw new RangeError(`Cannot load ${where} = ${value}: not a virtual time`);
  }
  return value;
};

/** True or false. */
export const flag: Check<boolean> = (value, where) => {
  if (typeof value !== "boolean") wrongType(where, value, "boolean");
  return value;
};

/** Text, at most `max` UTF-16 units long. */
export function text(max: number): Check<string> {
  return (value, where) => {
    if (typeof value !== "string") wrongType(where, value, "string");
    if (value.length > max) {
      throw new RangeError(`Cannot load ${where}: longer than ${max} characters`);
    }
    return value;
  };
}

/** Bytes as text, one character U+0000–U+00FF each: compact in JSON. */
export const byteText: Check<string> = (value, where) => {
  if (typeof value !== "string") wrongType(where, value, "string");
  for (let i = 0; i < value.length; i++) {
    if (value.charCodeAt(i) > 0xff) {
      throw new RangeError(`Cannot load ${where}: character ${i} is not a byte`);
    }
  }
  return value;
};

/** `null`, or what `check` takes. */
export function nullable<T>(check: Check<T>): Check<T | null> {
  return (value, where) => value === null ? null : check(value, where);
}

/** An array of `min` to `max` elements. */
export function list<T>(check: Check<T>, min: number, max: number): Check<T[]> {
  return (value, where) => {
    if (!Array.isArray(value)) wrongType(where, value, "array");
    if (value.length < min || value.length > max) {
      throw new RangeError(`Cannot load ${where}: ${value.length} elements, not ${min} to ${max}`);
    }
    return Array.from(value, (element, i) => check(element, `${where}[${i}]`));
  };
}

/** An object with exactly these fields. */
export function fields<S extends Record<string, Check<unknown>>>(
  shape: S,
): Check<{ -readonly [K in keyof S]: Checked<S[K]> }> {
  return (value, where) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      wrongType(where, value, "object");
    }
    const given = value as Record<string, unknown>;
    for (const name of Object.keys(given)) {
      if (!Object.hasOwn(shape, name)) {
        throw new TypeError(`Cannot load ${where}.${name}: no such field`);
      }
    }
    const result: Record<string, unknown> = {};
    for (const [name, check] of Object.entries(shape)) {
      if (!Object.hasOwn(given, name)) {
        throw new TypeError(`Cannot load ${where}: no field ${name}`);
      }
      result[name] = check(given[name], `${where}.${name}`);
    }
    return result as { -readonly [K in keyof S]: Checked<S[K]> };
  };
}

/** The format of one device's state. */
export class StateFormat<T extends object> {
  /** @param version Raise it when fields change. */
  constructor(readonly device: string, readonly version: number, readonly check: Check<T>) {}

  /** Wraps a copy of `state` with name and version. */
  save(state: T): DeviceState {
    return { device: this.device, version: this.version, ...structuredClone(state) };
  }

  /**
   * Checks a saved state. @returns A copy, without name and version.
   *
   * @throws {TypeError} If it is not an object of the right fields and types.
   * @throws {RangeError} If it belongs to another device or version, or a value does not fit.
   */
  load(saved: unknown): T {
    if (typeof saved !== "object" || saved === null || Array.isArray(saved)) {
      wrongType(this.device, saved, "object");
    }
    const { device, version, ...rest } = saved as Record<string, unknown>;
    if (typeof device !== "string") wrongType(`${this.device}.device`, device, "string");
    if (typeof version !== "number") wrongType(`${this.device}.version`, version, "number");
    if (device !== this.device || version !== this.version) {
      throw new RangeError(
        `Cannot load the state of ${device} version ${version}: ` +
          `this is ${this.device} version ${this.version}`,
      );
    }
    return this.check(rest, this.device);
  }
}

function wrongType(where: string, value: unknown, wanted: string): never {
  const got = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  throw new TypeError(`Cannot load ${where}: ${got} instead of ${wanted}`);
}
