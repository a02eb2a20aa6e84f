/** What the steps of all repeated string instructions have in common. */
import type { CpuContext } from "../context.ts";
import { advance, isUpward, RDI, RSI } from "./strings_address.ts";

export const RAX = 0;

/** Does 1 to `most` iterations, counter apart. @returns How many. May fault before the first. */
export type Step = (
  cpu: CpuContext,
  size: number,
  addressSize: number,
  segment: number,
  most: number,
  wantedZero: number,
) => number;

/** Moves the index registers by `done` elements. @returns `done`. */
export function moved(
  cpu: CpuContext,
  addressSize: number,
  size: number,
  done: number,
  source: boolean,
  destination: boolean,
): number {
  const { state } = cpu;
  const delta = isUpward(state) ? done * size : -done * size;
  if (source) advance(state, RSI, addressSize, delta);
  if (destination) advance(state, RDI, addressSize, delta);
  return done;
}
