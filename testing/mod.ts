/** Helpers for people who test their own kernels: `import { Guest } from "ring0/testing"`. */
export { DEFAULT_BUDGET, Guest, type GuestOptions, type StepOptions } from "./guest.ts";
