/** ring0: an x86-64 PC that you hold in a variable. */
export * from "./machine/mod.ts";
export * from "./kernel/mod.ts";
