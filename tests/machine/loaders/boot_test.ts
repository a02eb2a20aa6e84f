/** `Machine.boot`: what images are taken for, what they get, and which are refused. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DiskImage } from "../../../machine/firmware/disk_image.ts";
import { imageKind } from "../../../machine/loaders/boot_image.ts";
import { findMultiboot } from "../../../machine/loaders/multiboot.ts";
import { multiboot1Info } from "../../../machine/loaders/multiboot_info.ts";
import { ImageError, Machine } from "../../../mod.ts";
import { image } from "../../_support/bios.ts";

const IMAGES = fileURLToPath(new URL("../../images/", import.meta.url));

function refused(reason: string, act: () => unknown): void {
  throws(act, (error) => error instanceof ImageError && error.reason === reason);
}

Deno.test("A disk image of a bootimage's shape goes from real to long mode and ends with 33", () => {
  const machine = new Machine();
  strictEqual(machine.boot(image("long_mode")), "disk");
  const stop = machine.run({ instructions: 50_000_000 });
  deepStrictEqual([stop.kind, stop.kind === "exit" && stop.status], ["exit", 33]);
  const lines = ["Hello from long mode!", "EXCEPTION: BREAKPOINT", "It did not crash!"];
  strictEqual(machine.screen.text(), lines.join("\n"));
  strictEqual(machine.serial.output, lines.map((line) => `${line}\n`).join(""));
});

Deno.test("The same image gives the same machine twice, and again after a reset", () => {
  const hash = (machine: Machine) => (machine.run({ instructions: 50_000_000 }), machine.hash());
  const first = new Machine();
  first.boot(image("long_mode"));
  const second = new Machine();
  second.boot(image("long_mode"));
  strictEqual(hash(first), hash(second));
  first.reset();
  strictEqual(first.run({ instructions: 50_000_000 }).kind, "exit");
});

Deno.test("A Multiboot 2 kernel gets command line, map and modules", () => {
  const machine = new Machine();
  const kind = machine.boot(image("multiboot2"), {
    commandLine: "kernel a=b",
    modules: [{ bytes: new TextEncoder().encode("contents\0"), commandLine: "first module" }],
  });
  strictEqual(kind, "multiboot");
  const stop = machine.run({ instructions: 1_000_000 });
  strictEqual(stop.kind === "exit" && stop.code, 0x11, stop.text);
  deepStrictEqual(machine.serial.output.split("\n"), [
    "kernel a=b",
    "contents",
    "first module",
    "5",
    "64 bits!",
  ]);
});

Deno.test("Multiboot 1 information says what the specification's offsets promise", () => {
  const base = 0x9000;
  const bytes = multiboot1Info({
    ramSize: 32 << 20,
    map: [{ start: 0, size: 0x9fc00, type: 1 }, { start: 0x10_0000, size: 31 << 20, type: 1 }],
    commandLine: "hello",
    modules: [{ start: 0x20_0000, size: 5, commandLine: "m" }],
  }, base);
  const view = new DataView(bytes.buffer);
  const u32 = (at: number) => view.getUint32(at, true);
  const text = (at: number) => String.fromCharCode(...bytes.subarray(at - base)).split("\0")[0];
  strictEqual(u32(0) & (1 | 4 | 8 | 64), 1 | 4 | 8 | 64);
  deepStrictEqual([u32(4), u32(8)], [639, 31 * 1024]);
  strictEqual(text(u32(16)), "hello");
  strictEqual(u32(20), 1);
  const module = u32(24) - base;
  deepStrictEqual([u32(module), u32(module + 4)], [0x20_0000, 0x20_0005]);
  strictEqual(text(u32(module + 8)), "m");
  strictEqual(u32(44), 48);
  const map = u32(48) - base;
  deepStrictEqual([u32(map), u32(map + 4), u32(map + 12), u32(map + 20)], [20, 0, 0x9fc00, 1]);
  strictEqual(u32(map + 24 + 4), 0x10_0000);
});

Deno.test("imageKind() tells disks, floppies, ELF files and Multiboot kernels apart", () => {
  strictEqual(imageKind(image("probe")), "disk");
  const floppy = new Uint8Array(1440 * 1024);
  floppy.set(image("echo"));
  strictEqual(imageKind(floppy), "floppy");
  strictEqual(imageKind(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46)), "elf");
  strictEqual(imageKind(image("multiboot2")), "multiboot");
});

Deno.test("Damaged images are refused, and the machine is as it was", () => {
  const machine = new Machine();
  const before = machine.hash();
  refused("empty", () => machine.boot(new Uint8Array(0)));
  refused("truncated", () => machine.boot(image("echo").subarray(0, 511)));
  refused("no-boot-signature", () => machine.boot(new Uint8Array(4096)));
  refused("no-boot-signature", () => machine.boot(new Uint8Array(512), { as: "floppy" }));
  refused("truncated", () => machine.boot(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46)));
  const kernel = image("multiboot2").slice();
  refused("truncated", () => machine.boot(kernel.subarray(0, 200)));
  refused("bad-multiboot", () => machine.boot(image("echo"), { as: "multiboot" }));
  throws(() => machine.boot("image" as unknown as Uint8Array), TypeError);
  strictEqual(machine.hash(), before);
});

Deno.test("findMultiboot() refuses headers that ask for what is not there", () => {
  const header = (words: readonly number[]) => {
    const bytes = new Uint8Array(64);
    new Uint32Array(bytes.buffer).set(words.map((word) => word >>> 0));
    return bytes;
  };
  strictEqual(findMultiboot(header([0x1bad_b002, 3, -(0x1bad_b002 + 3)]))?.version, 1);
  strictEqual(findMultiboot(header([0x1bad_b002, 3, -(0x1bad_b002 + 4)])), undefined);
  refused("bad-multiboot", () => findMultiboot(header([0x1bad_b002, 8, -(0x1bad_b002 + 8)])));
  refused(
    "bad-multiboot",
    () => findMultiboot(header([0xe852_50d6, 4, 16, -(0xe852_50d6 + 4 + 16)])),
  );
  refused(
    "bad-multiboot",
    () => findMultiboot(header([0xe852_50d6, 0, 32, -(0xe852_50d6 + 32), 99, 8, 0, 8])),
  );
});

Deno.test("Random disks with a signature stop by themselves or at the budget", () => {
  let seed = 1;
  const random = () => (seed = Math.imul(seed, 1103515245) + 12345 | 0) >>> 16 & 0xff;
  for (let i = 0; i < 20; i++) {
    const disk = Uint8Array.from({ length: 2048 }, random);
    disk.set([0x55, 0xaa], 510);
    const machine = new Machine({ memory: 1 << 20 });
    machine.boot(disk);
    const { kind } = machine.run({ instructions: 30_000 });
    ok(["budget", "halted", "triple fault", "reset", "exit"].includes(kind), kind);
  }
});

Deno.test("DiskImage keeps its base, reads what was written, and guesses geometry", () => {
  const base = new Uint8Array(1300).fill(1);
  const disk = new DiskImage(base, "disk");
  strictEqual(disk.sectors, 3);
  deepStrictEqual([...disk.read(2)!.subarray(275, 277)], [1, 0]);
  strictEqual(disk.read(3), undefined);
  strictEqual(disk.write(3, new Uint8Array(512)), false);
  ok(disk.write(2, new Uint8Array(512).fill(7)));
  strictEqual(base[1100], 1);
  strictEqual(disk.contents().length, 1536);
  strictEqual(disk.contents()[1535], 7);

  const partitioned = new Uint8Array(64 << 20);
  partitioned.set([0x55, 0xaa], 510);
  partitioned.set([0x80, 1, 1, 0, 0x83, 63, 32, 62, 0, 0, 0, 0, 0, 0, 1, 0], 0x1be);
  deepStrictEqual(new DiskImage(partitioned, "disk").geometry, {
    cylinders: 64,
    heads: 64,
    sectors: 32,
  });
  strictEqual(new DiskImage(new Uint8Array(512), "floppy").geometry.sectors, 18);
});

const hasNasm = (() => {
  try {
    execFileSync("nasm", ["-v"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

Deno.test({
  name: "The committed images are what NASM makes of their sources",
  ignore: !hasNasm,
  fn() {
    const directory = mkdtempSync(join(tmpdir(), "ring0-images-"));
    execFileSync(join(IMAGES, "build.sh"), [directory]);
    for (const name of readdirSync(directory)) {
      deepStrictEqual(readFileSync(join(directory, name)), readFileSync(join(IMAGES, name)), name);
    }
  },
});

Deno.test("Machine.boot() leaves the BIOS behind a Multiboot kernel, to be called from real mode", () => {
  const machine = new Machine({ memory: 4 << 20 });
  strictEqual(machine.boot(image("multiboot2")), "multiboot");
  strictEqual(machine.physical.u16(0x413), 639);
  strictEqual(machine.physical.u32(0x13 * 4), 0xf000_e3fe);
  strictEqual(machine.physical.u32(8 * 4), 0xf000_fea5);
  strictEqual(machine.physical.u8(0xf_e3fe), 0x0f);
});
