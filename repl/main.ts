/** `deno task repl`: a machine and its kernel at a prompt. */
import * as door from "../mod.ts";
import { start } from "./start.ts";

Deno.exit(await start(door, Deno.args));
