/**
 * Opens a notebook as a person does: `deno task notebook`, a browser (Chromium without a window),
 * "run all cells". Then looks whether each cell ran and the pictures are there.
 *
 *     deno run --allow-all tools/notebook/browser.ts NOTEBOOK [SCREENSHOT.png]
 *
 * Needs Debian's jupyter-notebook (the classic page) and chromium.
 */
import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { codeCells, outputsOf, readNotebook } from "./notebook.ts";

const PORT = 18_888;
const DEBUG_PORT = 18_889;
const START_MS = 60_000;
const RUN_MS = 180_000;

/** What the page tells of itself. */
interface PageState {
  readonly kernel: string;
  readonly cells: number;
  /** Cells that have been executed. */
  readonly done: number;
  readonly errors: number;
  readonly pictures: number;
  /** Pictures without a size. */
  readonly empty: number;
}

const STATE = `(() => {
  const cells = Jupyter.notebook.get_cells().filter((cell) => cell.cell_type === "code");
  const pictures = [...document.querySelectorAll(".output_svg svg[role=img]")];
  return {
    kernel: document.querySelector(".kernel_indicator_name")?.textContent ?? "",
    cells: cells.length,
    done: cells.filter((cell) => Number.isInteger(cell.input_prompt_number)).length,
    errors: document.querySelectorAll(".output_error").length,
    pictures: pictures.length,
    empty: pictures.filter((svg) => svg.getBoundingClientRect().height < 20).length,
  };
})()`;

/** A page of a browser, by the Chrome DevTools protocol. */
class Page {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (message: { result?: unknown; error?: unknown }) => void>();
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    };
  }

  static async open(url: string): Promise<Page> {
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error(`Cannot connect to ${url}`));
    });
    return new Page(socket);
  }

  // deno-lint-ignore no-explicit-any
  send(method: string, params: object = {}): Promise<any> {
    const id = ++this.#last;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve, reject) =>
      this.#waiting.set(
        id,
        ({ result, error }) =>
          error === undefined ? resolve(result) : reject(new Error(JSON.stringify(error))),
      )
    );
  }

  /** @returns `undefined` if the expression throws: the page is not ready. */
  async evaluate<T>(expression: string): Promise<T | undefined> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    return exceptionDetails === undefined ? result.value : undefined;
  }

  close(): void {
    this.#socket.close();
  }
}

async function until<T>(
  what: string,
  limitMs: number,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`${what}: not after ${limitMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

function start(command: string, args: string[], env: Record<string, string>): Deno.ChildProcess {
  return new Deno.Command(command, { args, env, stdin: "null", stdout: "null", stderr: "null" })
    .spawn();
}

async function main(notebook: string, screenshot: string | undefined): Promise<void> {
  const cells = codeCells(readNotebook(notebook));
  const pictures =
    cells.filter((cell) =>
      outputsOf(cell).some((output) => output.kind === "display" && "image/svg+xml" in output.data)
    ).length;
  const home = await Deno.makeTempDir({ prefix: "ring0-browser-" });
  const env = {
    HOME: home,
    JUPYTER_DATA_DIR: `${home}/data`,
    JUPYTER_CONFIG_DIR: `${home}/config`,
  };
  const serve = fileURLToPath(new URL("serve.ts", import.meta.url));
  const name = basename(notebook);
  const server = start(Deno.execPath(), [
    ...["run", "--allow-all", serve, name, "--no-browser", "--allow-root", "--ip=127.0.0.1"],
    ...[`--port=${PORT}`, "--port-retries=0", "--NotebookApp.token=", "--NotebookApp.password="],
  ], { ...env, DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno` });
  const browser = start("chromium", [
    ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    ...[`--remote-debugging-port=${DEBUG_PORT}`, `--user-data-dir=${home}/browser`],
    ...["--window-size=1200,1600", "about:blank"],
  ], env);
  try {
    const address = `http://127.0.0.1:${PORT}/notebooks/${name}`;
    await until("The server answers", START_MS, async () => (await fetch(address)).text());
    const socket = await until("The browser answers", START_MS, async () => {
      const pages = await (await fetch(`http://127.0.0.1:${DEBUG_PORT}/json/list`)).json();
      return pages.find((page: { type: string }) => page.type === "page")?.webSocketDebuggerUrl;
    });
    const page = await Page.open(socket);
    await page.send("Page.navigate", { url: address });
    const READY =
      "Jupyter.notebook.kernel.is_connected() && Jupyter.notebook.kernel.info_reply.status";
    await until("The kernel is ready", START_MS, () => page.evaluate<string>(READY));
    await page.evaluate(
      "Jupyter.notebook.clear_all_output(); Jupyter.notebook.execute_all_cells()",
    );
    const state = await until("All cells ran", RUN_MS, async () => {
      const now = await page.evaluate<PageState>(STATE);
      if (now === undefined) return undefined;
      return now.errors > 0 || (now.done === now.cells && now.pictures >= pictures)
        ? now
        : undefined;
    }).catch(async (error) => {
      throw new Error(`${error.message}; ${JSON.stringify(await page.evaluate(STATE))}`);
    });
    if (screenshot !== undefined) {
      await page.evaluate(`document.querySelector(".output_svg").scrollIntoView()`);
      const { data } = await page.send("Page.captureScreenshot");
      writeFileSync(screenshot, Uint8Array.from(atob(data), (c) => c.charCodeAt(0)));
    }
    page.close();
    if (
      state.errors > 0 || state.empty > 0 || state.cells !== cells.length ||
      state.pictures !== pictures || state.kernel.trim() !== "Deno"
    ) {
      throw new Error(
        `${name} looks wrong, ${pictures} pictures expected: ${JSON.stringify(state)}`,
      );
    }
    console.log(`${name}: ${state.cells} cells ran in the browser, ${state.pictures} pictures`);
  } finally {
    for (const child of [browser, server]) {
      try {
        child.kill("SIGTERM");
      } catch {
        // It has ended already.
      }
      await child.status;
    }
    await Deno.remove(home, { recursive: true }).catch(() => {});
  }
}

if (import.meta.main) {
  const [notebook, screenshot] = Deno.args;
  if (notebook === undefined) throw new TypeError("Which notebook? Give its path.");
  await main(notebook, screenshot);
}
