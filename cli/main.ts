/** The `ring0` command. */
import { parseArguments } from "./arguments.ts";
import { denoHost } from "./host.ts";
import { run } from "./run.ts";

/** Does what the words say. @returns The exit status. */
export async function main(words: readonly string[], host = denoHost()): Promise<number> {
  const parsed = parseArguments(words);
  if (!("image" in parsed)) {
    if (parsed.status === 0) host.write(parsed.text);
    else host.error(parsed.text);
    return parsed.status;
  }
  return await run(parsed, host);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
