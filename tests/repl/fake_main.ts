/** The REPL with the fake door, for tests that need a process. */
import { start } from "../../repl/start.ts";
import * as door from "./fake_door.ts";

Deno.exit(await start(door, Deno.args));
