/** What the CPU needs of the interrupt controller: the INTR pin and the INTA cycle. */
export interface InterruptController {
  /** Level of the INTR pin. */
  readonly intr: boolean;
  /** Answers the CPU's acknowledge cycle. @returns The vector, 0–255. */
  acknowledge(): number;
}
