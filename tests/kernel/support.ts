/** Booting kernels for tests, and what they print. */
import { Kernel, type KernelBootOptions, Machine } from "../../mod.ts";

/** Enough RAM for every stage; small, so that comparing it is quick. */
const MEMORY = 16 << 20;

export function boot(
  stage: NonNullable<KernelBootOptions["stage"]>,
  options: KernelBootOptions = {},
): Kernel {
  return Kernel.boot(new Machine({ memory: MEMORY }), { ...options, stage });
}

/** The screen's lines that are not empty, joined. */
export function screen(kernel: Kernel): string {
  return kernel.machine.screen.lines().filter((line) => line !== "").join("\n");
}

/** The text with numbers that depend on the code's layout replaced. */
export function withoutAddresses(text: string): string {
  return text.replaceAll(/VirtAddr\(0x[0-9a-f]+\)/g, "VirtAddr(…)")
    .replaceAll(/panicked at [^:]+:\d+:\d+/g, "panicked at …");
}

/** The frame's text with any addresses. */
export function frame(flags: string): string {
  return `InterruptStackFrame {
    instruction_pointer: VirtAddr(…),
    code_segment: 8,
    cpu_flags: ${flags},
    stack_pointer: VirtAddr(…),
    stack_segment: 16,
}`;
}
