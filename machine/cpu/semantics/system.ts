/** Everything about privilege and system state, in one family. */
import type { SemanticsFamily } from "./semantics.ts";
import { SYSTEM_CONTROL } from "./system_control.ts";
import { SYSTEM_FAR } from "./system_far.ts";
import { SYSTEM_IO } from "./system_io.ts";
import { SYSTEM_MISC } from "./system_misc.ts";
import { SYSTEM_SEGMENTS } from "./system_segments.ts";

export const SYSTEM_FAMILY: SemanticsFamily = {
  ...SYSTEM_SEGMENTS,
  ...SYSTEM_FAR,
  ...SYSTEM_CONTROL,
  ...SYSTEM_IO,
  ...SYSTEM_MISC,
};
