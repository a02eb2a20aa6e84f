/**
 * IN and OUT. A device may change anything: the block ends behind them.
 *
 * @see Intel SDM Vol. 1, "I/O Instructions"
 */
import type { RegisterOperand } from "../decode/instruction.ts";
import type { SemanticsFamily } from "./semantics.ts";

export const SYSTEM_IO: SemanticsFamily = {
  in: (b, [destination, port]) => {
    const { size } = destination as RegisterOperand;
    const number = b.resize(b.read(port), 4);
    b.sync();
    b.write(destination, b.callFor(size, "portIn", number, b.constant(4, size)));
    b.exitNext();
  },

  out: (b, [port, source]) => {
    const { size } = source as RegisterOperand;
    const number = b.resize(b.read(port), 4);
    const value = b.resize(b.read(source), 4);
    b.sync();
    b.call("portOut", number, b.constant(4, size), value);
    b.exitNext();
  },
};
