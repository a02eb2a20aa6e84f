/** Programs in segments as a picture: each in its own addresses, and all in physical memory. */
import { bars, type Picture } from "../../machine/mod.ts";
import type { Instance } from "./results.ts";

const TONES = ["blue", "green", "yellow", "purple", "orange"] as const;

/** What is drawn. */
export interface SegmentsPicture {
  readonly instances: readonly Instance[];
  /** Size of the memory, in bytes. */
  readonly arena: number;
  readonly title: string;
  readonly note?: string | undefined;
}

/** Draws programs and the holes between them. */
export function segmentsPicture({ instances, arena, title, note }: SegmentsPicture): Picture {
  const tone = ({ id }: Instance) => TONES[id % TONES.length];
  const block = (instance: Instance, start: number) => ({
    start,
    size: instance.size,
    label: `#${instance.id}`,
    tone: tone(instance),
  });
  return bars({
    title,
    bars: [
      ...instances.map((instance) => ({
        title: `#${instance.id}, virtual`,
        size: instance.size,
        column: 0,
        blocks: [block(instance, 0)],
      })),
      {
        title: "physical memory",
        size: arena,
        column: 1,
        blocks: instances.map((instance) => block(instance, instance.offset)),
      },
    ],
    links: instances.map((instance, i) => ({
      from: [i, 0],
      to: [instances.length, instance.offset],
      size: instance.size,
      tone: tone(instance),
    })),
    note,
  });
}
