import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { Clock } from "../../../machine/clock.ts";
import { CP437, GLYPH, vgaFont } from "../../../machine/devices/vga_font.ts";
import { VgaText } from "../../../machine/devices/vga_text.ts";
import { checkSavedState } from "./rig.ts";

function rig() {
  const clock = new Clock();
  const videoMemory = new Uint8Array(0x2_0000);
  const vga = new VgaText({ clock, videoMemory });
  /** An index/data pair of ports. */
  const set = (port: number, index: number, value: number) => {
    vga.writePort(port, index);
    vga.writePort(port + 1, value);
  };
  const get = (port: number, index: number) => {
    vga.writePort(port, index);
    return vga.readPort(port + 1);
  };
  return { clock, videoMemory, vga, set, get };
}

Deno.test("After reset: mode 3, 80 × 25, the 16 colours of the IBM PC", () => {
  const { vga, videoMemory } = rig();
  videoMemory.set([0x48, 0x0a], 0x1_8000);
  videoMemory.set([0x21, 0x1f], 0x1_8000 + 2 * (24 * 80 + 79));
  const screen = vga.snapshot();
  strictEqual(screen.columns, 80);
  strictEqual(screen.rows, 25);
  strictEqual(screen.cells[0], 0x0a48);
  strictEqual(screen.cells[1999], 0x1f21);
  strictEqual(screen.cellWidth, 9);
  strictEqual(screen.cellHeight, 16);
  strictEqual(screen.blink, true);
  strictEqual(screen.blank, false);
  // 0x2a of 63 is 0xaa of 255, 0x15 is 0x55.
  deepStrictEqual(screen.palette.map((color) => color.toString(16).padStart(6, "0")), [
    "000000",
    "0000aa",
    "00aa00",
    "00aaaa",
    "aa0000",
    "aa00aa",
    "aa5500",
    "aaaaaa",
    "555555",
    "5555ff",
    "55ff55",
    "55ffff",
    "ff5555",
    "ff55ff",
    "ffff55",
    "ffffff",
  ]);
  deepStrictEqual(screen.cursor, {
    row: 0,
    column: 0,
    startLine: 13,
    endLine: 14,
    visible: true,
  });
});

Deno.test("The cursor follows 0e/0f, and 0a turns it off", () => {
  const { vga, set, get } = rig();
  const position = 12 * 80 + 34;
  set(0x3d4, 0x0e, position >> 8);
  set(0x3d4, 0x0f, position & 0xff);
  set(0x3d4, 0x0a, 0x00);
  set(0x3d4, 0x0b, 0x0f);
  deepStrictEqual(vga.snapshot().cursor, {
    row: 12,
    column: 34,
    startLine: 0,
    endLine: 15,
    visible: true,
  });
  strictEqual(get(0x3d4, 0x0e) << 8 | get(0x3d4, 0x0f), position);
  set(0x3d4, 0x0a, 0x20);
  strictEqual(vga.snapshot().cursor.visible, false);
  set(0x3d4, 0x0a, 0x0f);
  set(0x3d4, 0x0b, 0x0e);
  strictEqual(vga.snapshot().cursor.visible, false, "it starts below its end");
  set(0x3d4, 0x0e, 0x07);
  set(0x3d4, 0x0f, 0xd0); // 2000: below the screen
  strictEqual(vga.snapshot().cursor.visible, false);
});

Deno.test("The start address scrolls, and wraps in the window of 32 KiB", () => {
  const { vga, set, videoMemory } = rig();
  videoMemory.set([0x41, 0x07], 0x1_8000 + 160);
  set(0x3d4, 0x0d, 80);
  let screen = vga.snapshot();
  strictEqual(screen.startAddress, 80);
  strictEqual(screen.cells[0], 0x0741);
  strictEqual(screen.cursor.row, -1);
  strictEqual(screen.cursor.visible, false);
  videoMemory.set([0x42, 0x07], 0x1_8000);
  set(0x3d4, 0x0c, 0x3f);
  set(0x3d4, 0x0d, 0xff);
  screen = vga.snapshot();
  strictEqual(screen.cells[1], 0x0742);
  set(0x3ce, 0x06, 0x0a); // the monochrome window
  videoMemory.set([0x43, 0x01], 0x1_0000);
  set(0x3d4, 0x0c, 0);
  set(0x3d4, 0x0d, 0);
  strictEqual(vga.snapshot().cells[0], 0x0143);
});

Deno.test("0x3c0 takes index and data by turns; 0x3da makes the next an index", () => {
  const { vga } = rig();
  vga.readPort(0x3da);
  vga.writePort(0x3c0, 0x30);
  vga.writePort(0x3c0, 0x04); // AR10 without blink
  strictEqual(vga.snapshot().blink, false);
  vga.writePort(0x3c0, 0x30);
  strictEqual(vga.readPort(0x3c1), 0x04);
  vga.readPort(0x3da);
  vga.writePort(0x3c0, 0x10);
  strictEqual(vga.snapshot().blank, true, "index without bit 5");
  vga.writePort(0x3c0, 0x0c);
  strictEqual(vga.snapshot().blink, true);
  // The palette can be written only while the screen is blank.
  vga.writePort(0x3c0, 0x21);
  vga.writePort(0x3c0, 0x3f);
  strictEqual(vga.snapshot().palette[1], 0x0000aa);
  vga.writePort(0x3c0, 0x01);
  vga.writePort(0x3c0, 0x3f);
  vga.writePort(0x3c0, 0x20);
  strictEqual(vga.snapshot().palette[1], 0xffffff);
  strictEqual(vga.snapshot().blank, false);
});

Deno.test("The DAC is written and read in threes", () => {
  const { vga } = rig();
  vga.writePort(0x3c8, 1);
  for (const value of [0xff, 0x20, 0x00, 1, 2, 3]) vga.writePort(0x3c9, value);
  strictEqual(vga.readPort(0x3c7), 0);
  strictEqual(vga.readPort(0x3c8), 3);
  vga.writePort(0x3c7, 1);
  strictEqual(vga.readPort(0x3c7), 3);
  deepStrictEqual([0, 1, 2, 3, 4, 5].map(() => vga.readPort(0x3c9)), [0x3f, 0x20, 0, 1, 2, 3]);
  strictEqual(vga.snapshot().palette[1], 0xff8200);
  vga.writePort(0x3c6, 0xfe);
  strictEqual(vga.snapshot().palette[1], 0x000000);
});

Deno.test("CRTC 11 bit 7 protects registers 0–7, but for the line compare bit", () => {
  const { set, get } = rig();
  set(0x3d4, 0x01, 0x27);
  strictEqual(get(0x3d4, 0x01), 0x4f);
  set(0x3d4, 0x07, 0x00);
  strictEqual(get(0x3d4, 0x07), 0x0f);
  set(0x3d4, 0x11, 0x0e);
  set(0x3d4, 0x01, 0x27);
  strictEqual(get(0x3d4, 0x01), 0x27);
  strictEqual(get(0x3d4, 0x3f), 0, "no such register");
});

Deno.test("0x3da follows the beam: 70.09 frames a second, 449 lines, 2 of them retrace", () => {
  const { vga, clock } = rig();
  let [retraces, retraceSamples, displaySamples, before] = [0, 0, 0, false];
  const samples = 100_000;
  for (let i = 0; i < samples; i++) {
    clock.advanceNs(10_000);
    const status = vga.readPort(0x3da);
    const retrace = (status & 8) !== 0;
    if (retrace && !before) retraces++;
    before = retrace;
    if (retrace) retraceSamples++;
    if (!(status & 1)) displaySamples++;
    ok(!retrace || status & 1, "nothing is displayed during the retrace");
  }
  strictEqual(retraces, 70);
  ok(Math.abs(retraceSamples / samples - 2 / 449) < 0.001);
  ok(Math.abs(displaySamples / samples - 400 / 449 * 0.8) < 0.01);
});

Deno.test("Miscellaneous output, feature control, input status 0", () => {
  const { vga } = rig();
  strictEqual(vga.readPort(0x3cc), 0x67);
  vga.writePort(0x3c2, 0x63);
  strictEqual(vga.readPort(0x3cc), 0x63);
  vga.writePort(0x3da, 0x01);
  strictEqual(vga.readPort(0x3ca), 0x01);
  strictEqual(vga.readPort(0x3c2), 0x10);
  strictEqual(vga.readPort(0x3cd), 0xff);
});

Deno.test("VgaText saves and loads its state, and refuses other sizes of memory", () => {
  const { vga, set, clock, videoMemory } = rig();
  set(0x3d4, 0x0f, 0x55);
  vga.writePort(0x3c8, 9);
  vga.writePort(0x3c9, 9);
  vga.writePort(0x3c0, 0x31);
  checkSavedState(vga, new VgaText({ clock, videoMemory }));
  throws(() => vga.loadState({ ...vga.saveState(), dac: new Array(768).fill(64) }), RangeError);
  throws(() => new VgaText({ clock, videoMemory: new Uint8Array(4000) }), RangeError);
});

Deno.test("The character ROM draws what code page 437 says", () => {
  const font = vgaFont();
  strictEqual(font.length, 256 * GLYPH.HEIGHT);
  strictEqual(CP437.length, 256);
  const glyph = (character: string) => {
    const at = 16 * CP437.indexOf(character);
    return [...font.subarray(at, at + 16)];
  };
  strictEqual(CP437.slice(0x20, 0x7f), String.fromCharCode(...Array(95).keys().map((i) => i + 32)));
  deepStrictEqual(glyph(" "), new Array(16).fill(0));
  deepStrictEqual(glyph("█"), new Array(16).fill(0xff));
  deepStrictEqual(glyph("│"), new Array(16).fill(0x18));
  deepStrictEqual(glyph("║"), new Array(16).fill(0x36));
  deepStrictEqual(glyph("▌"), new Array(16).fill(0xf0));
  deepStrictEqual(glyph("╬").slice(4, 9), [0x36, 0xf7, 0x00, 0xf7, 0x36]);
  const pictures = new Map<string, string>();
  for (const character of CP437.slice(1)) {
    const picture = glyph(character).join();
    const other = pictures.get(picture);
    ok(other === undefined || " \u00a0".includes(character), `${character} looks like ${other}`);
    pictures.set(picture, character);
  }
});
