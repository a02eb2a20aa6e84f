/**
 * A client of the gdb remote serial protocol: packets with checksums, and no more of the
 * commands than lock-step needs.
 *
 * @see Debugging with GDB, "GDB Remote Serial Protocol"
 */

const DOLLAR = 0x24;
const HASH = 0x23;
const ESCAPE = 0x7d;
const REPEAT = 0x2a;

/** The stub has closed the connection, as QEMU does when the guest ends it. */
export class GdbClosed extends Error {
  override name = "GdbClosed";
}

/** A connection to a gdb stub. */
export class GdbClient {
  readonly #connection: Deno.Conn;
  readonly #buffer = new Uint8Array(0x1_0000);
  readonly #encoder = new TextEncoder();
  #start = 0;
  #end = 0;
  #acknowledge = true;

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /** Agrees on the features: packets are no longer acknowledged. */
  async handshake(): Promise<void> {
    const features = await this.request("qSupported:");
    if (features.includes("QStartNoAckMode+")) {
      if (await this.request("QStartNoAckMode") === "OK") this.#acknowledge = false;
    }
  }

  /**
   * Sends a packet and waits for the answer. Console output (`O…`) on the way is dropped.
   *
   * @throws {GdbClosed} If the other side has gone.
   */
  async request(command: string): Promise<string> {
    await this.send(command);
    return await this.receive();
  }

  /** Runs a command of QEMU's monitor. @returns Its output. */
  async monitor(command: string): Promise<string> {
    await this.send(`qRcmd,${toHex(this.#encoder.encode(command))}`);
    let output = "";
    for (;;) {
      const packet = await this.receive(true);
      if (packet === "OK") return output;
      if (packet[0] !== "O") throw new Error(`Cannot run "${command}": ${packet}`);
      output += new TextDecoder().decode(fromHex(packet.slice(1)));
    }
  }

  async send(command: string): Promise<void> {
    let sum = 0;
    for (let i = 0; i < command.length; i++) sum += command.charCodeAt(i);
    const packet = `$${command}#${(sum & 0xff).toString(16).padStart(2, "0")}`;
    await this.#write(this.#encoder.encode(packet));
  }

  /** The next packet's content, with run-length encoding undone. */
  async receive(console = false): Promise<string> {
    for (;;) {
      while (await this.#byte() !== DOLLAR);
      const bytes: number[] = [];
      for (let byte = await this.#byte(); byte !== HASH; byte = await this.#byte()) {
        if (byte === ESCAPE) bytes.push(await this.#byte() ^ 0x20);
        else if (byte === REPEAT) {
          const last = bytes[bytes.length - 1];
          for (let count = await this.#byte() - 29; count > 0; count--) bytes.push(last);
        } else bytes.push(byte);
      }
      await this.#byte();
      await this.#byte();
      if (this.#acknowledge) await this.#write(this.#encoder.encode("+"));
      let text = "";
      for (let i = 0; i < bytes.length; i += 4096) {
        text += String.fromCharCode(...bytes.slice(i, i + 4096));
      }
      if (text[0] === "W" || text[0] === "X") throw new GdbClosed(text);
      if (text[0] !== "O" || text === "OK" || console) return text;
    }
  }

  close(): void {
    try {
      this.#connection.close();
    } catch {
      // The other side was first.
    }
  }

  /** The next byte; a promise only when the buffer is empty. */
  #byte(): number | Promise<number> {
    return this.#start < this.#end ? this.#buffer[this.#start++] : this.#fill();
  }

  async #fill(): Promise<number> {
    const read = await this.#connection.read(this.#buffer).catch(() => null);
    if (read === null) throw new GdbClosed("The stub has closed the connection");
    this.#start = 1;
    this.#end = read;
    return this.#buffer[0];
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
    } catch {
      throw new GdbClosed("The stub has closed the connection");
    }
  }
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Bytes of pairs of hexadecimal digits. */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >> 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
