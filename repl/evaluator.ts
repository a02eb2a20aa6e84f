/**
 * Evaluates code in the realm's global scope through an in-process inspector session.
 *
 * The inspector's REPL mode is what allows top-level `await` and repeated `let` and `const` of
 * one name. A result comes back as a remote object; a sink, called with it, hands over the value.
 */
import { type InspectorNotification, Session } from "node:inspector";
import { looksUnfinished, toJavaScript } from "./typescript.ts";

/** How an evaluation ended. */
export type Outcome =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "error"; readonly error: unknown }
  /** The text is the beginning of something. Nothing was executed. */
  | { readonly kind: "incomplete"; readonly error: unknown };

interface RemoteObject {
  readonly type: string;
  readonly subtype?: string;
  readonly value?: unknown;
  readonly unserializableValue?: string;
  readonly objectId?: string;
  readonly description?: string;
}

interface EvaluateResult {
  readonly result: RemoteObject;
  readonly exceptionDetails?: {
    readonly text: string;
    readonly exception?: RemoteObject;
    readonly stackTrace?: { readonly callFrames: readonly { readonly url: string }[] };
  };
}

/** Scripts are named so, with a number: a call frame of one tells that the code did run. */
const SCRIPT = "repl:";

/** One session with the realm. Close it when done. */
export class Evaluator {
  #session = new Session();
  readonly #sinkName = `ring0.repl.${crypto.randomUUID()}`;
  #sinkId: string | undefined;
  #received: unknown;
  #scripts = 0;

  constructor() {
    this.#session.connect();
  }

  close(): void {
    Reflect.deleteProperty(globalThis, Symbol.for(this.#sinkName));
    this.#session.disconnect();
  }

  /**
   * Forgets an evaluation that still waits for its promise.
   *
   * The session is replaced: when such a promise is collected as garbage the inspector tells its
   * session in the midst of that, and Deno aborts. Nobody is told in a session that is gone.
   */
  abandon(): void {
    this.#session.disconnect();
    this.#session = new Session();
    this.#session.connect();
    this.#sinkId = undefined;
  }

  /** Makes values visible as global variables, which the user may replace. */
  define(scope: Readonly<Record<string, unknown>>): void {
    for (const [name, value] of Object.entries(scope)) {
      Object.defineProperty(globalThis, name, {
        value,
        writable: true,
        configurable: true,
        enumerable: false,
      });
    }
  }

  /** Evaluates TypeScript, waiting for the promise that it may result in. */
  async evaluate(source: string): Promise<Outcome> {
    const code = toJavaScript(source);
    if (/^\s*\{/.test(code) && !/;\s*$/.test(code)) {
      // `{ a: 1 }` is meant as an object, if it can be one.
      const outcome = await this.#run(`(${code.trim()}\n)`);
      if (outcome !== undefined) return outcome;
    }
    const outcome = await this.#run(code);
    if (outcome !== undefined) return outcome;
    const error = this.#received;
    const message = error instanceof Error ? error.message : "";
    const unfinished = message === "Unexpected end of input" || looksUnfinished(source);
    return { kind: unfinished ? "incomplete" : "error", error };
  }

  /** Names for completion: the global lexical ones. */
  async lexicalNames(): Promise<readonly string[]> {
    const { names } = await this.#post<{ names: string[] }>(
      "Runtime.globalLexicalScopeNames",
      {},
    );
    return names;
  }

  /**
   * Names of the properties that `expression` has, its prototypes' included.
   *
   * @returns Nothing, if the expression fails or cannot be evaluated without side effects.
   */
  async propertyNames(expression: string): Promise<readonly string[]> {
    const { result, exceptionDetails } = await this.#post<EvaluateResult>("Runtime.evaluate", {
      expression: `Object(${expression})`,
      throwOnSideEffect: true,
      silent: true,
      timeout: 100,
    });
    if (exceptionDetails !== undefined || result.objectId === undefined) return [];
    const names = await this.#post<EvaluateResult>("Runtime.callFunctionOn", {
      objectId: result.objectId,
      functionDeclaration: `function () {
        const names = new Set();
        for (let o = this; o !== null && names.size < 5000; o = Object.getPrototypeOf(o)) {
          for (const name of Object.getOwnPropertyNames(o)) names.add(name);
        }
        return [...names];
      }`,
      returnByValue: true,
    });
    return Array.isArray(names.result.value) ? names.result.value : [];
  }

  /** @returns `undefined` if the code does not even parse; the error is in `#received` then. */
  async #run(code: string): Promise<Outcome | undefined> {
    const name = `${SCRIPT}${++this.#scripts}`;
    const { result, exceptionDetails } = await this.#post<EvaluateResult>("Runtime.evaluate", {
      expression: `${code}\n//# sourceURL=${name}`,
      replMode: true,
      awaitPromise: true,
      userGesture: false,
    });
    if (exceptionDetails === undefined) {
      return { kind: "value", value: await this.#take(result) };
    }
    const error = await this.#take(exceptionDetails.exception ?? result);
    const frames = exceptionDetails.stackTrace?.callFrames ?? [];
    const didRun = frames.some((frame) => frame.url.startsWith(SCRIPT)) ||
      !(error instanceof SyntaxError) || error.stack?.includes(`${name}:`) === true;
    if (didRun) return { kind: "error", error };
    this.#received = error;
    return undefined;
  }

  /** Gets the value behind a remote object. */
  async #take(remote: RemoteObject): Promise<unknown> {
    if (remote.type === "undefined") return undefined;
    const sink = this.#sinkId ??= await this.#makeSink();
    const { objectId, unserializableValue, value } = remote;
    const argument = objectId !== undefined
      ? { objectId }
      : unserializableValue !== undefined
      ? { unserializableValue }
      : { value };
    await this.#post("Runtime.callFunctionOn", {
      objectId: sink,
      functionDeclaration: "function (value) { this.receive(value); }",
      arguments: [argument],
    });
    if (objectId !== undefined) await this.#post("Runtime.releaseObject", { objectId });
    return this.#received;
  }

  async #makeSink(): Promise<string> {
    const key = Symbol.for(this.#sinkName);
    const receive = (value: unknown) => {
      this.#received = value;
    };
    Object.defineProperty(globalThis, key, { value: { receive }, configurable: true });
    const { result } = await this.#post<EvaluateResult>("Runtime.evaluate", {
      expression: `globalThis[Symbol.for(${JSON.stringify(this.#sinkName)})]`,
    });
    return result.objectId!;
  }

  #post<T>(method: string, parameters: object): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#session.post(
        method,
        parameters as InspectorNotification<object>,
        (error: Error | null, result?: object) =>
          error === null || error === undefined ? resolve(result as T) : reject(error),
      );
    });
  }
}
