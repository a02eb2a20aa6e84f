/** One number for a machine's whole state. */
import type { Board } from "./board.ts";
import type { RegistersSnapshot } from "./cpu/registers.ts";
import type { DrivesState } from "./firmware/drives.ts";

/**
 * Hashes registers, devices, disks, memory and time: two FNV-like streams over 32-bit words, of which 53
 * bits are kept.
 */
export function hashMachine(
  board: Board,
  registers: RegistersSnapshot,
  disks: DrivesState,
  retired: number,
): number {
  let a = 0x811c_9dc5 | 0;
  let b = 0x1234_5678;
  const mix = (word: number) => {
    a = Math.imul(a ^ word, 0x0100_0193);
    b = Math.imul(b ^ (word >>> 16) ^ (word << 16), 0x85eb_ca6b) + (a >>> 15) | 0;
  };
  const devices = [...board.devices(), board.keyboard].map((device) => device.saveState());
  const text = JSON.stringify(
    { registers, devices, disks },
    (_, value) => typeof value === "bigint" ? value.toString(16) : value,
  );
  for (let i = 0; i < text.length; i++) mix(text.charCodeAt(i));
  mix(retired);
  for (const word of board.memory.ramWords()) mix(word);
  return (a >>> 0) * 2 ** 21 + (b >>> 11);
}
