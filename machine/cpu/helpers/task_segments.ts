/**
 * Loading LDTR and the segment registers of a task that was switched to.
 *
 * @see Intel SDM Vol. 3A, "Exception Conditions Checked During a Task Switch"
 */
import { SELECTOR, SYSTEM_TYPE } from "../../arch/descriptor.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import { SEG } from "../../memory/layout.ts";
import type { CpuContext } from "../context.ts";
import {
  checkDataSegment,
  checkStackSegment,
  commitNull,
  commitSegment,
  isNull,
  markAccessed,
  readDescriptor,
} from "./descriptors.ts";
import { failSelector } from "./faults.ts";
import { loadV86Segment } from "./segment_load.ts";
import type { TaskImage } from "./task_state.ts";

const DATA_SEGMENTS = [SEG.ES, SEG.DS, SEG.FS, SEG.GS] as const;

/** Loads LDTR, CS, SS and the data segments, in this order. CPL is the new task's already. */
export function loadTaskSegments(
  cpu: CpuContext,
  image: TaskImage,
  isV86: boolean,
  ext: number,
): void {
  const { segments } = image;
  loadLdt(cpu, image.ldt, ext);
  if (isV86) {
    segments.forEach((selector, segment) => loadV86Segment(cpu, segment, selector));
    return;
  }
  loadCode(cpu, segments[SEG.CS], ext);
  const ss = checkStackSegment(cpu, segments[SEG.SS], cpu.state.cpl, VECTOR.TS, ext);
  markAccessed(cpu, ss);
  commitSegment(cpu, SEG.SS, segments[SEG.SS], ss);
  for (const segment of DATA_SEGMENTS) {
    const selector = segments[segment];
    if (isNull(selector)) {
      commitNull(cpu, segment, selector);
      continue;
    }
    const descriptor = checkDataSegment(cpu, selector, cpu.state.cpl, VECTOR.TS, ext);
    markAccessed(cpu, descriptor);
    commitSegment(cpu, segment, selector, descriptor);
  }
}

function loadLdt(cpu: CpuContext, selector: number, ext: number): void {
  if (isNull(selector)) return;
  if ((selector & SELECTOR.TI) !== 0) {
    failSelector(cpu, VECTOR.TS, selector, ext, "the task's LDT must be in the GDT");
  }
  const descriptor = readDescriptor(cpu, selector, VECTOR.TS, ext);
  if (descriptor.type !== SYSTEM_TYPE.LDT) {
    failSelector(cpu, VECTOR.TS, selector, ext, "the task's LDT is none");
  }
  if (!descriptor.present) {
    failSelector(cpu, VECTOR.TS, selector, ext, "the task's LDT is not present");
  }
  const { attributes, base, limit } = descriptor;
  cpu.state.setSegment(SEG.LDTR, selector, attributes, base, 0, limit);
}

function loadCode(cpu: CpuContext, selector: number, ext: number): void {
  if (isNull(selector)) failSelector(cpu, VECTOR.TS, selector, ext, "the task's CS is null");
  const code = readDescriptor(cpu, selector, VECTOR.TS, ext);
  const rpl = selector & SELECTOR.RPL;
  if (!code.isCode) failSelector(cpu, VECTOR.TS, selector, ext, "the task's CS is no code");
  if (code.isConforming ? code.dpl > rpl : code.dpl !== rpl) {
    failSelector(cpu, VECTOR.TS, selector, ext, `the task's CS has DPL ${code.dpl}`);
  }
  if (!code.present) failSelector(cpu, VECTOR.NP, selector, ext, "the task's CS is not present");
  markAccessed(cpu, code);
  commitSegment(cpu, SEG.CS, selector, code);
}
