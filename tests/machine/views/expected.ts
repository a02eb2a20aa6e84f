/**
 * Pictures as committed files. `UPDATE_EXPECTED=1 deno test -A tests/machine/views` writes them
 * anew: look at them before you commit.
 */
import { ok, strictEqual } from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";

/** Compares a picture with `expected/NAME.svg` and checks what holds for every picture. */
export function expectSvg(name: string, svg: string): void {
  const file = new URL(`expected/${name}.svg`, import.meta.url);
  checkSvg(svg);
  if (process.env["UPDATE_EXPECTED"] === "1") writeFileSync(file, svg);
  ok(existsSync(file), `there is no expected/${name}.svg`);
  strictEqual(svg, readFileSync(file, "utf8"), `the picture differs from expected/${name}.svg`);
}

/** A picture is well-formed, has a title, and says nothing that is not a number. */
export function checkSvg(svg: string): void {
  ok(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 '), "no viewBox");
  ok(/^<svg [^>]*role="img"[^>]*><title>[^<]+<\/title>/.test(svg), "no title");
  ok(!/NaN|undefined|Infinity|\[object/.test(svg), "something that is no number");
  const open: string[] = [];
  for (const [, close, name, empty] of svg.matchAll(/<(\/?)([a-z]+)(?:\s[^<>]*?)?(\/?)>/g)) {
    if (close === "/") strictEqual(open.pop(), name, "elements overlap");
    else if (empty === "") open.push(name);
  }
  strictEqual(open.length, 0, "an element is not closed");
  strictEqual(svg.match(/[<>]/g)!.length % 2, 0, "a bare < or >");
  ok(!/&(?!#\d+;)/.test(svg), "a bare &");
}
