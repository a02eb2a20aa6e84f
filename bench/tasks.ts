/**
 * What multitasking costs: wake-to-poll round trips of the executor, context switches of threads
 * and programs. Each per second of the host, and in instructions of the machine.
 *
 * All of it runs as it does for a user: queues and control blocks are guest memory, every access
 * to them is an instruction of the machine that can be interrupted.
 */
import {
  asm,
  asyncFn,
  Kernel,
  Machine,
  setTimerFrequency,
  SYSCALL,
  THREAD_CALL,
  THREAD_VECTOR,
  yieldNow,
} from "../mod.ts";
import { cell, table } from "./table.ts";

export const title = "Tasks, threads and programs";

const WARM_UP_MS = 300;
const MEASURE_MS = 1000;

/** One kind of switch. */
export interface TaskMeasurement {
  readonly name: string;
  /** Per second of the host. */
  readonly perSecond: number;
  /** What one takes in the machine, all that lies between included. */
  readonly instructions: number;
}

interface Case {
  readonly name: string;
  /** Sets it going. @returns Counts what has happened so far. */
  readonly start: (kernel: Kernel) => () => number;
}

const COUNT = asm`again: add rax, 1; jmp again`;
const YIELD = asm`
  again: mov eax, ${THREAD_CALL.YIELD}
  int ${THREAD_VECTOR}
  jmp again
`;
const YIELD_PROGRAM = asm`
  again: mov eax, ${SYSCALL.YIELD}
  syscall
  jmp again
`;
const CALL_PROGRAM = asm`
  again: mov eax, ${SYSCALL.GETPID}
  syscall
  jmp again
`;

const CASES: readonly Case[] = [
  { name: "wake → poll, 1 task", start: (kernel) => yieldingTasks(kernel, 1) },
  { name: "wake → poll, 50 tasks", start: (kernel) => yieldingTasks(kernel, 50) },
  {
    name: "thread switch, int 0x30",
    start: (kernel) => threads(kernel, () => [YIELD, YIELD]),
  },
  {
    name: "thread switch, timer at 50 kHz",
    start: (kernel) => {
      setTimerFrequency(kernel.cpu, 50_000);
      return threads(kernel, () => [COUNT, COUNT]);
    },
  },
  {
    name: "process switch, syscall",
    start: (kernel) => {
      for (let i = 0; i < 2; i++) kernel.processes.spawn(YIELD_PROGRAM);
      return () => kernel.threads.contextSwitches;
    },
  },
  {
    name: "system call and back",
    start: (kernel) => {
      const pid = kernel.processes.spawn(CALL_PROGRAM);
      return () => kernel.processes.get(pid).calls;
    },
  },
];

function yieldingTasks(kernel: Kernel, count: number): () => number {
  const task = asyncFn("task", function* () {
    for (;;) yield* yieldNow();
  });
  for (let i = 0; i < count; i++) kernel.tasks.spawn(task());
  return () => kernel.tasks.executor.counters.polls;
}

function threads(kernel: Kernel, codes: () => readonly Uint8Array[]): () => number {
  for (const code of codes()) kernel.threads.spawn(code);
  return () => kernel.threads.contextSwitches;
}

/** Measures all; a few seconds. */
export function measureTasks(): TaskMeasurement[] {
  return CASES.map(({ name, start }) => {
    const kernel = Kernel.boot(new Machine());
    const { machine } = kernel;
    const count = start(kernel);
    machine.run({ timeMs: WARM_UP_MS });
    const from = { count: count(), retired: machine.retired, at: performance.now() };
    machine.run({ timeMs: MEASURE_MS });
    const seconds = (performance.now() - from.at) / 1000;
    const happened = count() - from.count;
    if (happened === 0) throw new Error(`${name}: nothing happened`);
    return {
      name,
      perSecond: happened / seconds,
      instructions: (machine.retired - from.retired) / happened,
    };
  });
}

/** The report. */
export function run(): string {
  const rows = measureTasks().map(({ name, perSecond, instructions }) => [
    name,
    cell(perSecond / 1000, 0),
    cell(instructions, 0),
  ]);
  return table(["", "thousand/s", "instructions each"], rows);
}

if (import.meta.main) console.log(run());
