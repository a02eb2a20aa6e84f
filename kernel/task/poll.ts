/** What polling a future gives. */

/** It is done, and this is its value. */
export interface Ready<T> {
  readonly kind: "Ready";
  readonly value: T;
}

/** It is not: it will call the waker of its last poll when polling again is worth it. */
export interface Pending {
  readonly kind: "Pending";
}

export type Poll<T> = Ready<T> | Pending;

/** Makers of both, by the names that Rust has. */
export const Poll = {
  Ready: <T>(value: T): Ready<T> => ({ kind: "Ready", value }),
  Pending: { kind: "Pending" } as Pending,
} as const;
