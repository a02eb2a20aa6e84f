/**
 * What happens inside the machine, as typed events.
 *
 * A listener may change the machine's state. An event that nobody listens to costs nothing:
 * the code that would make it first looks at {@linkcode Events.wants}. The rare kinds are also
 * kept in a ring of recent events, so that a report can say what came before.
 */

/** Every kind of event with its data. Addresses are `bigint`, physical ones `number`. */
export interface EventMap {
  /** An instruction is about to execute. Forces single-stepping while anybody listens. */
  exec: { readonly rip: bigint; readonly linear: bigint };
  /** The guest read memory; `value` may be replaced. */
  read: {
    readonly address: bigint;
    readonly physical: number;
    readonly size: number;
    value: bigint;
  };
  /** The guest is about to write memory; `value` may be replaced. */
  write: {
    readonly address: bigint;
    readonly physical: number;
    readonly size: number;
    value: bigint;
  };
  /** The guest read a port; `value` may be replaced. */
  in: { readonly port: number; readonly width: number; value: number };
  /** The guest is about to write a port; `value` may be replaced. */
  out: { readonly port: number; readonly width: number; value: number };
  /** An interrupt is delivered: from a wire, from INT n, or the NMI. */
  interrupt: {
    readonly vector: number;
    readonly source: "irq" | "int" | "nmi";
    readonly rip: bigint;
  };
  /** An exception is delivered. `address` is CR2 for a page fault. */
  exception: {
    readonly vector: number;
    readonly errorCode: number | undefined;
    readonly rip: bigint;
    readonly address: bigint | undefined;
    /** Why, in words, where the CPU knows more than the vector says (a missing instruction). */
    readonly reason: string | undefined;
  };
  /** The MMU walked the tables for an address that the TLB did not have. */
  walk: {
    readonly address: bigint;
    readonly access: "read" | "write" | "execute";
    readonly physical: number | undefined;
  };
  /** TLB entries were dropped. `address` is undefined when more than one page was. */
  tlb: { readonly kind: "flush" | "flush-global" | "invlpg"; readonly address: bigint | undefined };
  /** The CPU's operating mode changed. */
  mode: { readonly from: string; readonly to: string };
  /** The CPU executed HLT. */
  hlt: { readonly rip: bigint };
  /** The guest touched a port or a physical address where nothing is. */
  unclaimed: {
    readonly space: "port" | "memory";
    readonly address: number;
    readonly width: number;
    readonly written: number | undefined;
  };
  /** A device has something to tell (a byte on the debug port, a mode it does not model). */
  device: { readonly device: string; readonly message: string };
}

export type EventType = keyof EventMap;

/** An event as listeners and {@linkcode Events.recent} give it. */
export type MachineEvent<T extends EventType = EventType> = {
  [K in T]: { readonly type: K; readonly retired: number } & EventMap[K];
}[T];

type Listener<T extends EventType> = (event: MachineEvent<T>) => void;

const TYPES: readonly EventType[] = [
  "exec",
  "read",
  "write",
  "in",
  "out",
  "interrupt",
  "exception",
  "walk",
  "tlb",
  "mode",
  "hlt",
  "unclaimed",
  "device",
];

/** The kinds that the ring keeps even when nobody listens. */
const ALWAYS_KEPT: ReadonlySet<EventType> = new Set([
  "interrupt",
  "exception",
  "mode",
  "hlt",
  "unclaimed",
  "device",
]);

/** The machine's event hub. */
export class Events {
  /** Per kind: whether anybody listens. Look here before you make an event. */
  readonly wants: Record<EventType, boolean> = Object.fromEntries(
    TYPES.map((type) => [type, false]),
  ) as Record<EventType, boolean>;

  /** Called when {@linkcode Events.wants} changed, so that fast paths can be opened or shut. */
  onWantsChange: (() => void) | undefined;

  /** Gives the time stamp; the machine sets it. */
  now: () => number = () => 0;

  readonly #listeners = new Map<EventType, Set<(event: never) => void>>();
  readonly #ring: (MachineEvent | undefined)[];
  #next = 0;

  /** @param capacity How many recent events are kept. */
  constructor(capacity = 256) {
    this.#ring = new Array(capacity).fill(undefined);
  }

  /**
   * Calls `listener` for every event of a kind, in the order of registration.
   *
   * @returns A function that removes the listener.
   * @throws {TypeError} If there is no such kind, or the listener is no function.
   */
  on<T extends EventType>(type: T, listener: Listener<T>): () => void {
    if (!TYPES.includes(type)) {
      throw new TypeError(`Cannot listen to "${type}": the kinds are ${TYPES.join(", ")}`);
    }
    if (typeof listener !== "function") {
      throw new TypeError(`Cannot listen to "${type}" with ${String(listener)}: not a function`);
    }
    let listeners = this.#listeners.get(type);
    if (listeners === undefined) this.#listeners.set(type, listeners = new Set());
    listeners.add(listener);
    this.#setWants(type, true);
    return () => {
      listeners.delete(listener);
      this.#setWants(type, listeners.size > 0);
    };
  }

  /** Whether an event of this kind would go anywhere: to a listener or into the ring. */
  matters(type: EventType): boolean {
    return this.wants[type] || ALWAYS_KEPT.has(type);
  }

  /** Tells the listeners, and keeps the event. @returns The event, as the listeners left it. */
  emit<T extends EventType>(type: T, data: EventMap[T]): MachineEvent<T> {
    const event = { type, retired: this.now(), ...data } as MachineEvent<T>;
    this.#ring[this.#next++ % this.#ring.length] = event as MachineEvent;
    if (this.wants[type]) {
      for (const listener of [...this.#listeners.get(type)!]) (listener as Listener<T>)(event);
    }
    return event;
  }

  /** The latest events, oldest first. */
  recent(count: number = this.#ring.length): MachineEvent[] {
    const kept = Math.min(this.#next, this.#ring.length, count);
    return Array.from(
      { length: kept },
      (_, i) => this.#ring[(this.#next - kept + i) % this.#ring.length]!,
    );
  }

  #setWants(type: EventType, wanted: boolean): void {
    if (this.wants[type] === wanted) return;
    this.wants[type] = wanted;
    this.onWantsChange?.();
  }
}
