/** The remote protocol's packets, against a stub of a few lines. */
import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { fromHex, GdbClient, GdbClosed, toHex } from "../../tools/lockstep/gdb.ts";

/** A stub that answers the n-th packet with the n-th answer, as it is. */
async function withStub(
  answers: readonly string[],
  use: (client: GdbClient) => Promise<void>,
): Promise<string> {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  let heard = "";
  const serve = (async () => {
    const connection = await listener.accept();
    const buffer = new Uint8Array(4096);
    let waiting = [...answers];
    for (;;) {
      const read = await connection.read(buffer).catch(() => null);
      if (read === null) break;
      const text = new TextDecoder().decode(buffer.subarray(0, read));
      heard += text;
      if (!/#[0-9a-f]{2}$/.test(text)) continue;
      const answer = waiting[0];
      waiting = waiting.slice(1);
      if (answer === undefined) break;
      await connection.write(Uint8Array.from(answer, (char) => char.charCodeAt(0)));
    }
    connection.close();
  })();
  const { port } = listener.addr;
  const client = new GdbClient(await Deno.connect({ port }));
  try {
    await use(client);
  } finally {
    client.close();
    await serve;
    listener.close();
  }
  return heard;
}

Deno.test("GdbClient.request() frames a command with its checksum and acknowledges", async () => {
  const heard = await withStub(["+$OK#9a"], async (client) => {
    strictEqual(await client.request("qSupported:"), "OK");
  });
  strictEqual(heard, "$qSupported:#71+");
});

Deno.test("GdbClient.receive() undoes run lengths and escapes", async () => {
  await withStub(["+$0* a}\x03b#00", "+$x*'#00"], async (client) => {
    // "0*<space>" is 0 and 3 more; "}\x03" is "#".
    strictEqual(await client.request("g"), "0000a#b");
    strictEqual(await client.request("g"), "x".repeat(11));
  });
});

Deno.test("GdbClient.handshake() ends the acknowledgements", async () => {
  const heard = await withStub(
    ["+$PacketSize=1000;QStartNoAckMode+#00", "+$OK#9a", "$T05#b9"],
    async (client) => {
      await client.handshake();
      strictEqual(await client.request("s"), "T05");
    },
  );
  strictEqual(heard, "$qSupported:#71+$QStartNoAckMode#b0+$s#73");
});

Deno.test("GdbClient.monitor() collects the console's output", async () => {
  const heard = await withStub(
    [`+$O${toHex(new TextEncoder().encode("RAX=0\n"))}#00$OK#9a`],
    async (client) => {
      strictEqual(await client.monitor("info registers"), "RAX=0\n");
    },
  );
  strictEqual(heard.startsWith("$qRcmd,696e666f20726567697374657273#"), true);
});

Deno.test("GdbClient.request() rejects when the guest exits or the stub goes", async () => {
  await withStub(["+$W00#b7"], async (client) => {
    await rejects(client.request("s"), GdbClosed);
  });
  await withStub([], async (client) => {
    await rejects(client.request("s"), GdbClosed);
  });
});

Deno.test("fromHex() and toHex() are each other's inverse", () => {
  const bytes = Uint8Array.from([0, 1, 0x7f, 0x80, 0xff]);
  deepStrictEqual(fromHex(toHex(bytes)), bytes);
  strictEqual(toHex(bytes), "00017f80ff");
});
