/**
 * `deno task notebook`: opens the notebooks in Jupyter, with this Deno as their kernel.
 *
 *     deno task notebook [--kernels DIRECTORY | NOTEBOOK] [JUPYTER'S OPTIONS...]
 *
 * The kernel's description is put into a directory of the project's own, which only this Jupyter is
 * told of; nothing is installed. `--kernels` makes that directory and does no more.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const NOTEBOOKS = fileURLToPath(new URL("../../notebooks/", import.meta.url));
const FIRST = "08_introduction_to_paging.ipynb";

const MISSING = `Jupyter is not installed. One of these gets it:

    sudo apt-get install jupyter-notebook     Debian, Ubuntu
    brew install jupyterlab                   macOS
    pipx install jupyterlab                   anywhere with Python
    uv tool install jupyterlab

Then run \`deno task notebook\` again. The kernel is this Deno; nothing else is needed.
Editors that open notebooks (Visual Studio Code with its Jupyter extension) work too, after
\`deno jupyter --install\`.`;

/** Describes the kernel. @param directory What JUPYTER_PATH names. */
export function writeKernels(directory: string): void {
  const place = `${directory}/kernels/deno`;
  mkdirSync(place, { recursive: true });
  const kernel = {
    argv: [Deno.execPath(), "jupyter", "--kernel", "--conn", "{connection_file}"],
    display_name: "Deno",
    language: "typescript",
  };
  writeFileSync(`${place}/kernel.json`, `${JSON.stringify(kernel, undefined, 2)}\n`);
}

/** The first command of Jupyter that is there. */
async function jupyter(): Promise<string | undefined> {
  for (const kind of ["lab", "notebook"]) {
    try {
      const command = new Deno.Command("jupyter", {
        args: [kind, "--version"],
        stdout: "null",
        stderr: "null",
      });
      if ((await command.output()).success) return kind;
    } catch {
      return undefined;
    }
  }
  return undefined;
}

if (import.meta.main) {
  const [first, ...rest] = Deno.args;
  if (first === "--kernels") {
    writeKernels(rest[0] ?? ".");
    Deno.exit(0);
  }
  const kind = await jupyter();
  if (kind === undefined) {
    console.error(MISSING);
    Deno.exit(1);
  }
  const kernels = await Deno.makeTempDir({ prefix: "ring0-jupyter-" });
  writeKernels(kernels);
  const named = first?.endsWith(".ipynb") === true;
  const before = Deno.env.get("JUPYTER_PATH");
  const child = new Deno.Command("jupyter", {
    args: [kind, named ? first : FIRST, ...(named ? rest : Deno.args)],
    cwd: NOTEBOOKS,
    env: { JUPYTER_PATH: before === undefined ? kernels : `${kernels}:${before}` },
  }).spawn();
  // Ctrl-C goes to Jupyter too, which asks what is meant; this process only waits for it.
  Deno.addSignalListener("SIGINT", () => {});
  Deno.addSignalListener("SIGTERM", () => child.kill("SIGTERM"));
  const { code } = await child.status;
  await Deno.remove(kernels, { recursive: true });
  Deno.exit(code);
}
