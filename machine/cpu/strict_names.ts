/**
 * Objects whose misspelled names are errors: `cpu.raxx`, `cpu.eflags.zff = true`.
 *
 * JavaScript reads `undefined` there, and outside of modules (at the REPL's prompt) it forgets
 * the assignment without a word. A proxy at the end of the prototype chain sees just the names
 * that nobody before it has, so that all others cost what they always do.
 */

/** What the language and its tools ask of every object, to find out what it is. */
const ASKED_OF_ALL: ReadonlySet<string> = new Set(["then", "toJSON", "nodeType", "tagName"]);

/**
 * Makes the end of a prototype chain that throws at unknown names.
 *
 * @param what Tells in the message what the object is: `There is no ${what} "${name}"`.
 */
export function strictNames(what: string): object {
  const refuse = (name: string): never => {
    throw new RangeError(`There is no ${what} "${name}"`);
  };
  return new Proxy(Object.prototype, {
    get(target, name, receiver) {
      if (typeof name === "symbol" || name in target || ASKED_OF_ALL.has(name)) {
        return Reflect.get(target, name, receiver);
      }
      return refuse(name);
    },
    set(target, name, value, receiver) {
      return typeof name === "symbol" ? Reflect.set(target, name, value, receiver) : refuse(name);
    },
  });
}
