/** The helpers for tests of operating systems, on images of ours. */
import { match, rejects, throws } from "node:assert/strict";
import { Guest } from "../../testing/mod.ts";
import { image } from "../_support/bios.ts";

Deno.test("Guest runs a kernel through its greeting, serial output and exit", async () => {
  const guest = await Guest.boot(new URL("../images/long_mode.bin", import.meta.url));
  guest.expectScreen("Hello from long mode!");
  guest.expectSerial(/BREAKPOINT$/m);
  guest.expectSerial("did not crash");
  guest.expectExit(0x10);
});

Deno.test("Guest types, waits until idle, and sees the echo", async () => {
  const guest = await Guest.boot(image("echo"));
  guest.runUntilIdle();
  guest.typeKeys("Hello, world");
  guest.expectScreen(/^Hello, world$/m);
  guest.typeKeys("\x1b");
  guest.expectScreen("Bye.");
  guest.runUntilIdle();
});

Deno.test("Guest's failures show the screen, COM1 and the last events", async () => {
  const guest = await Guest.boot(image("long_mode"), { budget: 50_000_000 });
  throws(() => guest.expectScreen("Windows"), (error) => {
    const { message } = error as Error;
    match(message, /Expected the screen to show "Windows", but exit with code 0x10/);
    match(message, /\| It did not crash!/);
    match(message, /"type":"interrupt"/);
    return true;
  });
  throws(() => guest.expectSerial("Linux"), /COM1 to send "Linux"/);
  throws(() => guest.expectExit(1), /an exit with code 0x1/);
});

Deno.test("Guest.expectSerial() does not see the same text twice", async () => {
  const guest = await Guest.boot(image("long_mode"));
  guest.expectSerial("Hello");
  throws(() => guest.expectSerial("Hello"));
});

Deno.test("Guest.boot() refuses what is no image", async () => {
  await rejects(Guest.boot(new Uint8Array(512)), /signature/);
});
