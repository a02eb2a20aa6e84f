/** Every helper by name. */
import type { Helper } from "../context.ts";
import { arithmeticHelpers } from "./arithmetic.ts";
import { bitsHelpers } from "./bits.ts";
import { controlRegisterHelpers } from "./control_registers.ts";
import { debugRegisterHelpers } from "./debug_register_moves.ts";
import { descriptorQueryHelpers } from "./descriptor_query.ts";
import { farHelpers } from "./far.ts";
import { farReturnHelpers } from "./far_return.ts";
import { fastCallHelpers } from "./fast_calls.ts";
import { identifyHelpers } from "./identify.ts";
import { interruptHelpers } from "./interrupts.ts";
import { ioHelpers } from "./io.ts";
import { iretHelpers } from "./iret.ts";
import { missingHelpers } from "./missing.ts";
import { modelRegisterHelpers } from "./model_registers.ts";
import { privilegeHelpers } from "./privilege.ts";
import { segmentLoadHelpers } from "./segment_load.ts";
import { stringHelpers } from "./strings.ts";
import { stringPortHelpers } from "./strings_ports.ts";
import { systemFlagHelpers } from "./system_flags.ts";
import { tableRegisterHelpers } from "./table_registers.ts";
import { timeHelpers } from "./time.ts";

/** What micro-operations call. */
export const HELPERS: Readonly<Record<string, Helper>> = {
  ...arithmeticHelpers,
  ...bitsHelpers,
  ...controlRegisterHelpers,
  ...debugRegisterHelpers,
  ...descriptorQueryHelpers,
  ...farHelpers,
  ...farReturnHelpers,
  ...fastCallHelpers,
  ...identifyHelpers,
  ...interruptHelpers,
  ...ioHelpers,
  ...iretHelpers,
  ...missingHelpers,
  ...modelRegisterHelpers,
  ...privilegeHelpers,
  ...segmentLoadHelpers,
  ...stringHelpers,
  ...stringPortHelpers,
  ...systemFlagHelpers,
  ...tableRegisterHelpers,
  ...timeHelpers,
};
