/**
 * An independent statement of paging, written from the manual as lists of sentences: slow, in
 * `bigint`s, sharing nothing with `machine/`. What the MMU does is compared with what this says.
 *
 * @see Intel SDM Vol. 3A, "Paging" (entry formats, "Determination of Access Rights",
 * "Page-Fault Exceptions", "Accessed and Dirty Flags")
 */

export type Mode = "32-bit" | "PAE" | "4-level";
export type Kind = "read" | "write" | "rmw" | "execute";
export type Who = "user" | "supervisor" | "implicit";

export interface Controls {
  readonly mode: Mode;
  readonly wp: boolean;
  readonly smep: boolean;
  readonly smap: boolean;
  readonly ac: boolean;
  readonly nxe: boolean;
  readonly pse: boolean;
}

export interface Request {
  readonly kind: Kind;
  readonly who: Who;
  readonly linear: bigint;
}

export interface Verdict {
  /** Physical address, or undefined for a page fault. */
  readonly physical: bigint | undefined;
  readonly errorCode: number | undefined;
  /** The entries of all levels afterwards, from the top. */
  readonly entries: readonly bigint[];
  /** Which entry, counted from the top, refused; -1 for none. */
  readonly refusedAt: number;
}

const P = 1n, RW = 2n, US = 4n, A = 0x20n, D = 0x40n, PS = 0x80n, XD = 1n << 63n;
/** The processor's physical-address width. */
const M = 40;

/** Bits `from` to `to` inclusive, as the manual writes `to:from`. */
const field = (to: number, from: number) => ((1n << BigInt(to - from + 1)) - 1n) << BigInt(from);
const has = (entry: bigint, bit: bigint) => (entry & bit) === bit;

interface Format {
  /** The manual's name. */
  readonly name: "PML4E" | "PDPTE" | "PDE" | "PTE";
  /** The entry maps a page, in these controls. */
  readonly maps: (entry: bigint, controls: Controls) => boolean;
  /** Bits that must be zero in a present entry. */
  readonly reserved: (entry: bigint, controls: Controls) => bigint;
  /** Page size as a number of untranslated bits. */
  readonly pageBits: number;
  /** Register entries have neither rights nor an accessed flag. */
  readonly register?: true;
}

const wide = (c: Controls) => (c.mode === "PAE" ? field(62, M) : field(51, M)) | (c.nxe ? 0n : XD);

const FORMATS: Record<Mode, readonly Format[]> = {
  "32-bit": [
    {
      name: "PDE",
      maps: (e, c) => c.pse && has(e, PS),
      reserved: (e, c) => c.pse && has(e, PS) ? field(21, 21) : 0n,
      pageBits: 22,
    },
    { name: "PTE", maps: () => true, reserved: () => 0n, pageBits: 12 },
  ],
  "PAE": [
    { name: "PDPTE", maps: () => false, reserved: () => 0n, pageBits: 30, register: true },
    {
      name: "PDE",
      maps: (e) => has(e, PS),
      reserved: (e, c) => wide(c) | (has(e, PS) ? field(20, 13) : 0n),
      pageBits: 21,
    },
    { name: "PTE", maps: () => true, reserved: (_, c) => wide(c), pageBits: 12 },
  ],
  "4-level": [
    { name: "PML4E", maps: () => false, reserved: (_, c) => wide(c) | PS, pageBits: 39 },
    {
      name: "PDPTE",
      maps: (e) => has(e, PS),
      reserved: (e, c) => wide(c) | (has(e, PS) ? field(29, 13) : 0n),
      pageBits: 30,
    },
    {
      name: "PDE",
      maps: (e) => has(e, PS),
      reserved: (e, c) => wide(c) | (has(e, PS) ? field(20, 13) : 0n),
      pageBits: 21,
    },
    { name: "PTE", maps: () => true, reserved: (_, c) => wide(c), pageBits: 12 },
  ],
};

/** Says what happens when `request` meets a chain of entries, one per level from the top. */
export function oracle(
  controls: Controls,
  chain: readonly bigint[],
  request: Request,
): Verdict {
  const formats = FORMATS[controls.mode];
  const depth = formats.findIndex((format, i) =>
    !has(chain[i], P) || (chain[i] & format.reserved(chain[i], controls)) !== 0n ||
    format.maps(chain[i], controls)
  );
  const last = chain[depth];
  const format = formats[depth];
  const absent = !has(last, P);
  const malformed = !absent && (last & format.reserved(last, controls)) !== 0n;
  const used = chain.slice(0, depth + 1).filter((_, i) => formats[i].register === undefined);
  const permitted = !absent && !malformed && allowed(controls, request, {
    userMode: used.every((entry) => has(entry, US)),
    writable: used.every((entry) => has(entry, RW)),
    noExecute: controls.mode !== "32-bit" && used.some((entry) => has(entry, XD)),
  });
  const writes = request.kind === "write" || request.kind === "rmw";

  const entries = chain.map((entry, i) =>
    i > depth || formats[i].register !== undefined
      ? entry
      : !permitted
      ? entry
      : entry | A | (i === depth && writes ? D : 0n)
  );
  if (permitted) {
    return {
      physical: page(controls, format, last) +
        (request.linear & field(format.pageBits - 1, 0)),
      errorCode: undefined,
      entries,
      refusedAt: -1,
    };
  }
  const reportsFetch = controls.smep || (controls.mode !== "32-bit" && controls.nxe);
  const errorCode = [
    !absent, // P: caused by a page-level protection violation
    writes, // W/R
    request.who === "user", // U/S
    malformed, // RSVD
    request.kind === "execute" && reportsFetch, // I/D
  ].reduce((code, bit, i) => code | (bit ? 1 << i : 0), 0);
  return { physical: undefined, errorCode, entries, refusedAt: depth };
}

function page(controls: Controls, format: Format, entry: bigint): bigint {
  if (controls.mode === "32-bit") {
    return format.name === "PDE"
      ? (entry & field(31, 22)) | ((entry & field(20, 13)) >> 13n << 32n)
      : entry & field(31, 12);
  }
  return entry & field(M - 1, format.pageBits);
}

interface Page {
  readonly userMode: boolean;
  readonly writable: boolean;
  readonly noExecute: boolean;
}

/** "Determination of Access Rights", sentence by sentence. */
function allowed(c: Controls, request: Request, page: Page): boolean {
  const { kind, who } = request;
  const smapLets = !c.smap || (who === "supervisor" && c.ac);
  if (who !== "user") {
    switch (kind) {
      case "read":
        return !page.userMode || smapLets;
      case "write":
      case "rmw":
        if (!page.userMode) return !c.wp || page.writable;
        return c.wp ? page.writable && smapLets : smapLets;
      case "execute":
        if (page.userMode && c.smep) return false;
        return !c.nxe || !page.noExecute;
    }
  }
  switch (kind) {
    case "read":
      return page.userMode;
    case "write":
    case "rmw":
      return page.userMode && page.writable;
    case "execute":
      return page.userMode && (!c.nxe || !page.noExecute);
  }
}
