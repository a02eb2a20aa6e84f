/** `machine.show`: pictures of the machine's state, each of the moment when it is asked for. */
import { EFER } from "./arch/control_registers.ts";
import type { CpuDoor } from "./cpu_door.ts";
import type { PageTablesOptions } from "./mmu/page_tables.ts";
import type { Mmu } from "./mmu/mmu.ts";
import type { TranslateOptions, Translation } from "./mmu/translate.ts";
import type { Screen } from "./screen.ts";
import { addressSpaceGrid, regions } from "./views/address_space.ts";
import { type DescriptorTable, gdtGrid, idtGrid } from "./views/descriptors.ts";
import { Picture } from "./views/display.ts";
import { grid } from "./views/grid.ts";
import { tlbGrid } from "./views/tlb.ts";
import { walkText } from "./views/walk.ts";
import { walkSvg } from "./views/walk_svg.ts";

/** A translation's data, and its picture. */
export type Walk = Picture & Readonly<Translation>;

/** More pages than this are not looked at: tables can contain themselves. */
const MOST_PAGES = 100_000;

/** What {@linkcode Show} looks at. */
export interface Shown {
  readonly cpu: CpuDoor;
  readonly mmu: Mmu;
  readonly screen: Screen;
}

/** Pictures for notebooks (SVG) and consoles (text). None changes the machine. */
export class Show {
  readonly #shown: Shown;

  constructor(shown: Shown) {
    this.#shown = shown;
  }

  /** The text display. */
  screen(): Picture {
    return this.#shown.screen.picture();
  }

  /** What an access to a virtual address would meet, step by step. See `machine.mmu.translate`. */
  walk(address: number | bigint, options: TranslateOptions = {}): Walk {
    const translation = this.#shown.mmu.translate(address, options);
    const picture = new Picture({
      svg: () => walkSvg(translation),
      text: (options) => walkText(translation, options),
    });
    return Object.assign(picture, translation);
  }

  /** What the TLB holds; entries that disagree with the tables in memory are red. */
  tlb(): Picture {
    const { mmu } = this.#shown;
    return grid(tlbGrid(mmu.tlbEntries(), mmu.audit()));
  }

  /** The mapped ranges of the address space. Looks at 100,000 pages at most. */
  addressSpace(options: PageTablesOptions = {}): Picture {
    const pages = this.#shown.mmu.pageTables(options).take(MOST_PAGES + 1).toArray();
    const cut = pages.length > MOST_PAGES;
    return grid(addressSpaceGrid(regions(pages.slice(0, MOST_PAGES)), cut));
  }

  /** The descriptors of the GDT that GDTR points to. */
  gdt(): Picture {
    return grid(gdtGrid(this.#table("gdtr", 0x1_0000)));
  }

  /** The gates of the IDT that IDTR points to. */
  idt(): Picture {
    return grid(idtGrid(this.#table("idtr", 0x1000)));
  }

  #table(name: "gdtr" | "idtr", most: number): DescriptorTable {
    const registers = this.#shown.cpu.registers();
    const { base, limit } = registers[name];
    const length = Math.min(Number(limit) + 1, most);
    let bytes: Uint8Array;
    try {
      bytes = this.#shown.mmu.peek(base, length);
    } catch {
      bytes = new Uint8Array(0);
    }
    return {
      base,
      limit: Number(limit),
      bytes,
      long: (Number(registers.efer) & EFER.LMA) !== 0,
    };
  }
}
